/* SPDX-License-Identifier: MIT */
/* slab_check.c - recomputing what a slab and its magazines know about themselves. */
#include <stddef.h>

#include "memory/magazine.h"
#include "memory/slab_parts.h"

static uint16_t link_of(const struct mapproc_slab_extent *extent, uint32_t number)
{
    return atomic_load_explicit(&extent->link[number], memory_order_relaxed);
}

static bool is_out(uint16_t link)
{
    return link == MAPPROC_LINK_IN_USE || link == MAPPROC_MAGAZINE_MARK;
}

static bool check_layout(const struct mapproc_slab *slab)
{
    struct mapproc_slab expected = {.object_size = slab->object_size, .alignment = slab->alignment};

    return mapproc_slab_lay_out(&expected) && slab->stride == expected.stride &&
           slab->extent_size == expected.extent_size &&
           slab->first_offset == expected.first_offset && slab->reciprocal == expected.reciprocal &&
           slab->capacity == expected.capacity;
}

/*
 * Every object below `fresh` is either out or on the free list, once. A number can be met a second
 * time only if the list runs in a circle, and then it is longer than the objects are many. An
 * object that is out and on the list is noticed one step later: its mark is no object's number.
 *
 * A mark that a magazine changes meanwhile is counted the same before and after.
 */
static bool check_objects(const struct mapproc_slab *slab, const struct mapproc_slab_extent *extent)
{
    uint32_t fresh = atomic_load_explicit(&extent->fresh, memory_order_relaxed);
    uint32_t out = 0, listed = 0;

    if (fresh > slab->capacity)
        return false;
    for (uint32_t i = 0; i < fresh; i++)
        out += is_out(link_of(extent, i));
    for (uint16_t i = extent->first_free; i != MAPPROC_LINK_LAST; i = link_of(extent, i)) {
        if (i >= fresh || ++listed > fresh)
            return false;
    }
    return extent->used == out && out + listed == fresh;
}

/* A circle of extents would never end, but the links back cannot fit one. */
static bool check_extents(const struct mapproc_slab *slab)
{
    size_t extents = 0, empty_extents = 0, used = 0;

    for (unsigned list = 0; list < MAPPROC_SLAB_LISTS; list++) {
        const struct mapproc_slab_extent *previous = NULL;
        const struct mapproc_slab_extent *extent = slab->lists[list];

        for (; extent != NULL; previous = extent, extent = extent->next) {
            if (((uintptr_t)extent & (slab->extent_size - 1)) != 0 ||
                extent->magic != MAPPROC_EXTENT_MAGIC || extent->slab != slab ||
                extent->previous != previous || mapproc_slab_list_of(slab, extent->used) != list)
                return false;
            if (!check_objects(slab, extent))
                return false;
            extents++;
            empty_extents += extent->used == 0;
            used += extent->used;
        }
    }
    return slab->extents == extents && slab->empty_extents == empty_extents &&
           empty_extents <= MAPPROC_SLAB_EMPTY_KEPT && slab->used == used &&
           slab->peak_used >= used;
}

/* Looks the extent up on the lists, as a pointer from a damaged magazine may lead anywhere. */
static bool has_extent(const struct mapproc_slab *slab, const struct mapproc_slab_extent *wanted)
{
    for (unsigned list = 0; list < MAPPROC_SLAB_LISTS; list++) {
        for (const struct mapproc_slab_extent *extent = slab->lists[list]; extent != NULL;
             extent = extent->next) {
            if (extent == wanted)
                return true;
        }
    }
    return false;
}

/* The mark of an object, or MAPPROC_LINK_LAST for what is no object that was ever handed out. */
static uint16_t mark_of(const struct mapproc_slab *slab, const void *object)
{
    const struct mapproc_slab_extent *extent = mapproc_slab_extent_of(slab, object);
    uint16_t number;

    if (!mapproc_slab_number_of(slab, object, &number) || !has_extent(slab, extent) ||
        number >= atomic_load_explicit(&extent->fresh, memory_order_relaxed))
        return MAPPROC_LINK_LAST;
    return link_of(extent, number);
}

static void *object_at(const struct mapproc_magazine *magazine, size_t i)
{
    return atomic_load_explicit(&magazine->objects[i], memory_order_relaxed);
}

/* See struct mapproc_magazine for what can be told while its owner goes on. */
static bool check_magazine(const struct mapproc_slab *slab, const struct mapproc_magazine *magazine)
{
    uintptr_t top = (uintptr_t)atomic_load_explicit(&magazine->top, memory_order_acquire);
    uintptr_t size = top - (uintptr_t)magazine->objects;
    size_t limit = mapproc_magazine_limit(slab), count = size / sizeof(magazine->objects[0]);

    if (magazine->slab != slab || magazine->end != magazine->objects + limit || count > limit ||
        size % sizeof(magazine->objects[0]) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_out(mark_of(slab, object_at(magazine, i))))
            return false;
    }
    return true;
}

static bool check_magazines(const struct mapproc_slab *slab)
{
    const struct mapproc_magazine *previous = NULL, *magazine = slab->first_magazine;
    size_t magazines = 0;

    for (; magazine != NULL; previous = magazine, magazine = magazine->next) {
        if (magazine->previous != previous || !check_magazine(slab, magazine))
            return false;
        magazines++;
    }
    return slab->magazines == magazines;
}

bool mapproc_slab_check(struct mapproc_slab *slab)
{
    bool sound;

    (void)pthread_mutex_lock(&slab->lock);
    sound = check_layout(slab) && check_extents(slab) && check_magazines(slab);
    (void)pthread_mutex_unlock(&slab->lock);
    return sound;
}

static bool holds_below(const struct mapproc_magazine *magazine, size_t count, const void *object)
{
    for (size_t i = 0; i < count; i++) {
        if (object_at(magazine, i) == object)
            return true;
    }
    return false;
}

/* With the owner as caller nothing changes, so each object is there once, and marked as cached. */
static bool check_own(const struct mapproc_magazine *magazine)
{
    size_t count = mapproc_magazine_count(magazine);

    if (magazine->end == magazine->objects)
        return count == 0;
    if (!check_magazine(magazine->slab, magazine))
        return false;
    for (size_t i = 0; i < count; i++) {
        const void *object = object_at(magazine, i);

        if (holds_below(magazine, i, object) ||
            mark_of(magazine->slab, object) != MAPPROC_MAGAZINE_MARK)
            return false;
    }
    return true;
}

bool mapproc_magazine_check(const struct mapproc_magazine *magazine)
{
    struct mapproc_slab *slab = magazine->slab;
    bool sound;

    (void)pthread_mutex_lock(&slab->lock);
    sound = check_own(magazine);
    (void)pthread_mutex_unlock(&slab->lock);
    return sound;
}
