/* SPDX-License-Identifier: MIT */
/* magazine.h - a thread's own stock of a slab's objects, used without a lock. */
#ifndef MAPPROC_MEMORY_MAGAZINE_H
#define MAPPROC_MEMORY_MAGAZINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory/poison.h"
#include "memory/slab.h"

/*
 * A magazine holds some free objects. When there is none left it takes a batch from the slab, when
 * it is full it gives a batch back, under one lock each time. An object may be freed through
 * another magazine than the one it came from, or with mapproc_slab_free(); a magazine holds at most
 * MAPPROC_MAGAZINE_OBJECTS of them, and no more than one extent does.
 *
 * Thread-safety: one thread at a time uses a magazine; any number of magazines and direct users
 * share a slab.
 *
 * Misuse: builds with assertions or AddressSanitizer are checked: each object has a mark outside of
 * it, in use or cached, so that a free of anything but an object of this slab in use is noticed at
 * once, whatever way the object went before. assert() stops the program, or without assertions the
 * free is ignored. In a magazine free objects are filled and poisoned as they are in the slab.
 *
 * Other builds look at nothing before an object goes back to the slab, with its batch or by flush.
 * Then what is no object of this slab, or is free in the slab already, is dropped. Until then the
 * magazine that it was freed to can hand it out; an object freed twice can be handed out twice; and
 * mapproc_slab_free() does not notice that an object is in a magazine. Marks would cost 1 to 2 ns
 * an object there, of the 4 to 6 ns that a magazine is faster than malloc().
 */

#if !defined(NDEBUG) || MAPPROC_ASAN
#define MAPPROC_MAGAZINE_CHECKED 1
#else
#define MAPPROC_MAGAZINE_CHECKED 0
#endif

enum { MAPPROC_MAGAZINE_OBJECTS = 256 }; /* the most that one can hold */

/* A place in a magazine. */
typedef _Atomic(void *) mapproc_magazine_slot;

/*
 * All fields are private; init fills them. Aligned to a cache line, so memory for one must be too:
 * not plain malloc(). Must stay where it is until it is flushed. `top` and `end` are pointers and
 * not numbers, because gcc needs fewer instructions for them.
 */
struct mapproc_magazine {
    _Alignas(64) mapproc_magazine_slot *_Atomic top; /* where the next object goes */
    mapproc_magazine_slot *end; /* where there is no more place; objects[0] while on no list */
    struct mapproc_slab *slab;
    struct mapproc_magazine *previous; /* on the slab's list; guarded by its lock */
    struct mapproc_magazine *next;
    mapproc_magazine_slot objects[MAPPROC_MAGAZINE_OBJECTS]; /* the one freed last is the last */
};

/* Prepares an empty magazine. Takes nothing from the slab, which must outlive it or its flush. */
void mapproc_magazine_init(struct mapproc_magazine *magazine, struct mapproc_slab *slab);

/*
 * Gives all objects back to the slab. After that the memory of the magazine and the slab may go in
 * any order; or the magazine may be used on as if new. Must come before the slab is destroyed.
 */
void mapproc_magazine_flush(struct mapproc_magazine *magazine);

/*
 * For the owner only: returns false if the magazine holds anything but different free objects of
 * its slab. Takes the slab's lock, and time in proportion to the objects squared and the extents.
 */
bool mapproc_magazine_check(const struct mapproc_magazine *magazine);

/* What the two below leave to magazine.c. */
void *mapproc_magazine_alloc_slowly(struct mapproc_magazine *magazine);
void mapproc_magazine_free_slowly(struct mapproc_magazine *magazine, void *object);
void mapproc_magazine_hand_out(struct mapproc_magazine *magazine, void *object);
bool mapproc_magazine_take_back(struct mapproc_magazine *magazine, void *object);

/* As mapproc_slab_alloc(). */
static inline void *mapproc_magazine_alloc(struct mapproc_magazine *magazine)
{
    mapproc_magazine_slot *top = atomic_load_explicit(&magazine->top, memory_order_relaxed);
    void *object;

    if (__builtin_expect(top == magazine->objects, 0))
        return mapproc_magazine_alloc_slowly(magazine);
    top--;
    object = atomic_load_explicit(top, memory_order_relaxed);
    atomic_store_explicit(&magazine->top, top, memory_order_release);
    if (MAPPROC_MAGAZINE_CHECKED)
        mapproc_magazine_hand_out(magazine, object);
    return object;
}

/* As mapproc_slab_free(). */
static inline void mapproc_magazine_free(struct mapproc_magazine *magazine, void *object)
{
    mapproc_magazine_slot *top = atomic_load_explicit(&magazine->top, memory_order_relaxed);

    if (object == NULL ||
        (MAPPROC_MAGAZINE_CHECKED && !mapproc_magazine_take_back(magazine, object)))
        return;
    if (__builtin_expect(top >= magazine->end, 0)) {
        mapproc_magazine_free_slowly(magazine, object);
        return;
    }
    atomic_store_explicit(top, object, memory_order_relaxed);
    atomic_store_explicit(&magazine->top, top + 1, memory_order_release);
}

#endif
