/* SPDX-License-Identifier: MIT */
/* crc_reference.h - any reflected 32-bit CRC, from its definition. */
#ifndef MAPPROC_TESTS_CRC_REFERENCE_H
#define MAPPROC_TESTS_CRC_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_REFLECTED  UINT32_C(0xedb88320)
#define CRC32C_REFLECTED UINT32_C(0x82f63b78)

/* The CRC of a piece with the CRC `crc` and `size` bytes behind it. What a byte's bits do is found
 * bit by bit, once for each of its values. */
static inline uint32_t crc_reference(uint32_t reflected, uint32_t crc, const uint8_t *data,
                                     size_t size)
{
    uint32_t table[256];

    for (uint32_t byte = 0; byte < 256; byte++) {
        table[byte] = byte;
        for (int bit = 0; bit < 8; bit++)
            table[byte] = (table[byte] & 1) != 0 ? table[byte] >> 1 ^ reflected : table[byte] >> 1;
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
    return ~crc;
}

#endif
