/* SPDX-License-Identifier: MIT */
/* mapping.c - windows of a file in memory. */
#include "input/mapping.h"

#include <errno.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "input/fault_guard.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

/*
 * Finds a free place for `length` bytes at a multiple of MAPPROC_MAPPING_ALIGNMENT, because not
 * every file system aligns its mappings by itself. Only a hint: if somebody takes the place before
 * it is used, the kernel chooses another. NULL if there is none.
 */
static void *find_aligned_place(size_t length)
{
    uintptr_t place;
    size_t padded;
    void *probe;

    if (length < MAPPROC_MAPPING_ALIGNMENT ||
        !mapproc_add_size(length, MAPPROC_MAPPING_ALIGNMENT, &padded))
        return NULL;
    probe = mmap(NULL, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        return NULL;
    (void)munmap(probe, padded);
    place = (uintptr_t)probe + (-(uintptr_t)probe % MAPPROC_MAPPING_ALIGNMENT);
    return (void *)place;
}

int mapproc_mapping_open(struct mapproc_mapping *mapping, const struct mapproc_source *source,
                         uint64_t offset, uint64_t end, bool apart, struct mapproc_error *error)
{
    uint64_t begin = mapproc_round_down(offset, MAPPROC_MAPPING_ALIGNMENT);
    size_t length = (size_t)(end - begin);
    void *address;
    bool huge;

    if (end - begin > SIZE_MAX)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, source->path, "cannot map");
    address =
        mmap(find_aligned_place(length), length, PROT_READ, MAP_SHARED, source->fd, (off_t)begin);
    if (address == MAP_FAILED)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path, "cannot map");
    /* Before the first touch: that is when the page cache decides on the size of its folios. The
     * kernel may know none of these; everything works without. */
    huge = madvise(address, length, MADV_HUGEPAGE) == 0;
    /* With huge pages "random" still reads the whole one that is touched, in one piece, and nothing
     * else; without them it would read page by page. */
    if (!apart || huge)
        (void)madvise(address, length, apart ? MADV_RANDOM : MADV_SEQUENTIAL);
    *mapping = (struct mapproc_mapping){.address = address, .offset = begin, .length = length};
    return MAPPROC_OK;
}

void mapproc_mapping_close(struct mapproc_mapping *mapping)
{
    (void)munmap((void *)(uintptr_t)mapping->address, mapping->length);
    mapping->address = NULL;
    mapping->length = 0;
}

void mapproc_mapping_populate(const uint8_t *data, size_t length)
{
    size_t before = (uintptr_t)data % (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *begin = (uint8_t *)(uintptr_t)data - before;

    (void)madvise(begin, length + before, MADV_POPULATE_READ);
}

static void touch(void *byte)
{
    (void)*(const volatile uint8_t *)byte;
}

int mapproc_mapping_find_node(const uint8_t *byte)
{
    uintptr_t address = (uintptr_t)byte;
    void *page = (void *)(address - address % (size_t)sysconf(_SC_PAGESIZE));
    size_t fault;
    int node;

    /* A page that this process has not touched yet is unknown to move_pages(). */
    if (!mapproc_fault_guard_run(page, 1, touch, page, &fault) ||
        move_pages(0, 1, &page, NULL, &node, 0) != 0 || node < 0) /* a negative one is an errno */
        return -1;
    return node;
}
