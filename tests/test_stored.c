/* SPDX-License-Identifier: MIT */
/* test_stored.c - stored blocks inflated by zlib, and which data is found worth storing. */
#include "cmocka_all.h"

#include <stdio.h>

#include "codec/stored.h"
#include "deflate_samples.h"
#include "guarded_buffer.h"

enum { CHUNK = 1 << 20 };

static const size_t chunk_sizes[] = {65280, CHUNK, 3932160};

enum { CHUNK_SIZES = sizeof(chunk_sizes) / sizeof(chunk_sizes[0]), CHUNK_MAX = 3932160 };

struct fixture {
    struct test_random random;
    struct guarded_buffer buffer; /* of CHUNK_MAX bytes */
};

static int set_up(void **state)
{
    static struct fixture fixture;

    test_random_seed(&fixture.random);
    assert_int_equal(guarded_buffer_init(&fixture.buffer, CHUNK_MAX), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    guarded_buffer_destroy(&fixture->buffer);
    return 0;
}

static void test_zlib_reads_it(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 65534, 65535, 65536, 65537, 131070, 131071, 200000};
    struct fixture *fixture = *state;
    static uint8_t data[200000], inflated[200000], expected[210000];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t size = sizes[i], length = mapproc_stored_size(size);
        uint8_t *stream = fixture->buffer.end - length;
        size_t used, made;

        sample_fill(&fixture->random, SAMPLE_RANDOM, data, size);
        assert_int_equal(length, size + 5 * (size == 0 ? 1 : (size + 65534) / 65535));
        assert_int_equal(mapproc_stored_write(data, size, stream), length);
        assert_true(zlib_inflate(stream, length, inflated, sizeof(inflated), &used, &made));
        assert_int_equal(used, length);
        assert_int_equal(made, size);
        assert_memory_equal(inflated, data, size);
        if (size > 0 && size <= 65535) { /* zlib makes the same of one block */
            assert_int_equal(
                zlib_deflate(data, size, 0, Z_DEFAULT_STRATEGY, expected, sizeof(expected)),
                length);
            assert_memory_equal(stream, expected, length);
        }
    }
    assert_int_equal(mapproc_stored_write(NULL, 0, fixture->buffer.end - 5), 5);
    assert_int_equal(mapproc_stored_size(SIZE_MAX), 0);
    assert_int_equal(mapproc_stored_size(SIZE_MAX - 5), 0);
}

static void test_header(void **state)
{
    uint8_t header[MAPPROC_STORED_HEADER];

    (void)state;
    mapproc_stored_write_header(header, 0x1234, false);
    assert_memory_equal(header, "\x00\x34\x12\xcb\xed", 5);
    mapproc_stored_write_header(header, 65535, true);
    assert_memory_equal(header, "\x01\xff\xff\x00\x00", 5);
}

/* ---- what is worth storing ---- */

/* The answer for the last `size` bytes of the buffer, which have not changed after it. */
static bool ask(struct fixture *fixture, size_t size)
{
    const uint8_t *data = fixture->buffer.end - size;
    const bool answer = mapproc_stored_is_better(data, size);

    assert_int_equal(mapproc_stored_is_better(data, size), answer);
    return answer;
}

static uint8_t *fill_random(struct fixture *fixture, size_t size)
{
    uint8_t *data = fixture->buffer.end - size;

    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t number = test_random_next(&fixture->random);

        memcpy(data + i, &number, sizeof(number));
    }
    return data;
}

static void test_noise_is_stored(void **state)
{
    struct fixture *fixture = *state;

    assert_true(mapproc_stored_is_better(NULL, 0));
    for (size_t i = 0; i < CHUNK_SIZES; i++) {
        (void)fill_random(fixture, chunk_sizes[i]);
        assert_true(ask(fixture, chunk_sizes[i]));
    }
    for (size_t size = 4096; size < 70000; size += 997)
        assert_true(ask(fixture, size));
}

/* What zlib made of text, the first byte left out so that no two are in step. */
static void test_compressed_data_is_stored(void **state)
{
    struct fixture *fixture = *state;
    const size_t text_size = 8 << 20;
    uint8_t *text = malloc(text_size), *stream = malloc(text_size);
    unsigned stored = 0, asked = 0;
    size_t length;

    assert_non_null(text);
    assert_non_null(stream);
    /* Numbers in text are unlike each other enough that what is left of them has no pattern. */
    for (size_t i = 0; i + 21 < text_size; i += 21)
        (void)snprintf((char *)text + i, 22, "%20" PRIu64 "\n",
                       test_random_next(&fixture->random) >> 1);
    length = zlib_deflate(text, text_size, 6, Z_DEFAULT_STRATEGY, stream, text_size);
    for (size_t at = 0; at + 65280 <= length; at += 65280, asked++) {
        memcpy(fixture->buffer.end - 65280, stream + at, 65280);
        stored += ask(fixture, 65280);
    }
    assert_true(asked > 20);
    assert_true(stored >= asked * 9 / 10);
    free(text);
    free(stream);
}

static void test_little_data_is_not_looked_at(void **state)
{
    struct fixture *fixture = *state;

    for (size_t size = 1; size < 4096; size += size < 300 ? 1 : 97) {
        (void)fill_random(fixture, size);
        assert_false(ask(fixture, size));
    }
}

static void test_text_and_zeros_are_not(void **state)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct fixture *fixture = *state;

    for (size_t i = 0; i < CHUNK_SIZES; i++) {
        const size_t size = chunk_sizes[i];
        uint8_t *data = fixture->buffer.end - size;

        for (int kind = SAMPLE_ZEROS; kind < SAMPLE_KINDS; kind++) {
            sample_fill(&fixture->random, (enum sample_kind)kind, data, size);
            assert_false(ask(fixture, size));
        }
        (void)fill_random(fixture, size);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)base64[data[k] % 64];
        assert_false(ask(fixture, size));
    }
}

/* Half, a quarter and a twelfth of zeros in noise, in one piece and in many. */
static void test_zeros_in_noise_are_found(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < CHUNK_SIZES; i++) {
        for (unsigned part = 2; part <= 12; part += 5) {
            const size_t size = chunk_sizes[i], piece = size / 16;
            uint8_t *data = fill_random(fixture, size);

            if (part == 12 && size == 65280) /* too little to be seen for certain */
                continue;
            memset(data + test_random_below(&fixture->random, size - size / part), 0, size / part);
            assert_false(ask(fixture, size));
            data = fill_random(fixture, size);
            for (size_t at = 0; at + piece <= size; at += piece)
                memset(data + at + test_random_below(&fixture->random, piece - piece / part), 0,
                       piece / part);
            if (part == 2 || size > 65280)
                assert_false(ask(fixture, size));
        }
    }
}

static void test_repeated_noise_is_found(void **state)
{
    static const size_t periods[] = {16, 100, 257, 1000, 4099, 8192, 20000, 31000};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < CHUNK_SIZES; i++) {
        for (size_t p = 0; p < sizeof(periods) / sizeof(periods[0]); p++) {
            uint8_t *data = fill_random(fixture, chunk_sizes[i]);

            for (size_t k = periods[p]; k < chunk_sizes[i]; k++)
                data[k] = data[k - periods[p]];
            assert_false(ask(fixture, chunk_sizes[i]));
        }
    }
    /* Deflate cannot refer so far back. */
    for (size_t period = 33000; period <= 65536; period += 32536) {
        uint8_t *data = fill_random(fixture, CHUNK);

        memcpy(data + period, data, period);
        for (size_t k = period; k < CHUNK; k++)
            data[k] = data[k - period];
        assert_true(ask(fixture, CHUNK));
    }
}

/* Doubles between 0 and 1, and noisy records with a few bytes that are always the same. */
static void test_binary_records_are_found(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < CHUNK_SIZES; i++) {
        const size_t size = chunk_sizes[i];
        uint8_t *data = fill_random(fixture, size);

        for (size_t at = 0; at + 100 <= size; at += 100)
            memcpy(data + at, "RECORD\0\0", 8);
        assert_false(ask(fixture, size));
        for (size_t at = 0; at + sizeof(double) <= size; at += sizeof(double)) {
            double number = (double)(test_random_next(&fixture->random) >> 11) / 9007199254740992.0;

            memcpy(data + at, &number, sizeof(number));
        }
        assert_false(ask(fixture, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zlib_reads_it),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_noise_is_stored),
        cmocka_unit_test(test_compressed_data_is_stored),
        cmocka_unit_test(test_little_data_is_not_looked_at),
        cmocka_unit_test(test_text_and_zeros_are_not),
        cmocka_unit_test(test_zeros_in_noise_are_found),
        cmocka_unit_test(test_repeated_noise_is_found),
        cmocka_unit_test(test_binary_records_are_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
