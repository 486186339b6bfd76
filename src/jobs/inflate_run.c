/* SPDX-License-Identifier: MIT */
/* inflate_run.c - inflating gzip files: members side by side where they tell their sizes. */
#include "jobs/inflate_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "digest/crc_kernels.h"
#include "jobs/inflate_cut.h"
#include "jobs/inflate_feed.h"
#include "jobs/inflate_group.h"
#include "jobs/inflate_large.h"
#include "jobs/inflate_seek.h"
#include "jobs/inflate_serial.h"
#include "pipeline/pipeline.h"

enum {
    FEED_SIZE = 256 << 10, /* bytes that are read at once for inflate_serial */
    /* Bytes of a stream that fit into memory at once, and of their data: whole members of what
     * mapproc and most others write. */
    CHUNK_SIZE = 4 << 20,
    SCRATCH_LEAST = 512 << 10, /* bytes, for inflate_serial */
};

struct run {
    const struct mapproc_inflate_client *client;
    struct mapproc_inflate_tools *tools; /* of each worker */
    unsigned workers;
};

/* Lives from next() to report() or discard(). */
struct request {
    struct mapproc_inflate_order order;
};

static int start(void *context, unsigned workers, struct mapproc_error *error)
{
    struct run *run = context;

    mapproc_crc_kernels_prepare();
    run->tools = calloc(workers, sizeof(*run->tools));
    if (run->tools == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start to inflate");
    run->workers = workers;
    return MAPPROC_OK;
}

static int next_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    struct request *request = calloc(1, sizeof(*request));
    int result;

    if (request == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start to inflate");
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

static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    (void)context;
    (void)item;
    return chunk_length > SCRATCH_LEAST ? chunk_length : SCRATCH_LEAST;
}

static size_t largest(void *context)
{
    (void)context;
    return 2 * MAPPROC_INFLATE_MEMBER_MAX;
}

static void free_item(struct mapproc_inflate_item *item)
{
    mapproc_gzi_free(&item->index);
    mapproc_inflater_free(item->inflater);
    free(item->faults);
    free(item);
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    const struct mapproc_inflate_order *order = &request->order;
    struct mapproc_inflate_item *mine = calloc(1, sizeof(*mine));
    int result = MAPPROC_OK;

    if (mine == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                                 "cannot start to inflate");
    mine->client = run->client;
    mine->order = order;
    mine->source = &item->source;
    mine->of = item;
    mine->wake_fd = item->wake_fd;
    mapproc_gzi_init(&mine->index);
    (void)clock_gettime(CLOCK_MONOTONIC, &mine->opened);
    mine->range_begin = order->offset;
    if (!mapproc_add_u64(order->offset, order->length, &mine->range_end))
        mine->range_end = UINT64_MAX;
    if (item->source.kind == MAPPROC_SOURCE_EXTENT)
        result = mapproc_inflate_seek(mine, &item->begin, error);
    else if (order->from_end)
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, item->source.path,
                                   "is a stream: an offset from its end is not to be had");
    if (result == MAPPROC_OK && run->client->open != NULL)
        result = run->client->open(run->client->user, order, &item->source, error);
    if (result != MAPPROC_OK) {
        free_item(mine);
        return result;
    }
    item->state = mine;
    return MAPPROC_OK;
}

static int cut(void *context, struct mapproc_item *item, uint64_t offset, const uint8_t *peek,
               size_t peeked, struct mapproc_cut *cut, struct mapproc_error *error)
{
    (void)context;
    if (peek == NULL)
        return mapproc_inflate_cut_extent(item->state, offset, cut, error);
    mapproc_inflate_cut_stream(item->state, offset, peek, peeked, cut);
    return MAPPROC_OK;
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    const struct run *run = context;

    (void)position;
    (void)data;
    (void)length;
    if (chunk->cut.unread)
        mapproc_inflate_large_process(&run->tools[chunk->worker], chunk);
    else
        mapproc_inflate_group_process(&run->tools[chunk->worker], chunk);
}

/* Inflates in order, or copies, what no one has read yet. */
static void commit_unread(struct mapproc_inflate_item *item, struct mapproc_chunk *chunk)
{
    bool stream = item->source->kind == MAPPROC_SOURCE_STREAM;
    uint8_t *memory = chunk->scratch;
    size_t size = chunk->cut.scratch;
    size_t feed_size = size / 2 < FEED_SIZE ? size / 2 : FEED_SIZE;
    struct mapproc_inflate_feed feed;

    if (!stream && mapproc_inflate_large_commit(item, chunk))
        return;
    if (stream)
        mapproc_inflate_feed_stream(&feed, item->source, item->wake_fd, chunk->offset, chunk->data,
                                    chunk->length, memory, feed_size);
    else
        mapproc_inflate_feed_extent(&feed, item->source, item->wake_fd, chunk->offset,
                                    chunk->offset + chunk->length, memory, feed_size);
    feed.chunk = chunk;
    if (item->plain)
        mapproc_inflate_copy(item, &feed);
    else
        mapproc_inflate_serial(item, &feed, memory + feed_size, size - feed_size);
    if (stream)
        chunk->length = (size_t)(feed.offset + feed.left - chunk->offset);
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    struct mapproc_inflate_item *item = chunk->item->state;

    (void)context;
    if (item->ended || item->through)
        return;
    if (chunk->cut.unread)
        commit_unread(item, chunk);
    else
        mapproc_inflate_group_commit(item, chunk);
    chunk->item->enough = item->ended;
}

/* The end has been reached: whether it is one. */
static void look_at_end(struct mapproc_inflate_item *item, const struct mapproc_item *of)
{
    bool extent = of->source.kind == MAPPROC_SOURCE_EXTENT;
    const char *reason = mapproc_inflate_chain_end(&item->chain);

    if (item->ended || item->plain || (extent && of->committed < of->source.size))
        return;
    if (item->chain.members == 0 && !item->order->takes_plain)
        (void)mapproc_inflate_complain(item, "is empty, which is no gzip file");
    else if (reason != NULL)
        (void)mapproc_inflate_complain(item, "%s", reason);
}

/* What is left to say where a file was kept going. */
static int summarise(struct mapproc_inflate_item *item, struct mapproc_error *error)
{
    uint64_t count = item->fault_count + item->faults_unlisted;

    if (item->error.code == MAPPROC_OK)
        return MAPPROC_OK;
    *error = item->error;
    if (count > 1)
        (void)mapproc_error_set(error, MAPPROC_BAD_DATA, 0, item->source->path,
                                "%" PRIu64 " members are corrupt", count);
    return error->code;
}

static double seconds_since(struct timespec start_time)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start_time.tv_sec) +
           1e-9 * (double)(now.tv_nsec - start_time.tv_nsec);
}

static int close_item(void *context, struct mapproc_item *of, struct mapproc_error *error)
{
    const struct run *run = context;
    struct mapproc_inflate_item *item = of->state;
    int result = MAPPROC_OK;

    if (!item->failed)
        look_at_end(item, of);
    if (item->failed) {
        *error = item->error;
        return error->code;
    }
    if (run->client->close != NULL)
        result = run->client->close(run->client->user, item->order, &of->source,
                                    item->error.code == MAPPROC_OK, error);
    item->seconds = seconds_since(item->opened);
    if (result != MAPPROC_OK)
        return result;
    item->finished = true;
    return summarise(item, error);
}

static void let_go(struct mapproc_item *item)
{
    if (item->state != NULL)
        free_item(item->state);
    free(item->request);
    item->state = NULL;
    item->request = NULL;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    const struct mapproc_inflate_item *mine = item->state;
    struct mapproc_inflate_outcome result = {.order = &request->order, .error = error};
    int answer;

    result.compressed = item->committed;
    if (mine != NULL) {
        result.raw = mine->given;
        result.members = mine->chain.members - mine->chain.end_marks;
        result.plain = mine->plain;
        result.faults = mine->faults;
        result.fault_count = mine->fault_count;
        result.faults_unlisted = mine->faults_unlisted;
        result.seconds = mine->seconds;
        result.finished = mine->finished;
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

static const struct mapproc_job job = {
    .copies = true,
    .chunk_size = CHUNK_SIZE,
    .peek = MAPPROC_INFLATE_PEEK,
    .start = start,
    .next = next_item,
    .scratch_size = scratch_size,
    .cut = cut,
    .largest = largest,
    .open = open_item,
    .process = process,
    .commit = commit,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

int mapproc_inflate_run(const struct mapproc_inflate_client *client,
                        const struct mapproc_options *options, struct mapproc_error *error)
{
    struct run run = {.client = client};
    int result = mapproc_pipeline_run(&job, &run, mapproc_chunker_find("fixed"), options, error);

    for (unsigned i = 0; i < run.workers; i++)
        mapproc_inflate_tools_free(&run.tools[i]);
    free(run.tools);
    return result;
}
