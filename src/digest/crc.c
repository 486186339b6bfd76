/* SPDX-License-Identifier: MIT */
/* crc.c - CRC-32 and CRC-32C of one input by any number of threads.
 *
 * A partial is the CRC of a chunk as if it were alone. To fold one in, what is there is shifted by
 * the chunk's length, one multiplication, and the partial added (crc_combine.h). Chunks are nearly
 * all of one length, so what that length shifts by is kept.
 */
#include "digest/crc_combine.h"
#include "digest/crc_kernels.h"
#include "digest/digest.h"

struct partial {
    uint32_t crc;
    uint64_t length; /* bytes */
};

struct state {
    const struct mapproc_crc_polynomial *polynomial;
    uint32_t crc;
    uint32_t shift;  /* what `length` bytes shift by */
    uint64_t length; /* of the last partial that was shifted for */
};

static int crc_prepare(const struct mapproc_digest *digest, struct mapproc_error *error)
{
    (void)digest;
    (void)error;
    mapproc_crc_kernels_prepare();
    return MAPPROC_OK;
}

static bool crc_init(void *memory, const struct mapproc_crc_polynomial *polynomial)
{
    struct state *state = memory;

    state->polynomial = polynomial;
    state->crc = 0;
    state->length = 0;
    state->shift = mapproc_crc_shift(polynomial, state->length);
    return true;
}

static bool crc32_init(const struct mapproc_digest *digest, void *state)
{
    (void)digest;
    return crc_init(state, &mapproc_crc32_polynomial);
}

static bool crc32c_init(const struct mapproc_digest *digest, void *state)
{
    (void)digest;
    return crc_init(state, &mapproc_crc32c_polynomial);
}

static size_t crc_partial_size(size_t chunk_length)
{
    (void)chunk_length;
    return sizeof(struct partial);
}

static void crc_partial_init(void *memory, uint64_t offset)
{
    struct partial *partial = memory;

    (void)offset;
    partial->crc = 0;
    partial->length = 0;
}

static void crc32_partial_update(void *memory, const void *data, size_t length)
{
    struct partial *partial = memory;

    partial->crc = mapproc_crc32_extend(partial->crc, data, length);
    partial->length += length;
}

static void crc32c_partial_update(void *memory, const void *data, size_t length)
{
    struct partial *partial = memory;

    partial->crc = mapproc_crc32c_extend(partial->crc, data, length);
    partial->length += length;
}

/* As if the register, all ones at first, had been shifted by so many zeros. */
static void crc_partial_zeros(struct partial *partial,
                              const struct mapproc_crc_polynomial *polynomial, size_t length)
{
    partial->crc = mapproc_crc_combine(polynomial, UINT32_MAX, UINT32_MAX,
                                       mapproc_crc_shift(polynomial, length));
    partial->length = length;
}

static void crc32_partial_zeros(void *partial, size_t length)
{
    crc_partial_zeros(partial, &mapproc_crc32_polynomial, length);
}

static void crc32c_partial_zeros(void *partial, size_t length)
{
    crc_partial_zeros(partial, &mapproc_crc32c_polynomial, length);
}

static void crc_fold(void *memory, const void *input)
{
    struct state *state = memory;
    const struct partial *partial = input;

    if (state->crc == 0) { /* above all before the first: zero stays zero when it is shifted */
        state->crc = partial->crc;
        return;
    }
    if (partial->length != state->length) {
        state->length = partial->length;
        state->shift = mapproc_crc_shift(state->polynomial, partial->length);
    }
    state->crc = mapproc_crc_combine(state->polynomial, state->crc, partial->crc, state->shift);
}

static bool crc_finish(void *memory, uint8_t *digest)
{
    const struct state *state = memory;

    for (int i = 0; i < 4; i++)
        digest[i] = (uint8_t)(state->crc >> (24 - 8 * i));
    return true;
}

extern const struct mapproc_digest mapproc_digest_crc32;
const struct mapproc_digest mapproc_digest_crc32 = {
    .name = "crc32",
    .tag = "CRC32",
    .size = sizeof(uint32_t),
    .kernel = mapproc_crc32_kernel,
    .always_tagged = true, /* else it would read as XXH32 */
    .prepare = crc_prepare,
    .state_size = sizeof(struct state),
    .init = crc32_init,
    .partial_size = crc_partial_size,
    .partial_init = crc_partial_init,
    .partial_update = crc32_partial_update,
    .partial_zeros = crc32_partial_zeros,
    .fold = crc_fold,
    .finish = crc_finish,
};

extern const struct mapproc_digest mapproc_digest_crc32c;
const struct mapproc_digest mapproc_digest_crc32c = {
    .name = "crc32c",
    .tag = "CRC32C",
    .size = sizeof(uint32_t),
    .kernel = mapproc_crc32c_kernel,
    .always_tagged = true, /* else it would read as XXH32 */
    .prepare = crc_prepare,
    .state_size = sizeof(struct state),
    .init = crc32c_init,
    .partial_size = crc_partial_size,
    .partial_init = crc_partial_init,
    .partial_update = crc32c_partial_update,
    .partial_zeros = crc32c_partial_zeros,
    .fold = crc_fold,
    .finish = crc_finish,
};
