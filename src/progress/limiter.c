/* SPDX-License-Identifier: MIT */
/* limiter.c - holding workers back: a pause, or a limit of the rate. */
#include "progress/limiter.h"

#include <time.h>

#include "base/checked.h"
#include "mapproc_progress.h"
#include "progress/process.h"

static const uint64_t second_ns = UINT64_C(1000000000);
static const uint64_t credit_ns = UINT64_C(100000000); /* that may be made up for */
static const uint64_t ahead_ns = UINT64_C(2000000);    /* so little is not worth a sleep */

enum {
    STEP_UNIT = 64 << 10,
    STEP_MOST = 1 << 20,
    STEPS_PER_SECOND = 100,
};

void mapproc_limiter_init(struct mapproc_limiter *limiter)
{
    pthread_condattr_t attributes;

    *limiter = (struct mapproc_limiter){.lock = PTHREAD_MUTEX_INITIALIZER};
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&limiter->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void mapproc_limiter_destroy(struct mapproc_limiter *limiter)
{
    (void)pthread_cond_destroy(&limiter->changed);
    (void)pthread_mutex_destroy(&limiter->lock);
}

/* When byte `number` may be done. Never, for all that matters, if that does not fit. */
static uint64_t time_of(const struct mapproc_limiter *limiter, uint64_t number)
{
    uint64_t bytes = number > limiter->base_bytes ? number - limiter->base_bytes : 0;
    uint64_t whole = bytes / limiter->rate, rest = bytes % limiter->rate, ns, time;

    /* The rest is less than the rate, which is bounded: the product of floating point is exact
     * enough, and cannot overflow. */
    if (!mapproc_multiply_u64(whole, second_ns, &ns) ||
        !mapproc_add_u64(ns, (uint64_t)((double)rest / (double)limiter->rate * 1e9), &ns) ||
        !mapproc_add_u64(limiter->base_ns, ns, &time))
        return UINT64_MAX;
    return time;
}

/* Lets the timeline go on from `now`, with the bytes that were due by then; during a pause none
 * become due. Called with the lock held. */
static void rebase(struct mapproc_limiter *limiter, uint64_t now)
{
    uint64_t due = limiter->taken;

    if (limiter->paused)
        due = limiter->base_bytes;
    else if (limiter->rate != 0 && time_of(limiter, limiter->taken) > now) {
        double seconds = (double)(now - limiter->base_ns) / 1e9;
        double bytes = seconds * (double)limiter->rate;
        uint64_t most = limiter->taken - limiter->base_bytes;

        if (now < limiter->base_ns)
            bytes = 0;
        due = limiter->base_bytes + (bytes < (double)most ? (uint64_t)bytes : most);
    }
    limiter->base_ns = now;
    limiter->base_bytes = due;
}

/* Called with the lock held. */
static void apply(struct mapproc_limiter *limiter)
{
    uint64_t step = mapproc_round_down(limiter->rate / STEPS_PER_SECOND, STEP_UNIT);

    if (limiter->rate == 0)
        step = limiter->paused ? STEP_MOST : 0;
    else if (step > STEP_MOST)
        step = STEP_MOST;
    else if (step == 0)
        step = STEP_UNIT;
    atomic_store_explicit(&limiter->step, (size_t)step, memory_order_relaxed);
    (void)pthread_cond_broadcast(&limiter->changed);
}

void mapproc_limiter_pause(struct mapproc_limiter *limiter, bool paused)
{
    uint64_t now = mapproc_process_clock();

    (void)pthread_mutex_lock(&limiter->lock);
    if (paused != limiter->paused) {
        if (paused)
            limiter->paused_since = now;
        else
            limiter->paused_before += now - limiter->paused_since;
        rebase(limiter, now);
        limiter->paused = paused;
        apply(limiter);
    }
    (void)pthread_mutex_unlock(&limiter->lock);
}

void mapproc_limiter_set_rate(struct mapproc_limiter *limiter, uint64_t rate)
{
    if (rate != 0 && rate < MAPPROC_LIMIT_RATE_MIN)
        rate = MAPPROC_LIMIT_RATE_MIN;
    if (rate > MAPPROC_LIMIT_RATE_MAX)
        rate = MAPPROC_LIMIT_RATE_MAX;
    (void)pthread_mutex_lock(&limiter->lock);
    if (rate != limiter->rate) {
        rebase(limiter, mapproc_process_clock());
        limiter->rate = rate;
        apply(limiter);
    }
    (void)pthread_mutex_unlock(&limiter->lock);
}

void mapproc_limiter_look(struct mapproc_limiter *limiter, bool *paused, uint64_t *rate,
                          uint64_t *paused_ns)
{
    (void)pthread_mutex_lock(&limiter->lock);
    *paused = limiter->paused;
    *rate = limiter->rate;
    *paused_ns = limiter->paused_before;
    if (limiter->paused)
        *paused_ns += mapproc_process_clock() - limiter->paused_since;
    (void)pthread_mutex_unlock(&limiter->lock);
}

static void tell(atomic_uint *state, unsigned what)
{
    if (state != NULL)
        atomic_store_explicit(state, what, memory_order_relaxed);
}

static void wait_until(struct mapproc_limiter *limiter, uint64_t due)
{
    const uint64_t latest = UINT64_C(1000000000) * second_ns; /* 31 years of uptime */
    uint64_t ns = mapproc_min_u64(due, latest);
    const struct timespec time = {.tv_sec = (time_t)(ns / second_ns),
                                  .tv_nsec = (long)(ns % second_ns)};

    (void)pthread_cond_timedwait(&limiter->changed, &limiter->lock, &time);
}

void mapproc_limiter_wait(struct mapproc_limiter *limiter, uint64_t bytes,
                          const atomic_bool *stopping, atomic_uint *state)
{
    uint64_t number;

    (void)pthread_mutex_lock(&limiter->lock);
    if (limiter->rate != 0) {
        uint64_t now = mapproc_process_clock(), due = time_of(limiter, limiter->taken);

        if (!limiter->paused && now > due && now - due > credit_ns) {
            limiter->base_ns = now - credit_ns;
            limiter->base_bytes = limiter->taken;
        }
    }
    /* Wraps after 16 EiB, and then nobody waits for once. */
    limiter->taken += bytes;
    number = limiter->taken;
    while (!atomic_load_explicit(stopping, memory_order_relaxed)) {
        if (limiter->paused) {
            tell(state, MAPPROC_WORKER_PAUSED);
            (void)pthread_cond_wait(&limiter->changed, &limiter->lock);
        } else if (limiter->rate != 0 &&
                   mapproc_process_clock() + ahead_ns < time_of(limiter, number)) {
            tell(state, MAPPROC_WORKER_LIMITED);
            wait_until(limiter, time_of(limiter, number));
        } else {
            break;
        }
    }
    tell(state, MAPPROC_WORKER_BUSY);
    (void)pthread_mutex_unlock(&limiter->lock);
}

void mapproc_limiter_wake(struct mapproc_limiter *limiter)
{
    (void)pthread_mutex_lock(&limiter->lock);
    (void)pthread_cond_broadcast(&limiter->changed);
    (void)pthread_mutex_unlock(&limiter->lock);
}
