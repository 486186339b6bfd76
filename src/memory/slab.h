/* SPDX-License-Identifier: MIT */
/* slab.h - objects of one size, handed out and taken back in constant time. */
#ifndef MAPPROC_MEMORY_SLAB_H
#define MAPPROC_MEMORY_SLAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

/*
 * Good for small records that come and go by the million, such as chunk descriptors. Memory comes
 * in extents of many objects each; a few empty extents are kept, further ones go back to the C
 * library at once.
 *
 * Thread-safety: every function but init and destroy may be called from any thread; an object may
 * be freed by another thread than the one that got it. One mutex a slab; a thread that gets and
 * frees many objects has a magazine of its own (magazine.h) and needs the mutex rarely.
 *
 * Misuse: an object freed twice, a pointer into the middle of an object, or an object of another
 * slab stops a debug build by assert() and is ignored by a release build. This cannot be promised
 * for a pointer that no slab ever returned, nor for an object of an extent that has gone back
 * since, nor where magazines are used without checks (magazine.h). Debug builds also fill free
 * objects and assert that nobody has written to them; AddressSanitizer builds report every access
 * to them.
 */

enum {
    MAPPROC_SLAB_EXTENT_MIN = 64 * 1024,   /* bytes; larger only for large objects */
    MAPPROC_SLAB_EXTENT_OBJECTS = 8,       /* an extent holds at least so many objects */
    MAPPROC_SLAB_EMPTY_KEPT = 2,           /* empty extents kept for the next allocations */
    MAPPROC_SLAB_OBJECT_MAX = 1024 * 1024, /* bytes; anything larger is the buddy's business */
    MAPPROC_SLAB_ALIGNMENT_MAX = 64,       /* bytes, a cache line */
};

/* Which list an extent is on follows from the number of its objects that are out. */
enum mapproc_slab_list {
    MAPPROC_SLAB_EMPTY,
    MAPPROC_SLAB_PARTIAL,
    MAPPROC_SLAB_FULL,
    MAPPROC_SLAB_LISTS,
};

/*
 * The head of an extent. Public only so that tests can damage it. Extents are aligned to their own
 * power-of-two size, so that the extent of an object is its address with the low bits cut off.
 */
struct mapproc_slab_extent {
    uint64_t magic;            /* tells an extent from memory of other origin */
    struct mapproc_slab *slab; /* the owner, to notice objects of another slab */
    struct mapproc_slab_extent *previous;
    struct mapproc_slab_extent *next;
    uint32_t used;          /* objects that are out: in use, or cached in a magazine */
    uint16_t first_free;    /* the object freed last, head of the free list */
    _Atomic uint16_t fresh; /* objects from this number on were never handed out: O(1) set-up */

    /* One entry an object: the next free object, or a mark: last of the list, in use, or cached in
     * a magazine. Being outside the objects it survives writes to freed ones, and tells a second
     * free at once. Atomic, as magazines change marks without the lock (in checked builds). */
    _Atomic uint16_t link[];
};

struct mapproc_magazine; /* see magazine.h */

/* All fields are private; init fills them. */
struct mapproc_slab {
    /* fixed by init */
    size_t object_size;  /* bytes asked for */
    size_t stride;       /* bytes from one object to the next: object_size, aligned */
    size_t extent_size;  /* bytes, a power of two */
    size_t first_offset; /* of object 0 in its extent, bytes */
    size_t alignment;    /* bytes, a power of two */
    uint64_t reciprocal; /* 2^32 / stride, rounded up: finds an object's number without dividing */
    uint32_t capacity;   /* objects per extent */

    pthread_mutex_t lock; /* guards all below, and the extents but for magic and slab */
    struct mapproc_slab_extent *lists[MAPPROC_SLAB_LISTS];
    size_t extents;
    size_t empty_extents;
    size_t used;      /* objects that are out: in use, or cached in a magazine */
    size_t peak_used; /* the most there ever were */
    struct mapproc_magazine *first_magazine;
    size_t magazines; /* on that list */
};

struct mapproc_slab_stats {
    size_t object_size;   /* bytes an object takes, with what alignment adds */
    size_t in_use;        /* objects; those cached do not count */
    size_t cached;        /* objects that are free, but in a magazine */
    size_t peak_in_use;   /* objects in use or cached, the most there ever were at one time */
    size_t capacity;      /* objects that the present extents can hold */
    size_t extents;       /* count */
    size_t empty_extents; /* of these, without any object in use or cached */
    size_t extent_size;   /* bytes each */
    size_t magazines;     /* count of those that take part at present */
};

/*
 * Prepares a slab; gets no memory yet.
 *
 * object_size  bytes, 1 to MAPPROC_SLAB_OBJECT_MAX.
 * alignment    of every object: a power of two, at most MAPPROC_SLAB_ALIGNMENT_MAX.
 *
 * Returns MAPPROC_OK, MAPPROC_REFUSED for arguments out of range, or MAPPROC_FAILED; after an
 * error there is nothing to destroy. The struct must stay where it is until it is destroyed.
 */
int mapproc_slab_init(struct mapproc_slab *slab, size_t object_size, size_t alignment,
                      struct mapproc_error *error);

/*
 * Gives all memory back. All objects must be back and all magazines flushed: asserted; in a release
 * build the extents of objects that are still out are abandoned rather than freed under their
 * users.
 */
void mapproc_slab_destroy(struct mapproc_slab *slab);

/* Returns an object with undefined contents, or NULL if there is no memory for a new extent. */
void *mapproc_slab_alloc(struct mapproc_slab *slab);

/* Takes an object back. Does nothing if `object` is NULL. */
void mapproc_slab_free(struct mapproc_slab *slab, void *object);

/*
 * Fills *stats, all of it from the same moment, but for one thing: objects that go through a
 * magazine meanwhile, without the lock, may be counted as cached where they are in use and the
 * other way round. The sum of the two is exact.
 */
void mapproc_slab_get_stats(struct mapproc_slab *slab, struct mapproc_slab_stats *stats);

/*
 * Recomputes everything the slab knows about itself from its parts. Returns false if something
 * does not fit; then no object of the slab can be trusted. Takes time in proportion to the number
 * of objects: for tests and for finding out who wrote where.
 *
 * Magazines may be in use meanwhile: each must be well formed and must hold objects that are out of
 * their extents. What only its owner can tell is left to mapproc_magazine_check().
 */
bool mapproc_slab_check(struct mapproc_slab *slab);

#endif
