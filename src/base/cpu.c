/* SPDX-License-Identifier: MIT */
/* cpu.c - which instruction sets the kernels may use. */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char *const level_names[MAPPROC_CPU_LEVELS] = {
    [MAPPROC_CPU_BASELINE] = "baseline",
    [MAPPROC_CPU_AVX2] = "avx2",
    [MAPPROC_CPU_AVX512] = "avx512",
};

const char *mapproc_cpu_level_name(enum mapproc_cpu_level level)
{
    return level_names[level];
}

static enum mapproc_cpu_level best_level(void)
{
#if defined(__x86_64__)
    /* These builtins also ask the operating system (XGETBV) whether it saves the registers. */
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return MAPPROC_CPU_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return MAPPROC_CPU_AVX2;
#endif
    return MAPPROC_CPU_BASELINE;
}

int mapproc_cpu_level_select(enum mapproc_cpu_level *level, struct mapproc_error *error)
{
    const char *forced = getenv("MAPPROC_CPU");
    enum mapproc_cpu_level best = best_level();

    *level = best;
    if (forced == NULL || *forced == '\0')
        return MAPPROC_OK;
    for (int i = 0; i < MAPPROC_CPU_LEVELS; i++) {
        if (strcmp(forced, level_names[i]) != 0)
            continue;
        if (i > (int)best)
            return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                     "MAPPROC_CPU asks for %s, but this CPU has no more than %s",
                                     level_names[i], level_names[best]);
        *level = (enum mapproc_cpu_level)i;
        return MAPPROC_OK;
    }
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                             "MAPPROC_CPU must be baseline, avx2 or avx512");
}
