/* SPDX-License-Identifier: MIT */
/* compare_output.h - what mapproc compare prints about two files or two lists. */
#ifndef MAPPROC_CLI_COMPARE_OUTPUT_H
#define MAPPROC_CLI_COMPARE_OUTPUT_H

#include "jobs/compare.h"
#include "jobs/compare_manifests.h"

struct cli_compare_output {
    const char *paths[2]; /* the operands */
    bool json;
    bool tell_same; /* in text, too, say that files are the same */
};

/* Each prints to standard output, one JSON object or some lines, and returns false if that failed.
 */

bool cli_compare_print(const struct cli_compare_output *output,
                       const struct mapproc_comparison *comparison);

bool cli_compare_print_listed(const struct cli_compare_output *output,
                              const struct mapproc_listed_comparison *comparison);

/* An error of the two operands. In JSON only: as text it is on standard error already. */
bool cli_compare_print_error(const struct cli_compare_output *output,
                             const struct mapproc_error *error);

#endif
