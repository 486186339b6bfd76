/* SPDX-License-Identifier: MIT */
/* test_codec.c - all codecs at all levels: against zlib, damaged data, and buffers too small. */
#include "cmocka_all.h"

#include "codec/codec.h"
#include "deflate_samples.h"
#include "guarded_buffer.h"

enum {
    DATA_MAX = 300000,
    STREAM_MAX = DATA_MAX + DATA_MAX / 8 + 1024,
    BEHIND = 37, /* bytes behind a stream */
};

struct fixture {
    struct test_random random;
    struct guarded_buffer data, stream, out;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    test_random_seed(&fixture.random);
    assert_int_equal(guarded_buffer_init(&fixture.data, DATA_MAX), 0);
    assert_int_equal(guarded_buffer_init(&fixture.stream, STREAM_MAX), 0);
    assert_int_equal(guarded_buffer_init(&fixture.out, STREAM_MAX), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    guarded_buffer_destroy(&fixture->data);
    guarded_buffer_destroy(&fixture->stream);
    guarded_buffer_destroy(&fixture->out);
    return 0;
}

/* Inflates into a buffer that ends where there is no room any more. */
static enum mapproc_inflate_result inflate_with(const struct mapproc_codec *codec,
                                                void *decompressor, struct fixture *fixture,
                                                const uint8_t *stream, size_t length,
                                                size_t capacity, size_t *used, size_t *made)
{
    return codec->decompress(decompressor, stream, length, fixture->out.end - capacity, capacity,
                             used, made);
}

/* All codecs inflate the stream to the data, and see where it ends. */
static void check_inflates(struct fixture *fixture, const uint8_t *stream, size_t length,
                           size_t behind, const uint8_t *data, size_t size)
{
    const struct mapproc_codec *codec;
    size_t used = 0, made = 0;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++) {
        void *decompressor = codec->decompressor_new();

        assert_non_null(decompressor);
        for (size_t spare = 0; spare < 400; spare += 133) {
            assert_int_equal(inflate_with(codec, decompressor, fixture, stream, length + behind,
                                          size + spare, &used, &made),
                             MAPPROC_INFLATE_OK);
            assert_int_equal(used, length);
            assert_int_equal(made, size);
            assert_memory_equal(fixture->out.end - size - spare, data, size);
        }
        codec->decompressor_free(decompressor);
    }
}

/* One codec at one level makes of the data what zlib inflates to it, twice, whatever it did
 * between. */
static void check_compresses(struct fixture *fixture, const struct mapproc_codec *codec,
                             void *compressor, size_t size)
{
    const uint8_t *data = fixture->data.end - size;
    static uint8_t first[STREAM_MAX], inflated[DATA_MAX];
    size_t length = codec->compress(compressor, data, size, first, sizeof(first)), used, made;
    uint8_t *stream;

    assert_true(length > 0);
    assert_true(zlib_inflate(first, length, inflated, sizeof(inflated), &used, &made));
    assert_int_equal(used, length);
    assert_int_equal(made, size);
    assert_memory_equal(inflated, data, size);

    /* Once more elsewhere, with just enough room. */
    memmove(inflated + 3, data, size < sizeof(inflated) - 3 ? size : sizeof(inflated) - 3);
    if (size < sizeof(inflated) - 3) {
        stream = fixture->stream.end - length - MAPPROC_CODEC_SPARE;
        made =
            codec->compress(compressor, inflated + 3, size, stream, length + MAPPROC_CODEC_SPARE);
        assert_int_equal(made, length);
        assert_memory_equal(stream, first, length);
    }

    /* With less room than that it must not fit. What fits without spare bytes must be the same. */
    stream = fixture->stream.end - length;
    made = codec->compress(compressor, data, size, stream, length);
    assert_true(made == 0 || made == length);
    if (made > 0)
        assert_memory_equal(stream, first, length);
    for (int i = 0; i < 8; i++) {
        size_t room =
            i < 3 ? length - 1 - (size_t)i % length : test_random_below(&fixture->random, length);

        if (room < length)
            assert_int_equal(
                codec->compress(compressor, data, size, fixture->stream.end - room, room), 0);
    }
    memcpy(fixture->stream.end - length, first, length);
    check_inflates(fixture, fixture->stream.end - length, length, 0, data, size);
}

static void test_all_levels(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 31, 258, 1000, 32769, 65280, 65536};
    struct fixture *fixture = *state;
    const struct mapproc_codec *codec;

    for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
        for (int level = codec->level_min; level <= codec->level_max; level++) {
            void *compressor = codec->compressor_new(level);

            assert_non_null(compressor);
            for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                enum sample_kind kind =
                    (enum sample_kind)test_random_below(&fixture->random, SAMPLE_KINDS);

                sample_fill(&fixture->random, kind, fixture->data.end - sizes[i], sizes[i]);
                check_compresses(fixture, codec, compressor, sizes[i]);
            }
            for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
                size_t size = 1 + test_random_below(&fixture->random, kind == 0 ? DATA_MAX : 50000);

                sample_fill(&fixture->random, (enum sample_kind)kind, fixture->data.end - size,
                            size);
                check_compresses(fixture, codec, compressor, size);
            }
            codec->compressor_free(compressor);
        }
    }
}

/* Two compressors, one of which has done other things before, make the same. */
static void test_no_memory_of_earlier_data(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t first[STREAM_MAX], second[STREAM_MAX];
    const struct mapproc_codec *codec;
    uint8_t *data = fixture->data.end - DATA_MAX;

    for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
        for (int level = codec->level_min; level <= codec->level_max; level += 2) {
            void *fresh, *used = codec->compressor_new(level);
            size_t size = 1 + test_random_below(&fixture->random, 60000), length;

            sample_fill(&fixture->random, SAMPLE_MIXED, data, DATA_MAX);
            (void)codec->compress(used, data, DATA_MAX / 4, first, sizeof(first));
            (void)codec->compress(used, data, 10000, first, 100); /* stops half-way */
            length = codec->compress(used, data + 17, size, first, sizeof(first));
            fresh = codec->compressor_new(level);
            assert_int_equal(codec->compress(fresh, data + 17, size, second, sizeof(second)),
                             length);
            assert_memory_equal(first, second, length);
            codec->compressor_free(used);
            codec->compressor_free(fresh);
        }
    }
}

/* Streams of all kinds of blocks, with bytes behind them that belong to something else. */
/*
 * Short data is where it shows best whether the place of a compressor in memory, or what is left in
 * it, has a say: hash tables are small, and one wrong entry loses a match once in some thousand
 * times.
 */
static void test_same_bytes_anywhere(void **state)
{
    static const char words[] = "the chunk of bytes is then a deflated block";
    enum { PLACES = 24, TEXTS = 600, TEXT_MAX = 120, ROOM = 512 };
    struct fixture *fixture = *state;
    const struct mapproc_codec *codec;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++) {
        for (int level = codec->level_min; level <= codec->level_max && level <= 6; level++) {
            void *compressors[PLACES];

            for (size_t place = 0; place < PLACES; place++) {
                compressors[place] = codec->compressor_new(level);
                assert_non_null(compressors[place]);
            }
            for (size_t n = 0; n < TEXTS; n++) {
                size_t length = 1 + (size_t)test_random_below(&fixture->random, TEXT_MAX);
                uint8_t *data = fixture->data.end - length;
                uint8_t first[ROOM], other[ROOM];
                size_t made;

                for (size_t at = 0; at < length; at++)
                    data[at] = (uint8_t)words[test_random_below(&fixture->random, 9) * 4 + at % 4];
                made = codec->compress(compressors[0], data, length, first, ROOM);
                assert_true(made > 0);
                for (size_t place = 1; place < PLACES; place++) {
                    assert_int_equal(codec->compress(compressors[place], data, length, other, ROOM),
                                     made);
                    assert_memory_equal(other, first, made);
                }
            }
            for (size_t place = 0; place < PLACES; place++)
                codec->compressor_free(compressors[place]);
        }
    }
}

static void test_bytes_behind(void **state)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    struct fixture *fixture = *state;
    static uint8_t stream[STREAM_MAX + BEHIND];

    for (int round = 0; round < 200; round++) {
        size_t size = test_random_below(&fixture->random, round % 8 == 0 ? 100000 : 2000);
        uint8_t *data = fixture->data.end - size, *at;
        size_t length, behind = test_random_below(&fixture->random, BEHIND);

        sample_fill(&fixture->random, (enum sample_kind)(round % SAMPLE_KINDS), data, size);
        length = zlib_deflate(data, size, round % 3 == 0 ? 0 : 6, strategies[round % 4], stream,
                              STREAM_MAX);
        sample_fill(&fixture->random, SAMPLE_RANDOM, stream + length, behind);
        at = fixture->stream.end - length - behind;
        memcpy(at, stream, length + behind);
        check_inflates(fixture, at, length, behind, data, size);
    }
}

static void test_no_room(void **state)
{
    struct fixture *fixture = *state;
    const struct mapproc_codec *codec;
    static uint8_t stream[STREAM_MAX];
    const size_t size = 3000;
    uint8_t *data = fixture->data.end - size;

    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        size_t length, used, made;

        sample_fill(&fixture->random, (enum sample_kind)kind, data, size);
        length = zlib_deflate(data, size, 6, Z_DEFAULT_STRATEGY, stream, sizeof(stream));
        memcpy(fixture->stream.end - length, stream, length);
        for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
            void *decompressor = codec->decompressor_new();

            for (size_t room = 0; room < size; room += room + 300 < size ? 113 : 1)
                assert_int_equal(inflate_with(codec, decompressor, fixture,
                                              fixture->stream.end - length, length, room, &used,
                                              &made),
                                 MAPPROC_INFLATE_NO_ROOM);
            codec->decompressor_free(decompressor);
        }
    }
}

static void test_truncations(void **state)
{
    struct fixture *fixture = *state;
    const struct mapproc_codec *codec;
    static uint8_t stream[STREAM_MAX];
    const size_t size = 4000;
    uint8_t *data = fixture->data.end - size;

    for (int kind = 0; kind < 2 * SAMPLE_KINDS; kind++) {
        size_t length, used, made;

        sample_fill(&fixture->random, (enum sample_kind)(kind / 2), data, size);
        length = zlib_deflate(data, size, 6, kind % 2 == 0 ? Z_DEFAULT_STRATEGY : Z_FIXED, stream,
                              sizeof(stream));
        for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
            void *decompressor = codec->decompressor_new();

            for (size_t cut = 0; cut < length; cut++) {
                memcpy(fixture->stream.end - cut, stream, cut);
                assert_int_not_equal(inflate_with(codec, decompressor, fixture,
                                                  fixture->stream.end - cut, cut, size, &used,
                                                  &made),
                                     MAPPROC_INFLATE_OK);
            }
            codec->decompressor_free(decompressor);
        }
    }
}

/* Of a damaged stream anything may be said, but where zlib and a codec both say it is good, they
 * say the same. */
static void check_damaged(struct fixture *fixture, const uint8_t *stream, size_t length,
                          size_t capacity)
{
    static uint8_t expected[STREAM_MAX];
    const struct mapproc_codec *codec;
    size_t zlib_used, zlib_made, used, made;
    bool good = zlib_inflate(stream, length, expected, capacity, &zlib_used, &zlib_made);

    for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
        void *decompressor = codec->decompressor_new();
        enum mapproc_inflate_result result =
            inflate_with(codec, decompressor, fixture, stream, length, capacity, &used, &made);

        if (good) {
            assert_int_equal(result, MAPPROC_INFLATE_OK);
            assert_int_equal(used, zlib_used);
            assert_int_equal(made, zlib_made);
            assert_memory_equal(fixture->out.end - capacity, expected, made);
        } else if (result == MAPPROC_INFLATE_OK) {
            assert_true(used <= length && made <= capacity);
        }
        codec->decompressor_free(decompressor);
    }
}

static void test_damage(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t stream[STREAM_MAX];

    for (int round = 0; round < 3000; round++) {
        size_t size = 1 + test_random_below(&fixture->random, 3000), length = 300, capacity = size;
        uint8_t *data = fixture->data.end - size;

        sample_fill(&fixture->random, (enum sample_kind)(round % SAMPLE_KINDS), data, size);
        if (round % 4 > 0) {
            length = zlib_deflate(data, size, 6, round % 4 == 1 ? Z_FIXED : Z_DEFAULT_STRATEGY,
                                  stream, sizeof(stream));
            for (int i = round % 3; i >= 0; i--) {
                size_t bit = test_random_below(&fixture->random, 8 * length);

                stream[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        } else {
            sample_fill(&fixture->random, SAMPLE_RANDOM, stream, length);
        }
        if (round % 5 == 0)
            capacity = STREAM_MAX;
        memcpy(fixture->stream.end - length, stream, length);
        check_damaged(fixture, fixture->stream.end - length, length, capacity);
    }
}

static void test_names_and_levels(void **state)
{
    const struct mapproc_codec *codec;
    bool have_zlib = false;
    int own;

    (void)state;
    for (size_t c = 0; (codec = mapproc_codec_at(c)) != NULL; c++) {
        assert_ptr_equal(mapproc_codec_find(codec->name), codec);
        assert_true(strlen(codec->version()) > 0);
        have_zlib = have_zlib || strcmp(codec->name, "zlib") == 0;
        assert_int_equal(mapproc_codec_clamp_level(codec, 0), codec->level_min);
        assert_int_equal(mapproc_codec_clamp_level(codec, codec->level_min), codec->level_min);
        assert_int_equal(mapproc_codec_clamp_level(codec, 100), codec->level_max);
        codec->compressor_free(NULL);
        codec->decompressor_free(NULL);
    }
    assert_true(have_zlib);
    assert_null(mapproc_codec_find("nonsense"));
    assert_null(mapproc_codec_find(""));
    for (int level = 1; level <= MAPPROC_LEVEL_MAX; level++) {
        codec = mapproc_codec_for_level(level, &own);
        assert_non_null(codec);
        assert_int_equal(mapproc_codec_clamp_level(codec, own), own);
    }
}

/* A higher level makes less of text, give or take 2 %: the neighbours among the slow ones are
 * close. */
static void test_levels_rise(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t stream[STREAM_MAX];
    uint8_t *data = fixture->data.end - DATA_MAX;
    size_t last = SIZE_MAX;

    sample_fill(&fixture->random, SAMPLE_TEXT, data, DATA_MAX);
    for (int level = 1; level <= MAPPROC_LEVEL_MAX; level++) {
        int own;
        const struct mapproc_codec *codec = mapproc_codec_for_level(level, &own);
        void *compressor = codec->compressor_new(own);
        size_t length = codec->compress(compressor, data, DATA_MAX, stream, sizeof(stream));

        assert_true(length > 0 && length <= last + last / 50);
        last = length;
        codec->compressor_free(compressor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_levels),
        cmocka_unit_test(test_no_memory_of_earlier_data),
        cmocka_unit_test(test_same_bytes_anywhere),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_names_and_levels),
        cmocka_unit_test(test_levels_rise),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
