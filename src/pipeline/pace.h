/* SPDX-License-Identifier: MIT */
/* pace.h - telling what workers have done, and holding them back. */
#ifndef MAPPROC_PIPELINE_PACE_H
#define MAPPROC_PIPELINE_PACE_H

#include "pipeline/state.h"

/* Nothing is done where the options name no progress. All are called without the lock. */

/* The worker is about to wait for work, or has taken a chunk, which is in its hands from now on. */
void mapproc_pace_idle(struct mapproc_worker *worker);
void mapproc_pace_take(struct mapproc_worker *worker, struct mapproc_work *work);

/* The source of the lane is open. */
void mapproc_pace_begin_source(struct mapproc_lane *lane);

/* Its last chunk was released: what is left of it will not be done. */
void mapproc_pace_end_source(struct mapproc_lane *lane);

/* The bytes that a worker should do between two calls of mapproc_pace_step(), if `usual` is right
 * where nothing holds it back. A multiple of 64 KiB. */
size_t mapproc_pace_step_size(const struct mapproc_pipeline *pipeline, size_t usual);

/* `bytes` more of the chunk are done; waits if the job is paused or its rate is limited. False if
 * the run is stopping. */
bool mapproc_pace_step(struct mapproc_work *work, uint64_t bytes);

/* The same for a chunk that was not read: only a pause holds its worker back. */
void mapproc_pace_skip(struct mapproc_work *work, uint64_t bytes);

/* The chunk is committed: what of an unread one was not told before is done now. */
void mapproc_pace_commit(struct mapproc_work *work);

#endif
