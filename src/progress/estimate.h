/* SPDX-License-Identifier: MIT */
/* estimate.h - from what a job has done over time: its rate, and when it will be ready.
 *
 * The recent rate is that of a window of up to 15 seconds. The time left is what is left divided by
 * it, and is told only when it means something: the total is known, the job has been watched for 2
 * seconds without standing still, and the rates of the window's two halves do not differ by more
 * than a factor of 3.
 */
#ifndef MAPPROC_PROGRESS_ESTIMATE_H
#define MAPPROC_PROGRESS_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MAPPROC_ESTIMATE_SAMPLES = 61,
    MAPPROC_ESTIMATE_STEP_NS = 250 * 1000 * 1000, /* at least, from sample to sample */
};

/* Zeros at first. One thread. */
struct mapproc_estimate {
    struct {
        uint64_t ns;
        uint64_t done;
    } samples[MAPPROC_ESTIMATE_SAMPLES]; /* a ring */
    unsigned first, count;
    uint64_t last_ns, last_done; /* the latest of all, a sample or not */
    uint64_t paused_ns;          /* as of then */
};

/* Adds what was done, in bytes, at a time in nanoseconds, and how long the job was paused up to
 * then. What goes back in time or in bytes starts anew. */
void mapproc_estimate_add(struct mapproc_estimate *estimate, uint64_t ns, uint64_t done,
                          uint64_t paused_ns);

/* Bytes per second of late. False if it is not known yet. */
bool mapproc_estimate_rate(const struct mapproc_estimate *estimate, double *rate);

/* Seconds until `left` more bytes are done. False if there is nothing that could be trusted. */
bool mapproc_estimate_left(const struct mapproc_estimate *estimate, uint64_t left, double *seconds);

#endif
