/* SPDX-License-Identifier: MIT */
/* codec.h - what a codec is: a library that makes and reads raw deflate (RFC 1951).
 *
 * A codec works on whole buffers and knows nothing of gzip, members or files. To add one: write a
 * file with its ops, name it in codec_table.c and src/CMakeLists.txt.
 */
#ifndef MAPPROC_CODEC_CODEC_H
#define MAPPROC_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAPPROC_LEVEL_MAX = 12, /* of compression; 0 stores */
    MAPPROC_LEVEL_DEFAULT = 6,

    MAPPROC_CODEC_DATA_MAX = 1 << 30, /* bytes made into one stream, at most */
    MAPPROC_CODEC_SPARE = 64,         /* see compress() */
};

/* What became of an inflation. */
enum mapproc_inflate_result {
    MAPPROC_INFLATE_OK,      /* the stream ended where *used says, and all of it is there */
    MAPPROC_INFLATE_BAD,     /* not deflate, or cut short */
    MAPPROC_INFLATE_NO_ROOM, /* it makes more bytes than there is room for; or may, cut short */
};

struct mapproc_codec {
    const char *name; /* "libdeflate" */

    /* The version of its library, "1.14": the one loaded if it tells, else the one built with. A
     * constant string. The bytes made are the same for the same version and level. */
    const char *(*version)(void);

    /* Whether it makes the same bytes here as on other machines. NULL: always. Where it does not,
     * the codec is not in the list. */
    bool (*available)(void);

    /* Compression levels, both included; level 0 (stored) is made without a codec. */
    int level_min;
    int level_max;

    /* A compressor for one thread at a time, from the calling thread's heap; NULL without memory.
     * `level` is in the range above. Free with compressor_free(), which takes NULL too. */
    void *(*compressor_new)(int level);
    void (*compressor_free)(void *compressor);

    /*
     * Makes one complete deflate stream of `length` bytes, at most MAPPROC_CODEC_DATA_MAX. Returns
     * its bytes, or 0 if it does not fit into `capacity`; a codec may say that of a stream that
     * would have left fewer than MAPPROC_CODEC_SPARE bytes. The same input makes the same output,
     * whatever was compressed before, and whatever the capacity if it fits.
     */
    size_t (*compress)(void *compressor, const uint8_t *data, size_t length, uint8_t *out,
                       size_t capacity);

    /* A decompressor for one thread at a time; NULL without memory. Free it as above. */
    void *(*decompressor_new)(void);
    void (*decompressor_free)(void *decompressor);

    /*
     * Inflates the one complete stream that `data` begins with. *used gets its bytes and *made
     * those it made, both only if the result is OK. Never reads or writes beyond the buffers,
     * whatever the data. Of `length` and `capacity` no more than 4 GiB - 1 count.
     */
    enum mapproc_inflate_result (*decompress)(void *decompressor, const uint8_t *data,
                                              size_t length, uint8_t *out, size_t capacity,
                                              size_t *used, size_t *made);
};

/* Codec number `index`, best for inflating first, NULL past the last. zlib is always there. */
const struct mapproc_codec *mapproc_codec_at(size_t index);

/* The codec of that name, or NULL. */
const struct mapproc_codec *mapproc_codec_find(const char *name);

/*
 * The codec for a level from 1 to MAPPROC_LEVEL_MAX when the user names none, and its own level in
 * *codec_level: a choice made by measurement (see level_table.c), the same on every machine where
 * the same codecs were built in.
 */
const struct mapproc_codec *mapproc_codec_for_level(int level, int *codec_level);

/* The codec's own level for the user's level when the codec was named: the level itself, brought
 * into the codec's range. */
int mapproc_codec_clamp_level(const struct mapproc_codec *codec, int level);

#endif
