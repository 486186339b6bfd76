/* SPDX-License-Identifier: MIT */
/* chunk_run.c - where the chunks of a source end, and the digest of each.
 *
 * The digest of a chunk is made and finished by the worker that has it; commit only hands it on.
 *
 *     scratch   [ finished digest | state | partial ]      each 64-byte aligned
 */
#include "jobs/chunk_run.h"

#include <string.h>

#include "base/error.h"
#include "digest/digest.h"
#include "pipeline/pipeline.h"

struct run {
    const char *path;
    bool taken; /* the path, by next() */
    const struct mapproc_digest *digest;
    mapproc_chunk_report report;
    void *user;
    int answer;                   /* of the report */
    struct mapproc_error failure; /* of the source */
};

static int next_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct run *run = context;

    (void)error;
    if (run->taken)
        return 0;
    run->taken = true;
    item->source.path = run->path;
    return 1;
}

static size_t round_up(size_t size)
{
    return (size + MAPPROC_DIGEST_ALIGNMENT - 1) & ~((size_t)MAPPROC_DIGEST_ALIGNMENT - 1);
}

static void *state_of(const struct mapproc_chunk *chunk)
{
    return (unsigned char *)chunk->scratch + round_up(MAPPROC_DIGEST_MAX);
}

static void *partial_of(const struct run *run, const struct mapproc_chunk *chunk)
{
    return (unsigned char *)state_of(chunk) + round_up(run->digest->state_size);
}

/* A sixteenth of the chunk and a little: cannot overflow. */
static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    const struct run *run = context;

    (void)item;
    return round_up(MAPPROC_DIGEST_MAX) + round_up(run->digest->state_size) +
           run->digest->partial_size(chunk_length);
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    (void)context;
    (void)item;
    (void)error;
    return MAPPROC_OK;
}

/* The digest used here allocates nothing and cannot fail, so it may be abandoned anywhere. */
static void begin(const struct run *run, struct mapproc_chunk *chunk)
{
    (void)run->digest->init(run->digest, state_of(chunk));
    run->digest->partial_init(partial_of(run, chunk), 0);
}

static void end(const struct run *run, struct mapproc_chunk *chunk)
{
    run->digest->fold(state_of(chunk), partial_of(run, chunk));
    (void)run->digest->finish(state_of(chunk), chunk->scratch);
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    const struct run *run = context;

    if (position == 0)
        begin(run, chunk);
    run->digest->partial_update(partial_of(run, chunk), data, length);
    if (position + length == chunk->length)
        end(run, chunk);
}

static void process_hole(void *context, struct mapproc_chunk *chunk)
{
    const struct run *run = context;

    begin(run, chunk);
    run->digest->partial_zeros(partial_of(run, chunk), chunk->length);
    end(run, chunk);
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    struct run *run = context;
    struct mapproc_chunk_record record = {.offset = chunk->offset, .length = chunk->length};

    memcpy(record.digest, chunk->scratch, sizeof(record.digest));
    run->answer = run->report(run->user, &record);
    chunk->item->enough = run->answer != MAPPROC_OK;
}

static int close_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    (void)context;
    (void)item;
    (void)error;
    return MAPPROC_OK;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    struct run *run = context;

    (void)item;
    if (error != NULL)
        run->failure = *error;
    return MAPPROC_OK;
}

static void discard_item(void *context, struct mapproc_item *item)
{
    (void)context;
    (void)item;
}

static const struct mapproc_job job = {
    .next = next_item,
    .scratch_size = scratch_size,
    .open = open_item,
    .process = process,
    .process_hole = process_hole,
    .commit = commit,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

int mapproc_chunk_run(const char *path, const struct mapproc_chunking *chunking,
                      const struct mapproc_options *options, mapproc_chunk_report report,
                      void *user, struct mapproc_error *error)
{
    struct mapproc_options mine = *options;
    struct run run = {
        .path = path,
        .digest = mapproc_digest_find("xxh128"),
        .report = report,
        .user = user,
    };
    int result;

    if (mine.chunk_size == 0 && chunking->chunker->most == NULL)
        mine.chunk_size = MAPPROC_CHUNK_SIZE_DEFAULT;
    result = mapproc_pipeline_run_cut(&job, &run, chunking, &mine, error);
    if (result != MAPPROC_OK)
        return result;
    if (run.answer != MAPPROC_OK)
        return mapproc_error_set(error, run.answer, 0, NULL, "%s", "");
    *error = run.failure;
    return run.failure.code;
}
