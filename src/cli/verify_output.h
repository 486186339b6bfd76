/* SPDX-License-Identifier: MIT */
/* verify_output.h - what mapproc verify prints about files. */
#ifndef MAPPROC_CLI_VERIFY_OUTPUT_H
#define MAPPROC_CLI_VERIFY_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "format/rescue_map.h"
#include "jobs/verify.h"
#include "output/atomic_file.h"

struct cli_verify_output {
    /* Chosen by the options. */
    bool quiet;       /* nothing for good files */
    bool status_only; /* nothing at all */
    bool json;
    const char *map_path; /* NULL: no mapfile */

    /* The rest is private. */
    struct mapproc_atomic_file map;
    unsigned mapped; /* files that the map is of: 0 or 1 */
};

/* What the verdicts add up to. */
struct cli_verify_counts {
    uint64_t checked; /* good or bad */
    uint64_t bad;
    uint64_t unreadable; /* missing or failed */
    uint64_t refused;
    uint64_t bad_lines;
    uint64_t bad_manifests;
    uint64_t extra;
    uint64_t bytes;
};

/* CLI_OK, or an exit status after a message. */
int cli_verify_output_begin(struct cli_verify_output *output);

/* Puts out one verdict. MAPPROC_OK, or a negative code if that failed. */
int cli_verify_output_add(struct cli_verify_output *output,
                          const struct mapproc_verified *verified);

/* Puts out the name of a file that no list has. Returns as cli_verify_output_add(). */
int cli_verify_output_extra(struct cli_verify_output *output, const char *name);

/* Puts the mapfile in its place. CLI_OK, or an exit status after a message. */
int cli_verify_output_end(struct cli_verify_output *output);

/* The run is over, with or without its end: nothing unfinished stays behind. */
void cli_verify_output_close(struct cli_verify_output *output);

void cli_verify_count(struct cli_verify_counts *counts, const struct mapproc_verified *verified);

/* What the GNU tools warn about in the end; and, for -v, the counts themselves. */
void cli_verify_print_warnings(const struct cli_verify_counts *counts);
void cli_verify_print_summary(const struct cli_verify_counts *counts);

#endif
