/* SPDX-License-Identifier: MIT */
/* limits.h - how much of the machine the cgroups leave to this process. */
#ifndef MAPPROC_MEMORY_LIMITS_H
#define MAPPROC_MEMORY_LIMITS_H

#include <stdint.h>

enum { MAPPROC_LIMIT_FROM_MAX = 512 }; /* bytes of a path, NUL included */

struct mapproc_limits {
    uint64_t cpu_quota; /* thousandths of a CPU, rounded up; 0 if there is none */
    uint64_t memory;    /* bytes that the tightest cgroup allows; 0 if there is none */

    /* The files that say so, "" where there is none. The names of cgroups may have any bytes: to be
     * quoted. A path that is too long ends in "...". */
    char cpu_quota_from[MAPPROC_LIMIT_FROM_MAX];
    char memory_from[MAPPROC_LIMIT_FROM_MAX];

    uint64_t machine_memory; /* bytes of RAM; 0 if nobody tells */
};

/*
 * Finds the tightest limits among the cgroups of this process and those above them, of version 2
 * (cpu.max, memory.max, memory.high) and version 1 (cpu.cfs_quota_us, memory.limit_in_bytes). Never
 * fails: what cannot be read, or makes no sense, is no limit.
 *
 * `root` is put before the paths of /proc and /sys: "", but for tests.
 */
void mapproc_limits_find(struct mapproc_limits *limits, const char *root);

/* The smaller of `usable_cpus` and the quota rounded up to whole CPUs; at least 1. */
unsigned mapproc_limits_default_threads(const struct mapproc_limits *limits, unsigned usable_cpus);

#endif
