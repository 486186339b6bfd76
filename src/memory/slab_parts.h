/* SPDX-License-Identifier: MIT */
/* slab_parts.h - what slab.c shares with magazine.c and slab_check.c, and with nobody else. */
#ifndef MAPPROC_MEMORY_SLAB_PARTS_H
#define MAPPROC_MEMORY_SLAB_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory/magazine.h"
#include "memory/slab.h"

#define MAPPROC_EXTENT_MAGIC UINT64_C(0x746e65747865736d)

/* Entries of mapproc_slab_extent.link that are not the number of an object. */
#define MAPPROC_LINK_IN_USE UINT16_MAX
#define MAPPROC_LINK_LAST   ((uint16_t)(UINT16_MAX - 1))
#define MAPPROC_LINK_CACHED ((uint16_t)(UINT16_MAX - 2))

/* What objects in magazines are marked as. Only checked builds change marks without the lock. */
#if MAPPROC_MAGAZINE_CHECKED
#define MAPPROC_MAGAZINE_MARK MAPPROC_LINK_CACHED
#else
#define MAPPROC_MAGAZINE_MARK MAPPROC_LINK_IN_USE
#endif

static inline enum mapproc_slab_list mapproc_slab_list_of(const struct mapproc_slab *slab,
                                                          uint32_t used)
{
    if (used == 0)
        return MAPPROC_SLAB_EMPTY;
    return used < slab->capacity ? MAPPROC_SLAB_PARTIAL : MAPPROC_SLAB_FULL;
}

/* Where an address is, as far as the address alone can tell. */
static inline struct mapproc_slab_extent *mapproc_slab_extent_of(const struct mapproc_slab *slab,
                                                                 const void *object)
{
    return (struct mapproc_slab_extent *)((uintptr_t)object & ~(uintptr_t)(slab->extent_size - 1));
}

/*
 * Finds the number of an object in its extent. Returns false if `object` is not the start of one.
 *
 * The product is exact for every multiple of the stride: with q the number and e < stride the
 * rounding error of the reciprocal, q * e < extent_size < 2^32. What is no multiple may give any
 * number, but then the multiplication back does not agree.
 */
static inline bool mapproc_slab_number_of(const struct mapproc_slab *slab, const void *object,
                                          uint16_t *number)
{
    size_t offset = (uintptr_t)object & (slab->extent_size - 1);
    uint64_t quotient;

    if (offset < slab->first_offset)
        return false;
    offset -= slab->first_offset;
    quotient = (offset * slab->reciprocal) >> 32;
    *number = (uint16_t)quotient;
    return quotient < slab->capacity && quotient * slab->stride == offset;
}

/*
 * Finds an object's extent and number. Returns false for what cannot be an object of this slab.
 * Needs no lock.
 */
static inline bool mapproc_slab_find(const struct mapproc_slab *slab, const void *object,
                                     struct mapproc_slab_extent **extent, uint16_t *number)
{
    *extent = mapproc_slab_extent_of(slab, object);
    return (*extent)->magic == MAPPROC_EXTENT_MAGIC && (*extent)->slab == slab &&
           mapproc_slab_number_of(slab, object, number);
}

/*
 * Changes the mark of an object that is out of its extent. Returns false if it is not `from`: then
 * somebody frees what is free. In checked builds this is told even of two threads at the same time;
 * in others it takes the lock.
 */
bool mapproc_slab_change_mark(struct mapproc_slab_extent *extent, uint16_t number, uint16_t from,
                              uint16_t to);

/*
 * Takes an object out of its extent and marks it. Returns NULL if there is no memory. *used_before
 * tells whether it is filled, if the build fills free objects. Leaves access forbidden. Called with
 * the lock held.
 */
void *mapproc_slab_take(struct mapproc_slab *slab, uint16_t mark, bool *used_before);

/*
 * Puts an object that mapproc_slab_find() found back into its extent. Returns false if its mark is
 * not `mark`. An extent that is to be freed goes onto *surplus. Called with the lock held.
 */
bool mapproc_slab_put(struct mapproc_slab *slab, struct mapproc_slab_extent *extent,
                      uint16_t number, uint16_t mark, struct mapproc_slab_extent **surplus);

/* Frees what mapproc_slab_put() collected. Called without the lock: it may take a while. */
void mapproc_slab_free_extents(const struct mapproc_slab *slab,
                               struct mapproc_slab_extent *surplus);

/*
 * Makes free memory unusable, and usable again, as far as the build can: poisoned for
 * AddressSanitizer, and if `filled` and the build has assertions, filled and found so again. Called
 * with the lock held if the objects are aligned to less than 8 bytes, as then they may share a byte
 * of AddressSanitizer's map.
 */
void mapproc_slab_forbid_access(void *memory, size_t size, bool filled);
void mapproc_slab_permit_access(void *memory, size_t size, bool filled);

/*
 * Fills the fields that follow from object_size and alignment. Returns false if those are out of
 * range.
 */
bool mapproc_slab_lay_out(struct mapproc_slab *slab);

/* The most objects that a magazine of this slab holds: an even number, at least 8. */
size_t mapproc_magazine_limit(const struct mapproc_slab *slab);

/* Objects held, if the magazine is sound. With the lock, anybody may ask and look at that many. */
static inline size_t mapproc_magazine_count(const struct mapproc_magazine *magazine)
{
    uintptr_t top = (uintptr_t)atomic_load_explicit(&magazine->top, memory_order_acquire);

    return (top - (uintptr_t)magazine->objects) / sizeof(magazine->objects[0]);
}

#endif
