/* SPDX-License-Identifier: MIT */
/* magazine.c - a thread's own stock of a slab's objects: filling, emptying, marks. */

/*
 * Who may do what:
 *
 * - The owner pushes and pops objects without a lock. It takes the lock to move a batch, and to go
 *   onto or off the slab's list of magazines: at the first use after init or flush, and at flush.
 * - Statistics and checker look at all magazines on the list, with the lock, while the owners go
 *   on. An object that is pushed is stored before the `top` that includes it; and while somebody
 *   has the lock, no object goes back to its extent. So what they find below `top` is out of its
 *   extent, even if it is no longer, or not yet again, in the magazine.
 * - In checked builds the owner also changes the object's mark in the extent, without the lock. Of
 *   two that free the same object at the same time only one can change it from "in use". An extent
 *   with a marked object cannot go away, and the checker counts both marks the same.
 *
 * All of these are atomic; the order matters for `top` alone. An object's contents go from thread
 * to thread under the slab's lock, or in a way that the users have agreed on.
 */
#include "memory/magazine.h"

#include <assert.h>
#include <stddef.h>

#include "memory/slab_parts.h"

/*
 * Large objects must not pile up by the hundred in every thread: the limit is then what one extent
 * holds.
 */
size_t mapproc_magazine_limit(const struct mapproc_slab *slab)
{
    size_t limit = MAPPROC_MAGAZINE_OBJECTS;

    if (limit > slab->capacity)
        limit = slab->capacity;
    return limit & ~(size_t)1;
}

void mapproc_magazine_init(struct mapproc_magazine *magazine, struct mapproc_slab *slab)
{
    *magazine = (struct mapproc_magazine){
        .top = magazine->objects,
        .end = magazine->objects,
        .slab = slab,
    };
}

static bool is_listed(const struct mapproc_magazine *magazine)
{
    return magazine->end != magazine->objects;
}

/* Adds an object where there is place for one. */
static void push(struct mapproc_magazine *magazine, void *object)
{
    mapproc_magazine_slot *top = atomic_load_explicit(&magazine->top, memory_order_relaxed);

    atomic_store_explicit(top, object, memory_order_relaxed);
    atomic_store_explicit(&magazine->top, top + 1, memory_order_release);
}

/* A magazine takes part from its first use to its flush. Called with the lock held. */
static void enlist(struct mapproc_magazine *magazine)
{
    struct mapproc_slab *slab = magazine->slab;

    if (is_listed(magazine))
        return;
    magazine->end = magazine->objects + mapproc_magazine_limit(slab);
    magazine->previous = NULL;
    magazine->next = slab->first_magazine;
    if (magazine->next != NULL)
        magazine->next->previous = magazine;
    slab->first_magazine = magazine;
    slab->magazines++;
}

/* Called with the lock held. */
static void delist(struct mapproc_magazine *magazine)
{
    if (magazine->previous != NULL)
        magazine->previous->next = magazine->next;
    else
        magazine->slab->first_magazine = magazine->next;
    if (magazine->next != NULL)
        magazine->next->previous = magazine->previous;
    magazine->slab->magazines--;
    magazine->end = magazine->objects;
}

/* Fills an empty magazine by half. Returns false if there is no memory for a single object. */
static bool refill(struct mapproc_magazine *magazine)
{
    struct mapproc_slab *slab = magazine->slab;
    size_t wanted = mapproc_magazine_limit(slab) / 2, count = 0;

    (void)pthread_mutex_lock(&slab->lock);
    enlist(magazine);
    for (; count < wanted; count++) {
        bool used_before;
        void *object = mapproc_slab_take(slab, MAPPROC_MAGAZINE_MARK, &used_before);

        if (object == NULL)
            break;
        if (!used_before) {
            mapproc_slab_permit_access(object, slab->object_size, false);
            mapproc_slab_forbid_access(object, slab->object_size, true);
        }
        push(magazine, object);
    }
    (void)pthread_mutex_unlock(&slab->lock);
    return count > 0;
}

/*
 * Gives back the `number` objects that have been in the magazine for the longest, whose memory is
 * the least likely to be in the cache. Called with the lock held.
 */
static void give_back(struct mapproc_magazine *magazine, size_t number,
                      struct mapproc_slab_extent **surplus)
{
    struct mapproc_slab *slab = magazine->slab;
    size_t count = mapproc_magazine_count(magazine);

    for (size_t i = 0; i < count; i++) {
        void *object = atomic_load_explicit(&magazine->objects[i], memory_order_relaxed);
        struct mapproc_slab_extent *extent;
        uint16_t position;
        bool accepted;

        if (i >= number) {
            atomic_store_explicit(&magazine->objects[i - number], object, memory_order_relaxed);
            continue;
        }
        accepted = mapproc_slab_find(slab, object, &extent, &position) &&
                   mapproc_slab_put(slab, extent, position, MAPPROC_MAGAZINE_MARK, surplus);
        assert(accepted && "a magazine was damaged");
        (void)accepted; /* else it was freed twice or never was an object, and is forgotten */
    }
    atomic_store_explicit(&magazine->top, magazine->objects + (count - number),
                          memory_order_release);
}

void *mapproc_magazine_alloc_slowly(struct mapproc_magazine *magazine)
{
    return refill(magazine) ? mapproc_magazine_alloc(magazine) : NULL;
}

void mapproc_magazine_free_slowly(struct mapproc_magazine *magazine, void *object)
{
    struct mapproc_slab *slab = magazine->slab;
    struct mapproc_slab_extent *surplus = NULL;
    size_t limit = mapproc_magazine_limit(slab);

    (void)pthread_mutex_lock(&slab->lock);
    enlist(magazine);
    if (mapproc_magazine_count(magazine) == limit)
        give_back(magazine, limit / 2, &surplus);
    push(magazine, object);
    (void)pthread_mutex_unlock(&slab->lock);
    mapproc_slab_free_extents(slab, surplus);
}

void mapproc_magazine_flush(struct mapproc_magazine *magazine)
{
    struct mapproc_slab *slab = magazine->slab;
    struct mapproc_slab_extent *surplus = NULL;

    if (!is_listed(magazine))
        return;
    (void)pthread_mutex_lock(&slab->lock);
    give_back(magazine, mapproc_magazine_count(magazine), &surplus);
    delist(magazine);
    (void)pthread_mutex_unlock(&slab->lock);
    mapproc_slab_free_extents(slab, surplus);
}

/* See mapproc_slab_forbid_access(). */
static bool poison_needs_lock(const struct mapproc_slab *slab)
{
    return MAPPROC_ASAN && slab->alignment < 8;
}

void mapproc_magazine_hand_out(struct mapproc_magazine *magazine, void *object)
{
    struct mapproc_slab *slab = magazine->slab;
    struct mapproc_slab_extent *extent;
    uint16_t number;
    bool cached =
        mapproc_slab_find(slab, object, &extent, &number) &&
        mapproc_slab_change_mark(extent, number, MAPPROC_MAGAZINE_MARK, MAPPROC_LINK_IN_USE);

    assert(cached && "a magazine was damaged");
    (void)cached;
    if (poison_needs_lock(slab))
        (void)pthread_mutex_lock(&slab->lock);
    mapproc_slab_permit_access(object, slab->object_size, true);
    if (poison_needs_lock(slab))
        (void)pthread_mutex_unlock(&slab->lock);
}

bool mapproc_magazine_take_back(struct mapproc_magazine *magazine, void *object)
{
    struct mapproc_slab *slab = magazine->slab;
    struct mapproc_slab_extent *extent;
    uint16_t number;

    if (!mapproc_slab_find(slab, object, &extent, &number)) {
        assert(false && "not an object of this slab");
        return false;
    }
    if (!mapproc_slab_change_mark(extent, number, MAPPROC_LINK_IN_USE, MAPPROC_MAGAZINE_MARK)) {
        assert(false && "freed twice");
        return false;
    }
    if (poison_needs_lock(slab))
        (void)pthread_mutex_lock(&slab->lock);
    mapproc_slab_forbid_access(object, slab->object_size, true);
    if (poison_needs_lock(slab))
        (void)pthread_mutex_unlock(&slab->lock);
    return true;
}
