/* SPDX-License-Identifier: MIT */
/* process_chunks.c - the library's jobs of others: two functions over the chunks of a file.
 *
 *     scratch   [ struct outcome | the caller's scratch ]      each 64-byte aligned
 *
 * The functions of others may do what they like, so they get a copy of the bytes and run outside
 * the fault guard.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"
#include "jobs/library_call.h"
#include "pipeline/pipeline.h"

enum {
    ALIGNMENT = 64,         /* bytes */
    SCRATCH_MOST = 1 << 30, /* bytes, of one chunk */
    KIB = 1024,
};

/* Lives as long as the call. */
struct run {
    const char *path;
    const struct mapproc_chunk_job *job;
    void *user;
    bool taken;                   /* the path, by next() */
    int answer;                   /* of the first function that ended the job */
    size_t most;                  /* bytes of the largest chunk */
    const uint8_t *zeros;         /* so many, that take no memory; what holes are shown as */
    struct mapproc_error failure; /* of the file */
};

/* What process() answered; of a chunk. */
struct outcome {
    _Alignas(ALIGNMENT) int answer;
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

/* Bounded by find_scratch_most(): cannot overflow. */
static size_t own_scratch(const struct run *run, size_t length)
{
    return run->job->scratch_size + run->job->scratch_per_kib * ((length + KIB - 1) / KIB);
}

static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    (void)item;
    return sizeof(struct outcome) + own_scratch(context, chunk_length);
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    (void)context;
    (void)item;
    (void)error;
    return MAPPROC_OK;
}

static struct mapproc_chunk_view make_view(const struct run *run, const struct mapproc_chunk *chunk)
{
    return (struct mapproc_chunk_view){
        .number = chunk->number,
        .offset = chunk->offset,
        .length = chunk->length,
        .data = chunk->hole ? run->zeros : chunk->data,
        .scratch = (unsigned char *)chunk->scratch + sizeof(struct outcome),
        .hole = chunk->hole,
    };
}

static void look_at(const struct run *run, struct mapproc_chunk *chunk, const uint8_t *data)
{
    struct mapproc_chunk_view view = make_view(run, chunk);
    struct outcome *outcome = chunk->scratch;

    view.data = data;
    memset(view.scratch, 0, own_scratch(run, chunk->length));
    outcome->answer = run->job->process != NULL ? run->job->process(run->user, &view) : MAPPROC_OK;
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    (void)position; /* all comes at once */
    (void)length;
    look_at(context, chunk, data);
}

static void process_hole(void *context, struct mapproc_chunk *chunk)
{
    const struct run *run = context;

    look_at(run, chunk, run->zeros);
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    struct run *run = context;
    const struct mapproc_chunk_view view = make_view(run, chunk);
    const struct outcome *outcome = chunk->scratch;

    run->answer = outcome->answer;
    if (run->answer >= 0 && run->job->commit != NULL)
        run->answer = run->job->commit(run->user, &view);
    chunk->item->enough = run->answer != 0;
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

static const struct mapproc_job pipeline_job = {
    .copies = true,
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

/* Finds out the most that a chunk, and its scratch, can have. */
static int find_most(struct run *run, const struct mapproc_chunking *chunking,
                     struct mapproc_options *options, struct mapproc_error *error)
{
    size_t scratch;
    int result;

    if (options->chunk_size > MAPPROC_CHUNK_SIZE_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunk size must be from 1K to 1G");
    if (options->chunk_size == 0 && chunking->chunker->most == NULL)
        options->chunk_size = MAPPROC_CHUNK_SIZE_DEFAULT;
    result = mapproc_chunking_most(chunking, options->chunk_size, &run->most, error);
    if (result != MAPPROC_OK)
        return result;
    if (run->most < options->chunk_size)
        run->most = options->chunk_size;
    if (!mapproc_multiply_size(run->job->scratch_per_kib, (run->most + KIB - 1) / KIB, &scratch) ||
        !mapproc_add_size(scratch, run->job->scratch_size, &scratch) || scratch > SCRATCH_MOST)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "more scratch than 1G for a chunk");
    return MAPPROC_OK;
}

/* Runs the pipeline with what the options and the chunker come to. */
static int run_cut(struct run *run, const struct mapproc_chunking *chunking,
                   struct mapproc_options *options, struct mapproc_error *error)
{
    int result = find_most(run, chunking, options, error);
    void *zeros;

    if (result != MAPPROC_OK)
        return result;
    zeros = mmap(NULL, run->most, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, NULL, "cannot start");
    run->zeros = zeros;
    result = mapproc_pipeline_run_cut(&pipeline_job, run, chunking, options, error);
    (void)munmap(zeros, run->most);
    if (result != MAPPROC_OK)
        return result;
    if (run->answer < 0)
        return mapproc_library_ended(run->answer, error);
    *error = run->failure;
    return run->failure.code;
}

int mapproc_process_chunks(const char *path, const struct mapproc_chunk_job *job, void *user,
                           const struct mapproc_options *options, struct mapproc_error *error)
{
    struct run run = {.path = path, .job = job, .user = user};
    struct mapproc_chunking chunking;
    struct mapproc_library_call call;
    int result = mapproc_library_call_begin(&call, options, false, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_library_check_reserved(
        job->reserved, sizeof(job->reserved) / sizeof(job->reserved[0]), call.error);
    if (result == MAPPROC_OK)
        result = mapproc_chunking_open(&chunking, job->chunker != NULL ? job->chunker : "fixed",
                                       call.error);
    if (result == MAPPROC_OK) {
        result = run_cut(&run, &chunking, &call.options, call.error);
        mapproc_chunking_close(&chunking);
    }
    return mapproc_library_call_end(&call, result);
}
