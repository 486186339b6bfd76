/* SPDX-License-Identifier: MIT */
/* library_fixture.h - data for the tests of the library's gzip, and zlib to make and read it. */
#ifndef MAPPROC_TESTS_LIBRARY_FIXTURE_H
#define MAPPROC_TESTS_LIBRARY_FIXTURE_H

/* Include cmocka_all.h first. */
#include <fcntl.h>
#include <sys/stat.h>

#include "gunzip_member.h"
#include "random.h"

/* Fills in bytes, some of which compress. */
static inline void make_library_data(struct test_random *rng, uint8_t *data, size_t size)
{
    static const char words[] = "the quick brown fox jumps\nover the lazy dog\n";

    for (size_t i = 0; i < size; i++)
        data[i] = i / 200000 % 3 == 1 ? (uint8_t)test_random_next(rng)
                                      : (uint8_t)words[(i * i / 7 + i) % (sizeof(words) - 1)];
}

/* The bytes of a file, to be freed. */
static inline uint8_t *slurp(const char *path, size_t *size)
{
    struct stat status;
    uint8_t *bytes;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(bytes);
    *size = (size_t)read(fd, bytes, (size_t)status.st_size);
    assert_true(*size == (size_t)status.st_size);
    (void)close(fd);
    return bytes;
}

/* Whether all members give these bytes, by zlib. */
static inline void assert_gunzips(const uint8_t *gzip, size_t size, const uint8_t *expected,
                                  size_t length)
{
    uint8_t *out = malloc(length + 1);
    size_t made, done = 0;

    assert_non_null(out);
    for (size_t used; size > 0; gzip += used, size -= used, done += made)
        used = gunzip_member(gzip, size, out + done, length + 1 - done, &made);
    assert_true(done == length);
    if (length > 0)
        assert_memory_equal(out, expected, length);
    free(out);
}

/* One plain gzip member, by zlib. To be freed. */
static inline uint8_t *zlib_gzip(const uint8_t *bytes, size_t length, size_t *size)
{
    z_stream stream = {0};
    uint8_t *out;

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    *size = deflateBound(&stream, length) + 64;
    out = malloc(*size);
    assert_non_null(out);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)length;
    stream.next_out = out;
    stream.avail_out = (uInt)*size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *size -= stream.avail_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return out;
}

#endif
