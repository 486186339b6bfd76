/* SPDX-License-Identifier: MIT */
/* deflate_samples.h - data of several kinds, and zlib as the oracle of deflate. */
#ifndef MAPPROC_TESTS_DEFLATE_SAMPLES_H
#define MAPPROC_TESTS_DEFLATE_SAMPLES_H

/* Include cmocka_all.h first. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "random.h"

enum sample_kind {
    SAMPLE_RANDOM,
    SAMPLE_ZEROS,
    SAMPLE_TEXT,
    SAMPLE_REPEATED, /* noise that comes again from up to 32 KiB before */
    SAMPLE_MIXED,    /* some of each */
    SAMPLE_KINDS,
};

static inline void sample_fill(struct test_random *random, enum sample_kind kind, uint8_t *data,
                               size_t length)
{
    static const char *const words[] = {"the ", "chunk ", "of ",     "bytes\n", "is ", "deflate, ",
                                        "and ", "0x",     "return ", "(",       ");",  "inflater "};
    size_t done = 0;

    while (done < length) {
        enum sample_kind now = kind;
        size_t run = 1 + test_random_below(random, 300);

        if (kind == SAMPLE_MIXED)
            now = (enum sample_kind)test_random_below(random, SAMPLE_MIXED);
        run = run < length - done ? run : length - done;
        if (now == SAMPLE_REPEATED && done > 0 && test_random_below(random, 4) > 0) {
            size_t reach = done < 32768 ? done : 32768, back = 1 + test_random_below(random, reach);

            for (size_t i = 0; i < run; i++)
                data[done + i] = data[done + i - back];
        } else if (now == SAMPLE_TEXT) {
            const char *word = words[test_random_below(random, sizeof(words) / sizeof(words[0]))];

            run = strlen(word) < run ? strlen(word) : run;
            memcpy(data + done, word, run);
        } else {
            for (size_t i = 0; i < run; i++)
                data[done + i] = now == SAMPLE_ZEROS ? 0 : (uint8_t)test_random_next(random);
        }
        done += run;
    }
}

/* A raw deflate stream made by zlib. Returns its bytes; `out` has room for any. */
static inline size_t zlib_deflate(const uint8_t *data, size_t length, int level, int strategy,
                                  uint8_t *out, size_t capacity)
{
    z_stream stream = {0};

    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, -15, 8, strategy), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)length;
    stream.next_out = out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return stream.total_out;
}

/* Whether zlib inflates the stream at `data`, and what it used and made. */
static inline bool zlib_inflate(const uint8_t *data, size_t length, uint8_t *out, size_t capacity,
                                size_t *used, size_t *made)
{
    z_stream stream = {0};
    uint8_t nowhere;
    int result;

    assert_int_equal(inflateInit2(&stream, -15), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)length;
    stream.next_out = capacity > 0 ? out : &nowhere;
    stream.avail_out = (uInt)capacity;
    result = inflate(&stream, Z_FINISH);
    *used = stream.total_in;
    *made = stream.total_out;
    (void)inflateEnd(&stream);
    return result == Z_STREAM_END;
}

#endif
