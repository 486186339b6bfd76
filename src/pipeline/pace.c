/* SPDX-License-Identifier: MIT */
/* pace.c - telling what workers have done, and holding them back.
 *
 * Every byte that is told as done is counted twice: in its worker's line, for the watchers, and in
 * its chunk, which adds up to the source's at the release. So it is known at the end of a source
 * how much of it was never done, and that much is taken off the total, which is why a run that
 * comes to its end has done all of it, whatever failed.
 */
#include "pipeline/pace.h"

#include <sched.h>

#include "base/checked.h"

void mapproc_pace_idle(struct mapproc_worker *worker)
{
    if (worker->line != NULL)
        atomic_store_explicit(&worker->line->state, MAPPROC_WORKER_IDLE, memory_order_relaxed);
}

void mapproc_pace_take(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_progress_line *line = worker->line;

    work->holder = worker;
    if (line == NULL)
        return;
    atomic_store_explicit(&line->source, mapproc_lane_of(work)->index, memory_order_relaxed);
    atomic_store_explicit(&line->offset, work->chunk.offset, memory_order_relaxed);
    atomic_store_explicit(&line->cpu, sched_getcpu(), memory_order_relaxed);
    atomic_store_explicit(&line->state, MAPPROC_WORKER_BUSY, memory_order_relaxed);
}

/* Whether nobody can tell how many bytes will come: of a pipe, but not of an empty file. */
static bool is_open_ended(const struct mapproc_lane *lane)
{
    return mapproc_lane_is_stream(lane) && !lane->item.source.steady;
}

void mapproc_pace_begin_source(struct mapproc_lane *lane)
{
    const struct mapproc_item *item = &lane->item;
    bool stream = mapproc_lane_is_stream(lane);

    if (lane->pipeline->progress == NULL)
        return;
    lane->announced = true;
    lane->total = stream || item->source.size < item->begin ? 0 : item->source.size - item->begin;
    mapproc_progress_source_opened(lane->pipeline->progress, item->source.path, lane->total,
                                   is_open_ended(lane));
}

void mapproc_pace_end_source(struct mapproc_lane *lane)
{
    if (lane->announced)
        mapproc_progress_source_ended(lane->pipeline->progress,
                                      lane->total > lane->counted ? lane->total - lane->counted : 0,
                                      is_open_ended(lane));
}

size_t mapproc_pace_step_size(const struct mapproc_pipeline *pipeline, size_t usual)
{
    size_t step;

    if (pipeline->progress == NULL)
        return usual;
    step = mapproc_limiter_step(mapproc_progress_limiter(pipeline->progress));
    return step != 0 && step < usual ? step : usual;
}

/* Counts bytes of a chunk as done. */
static void count(struct mapproc_work *work, uint64_t bytes)
{
    struct mapproc_lane *lane = mapproc_lane_of(work);
    struct mapproc_progress_line *line = work->holder->line;

    if (mapproc_lane_is_stream(lane))
        mapproc_progress_source_grew(lane->pipeline->progress, bytes);
    work->counted += bytes;
    /* No other thread writes to it. */
    atomic_store_explicit(&line->bytes,
                          atomic_load_explicit(&line->bytes, memory_order_relaxed) + bytes,
                          memory_order_relaxed);
    atomic_store_explicit(&line->offset, work->chunk.offset + work->counted, memory_order_relaxed);
}

static void wait(struct mapproc_work *work, uint64_t bytes)
{
    struct mapproc_pipeline *pipeline = mapproc_lane_of(work)->pipeline;
    struct mapproc_limiter *limiter = mapproc_progress_limiter(pipeline->progress);

    if (mapproc_limiter_step(limiter) != 0)
        mapproc_limiter_wait(limiter, bytes, &pipeline->stopping, &work->holder->line->state);
}

bool mapproc_pace_step(struct mapproc_work *work, uint64_t bytes)
{
    if (work->holder->line != NULL) {
        count(work, bytes);
        wait(work, bytes);
    }
    return !mapproc_pipeline_stopping(mapproc_lane_of(work)->pipeline);
}

void mapproc_pace_skip(struct mapproc_work *work, uint64_t bytes)
{
    if (work->holder->line == NULL)
        return;
    count(work, bytes);
    wait(work, 0);
}

void mapproc_pace_commit(struct mapproc_work *work)
{
    if (work->holder->line != NULL && work->chunk.cut.unread && work->counted < work->chunk.length)
        count(work, work->chunk.length - work->counted);
}

bool mapproc_job_advance(struct mapproc_chunk *chunk, uint64_t bytes)
{
    struct mapproc_work *work = (struct mapproc_work *)chunk;

    /* A source cannot have more bytes than were told of it. */
    if (!mapproc_lane_is_stream(mapproc_lane_of(work)))
        bytes = work->counted < chunk->length
                    ? mapproc_min_u64(bytes, chunk->length - work->counted)
                    : 0;
    return mapproc_pace_step(work, bytes);
}

void mapproc_job_add_output(const struct mapproc_item *item, uint64_t bytes)
{
    const struct mapproc_lane *lane = (const struct mapproc_lane *)item;

    if (lane->pipeline->progress != NULL)
        mapproc_progress_add_output(lane->pipeline->progress, bytes);
}
