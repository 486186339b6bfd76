/* SPDX-License-Identifier: MIT */
/* scanner.h - looking for candidates of borders ahead of the planner, on all cores. */
#ifndef MAPPROC_PIPELINE_SCANNER_H
#define MAPPROC_PIPELINE_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

struct mapproc_pipeline;
struct mapproc_lane;
struct mapproc_worker;
struct mapproc_work;

struct mapproc_scan_block;

/* Serves one extent at a time, any other is cut without it, with the same borders. */
struct mapproc_scanner {
    struct mapproc_scan_block *blocks; /* a ring, in the order of the source; NULL: none */
    unsigned count;

    /* The planner's. */
    unsigned first, used; /* blocks that are planned and not passed yet */
    uint64_t next;        /* where the next one begins */
    size_t passed;        /* candidates of the first that are behind */

    /* Under the pipeline's lock. */
    uint64_t owner; /* 1 + index of the lane that is served, until it has ended; 0: none */
    unsigned busy;  /* blocks that are planned and not scanned yet */
};

/* What is known about the end of a lane's next chunk. */
enum mapproc_scan_answer {
    MAPPROC_SCAN_NONE,  /* nothing: ask the chunker */
    MAPPROC_SCAN_FOUND, /* lane->border is it */
    MAPPROC_SCAN_AHEAD, /* plan a scan first */
    MAPPROC_SCAN_WAIT,  /* a scan that is under way will tell */
};

/* Bytes that the scanner takes for each worker. */
size_t mapproc_scanner_size(void);

/* For a chunker without a scan, and for few workers, there will be none. */
int mapproc_scanner_init(struct mapproc_pipeline *pipeline, struct mapproc_error *error);
void mapproc_scanner_destroy(struct mapproc_pipeline *pipeline); /* zeros are allowed */

/* For the planner, of an extent of which something is left, without the lock. */
enum mapproc_scan_answer mapproc_scanner_ask(struct mapproc_pipeline *pipeline,
                                             struct mapproc_lane *lane);

/* Plans the scan that it asked for. NULL without memory. */
struct mapproc_work *mapproc_scanner_plan(struct mapproc_worker *worker, struct mapproc_lane *lane);

/* Does it. */
void mapproc_scanner_run(struct mapproc_worker *worker, struct mapproc_work *work);

/* Whether a lane that has to wait will be told to go on. Called with the lock held. */
bool mapproc_scanner_is_waited_for(const struct mapproc_pipeline *pipeline);

#endif
