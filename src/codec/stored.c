/* SPDX-License-Identifier: MIT */
/* stored.c - deflate that does not compress. */
#include "codec/stored.h"

#include <string.h>

#include "base/checked.h"

size_t mapproc_stored_size(size_t length)
{
    size_t blocks = length / MAPPROC_STORED_BLOCK + (length % MAPPROC_STORED_BLOCK != 0);
    size_t size;

    if (blocks == 0)
        blocks = 1;
    return mapproc_add_size(length, blocks * MAPPROC_STORED_HEADER, &size) ? size : 0;
}

/* RFC 1951, 3.2.4: the bit of the last block, two bits 0, padding; then the length and its
 * complement, the low byte first. */
void mapproc_stored_write_header(uint8_t header[MAPPROC_STORED_HEADER], size_t length, bool last)
{
    header[0] = last ? 1 : 0;
    header[1] = (uint8_t)(length & 0xff);
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)~header[1];
    header[4] = (uint8_t)~header[2];
}

size_t mapproc_stored_write(const uint8_t *data, size_t length, uint8_t *out)
{
    uint8_t *at = out;
    size_t block;

    do {
        block = (size_t)mapproc_min_u64(length, MAPPROC_STORED_BLOCK);
        mapproc_stored_write_header(at, block, block == length);
        at += MAPPROC_STORED_HEADER;
        if (block > 0) /* data may be NULL */
            memcpy(at, data, block);
        at += block;
        data += block;
        length -= block;
    } while (length > 0);
    return (size_t)(at - out);
}
