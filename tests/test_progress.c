/* SPDX-License-Identifier: MIT */
/* test_progress.c - estimates, and what a run tells about itself. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "jobs/digest_run.h"
#include "mapproc.h"
#include "progress/estimate.h"
#include "progress/limiter.h"
#include "progress/process.h"
#include "progress/progress.h"
#include "progress/segment_reader.h"
#include "random.h"
#include "scratch_file.h"

enum { MEBIBYTE = 1 << 20 };

static const uint64_t second = UINT64_C(1000000000);

static struct scratch_directory scratch;

/* ---- estimates ---- */

static void test_estimate_of_a_steady_job(void **state)
{
    struct mapproc_estimate estimate = {.count = 0};
    double value;

    (void)state;
    assert_false(mapproc_estimate_rate(&estimate, &value));
    for (uint64_t i = 0; i <= 400; i++) {
        uint64_t now = 5 * second + i * second / 10;

        mapproc_estimate_add(&estimate, now, i * 10 * MEBIBYTE, 0);
        if (i < 2)
            assert_false(mapproc_estimate_rate(&estimate, &value));
        if (i < 19)
            assert_false(mapproc_estimate_left(&estimate, 1000 * MEBIBYTE, &value));
        if (i > 25) {
            assert_true(mapproc_estimate_left(&estimate, 1000 * MEBIBYTE, &value));
            assert_true(value > 9.99 && value < 10.01);
            assert_true(mapproc_estimate_rate(&estimate, &value));
            assert_true(value > 99.9 * MEBIBYTE && value < 100.1 * MEBIBYTE);
        }
    }
}

static void test_estimate_follows_the_recent_rate(void **state)
{
    struct mapproc_estimate estimate = {.count = 0};
    uint64_t done = 0;
    double value;

    (void)state;
    for (uint64_t i = 0; i < 200; i++)
        mapproc_estimate_add(&estimate, i * second / 10, done += 100, 0);
    /* Ten times as fast: for a while nothing can be said, then it is the new rate that counts. */
    for (uint64_t i = 200; i < 400; i++) {
        mapproc_estimate_add(&estimate, i * second / 10, done += 1000, 0);
        if (i == 270)
            assert_false(mapproc_estimate_left(&estimate, 1, &value));
    }
    assert_true(mapproc_estimate_left(&estimate, 10000, &value));
    assert_true(value > 0.9 && value < 1.1);
}

static void test_estimate_of_a_job_that_stands_still(void **state)
{
    struct mapproc_estimate estimate = {.count = 0};
    double value;

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        mapproc_estimate_add(&estimate, i * second / 4, i < 50 ? i : 50, 0);
    assert_false(mapproc_estimate_left(&estimate, 10, &value));
}

static void test_estimate_leaves_pauses_out(void **state)
{
    struct mapproc_estimate estimate = {.count = 0};
    double value;

    (void)state;
    for (uint64_t i = 0; i < 40; i++)
        mapproc_estimate_add(&estimate, i * second / 10, 100 * i, 0);
    /* An hour's pause, and on. */
    for (uint64_t i = 40; i < 80; i++)
        mapproc_estimate_add(&estimate, 3600 * second + i * second / 10, 100 * i, 3600 * second);
    assert_true(mapproc_estimate_rate(&estimate, &value));
    assert_true(value > 990 && value < 1010);
}

static void test_estimate_of_nonsense(void **state)
{
    struct mapproc_estimate estimate = {.count = 0};
    struct test_random random;
    double value;

    (void)state;
    test_random_seed(&random);
    for (int i = 0; i < 20000; i++) {
        mapproc_estimate_add(&estimate, test_random_next(&random) >> test_random_below(&random, 64),
                             test_random_next(&random) >> test_random_below(&random, 64),
                             test_random_next(&random) >> test_random_below(&random, 64));
        if (mapproc_estimate_rate(&estimate, &value))
            assert_true(value >= 0);
        if (mapproc_estimate_left(&estimate, test_random_next(&random), &value))
            assert_true(value >= 0);
    }
}

/* ---- runs ---- */

/* What the ticks of a run have shown. */
struct ticks {
    uint64_t done_bytes, done_files;
    unsigned wrong;
};

static void tick(void *user, const struct mapproc_progress_snapshot *snapshot, bool asked)
{
    struct ticks *ticks = user;

    (void)asked;
    ticks->wrong += snapshot->done_bytes < ticks->done_bytes;
    ticks->wrong += snapshot->done_files < ticks->done_files;
    ticks->wrong += snapshot->done_bytes > snapshot->total_bytes;
    ticks->wrong += snapshot->done_files > snapshot->total_files;
    ticks->done_bytes = snapshot->done_bytes;
    ticks->done_files = snapshot->done_files;
}

static int ignore_report(void *user, const struct mapproc_checksum *checksum)
{
    (void)user;
    (void)checksum;
    return MAPPROC_OK;
}

static struct mapproc_progress *start(struct ticks *ticks, struct mapproc_options *options,
                                      uint64_t limit_rate)
{
    const struct mapproc_progress_settings settings = {
        .verb = "test",
        .workers = 2,
        .limit_rate = limit_rate,
        .tick = tick,
        .user = ticks,
    };
    struct mapproc_progress *progress;
    struct mapproc_error refusal, error;

    assert_int_equal(mapproc_progress_start(&progress, &settings, &refusal, &error), MAPPROC_OK);
    options->progress = progress;
    return progress;
}

static void check_all_done(struct mapproc_progress *progress, uint64_t bytes, uint64_t files,
                           uint64_t errors)
{
    struct mapproc_progress_snapshot snapshot;

    mapproc_progress_look(progress, &snapshot);
    assert_int_equal(snapshot.done_bytes, bytes);
    assert_int_equal(snapshot.total_bytes, bytes);
    assert_int_equal(snapshot.done_files, files);
    assert_int_equal(snapshot.total_files, files);
    assert_int_equal(snapshot.errors, errors);
    assert_true((snapshot.flags & MAPPROC_PROGRESS_TOTAL_KNOWN) != 0);
    assert_int_equal(snapshot.state, MAPPROC_PROGRESS_FINISHING);
}

enum { FILES = 12 };

static char names[FILES][SCRATCH_PATH_MAX];
static uint64_t sizes[FILES], size_of_all;

static void run_all(const char *algorithms, enum mapproc_io io, unsigned threads)
{
    const char *paths[FILES];
    struct mapproc_options options = {.io = io, .threads = threads, .chunk_size = 64 << 10};
    struct ticks ticks = {.wrong = 0};
    struct mapproc_progress *progress = start(&ticks, &options, 0);
    struct mapproc_error error;

    for (size_t i = 0; i < FILES; i++)
        paths[i] = names[i];
    assert_int_equal(
        mapproc_checksum_files(paths, FILES, algorithms, &options, ignore_report, NULL, &error),
        MAPPROC_OK);
    check_all_done(progress, size_of_all, FILES, 0);
    mapproc_progress_finish(progress, false, 0);
    assert_int_equal(ticks.wrong, 0);
}

static void test_ends_at_all_of_it(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        run_all("xxh128", MAPPROC_IO_MMAP, threads);
        run_all("xxh128", MAPPROC_IO_READ, threads);
        run_all("sha256", MAPPROC_IO_AUTO, threads);
    }
}

static void test_failed_sources_leave_nothing_to_do(void **state)
{
    const char *paths[] = {names[0], "/nonexistent", names[1], "/proc/self/mem", names[2]};
    struct mapproc_options options = {.threads = 2};
    struct ticks ticks = {.wrong = 0};
    struct mapproc_progress *progress = start(&ticks, &options, 0);
    struct mapproc_error error;

    (void)state;
    /* Expected was more; what was found is what counts at the end. */
    mapproc_progress_expect(progress, 100, UINT64_MAX);
    assert_int_equal(mapproc_checksum_files(paths, 5, NULL, &options, ignore_report, NULL, &error),
                     MAPPROC_OK);
    check_all_done(progress, sizes[0] + sizes[1] + sizes[2], 5, 2);
    mapproc_progress_finish(progress, false, 1);
    assert_int_equal(ticks.wrong, 0);
}

/* A file that is cut once the run has done something of it. */
struct cut {
    char path[SCRATCH_PATH_MAX];
    struct mapproc_progress *progress;
    bool good;
};

enum { PATIENCE = 200 * 1000 /* ms, of something that never comes */ };

static void *cut_file(void *argument)
{
    struct cut *cut = argument;
    struct mapproc_progress_snapshot snapshot = {.done_bytes = 0};
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int ms = 0; ms < PATIENCE && snapshot.done_bytes == 0; ms++) {
        (void)nanosleep(&pause, NULL);
        mapproc_progress_look(cut->progress, &snapshot);
    }
    cut->good = snapshot.done_bytes > 0 && truncate(cut->path, MEBIBYTE) == 0;
    mapproc_limiter_set_rate(mapproc_progress_limiter(cut->progress), 0);
    return NULL;
}

static void test_a_file_that_is_cut_meanwhile(void **state)
{
    struct cut cut = {.good = false};
    const char *paths[] = {cut.path};
    struct mapproc_options options = {.threads = 2, .io = MAPPROC_IO_MMAP};
    struct ticks ticks = {.wrong = 0};
    struct mapproc_progress *progress = start(&ticks, &options, MAPPROC_LIMIT_RATE_MIN);
    struct mapproc_progress_snapshot snapshot;
    struct mapproc_error error;
    pthread_t thread;

    (void)state;
    scratch_path(&scratch, "cut", cut.path);
    assert_true(scratch_write(cut.path, NULL, 0));
    assert_int_equal(truncate(cut.path, 16 * MEBIBYTE + 3), 0);
    /* Holes would not be read: every page is to have something. */
    {
        int fd = open(cut.path, O_WRONLY);

        for (off_t at = 0; at < 16 * MEBIBYTE; at += 4096)
            assert_int_equal(pwrite(fd, "x", 1, at), 1);
        (void)close(fd);
    }
    /* At this rate it would take hours, until it is cut. */
    cut.progress = progress;
    assert_int_equal(pthread_create(&thread, NULL, cut_file, &cut), 0);
    assert_int_equal(mapproc_checksum_files(paths, 1, NULL, &options, ignore_report, NULL, &error),
                     MAPPROC_OK);
    (void)pthread_join(thread, NULL);
    assert_true(cut.good);
    mapproc_progress_look(progress, &snapshot);
    assert_true(snapshot.done_bytes < 16 * MEBIBYTE);
    assert_int_equal(snapshot.total_bytes, snapshot.done_bytes);
    assert_int_equal(snapshot.errors, 1);
    mapproc_progress_finish(progress, false, 1);
    assert_int_equal(ticks.wrong, 0);
}

static int make_files(void **state)
{
    static const uint64_t some_sizes[FILES] = {
        0,      1,        4095,         4096,         64 << 10, 65537,
        300000, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE, 5000000,  77};

    (void)state;
    if (!scratch_directory_make(&scratch))
        return -1;
    for (size_t i = 0; i < FILES; i++) {
        char name[32];
        uint8_t *data = calloc(1, some_sizes[i] + 1);

        sizes[i] = some_sizes[i];
        size_of_all += sizes[i];
        memset(data, 7, sizes[i]);
        (void)snprintf(name, sizeof(name), "file%zu", i);
        scratch_path(&scratch, name, names[i]);
        if (!scratch_write(names[i], data, sizes[i]))
            return -1;
        free(data);
    }
    return 0;
}

static int remove_files(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < FILES; i++)
        (void)unlink(names[i]);
    (void)unlink(scratch_path(&scratch, "cut", path));
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimate_of_a_steady_job),
        cmocka_unit_test(test_estimate_follows_the_recent_rate),
        cmocka_unit_test(test_estimate_of_a_job_that_stands_still),
        cmocka_unit_test(test_estimate_leaves_pauses_out),
        cmocka_unit_test(test_estimate_of_nonsense),
        cmocka_unit_test(test_ends_at_all_of_it),
        cmocka_unit_test(test_failed_sources_leave_nothing_to_do),
        cmocka_unit_test(test_a_file_that_is_cut_meanwhile),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
