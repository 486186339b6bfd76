/* SPDX-License-Identifier: MIT */
/* buddy.c - a scratch arena: power-of-two blocks of 4 KiB and more out of one mapping. */

/*
 * The arena is an array of 4 KiB pages. A block of order n is 2^n pages whose first page number is
 * a multiple of 2^n; as the arena is aligned to its largest possible block, every block is aligned
 * to its own size in memory too. The two blocks that make up one of order n + 1 are buddies: their
 * page numbers differ in bit n alone. An arena that is no power of two starts as the blocks its
 * size has bits, the largest first. Here 11 pages after one allocation of a single page:
 *
 *     page    0    1    2    3    4    5    6    7    8    9    10
 *     block   [ order 3                             ] [ 1     ] [ 0 ]
 *     state   F3   .    .    .    .    .    .    .    F1   .    U0
 *
 * `state` has one byte a page: F or U (free, in use) with the order on the first page of each
 * block, "." inside. So the blocks tile the arena, each one's size is known from its address, and
 * a free of anything but the start of a block in use is recognised by one byte. `links` has a pair
 * of page numbers a page: the neighbours of a free block on the list of its order.
 *
 * alloc: the lowest set bit of `orders_free` at or above the order wanted names the smallest block
 * that is large enough; it is halved down to size, and the upper halves become free blocks.
 *
 * free: as long as the buddy is free and of the same order, the two become one.
 *
 * Both take at most one step an order. Lists are last in, first out: the block freed last is the
 * one whose memory is most likely still in the cache.
 *
 * All of this is kept outside the arena, in 9 bytes a page (0.2 %), and not in headers or in the
 * free blocks as in the textbooks, because
 * - a block of a power of two with a header is no power of two any more, or not aligned;
 * - links in free blocks would be one cache miss each, and one page fault in memory that was never
 *   touched, where 9 bytes a page are dense enough to stay in the cache;
 * - a user that writes where it must not cannot damage what the checker relies on, and the checker
 *   has no pointers to follow, only numbers that it can compare with the number of pages.
 */
#include "memory/buddy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "memory/poison.h"

/* A byte of mapproc_buddy.state: STATE_INSIDE, or one of the others + the order of the block. */
#define STATE_INSIDE 0x00
#define STATE_FREE   0x40
#define STATE_IN_USE 0x80
#define STATE_ORDER  0x1f

#define NO_PAGE UINT32_MAX

static uint8_t state_of(unsigned kind, unsigned order)
{
    return (uint8_t)(kind | order);
}

static uint32_t order_pages(unsigned order)
{
    return UINT32_C(1) << order;
}

/* The smallest order of at least `size` bytes. `size` is not 0. May be beyond any arena. */
static unsigned order_for(size_t size)
{
    if (size <= MAPPROC_BUDDY_PAGE_SIZE)
        return 0;
    return 64 - MAPPROC_BUDDY_PAGE_SHIFT - (unsigned)__builtin_clzll((unsigned long long)size - 1);
}

size_t mapproc_buddy_block_size(size_t size)
{
    if (size == 0 || size > SIZE_MAX / 2 + 1)
        return 0;
    return (size_t)MAPPROC_BUDDY_PAGE_SIZE << order_for(size);
}

static void list_add(struct mapproc_buddy *buddy, uint32_t page, unsigned order)
{
    uint32_t next = buddy->first_free[order];

    buddy->state[page] = state_of(STATE_FREE, order);
    buddy->links[page] = (struct mapproc_buddy_link){.previous = NO_PAGE, .next = next};
    if (next != NO_PAGE)
        buddy->links[next].previous = page;
    buddy->first_free[order] = page;
    buddy->orders_free |= order_pages(order);
}

/* The caller sets the page's new state. */
static void list_remove(struct mapproc_buddy *buddy, uint32_t page, unsigned order)
{
    struct mapproc_buddy_link link = buddy->links[page];

    if (link.previous != NO_PAGE)
        buddy->links[link.previous].next = link.next;
    else
        buddy->first_free[order] = link.next;
    if (link.next != NO_PAGE)
        buddy->links[link.next].previous = link.previous;
    if (buddy->first_free[order] == NO_PAGE)
        buddy->orders_free &= ~order_pages(order);
}

/* Covers all pages with the largest blocks that fit, in order of the address. */
static void carve(struct mapproc_buddy *buddy)
{
    uint32_t page = 0;

    for (unsigned order = buddy->top_order + 1; order-- > 0;) {
        buddy->first_free[order] = NO_PAGE;
        if ((buddy->pages & order_pages(order)) != 0) {
            list_add(buddy, page, order);
            page += order_pages(order);
        }
    }
    for (unsigned order = buddy->top_order + 1; order < MAPPROC_BUDDY_ORDERS; order++)
        buddy->first_free[order] = NO_PAGE;
    buddy->free_pages = buddy->pages;
}

/*
 * Maps `size` bytes at a multiple of `alignment`, a power of two. Returns NULL with errno set.
 *
 * The address space for any position is reserved without access, which costs no memory under any
 * overcommit policy, and what is not needed is given back before the rest is made usable.
 */
static unsigned char *map_aligned(size_t size, size_t alignment)
{
    size_t system_page = (size_t)sysconf(_SC_PAGESIZE);
    size_t reserved, lead, tail;
    unsigned char *reservation, *memory;

    if (alignment < system_page)
        alignment = system_page;
    if (!mapproc_round_up_size(size, system_page, &size) ||
        !mapproc_add_size(size, alignment - system_page, &reserved)) {
        errno = ENOMEM;
        return NULL;
    }
    reservation =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED)
        return NULL;
    lead = (size_t)(-(uintptr_t)reservation & (alignment - 1));
    tail = reserved - lead - size;
    memory = reservation + lead;
    if (lead > 0)
        (void)munmap(reservation, lead);
    if (tail > 0)
        (void)munmap(memory + size, tail);
    if (mprotect(memory, size, PROT_READ | PROT_WRITE) != 0) {
        int system_error = errno;

        (void)munmap(memory, size);
        errno = system_error;
        return NULL;
    }

    /* Scratch is filled from end to end: huge pages save faults and TLB misses. Where there are
     * none, all works the same. */
    (void)madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

int mapproc_buddy_init(struct mapproc_buddy *buddy, size_t arena_size, struct mapproc_error *error)
{
    size_t size, largest;
    int system_error;

    if (arena_size == 0 || !mapproc_round_up_size(arena_size, MAPPROC_BUDDY_PAGE_SIZE, &size) ||
        size >> MAPPROC_BUDDY_PAGE_SHIFT > UINT32_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, NULL,
                                 "cannot make a scratch arena of %zu bytes", arena_size);

    *buddy = (struct mapproc_buddy){.pages = (uint32_t)(size >> MAPPROC_BUDDY_PAGE_SHIFT)};
    buddy->top_order = 31 - (unsigned)__builtin_clz(buddy->pages);
    largest = (size_t)MAPPROC_BUDDY_PAGE_SIZE << buddy->top_order;

    buddy->state = calloc(buddy->pages, sizeof(*buddy->state));
    buddy->links = calloc(buddy->pages, sizeof(*buddy->links));
    if (buddy->state == NULL || buddy->links == NULL) {
        mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL,
                          "cannot allocate the tables of a scratch arena of %zu bytes", arena_size);
        goto free_tables;
    }
    buddy->arena = map_aligned(size, largest);
    if (buddy->arena == NULL) {
        mapproc_error_set(error, MAPPROC_FAILED, errno, NULL,
                          "cannot map a scratch arena of %zu bytes", arena_size);
        goto free_tables;
    }
    system_error = pthread_mutex_init(&buddy->lock, NULL);
    if (system_error != 0) {
        mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL,
                          "cannot create the lock of a scratch arena");
        goto unmap_arena;
    }
    carve(buddy);
    ASAN_POISON_MEMORY_REGION(buddy->arena, size);
    return MAPPROC_OK;

unmap_arena:
    (void)munmap(buddy->arena, size);
free_tables:
    free(buddy->links);
    free(buddy->state);
    memset(buddy, 0, sizeof(*buddy));
    return MAPPROC_FAILED;
}

void mapproc_buddy_destroy(struct mapproc_buddy *buddy)
{
    size_t arena_size = (size_t)buddy->pages << MAPPROC_BUDDY_PAGE_SHIFT;

    assert(buddy->blocks_in_use == 0);
    (void)pthread_mutex_destroy(&buddy->lock);
    ASAN_UNPOISON_MEMORY_REGION(buddy->arena, arena_size);
    (void)munmap(buddy->arena, arena_size);
    free(buddy->links);
    free(buddy->state);
    memset(buddy, 0, sizeof(*buddy));
}

void mapproc_buddy_get_memory(const struct mapproc_buddy *buddy, void **address, size_t *size)
{
    *address = buddy->arena;
    *size = (size_t)buddy->pages << MAPPROC_BUDDY_PAGE_SHIFT;
}

/* Takes a block off the lists. Returns its first page, or NO_PAGE. Called with the lock held. */
static uint32_t take_block(struct mapproc_buddy *buddy, unsigned order)
{
    uint32_t candidates = buddy->orders_free & ~(order_pages(order) - 1);
    unsigned found;
    uint32_t page;

    if (candidates == 0)
        return NO_PAGE;
    found = (unsigned)__builtin_ctz(candidates);
    page = buddy->first_free[found];
    list_remove(buddy, page, found);
    while (found > order) {
        found--;
        list_add(buddy, page + order_pages(found), found);
    }
    buddy->state[page] = state_of(STATE_IN_USE, order);
    buddy->free_pages -= order_pages(order);
    buddy->blocks_in_use++;
    return page;
}

void *mapproc_buddy_alloc(struct mapproc_buddy *buddy, size_t size)
{
    unsigned char *block;
    unsigned order;
    uint32_t page;

    if (size == 0)
        return NULL;
    order = order_for(size);
    if (order > buddy->top_order)
        return NULL;

    (void)pthread_mutex_lock(&buddy->lock);
    page = take_block(buddy, order);
    (void)pthread_mutex_unlock(&buddy->lock);

    if (page == NO_PAGE)
        return NULL;
    block = buddy->arena + ((size_t)page << MAPPROC_BUDDY_PAGE_SHIFT);
    ASAN_UNPOISON_MEMORY_REGION(block, size);
    return block;
}

/* Puts a block in use back and joins it with its buddies. Called with the lock held. */
static void return_block(struct mapproc_buddy *buddy, uint32_t page, unsigned order)
{
    buddy->free_pages += order_pages(order);
    buddy->blocks_in_use--;
    for (; order < buddy->top_order; order++) {
        uint32_t other = page ^ order_pages(order);

        if (other >= buddy->pages || buddy->state[other] != state_of(STATE_FREE, order))
            break;
        list_remove(buddy, other, order);
        buddy->state[page | other] = STATE_INSIDE;
        page &= other;
    }
    list_add(buddy, page, order);
}

void mapproc_buddy_free(struct mapproc_buddy *buddy, void *block)
{
    /* Below the arena this wraps to a number beyond it. */
    size_t offset = (size_t)((uintptr_t)block - (uintptr_t)buddy->arena);
    size_t page = offset >> MAPPROC_BUDDY_PAGE_SHIFT;
    bool in_use;

    if (block == NULL)
        return;
    if (page >= buddy->pages || offset % MAPPROC_BUDDY_PAGE_SIZE != 0) {
        assert(false && "not a block of this arena");
        return;
    }

    (void)pthread_mutex_lock(&buddy->lock);
    in_use = (buddy->state[page] & STATE_IN_USE) != 0;
    if (in_use) {
        unsigned order = buddy->state[page] & STATE_ORDER;

        ASAN_POISON_MEMORY_REGION(block, (size_t)MAPPROC_BUDDY_PAGE_SIZE << order);
        return_block(buddy, (uint32_t)page, order);
    }
    (void)pthread_mutex_unlock(&buddy->lock);

    assert(in_use && "freed twice, or not the start of a block");
    (void)in_use;
}

void mapproc_buddy_get_stats(struct mapproc_buddy *buddy, struct mapproc_buddy_stats *stats)
{
    uint32_t largest = 0;

    (void)pthread_mutex_lock(&buddy->lock);
    if (buddy->orders_free != 0)
        largest = order_pages(31 - (unsigned)__builtin_clz(buddy->orders_free));
    *stats = (struct mapproc_buddy_stats){
        .arena_size = (size_t)buddy->pages << MAPPROC_BUDDY_PAGE_SHIFT,
        .free_size = (size_t)buddy->free_pages << MAPPROC_BUDDY_PAGE_SHIFT,
        .largest_free = (size_t)largest << MAPPROC_BUDDY_PAGE_SHIFT,
        .blocks_in_use = buddy->blocks_in_use,
    };
    if (buddy->free_pages != 0)
        stats->fragmentation = 1000 - (unsigned)(largest * UINT64_C(1000) / buddy->free_pages);
    (void)pthread_mutex_unlock(&buddy->lock);
}

/*
 * Walks the blocks from the first page to the last. Counts the free ones of each order, checks that
 * they tile the arena and that no two free buddies were left apart, and checks the two totals.
 */
static bool check_pages(const struct mapproc_buddy *buddy, uint32_t free_blocks[])
{
    uint64_t free_pages = 0, blocks_in_use = 0;
    uint32_t page = 0;

    while (page < buddy->pages) {
        uint8_t state = buddy->state[page];
        unsigned order = state & STATE_ORDER;
        uint32_t size = order_pages(order);

        if (page % size != 0 || size > buddy->pages - page)
            return false;
        if (state == state_of(STATE_FREE, order)) {
            if ((page & size) != 0 && buddy->state[page ^ size] == state)
                return false;
            free_blocks[order]++;
            free_pages += size;
        } else if (state == state_of(STATE_IN_USE, order)) {
            blocks_in_use++;
        } else {
            return false;
        }
        for (uint32_t inside = 1; inside < size; inside++) {
            if (buddy->state[page + inside] != STATE_INSIDE)
                return false;
        }
        page += size;
    }
    return buddy->free_pages == free_pages && buddy->blocks_in_use == blocks_in_use;
}

/*
 * Walks the list of one order: all of its free blocks and nothing else, linked both ways. A circle
 * would never end, but the links back cannot fit one.
 */
static bool check_list(const struct mapproc_buddy *buddy, unsigned order, uint32_t free_blocks)
{
    uint32_t previous = NO_PAGE, count = 0;

    for (uint32_t page = buddy->first_free[order]; page != NO_PAGE;
         previous = page, page = buddy->links[page].next) {
        if (page >= buddy->pages || buddy->state[page] != state_of(STATE_FREE, order) ||
            buddy->links[page].previous != previous)
            return false;
        count++;
    }
    return count == free_blocks && ((buddy->orders_free >> order) & 1) == (count > 0);
}

static bool check_all(const struct mapproc_buddy *buddy)
{
    uint32_t free_blocks[MAPPROC_BUDDY_ORDERS] = {0};
    size_t largest;

    if (buddy->pages == 0 || buddy->top_order != 31 - (unsigned)__builtin_clz(buddy->pages))
        return false;
    largest = (size_t)MAPPROC_BUDDY_PAGE_SIZE << buddy->top_order;
    if (buddy->arena == NULL || ((uintptr_t)buddy->arena & (largest - 1)) != 0)
        return false;
    if (!check_pages(buddy, free_blocks))
        return false;
    for (unsigned order = 0; order < MAPPROC_BUDDY_ORDERS; order++) {
        if (!check_list(buddy, order, free_blocks[order]))
            return false;
    }
    return true;
}

bool mapproc_buddy_check(struct mapproc_buddy *buddy)
{
    bool sound;

    (void)pthread_mutex_lock(&buddy->lock);
    sound = check_all(buddy);
    (void)pthread_mutex_unlock(&buddy->lock);
    return sound;
}
