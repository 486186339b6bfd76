/* SPDX-License-Identifier: MIT */
/* alloc_lane.c - waiting for the other end of a ring. */
#include "bench/alloc_lane.h"

#include <sched.h>

enum {
    SPINS = 100,  /* before the CPU is offered to others: the other end may be waiting for it */
    YIELDS = 256, /* between two looks at whether the run is to be stopped */
};

static bool is_ready(struct mapproc_alloc_ring *ring, bool for_room)
{
    size_t held = atomic_load_explicit(&ring->put, memory_order_acquire) -
                  atomic_load_explicit(&ring->taken, memory_order_acquire);

    return for_room ? ring->capacity - held >= ring->step : held >= ring->step;
}

bool mapproc_alloc_ring_wait(struct mapproc_alloc_ring *ring, bool for_room,
                             const struct mapproc_cancel *cancel)
{
    for (unsigned tries = 0; !is_ready(ring, for_room); tries++) {
        if (tries < SPINS)
            continue;
        if (tries % YIELDS == 0 && mapproc_bench_cancelled(cancel))
            return false;
        (void)sched_yield();
    }
    return true;
}
