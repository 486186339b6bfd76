/* SPDX-License-Identifier: MIT */
/* gunzip_member.h - zlib as the oracle of gzip members. */
#ifndef MAPPROC_TESTS_GUNZIP_MEMBER_H
#define MAPPROC_TESTS_GUNZIP_MEMBER_H

/* Include cmocka_all.h first. */
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* Inflates one gzip member by zlib, which checks its CRC and size. Returns the bytes it has. */
static inline size_t gunzip_member(const uint8_t *member, size_t size, uint8_t *out, size_t room,
                                   size_t *made)
{
    z_stream stream = {0};
    size_t used;

    assert_int_equal(inflateInit2(&stream, 16 + 15), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)member;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    used = size - stream.avail_in;
    *made = room - stream.avail_out;
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return used;
}

#endif
