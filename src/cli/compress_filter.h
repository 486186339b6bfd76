/* SPDX-License-Identifier: MIT */
/* compress_filter.h - which files compress does not take unless it is told to. */
#ifndef MAPPROC_CLI_COMPRESS_FILTER_H
#define MAPPROC_CLI_COMPRESS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/compress_options.h"
#include "mapproc.h"

/* One user at a time. */
struct cli_compress_filter {
    const struct cli_compress_settings *settings;
    uint64_t skipped; /* in trees, because they are compressed */
};

/* Whether a file is left out because of its name, which is told, but in trees only at -v. */
bool cli_compress_filter_skips(struct cli_compress_filter *filter, const char *path);

/* Refuses what is no regular file, as gzip does. MAPPROC_OK or MAPPROC_REFUSED. */
int cli_compress_filter_check(const struct cli_compress_filter *filter, const char *path,
                              struct mapproc_error *error);

/* Tells how many were skipped without being told. */
void cli_compress_filter_end(const struct cli_compress_filter *filter);

#endif
