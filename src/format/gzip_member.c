/* SPDX-License-Identifier: MIT */
/* gzip_member.c - writing what is around the deflate data of a gzip member, and end marks. */
#include "format/gzip_member.h"

#include <string.h>

/* An empty deflate stream (03 00: one block of fixed codes, with its end alone), and the CRC and
 * the size of nothing. */
#define EMPTY 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0

const uint8_t mapproc_gzip_ours_end[MAPPROC_GZIP_OURS_END] = {
    0x1f, 0x8b, 8, 4,     0, 0, 0, 0, 0, 0x03, 8, 0, 'I', 'G', 4, 0, MAPPROC_GZIP_OURS_END,
    0,    0,    0, EMPTY,
};

const uint8_t mapproc_gzip_bgzf_end[MAPPROC_GZIP_BGZF_END] = {
    0x1f, 0x8b,  8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C', 2, 0, MAPPROC_GZIP_BGZF_END - 1,
    0,    EMPTY,
};

static void put_u32(uint8_t *bytes, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

void mapproc_gzip_write_ours_header(uint8_t header[MAPPROC_GZIP_OURS_HEADER], uint32_t size)
{
    memcpy(header, mapproc_gzip_ours_end, MAPPROC_GZIP_LOOK);
    put_u32(header + MAPPROC_GZIP_LOOK, size);
}

void mapproc_gzip_write_bgzf_header(uint8_t header[MAPPROC_GZIP_BGZF_HEADER], uint32_t size)
{
    memcpy(header, mapproc_gzip_bgzf_end, MAPPROC_GZIP_LOOK);
    header[MAPPROC_GZIP_LOOK] = (uint8_t)(size - 1);
    header[MAPPROC_GZIP_LOOK + 1] = (uint8_t)((size - 1) >> 8);
}

void mapproc_gzip_write_trailer(uint8_t trailer[MAPPROC_GZIP_TRAILER], uint32_t crc, uint64_t size)
{
    put_u32(trailer, crc);
    put_u32(trailer + 4, (uint32_t)size);
}

void mapproc_gzip_read_trailer(const uint8_t trailer[MAPPROC_GZIP_TRAILER], uint32_t *crc,
                               uint32_t *size)
{
    *crc = get_u32(trailer);
    *size = get_u32(trailer + 4);
}

/* The end marks, the longer first. */
static const struct {
    const uint8_t *bytes;
    size_t length;
} ends[] = {
    {mapproc_gzip_ours_end, MAPPROC_GZIP_OURS_END},
    {mapproc_gzip_bgzf_end, MAPPROC_GZIP_BGZF_END},
};

size_t mapproc_gzip_end_at_start(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (length >= ends[i].length && memcmp(data, ends[i].bytes, ends[i].length) == 0)
            return ends[i].length;
    return 0;
}

size_t mapproc_gzip_end_at_end(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (length >= ends[i].length &&
            memcmp(data + length - ends[i].length, ends[i].bytes, ends[i].length) == 0)
            return ends[i].length;
    return 0;
}

size_t mapproc_gzip_end_wanted(const struct mapproc_gzip_header *header)
{
    if (header->kind == MAPPROC_GZIP_BGZF)
        return MAPPROC_GZIP_BGZF_END;
    return header->kind == MAPPROC_GZIP_IG && header->exact ? MAPPROC_GZIP_OURS_END : 0;
}
