/* SPDX-License-Identifier: MIT */
/* deflate_run.c - compressing sources to gzip: one output a source, made on all cores.
 *
 * A chunk becomes members of its own, in its scratch, on whatever worker has it; commits write them
 * one behind the other:
 *
 *     scratch   [ struct made | partial of the digest | members ]      each 64-byte aligned
 *
 * What goes wrong in between is noted, ends the source early, and is told when it is closed. The
 * pipeline closes it only if it is still what it was, so no output of anything else gets a name.
 */
#include "jobs/deflate_run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/error.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"
#include "jobs/deflate_output.h"
#include "pipeline/pipeline.h"

enum { PART_ALIGNMENT = MAPPROC_DIGEST_ALIGNMENT }; /* bytes; of the parts of a chunk's scratch */

struct run {
    const struct mapproc_deflate_client *client;
    struct mapproc_deflate_settings settings;
    struct mapproc_options options; /* with a chunk size */
    struct mapproc_member_rule rule;
    struct mapproc_member_tools *tools; /* one a worker */
    unsigned workers;

    /* What holes become. */
    size_t most;    /* bytes of the largest chunk */
    uint8_t *zeros; /* so many of them, which take no memory */
    pthread_mutex_t hole_lock;
    uint8_t *hole_bytes; /* the members of a whole chunk of them; NULL: not made yet */
    size_t hole_size;
};

/* Lives from next() to report() or discard(). */
struct request {
    struct mapproc_deflate_order order;
};

/* Lives from open() to report() or discard(). */
struct state {
    struct mapproc_deflate_output output;
    struct mapproc_error error; /* what ended it early; code MAPPROC_OK while all is well */
    struct timespec opened;
    double seconds; /* from then to its end */
};

/* What a chunk became. */
struct made {
    struct mapproc_members members;
    struct mapproc_error error; /* code MAPPROC_OK if it is there */
};

const struct mapproc_digest *mapproc_deflate_digest(void)
{
    return mapproc_raw_digest_algorithm();
}

const struct mapproc_codec *mapproc_deflate_codec(const struct mapproc_deflate_settings *settings,
                                                  int *codec_level)
{
    *codec_level = 0;
    if (settings->level == 0)
        return NULL;
    if (settings->codec == NULL)
        return mapproc_codec_for_level(settings->level, codec_level);
    *codec_level = mapproc_codec_clamp_level(settings->codec, settings->level);
    return settings->codec;
}

size_t mapproc_deflate_chunk_size(const struct mapproc_deflate_settings *settings,
                                  const struct mapproc_options *options)
{
    const size_t block = MAPPROC_BGZF_DATA_MAX;
    size_t size = options->chunk_size;

    if (settings->form == MAPPROC_FORM_GZIP)
        return size != 0 ? size : MAPPROC_DEFLATE_CHUNK_SIZE;
    if (size == 0)
        return MAPPROC_DEFLATE_CHUNK_SIZE_BGZF;
    return size < block ? block : size - size % block;
}

/* ---- the scratch of a chunk ---- */

static size_t aligned(size_t size)
{
    return (size + PART_ALIGNMENT - 1) & ~((size_t)PART_ALIGNMENT - 1);
}

static void *partial_at(const struct mapproc_chunk *chunk)
{
    return (unsigned char *)chunk->scratch + aligned(sizeof(struct made));
}

/* Where the members of a chunk begin in its scratch. Sizes are far below what can overflow, because
 * chunks are. */
static size_t members_offset(const struct run *run, size_t length)
{
    size_t offset = aligned(sizeof(struct made));

    if (run->settings.digest)
        offset += aligned(mapproc_raw_digest_algorithm()->partial_size(length));
    return offset;
}

static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    const struct run *run = context;

    (void)item;
    return members_offset(run, chunk_length) + mapproc_members_scratch(&run->rule, chunk_length);
}

/* ---- the operations of the job ---- */

static int start(void *context, unsigned workers, struct mapproc_error *error)
{
    struct run *run = context;

    run->tools = calloc(workers, sizeof(*run->tools));
    if (run->tools == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot compress");
    run->workers = workers;
    return MAPPROC_OK;
}

static int next_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    struct request *request = calloc(1, sizeof(*request));
    int result;

    if (request == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start a file");
    result = run->client->next(run->client->user, &request->order, error);
    if (result <= 0) {
        free(request);
        return result;
    }
    item->source.path = request->order.path;
    item->request = request;
    item->reach = request->order.reach;
    item->fd = request->order.fd;
    item->failure = request->order.failure;
    return 1;
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    struct state *state = calloc(1, sizeof(*state));
    int result;

    if (state == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                                 "cannot start a file");
    (void)clock_gettime(CLOCK_MONOTONIC, &state->opened);
    result = mapproc_deflate_output_open(&state->output, &run->settings, &run->options,
                                         &request->order.target, &item->source, error);
    if (result != MAPPROC_OK) {
        if (error->path == NULL)
            error->path = item->source.path;
        free(state);
        return result;
    }
    item->state = state;
    return MAPPROC_OK;
}

static void make_members(struct run *run, struct mapproc_chunk *chunk, const uint8_t *data)
{
    struct made *made = chunk->scratch;
    uint8_t *scratch = (uint8_t *)chunk->scratch + members_offset(run, chunk->length);

    made->error.code = MAPPROC_OK;
    (void)mapproc_members_make(&run->rule, &run->tools[chunk->worker], data, chunk->length, scratch,
                               &made->members, &made->error);
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    struct run *run = context;

    (void)position; /* all comes at once */
    if (run->settings.digest) {
        algorithm->partial_init(partial_at(chunk), chunk->offset);
        algorithm->partial_update(partial_at(chunk), data, length);
    }
    make_members(run, chunk, data);
}

/* Makes what a hole of a whole chunk becomes; once, because they are all the same. */
static void make_hole(struct run *run, struct mapproc_chunk *chunk)
{
    struct made *made = chunk->scratch;

    made->error.code = MAPPROC_OK;
    (void)pthread_mutex_lock(&run->hole_lock);
    if (run->hole_bytes == NULL) {
        make_members(run, chunk, run->zeros);
        if (made->error.code == MAPPROC_OK)
            run->hole_bytes = malloc(made->members.size);
        if (run->hole_bytes != NULL) {
            memcpy(run->hole_bytes, made->members.bytes, made->members.size);
            run->hole_size = made->members.size;
        }
    } else {
        made->members = (struct mapproc_members){run->hole_bytes, run->hole_size};
    }
    (void)pthread_mutex_unlock(&run->hole_lock);
}

static void process_hole(void *context, struct mapproc_chunk *chunk)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    struct run *run = context;

    if (run->settings.digest) {
        algorithm->partial_init(partial_at(chunk), chunk->offset);
        algorithm->partial_zeros(partial_at(chunk), chunk->length);
    }
    if (chunk->length == run->options.chunk_size)
        make_hole(run, chunk);
    else
        make_members(run, chunk, run->zeros);
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    const struct run *run = context;
    const struct made *made = chunk->scratch;
    struct state *state = chunk->item->state;
    uint64_t before = state->output.compressed;

    if (made->error.code != MAPPROC_OK)
        state->error = made->error;
    else
        (void)mapproc_deflate_output_add(
            &state->output, &made->members, chunk->offset, chunk->length,
            run->settings.digest ? partial_at(chunk) : NULL, &state->error);
    mapproc_job_add_output(chunk->item, state->output.compressed - before);
    chunk->item->enough = state->error.code != MAPPROC_OK;
}

static double seconds_since(struct timespec start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
}

static int close_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct state *state = item->state;

    (void)context;
    if (state->error.code == MAPPROC_OK)
        (void)mapproc_deflate_output_finish(&state->output, item->committed, &state->error);
    mapproc_deflate_output_close(&state->output);
    state->seconds = seconds_since(state->opened);
    if (state->error.code == MAPPROC_OK)
        return MAPPROC_OK;
    *error = state->error;
    if (error->path == NULL)
        error->path = item->source.path;
    return error->code;
}

static void let_go(struct mapproc_item *item)
{
    struct state *state = item->state;

    if (state != NULL)
        mapproc_deflate_output_close(&state->output);
    free(state);
    free(item->request);
    item->state = NULL;
    item->request = NULL;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    const struct state *state = item->state;
    struct mapproc_deflate_result result = {
        .order = &request->order, .size = item->committed, .error = error};
    int answer;

    if (error == NULL) {
        result.compressed = state->output.compressed;
        result.members = state->output.members;
        result.digest = run->settings.digest ? state->output.digest.value : NULL;
        result.seconds = state->seconds;
    }
    answer = run->client->report(run->client->user, &result);
    let_go(item);
    return answer;
}

static void discard_item(void *context, struct mapproc_item *item)
{
    const struct run *run = context;
    const struct request *request = item->request;

    if (run->client->drop != NULL)
        run->client->drop(run->client->user, &request->order);
    let_go(item);
}

static const struct mapproc_job deflate_job = {
    .copies = true,
    .start = start,
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

/* ---- the run ---- */

static void free_run(struct run *run)
{
    for (unsigned i = 0; i < run->workers; i++)
        mapproc_member_tools_free(&run->rule, &run->tools[i]);
    free(run->tools);
    free(run->hole_bytes);
    (void)munmap(run->zeros, run->most);
    (void)pthread_mutex_destroy(&run->hole_lock);
}

/* Finds out the most that a chunk can have. */
static int find_most(struct run *run, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    run->most = 0;
    if (run->settings.chunking != NULL)
        result = mapproc_chunking_most(run->settings.chunking, run->options.chunk_size, &run->most,
                                       error);
    if (run->most < run->options.chunk_size)
        run->most = run->options.chunk_size;
    return result;
}

int mapproc_deflate_run(const struct mapproc_deflate_client *client,
                        const struct mapproc_deflate_settings *settings,
                        const struct mapproc_options *options, struct mapproc_error *error)
{
    struct run run = {
        .client = client, .settings = *settings, .hole_lock = PTHREAD_MUTEX_INITIALIZER};
    int result;

    if (options != NULL)
        run.options = *options;
    run.options.chunk_size = mapproc_deflate_chunk_size(settings, &run.options);
    run.settings.verify |= settings->remove;
    run.rule = (struct mapproc_member_rule){.form = settings->form, .verify = run.settings.verify};
    run.rule.codec = mapproc_deflate_codec(settings, &run.rule.codec_level);
    mapproc_crc_kernels_prepare();
    result = find_most(&run, error);
    if (result != MAPPROC_OK)
        return result;
    run.zeros = mmap(NULL, run.most, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (run.zeros == MAP_FAILED)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, NULL, "cannot compress");
    result = mapproc_pipeline_run_cut(&deflate_job, &run, settings->chunking, &run.options, error);
    free_run(&run);
    return result;
}
