/* SPDX-License-Identifier: MIT */
/* progress.h - what a job tells about itself while it runs, and what it is told.
 *
 *     workers --relaxed stores, a cache line each--> struct mapproc_progress
 *                                                          | the ticker, a thread, 20 times a
 * second
 *                                                          v
 *     the program's tick() (bar, SIGUSR1)  <--  snapshot  --> the segment, for everybody else
 *                                                          |
 *     limiter, cancel_fd  <---------------  control  <-----+
 *
 * The workers never make a system call or take a lock for it, and never touch the segment.
 */
#ifndef MAPPROC_PROGRESS_PROGRESS_H
#define MAPPROC_PROGRESS_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "mapproc.h"
#include "mapproc_progress.h"
#include "progress/limiter.h"

/* What one worker tells. Written by that worker only, relaxed. */
struct mapproc_progress_line {
    _Alignas(64) _Atomic uint64_t bytes;
    _Atomic uint64_t offset;
    _Atomic uint64_t source;
    atomic_int node;
    atomic_int cpu;
    atomic_uint state;
};

struct mapproc_progress_settings {
    const char *verb;
    const char *name;      /* that the user gave the job, or NULL */
    const char *directory; /* NULL: MAPPROC_PROGRESS_DIRECTORY */
    bool publish;
    unsigned workers;    /* that a segment has room for; others are counted all the same */
    uint64_t limit_rate; /* bytes per second; 0: no limit */
    bool many_runs;      /* the end of one is not the end: others follow */

    /*
     * Called by the ticker with each snapshot; `asked` after mapproc_progress_poke(). Not after
     * mapproc_progress_finish() has returned. May be NULL.
     */
    void (*tick)(void *user, const struct mapproc_progress_snapshot *snapshot, bool asked);
    void *user;
};

/* The counters are of sources and their bytes; see struct mapproc_progress_snapshot. */
struct mapproc_progress;

/*
 * Starts to tell about a job. *progress is to be finished, once; that it could not be published is
 * no error, but is told in *refusal: its code is MAPPROC_OK otherwise. MAPPROC_OK, or
 * MAPPROC_FAILED with *error filled.
 */
int mapproc_progress_start(struct mapproc_progress **progress,
                           const struct mapproc_progress_settings *settings,
                           struct mapproc_error *refusal, struct mapproc_error *error);

/* The job has ended: tells so, ends the ticker, removes the segment, frees *progress (NULL is
 * allowed). */
void mapproc_progress_finish(struct mapproc_progress *progress, bool cancelled, int exit_status);

/* Safe in signal handlers: the ticker is to call tick() now. */
void mapproc_progress_poke(struct mapproc_progress *progress);

/* Safe in signal handlers: see mapproc_segment_abandon(). */
void mapproc_progress_abandon(struct mapproc_progress *progress);

/* A snapshot of this moment, without workers. Any thread. */
void mapproc_progress_look(struct mapproc_progress *progress,
                           struct mapproc_progress_snapshot *snapshot);

/* When it started: CLOCK_MONOTONIC in nanoseconds. */
uint64_t mapproc_progress_started(const struct mapproc_progress *progress);

/* A descriptor that becomes, and stays, readable once somebody wants the job cancelled; -1: nobody
 * can. */
int mapproc_progress_cancel_fd(const struct mapproc_progress *progress);

/* ---- for whoever knows more; the progress may be NULL ---- */

/* There will be so many sources and bytes, as far as can be told. Any thread. */
void mapproc_progress_expect(struct mapproc_progress *progress, uint64_t files, uint64_t bytes);

/* Sources that turned out to be bad, beyond those that were reported as failed. */
void mapproc_progress_add_errors(struct mapproc_progress *progress, uint64_t count);

/* ---- for a run ---- */

/* A run begins, or has taken its last source, or has ended. */
void mapproc_progress_begin_run(struct mapproc_progress *progress);
void mapproc_progress_all_taken(struct mapproc_progress *progress);
void mapproc_progress_end_run(struct mapproc_progress *progress);

struct mapproc_limiter *mapproc_progress_limiter(struct mapproc_progress *progress);

/* The line of worker `number`, below MAPPROC_SEGMENT_WORKERS_MAX, on NUMA node `node`. */
struct mapproc_progress_line *mapproc_progress_line(struct mapproc_progress *progress,
                                                    unsigned number, int node);

/* A source is taken; is open, with so many bytes, more of which may follow if `open_ended`; has
 * ended, `left` of its bytes undone; is reported. Any thread. */
void mapproc_progress_source_taken(struct mapproc_progress *progress);
void mapproc_progress_source_opened(struct mapproc_progress *progress, const char *path,
                                    uint64_t bytes, bool open_ended);
void mapproc_progress_source_grew(struct mapproc_progress *progress, uint64_t bytes);
void mapproc_progress_source_ended(struct mapproc_progress *progress, uint64_t left,
                                   bool open_ended);
void mapproc_progress_source_reported(struct mapproc_progress *progress, bool failed);

void mapproc_progress_add_output(struct mapproc_progress *progress, uint64_t bytes);

#endif
