/* SPDX-License-Identifier: MIT */
/* test_inflater.c - inflating in slices: all of it, exactly to its end, and nothing beyond. */
#include "cmocka_all.h"

#include "codec/inflater.h"
#include "deflate_samples.h"
#include "guarded_buffer.h"

enum {
    DATA_MAX = 200000,
    STREAM_MAX = DATA_MAX + DATA_MAX / 8 + 1024,
    BEHIND = 40, /* bytes behind a stream */
    SLICE_MAX = 20000,
};

struct fixture {
    struct test_random random;
    struct guarded_buffer in, out; /* of one slice */
    struct mapproc_inflater *inflater;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    test_random_seed(&fixture.random);
    assert_int_equal(guarded_buffer_init(&fixture.in, STREAM_MAX), 0);
    assert_int_equal(guarded_buffer_init(&fixture.out, STREAM_MAX), 0);
    fixture.inflater = mapproc_inflater_new();
    assert_non_null(fixture.inflater);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    mapproc_inflater_free(fixture->inflater);
    mapproc_inflater_free(NULL);
    guarded_buffer_destroy(&fixture->in);
    guarded_buffer_destroy(&fixture->out);
    return 0;
}

static size_t slice(struct test_random *random, size_t most)
{
    size_t limit =
        test_random_below(random, 4) == 0 ? SLICE_MAX : 1 + test_random_below(random, 40);

    limit = test_random_below(random, limit + 1);
    return limit < most ? limit : most;
}

/*
 * Inflates with slices of random sizes, each in a buffer of its own that ends at a guard page, and
 * is gone with the next. Returns how it ended; *used and *made as far as it came.
 */
static enum mapproc_inflater_status run_slices(struct fixture *fixture, const uint8_t *stream,
                                               size_t length, uint8_t *out, size_t capacity,
                                               size_t *used, size_t *made)
{
    enum mapproc_inflater_status status = MAPPROC_INFLATER_MORE;

    *used = *made = 0;
    mapproc_inflater_reset(fixture->inflater);
    while (status == MAPPROC_INFLATER_MORE) {
        size_t in_size = slice(&fixture->random, length - *used);
        size_t room = slice(&fixture->random, capacity - *made);
        const uint8_t *in = fixture->in.end - in_size;
        uint8_t *to = fixture->out.end - room;
        size_t in_left = in_size, out_left = room;

        memset(fixture->in.end - SLICE_MAX, 0xff, SLICE_MAX);
        memcpy(fixture->in.end - in_size, stream + *used, in_size);
        status = mapproc_inflater_run(fixture->inflater, &in, &in_left, &to, &out_left);
        assert_ptr_equal(in, fixture->in.end - in_left);
        assert_ptr_equal(to, fixture->out.end - out_left);
        assert_true(in_left <= in_size && out_left <= room);
        memcpy(out + *made, fixture->out.end - room, room - out_left);
        *used += in_size - in_left;
        *made += room - out_left;
        if (status == MAPPROC_INFLATER_MORE && in_left > 0)
            assert_int_equal(out_left, 0);
        if (status == MAPPROC_INFLATER_MORE && *used == length && out_left > 0)
            break; /* all has been given, and has been made of it what can be */
    }
    return status;
}

static void test_slices(void **state)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    static uint8_t data[DATA_MAX], stream[STREAM_MAX], out[STREAM_MAX];
    struct fixture *fixture = *state;

    for (int round = 0; round < 400; round++) {
        size_t size = test_random_below(&fixture->random, round % 10 == 0 ? DATA_MAX : 3000);
        size_t length, behind = test_random_below(&fixture->random, BEHIND), used, made;

        sample_fill(&fixture->random, (enum sample_kind)(round % SAMPLE_KINDS), data, size);
        length = zlib_deflate(data, size, round % 3 == 0 ? 0 : 6, strategies[round % 4], stream,
                              STREAM_MAX - BEHIND);
        sample_fill(&fixture->random, SAMPLE_RANDOM, stream + length, behind);
        assert_int_equal(run_slices(fixture, stream, length + behind, out, size + 1, &used, &made),
                         MAPPROC_INFLATER_END);
        assert_int_equal(used, length);
        assert_int_equal(made, size);
        assert_memory_equal(out, data, size);
        assert_int_equal(mapproc_inflater_padding(fixture->inflater), 0);
    }
}

/* One byte at a time on either side, and both. */
static void test_single_bytes(void **state)
{
    static uint8_t data[5000], stream[STREAM_MAX], out[5001];
    struct fixture *fixture = *state;

    for (int mode = 0; mode < 3 * SAMPLE_KINDS; mode++) {
        enum mapproc_inflater_status status = MAPPROC_INFLATER_MORE;
        size_t used = 0, made = 0, length;

        sample_fill(&fixture->random, (enum sample_kind)(mode / 3), data, sizeof(data));
        length = zlib_deflate(data, sizeof(data), 6, Z_DEFAULT_STRATEGY, stream, STREAM_MAX);
        memset(stream + length, 0xff, BEHIND);
        mapproc_inflater_reset(fixture->inflater);
        while (status == MAPPROC_INFLATER_MORE) {
            size_t in_left = mode % 3 != 1 ? 1 : length + BEHIND - used, in_size = in_left;
            size_t out_left = mode % 3 != 0 ? 1 : sizeof(out) - made, room = out_left;
            const uint8_t *in = stream + used;
            uint8_t *to = out + made;

            assert_true(used < length + BEHIND);
            status = mapproc_inflater_run(fixture->inflater, &in, &in_left, &to, &out_left);
            assert_true(in_left < in_size || out_left < room || status == MAPPROC_INFLATER_END);
            used += in_size - in_left;
            made += room - out_left;
        }
        assert_int_equal(status, MAPPROC_INFLATER_END);
        assert_int_equal(used, length);
        assert_int_equal(made, sizeof(data));
        assert_memory_equal(out, data, sizeof(data));
    }
}

/*
 * ISA-L decodes ahead of the output, into a buffer of its own, and has then taken input that it
 * may have to give back: with all sizes around those of that buffer, it stops once just before the
 * stream's end.
 */
static void test_decoded_ahead(void **state)
{
    static const size_t begins[] = {31000, 64500, 97000};
    static uint8_t data[DATA_MAX], stream[STREAM_MAX], out[DATA_MAX];
    struct fixture *fixture = *state;

    memset(data, 0, sizeof(data));
    for (size_t k = 0; k < 3 * 3000; k++) {
        const size_t size = begins[k / 3000] + k % 3000;
        const size_t length =
            zlib_deflate(data, size, 1, k % 2 == 0 ? Z_RLE : Z_FIXED, stream, STREAM_MAX);
        enum mapproc_inflater_status status = MAPPROC_INFLATER_MORE;
        size_t used = 0, made = 0;

        memset(stream + length, 0xff, BEHIND);
        mapproc_inflater_reset(fixture->inflater);
        for (size_t call = 0; status == MAPPROC_INFLATER_MORE; call++) {
            size_t in_size = length + BEHIND - used, in_left = in_size;
            size_t room = call == 0 ? test_random_below(&fixture->random, 300) : DATA_MAX - made;
            size_t out_left = room;
            const uint8_t *in = fixture->in.end - in_size;
            uint8_t *to = out + made;

            assert_true(call < 3);
            memcpy(fixture->in.end - in_size, stream + used, in_size);
            status = mapproc_inflater_run(fixture->inflater, &in, &in_left, &to, &out_left);
            used += in_size - in_left;
            made += room - out_left;
        }
        assert_int_equal(status, MAPPROC_INFLATER_END);
        assert_int_equal(used, length);
        assert_int_equal(made, size);
    }
}

/*
 * With the fixed code (RFC 1951, 3.2.6) literals below 144 have 8 bits, the others 9, the block's
 * header 3 and its end 7: so it is known how many bits are left in the last byte.
 */
static void test_padding(void **state)
{
    uint8_t stream[100], data[20], out[100];
    struct fixture *fixture = *state;

    for (unsigned nine = 0; nine < 8; nine++) {
        const unsigned bits = 3 + 8 * (unsigned)sizeof(data) + nine + 7;
        const unsigned free_bits = (8 - bits % 8) % 8;
        size_t length, used, made;

        for (unsigned i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)(i < nine ? 200 + i : 50 + i);
        length = zlib_deflate(data, sizeof(data), 6, Z_FIXED, stream, sizeof(stream) - BEHIND);
        assert_int_equal(length, (bits + 7) / 8);
        memset(stream + length, 0xa5, BEHIND);
        for (unsigned padding = 0; padding < 1u << free_bits; padding++) {
            stream[length - 1] = (uint8_t)(stream[length - 1] & ((1u << (8 - free_bits)) - 1));
            stream[length - 1] |= (uint8_t)(padding << (8 - free_bits));
            assert_int_equal(run_slices(fixture, stream, length + (padding % 2) * BEHIND, out,
                                        sizeof(out), &used, &made),
                             MAPPROC_INFLATER_END);
            assert_int_equal(used, length);
            assert_int_equal(made, sizeof(data));
            assert_int_equal(mapproc_inflater_padding(fixture->inflater), padding);
        }
    }
}

static void test_cut_short(void **state)
{
    static uint8_t data[3000], stream[STREAM_MAX], out[3001];
    struct fixture *fixture = *state;

    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        size_t length, used, made;

        sample_fill(&fixture->random, (enum sample_kind)kind, data, sizeof(data));
        length = zlib_deflate(data, sizeof(data), 6, Z_DEFAULT_STRATEGY, stream, STREAM_MAX);
        for (size_t cut = 0; cut < length; cut++) {
            assert_int_equal(run_slices(fixture, stream, cut, out, sizeof(out), &used, &made),
                             MAPPROC_INFLATER_MORE);
            assert_memory_equal(out, data, made);
        }
    }
}

static void test_damage(void **state)
{
    static uint8_t data[3000], stream[STREAM_MAX], out[STREAM_MAX], expected[STREAM_MAX];
    struct fixture *fixture = *state;
    unsigned bad = 0;

    for (int round = 0; round < 3000; round++) {
        size_t size = 1 + test_random_below(&fixture->random, sizeof(data)), length = 300;
        size_t used, made, zlib_used, zlib_made;
        enum mapproc_inflater_status status;

        sample_fill(&fixture->random, (enum sample_kind)(round % SAMPLE_KINDS), data, size);
        if (round % 4 > 0) {
            size_t bit;

            length = zlib_deflate(data, size, 6, round % 4 == 1 ? Z_FIXED : Z_DEFAULT_STRATEGY,
                                  stream, STREAM_MAX);
            bit = test_random_below(&fixture->random, 8 * length);
            stream[bit / 8] ^= (uint8_t)(1 << bit % 8);
        } else {
            sample_fill(&fixture->random, SAMPLE_RANDOM, stream, length);
        }
        status = run_slices(fixture, stream, length, out, STREAM_MAX, &used, &made);
        if (zlib_inflate(stream, length, expected, STREAM_MAX, &zlib_used, &zlib_made)) {
            assert_int_equal(status, MAPPROC_INFLATER_END);
            assert_int_equal(used, zlib_used);
            assert_int_equal(made, zlib_made);
            assert_memory_equal(out, expected, made);
        }
        if (status == MAPPROC_INFLATER_BAD) { /* and stays so */
            const uint8_t *in = stream;
            uint8_t *to = out;
            size_t in_left = length, out_left = 10;

            assert_int_equal(mapproc_inflater_run(fixture->inflater, &in, &in_left, &to, &out_left),
                             MAPPROC_INFLATER_BAD);
            bad++;
        }
    }
    assert_true(bad > 500);
}

static void test_version(void **state)
{
    (void)state;
    assert_true(strlen(mapproc_inflater_name()) > 0);
    assert_true(strlen(mapproc_inflater_version()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),        cmocka_unit_test(test_single_bytes),
        cmocka_unit_test(test_decoded_ahead), cmocka_unit_test(test_padding),
        cmocka_unit_test(test_cut_short),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_version),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
