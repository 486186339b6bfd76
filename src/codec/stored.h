/* SPDX-License-Identifier: MIT */
/* stored.h - deflate that does not compress, and finding out cheaply that nothing would. */
#ifndef MAPPROC_CODEC_STORED_H
#define MAPPROC_CODEC_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAPPROC_STORED_BLOCK = 65535, /* bytes of data in a stored block, at most */
    MAPPROC_STORED_HEADER = 5,    /* bytes before them */
};

/* Bytes of the deflate stream that stores `length` bytes; at least one block. 0 if it is more than
 * can be counted. */
size_t mapproc_stored_size(size_t length);

/* Writes the header of a stored block of `length` bytes, at most MAPPROC_STORED_BLOCK. */
void mapproc_stored_write_header(uint8_t header[MAPPROC_STORED_HEADER], size_t length, bool last);

/* Writes the whole stream to `out`, which has room for mapproc_stored_size(length) bytes. Returns
 * its bytes. */
size_t mapproc_stored_write(const uint8_t *data, size_t length, uint8_t *out);

/*
 * Whether to compress these bytes would most likely be a waste, because it would save less than
 * some 2 %: true for random, encrypted and compressed data. What it looks for, and what it cannot
 * see, is in stored_choice.c. Takes about 2 us where the data does compress, else 15 us for 64 KiB
 * and at most 250 us for any length. Depends on the bytes only, and not on the machine. Empty data
 * is better stored; under 4 KiB nothing else is.
 */
bool mapproc_stored_is_better(const uint8_t *data, size_t length);

#endif
