/* SPDX-License-Identifier: MIT */
/* test_torn_reads.c - a job that publishes at full speed, and readers that never see half of it.
 *
 * MAPPROC_TEST_SECONDS says for how long at least: it goes on until all readers have seen
 * something.
 */
#include "cmocka_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "progress/segment.h"
#include "progress/segment_reader.h"
#include "scratch_file.h"
#include "segment_image.h"

static struct scratch_directory scratch;

enum { READERS = 4, LOOKS_LEAST = 100 };

/* A writer at full speed and four readers: two by pread(), two through a mapping. */
struct storm {
    struct mapproc_segment segment;
    atomic_bool over;
    atomic_ulong overtaken, torn, back;
    atomic_uint failed; /* readers that could not begin */
};

struct reader {
    struct storm *storm;
    atomic_ulong good;
};

static void count_look(struct reader *reader, bool agreed, uint64_t number, uint64_t *before)
{
    (void)atomic_fetch_add(agreed ? &reader->good : &reader->storm->torn, 1);
    if (number < *before)
        (void)atomic_fetch_add(&reader->storm->back, 1);
    *before = number;
}

static void *read_by_calls(void *argument)
{
    struct reader *self = argument;
    struct storm *storm = self->storm;
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view = {.workers = NULL};
    uint64_t before = 0;

    if (mapproc_segment_open(&reader, scratch.path, strrchr(storm->segment.path, '/') + 1, false,
                             NULL) != MAPPROC_OK) {
        (void)atomic_fetch_add(&storm->failed, 1);
        return NULL;
    }
    while (!atomic_load(&storm->over)) {
        if (mapproc_segment_read(&reader, &view, NULL) != MAPPROC_OK)
            (void)atomic_fetch_add(&storm->overtaken, 1);
        else if (view.snapshot.number != 0)
            count_look(self, image_agrees(&view.snapshot, view.workers), view.snapshot.number,
                       &before);
    }
    mapproc_segment_view_free(&view);
    mapproc_segment_close(&reader);
    return NULL;
}

/* As mapproc_progress.h says, with C11 atomics. */
static bool copy_snapshot(const unsigned char *map, const struct mapproc_progress_header *header,
                          struct image *image)
{
    const _Atomic uint64_t *published =
        (const _Atomic uint64_t *)(const void *)(map + header->published_offset);
    uint64_t n = atomic_load_explicit(published, memory_order_acquire), *to = (uint64_t *)image;
    const _Atomic uint64_t *from =
        (const _Atomic uint64_t *)(const void *)(map + header->snapshot_offset +
                                                 n % 2 * header->snapshot_size);

    for (size_t i = 0; i < sizeof(*image) / sizeof(*to); i++)
        to[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    return n != 0 && n == atomic_load_explicit(published, memory_order_relaxed) &&
           image->snapshot.number == n;
}

static void *read_by_mapping(void *argument)
{
    struct reader *self = argument;
    struct storm *storm = self->storm;
    const struct mapproc_progress_header *header = &storm->segment.header;
    size_t size = (size_t)header->segment_size;
    unsigned char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, storm->segment.fd, 0);
    struct image image;
    uint64_t before = 0;

    if (map == MAP_FAILED) {
        (void)atomic_fetch_add(&storm->failed, 1);
        return NULL;
    }
    while (!atomic_load(&storm->over)) {
        if (copy_snapshot(map, header, &image))
            count_look(self, image_agrees(&image.snapshot, image.workers), image.snapshot.number,
                       &before);
        else
            (void)atomic_fetch_add(&storm->overtaken, 1);
    }
    (void)munmap(map, size);
    return NULL;
}

static bool have_all_seen(const struct reader *readers)
{
    for (int i = 0; i < READERS; i++)
        if (atomic_load(&readers[i].good) < LOOKS_LEAST)
            return false;
    return true;
}

/* Publishes at full speed until `end`, and on until all readers have seen enough: with rests, as
 * who is always overtaken would never come to anything. */
static void write_until(struct storm *storm, const struct reader *readers, uint64_t end)
{
    struct image image;
    bool late = false;

    for (uint64_t n = 1; !late || !have_all_seen(readers); n++) {
        fill_image(&image, n * 0x9e3779b9);
        assert_true(mapproc_segment_publish(&storm->segment, &image.snapshot));
        assert_int_equal(atomic_load(&storm->failed), 0);
        if (late)
            (void)usleep(1000);
        else
            late = mapproc_process_clock() >= end;
    }
}

static void nothing_torn_is_ever_seen(void **state)
{
    static struct storm storm;
    static struct reader readers[READERS];
    void *(*const ways[])(void *) = {read_by_calls, read_by_mapping};
    const char *text = getenv("MAPPROC_TEST_SECONDS");
    uint64_t seconds = text != NULL ? strtoull(text, NULL, 10) : 2;
    uint64_t end = mapproc_process_clock() + seconds * UINT64_C(1000000000);
    unsigned long good = 0;
    pthread_t threads[READERS];

    (void)state;
    assert_int_equal(
        mapproc_segment_create(&storm.segment, scratch.path, "verify", NULL, IMAGE_WORKERS, NULL),
        MAPPROC_OK);
    for (int i = 0; i < READERS; i++) {
        readers[i].storm = &storm;
        assert_int_equal(pthread_create(&threads[i], NULL, ways[i % 2], &readers[i]), 0);
    }
    write_until(&storm, readers, end);
    atomic_store(&storm.over, true);
    for (int i = 0; i < READERS; i++) {
        (void)pthread_join(threads[i], NULL);
        good += atomic_load(&readers[i].good);
    }
    print_message("%" PRIu64 " written, %lu read, %lu overtaken, %lu torn\n", storm.segment.number,
                  good, atomic_load(&storm.overtaken), atomic_load(&storm.torn));
    assert_int_equal(atomic_load(&storm.torn), 0);
    assert_int_equal(atomic_load(&storm.back), 0);
    mapproc_segment_remove(&storm.segment);
}

static int make_directory(void **state)
{
    (void)state;
    return scratch_directory_make(&scratch) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_torn_is_ever_seen),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
