/* SPDX-License-Identifier: MIT */
/* limiter.h - holding workers back: a pause, or a limit of the rate.
 *
 * Bytes are put on one timeline: byte number b may be done at time base + (b - base bytes) / rate.
 * Whoever has done n bytes takes the next n numbers and sleeps until the time of the last one. So
 * the rate holds for all workers together, whatever the size of their steps, and a new rate or a
 * pause applies to those who sleep already. What was not used is lost, but for a tenth of a second.
 */
#ifndef MAPPROC_PROGRESS_LIMITER_H
#define MAPPROC_PROGRESS_LIMITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapproc_limiter {
    /* All that is looked at while nobody is to be held back, which is what 0 says. Else the bytes
     * that should be done between two calls of mapproc_limiter_wait(), or more. */
    atomic_size_t step;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool paused;
    uint64_t rate;          /* bytes per second; 0: no limit */
    uint64_t base_ns;       /* CLOCK_MONOTONIC */
    uint64_t base_bytes;    /* where in the timeline the rate began to hold */
    uint64_t taken;         /* numbers given out */
    uint64_t paused_since;  /* CLOCK_MONOTONIC, while paused */
    uint64_t paused_before; /* nanoseconds of all pauses that have ended */
};

void mapproc_limiter_init(struct mapproc_limiter *limiter);
void mapproc_limiter_destroy(struct mapproc_limiter *limiter);

/* Sets whether the workers are to stand still. Any thread. */
void mapproc_limiter_pause(struct mapproc_limiter *limiter, bool paused);

/* Sets bytes per second; 0: no limit. Any thread. */
void mapproc_limiter_set_rate(struct mapproc_limiter *limiter, uint64_t rate);

/* What holds now; `paused_ns` is the time of all pauses up to now. */
void mapproc_limiter_look(struct mapproc_limiter *limiter, bool *paused, uint64_t *rate,
                          uint64_t *paused_ns);

/* 0 if nobody has to wait, and then mapproc_limiter_wait() need not be called; else the bytes that
 * should be done from one call to the next, a multiple of 64 KiB: some 10 ms of the rate. */
static inline size_t mapproc_limiter_step(const struct mapproc_limiter *limiter)
{
    return atomic_load_explicit(&limiter->step, memory_order_relaxed);
}

/*
 * Waits, having done `bytes`, as long as it takes; uses no CPU meanwhile. Returns early once
 * *stopping is true and mapproc_limiter_wake() was called. Tells in *state, a
 * enum mapproc_progress_worker_state that may be NULL, why it waits. Any number of threads.
 */
void mapproc_limiter_wait(struct mapproc_limiter *limiter, uint64_t bytes,
                          const atomic_bool *stopping, atomic_uint *state);

/* Lets all who wait look at their `stopping` again. */
void mapproc_limiter_wake(struct mapproc_limiter *limiter);

#endif
