/* SPDX-License-Identifier: MIT */
/* page_node.c - on which NUMA node the page cache holds a byte of a source. */
#include "input/page_node.h"

#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "input/fault_guard.h"

static void touch(void *argument)
{
    (void)*(const volatile uint8_t *)argument;
}

int mapproc_page_node_find(const struct mapproc_source *source, uint64_t offset)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = mapproc_round_down(offset, page_size);
    int node = -1;
    void *page;
    size_t fault;

    if (!source->mappable || !mapproc_source_is_cached(source, offset))
        return -1;
    page = mmap(NULL, page_size, PROT_READ, MAP_SHARED, source->fd, (off_t)begin);
    if (page == MAP_FAILED)
        return -1;
    /* A page that this process has not touched yet is unknown to move_pages(). */
    if (!mapproc_fault_guard_run(page, page_size, touch, page, &fault) ||
        move_pages(0, 1, &page, NULL, &node, 0) != 0)
        node = -1;
    (void)munmap(page, page_size);
    return node < 0 ? -1 : node; /* a negative status is an errno */
}
