/* SPDX-License-Identifier: MIT */
/* crc_kernels_isal.c - CRC-32 and CRC-32C through ISA-L.
 *
 * One core of an AMD EPYC (Zen 5), 1 MiB pieces out of 256 MiB, GB/s:
 *
 *     CRC-32    ISA-L 2.30 32, libdeflate 1.14 16, zlib 1.2.13 7
 *     CRC-32C   ISA-L 2.30 34, crc32c.c 16 with SSE4.2 and 2.2 without
 */
#include <isa-l.h>

#include "digest/crc_kernels.h"

void mapproc_crc_kernels_prepare(void)
{
}

uint32_t mapproc_crc32_extend(uint32_t crc, const uint8_t *data, size_t length)
{
    return crc32_gzip_refl(crc, data, length);
}

uint32_t mapproc_crc32c_extend(uint32_t crc, const uint8_t *data, size_t length)
{
    enum { STEP = 1 << 30 }; /* bytes: the length is an int there */

    /* There the inversions before and after are the caller's business, and data is not const. */
    crc = ~crc;
    while (length > 0) {
        int step = length < STEP ? (int)length : STEP;

        crc = crc32_iscsi((unsigned char *)(uintptr_t)data, step, crc);
        data += step;
        length -= (size_t)step;
    }
    return ~crc;
}

#define TEXT_OF_VALUE(macro) #macro
#define TEXT_OF(macro)       TEXT_OF_VALUE(macro)

static const char name[] = "libisal " TEXT_OF(ISAL_MAJOR_VERSION) "." TEXT_OF(
    ISAL_MINOR_VERSION) "." TEXT_OF(ISAL_PATCH_VERSION);

const char *mapproc_crc32_kernel(void)
{
    return name;
}

const char *mapproc_crc32c_kernel(void)
{
    return name;
}
