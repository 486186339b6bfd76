/* SPDX-License-Identifier: MIT */
/* deflate_output.h - what becomes of one source: a compressed file, its index, a manifest. */
#ifndef MAPPROC_JOBS_DEFLATE_OUTPUT_H
#define MAPPROC_JOBS_DEFLATE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/gzi_index.h"
#include "input/source.h"
#include "jobs/deflate_run.h"
#include "jobs/member_maker.h"
#include "jobs/raw_digest.h"
#include "mapproc.h"
#include "output/atomic_file.h"

/* One thread at a time. */
struct mapproc_deflate_output {
    uint64_t compressed; /* bytes written */
    uint64_t members;    /* of them, the end mark not counted */
    struct mapproc_raw_digest digest;

    /* The rest is private. */
    const struct mapproc_deflate_settings *settings;
    const struct mapproc_deflate_target *target;
    const struct mapproc_source *source;
    struct mapproc_atomic_file file;
    struct mapproc_gzi_index index;
};

/*
 * Begins the output of an open source: all pointers are borrowed until it is freed. `chunk_size` is
 * that of the run; what cannot be kept of its metadata is told as the options say. After an error
 * there is nothing to free.
 */
int mapproc_deflate_output_open(struct mapproc_deflate_output *output,
                                const struct mapproc_deflate_settings *settings,
                                const struct mapproc_options *options,
                                const struct mapproc_deflate_target *target,
                                const struct mapproc_source *source, struct mapproc_error *error);

/* Writes the members of the next `length` bytes of the source, from `offset` on. `partial` is that
 * of their digest, or NULL if the settings want none. */
int mapproc_deflate_output_add(struct mapproc_deflate_output *output,
                               const struct mapproc_members *members, uint64_t offset,
                               size_t length, const void *partial, struct mapproc_error *error);

/*
 * That was all, `size` bytes of a source that has not changed: brings the file to its place, then
 * all that goes with it, then removes the source if it shall be removed. An error leaves what is in
 * place by then, and the source.
 */
int mapproc_deflate_output_finish(struct mapproc_deflate_output *output, uint64_t size,
                                  struct mapproc_error *error);

/* Lets go of it; what is not in place by now never will be. What it tells stays. Any number of
 * times. */
void mapproc_deflate_output_close(struct mapproc_deflate_output *output);

#endif
