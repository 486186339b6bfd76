/* SPDX-License-Identifier: MIT */
/* slab.c - objects of one size, handed out and taken back in constant time. */
#include "memory/slab.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "memory/poison.h"

#define EXTENT_MAGIC UINT64_C(0x746e65747865736d)

/* Entries of mapproc_slab_extent.link that are not the number of an object. */
#define LINK_IN_USE UINT16_MAX
#define LINK_LAST   ((uint16_t)(UINT16_MAX - 1))

/* What debug builds fill free objects with: odd, not a likely pointer, size or text. */
#define FREE_FILL 0xdb

/* Makes free memory unusable as far as the build can. `filled`: see FREE_FILL. */
static void forbid_access(void *memory, size_t size, bool filled)
{
#ifndef NDEBUG
    if (filled)
        memset(memory, FREE_FILL, size);
#endif
    ASAN_POISON_MEMORY_REGION(memory, size);
    (void)filled;
}

static void permit_access(void *memory, size_t size, bool filled)
{
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
#ifndef NDEBUG
    if (filled) {
        const unsigned char *bytes = memory;

        assert(bytes[0] == FREE_FILL && memcmp(bytes, bytes + 1, size - 1) == 0 &&
               "written to after it was freed");
    }
#endif
    (void)filled;
}

/* Objects that fit into an extent beside its head and its links. */
static size_t extent_capacity(size_t extent_size, size_t stride, size_t alignment)
{
    size_t head = offsetof(struct mapproc_slab_extent, link) + alignment - 1;

    return (extent_size - head) / (stride + sizeof(uint16_t));
}

/*
 * Fills the fields that follow from object_size and alignment. Returns false if those are out of
 * range. Within the range nothing can overflow: the loop ends at 16 MiB at the latest, and the
 * smallest objects are too few to the extent for their numbers to reach LINK_LAST.
 */
static bool lay_out(struct mapproc_slab *slab)
{
    size_t alignment = slab->alignment, stride, capacity, first_offset;
    size_t extent_size = MAPPROC_SLAB_EXTENT_MIN;

    if (slab->object_size == 0 || slab->object_size > MAPPROC_SLAB_OBJECT_MAX ||
        !mapproc_is_power_of_two(alignment) || alignment > MAPPROC_SLAB_ALIGNMENT_MAX ||
        !mapproc_round_up_size(slab->object_size, alignment, &stride))
        return false;
    while (extent_capacity(extent_size, stride, alignment) < MAPPROC_SLAB_EXTENT_OBJECTS)
        extent_size *= 2;
    capacity = extent_capacity(extent_size, stride, alignment);
    if (!mapproc_round_up_size(offsetof(struct mapproc_slab_extent, link) +
                                   capacity * sizeof(uint16_t),
                               alignment, &first_offset))
        return false;
    assert(capacity < LINK_LAST && first_offset + capacity * stride <= extent_size);

    slab->stride = stride;
    slab->extent_size = extent_size;
    slab->first_offset = first_offset;
    slab->reciprocal = ((UINT64_C(1) << 32) + stride - 1) / stride;
    slab->capacity = (uint32_t)capacity;
    return true;
}

int mapproc_slab_init(struct mapproc_slab *slab, size_t object_size, size_t alignment,
                      struct mapproc_error *error)
{
    int system_error;

    *slab = (struct mapproc_slab){.object_size = object_size, .alignment = alignment};
    if (!lay_out(slab))
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "cannot make a slab of objects of %zu bytes aligned to %zu",
                                 object_size, alignment);
    system_error = pthread_mutex_init(&slab->lock, NULL);
    if (system_error != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL,
                                 "cannot create the lock of a slab");
    return MAPPROC_OK;
}

static enum mapproc_slab_list list_of(const struct mapproc_slab *slab, uint32_t used)
{
    if (used == 0)
        return MAPPROC_SLAB_EMPTY;
    return used < slab->capacity ? MAPPROC_SLAB_PARTIAL : MAPPROC_SLAB_FULL;
}

static void list_add(struct mapproc_slab *slab, struct mapproc_slab_extent *extent)
{
    enum mapproc_slab_list list = list_of(slab, extent->used);

    extent->previous = NULL;
    extent->next = slab->lists[list];
    if (extent->next != NULL)
        extent->next->previous = extent;
    slab->lists[list] = extent;
    if (list == MAPPROC_SLAB_EMPTY)
        slab->empty_extents++;
}

static void list_remove(struct mapproc_slab *slab, struct mapproc_slab_extent *extent)
{
    enum mapproc_slab_list list = list_of(slab, extent->used);

    if (extent->previous != NULL)
        extent->previous->next = extent->next;
    else
        slab->lists[list] = extent->next;
    if (extent->next != NULL)
        extent->next->previous = extent->previous;
    if (list == MAPPROC_SLAB_EMPTY)
        slab->empty_extents--;
}

static void set_used(struct mapproc_slab *slab, struct mapproc_slab_extent *extent, uint32_t used)
{
    if (list_of(slab, used) == list_of(slab, extent->used)) {
        extent->used = used;
    } else {
        list_remove(slab, extent);
        extent->used = used;
        list_add(slab, extent);
    }
}

/* Adds an empty extent. Returns it, or NULL if there is no memory. */
static struct mapproc_slab_extent *extent_create(struct mapproc_slab *slab)
{
    struct mapproc_slab_extent *extent = aligned_alloc(slab->extent_size, slab->extent_size);

    if (extent == NULL)
        return NULL;
    *extent = (struct mapproc_slab_extent){
        .magic = EXTENT_MAGIC,
        .slab = slab,
        .first_free = LINK_LAST,
    };
    forbid_access((char *)extent + slab->first_offset, slab->extent_size - slab->first_offset,
                  false);
    list_add(slab, extent);
    slab->extents++;
    return extent;
}

/* Frees an extent that is on no list any more. */
static void extent_free(const struct mapproc_slab *slab, struct mapproc_slab_extent *extent)
{
    permit_access((char *)extent + slab->first_offset, slab->extent_size - slab->first_offset,
                  false);
    extent->magic = 0;
    free(extent);
}

void mapproc_slab_destroy(struct mapproc_slab *slab)
{
    struct mapproc_slab_extent *extent, *next;

    assert(slab->in_use == 0);
    for (extent = slab->lists[MAPPROC_SLAB_EMPTY]; extent != NULL; extent = next) {
        next = extent->next;
        extent_free(slab, extent);
    }
    (void)pthread_mutex_destroy(&slab->lock);
    memset(slab, 0, sizeof(*slab));
}

void *mapproc_slab_alloc(struct mapproc_slab *slab)
{
    struct mapproc_slab_extent *extent;
    uint16_t number;
    bool used_before;
    void *object;

    (void)pthread_mutex_lock(&slab->lock);
    extent = slab->lists[MAPPROC_SLAB_PARTIAL];
    if (extent == NULL)
        extent = slab->lists[MAPPROC_SLAB_EMPTY];
    if (extent == NULL)
        extent = extent_create(slab);
    if (extent == NULL) {
        (void)pthread_mutex_unlock(&slab->lock);
        return NULL;
    }

    /* The object freed last is the one most likely still in the cache. */
    number = extent->first_free;
    used_before = number != LINK_LAST;
    if (used_before)
        extent->first_free = extent->link[number];
    else
        number = extent->fresh++;
    extent->link[number] = LINK_IN_USE;
    set_used(slab, extent, extent->used + 1);
    slab->in_use++;
    if (slab->peak_in_use < slab->in_use)
        slab->peak_in_use = slab->in_use;
    object = (char *)extent + slab->first_offset + number * slab->stride;

    /* Under the lock, because small objects may share a byte of AddressSanitizer's map. */
    permit_access(object, slab->object_size, used_before);
    (void)pthread_mutex_unlock(&slab->lock);
    return object;
}

/*
 * Finds an object's extent and number. Returns false for what cannot be an object of this slab.
 *
 * The product is exact for every multiple of the stride: with q the number and e < stride the
 * rounding error of the reciprocal, q * e < extent_size < 2^32. What is no multiple may give any
 * number, but then the multiplication back does not agree.
 */
static bool find_object(const struct mapproc_slab *slab, const void *object,
                        struct mapproc_slab_extent **extent, uint16_t *number)
{
    size_t offset = (uintptr_t)object & (slab->extent_size - 1);
    uint64_t quotient;

    *extent = (struct mapproc_slab_extent *)((uintptr_t)object - offset);
    if ((*extent)->magic != EXTENT_MAGIC || (*extent)->slab != slab || offset < slab->first_offset)
        return false;
    offset -= slab->first_offset;
    quotient = (offset * slab->reciprocal) >> 32;
    *number = (uint16_t)quotient;
    return quotient < slab->capacity && quotient * slab->stride == offset;
}

void mapproc_slab_free(struct mapproc_slab *slab, void *object)
{
    struct mapproc_slab_extent *extent, *surplus = NULL;
    uint16_t number;
    bool in_use;

    if (object == NULL)
        return;
    if (!find_object(slab, object, &extent, &number)) {
        assert(false && "not an object of this slab");
        return;
    }

    (void)pthread_mutex_lock(&slab->lock);
    in_use = number < extent->fresh && extent->link[number] == LINK_IN_USE;
    if (in_use) {
        forbid_access(object, slab->object_size, true);
        extent->link[number] = extent->first_free;
        extent->first_free = number;
        set_used(slab, extent, extent->used - 1);
        slab->in_use--;
        if (slab->empty_extents > MAPPROC_SLAB_EMPTY_KEPT) {
            surplus = extent;
            list_remove(slab, surplus);
            slab->extents--;
        }
    }
    (void)pthread_mutex_unlock(&slab->lock);

    assert(in_use && "freed twice");
    (void)in_use;
    if (surplus != NULL)
        extent_free(slab, surplus);
}

void mapproc_slab_get_stats(struct mapproc_slab *slab, struct mapproc_slab_stats *stats)
{
    (void)pthread_mutex_lock(&slab->lock);
    *stats = (struct mapproc_slab_stats){
        .object_size = slab->stride,
        .in_use = slab->in_use,
        .peak_in_use = slab->peak_in_use,
        .capacity = slab->extents * slab->capacity,
        .extents = slab->extents,
        .empty_extents = slab->empty_extents,
        .extent_size = slab->extent_size,
    };
    (void)pthread_mutex_unlock(&slab->lock);
}

static bool check_layout(const struct mapproc_slab *slab)
{
    struct mapproc_slab expected = {.object_size = slab->object_size, .alignment = slab->alignment};

    return lay_out(&expected) && slab->stride == expected.stride &&
           slab->extent_size == expected.extent_size &&
           slab->first_offset == expected.first_offset && slab->reciprocal == expected.reciprocal &&
           slab->capacity == expected.capacity;
}

/*
 * Every object below `fresh` is either in use or on the free list, once. A number can be met a
 * second time only if the list runs in a circle, and then it is longer than the objects are many.
 * An object in use that is on the list is noticed one step later: its mark is no object's number.
 */
static bool check_objects(const struct mapproc_slab *slab, const struct mapproc_slab_extent *extent)
{
    uint32_t in_use = 0, listed = 0;

    if (extent->fresh > slab->capacity)
        return false;
    for (uint32_t i = 0; i < extent->fresh; i++)
        in_use += extent->link[i] == LINK_IN_USE;
    for (uint16_t i = extent->first_free; i != LINK_LAST; i = extent->link[i]) {
        if (i >= extent->fresh || ++listed > extent->fresh)
            return false;
    }
    return extent->used == in_use && in_use + listed == extent->fresh;
}

/* A circle of extents would never end, but the links back cannot fit one. */
static bool check_all(const struct mapproc_slab *slab)
{
    size_t extents = 0, empty_extents = 0, in_use = 0;

    if (!check_layout(slab))
        return false;
    for (unsigned list = 0; list < MAPPROC_SLAB_LISTS; list++) {
        const struct mapproc_slab_extent *previous = NULL;
        const struct mapproc_slab_extent *extent = slab->lists[list];

        for (; extent != NULL; previous = extent, extent = extent->next) {
            if (((uintptr_t)extent & (slab->extent_size - 1)) != 0 ||
                extent->magic != EXTENT_MAGIC || extent->slab != slab ||
                extent->previous != previous || list_of(slab, extent->used) != list)
                return false;
            if (!check_objects(slab, extent))
                return false;
            extents++;
            empty_extents += extent->used == 0;
            in_use += extent->used;
        }
    }
    return slab->extents == extents && slab->empty_extents == empty_extents &&
           empty_extents <= MAPPROC_SLAB_EMPTY_KEPT && slab->in_use == in_use &&
           slab->peak_in_use >= in_use;
}

bool mapproc_slab_check(struct mapproc_slab *slab)
{
    bool sound;

    (void)pthread_mutex_lock(&slab->lock);
    sound = check_all(slab);
    (void)pthread_mutex_unlock(&slab->lock);
    return sound;
}
