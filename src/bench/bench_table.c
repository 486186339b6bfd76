/* SPDX-License-Identifier: MIT */
/* bench_table.c - the list of all groups of measurements. */
#include <string.h>

#include "bench/bench.h"

extern const struct mapproc_bench_group mapproc_bench_group_alloc;
extern const struct mapproc_bench_group mapproc_bench_group_file;
extern const struct mapproc_bench_group mapproc_bench_group_numa;
extern const struct mapproc_bench_group mapproc_bench_group_digest;
extern const struct mapproc_bench_group mapproc_bench_group_codec;
extern const struct mapproc_bench_group mapproc_bench_group_chunker;

static const struct mapproc_bench_group *const groups[] = {
    &mapproc_bench_group_alloc,  &mapproc_bench_group_file,  &mapproc_bench_group_numa,
    &mapproc_bench_group_digest, &mapproc_bench_group_codec, &mapproc_bench_group_chunker,
};

const struct mapproc_bench_group *mapproc_bench_group_at(size_t index)
{
    return index < sizeof(groups) / sizeof(groups[0]) ? groups[index] : NULL;
}

const struct mapproc_bench_group *mapproc_bench_group_find(const char *name)
{
    const struct mapproc_bench_group *group;

    for (size_t i = 0; (group = mapproc_bench_group_at(i)) != NULL; i++)
        if (strcmp(name, group->name) == 0)
            return group;
    return NULL;
}
