/* SPDX-License-Identifier: MIT */
/* compress_output.h - what mapproc compress says about each file. */
#ifndef MAPPROC_CLI_COMPRESS_OUTPUT_H
#define MAPPROC_CLI_COMPRESS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/deflate_run.h"

struct cli_compress_output {
    bool json;
    bool verbose;
    const struct mapproc_deflate_settings *settings;

    /* Sums of what went well. */
    uint64_t files;
    uint64_t bytes;
    uint64_t compressed;
};

/* Tells one result. MAPPROC_OK, or a negative code if standard output has failed. */
int cli_compress_output_add(struct cli_compress_output *output,
                            const struct mapproc_deflate_result *result);

/* Tells the sums, with `verbose`. */
void cli_compress_output_end(const struct cli_compress_output *output, double seconds);

#endif
