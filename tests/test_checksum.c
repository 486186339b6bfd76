/* SPDX-License-Identifier: MIT */
/* test_checksum.c - the public interface, as another program would call it. */
#include "cmocka_all.h"

#include <pthread.h>
#include <xxhash.h>

#include "mapproc.h"
#include "random.h"
#include "scratch_file.h"

enum { FILES = 24 };

static struct test_random rng;
static struct scratch_directory scratch;
static char names[FILES][SCRATCH_PATH_MAX];
static const char *paths[FILES];
static XXH128_canonical_t expected[FILES];
static uint64_t sizes[FILES];

struct seen {
    size_t count;
    size_t errors;
    int answer; /* what the report returns */
};

static int check_report(void *user, const struct mapproc_checksum *checksum)
{
    struct seen *seen = user;
    size_t i = seen->count++;

    assert_ptr_equal(checksum->path, paths[i]);
    if (checksum->error != NULL) {
        seen->errors++;
        assert_int_equal(checksum->digest_count, 0);
        assert_ptr_equal(checksum->error->path, paths[i]);
        return seen->answer;
    }
    assert_string_equal(checksum->digests[0].algorithm, "xxh128");
    assert_string_equal(checksum->digests[0].tag, "XXH128");
    assert_int_equal(checksum->digests[0].size, sizeof(expected[i]));
    assert_true(checksum->size == sizes[i]);
    assert_memory_equal(checksum->digests[0].bytes, &expected[i], sizeof(expected[i]));
    return seen->answer;
}

static void digests_are_right_in_every_setting(void **state)
{
    static const unsigned threads[] = {0, 1, 2, 3, 7};
    static const size_t chunk_sizes[] = {0, 1024, 1500, 65536, 1 << 20};

    (void)state;
    for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
        for (size_t c = 0; c < sizeof(chunk_sizes) / sizeof(chunk_sizes[0]); c++) {
            for (int io = MAPPROC_IO_AUTO; io <= MAPPROC_IO_READ; io++) {
                const struct mapproc_options options = {
                    .threads = threads[t], .chunk_size = chunk_sizes[c], .io = (enum mapproc_io)io};
                struct seen seen = {0};

                assert_int_equal(
                    mapproc_checksum_files(paths, FILES, NULL, &options, check_report, &seen, NULL),
                    MAPPROC_OK);
                assert_int_equal(seen.count, FILES);
                assert_int_equal(seen.errors, 0);
            }
        }
    }
}

static void a_missing_file_does_not_stop_the_others(void **state)
{
    const char *present = paths[5];
    struct seen seen = {0};

    (void)state;
    paths[5] = "/nonexistent/file";
    assert_int_equal(
        mapproc_checksum_files(paths, FILES, "xxh128", NULL, check_report, &seen, NULL),
        MAPPROC_OK);
    paths[5] = present;
    assert_int_equal(seen.count, FILES);
    assert_int_equal(seen.errors, 1);
}

static void a_report_can_end_the_job(void **state)
{
    struct seen seen = {.answer = MAPPROC_REFUSED};
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_checksum_files(paths, FILES, NULL, NULL, check_report, &seen, &error),
                     MAPPROC_REFUSED);
    assert_int_equal(seen.count, 1);
}

static void nonsense_is_refused(void **state)
{
    struct mapproc_options options = {.chunk_size = 1023};
    struct mapproc_error error;
    struct seen seen = {0};

    (void)state;
    assert_int_equal(mapproc_checksum_files(paths, 1, "md4", NULL, check_report, &seen, &error),
                     MAPPROC_REFUSED);
    assert_int_equal(error.code, MAPPROC_REFUSED);
    assert_int_equal(mapproc_checksum_files(paths, 1, NULL, &options, check_report, &seen, &error),
                     MAPPROC_REFUSED);
    options.chunk_size = ((size_t)1 << 30) + 1;
    assert_int_equal(mapproc_checksum_files(paths, 1, NULL, &options, check_report, &seen, NULL),
                     MAPPROC_REFUSED);
    options = (struct mapproc_options){.threads = 5000};
    assert_int_equal(mapproc_checksum_files(paths, 1, NULL, &options, check_report, &seen, NULL),
                     MAPPROC_REFUSED);
    assert_int_equal(seen.count, 0);
    assert_int_equal(mapproc_checksum_files(paths, 0, NULL, NULL, check_report, &seen, NULL),
                     MAPPROC_OK);
    assert_int_equal(seen.count, 0);
}

static void a_cancelled_job_ends(void **state)
{
    struct mapproc_cancel *cancel = mapproc_cancel_create();
    const struct mapproc_options options = {.cancel = cancel};
    struct mapproc_error error;
    struct seen seen = {0};

    (void)state;
    assert_non_null(cancel);
    mapproc_cancel_request(cancel);
    mapproc_cancel_request(cancel);
    assert_int_equal(
        mapproc_checksum_files(paths, FILES, NULL, &options, check_report, &seen, &error),
        MAPPROC_CANCELLED);
    assert_int_equal(error.code, MAPPROC_CANCELLED);
    mapproc_cancel_free(cancel);
}

static void *run_job(void *argument)
{
    struct seen seen = {0};

    (void)argument;
    for (int round = 0; round < 10; round++) {
        seen.count = 0;
        if (mapproc_checksum_files(paths, FILES, NULL, NULL, check_report, &seen, NULL) !=
                MAPPROC_OK ||
            seen.count != FILES || seen.errors != 0)
            return argument;
    }
    return NULL;
}

static void jobs_run_side_by_side(void **state)
{
    pthread_t threads[3];
    void *wrong;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_job, &rng), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void algorithms_are_listed(void **state)
{
    static const char *const names_in_order[] = {
        "xxh128", "xxh3", "xxh64",  "xxh32",  "crc32",    "crc32c",
        "md5",    "sha1", "sha256", "sha512", "sha3-256", "blake2b",
    };
    enum { COUNT = sizeof(names_in_order) / sizeof(names_in_order[0]) };

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(mapproc_checksum_algorithm(i), names_in_order[i]);
    assert_null(mapproc_checksum_algorithm(COUNT));
    assert_string_equal(mapproc_version(), MAPPROC_VERSION);
}

static int set_up(void **state)
{
    static const size_t fixed[] = {0, 1, 240, 241, 1023, 1024, 1025, 65536, 1 << 20, (3 << 20) + 5};
    enum { FIXED = sizeof(fixed) / sizeof(fixed[0]), LARGEST = 4 << 20 };
    uint8_t *data = malloc(LARGEST);

    (void)state;
    test_random_seed(&rng);
    if (data == NULL || !scratch_directory_make(&scratch))
        return -1;
    for (size_t i = 0; i < LARGEST; i++)
        data[i] = (uint8_t)test_random_next(&rng);
    for (size_t i = 0; i < FILES; i++) {
        size_t size = i < FIXED ? fixed[i] : test_random_below(&rng, LARGEST + 1) >> (i % 8);
        const uint8_t *start = data + test_random_below(&rng, LARGEST - size + 1);
        char name[16];

        (void)snprintf(name, sizeof(name), "file%zu", i);
        paths[i] = scratch_path(&scratch, name, names[i]);
        if (!scratch_write(paths[i], start, size))
            return -1;
        sizes[i] = size;
        XXH128_canonicalFromHash(&expected[i], XXH3_128bits(start, size));
    }
    free(data);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        (void)unlink(paths[i]);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_right_in_every_setting),
        cmocka_unit_test(a_missing_file_does_not_stop_the_others),
        cmocka_unit_test(a_report_can_end_the_job),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_cancelled_job_ends),
        cmocka_unit_test(jobs_run_side_by_side),
        cmocka_unit_test(algorithms_are_listed),
    };

    return cmocka_run_group_tests_name("checksum", tests, set_up, tear_down);
}
