/* SPDX-License-Identifier: MIT */
/* test_library_gzip.c - the library's compressing and inflating, with zlib as the oracle. */
#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "guarded_buffer.h"
#include "library_fixture.h"
#include "mapproc.h"
#include "random.h"
#include "scratch_file.h"

enum { SIZE = 3000017, CHUNK = 100 << 10 };

static struct test_random rng;
static struct scratch_directory scratch;
static uint8_t *data;                /* SIZE bytes, some of which compress */
static char input[SCRATCH_PATH_MAX]; /* a file of them */
static char packed[SCRATCH_PATH_MAX], unpacked[SCRATCH_PATH_MAX];
static const struct mapproc_options small_chunks = {.threads = 3, .chunk_size = CHUNK};

/* ---- helpers ---- */

static void assert_file_is(const char *path, const uint8_t *expected, size_t length)
{
    size_t size;
    uint8_t *bytes = slurp(path, &size);

    assert_true(size == length);
    assert_memory_equal(bytes, expected, length);
    free(bytes);
}

static void compress_input(const struct mapproc_compress_options *how)
{
    struct mapproc_error error;

    (void)unlink(packed);
    if (mapproc_compress_file(input, packed, how, &small_chunks, NULL, &error) != MAPPROC_OK)
        fail_msg("%s (%d)", error.what, error.system_error);
}

/* ---- files ---- */

static void a_file_becomes_gzip_that_zlib_reads(void **state)
{
    static const struct mapproc_compress_options ways[] = {
        {0},
        {.level = MAPPROC_LEVEL_STORE},
        {.level = 1, .verify = 1},
        {.level = 12},
        {.form = MAPPROC_FORM_BGZF},
        {.codec = "zlib", .level = 3},
        {.chunker = "lines"},
    };
    struct mapproc_compress_result result;
    struct stat status;

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        size_t size;
        uint8_t *gzip;

        (void)unlink(packed);
        assert_int_equal(
            mapproc_compress_file(input, packed, &ways[i], &small_chunks, &result, NULL),
            MAPPROC_OK);
        gzip = slurp(packed, &size);
        assert_gunzips(gzip, size, data, SIZE);
        free(gzip);
        assert_true(result.size == SIZE);
        assert_true(result.compressed == size);
        assert_true(result.members >= 1);
    }
    assert_int_equal(stat(packed, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600); /* that of the input */
}

static void what_exists_is_not_replaced(void **state)
{
    const struct mapproc_compress_options force = {.force = 1};
    struct mapproc_error error;

    (void)state;
    assert_true(scratch_write(packed, "precious", 8));
    assert_int_equal(mapproc_compress_file(input, packed, NULL, NULL, NULL, &error),
                     MAPPROC_REFUSED);
    assert_int_equal(error.system_error, EEXIST);
    assert_file_is(packed, (const uint8_t *)"precious", 8);
    assert_int_equal(mapproc_compress_file(input, packed, &force, NULL, NULL, NULL), MAPPROC_OK);

    assert_true(scratch_write(unpacked, "precious", 8));
    assert_int_equal(mapproc_decompress_file(packed, unpacked, NULL, NULL, NULL, &error),
                     MAPPROC_REFUSED);
    assert_file_is(unpacked, (const uint8_t *)"precious", 8);
    (void)unlink(unpacked);
}

static void nonsense_is_refused(void **state)
{
    static const struct mapproc_compress_options ways[] = {
        {.level = 13},     {.level = -2},         {.form = (enum mapproc_member_form)7},
        {.codec = "lzma"}, {.chunker = "nosuch"}, {.reserved = {0, 1}},
    };
    const struct mapproc_decompress_options unknown = {.reserved = {1}};
    const struct mapproc_decompress_options removes = {.remove_input = 1};
    const struct mapproc_options odd = {.reserved = {[7] = 1}};
    struct mapproc_error error;

    (void)state;
    (void)unlink(packed);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        size_t size = 1;
        uint8_t out[64];

        assert_int_equal(mapproc_compress_file(input, packed, &ways[i], NULL, NULL, &error),
                         MAPPROC_REFUSED);
        assert_int_not_equal(error.what[0], '\0');
        assert_true(access(packed, F_OK) != 0);
        assert_int_equal(
            mapproc_compress_buffer(data, 1, out, sizeof(out), &size, &ways[i], NULL, NULL),
            MAPPROC_REFUSED);
        assert_true(size == 0);
        if (ways[i].chunker == NULL)
            assert_true(mapproc_compress_bound(1, &ways[i], NULL) == 0);
    }
    assert_int_equal(mapproc_compress_file(input, packed, NULL, &odd, NULL, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_decompress_file(input, NULL, &unknown, NULL, NULL, NULL),
                     MAPPROC_REFUSED);
    assert_int_equal(mapproc_decompress_file(input, NULL, &removes, NULL, NULL, NULL),
                     MAPPROC_REFUSED);
    assert_true(mapproc_compress_bound(SIZE_MAX, NULL, NULL) == 0);
}

static void a_file_is_inflated_whoever_made_it(void **state)
{
    const struct mapproc_decompress_options limited = {.max_output = SIZE - 1};
    struct mapproc_compress_result result;
    struct mapproc_error error;
    size_t size;
    uint8_t *gzip = zlib_gzip(data, SIZE, &size);

    (void)state;
    compress_input(NULL);
    for (int i = 0; i < 2; i++) {
        (void)unlink(unpacked);
        assert_int_equal(
            mapproc_decompress_file(packed, unpacked, NULL, &small_chunks, &result, NULL),
            MAPPROC_OK);
        assert_file_is(unpacked, data, SIZE);
        assert_true(result.size == SIZE);
        assert_true(scratch_write(packed, gzip, size)); /* the second time by zlib */
    }
    assert_int_equal(mapproc_decompress_file(packed, NULL, &limited, NULL, NULL, &error),
                     MAPPROC_REFUSED);
    gzip[size / 2] ^= 0x10;
    assert_true(scratch_write(packed, gzip, size));
    (void)unlink(unpacked);
    assert_int_equal(mapproc_decompress_file(packed, unpacked, NULL, NULL, &result, &error),
                     MAPPROC_BAD_DATA);
    assert_int_not_equal(error.what[0], '\0');
    assert_ptr_equal(error.path, packed);
    assert_true(access(unpacked, F_OK) != 0);
    assert_int_equal(mapproc_decompress_file("/nonexistent", NULL, NULL, NULL, NULL, NULL),
                     MAPPROC_BAD_DATA);
    free(gzip);
}

/* What the header of one of our members says. */
static size_t stated_size(const uint8_t *member)
{
    return member[16] | (size_t)member[17] << 8 | (size_t)member[18] << 16;
}

static void good_members_around_a_bad_one_are_kept(void **state)
{
    const struct mapproc_decompress_options going = {.keep_going = 1};
    struct mapproc_compress_result result;
    size_t size, length;
    uint8_t *gzip, *second, *out;

    (void)state;
    compress_input(NULL);
    gzip = slurp(packed, &size);
    second = gzip + stated_size(gzip);
    assert_true(second + stated_size(second) < gzip + size);
    second[20 + (stated_size(second) - 28) / 2] ^= 0x10; /* amid its deflate data */
    assert_true(scratch_write(packed, gzip, size));
    free(gzip);
    (void)unlink(unpacked);
    assert_int_equal(
        mapproc_decompress_file(packed, unpacked, &going, &small_chunks, &result, NULL),
        MAPPROC_BAD_DATA);
    assert_true(result.bad_members == 1);
    out = slurp(unpacked, &length);
    assert_true(length == SIZE);
    assert_memory_equal(out, data, CHUNK);
    assert_memory_equal(out + SIZE - CHUNK, data + SIZE - CHUNK, CHUNK);
    free(out);
    (void)unlink(unpacked);
}

static void inputs_are_removed_when_that_is_wanted(void **state)
{
    const struct mapproc_compress_options pack = {.remove_input = 1};
    const struct mapproc_decompress_options unpack = {.remove_input = 1};
    char copy[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path(&scratch, "copy", copy);
    assert_true(scratch_write(copy, data, SIZE));
    (void)unlink(packed);
    assert_int_equal(mapproc_compress_file(copy, packed, &pack, NULL, NULL, NULL), MAPPROC_OK);
    assert_true(access(copy, F_OK) != 0);
    assert_int_equal(mapproc_decompress_file(packed, copy, &unpack, NULL, NULL, NULL), MAPPROC_OK);
    assert_true(access(packed, F_OK) != 0);
    assert_file_is(copy, data, SIZE);
    (void)unlink(copy);
}

/* ---- descriptors ---- */

struct feed {
    int fd;
    const uint8_t *bytes;
    size_t size;
};

static void *feed_pipe(void *argument)
{
    const struct feed *feed = argument;
    size_t done = 0;

    while (done < feed->size) {
        ssize_t n = write(feed->fd, feed->bytes + done, feed->size - done);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    (void)close(feed->fd);
    return NULL;
}

static void pipes_and_positions_of_files_are_served(void **state)
{
    struct feed feed = {.bytes = data, .size = SIZE};
    int in, out, ends[2];
    pthread_t feeder;

    (void)state;
    /* From a pipe. */
    (void)unlink(packed);
    out = open(packed, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(pipe(ends), 0);
    feed.fd = ends[1];
    assert_int_equal(pthread_create(&feeder, NULL, feed_pipe, &feed), 0);
    assert_int_equal(mapproc_compress_fd(ends[0], out, NULL, &small_chunks, NULL, NULL),
                     MAPPROC_OK);
    (void)pthread_join(feeder, NULL);
    (void)close(ends[0]);
    assert_true(lseek(out, 0, SEEK_CUR) > 0); /* still open, behind what was written */
    /* And back, from the beginning of the file. */
    assert_int_equal(lseek(out, 0, SEEK_SET), 0);
    in = out;
    (void)unlink(unpacked);
    out = open(unpacked, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(mapproc_decompress_fd(in, out, NULL, &small_chunks, NULL, NULL), MAPPROC_OK);
    assert_file_is(unpacked, data, SIZE);
    (void)close(in);
    /* Only what is behind the position. */
    assert_true(lseek(out, 1000, SEEK_SET) == 1000);
    in = out;
    out = open(packed, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(mapproc_compress_fd(in, out, NULL, &small_chunks, NULL, NULL), MAPPROC_OK);
    assert_true(lseek(in, 0, SEEK_CUR) == SIZE);
    (void)close(in);
    (void)close(out);
    (void)unlink(unpacked);
    assert_int_equal(mapproc_decompress_file(packed, unpacked, NULL, NULL, NULL, NULL), MAPPROC_OK);
    assert_file_is(unpacked, data + 1000, SIZE - 1000);
    (void)unlink(unpacked);
}

struct drain {
    int fd;
    uint8_t *bytes; /* SIZE of them, and one more */
    size_t size;
};

static void *drain_pipe(void *argument)
{
    struct drain *drain = argument;
    ssize_t n;

    while ((n = read(drain->fd, drain->bytes + drain->size, SIZE + 1 - drain->size)) > 0)
        drain->size += (size_t)n;
    return NULL;
}

static void data_goes_into_a_pipe(void **state)
{
    struct drain drain = {.bytes = malloc(SIZE + 1)};
    int ends[2], in;
    pthread_t drainer;

    (void)state;
    assert_non_null(drain.bytes);
    compress_input(NULL);
    in = open(packed, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe(ends), 0);
    drain.fd = ends[0];
    assert_int_equal(pthread_create(&drainer, NULL, drain_pipe, &drain), 0);
    assert_int_equal(mapproc_decompress_fd(in, ends[1], NULL, &small_chunks, NULL, NULL),
                     MAPPROC_OK);
    (void)close(ends[1]);
    (void)pthread_join(drainer, NULL);
    assert_true(drain.size == SIZE);
    assert_memory_equal(drain.bytes, data, SIZE);
    (void)close(ends[0]);
    (void)close(in);
    free(drain.bytes);

    /* Nobody reads: an error, as SIGPIPE is ignored. */
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    in = open(input, O_RDONLY | O_CLOEXEC);
    assert_int_equal(mapproc_compress_fd(in, ends[1], NULL, &small_chunks, NULL, NULL),
                     MAPPROC_FAILED);
    (void)close(ends[1]);
    (void)close(in);
}

static void bad_descriptors_are_errors(void **state)
{
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_compress_fd(-1, STDERR_FILENO, NULL, NULL, NULL, &error),
                     MAPPROC_FAILED);
    assert_int_equal(error.system_error, EBADF);
    assert_string_equal(error.path, "input");
    assert_int_equal(mapproc_decompress_fd(-1, STDERR_FILENO, NULL, NULL, NULL, &error),
                     MAPPROC_FAILED);
    assert_int_equal(error.system_error, EBADF);
}

/* ---- ranges ---- */

static void ranges_are_those_of_the_data(void **state)
{
    const char *const paths[] = {input, packed, unpacked};
    uint8_t *gzip;
    size_t size;

    (void)state;
    compress_input(NULL);
    gzip = zlib_gzip(data, SIZE, &size);
    assert_true(scratch_write(unpacked, gzip, size)); /* which cannot be sought in */
    free(gzip);
    for (int i = 0; i < 40; i++) {
        uint64_t offset = test_random_below(&rng, SIZE + 1000);
        size_t length = test_random_below(&rng, 200000), got;
        size_t there = offset < SIZE ? (size_t)(SIZE - offset) : 0;
        struct guarded_buffer out = {0};

        there = there < length ? there : length;
        assert_int_equal(guarded_buffer_init(&out, length + 1), 0);
        assert_int_equal(mapproc_read_range(paths[i % 3], offset, out.end - length, length, &got,
                                            &small_chunks, NULL),
                         MAPPROC_OK);
        assert_true(got == there);
        if (there > 0)
            assert_memory_equal(out.end - length, data + offset, there);
        guarded_buffer_destroy(&out);
    }
    assert_int_equal(mapproc_read_range("/nonexistent", 0, &size, 1, &size, NULL, NULL),
                     MAPPROC_BAD_DATA);
}

/* ---- the set-up ---- */

static int prepare(void **state)
{
    (void)state;
    test_random_seed(&rng);
    (void)signal(SIGPIPE, SIG_IGN);
    data = malloc(SIZE);
    if (data == NULL || !scratch_directory_make(&scratch))
        return -1;
    make_library_data(&rng, data, SIZE);
    scratch_path(&scratch, "input", input);
    scratch_path(&scratch, "packed.gz", packed);
    scratch_path(&scratch, "unpacked", unpacked);
    return scratch_write(input, data, SIZE) ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    (void)unlink(input);
    (void)unlink(packed);
    (void)unlink(unpacked);
    (void)rmdir(scratch.path);
    free(data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_becomes_gzip_that_zlib_reads),
        cmocka_unit_test(what_exists_is_not_replaced),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_file_is_inflated_whoever_made_it),
        cmocka_unit_test(good_members_around_a_bad_one_are_kept),
        cmocka_unit_test(inputs_are_removed_when_that_is_wanted),
        cmocka_unit_test(pipes_and_positions_of_files_are_served),
        cmocka_unit_test(data_goes_into_a_pipe),
        cmocka_unit_test(bad_descriptors_are_errors),
        cmocka_unit_test(ranges_are_those_of_the_data),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
