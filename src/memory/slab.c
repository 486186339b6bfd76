/* SPDX-License-Identifier: MIT */
/* slab.c - objects of one size, handed out and taken back in constant time. */
#include "memory/slab.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "memory/magazine.h"
#include "memory/slab_parts.h"

/* What debug builds fill free objects with: odd, not a likely pointer, size or text. */
#define FREE_FILL 0xdb

void mapproc_slab_forbid_access(void *memory, size_t size, bool filled)
{
#ifndef NDEBUG
    if (filled)
        memset(memory, FREE_FILL, size);
#endif
    ASAN_POISON_MEMORY_REGION(memory, size);
    (void)filled;
}

void mapproc_slab_permit_access(void *memory, size_t size, bool filled)
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
 * Within the range nothing can overflow: the loop ends at 16 MiB at the latest, and the smallest
 * objects are too few to the extent for their numbers to reach the marks.
 */
bool mapproc_slab_lay_out(struct mapproc_slab *slab)
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
    assert(capacity < MAPPROC_LINK_CACHED && first_offset + capacity * stride <= extent_size);

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
    if (!mapproc_slab_lay_out(slab))
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "cannot make a slab of objects of %zu bytes aligned to %zu",
                                 object_size, alignment);
    system_error = pthread_mutex_init(&slab->lock, NULL);
    if (system_error != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL,
                                 "cannot create the lock of a slab");
    return MAPPROC_OK;
}

static void list_add(struct mapproc_slab *slab, struct mapproc_slab_extent *extent)
{
    enum mapproc_slab_list list = mapproc_slab_list_of(slab, extent->used);

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
    enum mapproc_slab_list list = mapproc_slab_list_of(slab, extent->used);

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
    if (mapproc_slab_list_of(slab, used) == mapproc_slab_list_of(slab, extent->used)) {
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
        .magic = MAPPROC_EXTENT_MAGIC,
        .slab = slab,
        .first_free = MAPPROC_LINK_LAST,
    };
    mapproc_slab_forbid_access((char *)extent + slab->first_offset,
                               slab->extent_size - slab->first_offset, false);
    list_add(slab, extent);
    slab->extents++;
    return extent;
}

/* Frees an extent that is on no list any more. */
static void extent_free(const struct mapproc_slab *slab, struct mapproc_slab_extent *extent)
{
    mapproc_slab_permit_access((char *)extent + slab->first_offset,
                               slab->extent_size - slab->first_offset, false);
    extent->magic = 0;
    free(extent);
}

void mapproc_slab_free_extents(const struct mapproc_slab *slab, struct mapproc_slab_extent *surplus)
{
    while (surplus != NULL) {
        struct mapproc_slab_extent *next = surplus->next;

        extent_free(slab, surplus);
        surplus = next;
    }
}

void mapproc_slab_destroy(struct mapproc_slab *slab)
{
    assert(slab->used == 0 && "objects are in use, or cached in a magazine");
    assert(slab->first_magazine == NULL && "a magazine was not flushed");
    mapproc_slab_free_extents(slab, slab->lists[MAPPROC_SLAB_EMPTY]);
    (void)pthread_mutex_destroy(&slab->lock);
    memset(slab, 0, sizeof(*slab));
}

void *mapproc_slab_take(struct mapproc_slab *slab, uint16_t mark, bool *used_before)
{
    struct mapproc_slab_extent *extent = slab->lists[MAPPROC_SLAB_PARTIAL];
    uint16_t number;

    if (extent == NULL)
        extent = slab->lists[MAPPROC_SLAB_EMPTY];
    if (extent == NULL)
        extent = extent_create(slab);
    if (extent == NULL)
        return NULL;

    /* The object freed last is the one most likely still in the cache. */
    number = extent->first_free;
    *used_before = number != MAPPROC_LINK_LAST;
    if (*used_before) {
        extent->first_free = atomic_load_explicit(&extent->link[number], memory_order_relaxed);
    } else {
        number = atomic_load_explicit(&extent->fresh, memory_order_relaxed);
        atomic_store_explicit(&extent->fresh, (uint16_t)(number + 1), memory_order_relaxed);
    }
    atomic_store_explicit(&extent->link[number], mark, memory_order_relaxed);
    set_used(slab, extent, extent->used + 1);
    slab->used++;
    if (slab->peak_used < slab->used)
        slab->peak_used = slab->used;
    return (char *)extent + slab->first_offset + number * slab->stride;
}

void *mapproc_slab_alloc(struct mapproc_slab *slab)
{
    bool used_before;
    void *object;

    (void)pthread_mutex_lock(&slab->lock);
    object = mapproc_slab_take(slab, MAPPROC_LINK_IN_USE, &used_before);
    if (object != NULL)
        mapproc_slab_permit_access(object, slab->object_size, used_before);
    (void)pthread_mutex_unlock(&slab->lock);
    return object;
}

bool mapproc_slab_change_mark(struct mapproc_slab_extent *extent, uint16_t number, uint16_t from,
                              uint16_t to)
{
    /* The C library does not clear old memory: what was never handed out may have any mark. Whoever
     * has an object by right has also heard of the `fresh` that came with it. */
    if (number >= atomic_load_explicit(&extent->fresh, memory_order_relaxed))
        return false;
    if (MAPPROC_MAGAZINE_CHECKED)
        return atomic_compare_exchange_strong_explicit(&extent->link[number], &from, to,
                                                       memory_order_relaxed, memory_order_relaxed);
    if (atomic_load_explicit(&extent->link[number], memory_order_relaxed) != from)
        return false;
    atomic_store_explicit(&extent->link[number], to, memory_order_relaxed);
    return true;
}

bool mapproc_slab_put(struct mapproc_slab *slab, struct mapproc_slab_extent *extent,
                      uint16_t number, uint16_t mark, struct mapproc_slab_extent **surplus)
{
    if (!mapproc_slab_change_mark(extent, number, mark, extent->first_free))
        return false;
    extent->first_free = number;
    set_used(slab, extent, extent->used - 1);
    slab->used--;
    if (slab->empty_extents > MAPPROC_SLAB_EMPTY_KEPT) {
        list_remove(slab, extent);
        slab->extents--;
        extent->next = *surplus;
        *surplus = extent;
    }
    return true;
}

void mapproc_slab_free(struct mapproc_slab *slab, void *object)
{
    struct mapproc_slab_extent *extent, *surplus = NULL;
    uint16_t number;
    bool in_use;

    if (object == NULL)
        return;
    if (!mapproc_slab_find(slab, object, &extent, &number)) {
        assert(false && "not an object of this slab");
        return;
    }

    (void)pthread_mutex_lock(&slab->lock);
    in_use = mapproc_slab_put(slab, extent, number, MAPPROC_LINK_IN_USE, &surplus);
    if (in_use)
        mapproc_slab_forbid_access(object, slab->object_size, true);
    (void)pthread_mutex_unlock(&slab->lock);

    assert(in_use && "freed twice");
    mapproc_slab_free_extents(slab, surplus);
}

void mapproc_slab_get_stats(struct mapproc_slab *slab, struct mapproc_slab_stats *stats)
{
    size_t cached = 0;

    (void)pthread_mutex_lock(&slab->lock);
    for (const struct mapproc_magazine *magazine = slab->first_magazine; magazine != NULL;
         magazine = magazine->next)
        cached += mapproc_magazine_count(magazine);

    /* An object that goes from one magazine to another meanwhile may be counted in both. */
    if (cached > slab->used)
        cached = slab->used;
    *stats = (struct mapproc_slab_stats){
        .object_size = slab->stride,
        .in_use = slab->used - cached,
        .cached = cached,
        .peak_in_use = slab->peak_used,
        .capacity = slab->extents * slab->capacity,
        .extents = slab->extents,
        .empty_extents = slab->empty_extents,
        .extent_size = slab->extent_size,
        .magazines = slab->magazines,
    };
    (void)pthread_mutex_unlock(&slab->lock);
}
