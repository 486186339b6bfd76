/* SPDX-License-Identifier: MIT */
/* cpu.h - which instruction sets the kernels may use. */
#ifndef MAPPROC_BASE_CPU_H
#define MAPPROC_BASE_CPU_H

#include "mapproc.h"

/* In rising order: a CPU of one level runs the kernels of all lower levels. */
enum mapproc_cpu_level {
    MAPPROC_CPU_BASELINE, /* what the compiler was told to build for: x86-64 with SSE2, or Arm */
    MAPPROC_CPU_AVX2,
    MAPPROC_CPU_AVX512, /* F, BW, DQ and VL */
    MAPPROC_CPU_LEVELS
};

/* "baseline", "avx2", "avx512". */
const char *mapproc_cpu_level_name(enum mapproc_cpu_level level);

/*
 * The level to use: the best that this CPU and its operating system support, or the one that the
 * environment variable MAPPROC_CPU names. MAPPROC_REFUSED if that is no level or is above what the
 * CPU has. Thread-safe; the environment is read at each call.
 */
int mapproc_cpu_level_select(enum mapproc_cpu_level *level, struct mapproc_error *error);

#endif
