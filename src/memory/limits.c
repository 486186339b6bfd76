/* SPDX-License-Identifier: MIT */
/* limits.c - how much of the machine the cgroups leave to this process. */
#include "memory/limits.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/size_text.h"
#include "base/text_file.h"
#include "memory/cgroup.h"
#include "memory/meminfo.h"

enum {
    CONTROL_MAX = 256,     /* bytes of a control file */
    MEMINFO_MAX = 1 << 16, /* bytes of /proc/meminfo */
    PERIOD_DEFAULT = 100000,
};

/* In version 1 "no limit" is a number: the largest that the kernel can count in pages. */
#define UNLIMITED_LEAST (UINT64_C(1) << 62)

/* Reads a file of a cgroup, whose path is left in `path` of PATH_MAX bytes. NULL if there is none.
 */
static char *read_control(const char *directory, const char *name, char *path)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    char *text;

    if (length < 0 || length >= PATH_MAX)
        return NULL;
    text = mapproc_text_file_read(path, CONTROL_MAX);
    if (text != NULL)
        text[strcspn(text, "\n")] = '\0';
    return text;
}

/* Reads a file that is one number. False if it is something else, such as "max" or "-1". */
static bool read_number(const char *directory, const char *name, char *path, uint64_t *number)
{
    char *text = read_control(directory, name, path);
    bool found = text != NULL && mapproc_number_parse(text, 0, UINT64_MAX, number);

    free(text);
    return found;
}

/* Makes a value the limit if it is tighter than what there was. */
static void tighten(uint64_t *limit, char *from, uint64_t value, const char *path)
{
    if (*limit != 0 && *limit <= value)
        return;
    *limit = value;
    if (snprintf(from, MAPPROC_LIMIT_FROM_MAX, "%s", path) >= MAPPROC_LIMIT_FROM_MAX)
        memcpy(from + MAPPROC_LIMIT_FROM_MAX - 4, "...", 4);
}

/* `quota` and `period` are in the same unit of time. */
static void take_quota(struct mapproc_limits *limits, uint64_t quota, uint64_t period,
                       const char *path)
{
    uint64_t thousandths;

    if (quota == 0 || period == 0 || !mapproc_multiply_u64(quota, 1000, &thousandths))
        return;
    tighten(&limits->cpu_quota, limits->cpu_quota_from,
            thousandths / period + (thousandths % period != 0), path);
}

static void take_memory(struct mapproc_limits *limits, uint64_t size, const char *path)
{
    if (size < UNLIMITED_LEAST)
        tighten(&limits->memory, limits->memory_from, size > 0 ? size : 1, path);
}

/* "50000 100000" or "max 100000": quota and period. */
static void look_at_cpu_max(struct mapproc_limits *limits, const char *directory)
{
    char path[PATH_MAX];
    char *text = read_control(directory, "cpu.max", path);
    const char *p = text;
    uint64_t quota, period = PERIOD_DEFAULT;

    if (p != NULL && mapproc_digits_parse(&p, &quota) &&
        (*p == '\0' || (*p == ' ' && mapproc_number_parse(p + 1, 1, UINT64_MAX, &period))))
        take_quota(limits, quota, period, path);
    free(text);
}

static void look_at_memory(struct mapproc_limits *limits, const char *directory, const char *name)
{
    char path[PATH_MAX];
    uint64_t size;

    if (read_number(directory, name, path, &size))
        take_memory(limits, size, path);
}

static void look_at_v2(struct mapproc_limits *limits, const char *directory)
{
    look_at_cpu_max(limits, directory);
    look_at_memory(limits, directory, "memory.max");
    look_at_memory(limits, directory, "memory.high");
}

static void look_at_v1_cpu(struct mapproc_limits *limits, const char *directory)
{
    char path[PATH_MAX];
    uint64_t quota, period;

    if (read_number(directory, "cpu.cfs_period_us", path, &period) &&
        read_number(directory, "cpu.cfs_quota_us", path, &quota))
        take_quota(limits, quota, period, path);
}

static void look_at_v1_memory(struct mapproc_limits *limits, const char *directory)
{
    look_at_memory(limits, directory, "memory.limit_in_bytes");
}

static void look(void *user, enum mapproc_cgroup_kind kind, const char *directory)
{
    static void (*const lookers[])(struct mapproc_limits * limits, const char *directory) = {
        [MAPPROC_CGROUP_V2] = look_at_v2,
        [MAPPROC_CGROUP_V1_CPU] = look_at_v1_cpu,
        [MAPPROC_CGROUP_V1_MEMORY] = look_at_v1_memory,
    };

    lookers[kind](user, directory);
}

static uint64_t find_machine_memory(const char *root)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    char *text = NULL;
    uint64_t size = 0;

    if (length >= 0 && (size_t)length < sizeof(path))
        text = mapproc_text_file_read(path, MEMINFO_MAX);
    if (text != NULL)
        size = mapproc_meminfo_size(text, "MemTotal");
    free(text);
    return size != 0 ? size : mapproc_machine_memory();
}

void mapproc_limits_find(struct mapproc_limits *limits, const char *root)
{
    *limits = (struct mapproc_limits){.machine_memory = find_machine_memory(root)};
    mapproc_cgroup_walk(root, look, limits);
}

unsigned mapproc_limits_default_threads(const struct mapproc_limits *limits, unsigned usable_cpus)
{
    uint64_t threads = usable_cpus;

    if (limits->cpu_quota != 0)
        threads = mapproc_min_u64(threads, (limits->cpu_quota - 1) / 1000 + 1);
    return threads > 0 ? (unsigned)threads : 1;
}
