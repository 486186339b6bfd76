/* SPDX-License-Identifier: MIT */
/* zlib_codec.c - deflate by zlib, which is on every machine. */
#include <stdlib.h>

/* Its next_in is const then. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/checked.h"
#include "codec/codec.h"

enum {
    RAW_WINDOW = -15, /* 32 KiB, neither header nor trailer */
    MEMORY_LEVEL = 8, /* zlib's own default */
};

/* A compressor and a decompressor are both a z_stream. */
static void *compressor_new(int level)
{
    z_stream *stream = calloc(1, sizeof(*stream));

    if (stream != NULL && deflateInit2(stream, level, Z_DEFLATED, RAW_WINDOW, MEMORY_LEVEL,
                                       Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void compressor_free(void *compressor)
{
    if (compressor != NULL)
        (void)deflateEnd(compressor);
    free(compressor);
}

static size_t compress_data(void *compressor, const uint8_t *data, size_t length, uint8_t *out,
                            size_t capacity)
{
    z_stream *stream = compressor;

    if (length > MAPPROC_CODEC_DATA_MAX || deflateReset(stream) != Z_OK)
        return 0;
    stream->next_in = data;
    stream->avail_in = (uInt)length;
    stream->next_out = out;
    stream->avail_out = (uInt)mapproc_min_u64(capacity, UINT32_MAX);
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? (size_t)(stream->next_out - out) : 0;
}

static void *decompressor_new(void)
{
    z_stream *stream = calloc(1, sizeof(*stream));

    if (stream != NULL && inflateInit2(stream, RAW_WINDOW) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void decompressor_free(void *decompressor)
{
    if (decompressor != NULL)
        (void)inflateEnd(decompressor);
    free(decompressor);
}

static enum mapproc_inflate_result decompress(void *decompressor, const uint8_t *data,
                                              size_t length, uint8_t *out, size_t capacity,
                                              size_t *used, size_t *made)
{
    z_stream *stream = decompressor;
    uint8_t nowhere = 0; /* it takes no NULL, even without input or room */
    int result;

    if (inflateReset(stream) != Z_OK)
        return MAPPROC_INFLATE_BAD;
    stream->next_in = length > 0 ? data : &nowhere;
    stream->avail_in = (uInt)mapproc_min_u64(length, UINT32_MAX);
    stream->next_out = capacity > 0 ? out : &nowhere;
    stream->avail_out = (uInt)mapproc_min_u64(capacity, UINT32_MAX);
    result = inflate(stream, Z_FINISH);
    if (result == Z_STREAM_END) {
        *used = (size_t)(stream->next_in - data);
        *made = (size_t)stream->total_out;
        return MAPPROC_INFLATE_OK;
    }
    return result == Z_BUF_ERROR && stream->avail_out == 0 ? MAPPROC_INFLATE_NO_ROOM
                                                           : MAPPROC_INFLATE_BAD;
}

const struct mapproc_codec mapproc_codec_zlib = {
    .name = "zlib",
    .version = zlibVersion,
    .level_min = 1,
    .level_max = 9,
    .compressor_new = compressor_new,
    .compressor_free = compressor_free,
    .compress = compress_data,
    .decompressor_new = decompressor_new,
    .decompressor_free = decompressor_free,
    .decompress = decompress,
};
