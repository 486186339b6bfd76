/* SPDX-License-Identifier: MIT */
/* xxh3.c - XXH3-64 and XXH128 of one input by any number of threads, exactly as the standard says.
 *
 * Beyond 240 bytes, XXH3 keeps eight 64-bit accumulators and eats its input in blocks of 1024
 * bytes:
 *
 *     acc after block b  =  scramble(acc before b  +  S_b)
 *
 * S_b depends on the block's data alone (xxh3_block_sums.h), so the S_b of all blocks can be made
 * in any order by anybody. They are 64 bytes for each 1024 of input, and what is left to do in
 * order, one addition and one scramble a block, runs at some 300 GB/s.
 *
 * The end of the input is different: its last block (1 to 1024 bytes) is not scrambled, and its
 * last stripe may reach back into the block before. So the state always holds back one whole block,
 * with its bytes; at the end the accumulators go into a state of libxxhash, which gets the bytes
 * held back and finishes as if it had seen everything. Short inputs never leave libxxhash.
 *
 * Blocks are counted from the start of the input, chunks need not be: a partial keeps the bytes
 * before its first block border (its head) and after its last (its tail), at most 1023 each, and
 * fold() joins a tail with the head that follows.
 *
 *     chunk   |head|  block | block | ... | block  |tail|
 *     partial  bytes    S       S            S,     bytes
 *                                          bytes
 */
#include <stdbool.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* for the members of XXH3_state_t */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cpu.h"
#include "digest/digest.h"
#include "digest/xxh3_block_sums.h"

enum { BLOCK = MAPPROC_XXH3_BLOCK, LANES = MAPPROC_XXH3_LANES };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the block sums load little-endian data");
_Static_assert(sizeof(((XXH3_state_t *)NULL)->acc) == LANES * sizeof(uint64_t), "eight lanes");
_Static_assert(XXH_SECRET_DEFAULT_SIZE == 192, "the secret that makes a block 1024 bytes");

/* A block's contribution and, for the last block of a chunk, the bytes it was made of. */
struct held_block {
    uint64_t sums[LANES];
    uint8_t bytes[BLOCK];
};

struct partial {
    mapproc_xxh3_block_sums_function *block_sums;
    uint32_t head_wanted; /* bytes up to the first block border */
    uint32_t head_length; /* of them, those that came */
    uint32_t tail_length;
    size_t blocks;          /* whole blocks */
    uint8_t head[BLOCK];    /* less than a block */
    uint8_t tail[BLOCK];    /* less than a block, after the last whole one */
    uint8_t last[BLOCK];    /* the last whole block, if blocks > 0 */
    uint64_t sums[][LANES]; /* of the whole blocks, in order */
};

struct state {
    uint64_t accumulators[LANES]; /* after all blocks before `held` */
    uint64_t folded;              /* bytes that are in the accumulators */
    bool holds;                   /* there is a held block */
    struct held_block held;
    uint32_t tail_length; /* bytes after it, less than a block */
    uint8_t tail[BLOCK];
    XXH3_state_t library;
};

static size_t xxh3_partial_size(size_t chunk_length)
{
    /* Sixteen times smaller than the chunk: cannot overflow. */
    return sizeof(struct partial) + chunk_length / BLOCK * sizeof(uint64_t[LANES]);
}

static void xxh3_partial_init(void *memory, uint64_t offset)
{
    struct partial *partial = memory;

    partial->block_sums = mapproc_xxh3_block_sums_select();
    partial->head_wanted = (uint32_t)(-offset % BLOCK);
    partial->head_length = 0;
    partial->tail_length = 0;
    partial->blocks = 0;
}

/* Adds up to `room` bytes to a buffer of `*length`; returns how many it took. */
static size_t take(uint8_t *buffer, uint32_t *length, size_t room, const uint8_t *data, size_t n)
{
    size_t taken = n < room ? n : room;

    memcpy(buffer + *length, data, taken);
    *length += (uint32_t)taken;
    return taken;
}

/* Takes bytes that are zero, as take() does. */
static size_t take_zeros(uint8_t *buffer, uint32_t *length, size_t room, size_t n)
{
    size_t taken = n < room ? n : room;

    memset(buffer + *length, 0, taken);
    *length += (uint32_t)taken;
    return taken;
}

/* All blocks of zeros have the same sums. */
static void xxh3_partial_zeros(void *memory, size_t length)
{
    struct partial *partial = memory;

    length -= take_zeros(partial->head, &partial->head_length, partial->head_wanted, length);
    partial->blocks = length / BLOCK;
    if (partial->blocks > 0) {
        memset(partial->last, 0, BLOCK);
        partial->block_sums(partial->last, 1, partial->sums[0], XXH3_kSecret);
        for (size_t i = 1; i < partial->blocks; i++)
            memcpy(partial->sums[i], partial->sums[0], sizeof(partial->sums[i]));
    }
    (void)take_zeros(partial->tail, &partial->tail_length, BLOCK, length % BLOCK);
}

static void add_blocks(struct partial *partial, const uint8_t *data, size_t blocks)
{
    partial->block_sums(data, blocks, partial->sums[partial->blocks], XXH3_kSecret);
    memcpy(partial->last, data + (blocks - 1) * BLOCK, BLOCK);
    partial->blocks += blocks;
}

static void xxh3_partial_update(void *memory, const void *input, size_t length)
{
    struct partial *partial = memory;
    const uint8_t *data = input;
    size_t n;

    if (partial->head_length < partial->head_wanted) {
        n = take(partial->head, &partial->head_length, partial->head_wanted - partial->head_length,
                 data, length);
        data += n;
        length -= n;
    }
    if (partial->tail_length > 0) {
        n = take(partial->tail, &partial->tail_length, BLOCK - partial->tail_length, data, length);
        data += n;
        length -= n;
        if (partial->tail_length == BLOCK) {
            add_blocks(partial, partial->tail, 1);
            partial->tail_length = 0;
        }
    }
    if (length >= BLOCK) {
        add_blocks(partial, data, length / BLOCK);
        data += length - length % BLOCK;
        length %= BLOCK;
    }
    if (length > 0)
        (void)take(partial->tail, &partial->tail_length, BLOCK, data, length);
}

static bool xxh3_init(const struct mapproc_digest *digest, void *memory)
{
    struct state *state = memory;

    (void)digest;
    /* The 64-bit and the 128-bit variant start alike and differ only when they finish. */
    (void)XXH3_128bits_reset(&state->library);
    memcpy(state->accumulators, state->library.acc, sizeof(state->accumulators));
    state->folded = 0;
    state->holds = false;
    state->tail_length = 0;
    return true;
}

static void fold_block(struct state *state, const uint64_t *sums)
{
    static const size_t scramble_key = XXH_SECRET_DEFAULT_SIZE - sizeof(uint64_t[LANES]);
    uint64_t key[LANES];

    memcpy(key, XXH3_kSecret + scramble_key, sizeof(key));
    for (size_t i = 0; i < LANES; i++) {
        uint64_t lane = state->accumulators[i] + sums[i];

        state->accumulators[i] = (lane ^ lane >> 47 ^ key[i]) * XXH_PRIME32_1;
    }
    state->folded += BLOCK;
}

/* Takes `blocks` whole blocks: all but the last go into the accumulators, that one is held back. */
static void hold_blocks(struct state *state, const uint64_t (*sums)[LANES], size_t blocks,
                        const uint8_t *last)
{
    if (state->holds)
        fold_block(state, state->held.sums);
    for (size_t i = 0; i + 1 < blocks; i++)
        fold_block(state, sums[i]);
    memcpy(state->held.sums, sums[blocks - 1], sizeof(state->held.sums));
    memcpy(state->held.bytes, last, BLOCK);
    state->holds = true;
}

static void fold_bytes(struct state *state, const uint8_t *data, uint32_t length)
{
    uint64_t sums[1][LANES];
    size_t n = take(state->tail, &state->tail_length, BLOCK - state->tail_length, data, length);

    if (state->tail_length < BLOCK)
        return;
    mapproc_xxh3_block_sums_select()(state->tail, 1, sums[0], XXH3_kSecret);
    hold_blocks(state, (const uint64_t(*)[LANES])sums, 1, state->tail);
    state->tail_length = 0;
    (void)take(state->tail, &state->tail_length, BLOCK, data + n, length - n);
}

static void xxh3_fold(void *memory, const void *input)
{
    struct state *state = memory;
    const struct partial *partial = input;

    fold_bytes(state, partial->head, partial->head_length);
    if (partial->blocks > 0)
        hold_blocks(state, (const uint64_t(*)[LANES])partial->sums, partial->blocks, partial->last);
    fold_bytes(state, partial->tail, partial->tail_length);
}

/* Brings libxxhash's state to where it would be had it seen all the input. */
static XXH3_state_t *hand_over(struct state *state)
{
    XXH3_state_t *library = &state->library;

    memcpy(library->acc, state->accumulators, sizeof(state->accumulators));
    library->totalLen = state->folded;
    if (state->holds)
        (void)XXH3_128bits_update(library, state->held.bytes, BLOCK);
    (void)XXH3_128bits_update(library, state->tail, state->tail_length);
    return library;
}

static bool xxh128_finish(void *memory, uint8_t *digest)
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hand_over(memory)));
    memcpy(digest, canonical.digest, sizeof(canonical.digest));
    return true;
}

static bool xxh3_finish(void *memory, uint8_t *digest)
{
    XXH64_canonical_t canonical;

    XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(hand_over(memory)));
    memcpy(digest, canonical.digest, sizeof(canonical.digest));
    return true;
}

static const char *xxh3_kernel(void)
{
    enum mapproc_cpu_level level;

    /* As the block sums choose theirs: nonsense in MAPPROC_CPU means the best level. */
    (void)mapproc_cpu_level_select(&level, NULL);
    return mapproc_cpu_level_name(level);
}

extern const struct mapproc_digest mapproc_digest_xxh128;
const struct mapproc_digest mapproc_digest_xxh128 = {
    .name = "xxh128",
    .tag = "XXH128",
    .size = sizeof(XXH128_canonical_t),
    .kernel = xxh3_kernel,
    .state_size = sizeof(struct state),
    .init = xxh3_init,
    .partial_size = xxh3_partial_size,
    .partial_init = xxh3_partial_init,
    .partial_update = xxh3_partial_update,
    .partial_zeros = xxh3_partial_zeros,
    .fold = xxh3_fold,
    .finish = xxh128_finish,
};

extern const struct mapproc_digest mapproc_digest_xxh3;
const struct mapproc_digest mapproc_digest_xxh3 = {
    .name = "xxh3",
    .tag = "XXH3",
    .size = sizeof(XXH64_canonical_t),
    .kernel = xxh3_kernel,
    .always_tagged = true, /* else it would read as XXH64 */
    .state_size = sizeof(struct state),
    .init = xxh3_init,
    .partial_size = xxh3_partial_size,
    .partial_init = xxh3_partial_init,
    .partial_update = xxh3_partial_update,
    .partial_zeros = xxh3_partial_zeros,
    .fold = xxh3_fold,
    .finish = xxh3_finish,
};
