/* SPDX-License-Identifier: MIT */
/* worker.c - the threads that do the work. */
#include "pipeline/worker.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "pipeline/border.h"
#include "pipeline/commit.h"
#include "pipeline/lane.h"
#include "pipeline/pace.h"
#include "pipeline/planner.h"
#include "pipeline/work.h"

static void fail_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                      const struct mapproc_error *error)
{
    (void)pthread_mutex_lock(&pipeline->lock);
    mapproc_lane_fail(pipeline, lane, error);
    (void)pthread_mutex_unlock(&pipeline->lock);
}

/* Whether a chunk need not be processed any more: the run stops, its source failed before it, or
 * the job has enough of the source. */
static bool is_moot(struct mapproc_pipeline *pipeline, const struct mapproc_work *work)
{
    const struct mapproc_lane *lane = mapproc_lane_of(work);
    bool moot;

    if (mapproc_pipeline_stopping(pipeline))
        return true;
    (void)pthread_mutex_lock(&pipeline->lock);
    moot = lane->enough ||
           (lane->error.code != MAPPROC_OK && lane->error.offset <= work->chunk.offset);
    (void)pthread_mutex_unlock(&pipeline->lock);
    return moot;
}

struct process_call {
    struct mapproc_pipeline *pipeline;
    struct mapproc_chunk *chunk;
    size_t position;
    const uint8_t *data;
    size_t length;
};

static void call_process(void *argument)
{
    const struct process_call *call = argument;
    struct mapproc_pipeline *pipeline = call->pipeline;

    pipeline->job->process(pipeline->context, call->chunk, call->position, call->data,
                           call->length);
}

/* Hands the job the next `length` bytes of a chunk. False if they turned out not to be there. */
static bool process_step(struct mapproc_pipeline *pipeline, struct mapproc_work *work,
                         size_t position, const uint8_t *data, size_t length)
{
    struct process_call call = {.pipeline = pipeline,
                                .chunk = &work->chunk,
                                .position = position,
                                .data = data,
                                .length = length};

    if (pipeline->job->process == NULL)
        return true;
    if (work->window != NULL)
        return mapproc_commit_guarded(pipeline, work, data, length, call_process, &call);
    call_process(&call);
    return true;
}

/* Whether the last of these bytes of a chunk is in the page cache, and then most likely all are. */
static bool is_cached(const struct mapproc_work *work, size_t position, size_t length)
{
    return mapproc_source_is_cached(&work->chunk.item->source,
                                    work->chunk.offset + position + length - 1);
}

struct copy_call {
    uint8_t *to;
    const uint8_t *from;
    size_t length;
};

static void call_copy(void *argument)
{
    const struct copy_call *call = argument;

    memcpy(call->to, call->from, call->length);
}

/* Copies the next `length` bytes of a chunk. False if they turned out not to be there. */
static bool copy_step(struct mapproc_pipeline *pipeline, struct mapproc_work *work, size_t position,
                      const uint8_t *data, size_t length)
{
    struct copy_call call = {
        .to = (uint8_t *)work->buffer + position, .from = data, .length = length};

    return mapproc_commit_guarded(pipeline, work, data, length, call_copy, &call);
}

/* Hands the job all of a chunk of its own. */
static void process_copy(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    work->chunk.data = work->buffer;
    pipeline->job->process(pipeline->context, &work->chunk, 0, work->buffer, work->chunk.length);
    (void)mapproc_pace_step(work, work->chunk.length);
}

static void process_mapped(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    const uint8_t *data = mapproc_mapping_at(&work->window->mapping, work->chunk.offset);
    bool copies = pipeline->job->copies;
    size_t n;

    work->chunk.data = data;
    for (size_t position = 0; position < work->chunk.length; position += n) {
        n = (size_t)mapproc_min_u64(work->chunk.length - position,
                                    mapproc_pace_step_size(pipeline, MAPPROC_STEP_MAPPED));
        if (is_moot(pipeline, work))
            return;
        /* One call for all that must come from the device keeps it busier than faults do; but what
         * is cached is mapped faster by faults, sixteen pages each, than by the call, one by one.
         */
        if (!is_cached(work, position, n))
            mapproc_mapping_populate(data + position, n);
        if (!(copies ? copy_step : process_step)(pipeline, work, position, data + position, n))
            return;
        if (!copies)
            (void)mapproc_pace_step(work, n); /* a run that stops is noticed above */
    }
    if (copies)
        process_copy(pipeline, work);
}

/* Reads a range of an extent, through the worker's small buffer or into the chunk's own. */
static void process_read(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_lane_of(work);
    struct mapproc_chunk *chunk = &work->chunk;
    struct mapproc_error error;
    size_t n;

    chunk->data = work->buffer;
    for (size_t position = 0; position < chunk->length; position += n) {
        uint8_t *to = work->buffer != NULL ? (uint8_t *)work->buffer + position : worker->buffer;

        n = (size_t)mapproc_min_u64(chunk->length - position,
                                    mapproc_pace_step_size(pipeline, MAPPROC_STEP_READ));
        if (is_moot(pipeline, work))
            return;
        if (mapproc_source_read_at(&lane->item.source, chunk->offset + position, to, n, &error) !=
            MAPPROC_OK) {
            fail_lane(pipeline, lane, &error);
            return;
        }
        if (!pipeline->job->copies) {
            (void)process_step(pipeline, work, position, to, n);
            (void)mapproc_pace_step(work, n);
        }
    }
    if (pipeline->job->copies)
        process_copy(pipeline, work);
}

/* Notes what the worker has done, before the chunk is committed and may be gone. */
static void count_bytes(struct mapproc_worker *worker, const struct mapproc_work *work)
{
    worker->bytes += work->chunk.length;
    if (work->node != worker->node)
        worker->taken += work->chunk.length;
}

static void process_extent(struct mapproc_worker *worker, struct mapproc_work *work)
{
    if (work->window != NULL)
        process_mapped(worker->pipeline, work);
    else
        process_read(worker, work);
}

static void run_hole(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;

    if (!is_moot(pipeline, work))
        pipeline->job->process_hole(pipeline->context, &work->chunk);
    mapproc_pace_skip(work, work->chunk.length);
    count_bytes(worker, work);
    mapproc_commit_chunk(worker, work);
}

/* Processes a range of an extent, and notes what it cost. */
static void run_data(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_lane_of(work);
    enum mapproc_access access = work->window != NULL ? MAPPROC_ACCESS_MAP : MAPPROC_ACCESS_READ;
    bool cached = is_cached(work, 0, work->chunk.length);
    uint64_t start = mapproc_io_choice_clock();

    process_extent(worker, work);
    (void)pthread_mutex_lock(&pipeline->lock);
    if (cached)
        mapproc_io_choice_add(&lane->io_choice, access, mapproc_io_choice_clock() - start,
                              work->chunk.length);
    else
        mapproc_io_choice_saw_cold(&lane->io_choice, access);
    (void)pthread_mutex_unlock(&pipeline->lock);
    count_bytes(worker, work);
    mapproc_commit_chunk(worker, work);
}

/* Lets the job read the chunk itself. */
static void run_unread(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;

    if (!is_moot(pipeline, work))
        pipeline->job->process(pipeline->context, &work->chunk, 0, NULL, 0);
    count_bytes(worker, work);
    mapproc_commit_chunk(worker, work);
}

static void run_extent(struct mapproc_worker *worker, struct mapproc_work *work)
{
    work->chunk.worker = worker->number;
    if (work->chunk.hole)
        run_hole(worker, work);
    else if (work->chunk.cut.unread)
        run_unread(worker, work);
    else
        run_data(worker, work);
}

/* Reads the next bytes of a stream, up to `end` of the chunk. False if it ends before. */
static bool read_stream(struct mapproc_pipeline *pipeline, struct mapproc_work *work, size_t end)
{
    struct mapproc_lane *lane = mapproc_lane_of(work);
    struct mapproc_chunk *chunk = &work->chunk;
    size_t wanted = end - chunk->length, got = 0;
    struct mapproc_error error;

    if (mapproc_source_read_next(&lane->item.source, pipeline->wake_fd,
                                 (uint8_t *)work->buffer + chunk->length, wanted, &got,
                                 &error) != MAPPROC_OK &&
        error.code != MAPPROC_CANCELLED)
        fail_lane(pipeline, lane, &error);
    chunk->length += got;
    return got == wanted;
}

/* Lets the job see the beginning of the next chunk, and reads what it wants of it, `most` bytes.
 * False if no chunk will follow. */
static bool read_cut(struct mapproc_pipeline *pipeline, struct mapproc_work *work, size_t most)
{
    const struct mapproc_job *job = pipeline->job;
    struct mapproc_chunk *chunk = &work->chunk;
    struct mapproc_error error;
    bool more = read_stream(pipeline, work, job->peek);

    if (chunk->length == 0)
        return false;
    chunk->cut.length = most;
    chunk->cut.scratch = job->scratch_size(pipeline->context, chunk->item, most);
    if (job->cut(pipeline->context, chunk->item, chunk->offset, work->buffer, chunk->length,
                 &chunk->cut, &error) != MAPPROC_OK) {
        error.offset = chunk->offset;
        fail_lane(pipeline, mapproc_lane_of(work), &error);
        chunk->length = 0;
        return false;
    }
    if (chunk->cut.length == 0)
        chunk->length = 0;
    if (chunk->cut.length == 0 || chunk->cut.length == MAPPROC_CUT_REST)
        return false;
    return more && read_stream(pipeline, work, (size_t)chunk->cut.length);
}

/* Reads the next chunk of a stream up to where the chunker wants it to end. False if no chunk will
 * follow. */
static bool read_chunk(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    struct mapproc_lane *lane = mapproc_lane_of(work);
    struct mapproc_error error;
    bool more;

    if (mapproc_border_read(pipeline, lane, work->buffer, &work->chunk.length, &more, &error) !=
            MAPPROC_OK &&
        error.code != MAPPROC_CANCELLED)
        fail_lane(pipeline, lane, &error);
    return more;
}

static void run_stream(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_chunk *chunk = &work->chunk;
    size_t wanted = chunk->length;
    bool more;

    chunk->length = 0;
    chunk->worker = worker->number;
    if (pipeline->job->cut != NULL)
        more = read_cut(pipeline, work, wanted);
    else if (pipeline->chunking.chunker->reads_data)
        more = read_chunk(pipeline, work);
    else
        more = read_stream(pipeline, work, wanted);
    mapproc_planner_stream_read(pipeline, mapproc_lane_of(work), chunk->length, !more);
    chunk->data = work->buffer;
    if (chunk->length > 0 && !chunk->cut.unread) {
        (void)process_step(pipeline, work, 0, chunk->data, chunk->length);
        (void)mapproc_pace_step(work, chunk->length);
    }
    count_bytes(worker, work);
    mapproc_commit_chunk(worker, work);
}

/* Decides how a source that has just been opened will be worked on. */
static int prepare_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        struct mapproc_error *error)
{
    const struct mapproc_source *source = &lane->item.source;
    enum mapproc_io io = pipeline->options->io;
    int result;

    if (!source->mappable || io == MAPPROC_IO_READ || source->size < MAPPROC_MAP_MIN ||
        pipeline->job->copies) /* which is what reading does */
        mapproc_io_choice_fix(&lane->io_choice, MAPPROC_ACCESS_READ);
    if (source->mappable && io == MAPPROC_IO_MMAP)
        mapproc_io_choice_fix(&lane->io_choice, MAPPROC_ACCESS_MAP);
    result = pipeline->job->open(pipeline->context, &lane->item, error);
    if (result == MAPPROC_OK)
        result = mapproc_border_start(pipeline, lane, lane->item.begin, error);
    lane->planned = lane->item.begin;
    if (result == MAPPROC_OK && lane->item.note != NULL)
        mapproc_pipeline_note(pipeline, source->path, lane->item.note);
    return result;
}

/* Whether the whole source is one chunk, which its opener may as well process at once. */
static bool is_one_chunk(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    const struct mapproc_source *source = &lane->item.source;
    struct mapproc_error error;
    size_t length;

    if (pipeline->job->cut != NULL || source->kind != MAPPROC_SOURCE_EXTENT)
        return false;
    if (source->size == 0) /* standard input of which nothing is left */
        return true;
    return !pipeline->chunking.chunker->reads_data && source->size <= pipeline->budget.chunk_size &&
           lane->item.begin == 0 &&
           mapproc_border_find(pipeline, lane, &length, &error) == MAPPROC_OK &&
           length == source->size;
}

static int open_source(struct mapproc_item *item, struct mapproc_error *error)
{
    return mapproc_source_open_within(&item->source, item->source.path, item->reach, item->fd,
                                      error);
}

/* Whether the source has failed before, and how. */
static bool has_failed(const struct mapproc_item *item, struct mapproc_error *error)
{
    if (item->failure == NULL || item->failure->code == MAPPROC_OK)
        return false;
    *error = *item->failure;
    return true;
}

static void run_open(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_lane_of(work);
    struct mapproc_error error;

    if (has_failed(&lane->item, &error) || open_source(&lane->item, &error) != MAPPROC_OK ||
        prepare_lane(pipeline, lane, &error) != MAPPROC_OK) {
        fail_lane(pipeline, lane, &error);
        mapproc_lane_release(worker, work);
        return;
    }
    mapproc_pace_begin_source(lane);
    work->chunk.worker = worker->number;
    if (!is_one_chunk(pipeline, lane)) {
        /* It may have been asked for a border already. */
        (void)mapproc_border_start(pipeline, lane, lane->item.begin, &error);
        mapproc_planner_add_lane(pipeline, lane);
        mapproc_lane_release(worker, work);
        return;
    }
    work->chunk.length = (size_t)lane->item.source.size;
    (void)pthread_mutex_lock(&pipeline->lock);
    mapproc_lane_end(pipeline, lane);
    (void)pthread_mutex_unlock(&pipeline->lock);
    if (mapproc_io_choice_make(&lane->io_choice, 0) == MAPPROC_ACCESS_MAP &&
        mapproc_window_cover(pipeline, lane, 0, work->chunk.length))
        mapproc_work_use_window(pipeline, work);
    process_extent(worker, work);
    count_bytes(worker, work);
    mapproc_commit_chunk(worker, work);
}

static void (*const tasks[])(struct mapproc_worker *worker, struct mapproc_work *work) = {
    [MAPPROC_TASK_OPEN] = run_open,
    [MAPPROC_TASK_EXTENT] = run_extent,
    [MAPPROC_TASK_STREAM] = run_stream,
    [MAPPROC_TASK_SCAN] = mapproc_scanner_run,
};

void *mapproc_worker_main(void *argument)
{
    struct mapproc_worker *worker = argument;
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_work *work;
    bool last;

    mapproc_placement_enter(&pipeline->placement, worker->node);
    mapproc_magazine_init(&worker->works, &pipeline->works);
    mapproc_magazine_init(&worker->lanes, &pipeline->lanes);
    if (pipeline->progress != NULL)
        worker->line = mapproc_progress_line(pipeline->progress, worker->number,
                                             pipeline->topology.nodes[worker->node].number);
    mapproc_pace_idle(worker);
    while ((work = mapproc_planner_take(worker)) != NULL) {
        mapproc_pace_take(worker, work);
        tasks[work->task](worker, work);
        mapproc_pace_idle(worker);
    }
    mapproc_magazine_flush(&worker->works);
    mapproc_magazine_flush(&worker->lanes);

    (void)pthread_mutex_lock(&pipeline->lock);
    last = --pipeline->running == 0;
    (void)pthread_mutex_unlock(&pipeline->lock);
    if (last) {
        const uint64_t one = 1;
        ssize_t written = write(pipeline->done_fd, &one, sizeof(one));

        (void)written; /* an eventfd with room: cannot fail */
    }
    return NULL;
}
