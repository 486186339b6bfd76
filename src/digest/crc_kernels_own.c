/* SPDX-License-Identifier: MIT */
/* crc_kernels_own.c - CRC-32 through zlib and CRC-32C by crc32c.c, for builds without ISA-L. */
#include <pthread.h>
#include <zlib.h>

#include "digest/crc32c.h"
#include "digest/crc_kernels.h"

static const struct mapproc_crc32c_kernel *crc32c;

static void choose(void)
{
    enum mapproc_cpu_level level;

    /* A nonsensical MAPPROC_CPU is refused where a job starts; here it means the best level. */
    (void)mapproc_cpu_level_select(&level, NULL);
    crc32c = mapproc_crc32c_kernel_at(level);
}

void mapproc_crc_kernels_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, choose);
}

uint32_t mapproc_crc32_extend(uint32_t crc, const uint8_t *data, size_t length)
{
    return (uint32_t)crc32_z(crc, data, length);
}

uint32_t mapproc_crc32c_extend(uint32_t crc, const uint8_t *data, size_t length)
{
    return crc32c->extend(crc, data, length);
}

const char *mapproc_crc32_kernel(void)
{
    return "zlib " ZLIB_VERSION;
}

const char *mapproc_crc32c_kernel(void)
{
    mapproc_crc_kernels_prepare();
    return crc32c->name;
}
