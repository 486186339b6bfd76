/* SPDX-License-Identifier: MIT */
/* libdeflate_codec.c - deflate by libdeflate, the best of whole buffers in both directions. */
#include <libdeflate.h>

#include "base/checked.h"
#include "codec/codec.h"

static const char *version(void)
{
    return LIBDEFLATE_VERSION_STRING;
}

static void *compressor_new(int level)
{
    return libdeflate_alloc_compressor(level);
}

static void compressor_free(void *compressor)
{
    libdeflate_free_compressor(compressor);
}

static size_t compress(void *compressor, const uint8_t *data, size_t length, uint8_t *out,
                       size_t capacity)
{
    return length <= MAPPROC_CODEC_DATA_MAX
               ? libdeflate_deflate_compress(compressor, data, length, out, capacity)
               : 0;
}

static void *decompressor_new(void)
{
    return libdeflate_alloc_decompressor();
}

static void decompressor_free(void *decompressor)
{
    libdeflate_free_decompressor(decompressor);
}

static enum mapproc_inflate_result decompress(void *decompressor, const uint8_t *data,
                                              size_t length, uint8_t *out, size_t capacity,
                                              size_t *used, size_t *made)
{
    size_t input = (size_t)mapproc_min_u64(length, UINT32_MAX);
    size_t room = (size_t)mapproc_min_u64(capacity, UINT32_MAX);

    switch (libdeflate_deflate_decompress_ex(decompressor, data, input, out, room, used, made)) {
    case LIBDEFLATE_SUCCESS:
        return MAPPROC_INFLATE_OK;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return MAPPROC_INFLATE_NO_ROOM;
    default:
        return MAPPROC_INFLATE_BAD;
    }
}

const struct mapproc_codec mapproc_codec_libdeflate = {
    .name = "libdeflate",
    .version = version,
    .level_min = 1,
    .level_max = 12,
    .compressor_new = compressor_new,
    .compressor_free = compressor_free,
    .compress = compress,
    .decompressor_new = decompressor_new,
    .decompressor_free = decompressor_free,
    .decompress = decompress,
};
