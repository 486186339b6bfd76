/* SPDX-License-Identifier: MIT */
/* isal_codec.c - deflate by ISA-L, the fastest where size matters less.
 *
 * Its levels 1 and 2 make the same bytes with all instruction sets from SSE4.2 on, which every
 * x86-64 CPU has had since 2011; its code for CPUs without finds other matches, so there the codec
 * is not offered, and neither on other architectures, where that was not looked into. Its level 3
 * makes other bytes with SSE, with AVX2 and with AVX-512, and is not offered anywhere. Looked at
 * with 2.30 under QEMU as Nehalem, Sandy Bridge and Haswell, and on a CPU with AVX-512.
 *
 * The code for the inside of a stream, where it comes upon the very first byte, hashes bits 16 to
 * 47 of the address of its own struct instead of the third byte and those behind it. One entry of
 * the hash table is then wrong, and once in some thousand short streams another match is found,
 * depending on where the struct lies. The code for the end of a block does the first byte right, so
 * the first bytes are made a block of their own, which costs some 10 bytes.
 */
#include <isa-l.h>
#include <stdlib.h>

#include "base/checked.h"
#include "codec/codec.h"
#include "codec/isal_version.h"

/* Bytes for its hash table, and for the symbols of one block: 64 Ki of them. */
_Static_assert(ISAL_DEF_LVL1_LARGE >= ISAL_DEF_LVL1_MIN &&
                   ISAL_DEF_LVL2_LARGE >= ISAL_DEF_LVL1_LARGE,
               "the memory of level 2 is enough for both");
enum {
    LEVEL_MEMORY = ISAL_DEF_LVL2_LARGE,
    ALIGNMENT = 64,
    FIRST_BLOCK = 4, /* bytes: the fewest of which it hashes the first */
};

struct compressor {
    struct isal_zstream stream;
    _Alignas(ALIGNMENT) uint8_t level_memory[LEVEL_MEMORY];
    int level;
};

static const char *version(void)
{
    return MAPPROC_ISAL_VERSION;
}

static bool available(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
#else
    return false;
#endif
}

static void *compressor_new(int level)
{
    struct compressor *compressor = aligned_alloc(ALIGNMENT, sizeof(*compressor));

    if (compressor != NULL)
        compressor->level = level;
    return compressor;
}

/* Goes on with so many bytes more, and then flushes or ends. False if they do not fit. */
static bool go_on(struct isal_zstream *stream, size_t length, bool last)
{
    stream->avail_in = (uint32_t)length;
    stream->end_of_stream = last;
    stream->flush = last ? NO_FLUSH : SYNC_FLUSH;
    return isal_deflate(stream) == COMP_OK && stream->avail_in == 0;
}

static size_t compress(void *memory, const uint8_t *data, size_t length, uint8_t *out,
                       size_t capacity)
{
    struct compressor *compressor = memory;
    struct isal_zstream *stream = &compressor->stream;
    size_t first = length > FIRST_BLOCK ? FIRST_BLOCK : 0;

    if (length > MAPPROC_CODEC_DATA_MAX)
        return 0;
    isal_deflate_init(stream);
    stream->level = (uint32_t)compressor->level;
    stream->level_buf = compressor->level_memory;
    stream->level_buf_size = LEVEL_MEMORY;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->next_in = (uint8_t *)(uintptr_t)data; /* only read, though it is not const there */
    stream->next_out = out;
    stream->avail_out = (uint32_t)mapproc_min_u64(capacity, UINT32_MAX);
    if ((first != 0 && !go_on(stream, first, false)) || !go_on(stream, length - first, true) ||
        stream->internal_state.state != ZSTATE_END)
        return 0;
    return stream->total_out;
}

static void *decompressor_new(void)
{
    return malloc(sizeof(struct inflate_state));
}

static enum mapproc_inflate_result decompress(void *decompressor, const uint8_t *data,
                                              size_t length, uint8_t *out, size_t capacity,
                                              size_t *used, size_t *made)
{
    struct inflate_state *state = decompressor;
    int result;

    isal_inflate_init(state);
    state->next_in = (uint8_t *)(uintptr_t)data;
    state->avail_in = (uint32_t)mapproc_min_u64(length, UINT32_MAX);
    state->next_out = out;
    state->avail_out = (uint32_t)mapproc_min_u64(capacity, UINT32_MAX);
    result = isal_inflate_stateless(state);
    if (result == ISAL_OUT_OVERFLOW)
        return MAPPROC_INFLATE_NO_ROOM;
    if (result != ISAL_DECOMP_OK || state->block_state != ISAL_BLOCK_FINISH)
        return MAPPROC_INFLATE_BAD;
    *used = (size_t)(state->next_in - data);
    *made = state->total_out;
    return MAPPROC_INFLATE_OK;
}

const struct mapproc_codec mapproc_codec_isal = {
    .name = "isal",
    .version = version,
    .available = available,
    .level_min = 1,
    .level_max = 2,
    .compressor_new = compressor_new,
    .compressor_free = free,
    .compress = compress,
    .decompressor_new = decompressor_new,
    .decompressor_free = free,
    .decompress = decompress,
};
