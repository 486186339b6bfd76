/* SPDX-License-Identifier: MIT */
/* inflate_fixture.h - inflating bytes in all the ways there are, into memory. */
#ifndef MAPPROC_TESTS_INFLATE_FIXTURE_H
#define MAPPROC_TESTS_INFLATE_FIXTURE_H

#include "cmocka_all.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gzip_members.h"
#include "jobs/inflate_run.h"
#include "random.h"
#include "scratch_file.h"

enum {
    SIZE = 24000, /* bytes of data: compressed it fits into a pipe */
    EACH = 6000,  /* of a member */
    FAULTS = 8,
};

static struct test_random rng;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX], index_path[SCRATCH_PATH_MAX];
static uint8_t data[SIZE];

/* ---- a run ---- */

/* How to get at the file. */
struct way {
    unsigned threads;
    enum mapproc_io io;
    bool pipe;
};

static const struct way ways[] = {
    {.threads = 1, .io = MAPPROC_IO_READ}, {.threads = 2, .io = MAPPROC_IO_MMAP},
    {.threads = 7, .io = MAPPROC_IO_READ}, {.threads = 1, .pipe = true},
    {.threads = 3, .pipe = true},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* One order, and what came of it. */
struct result {
    struct mapproc_inflate_order order;
    bool ordered;
    uint8_t *out; /* `size` bytes */
    size_t size;
    size_t room;
    size_t holes; /* bytes of them */
    int code;
    char what[192];
    uint64_t members;
    size_t fault_count;
    struct mapproc_inflate_fault faults[FAULTS];
    bool finished;
};

static inline int next_order(void *user, struct mapproc_inflate_order *order,
                             struct mapproc_error *error)
{
    struct result *result = user;

    (void)error;
    if (result->ordered)
        return 0;
    result->ordered = true;
    *order = result->order;
    return 1;
}

static inline int take_data(void *user, const struct mapproc_inflate_order *order,
                            const uint8_t *bytes, uint64_t length, struct mapproc_error *error)
{
    struct result *result = user;

    (void)order;
    (void)error;
    assert_true(length > 0);
    assert_true(length < 64 << 20);
    if (result->size + length > result->room) {
        result->room = 2 * (result->size + length);
        result->out = realloc(result->out, result->room);
        assert_non_null(result->out);
    }
    if (bytes != NULL)
        memcpy(result->out + result->size, bytes, length);
    else
        memset(result->out + result->size, 0, length);
    result->holes += bytes == NULL ? length : 0;
    result->size += length;
    return MAPPROC_OK;
}

static inline int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct result *result = user;

    result->code = outcome->error != NULL ? outcome->error->code : MAPPROC_OK;
    if (outcome->error != NULL)
        memcpy(result->what, outcome->error->what, sizeof(result->what));
    result->members = outcome->members;
    result->fault_count = outcome->fault_count;
    for (size_t i = 0; i < outcome->fault_count && i < FAULTS; i++)
        result->faults[i] = outcome->faults[i];
    result->finished = outcome->finished;
    return MAPPROC_OK;
}

/* Inflates these bytes, as `order` says but for its path. The result is to be freed. */
static inline struct result inflate_bytes(const uint8_t *bytes, size_t size, const struct way *way,
                                          const struct mapproc_inflate_order *order)
{
    struct result result = {.order = *order};
    const struct mapproc_inflate_client client = {
        .user = &result, .next = next_order, .write = take_data, .report = report};
    const struct mapproc_options options = {.threads = way->threads, .io = way->io};
    struct mapproc_error error = {0};
    char pipe_path[64];
    int ends[2];

    result.order.path = path;
    if (way->pipe) {
        assert_int_equal(pipe(ends), 0);
        assert_true(size <= 65536);
        assert_int_equal(write(ends[1], bytes, size), size);
        (void)close(ends[1]);
        (void)snprintf(pipe_path, sizeof(pipe_path), "/dev/fd/%d", ends[0]);
        result.order.path = pipe_path;
    } else {
        assert_true(scratch_write(path, bytes, size));
    }
    assert_int_equal(mapproc_inflate_run(&client, &options, &error), MAPPROC_OK);
    if (way->pipe)
        (void)close(ends[0]);
    return result;
}

static inline int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    for (size_t i = 0; i < SIZE; i++) /* compresses to some two thirds */
        data[i] = (uint8_t)(i % 3 == 0 ? test_random_next(&rng) : 97 + i / 7 % 8);
    if (!scratch_directory_make(&scratch))
        return -1;
    scratch_path(&scratch, "file.gz", path);
    scratch_path(&scratch, "file.gz.gzi", index_path);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(index_path);
    return rmdir(scratch.path);
}

#endif
