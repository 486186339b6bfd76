/* SPDX-License-Identifier: MIT */
/* commit.h - bringing processed chunks back into file order. */
#ifndef MAPPROC_PIPELINE_COMMIT_H
#define MAPPROC_PIPELINE_COMMIT_H

#include "pipeline/state.h"

/*
 * Takes a processed chunk, whatever its place in the order, and commits what can be committed now.
 * Never waits for another chunk. Called without the lock; the chunk is gone afterwards.
 */
void mapproc_commit_chunk(struct mapproc_worker *worker, struct mapproc_work *work);

/*
 * Runs body(argument) over the mapped bytes of a chunk in the fault guard. A fault becomes the
 * lane's failure. False if there was one. Called without the lock.
 */
bool mapproc_commit_guarded(struct mapproc_pipeline *pipeline, struct mapproc_work *work,
                            const uint8_t *data, size_t length, void (*body)(void *argument),
                            void *argument);

#endif
