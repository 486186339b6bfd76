/* SPDX-License-Identifier: MIT */
/* process.h - which process wrote a segment, and whether it is still there. */
#ifndef MAPPROC_PROGRESS_PROCESS_H
#define MAPPROC_PROGRESS_PROCESS_H

#include <stdint.h>

#include "mapproc_progress.h"

/* What becomes of a process. */
enum mapproc_life {
    MAPPROC_LIFE_RUNNING,
    MAPPROC_LIFE_STOPPED, /* by a signal or a debugger */
    MAPPROC_LIFE_DEAD,    /* gone, or a zombie */
    MAPPROC_LIFE_UNKNOWN, /* it is in another PID namespace, or there is no /proc */
};

/* Fills in the fields of the header that tell who the calling process is; what cannot be found out
 * is left 0. */
void mapproc_process_identify(struct mapproc_progress_header *header);

/* What has become of the process that the header names. A process that got the same number later is
 * another one. */
enum mapproc_life mapproc_process_life(const struct mapproc_progress_header *header);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t mapproc_process_clock(void);

#endif
