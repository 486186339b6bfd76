/* SPDX-License-Identifier: MIT */
/* alloc_lane.h - what a thread does with an allocator, compiled into each allocator's own code.
 *
 * The patterns are always inlined into functions that name their allocator, so that each allocator
 * is called as a program would call it, not through a pointer. The random numbers are drawn before:
 * all allocators get the same sizes, and put the objects into the same slots, in the same order.
 *
 * Between the runs of a subject, the objects in its slots stay where they are: every run but the
 * first starts from what a long use has left behind.
 */
#ifndef MAPPROC_BENCH_ALLOC_LANE_H
#define MAPPROC_BENCH_ALLOC_LANE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bench/team.h"

enum mapproc_alloc_pattern {
    MAPPROC_ALLOC_BATCH,  /* many are allocated, then all freed in the same order */
    MAPPROC_ALLOC_MIXED,  /* a random slot: freed if there is an object in it, else allocated */
    MAPPROC_ALLOC_HANDED, /* allocated by one thread, freed by another */
    MAPPROC_ALLOC_PATTERNS,
};

/*
 * Length of the random sequence, which repeats. Short, so that the CPU comes to know which slots
 * are in use: with 2^16 numbers each second of these branches is mispredicted, as hardly any is in
 * a program. That costs about 6 ns for an allocation and its release, as much as they do, and would
 * be measured with every allocator alike.
 */
enum { MAPPROC_ALLOC_DRAWN = 1 << 12 };

/* The random numbers of a test. Read-only. */
struct mapproc_alloc_sequence {
    uint32_t sizes[MAPPROC_ALLOC_DRAWN];
    uint16_t slots[MAPPROC_ALLOC_DRAWN];
};

/* The way from one thread to another: a ring whose two ends are on cache lines of their own. */
struct mapproc_alloc_ring {
    void **objects;
    size_t capacity; /* a power of two */
    size_t step;     /* objects that change hands at a time: the ends are told so seldom */
    _Alignas(64) _Atomic size_t put;
    _Alignas(64) _Atomic size_t taken;
};

/* What one thread has to do with one allocator. */
struct mapproc_alloc_lane {
    void *handle; /* the allocator's own */
    const struct mapproc_alloc_sequence *sequence;
    size_t position;                 /* in the sequence */
    void **objects;                  /* slots of the mixed pattern, or room for the batch */
    size_t count;                    /* of them */
    struct mapproc_alloc_ring *ring; /* from each even thread to the next one */
    size_t operations;               /* that one unit of work comes to; in a batch: count */
    bool whole;                      /* the last byte is touched as well as the first */
};

/* The lanes of all threads, by index: the context of the bodies. */
struct mapproc_alloc_lanes {
    struct mapproc_alloc_lane *lanes;
};

#define MAPPROC_ALWAYS_INLINE static inline __attribute__((always_inline))

/* The two operations of an allocator, as constants. */
typedef void *(*mapproc_alloc_get)(void *handle, size_t size);
typedef void (*mapproc_alloc_put)(void *handle, void *object);

MAPPROC_ALWAYS_INLINE int mapproc_alloc_failed(struct mapproc_bench_worker *worker)
{
    return mapproc_error_set(&worker->error, MAPPROC_FAILED, ENOMEM, NULL,
                             "cannot allocate what is to be measured");
}

/* A new object, touched; NULL without memory. */
MAPPROC_ALWAYS_INLINE void *mapproc_alloc_touched(void *handle, size_t size, bool whole,
                                                  mapproc_alloc_get get)
{
    volatile unsigned char *bytes = get(handle, size);

    if (bytes == NULL)
        return NULL;
    bytes[0] = 1;
    if (whole)
        bytes[size - 1] = 1;
    return (void *)(uintptr_t)bytes;
}

MAPPROC_ALWAYS_INLINE int mapproc_alloc_batch(struct mapproc_bench_worker *worker,
                                              struct mapproc_alloc_lane *lane, uint64_t units,
                                              mapproc_alloc_get get, mapproc_alloc_put put)
{
    const uint32_t *sizes = lane->sequence->sizes;
    void *handle = lane->handle, **objects = lane->objects;
    const bool whole = lane->whole;

    for (; units > 0; units--) {
        size_t position = lane->position, got = 0;

        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        for (; got < lane->count; got++, position = (position + 1) % MAPPROC_ALLOC_DRAWN) {
            objects[got] = mapproc_alloc_touched(handle, sizes[position], whole, get);
            if (objects[got] == NULL)
                break;
        }
        for (size_t i = 0; i < got; i++) {
            put(handle, objects[i]);
            objects[i] = NULL;
        }
        if (got < lane->count)
            return mapproc_alloc_failed(worker);
    }
    return MAPPROC_OK;
}

MAPPROC_ALWAYS_INLINE int mapproc_alloc_mixed(struct mapproc_bench_worker *worker,
                                              struct mapproc_alloc_lane *lane, uint64_t units,
                                              mapproc_alloc_get get, mapproc_alloc_put put)
{
    const uint32_t *sizes = lane->sequence->sizes;
    const uint16_t *slots = lane->sequence->slots;
    void *handle = lane->handle, **objects = lane->objects;
    const bool whole = lane->whole;
    size_t position = lane->position;

    for (; units > 0; units--) {
        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        for (size_t i = 0; i < lane->operations; i++) {
            void **object = &objects[slots[position]];

            if (*object != NULL) {
                put(handle, *object);
                *object = NULL;
            } else {
                *object = mapproc_alloc_touched(handle, sizes[position], whole, get);
                if (*object == NULL)
                    return mapproc_alloc_failed(worker);
            }
            position = (position + 1) % MAPPROC_ALLOC_DRAWN;
        }
    }
    lane->position = position;
    return MAPPROC_OK;
}

/* Waits until the ring has `step` objects, or as much room. False if the run is to be stopped. */
bool mapproc_alloc_ring_wait(struct mapproc_alloc_ring *ring, bool for_room,
                             const struct mapproc_cancel *cancel);

/* The even thread of each pair allocates, the odd one frees. */
MAPPROC_ALWAYS_INLINE int mapproc_alloc_handed(struct mapproc_bench_worker *worker,
                                               struct mapproc_alloc_lane *lane, uint64_t units,
                                               mapproc_alloc_get get, mapproc_alloc_put put)
{
    const uint32_t *sizes = lane->sequence->sizes;
    struct mapproc_alloc_ring *ring = lane->ring;
    void *handle = lane->handle;
    const bool whole = lane->whole;
    uint64_t steps = units * (lane->operations / ring->step);
    bool giver = worker->index % 2 == 0;
    _Atomic size_t *end = giver ? &ring->put : &ring->taken;
    size_t at = atomic_load_explicit(end, memory_order_relaxed);
    int result = MAPPROC_OK;

    for (; steps > 0; steps--) {
        if (!mapproc_alloc_ring_wait(ring, giver, worker->team->cancel))
            return MAPPROC_CANCELLED;
        for (size_t i = 0; i < ring->step; i++, at++) {
            void **object = &ring->objects[at % ring->capacity];

            if (!giver) {
                put(handle, *object);
                continue;
            }
            *object = mapproc_alloc_touched(handle, sizes[at % MAPPROC_ALLOC_DRAWN], whole, get);
            if (*object ==
                NULL) /* freeing it will do nothing, and the other thread does not hang */
                result = mapproc_alloc_failed(worker);
        }
        atomic_store_explicit(end, at, memory_order_release);
    }
    return result;
}

/* Frees what is left: in the slots, and after a stop also in the ring. */
MAPPROC_ALWAYS_INLINE int mapproc_alloc_clear(struct mapproc_bench_worker *worker,
                                              struct mapproc_alloc_lane *lane,
                                              mapproc_alloc_put put)
{
    struct mapproc_alloc_ring *ring = lane->ring;

    for (size_t i = 0; i < lane->count; i++) {
        put(lane->handle, lane->objects[i]);
        lane->objects[i] = NULL;
    }
    if (ring == NULL || worker->index % 2 == 0)
        return MAPPROC_OK;
    for (size_t at = atomic_load(&ring->taken); at != atomic_load(&ring->put); at++)
        put(lane->handle, ring->objects[at % ring->capacity]);
    atomic_store(&ring->taken, atomic_load(&ring->put));
    return MAPPROC_OK;
}

#endif
