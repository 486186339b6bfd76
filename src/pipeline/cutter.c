/* SPDX-License-Identifier: MIT */
/* cutter.c - what the next chunk of a source is, and what it needs. */
#include "pipeline/cutter.h"

#include "base/checked.h"
#include "pipeline/border.h"
#include "pipeline/scanner.h"

struct mapproc_need mapproc_cutter_need(const struct mapproc_pipeline *pipeline,
                                        const struct mapproc_item *item, size_t length)
{
    const struct mapproc_job *job = pipeline->job;

    return (struct mapproc_need){
        .length = length,
        .scratch = job->scratch_size(pipeline->context, item, length),
        .buffer = job->keeps_data || job->copies ? length : 0,
    };
}

/* Whether all of the lane's next chunk is in a hole of the file. Asks the file system once for each
 * hole and each stretch of data. */
static bool is_hole(struct mapproc_lane *lane, size_t length)
{
    uint64_t end = lane->planned + length;

    if (end > lane->stretch_end)
        lane->in_hole =
            mapproc_source_find_hole(&lane->item.source, lane->planned, &lane->stretch_end);
    return lane->in_hole && end <= lane->stretch_end;
}

static enum mapproc_access choose_access(struct mapproc_pipeline *pipeline,
                                         struct mapproc_lane *lane)
{
    enum mapproc_access access;

    (void)pthread_mutex_lock(&pipeline->lock);
    access = mapproc_io_choice_make(&lane->io_choice, lane->planned);
    (void)pthread_mutex_unlock(&pipeline->lock);
    return access;
}

/* Whether the next `length` bytes of the lane are to be mapped, and then its window has them. */
static bool map_chunk(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane, size_t length)
{
    bool mapped = choose_access(pipeline, lane) == MAPPROC_ACCESS_MAP;

    if (mapped ||
        (lane->item.source.mappable && mapproc_routes_want_window(&pipeline->routes, lane)))
        mapped &= mapproc_window_cover(pipeline, lane, lane->planned, lane->planned + length);
    return mapped;
}

/* Has the job decide on the lane's next chunk, unless it has. False, with lane->cut_error, if there
 * will be none. */
static bool ask_job(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                    enum mapproc_obstacle *obstacle)
{
    struct mapproc_error *error = &lane->cut_error;
    uint64_t left = lane->item.source.size - lane->planned;

    if (lane->is_cut)
        return true;
    lane->cut = (struct mapproc_cut){.length = left};
    if (pipeline->job->cut(pipeline->context, &lane->item, lane->planned, NULL, 0, &lane->cut,
                           error) != MAPPROC_OK) {
        error->offset = lane->planned;
        *obstacle = MAPPROC_OBSTACLE_FAULTY;
        return false;
    }
    lane->cut.length = mapproc_min_u64(lane->cut.length, left);
    *obstacle = MAPPROC_OBSTACLE_FINISHED;
    lane->is_cut = lane->cut.length != 0;
    return lane->is_cut;
}

/* What the next chunk of an extent needs, which the job or the chunker cuts. False if there is an
 * obstacle. */
static bool cut_extent(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                       struct mapproc_need *need, enum mapproc_obstacle *obstacle)
{
    size_t length;

    if (pipeline->job->cut == NULL) {
        *obstacle = MAPPROC_OBSTACLE_FAULTY;
        if (mapproc_border_find(pipeline, lane, &length, &lane->cut_error) != MAPPROC_OK)
            return false;
        *need = mapproc_cutter_need(pipeline, &lane->item, length);
        return true;
    }
    if (!ask_job(pipeline, lane, obstacle))
        return false;
    *need = (struct mapproc_need){
        .length = (size_t)lane->cut.length,
        .scratch = lane->cut.scratch,
        .buffer = lane->cut.unread ? 0 : (size_t)lane->cut.length,
    };
    return true;
}

/* Plans the next chunk of an extent. NULL if there is an obstacle. */
static struct mapproc_work *plan_extent(struct mapproc_worker *worker, struct mapproc_lane *lane,
                                        enum mapproc_obstacle *obstacle)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    const struct mapproc_job *job = pipeline->job;
    struct mapproc_work *work;
    struct mapproc_need need;
    bool hole, mapped;

    if (!cut_extent(pipeline, lane, &need, obstacle))
        return NULL;
    hole = job->process_hole != NULL && is_hole(lane, need.length);
    mapped = !hole && !lane->cut.unread && map_chunk(pipeline, lane, need.length);
    if (hole || (mapped && !job->copies))
        need.buffer = 0;
    *obstacle = MAPPROC_OBSTACLE_STARVED;
    work = mapproc_work_make(worker, MAPPROC_TASK_EXTENT, &lane->item,
                             mapproc_routes_choose(&pipeline->routes, lane), &need);
    if (work == NULL)
        return NULL;
    work->chunk.hole = hole;
    work->chunk.cut = lane->cut;
    lane->is_cut = false;
    if (mapped)
        mapproc_work_use_window(pipeline, work);
    return work;
}

/* Plans the next read of a stream, which may turn out to be less. NULL if there is an obstacle. */
static struct mapproc_work *plan_stream(struct mapproc_worker *worker, struct mapproc_lane *lane,
                                        enum mapproc_obstacle *obstacle)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    size_t length = pipeline->budget.chunk_size;
    struct mapproc_need need;

    *obstacle = MAPPROC_OBSTACLE_FAULTY;
    if (pipeline->job->cut == NULL && !pipeline->chunking.chunker->reads_data &&
        mapproc_border_find(pipeline, lane, &length, &lane->cut_error) != MAPPROC_OK)
        return NULL;
    *obstacle = MAPPROC_OBSTACLE_STARVED;
    need = mapproc_cutter_need(pipeline, &lane->item, length);
    need.buffer = need.length;
    return mapproc_work_make(worker, MAPPROC_TASK_STREAM, &lane->item,
                             mapproc_routes_choose(&pipeline->routes, lane), &need);
}

struct mapproc_work *mapproc_cutter_next(struct mapproc_worker *worker, struct mapproc_lane *lane,
                                         enum mapproc_obstacle *obstacle)
{
    bool stream = mapproc_lane_is_stream(lane);
    enum mapproc_scan_answer answer =
        stream ? MAPPROC_SCAN_NONE : mapproc_scanner_ask(worker->pipeline, lane);
    struct mapproc_work *work;

    *obstacle = answer == MAPPROC_SCAN_WAIT ? MAPPROC_OBSTACLE_UNSCANNED : MAPPROC_OBSTACLE_STARVED;
    if (answer == MAPPROC_SCAN_WAIT)
        return NULL;
    if (answer == MAPPROC_SCAN_AHEAD)
        return mapproc_scanner_plan(worker, lane);
    work = stream ? plan_stream(worker, lane, obstacle) : plan_extent(worker, lane, obstacle);
    if (work == NULL)
        return NULL;
    work->chunk.number = lane->next_number++;
    work->chunk.offset = lane->planned;
    if (!stream)
        lane->planned += work->chunk.length;
    return work;
}
