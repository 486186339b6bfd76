/* SPDX-License-Identifier: MIT */
/* alloc_kinds.h - the allocators that are measured. */
#ifndef MAPPROC_BENCH_ALLOC_KINDS_H
#define MAPPROC_BENCH_ALLOC_KINDS_H

#include "bench/alloc_lane.h"

/* What an allocator needs to know before it is used. */
struct mapproc_alloc_demand {
    unsigned threads;
    size_t most; /* bytes of the largest object */
    size_t live; /* objects of one thread that are in use at the same time, at most */
};

/* An allocator. */
struct mapproc_alloc_kind {
    const char *name;

    /* Why it cannot be measured here, or NULL. */
    const char *(*missing)(void);

    /* Makes the handles of the lanes, one a thread. NULL: they need none. close() undoes it. */
    int (*open)(void **state, struct mapproc_alloc_lane *lanes,
                const struct mapproc_alloc_demand *demand, struct mapproc_error *error);
    void (*close)(void *state);

    /* Bodies for mapproc_bench_team_run(); the context is a struct mapproc_alloc_lanes. `clear`
     * frees what is left, in the threads that had it. */
    int (*work[MAPPROC_ALLOC_PATTERNS])(struct mapproc_bench_worker *worker, void *context,
                                        uint64_t units);
    int (*clear)(struct mapproc_bench_worker *worker, void *context, uint64_t units);
};

enum mapproc_alloc_index {
    MAPPROC_ALLOC_GLIBC, /* the C library's malloc, whatever else the program uses as its own */
    MAPPROC_ALLOC_JEMALLOC,
    MAPPROC_ALLOC_SLAB,  /* objects of one size, through a magazine a thread */
    MAPPROC_ALLOC_BUDDY, /* blocks; one arena for all threads, as workers of a node share one */
    MAPPROC_ALLOC_KINDS,
};

extern const struct mapproc_alloc_kind mapproc_alloc_kinds[MAPPROC_ALLOC_KINDS];

#endif
