/* SPDX-License-Identifier: MIT */
/* test_pipeline.c - order, bounds and ends of the pipeline, with a job that watches it. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/error.h"
#include "pipeline/pipeline.h"
#include "random.h"
#include "scratch_file.h"

enum {
    FILES = 8,
    FILE_SIZE = 300 * 1024 + 77,
    CHUNK = 4096,
    CHUNKS = (FILE_SIZE + CHUNK - 1) / CHUNK,
    PATIENCE = 200 * 1000, /* ms, of something that never comes */
};

static struct test_random rng;
static struct scratch_directory scratch;
static char names[FILES][SCRATCH_PATH_MAX];
static char missing[SCRATCH_PATH_MAX];
static uint8_t *contents;

/* What the watching job has seen. Failures are counted, because cmocka must not jump out of a
 * worker, and asserted when the run is over. */
struct watch {
    const char *paths[FILES];
    size_t count;
    size_t next;
    unsigned delay_us; /* of process(), at random up to this */
    size_t slow_chunk; /* number of a chunk that is held until so many are in flight, or 0 */
    size_t held_until;
    size_t cut_at_chunk; /* process() of this chunk of file 0 cuts the file, or 0 */
    struct mapproc_cancel *cancel;
    size_t cancel_at_chunk; /* or 0 */
    size_t fail_report;     /* report number that answers MAPPROC_FAILED, counted from 1, or 0 */
    size_t enough_at_chunk; /* commit() of this chunk of any file has enough, or 0 */
    bool compare;           /* commit() compares the data: only for jobs that keep it */

    atomic_size_t opened, closed, reported, discarded, processed, committed;
    atomic_size_t in_flight, most_in_flight;
    atomic_size_t wrong;
    int codes[FILES];
};

struct file_state {
    uint64_t next_number;
    uint64_t next_offset;
    atomic_int inside; /* calls of commit() or close() under way */
    bool closed;
};

static void expect(struct watch *watch, bool good)
{
    if (!good)
        atomic_fetch_add(&watch->wrong, 1);
}

static int watch_next(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)error;
    if (watch->next == watch->count)
        return 0;
    item->source.path = watch->paths[watch->next++];
    return 1;
}

static size_t watch_scratch_size(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    return length;
}

static size_t no_scratch(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    (void)length;
    return 0;
}

static int watch_open(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)error;
    atomic_fetch_add(&watch->opened, 1);
    item->state = calloc(1, sizeof(struct file_state));
    return item->state != NULL ? MAPPROC_OK : MAPPROC_FAILED;
}

/* Waits until there are so many chunks in flight, and then to see whether there will be more. */
static void hold(struct watch *watch)
{
    for (int ms = 0; atomic_load(&watch->in_flight) < watch->held_until; ms++) {
        if (ms == PATIENCE) {
            expect(watch, false);
            return;
        }
        (void)usleep(1000);
    }
    (void)usleep(100000);
}

static void watch_process(void *context, struct mapproc_chunk *chunk, size_t position,
                          const uint8_t *data, size_t length)
{
    struct watch *watch = context;
    size_t now, most;

    if (position == 0) {
        now = atomic_fetch_add(&watch->in_flight, 1) + 1;
        most = atomic_load(&watch->most_in_flight);
        while (now > most && !atomic_compare_exchange_weak(&watch->most_in_flight, &most, now))
            ;
    }
    if (watch->slow_chunk != 0 && chunk->number == watch->slow_chunk)
        hold(watch);
    else if (watch->delay_us != 0)
        (void)usleep((useconds_t)((chunk->number * 7919) % watch->delay_us));
    if (watch->cut_at_chunk != 0 && chunk->number == watch->cut_at_chunk &&
        chunk->item->source.path == watch->paths[0])
        expect(watch, truncate(watch->paths[0], CHUNK) == 0);
    if (watch->cancel_at_chunk != 0 && chunk->number == watch->cancel_at_chunk)
        mapproc_cancel_request(watch->cancel);
    memcpy((uint8_t *)chunk->scratch + position, data, length);
    atomic_fetch_add(&watch->processed, length);
}

static void watch_commit(void *context, struct mapproc_chunk *chunk)
{
    struct watch *watch = context;
    struct file_state *file = chunk->item->state;
    const uint8_t *bytes = chunk->scratch != NULL ? chunk->scratch : chunk->data;

    expect(watch, atomic_fetch_add(&file->inside, 1) == 0);
    expect(watch, !file->closed);
    expect(watch, chunk->number == file->next_number++);
    expect(watch, chunk->offset == file->next_offset);
    file->next_offset += chunk->length;
    expect(watch, file->next_offset <= FILE_SIZE);
    if (watch->compare)
        expect(watch, memcmp(bytes, contents + chunk->offset, chunk->length) == 0);
    if (watch->enough_at_chunk != 0) {
        expect(watch, chunk->number <= watch->enough_at_chunk);
        chunk->item->enough = chunk->number == watch->enough_at_chunk;
    }
    atomic_fetch_sub(&watch->in_flight, 1);
    atomic_fetch_add(&watch->committed, chunk->length);
    atomic_fetch_sub(&file->inside, 1);
}

static int watch_close(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;
    struct file_state *file = item->state;

    (void)error;
    expect(watch, atomic_fetch_add(&file->inside, 1) == 0);
    expect(watch,
           file->next_offset ==
               (watch->enough_at_chunk != 0 ? (watch->enough_at_chunk + 1) * CHUNK : FILE_SIZE));
    file->closed = true;
    atomic_fetch_add(&watch->closed, 1);
    return MAPPROC_OK;
}

static int watch_report(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    struct watch *watch = context;
    size_t number = atomic_fetch_add(&watch->reported, 1);

    expect(watch, number < watch->count && item->source.path == watch->paths[number]);
    if (number < FILES)
        watch->codes[number] = error != NULL ? error->code : MAPPROC_OK;
    free(item->state);
    return watch->fail_report == number + 1 ? MAPPROC_FAILED : MAPPROC_OK;
}

static void watch_discard(void *context, struct mapproc_item *item)
{
    struct watch *watch = context;

    atomic_fetch_add(&watch->discarded, 1);
    free(item->state);
}

static const struct mapproc_job copying_job = {
    .next = watch_next,
    .scratch_size = watch_scratch_size,
    .open = watch_open,
    .process = watch_process,
    .commit = watch_commit,
    .close = watch_close,
    .report = watch_report,
    .discard = watch_discard,
};

static const struct mapproc_job keeping_job = {
    .keeps_data = true,
    .spreads = true,
    .next = watch_next,
    .scratch_size = no_scratch,
    .open = watch_open,
    .commit = watch_commit,
    .close = watch_close,
    .report = watch_report,
    .discard = watch_discard,
};

static void start(struct watch *watch)
{
    *watch = (struct watch){.count = FILES};
    for (size_t i = 0; i < FILES; i++)
        watch->paths[i] = names[i];
}

static int run(const struct mapproc_job *job, struct watch *watch, unsigned threads,
               enum mapproc_io io)
{
    const struct mapproc_options options = {
        .threads = threads, .chunk_size = CHUNK, .io = io, .cancel = watch->cancel};
    int result = mapproc_pipeline_run(job, watch, mapproc_chunker_find("fixed"), &options, NULL);

    assert_int_equal(watch->wrong, 0);
    return result;
}

static void write_files(void)
{
    for (size_t i = 0; i < FILES; i++)
        assert_true(scratch_write(names[i], contents, FILE_SIZE));
}

static void chunks_are_committed_in_order(void **state)
{
    static const unsigned threads[] = {1, 2, 3, 7};
    struct watch watch;

    (void)state;
    for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
        for (int io = MAPPROC_IO_MMAP; io <= MAPPROC_IO_READ; io++) {
            for (int keeping = 0; keeping < 2; keeping++) {
                start(&watch);
                watch.compare = true;
                watch.delay_us = 200;
                assert_int_equal(run(keeping ? &keeping_job : &copying_job, &watch, threads[t],
                                     (enum mapproc_io)io),
                                 MAPPROC_OK);
                assert_int_equal(watch.committed, FILES * FILE_SIZE);
                assert_int_equal(watch.opened, FILES);
                assert_int_equal(watch.closed, FILES);
                assert_int_equal(watch.reported, FILES);
                assert_int_equal(watch.discarded, 0);
                for (size_t i = 0; i < FILES; i++)
                    assert_int_equal(watch.codes[i], MAPPROC_OK);
            }
        }
    }
}

static void a_slow_chunk_holds_back_the_others(void **state)
{
    struct watch watch;

    (void)state;
    start(&watch);
    watch.count = 1;
    watch.slow_chunk = 5;
    watch.held_until = 9;
    assert_int_equal(run(&copying_job, &watch, 3, MAPPROC_IO_READ), MAPPROC_OK);
    assert_int_equal(watch.committed, FILE_SIZE);
    /* The others went on while it was held, but only as far as the bound: three chunks a thread. */
    assert_int_equal(watch.most_in_flight, 9);
    assert_true(CHUNKS > 20);
}

static void failed_sources_are_reported_in_their_place(void **state)
{
    struct watch watch;

    (void)state;
    start(&watch);
    watch.paths[0] = missing;
    watch.paths[3] = scratch.path; /* a directory */
    watch.paths[FILES - 1] = missing;
    assert_int_equal(run(&copying_job, &watch, 3, MAPPROC_IO_AUTO), MAPPROC_OK);
    assert_int_equal(watch.reported, FILES);
    assert_int_equal(watch.opened, FILES - 3);
    assert_int_equal(watch.closed, FILES - 3);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(watch.codes[i], i == 0 || i == FILES - 1 ? MAPPROC_BAD_DATA
                                         : i == 3                 ? MAPPROC_FAILED
                                                                  : MAPPROC_OK);
}

static void a_cut_file_fails_alone(void **state)
{
    static const unsigned threads[] = {1, 2, 7};
    struct watch watch;

    (void)state;
    for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
        for (int io = MAPPROC_IO_MMAP; io <= MAPPROC_IO_READ; io++) {
            write_files();
            start(&watch);
            watch.cut_at_chunk = 9;
            assert_int_equal(run(&copying_job, &watch, threads[t], (enum mapproc_io)io),
                             MAPPROC_OK);
            assert_int_equal(watch.reported, FILES);
            assert_int_equal(watch.closed, FILES - 1);
            assert_int_equal(watch.codes[0], MAPPROC_BAD_DATA);
            for (size_t i = 1; i < FILES; i++)
                assert_int_equal(watch.codes[i], MAPPROC_OK);
        }
    }
    write_files();
}

static void a_job_can_have_enough(void **state)
{
    static const unsigned threads[] = {1, 2, 7};
    struct watch watch;

    (void)state;
    for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
        for (int io = MAPPROC_IO_MMAP; io <= MAPPROC_IO_READ; io++) {
            for (int keeping = 0; keeping < 2; keeping++) {
                start(&watch);
                watch.paths[1] = "/dev/zero"; /* would never end */
                watch.enough_at_chunk = 1 + test_random_below(&rng, CHUNKS / 2);
                assert_int_equal(run(keeping ? &keeping_job : &copying_job, &watch, threads[t],
                                     (enum mapproc_io)io),
                                 MAPPROC_OK);
                assert_int_equal(watch.committed, FILES * (watch.enough_at_chunk + 1) * CHUNK);
                assert_int_equal(watch.closed, FILES);
                assert_int_equal(watch.reported, FILES);
                for (size_t i = 0; i < FILES; i++)
                    assert_int_equal(watch.codes[i], MAPPROC_OK);
            }
        }
    }
}

static void a_report_can_end_the_run(void **state)
{
    struct watch watch;

    (void)state;
    for (size_t at = 1; at <= FILES; at++) {
        start(&watch);
        watch.fail_report = at;
        assert_int_equal(run(&copying_job, &watch, 3, MAPPROC_IO_AUTO), MAPPROC_FAILED);
        assert_int_equal(watch.reported, at);
        /* Whatever was under way has been let go of, once. */
        assert_int_equal(watch.reported + watch.discarded, watch.next);
    }
}

static void a_cancellation_ends_the_run(void **state)
{
    struct watch watch;

    (void)state;
    for (size_t at = 1; at < CHUNKS; at += 13) {
        start(&watch);
        watch.cancel = mapproc_cancel_create();
        assert_non_null(watch.cancel);
        watch.cancel_at_chunk = at;
        watch.delay_us = 500;
        assert_int_equal(run(&copying_job, &watch, 2, MAPPROC_IO_MMAP), MAPPROC_CANCELLED);
        assert_true(watch.processed < FILES * FILE_SIZE);
        assert_int_equal(watch.reported + watch.discarded, watch.next);
        mapproc_cancel_free(watch.cancel);
    }
}

static void *feed_fifo(void *argument)
{
    const char *path = argument;
    size_t done = 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    while (fd >= 0 && done < FILE_SIZE) {
        size_t n = 1 + done % 5000;
        ssize_t written = write(fd, contents + done, n < FILE_SIZE - done ? n : FILE_SIZE - done);

        if (written <= 0)
            break;
        done += (size_t)written;
    }
    (void)close(fd);
    return NULL;
}

static void streams_keep_their_order(void **state)
{
    char fifo[SCRATCH_PATH_MAX];
    struct watch watch;
    pthread_t writer;

    (void)state;
    (void)scratch_path(&scratch, "fifo", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (unsigned threads = 1; threads <= 3; threads++) {
        for (int keeping = 0; keeping < 2; keeping++) {
            start(&watch);
            watch.compare = true;
            watch.paths[2] = fifo; /* the other files go on while it is slow */
            assert_int_equal(pthread_create(&writer, NULL, feed_fifo, fifo), 0);
            assert_int_equal(
                run(keeping ? &keeping_job : &copying_job, &watch, threads, MAPPROC_IO_AUTO),
                MAPPROC_OK);
            assert_int_equal(pthread_join(writer, NULL), 0);
            assert_int_equal(watch.committed, FILES * FILE_SIZE);
            assert_int_equal(watch.reported, FILES);
        }
    }
    assert_int_equal(unlink(fifo), 0);
}

static void a_silent_stream_can_be_cancelled(void **state)
{
    char fifo[SCRATCH_PATH_MAX];
    struct watch watch;

    (void)state;
    (void)scratch_path(&scratch, "fifo", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    start(&watch);
    watch.paths[0] = fifo; /* nobody ever writes to it */
    watch.cancel = mapproc_cancel_create();
    watch.cancel_at_chunk = CHUNKS - 1; /* of one of the others: they are worked on meanwhile */
    assert_int_equal(run(&copying_job, &watch, 2, MAPPROC_IO_AUTO), MAPPROC_CANCELLED);
    assert_int_equal(watch.reported, 0);
    assert_int_equal(watch.discarded, watch.next);
    mapproc_cancel_free(watch.cancel);
    assert_int_equal(unlink(fifo), 0);
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    contents = malloc(FILE_SIZE);
    if (contents == NULL || !scratch_directory_make(&scratch))
        return -1;
    for (size_t i = 0; i < FILE_SIZE; i++)
        contents[i] = (uint8_t)test_random_next(&rng);
    for (size_t i = 0; i < FILES; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "file%zu", i);
        (void)scratch_path(&scratch, name, names[i]);
    }
    (void)scratch_path(&scratch, "missing", missing);
    write_files();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        (void)unlink(names[i]);
    free(contents);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_committed_in_order),
        cmocka_unit_test(a_slow_chunk_holds_back_the_others),
        cmocka_unit_test(failed_sources_are_reported_in_their_place),
        cmocka_unit_test(a_cut_file_fails_alone),
        cmocka_unit_test(a_job_can_have_enough),
        cmocka_unit_test(a_report_can_end_the_run),
        cmocka_unit_test(a_cancellation_ends_the_run),
        cmocka_unit_test(streams_keep_their_order),
        cmocka_unit_test(a_silent_stream_can_be_cancelled),
    };

    return cmocka_run_group_tests_name("pipeline", tests, set_up, tear_down);
}
