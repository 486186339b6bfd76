/* SPDX-License-Identifier: MIT */
/* test_digest.c - every digest of the table, whatever the cuts, on guarded buffers. */
#include "cmocka_all.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "crc_reference.h"
#include "digest/digest.h"
#include "digest/xxh3_block_sums.h"
#include "guarded_buffer.h"
#include "random.h"

enum { LARGE = 64 << 20, SMALL = 5000 };

static struct test_random rng;
static struct guarded_buffer buffer;

static void put_big_endian(uint32_t word, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* What libcrypto makes of it in one piece. That it is the right algorithm is tested from outside,
 * by tests/cli_digests.sh, with programs that do not use libcrypto. */
static void fill_from_libcrypto(const char *name, const void *data, size_t size, uint8_t *digest)
{
    if (strcmp(name, "blake2b") == 0)
        name = "blake2b512";
    if (EVP_Digest(data, size, digest, NULL, EVP_get_digestbyname(name), NULL) != 1)
        fail_msg("no oracle for '%s'", name);
}

static void fill_expected(const char *name, const void *data, size_t size, uint8_t *digest)
{
    if (strcmp(name, "xxh128") == 0)
        XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits(data, size));
    else if (strcmp(name, "xxh3") == 0)
        XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH3_64bits(data, size));
    else if (strcmp(name, "xxh64") == 0)
        XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH64(data, size, 0));
    else if (strcmp(name, "xxh32") == 0)
        XXH32_canonicalFromHash((XXH32_canonical_t *)digest, XXH32(data, size, 0));
    else if (strcmp(name, "crc32") == 0)
        put_big_endian((uint32_t)crc32_z(0, data, size), digest);
    else if (strcmp(name, "crc32c") == 0)
        put_big_endian(crc_reference(CRC32C_REFLECTED, 0, data, size), digest);
    else
        fill_from_libcrypto(name, data, size, digest);
}

static void *allocate(size_t size)
{
    size_t rounded =
        (size + MAPPROC_DIGEST_ALIGNMENT - 1) / MAPPROC_DIGEST_ALIGNMENT * MAPPROC_DIGEST_ALIGNMENT;
    void *memory = aligned_alloc(MAPPROC_DIGEST_ALIGNMENT, rounded);

    assert_non_null(memory);
    memset(memory, 0xa5, rounded); /* nothing may depend on what was there */
    return memory;
}

/* Calls update or partial_update, in one piece or, if `steps`, in several of random sizes. */
static void feed(void (*update)(void *, const void *, size_t), void *target, const uint8_t *data,
                 size_t size, bool steps)
{
    while (size > 0) {
        size_t n = steps ? 1 + test_random_below(&rng, size) : size;

        update(target, data, n);
        data += n;
        size -= n;
    }
}

/*
 * Digests `data`, cut into chunks of `chunk` bytes or, if `chunk` is 0, of random sizes. The
 * partials are all made before the first is folded, and in reverse, because nothing may depend on
 * the order.
 */
static void digest_in_chunks(const struct mapproc_digest *digest, const uint8_t *data, size_t size,
                             size_t chunk, bool steps, uint8_t *out)
{
    size_t cuts[SMALL + 2] = {0};
    void *partials[SMALL + 1];
    size_t chunks = 0;
    void *state = allocate(digest->state_size);

    while (cuts[chunks] < size) {
        size_t left = size - cuts[chunks];
        size_t n = chunk != 0 ? chunk : 1 + test_random_below(&rng, left);

        assert_in_range(chunks, 0, SMALL);
        cuts[chunks + 1] = cuts[chunks] + (n < left ? n : left);
        chunks++;
    }
    assert_true(digest->init(digest, state));
    if (digest->fold != NULL) {
        for (size_t i = chunks; i-- > 0;) {
            size_t length = cuts[i + 1] - cuts[i];

            partials[i] = allocate(digest->partial_size(length));
            digest->partial_init(partials[i], cuts[i]);
            feed(digest->partial_update, partials[i], data + cuts[i], length, steps);
        }
        for (size_t i = 0; i < chunks; i++) {
            digest->fold(state, partials[i]);
            free(partials[i]);
        }
    } else {
        for (size_t i = 0; i < chunks; i++)
            feed(digest->update, state, data + cuts[i], cuts[i + 1] - cuts[i], steps);
    }
    assert_true(digest->finish(state, out));
    if (digest->release != NULL)
        digest->release(state);
    free(state);
}

static void check(const struct mapproc_digest *digest, size_t size, size_t chunk, bool steps)
{
    const uint8_t *data = buffer.end - size;
    uint8_t expected[MAPPROC_DIGEST_MAX] = {0}, actual[MAPPROC_DIGEST_MAX] = {0};

    fill_expected(digest->name, data, size, expected);
    digest_in_chunks(digest, data, size, chunk, steps, actual);
    if (memcmp(actual, expected, digest->size) != 0)
        fail_msg("%s of %zu bytes in chunks of %zu is wrong", digest->name, size, chunk);
}

static void every_size_to_5000(void **state)
{
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        for (size_t size = 0; size <= SMALL; size++) {
            check(digest, size, 1024, false);
            check(digest, size, SMALL, true);
            check(digest, size, 0, false);
            check(digest, size, 0, true);
        }
    }
}

static void every_cut_of_a_few_blocks(void **state)
{
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        for (size_t chunk = 1; chunk <= 3 * 1024 + 1; chunk++)
            check(digest, 4 * 1024 + 17, chunk, false);
}

static void sizes_around_block_borders(void **state)
{
    static const size_t blocks[] = {1, 2, 3, 64, 1024, 4096};
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        for (size_t b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++)
            for (size_t size = blocks[b] * 1024 - 65; size <= blocks[b] * 1024 + 65; size++)
                check(digest, size, 64 << 10, false);
}

static void random_sizes_to_64_mib(void **state)
{
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        int rounds = digest->fold != NULL ? 6 : 1;

        for (int round = 0; round < rounds; round++) {
            size_t size = test_random_below(&rng, LARGE + 1);

            check(digest, size, 1 << 20, false);
            check(digest, size, (64 << 10) + test_random_below(&rng, 1 << 20), true);
        }
        check(digest, LARGE, 1 << 20, false);
    }
}

static void kernels_agree(void **state)
{
    enum { BLOCKS = 67, SUMS = BLOCKS * MAPPROC_XXH3_LANES };
    enum mapproc_cpu_level best;
    uint8_t secret[192];

    (void)state;
    assert_int_equal(unsetenv("MAPPROC_CPU"), 0);
    assert_int_equal(mapproc_cpu_level_select(&best, NULL), MAPPROC_OK);
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)test_random_next(&rng);
    for (int level = 0; level <= (int)best; level++) {
        for (size_t blocks = 0; blocks <= BLOCKS; blocks++) {
            uint64_t sums[SUMS + 1];
            const uint8_t *data = buffer.end - blocks * MAPPROC_XXH3_BLOCK;

            sums[blocks * MAPPROC_XXH3_LANES] = 42;
            mapproc_xxh3_block_sums_at((enum mapproc_cpu_level)level)(data, blocks, sums, secret);
            assert_int_equal(sums[blocks * MAPPROC_XXH3_LANES], 42);
            /* The definition, one lane at a time. */
            for (size_t b = 0; b < blocks; b++) {
                uint64_t expected[MAPPROC_XXH3_LANES] = {0};

                for (size_t s = 0; s < 16; s++) {
                    for (size_t lane = 0; lane < MAPPROC_XXH3_LANES; lane++) {
                        uint64_t d, k;

                        memcpy(&d, data + b * 1024 + s * 64 + lane * 8, 8);
                        memcpy(&k, secret + s * 8 + lane * 8, 8);
                        k ^= d;
                        expected[lane] += (k & 0xffffffff) * (k >> 32);
                        expected[lane ^ 1] += d;
                    }
                }
                assert_memory_equal(sums + b * MAPPROC_XXH3_LANES, expected, sizeof(expected));
            }
        }
    }
}

static void table_is_consistent(void **state)
{
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        bool parallel = digest->fold != NULL;

        assert_ptr_equal(mapproc_digest_find(digest->name), digest);
        assert_in_range(digest->size, 1, MAPPROC_DIGEST_MAX);
        assert_non_null(digest->init);
        assert_non_null(digest->finish);
        assert_int_equal(digest->partial_size != NULL, parallel);
        assert_int_equal(digest->partial_init != NULL, parallel);
        assert_int_equal(digest->partial_update != NULL, parallel);
        assert_int_equal(digest->update != NULL, !parallel);
        if (parallel)
            assert_true(digest->partial_size(SIZE_MAX) >= digest->partial_size(1 << 30));
        assert_non_null(digest->kernel());
    }
    /* 64 bytes for 1024, also where the sum is large. */
    assert_true(mapproc_digest_at(0)->partial_size(SIZE_MAX) > SIZE_MAX / 1024);
    assert_null(mapproc_digest_find("md4"));
    assert_null(mapproc_digest_find(""));
}

static int set_up(void **state)
{
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        if (digest->prepare != NULL && digest->prepare(digest, NULL) != MAPPROC_OK)
            return -1;
    test_random_seed(&rng);
    if (guarded_buffer_init(&buffer, LARGE) != 0)
        return -1;
    for (uint8_t *p = buffer.end - LARGE; p < buffer.end; p += 8) {
        uint64_t word = test_random_next(&rng);

        memcpy(p, &word, sizeof(word));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_buffer_destroy(&buffer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_consistent),       cmocka_unit_test(every_size_to_5000),
        cmocka_unit_test(every_cut_of_a_few_blocks), cmocka_unit_test(sizes_around_block_borders),
        cmocka_unit_test(random_sizes_to_64_mib),    cmocka_unit_test(kernels_agree),
    };

    return cmocka_run_group_tests_name("digest", tests, set_up, tear_down);
}
