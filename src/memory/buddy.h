/* SPDX-License-Identifier: MIT */
/* buddy.h - a scratch arena: power-of-two blocks of 4 KiB and more out of one mapping. */
#ifndef MAPPROC_MEMORY_BUDDY_H
#define MAPPROC_MEMORY_BUDDY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

/*
 * Good for the large short-lived buffers of a job: its size is fixed, so it is the bound of what
 * all of them can take, and pages once touched stay with it, so no buffer is faulted in twice.
 * Every block is aligned to its own size.
 *
 * Thread-safety: every function but init and destroy may be called from any thread; a block may be
 * freed by another thread than the one that got it. One mutex an arena.
 *
 * Misuse: freeing what is not the start of a block in use (freed twice, foreign, misaligned) stops
 * a debug build by assert() and is ignored by a release build. AddressSanitizer builds report every
 * access to free memory and behind the bytes asked for.
 */

enum {
    MAPPROC_BUDDY_PAGE_SHIFT = 12,
    MAPPROC_BUDDY_PAGE_SIZE = 1 << MAPPROC_BUDDY_PAGE_SHIFT, /* bytes of the smallest block */
    MAPPROC_BUDDY_ORDERS = 32, /* block sizes: order n has 2^n pages; page numbers have 32 bits */
};

/* Neighbours on the free list of an order, by page number. Means something for free blocks only. */
struct mapproc_buddy_link {
    uint32_t previous;
    uint32_t next;
};

/* All fields are private; init fills them. */
struct mapproc_buddy {
    /* fixed by init */
    unsigned char *arena;
    uint32_t pages;
    unsigned top_order; /* of the largest block that fits */

    pthread_mutex_t lock;                      /* guards all below */
    uint8_t *state;                            /* one byte a page, see buddy.c */
    struct mapproc_buddy_link *links;          /* one a page */
    uint32_t first_free[MAPPROC_BUDDY_ORDERS]; /* page number of the block freed last */
    uint32_t orders_free;                      /* bit n: order n has a free block */
    uint32_t free_pages;
    uint32_t blocks_in_use;
};

struct mapproc_buddy_stats {
    size_t arena_size;      /* bytes */
    size_t free_size;       /* bytes in free blocks */
    size_t largest_free;    /* bytes of the largest free block: the most that can be had at once */
    size_t blocks_in_use;   /* count */
    unsigned fragmentation; /* per mille of the free memory outside the largest free block */
};

/*
 * Maps an arena. Memory is taken from the system as it is touched, in huge pages if possible.
 *
 * arena_size  bytes, rounded up to whole pages of 4 KiB, at most 16 TiB; need not be a power of
 *             two. While it maps, up to as much again of address space is reserved.
 *
 * Returns MAPPROC_OK, MAPPROC_REFUSED for a size out of range, or MAPPROC_FAILED if there is no
 * memory; after an error there is nothing to destroy.
 */
int mapproc_buddy_init(struct mapproc_buddy *buddy, size_t arena_size, struct mapproc_error *error);

/*
 * Unmaps the arena. All blocks must be back: asserted; in a release build the memory goes away
 * under those that are not.
 */
void mapproc_buddy_destroy(struct mapproc_buddy *buddy);

/*
 * Returns a block of which the first `size` bytes may be used, with undefined contents, aligned to
 * mapproc_buddy_block_size(size). Returns NULL if `size` is 0 or no free block is large enough.
 */
void *mapproc_buddy_alloc(struct mapproc_buddy *buddy, size_t size);

/* Takes a block back. Does nothing if `block` is NULL. */
void mapproc_buddy_free(struct mapproc_buddy *buddy, void *block);

/*
 * The mapped range: *address is aligned to the largest block, *size is in bytes. Nobody has touched
 * it when init returns, so mbind() and madvise() on it decide where its pages will be. The memory
 * stays the arena's: only blocks may be read and written. Takes no lock; for any thread between
 * init and destroy.
 */
void mapproc_buddy_get_memory(const struct mapproc_buddy *buddy, void **address, size_t *size);

/*
 * The bytes of the arena that an allocation of `size` bytes takes: the next power of two, at least
 * 4 KiB. Returns 0 if `size` is 0 or there is no such number.
 */
size_t mapproc_buddy_block_size(size_t size);

/* Fills *stats, all of it from the same moment. */
void mapproc_buddy_get_stats(struct mapproc_buddy *buddy, struct mapproc_buddy_stats *stats);

/*
 * Recomputes everything the arena knows about itself from its pages. Returns false if something
 * does not fit; then no block can be trusted. Takes time in proportion to the number of pages: for
 * tests and for finding out who wrote where.
 */
bool mapproc_buddy_check(struct mapproc_buddy *buddy);

#endif
