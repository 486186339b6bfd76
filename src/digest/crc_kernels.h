/* SPDX-License-Identifier: MIT */
/* crc_kernels.h - CRC-32 and CRC-32C of bytes on one core, by the best code that the build found.
 *
 * Either crc_kernels_isal.c or crc_kernels_own.c is compiled.
 */
#ifndef MAPPROC_DIGEST_CRC_KERNELS_H
#define MAPPROC_DIGEST_CRC_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* To be called before any of the others. Thread-safe, any number of times. */
void mapproc_crc_kernels_prepare(void);

/* The CRC of a piece with the CRC `crc` (0 if it is empty) and `length` bytes behind it. */
uint32_t mapproc_crc32_extend(uint32_t crc, const uint8_t *data, size_t length);
uint32_t mapproc_crc32c_extend(uint32_t crc, const uint8_t *data, size_t length);

/* Which code that is, for people: "libisal 2.30.0". Constant strings; need no preparation. */
const char *mapproc_crc32_kernel(void);
const char *mapproc_crc32c_kernel(void);

#endif
