/* SPDX-License-Identifier: MIT */
/* worker.h - the threads that do the work. */
#ifndef MAPPROC_PIPELINE_WORKER_H
#define MAPPROC_PIPELINE_WORKER_H

#include "pipeline/state.h"

/* The body of a worker thread; `argument` is its struct mapproc_worker. Returns NULL when the run
 * is over. The last worker to leave makes the pipeline's done_fd readable. */
void *mapproc_worker_main(void *argument);

#endif
