/* SPDX-License-Identifier: MIT */
/* decompress.h - inflating one source to wherever its data shall go. */
#ifndef MAPPROC_JOBS_DECOMPRESS_H
#define MAPPROC_JOBS_DECOMPRESS_H

#include "jobs/inflate_run.h"
#include "mapproc.h"

/* Who takes the data of one source. Operations as in struct mapproc_inflate_client; all but
 * write() may be NULL. */
struct mapproc_decompress_sink {
    void *user;
    int (*open)(void *user, const struct mapproc_source *source, struct mapproc_error *error);
    int (*write)(void *user, const uint8_t *data, uint64_t length, struct mapproc_error *error);
    int (*close)(void *user, const struct mapproc_source *source, bool all_good,
                 struct mapproc_error *error);
};

/*
 * Runs one order to its end. *result, which may be NULL, gets its figures. Returns what became of
 * it: *error, which is not NULL, is the order's if the run itself was good.
 */
int mapproc_decompress_one(const struct mapproc_inflate_order *order,
                           const struct mapproc_decompress_sink *sink,
                           const struct mapproc_options *options,
                           struct mapproc_compress_result *result, struct mapproc_error *error);

#endif
