/* SPDX-License-Identifier: MIT */
/* gzip_member.h - writing what is around the deflate data of a gzip member, and end marks.
 *
 * Our members:  1f 8b 08 04  00000000  00 03 | 08 00 | 'I' 'G' 04 00, u32 LE size of the member
 * BGZF members: 1f 8b 08 04  00000000  00 ff | 06 00 | 'B' 'C' 02 00, u16 LE size of it less one
 *
 * then deflate, CRC-32 and the size of the data modulo 2^32, both u32 LE (RFC 1952).
 */
#ifndef MAPPROC_FORMAT_GZIP_MEMBER_H
#define MAPPROC_FORMAT_GZIP_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/gzip_header.h"

enum {
    MAPPROC_GZIP_OURS_HEADER = 20, /* bytes */
    MAPPROC_GZIP_BGZF_HEADER = 18,
    MAPPROC_GZIP_OURS_END = 30, /* bytes of the end marks */
    MAPPROC_GZIP_BGZF_END = 28,
    MAPPROC_GZIP_END_MAX = 30,
    MAPPROC_BGZF_MEMBER_MAX = 65536, /* bytes of a member */
    MAPPROC_BGZF_DATA_MAX = 65280,   /* bytes of data in it, as htslib fills it */
};

/* Members without data that stand at the end of a file, so that one cut short can be told. */
extern const uint8_t mapproc_gzip_ours_end[MAPPROC_GZIP_OURS_END];
extern const uint8_t mapproc_gzip_bgzf_end[MAPPROC_GZIP_BGZF_END];

/* Writes our header of a member of `size` bytes in all, header and trailer included. */
void mapproc_gzip_write_ours_header(uint8_t header[MAPPROC_GZIP_OURS_HEADER], uint32_t size);

/* The same for BGZF. `size` is at most MAPPROC_BGZF_MEMBER_MAX. */
void mapproc_gzip_write_bgzf_header(uint8_t header[MAPPROC_GZIP_BGZF_HEADER], uint32_t size);

/* Writes the trailer of a member with `size` bytes of data, of which the low 32 bits count. */
void mapproc_gzip_write_trailer(uint8_t trailer[MAPPROC_GZIP_TRAILER], uint32_t crc, uint64_t size);

/* *size gets the size modulo 2^32. */
void mapproc_gzip_read_trailer(const uint8_t trailer[MAPPROC_GZIP_TRAILER], uint32_t *crc,
                               uint32_t *size);

/* Bytes of the end mark, of either kind, that `data` begins with: 28, 30, or 0 if it is none. */
size_t mapproc_gzip_end_at_start(const uint8_t *data, size_t length);

/* The same for the end mark that `data` ends with. */
size_t mapproc_gzip_end_at_end(const uint8_t *data, size_t length);

/* Bytes of the end mark that a file must have whose first member has this header; 0: none. */
size_t mapproc_gzip_end_wanted(const struct mapproc_gzip_header *header);

#endif
