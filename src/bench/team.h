/* SPDX-License-Identifier: MIT */
/* team.h - threads that start together, and the time from the first start to the last end. */
#ifndef MAPPROC_BENCH_TEAM_H
#define MAPPROC_BENCH_TEAM_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

struct mapproc_bench_team;

/* What a thread of a team knows when it works. */
struct mapproc_bench_worker {
    struct mapproc_bench_team *team;
    unsigned index; /* 0 to team->threads - 1 */
    struct mapproc_error error;

    /* private */
    pthread_t thread;
    int result;
    double start, end; /* seconds */
};

/* All fields but `threads` are private. */
struct mapproc_bench_team {
    unsigned threads;
    struct mapproc_cancel *cancel;
    struct mapproc_bench_worker *workers;
    pthread_barrier_t begin; /* the threads and who runs them: there is work, or none any more */
    pthread_barrier_t start; /* the threads alone: now, together */
    pthread_barrier_t done;  /* the threads and who runs them */
    pthread_mutex_t gate;    /* held while the threads are created, guards `incomplete` */
    bool incomplete;         /* not all threads could be created: the others end */
    bool quit;
    int (*body)(struct mapproc_bench_worker *worker, void *context, uint64_t units);
    void *context;
    uint64_t units;
};

/*
 * Starts `threads` threads, at least 1, that wait for work, on the CPUs of the set (NULL: wherever
 * the kernel puts them; borrowed for the call). `cancel` is borrowed, may be NULL. After an error
 * there is nothing to stop.
 */
int mapproc_bench_team_start(struct mapproc_bench_team *team, unsigned threads,
                             const cpu_set_t *cpus, size_t cpu_set_size,
                             struct mapproc_cancel *cancel, struct mapproc_error *error);

/* Ends the threads and waits for that. */
void mapproc_bench_team_stop(struct mapproc_bench_team *team);

/*
 * Calls body(worker, context, units) in every thread at the same time and waits for all. Returns
 * MAPPROC_OK with the seconds from the first start to the last end in *seconds (which may be NULL),
 * or, of the bodies that failed, what the first one by index returned, with its worker's error.
 *
 * A body that may take longer than some milliseconds must look at mapproc_bench_cancelled().
 */
int mapproc_bench_team_run(struct mapproc_bench_team *team,
                           int (*body)(struct mapproc_bench_worker *worker, void *context,
                                       uint64_t units),
                           void *context, uint64_t units, double *seconds,
                           struct mapproc_error *error);

/* Whether the run is to be stopped. One system call. `cancel` may be NULL. */
bool mapproc_bench_cancelled(const struct mapproc_cancel *cancel);

#endif
