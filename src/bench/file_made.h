/* SPDX-License-Identifier: MIT */
/* file_made.h - a file to measure with, that nobody has to clean up. */
#ifndef MAPPROC_BENCH_FILE_MADE_H
#define MAPPROC_BENCH_FILE_MADE_H

#include "input/source.h"

/*
 * Makes a file of `size` bytes that cannot be compressed, in $TMPDIR or /tmp, written out to the
 * device. It never has a name, or loses it at once: whatever happens to the process, nothing is
 * left. Close it with mapproc_source_close(), but not after a failure: MAPPROC_FAILED (no space, no
 * permission) or MAPPROC_CANCELLED. The path in source and error is the directory's, and lives as
 * long as the environment is not changed.
 */
int mapproc_file_made_open(struct mapproc_source *source, uint64_t size,
                           const struct mapproc_cancel *cancel, struct mapproc_error *error);

#endif
