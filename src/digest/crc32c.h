/* SPDX-License-Identifier: MIT */
/* crc32c.h - CRC-32C on one core without a library. */
#ifndef MAPPROC_DIGEST_CRC32C_H
#define MAPPROC_DIGEST_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

struct mapproc_crc32c_kernel {
    const char *name; /* for people */

    /* The CRC of a piece with the CRC `crc` (0 if it is empty) and `length` bytes behind it. */
    uint32_t (*extend)(uint32_t crc, const uint8_t *data, size_t length);
};

/*
 * The variant for a level, which must be one that this CPU has. Never NULL. Thread-safe; the first
 * call for a level may fill a table under a lock.
 */
const struct mapproc_crc32c_kernel *mapproc_crc32c_kernel_at(enum mapproc_cpu_level level);

#endif
