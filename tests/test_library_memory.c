/* SPDX-License-Identifier: MIT */
/* test_library_memory.c - the library's gzip from memory to memory, with zlib as the oracle. */
#include "cmocka_all.h"

#include "guarded_buffer.h"
#include "library_fixture.h"
#include "mapproc.h"
#include "scratch_file.h"

enum { SIZE = 3000017, CHUNK = 100 << 10 };

static struct test_random rng;
static struct scratch_directory scratch;
static uint8_t *data;                /* SIZE bytes */
static char input[SCRATCH_PATH_MAX]; /* a file of them */
static char packed[SCRATCH_PATH_MAX];
static const struct mapproc_options small_chunks = {.threads = 3, .chunk_size = CHUNK};

static void buffers_become_what_files_do(void **state)
{
    static const struct mapproc_compress_options ways[] = {
        {0}, {.level = 1}, {.form = MAPPROC_FORM_BGZF}, {.level = MAPPROC_LEVEL_STORE}};

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        size_t bound = mapproc_compress_bound(SIZE, &ways[i], &small_chunks), size, in_file;
        struct guarded_buffer out = {0};
        uint8_t *begin, *gzip;

        assert_true(bound > SIZE && bound < SIZE + SIZE / 100);
        assert_int_equal(guarded_buffer_init(&out, bound), 0);
        begin = out.end - bound;
        assert_int_equal(mapproc_compress_buffer(data, SIZE, begin, bound - 1, &size, &ways[i],
                                                 &small_chunks, NULL),
                         MAPPROC_REFUSED);
        assert_int_equal(
            mapproc_compress_buffer(data, SIZE, begin, bound, &size, &ways[i], &small_chunks, NULL),
            MAPPROC_OK);
        (void)unlink(packed);
        assert_int_equal(mapproc_compress_file(input, packed, &ways[i], &small_chunks, NULL, NULL),
                         MAPPROC_OK);
        gzip = slurp(packed, &in_file);
        assert_true(size == in_file);
        assert_memory_equal(begin, gzip, size);
        free(gzip);
        guarded_buffer_destroy(&out);
    }
}

static void buffers_of_any_size_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const struct mapproc_options options = {.threads = (unsigned)test_random_below(&rng, 4),
                                                .chunk_size =
                                                    1024 + test_random_below(&rng, 70000)};
        const struct mapproc_compress_options how = {
            .level = (int)test_random_below(&rng, 8),
            .form = (enum mapproc_member_form)test_random_below(&rng, 2)};
        size_t length = i == 0 ? 0 : test_random_below(&rng, i < 20 ? 3000 : 300000);
        size_t from = test_random_below(&rng, SIZE - length);
        size_t bound = mapproc_compress_bound(length, &how, &options), size, back;
        uint8_t *gzip = malloc(bound);
        struct guarded_buffer out = {0};

        assert_non_null(gzip);
        assert_int_equal(guarded_buffer_init(&out, length + 1), 0);
        assert_int_equal(
            mapproc_compress_buffer(data + from, length, gzip, bound, &size, &how, &options, NULL),
            MAPPROC_OK);
        assert_gunzips(gzip, size, data + from, length);
        assert_int_equal(
            mapproc_decompress_buffer(gzip, size, out.end - length, length, &back, &options, NULL),
            MAPPROC_OK);
        assert_true(back == length);
        if (length > 0)
            assert_memory_equal(out.end - length, data + from, length);
        free(gzip);
        guarded_buffer_destroy(&out);
    }
}

static void bad_buffers_are_told(void **state)
{
    uint8_t *out = malloc(SIZE);
    size_t size, made;
    uint8_t *gzip = zlib_gzip(data, SIZE, &size);
    struct mapproc_error error;

    (void)state;
    assert_non_null(out);
    assert_int_equal(mapproc_decompress_buffer(gzip, size, out, SIZE, &made, NULL, NULL),
                     MAPPROC_OK);
    assert_true(made == SIZE);
    assert_memory_equal(out, data, SIZE);
    assert_int_equal(mapproc_decompress_buffer(gzip, size, out, SIZE - 1, &made, NULL, &error),
                     MAPPROC_REFUSED);
    assert_int_equal(mapproc_decompress_buffer(gzip, size - 1, out, SIZE, &made, NULL, &error),
                     MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_decompress_buffer(data, 100, out, SIZE, &made, NULL, &error),
                     MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_decompress_buffer(data, 0, out, SIZE, &made, NULL, &error),
                     MAPPROC_BAD_DATA);
    gzip[size - 8] ^= 1; /* its CRC */
    assert_int_equal(mapproc_decompress_buffer(gzip, size, out, SIZE, &made, NULL, &error),
                     MAPPROC_BAD_DATA);
    free(gzip);
    free(out);
}

struct watched {
    unsigned calls;
    uint64_t done, total;
};

static void watch(void *user, uint64_t done, uint64_t total)
{
    struct watched *watched = user;

    assert_true(done >= watched->done);
    watched->calls++;
    watched->done = done;
    watched->total = total;
}

static void buffers_can_be_watched_and_cancelled(void **state)
{
    struct mapproc_cancel *cancel = mapproc_cancel_create();
    struct watched watched = {0};
    struct mapproc_options options = {.threads = 2,
                                      .chunk_size = CHUNK,
                                      .cancel = cancel,
                                      .watch = watch,
                                      .watch_user = &watched};
    size_t bound = mapproc_compress_bound(SIZE, NULL, &options), size;
    uint8_t *out = malloc(bound);

    (void)state;
    assert_non_null(out);
    assert_int_equal(mapproc_compress_buffer(data, SIZE, out, bound, &size, NULL, &options, NULL),
                     MAPPROC_OK);
    assert_true(watched.calls > 0);
    assert_true(watched.done == SIZE);
    assert_true(watched.total == SIZE);
    mapproc_cancel_request(cancel);
    watched.done = 0;
    assert_int_equal(mapproc_compress_buffer(data, SIZE, out, bound, &size, NULL, &options, NULL),
                     MAPPROC_CANCELLED);
    assert_int_equal(mapproc_compress_buffer(data, 10, out, bound, &size, NULL, &options, NULL),
                     MAPPROC_CANCELLED);
    mapproc_cancel_free(cancel);
    free(out);
}

static int prepare(void **state)
{
    (void)state;
    test_random_seed(&rng);
    data = malloc(SIZE);
    if (data == NULL || !scratch_directory_make(&scratch))
        return -1;
    make_library_data(&rng, data, SIZE);
    scratch_path(&scratch, "input", input);
    scratch_path(&scratch, "packed.gz", packed);
    return scratch_write(input, data, SIZE) ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    (void)unlink(input);
    (void)unlink(packed);
    (void)rmdir(scratch.path);
    free(data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_become_what_files_do),
        cmocka_unit_test(buffers_of_any_size_come_back),
        cmocka_unit_test(bad_buffers_are_told),
        cmocka_unit_test(buffers_can_be_watched_and_cancelled),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
