/* SPDX-License-Identifier: MIT */
/* page_nodes.c - prints on which NUMA nodes the page cache holds the pages of a file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * page_nodes FILE STRIPE
 *
 * One line for each stripe of STRIPE MiB: the number of the stripe, the pages that are not cached,
 * and the pages on node 0, 1, and so on up to the highest node. Asking brings no page into the
 * cache, or the answer would be about this program's own node.
 */

enum { BATCH = 1024, NODES_MAX = 64 }; /* pages a call; nodes that are told apart */

struct counts {
    uint64_t absent;
    uint64_t on_node[NODES_MAX];
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "page_nodes: %s (%s)\n", what, strerror(errno));
    exit(1);
}

/* Counts `pages` pages, at most BATCH, from `start` on. */
static void count_batch(unsigned char *start, size_t pages, size_t page_size, struct counts *counts)
{
    unsigned char resident[BATCH];
    void *addresses[BATCH];
    int nodes[BATCH];
    unsigned long count = 0;

    if (mincore(start, pages * page_size, resident) != 0)
        fail("mincore");
    for (size_t i = 0; i < pages; i++) {
        volatile unsigned char *page = start + i * page_size;

        if ((resident[i] & 1) == 0) {
            counts->absent++;
            continue;
        }
        (void)*page; /* move_pages() knows only what is in this process's page tables */
        addresses[count++] = (void *)(uintptr_t)page;
    }
    if (count > 0 && move_pages(0, count, addresses, NULL, nodes, 0) != 0)
        fail("move_pages");
    for (unsigned long i = 0; i < count; i++) {
        if (nodes[i] < 0 || nodes[i] >= NODES_MAX)
            counts->absent++;
        else
            counts->on_node[nodes[i]]++;
    }
}

static void print_counts(size_t stripe, const struct counts *counts, int highest)
{
    (void)printf("%zu %" PRIu64, stripe, counts->absent);
    for (int node = 0; node <= highest && node < NODES_MAX; node++)
        (void)printf(" %" PRIu64, counts->on_node[node]);
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages, stripe_pages, stripe_size = argc == 3 ? strtoul(argv[2], NULL, 10) << 20 : 0;
    unsigned char *map;
    struct stat status;
    int fd;

    if (stripe_size == 0) {
        (void)fprintf(stderr, "usage: page_nodes FILE STRIPE-IN-MIB\n");
        return 2;
    }
    if (numa_available() < 0)
        fail("no NUMA");
    fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(argv[1]);
    map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        fail("mmap");
    if (madvise(map, (size_t)status.st_size, MADV_RANDOM) != 0) /* no reading ahead */
        fail("madvise");
    pages = ((size_t)status.st_size + page_size - 1) / page_size;
    stripe_pages = stripe_size / page_size;
    for (size_t first = 0; first < pages; first += stripe_pages) {
        size_t end = first + stripe_pages < pages ? first + stripe_pages : pages;
        struct counts counts = {0};

        for (size_t page = first; page < end; page += BATCH)
            count_batch(map + page * page_size, end - page < BATCH ? end - page : BATCH, page_size,
                        &counts);
        print_counts(first / stripe_pages, &counts, numa_max_node());
    }
    return 0;
}
