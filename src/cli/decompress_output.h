/* SPDX-License-Identifier: MIT */
/* decompress_output.h - what mapproc decompress says about each file. */
#ifndef MAPPROC_CLI_DECOMPRESS_OUTPUT_H
#define MAPPROC_CLI_DECOMPRESS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/inflate_run.h"

/* One user at a time. */
struct cli_decompress_output {
    bool json;
    bool verbose;
    bool test;
    uint64_t files; /* good ones so far */
    uint64_t compressed;
    uint64_t raw;
};

/* Tells what came of a file, whose data went to `target`; NULL is standard output. MAPPROC_OK, or a
 * negative code if standard output failed. */
int cli_decompress_output_add(struct cli_decompress_output *output,
                              const struct mapproc_inflate_outcome *outcome, const char *target);

/* At the end: how much it was, with `verbose`. */
void cli_decompress_output_end(const struct cli_decompress_output *output, double seconds);

#endif
