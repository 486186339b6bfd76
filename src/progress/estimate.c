/* SPDX-License-Identifier: MIT */
/* estimate.c - from what a job has done over time: its rate, and when it will be ready. */
#include "progress/estimate.h"

#include <string.h>

static const double trusted_after = 2; /* seconds */
static const double steady_factor = 3;

static unsigned place(const struct mapproc_estimate *estimate, unsigned index)
{
    return (estimate->first + index) % MAPPROC_ESTIMATE_SAMPLES;
}

void mapproc_estimate_add(struct mapproc_estimate *estimate, uint64_t ns, uint64_t done,
                          uint64_t paused_ns)
{
    uint64_t paused = paused_ns > estimate->paused_ns ? paused_ns - estimate->paused_ns : 0;
    unsigned last;

    if (estimate->count > 0 && (ns < estimate->last_ns || done < estimate->last_done)) {
        memset(estimate, 0, sizeof(*estimate));
        paused = 0;
    }
    /* A pause is cut out of the timeline, as if it had not been. */
    for (unsigned i = 0; i < estimate->count; i++)
        estimate->samples[place(estimate, i)].ns += paused;
    estimate->last_ns = ns;
    estimate->last_done = done;
    estimate->paused_ns = paused_ns;
    if (estimate->count > 0) {
        uint64_t before = estimate->samples[place(estimate, estimate->count - 1)].ns;

        if (ns < before || ns - before < MAPPROC_ESTIMATE_STEP_NS)
            return;
    }
    if (estimate->count == MAPPROC_ESTIMATE_SAMPLES)
        estimate->first = (estimate->first + 1) % MAPPROC_ESTIMATE_SAMPLES;
    else
        estimate->count++;
    last = place(estimate, estimate->count - 1);
    estimate->samples[last].ns = ns;
    estimate->samples[last].done = done;
}

/* Bytes per second from sample `from` to the latest known, or to sample `to` if that is not count.
 * Negative if there is no time between. */
static double rate_between(const struct mapproc_estimate *estimate, unsigned from, unsigned to)
{
    uint64_t start = estimate->samples[place(estimate, from)].ns;
    uint64_t end =
        to < estimate->count ? estimate->samples[place(estimate, to)].ns : estimate->last_ns;
    uint64_t done =
        to < estimate->count ? estimate->samples[place(estimate, to)].done : estimate->last_done;

    if (end <= start)
        return -1;
    return (double)(done - estimate->samples[place(estimate, from)].done) /
           ((double)(end - start) / 1e9);
}

static double window(const struct mapproc_estimate *estimate)
{
    uint64_t start = estimate->count > 0 ? estimate->samples[estimate->first].ns : 0;

    return estimate->count > 0 && estimate->last_ns > start
               ? (double)(estimate->last_ns - start) / 1e9
               : 0;
}

bool mapproc_estimate_rate(const struct mapproc_estimate *estimate, double *rate)
{
    if (window(estimate) < (double)MAPPROC_ESTIMATE_STEP_NS / 1e9)
        return false;
    *rate = rate_between(estimate, 0, estimate->count);
    return true;
}

bool mapproc_estimate_left(const struct mapproc_estimate *estimate, uint64_t left, double *seconds)
{
    unsigned middle = estimate->count / 2;
    double rate, first, second;

    if (window(estimate) < trusted_after || !mapproc_estimate_rate(estimate, &rate) || rate <= 0 ||
        middle == 0)
        return false;
    first = rate_between(estimate, 0, middle);
    second = rate_between(estimate, middle, estimate->count);
    if (first <= 0 || second <= 0 || first > steady_factor * second ||
        second > steady_factor * first)
        return false;
    *seconds = (double)left / rate;
    return true;
}
