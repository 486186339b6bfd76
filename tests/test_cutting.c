/* SPDX-License-Identifier: MIT */
/* test_cutting.c - jobs that cut their sources themselves and have their chunks as copies.
 *
 * The sources consist of records: a kind, three zeros, the length of the record as a u32 in the
 * machine's order, and what else belongs to it. The job cuts one record a chunk.
 */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/error.h"
#include "memory/buddy.h"
#include "pipeline/pipeline.h"
#include "random.h"
#include "scratch_file.h"

enum {
    HEADER = 8,
    SOURCE_MOST = 4 << 20,
    RECORDS_MOST = 300,
    CHUNK = 64 << 10,  /* of the budget; most records are shorter */
    LARGEST = 1 << 20, /* the longest record, scratch of the same size */
};

/* Kinds of records. */
enum kind {
    KIND_DATA = 'd',   /* a chunk of its own */
    KIND_UNREAD = 'u', /* read by the job */
    KIND_REST = 'r',   /* the job reads all that follows */
    KIND_STOP = 's',   /* nothing that follows is wanted */
    KIND_FAULT = 'f',  /* not a record */
};

static struct test_random rng;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX];
static uint8_t *bytes;
static size_t size;
static uint64_t begins[RECORDS_MOST + 1];
static size_t records;

/* What the job has seen; see test_pipeline.c for why failures are counted. */
struct watch {
    const char *path;
    bool taken;
    uint64_t begin;
    unsigned workers;
    uint64_t next;   /* where the next committed chunk must begin */
    uint64_t cut_at; /* where the next cut must begin */
    uint64_t end;    /* of all that is to be committed */
    atomic_size_t wrong;
    size_t chunks;
    bool closed;
    struct mapproc_error error;
};

static void expect(struct watch *watch, bool good)
{
    if (!good)
        atomic_fetch_add(&watch->wrong, 1);
}

static int job_next(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)error;
    if (watch->taken)
        return 0;
    watch->taken = true;
    item->source.path = watch->path;
    return 1;
}

static int job_start(void *context, unsigned workers, struct mapproc_error *error)
{
    (void)error;
    ((struct watch *)context)->workers = workers;
    return MAPPROC_OK;
}

static size_t job_scratch_size(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    return length;
}

static size_t job_largest(void *context)
{
    (void)context;
    return 2 * mapproc_buddy_block_size(LARGEST);
}

static int job_open(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)error;
    if (item->source.kind == MAPPROC_SOURCE_EXTENT)
        item->begin = watch->begin;
    return MAPPROC_OK;
}

static int job_cut(void *context, struct mapproc_item *item, uint64_t offset, const uint8_t *peek,
                   size_t peeked, struct mapproc_cut *cut, struct mapproc_error *error)
{
    struct watch *watch = context;
    uint8_t header[HEADER];
    uint32_t length;

    expect(watch, offset == watch->cut_at);
    if (peek != NULL) {
        expect(watch, peeked == HEADER);
        memcpy(header, peek, HEADER);
    } else if (mapproc_source_read_at(&item->source, offset, header, HEADER, error) != MAPPROC_OK) {
        return error->code;
    }
    memcpy(&length, header + 4, sizeof(length));
    watch->cut_at += length;
    if (header[0] == KIND_FAULT)
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, item->source.path, "not a record");
    *cut = (struct mapproc_cut){
        .length = header[0] == KIND_STOP                   ? 0
                  : header[0] == KIND_REST && peek != NULL ? MAPPROC_CUT_REST
                  : header[0] == KIND_REST                 ? UINT64_MAX / 2
                                                           : length,
        .scratch = length,
        .unread = header[0] == KIND_UNREAD || header[0] == KIND_REST,
        .own = {offset, length, header[0]},
    };
    if (peek != NULL && header[0] == KIND_UNREAD)
        cut->unread = false; /* only the rest of a stream can be */
    return MAPPROC_OK;
}

static void job_process(void *context, struct mapproc_chunk *chunk, size_t position,
                        const uint8_t *data, size_t length)
{
    struct watch *watch = context;

    expect(watch, chunk->worker < watch->workers);
    expect(watch, position == 0);
    expect(watch, chunk->cut.own[0] == chunk->offset);
    if (chunk->cut.unread) {
        expect(watch, data == NULL && length == 0);
        return;
    }
    expect(watch, data == chunk->data && length == chunk->length);
    (void)usleep((useconds_t)(chunk->number * 7919 % 100));
    free(malloc(1000)); /* it is allowed to */
    memcpy(chunk->scratch, data, length);
}

/* Reads an unread chunk to its end. */
static void read_chunk(struct watch *watch, struct mapproc_chunk *chunk)
{
    const struct mapproc_source *source = &chunk->item->source;
    uint8_t *all = malloc(SOURCE_MOST);
    struct mapproc_error error;
    size_t got = 0;

    expect(watch, all != NULL);
    if (source->kind == MAPPROC_SOURCE_STREAM) {
        memcpy(all, chunk->data, chunk->length);
        expect(watch,
               mapproc_source_read_next(source, chunk->item->wake_fd, all + chunk->length,
                                        SOURCE_MOST - chunk->length, &got, &error) == MAPPROC_OK);
        chunk->length += got;
    } else {
        expect(watch, mapproc_source_read_at(source, chunk->offset, all, chunk->length, &error) ==
                          MAPPROC_OK);
    }
    expect(watch, chunk->offset + chunk->length <= size);
    expect(watch, memcmp(all, bytes + chunk->offset, chunk->length) == 0);
    free(all);
}

static void job_commit(void *context, struct mapproc_chunk *chunk)
{
    struct watch *watch = context;

    expect(watch, chunk->offset == watch->next);
    if (chunk->cut.unread) {
        read_chunk(watch, chunk);
    } else {
        expect(watch, memcmp(chunk->data, bytes + chunk->offset, chunk->length) == 0);
        expect(watch, memcmp(chunk->scratch, bytes + chunk->offset, chunk->length) == 0);
    }
    watch->next = chunk->offset + chunk->length;
    watch->chunks++;
}

static int job_close(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)error;
    expect(watch, item->committed == watch->end);
    watch->closed = true;
    return MAPPROC_OK;
}

static int job_report(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    struct watch *watch = context;

    (void)item;
    if (error != NULL)
        watch->error = *error;
    return MAPPROC_OK;
}

static void job_discard(void *context, struct mapproc_item *item)
{
    (void)context;
    (void)item;
}

static const struct mapproc_job job = {
    .copies = true,
    .peek = HEADER,
    .start = job_start,
    .next = job_next,
    .scratch_size = job_scratch_size,
    .largest = job_largest,
    .cut = job_cut,
    .open = job_open,
    .process = job_process,
    .commit = job_commit,
    .close = job_close,
    .report = job_report,
    .discard = job_discard,
};

static void add_record(enum kind kind, uint32_t length)
{
    begins[records++] = size;
    for (size_t i = 0; i < length; i++)
        bytes[size + i] = (uint8_t)test_random_next(&rng);
    memset(bytes + size, 0, HEADER);
    bytes[size] = (uint8_t)kind;
    memcpy(bytes + size + 4, &length, sizeof(length));
    size += length;
    begins[records] = size;
}

/* Up to `count` records, most of them short, none longer than `most`. */
static void make_records(size_t count, uint32_t most)
{
    size = records = 0;
    while (records < count && size + most <= SOURCE_MOST) {
        uint32_t length = HEADER + (uint32_t)test_random_below(&rng, 3000);

        if (test_random_below(&rng, 20) == 0)
            length = HEADER + (uint32_t)test_random_below(&rng, most - HEADER + 1);
        add_record(test_random_below(&rng, 5) == 0 ? KIND_UNREAD : KIND_DATA, length);
    }
}

/* Runs the job over the file, or over its bytes through a FIFO. */
static void run(struct watch *watch, unsigned threads, enum mapproc_io io)
{
    const struct mapproc_options options = {.threads = threads, .chunk_size = CHUNK, .io = io};
    uint64_t end = watch->end != 0 ? watch->end : size, begin = watch->begin;

    *watch = (struct watch){
        .path = watch->path, .begin = begin, .next = begin, .cut_at = begin, .end = end};
    assert_int_equal(
        mapproc_pipeline_run(&job, watch, mapproc_chunker_find("fixed"), &options, NULL),
        MAPPROC_OK);
    assert_int_equal(watch->wrong, 0);
    assert_int_equal(watch->next, end);
}

static const unsigned threads_tried[] = {1, 2, 3, 7};

enum { THREADS_TRIED = sizeof(threads_tried) / sizeof(threads_tried[0]) };

static void every_record_is_a_chunk(void **state)
{
    (void)state;
    for (size_t t = 0; t < THREADS_TRIED; t++) {
        for (int io = MAPPROC_IO_AUTO; io <= MAPPROC_IO_READ; io++) {
            struct watch watch = {.path = path};

            make_records(RECORDS_MOST, LARGEST);
            assert_true(scratch_write(path, bytes, size));
            run(&watch, threads_tried[t], (enum mapproc_io)io);
            assert_int_equal(watch.chunks, records);
            assert_true(watch.closed);
            assert_int_equal(watch.error.code, MAPPROC_OK);
        }
    }
}

static void chunks_can_begin_further_on(void **state)
{
    (void)state;
    make_records(50, CHUNK);
    assert_true(scratch_write(path, bytes, size));
    for (size_t first = 1; first < records; first++) {
        struct watch watch = {.path = path, .begin = begins[first]};

        run(&watch, 2, MAPPROC_IO_AUTO);
        assert_int_equal(watch.chunks, records - first);
    }
}

static void the_job_can_stop_cutting(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        struct watch watch = {.path = path};

        make_records(count, CHUNK);
        watch.end = size;
        add_record(KIND_STOP, HEADER);
        add_record(KIND_DATA, 5000);
        assert_true(scratch_write(path, bytes, size));
        if (count > 0) {
            run(&watch, 3, MAPPROC_IO_AUTO);
            assert_int_equal(watch.chunks, count);
            assert_true(watch.closed);
        }
    }
}

static void what_cannot_be_cut_is_an_error_there(void **state)
{
    (void)state;
    for (size_t t = 0; t < THREADS_TRIED; t++) {
        struct watch watch = {.path = path};

        make_records(50, CHUNK);
        watch.end = size;
        add_record(KIND_FAULT, HEADER);
        add_record(KIND_DATA, 5000);
        assert_true(scratch_write(path, bytes, size));
        run(&watch, threads_tried[t], MAPPROC_IO_AUTO);
        assert_false(watch.closed);
        assert_int_equal(watch.error.code, MAPPROC_BAD_DATA);
        assert_int_equal(watch.error.offset, watch.end);
        assert_string_equal(watch.error.what, "not a record");
    }
}

static void the_job_can_read_the_rest(void **state)
{
    struct watch watch = {.path = path};

    (void)state;
    make_records(20, CHUNK);
    add_record(KIND_REST, 100);
    add_record(KIND_DATA, 70000);
    assert_true(scratch_write(path, bytes, size));
    run(&watch, 3, MAPPROC_IO_AUTO);
    assert_int_equal(watch.chunks, 21);
}

static void *feed(void *argument)
{
    int fd = open(argument, O_WRONLY | O_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < size) {
        size_t n = 1 + done % 9000;
        ssize_t written = write(fd, bytes + done, n < size - done ? n : size - done);

        if (written <= 0)
            break;
        done += (size_t)written;
    }
    (void)close(fd);
    return NULL;
}

static void streams_are_cut_too(void **state)
{
    char fifo[SCRATCH_PATH_MAX];

    (void)state;
    assert_int_equal(mkfifo(scratch_path(&scratch, "fifo", fifo), 0600), 0);
    for (size_t t = 0; t < THREADS_TRIED; t++) {
        for (int rest = 0; rest < 2; rest++) {
            struct watch watch = {.path = fifo};
            pthread_t writer;

            make_records(100, CHUNK);
            if (rest) {
                add_record(KIND_REST, 100);
                add_record(KIND_DATA, 70000);
            }
            assert_int_equal(pthread_create(&writer, NULL, feed, fifo), 0);
            run(&watch, threads_tried[t], MAPPROC_IO_AUTO);
            assert_int_equal(pthread_join(writer, NULL), 0);
            assert_int_equal(watch.chunks, rest ? 101 : records);
            assert_true(watch.closed);
        }
    }
    assert_int_equal(unlink(fifo), 0);
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    bytes = malloc(SOURCE_MOST);
    if (bytes == NULL || !scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "records", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    free(bytes);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_a_chunk),
        cmocka_unit_test(chunks_can_begin_further_on),
        cmocka_unit_test(the_job_can_stop_cutting),
        cmocka_unit_test(what_cannot_be_cut_is_an_error_there),
        cmocka_unit_test(the_job_can_read_the_rest),
        cmocka_unit_test(streams_are_cut_too),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
