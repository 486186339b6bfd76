/* SPDX-License-Identifier: MIT */
/* region.c - memory to measure with: huge pages if possible, on the nodes that are asked for. */
#include "bench/region.h"

#include <errno.h>
#include <numaif.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"

enum {
    STEP = 1 << 20, /* bytes between two looks at whether to stop */
};

int mapproc_bench_region_open(struct mapproc_bench_region *region, size_t size,
                              struct mapproc_error *error)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, NULL,
                                 "cannot map %zu bytes to measure with", size);
    (void)madvise(memory, size, MADV_HUGEPAGE); /* where there are none, it works the same */
    *region = (struct mapproc_bench_region){.memory = memory, .size = size};
    return MAPPROC_OK;
}

void mapproc_bench_region_close(struct mapproc_bench_region *region)
{
    if (region->memory != NULL)
        (void)munmap(region->memory, region->size);
    *region = (struct mapproc_bench_region){0};
}

int mapproc_bench_region_bind(const struct mapproc_bench_region *region, const int *numbers,
                              size_t count)
{
    const size_t bits = 8 * sizeof(unsigned long);
    unsigned long *mask;
    size_t words = 1;
    int result;

    for (size_t i = 0; i < count; i++)
        if ((size_t)numbers[i] / bits + 1 > words)
            words = (size_t)numbers[i] / bits + 1;
    mask = calloc(words, sizeof(*mask));
    if (mask == NULL)
        return ENOMEM;
    for (size_t i = 0; i < count; i++)
        mask[(size_t)numbers[i] / bits] |= 1ul << (size_t)numbers[i] % bits;
    /* The kernel takes one bit less than it is told. */
    result = mbind(region->memory, region->size, count > 1 ? MPOL_INTERLEAVE : MPOL_BIND, mask,
                   words * bits + 1, 0) == 0
                 ? 0
                 : errno;
    free(mask);
    return result;
}

static int fill_part(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(context, worker->index, worker->team->threads);
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) * (worker->index + 1);

    (void)units;
    for (size_t done = 0; done < part.size; done += STEP) {
        size_t length = part.size - done < STEP ? part.size - done : STEP;

        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        for (size_t i = 0; i + sizeof(random) <= length; i += sizeof(random)) { /* xorshift64 */
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            memcpy(part.memory + done + i, &random, sizeof(random));
        }
    }
    return MAPPROC_OK;
}

int mapproc_bench_region_fill(const struct mapproc_bench_region *region,
                              struct mapproc_bench_team *team, struct mapproc_error *error)
{
    struct mapproc_bench_region all = *region;

    return mapproc_bench_team_run(team, fill_part, &all, 0, NULL, error);
}
