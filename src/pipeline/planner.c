/* SPDX-License-Identifier: MIT */
/* planner.c - deciding what the workers do next.
 *
 * There is no planning thread. A worker that finds its queue empty becomes the planner for a
 * moment, if no other one is, and plans until the bound of chunks in flight is reached. So chunks
 * are planned in order, and never more than the scratch arena can serve: a chunk gets its scratch
 * when it is planned, and therefore the lowest unfinished chunk always has what it needs.
 */
#include "pipeline/planner.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "pipeline/cutter.h"
#include "pipeline/lane.h"
#include "pipeline/work.h"

/* A lane's share of the chunks in flight when several are worked on side by side. */
static unsigned lane_limit(const struct mapproc_pipeline *pipeline)
{
    unsigned limit = pipeline->budget.in_flight;
    unsigned share = limit / pipeline->worker_count;

    return !pipeline->job->spreads ? limit : share < 2 ? 2 : share;
}

/*
 * Whether a stream has to wait because an earlier lane reads the same one, or may turn out to: two
 * readers of one pipe would each get some of its bytes, and both digests would be wrong. If the
 * chunker reads, it waits for any other: there is one view.
 */
static bool must_wait(const struct mapproc_pipeline *pipeline, const struct mapproc_lane *lane)
{
    const struct mapproc_identity *mine = &lane->item.source.identity;
    const bool reads = pipeline->job->cut == NULL && pipeline->chunking.chunker->reads_data;

    for (struct mapproc_lane *other = pipeline->lanes_first; other != lane;
         other = other->next_lane) {
        const struct mapproc_identity *its = &other->item.source.identity;

        if (other->ended) /* it has got all its bytes */
            continue;
        if (!other->cuttable || (reads && mapproc_lane_is_stream(other)) ||
            (mine->device == its->device && mine->inode == its->inode))
            return true;
    }
    return false;
}

/* The lane to cut a chunk from: the first that can be cut or, to spread, the one least served. */
static struct mapproc_lane *find_cuttable(const struct mapproc_pipeline *pipeline)
{
    unsigned limit = lane_limit(pipeline);
    struct mapproc_lane *best = NULL;

    for (struct mapproc_lane *lane = pipeline->active_first; lane; lane = lane->next_active) {
        if (lane->ticket_out || lane->in_flight >= limit)
            continue;
        if (mapproc_lane_is_stream(lane) && must_wait(pipeline, lane))
            continue;
        if (!pipeline->job->spreads)
            return lane;
        if (best == NULL || lane->in_flight < best->in_flight)
            best = lane;
    }
    return best;
}

static bool may_open(const struct mapproc_pipeline *pipeline)
{
    unsigned active = pipeline->opening;

    if (pipeline->exhausted || pipeline->lane_count >= MAPPROC_ITEMS_MAX ||
        pipeline->held >= MAPPROC_HELD_SIZE ||
        (pipeline->held_lane != NULL && pipeline->stdin_busy && !pipeline->held_lane->has_stdin))
        return false;
    if (!pipeline->job->spreads)
        return true;
    for (struct mapproc_lane *lane = pipeline->active_first; lane; lane = lane->next_active)
        active++;
    return active < pipeline->worker_count;
}

static bool can_plan(const struct mapproc_pipeline *pipeline)
{
    return !pipeline->planning && !pipeline->starved &&
           pipeline->in_flight < pipeline->budget.in_flight &&
           (find_cuttable(pipeline) != NULL || may_open(pipeline));
}

/* A lane with the job's next source. NULL if there is none or no memory. */
static struct mapproc_lane *make_lane(struct mapproc_worker *worker,
                                      enum mapproc_obstacle *obstacle)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_magazine_alloc(&worker->lanes);
    struct mapproc_error error;
    int result;

    *obstacle = MAPPROC_OBSTACLE_STARVED;
    if (lane == NULL)
        return NULL;
    *lane = (struct mapproc_lane){
        .item = {.source = {.fd = -1, .kind = MAPPROC_SOURCE_STREAM}, .wake_fd = pipeline->wake_fd},
        .pipeline = pipeline,
        .in_flight = 1,
    };
    result = pipeline->job->next(pipeline->context, &lane->item, &error);
    if (result > 0) {
        lane->index = pipeline->planned_lanes++;
        if (pipeline->progress != NULL)
            mapproc_progress_source_taken(pipeline->progress);
        return lane;
    }
    mapproc_magazine_free(&worker->lanes, lane);
    *obstacle = MAPPROC_OBSTACLE_EXHAUSTED;
    if (result < 0) {
        (void)pthread_mutex_lock(&pipeline->lock);
        mapproc_pipeline_stop(pipeline, &error);
        (void)pthread_mutex_unlock(&pipeline->lock);
    }
    return NULL;
}

/*
 * The next source, in a lane that is not listed yet. One that has to wait, for standard input or
 * for memory, is kept for the next time. NULL if there is an obstacle.
 */
static struct mapproc_lane *next_lane(struct mapproc_worker *worker,
                                      enum mapproc_obstacle *obstacle)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = pipeline->held_lane;
    bool held = false;

    if (lane == NULL)
        lane = make_lane(worker, obstacle);
    if (lane == NULL)
        return NULL;
    pipeline->held_lane = lane;
    if (strcmp(lane->item.source.path, "-") == 0 && !lane->has_stdin &&
        lane->item.reach == MAPPROC_REACH_ALL && lane->item.failure == NULL) {
        (void)pthread_mutex_lock(&pipeline->lock);
        held = pipeline->stdin_busy;
        pipeline->stdin_busy = true;
        (void)pthread_mutex_unlock(&pipeline->lock);
        lane->has_stdin = !held;
    }
    *obstacle = MAPPROC_OBSTACLE_HELD;
    return held ? NULL : lane;
}

/* Plans the opening of the next source. NULL if there is an obstacle. */
static struct mapproc_work *plan_open(struct mapproc_worker *worker,
                                      enum mapproc_obstacle *obstacle)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = next_lane(worker, obstacle);
    struct mapproc_need need = {0};
    struct mapproc_work *work;

    if (lane == NULL)
        return NULL;
    /* It may turn out to be one chunk, and is then processed at once. */
    if (pipeline->job->cut == NULL)
        need = mapproc_cutter_need(pipeline, &lane->item, pipeline->budget.chunk_size);
    work = mapproc_work_make(worker, MAPPROC_TASK_OPEN, &lane->item,
                             mapproc_routes_choose_opener(&pipeline->routes, lane->index), &need);
    *obstacle = MAPPROC_OBSTACLE_STARVED;
    if (work != NULL)
        pipeline->held_lane = NULL;
    return work;
}

/* Adds a new lane behind the others. Called with the lock held. */
static void append_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    if (pipeline->lanes_last != NULL)
        pipeline->lanes_last->next_lane = lane;
    else
        pipeline->lanes_first = lane;
    pipeline->lanes_last = lane;
    pipeline->lane_count++;
}

/* What mapproc_cutter_next() or plan_open() could not do. Called with the lock held, dropped
 * meanwhile. */
static void plan_failed(struct mapproc_worker *worker, struct mapproc_lane *lane,
                        enum mapproc_obstacle obstacle, bool released)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_error error;

    pipeline->in_flight--;
    if (lane != NULL) {
        lane->in_flight--;
        lane->ticket_out = false;
    } else {
        pipeline->opening--;
    }
    if (obstacle == MAPPROC_OBSTACLE_UNSCANNED) {
        lane->ticket_out = mapproc_scanner_is_waited_for(pipeline);
        mapproc_lane_settle(worker, lane); /* if it failed meanwhile */
    }
    if (obstacle == MAPPROC_OBSTACLE_EXHAUSTED) {
        pipeline->exhausted = true;
        if (pipeline->progress != NULL)
            mapproc_progress_all_taken(pipeline->progress);
    }
    if (obstacle == MAPPROC_OBSTACLE_FINISHED || obstacle == MAPPROC_OBSTACLE_FAULTY) {
        if (obstacle == MAPPROC_OBSTACLE_FAULTY)
            mapproc_lane_fail(pipeline, lane, &lane->cut_error);
        mapproc_lane_end(pipeline, lane);
        mapproc_lane_settle(worker, lane);
    }
    if (obstacle != MAPPROC_OBSTACLE_STARVED ||
        released) /* what was released meanwhile may be enough */
        return;
    pipeline->starved = true;
    if (pipeline->in_flight == 0) { /* nothing is there to be released: waiting would not help */
        (void)mapproc_error_set(&error, MAPPROC_FAILED, ENOMEM, NULL,
                                "no memory for a single chunk");
        mapproc_pipeline_stop(pipeline, &error);
    }
    if (lane != NULL)
        mapproc_lane_settle(worker, lane);
}

/* Plans one chunk, if that can be done now. Called with the lock held, which it drops meanwhile. */
static bool plan_one(struct mapproc_worker *worker)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = find_cuttable(pipeline);
    struct mapproc_work *work;
    enum mapproc_obstacle obstacle = MAPPROC_OBSTACLE_STARVED;
    uint64_t releases = pipeline->releases;

    /* Counting the chunk before it exists keeps the lane from being completed under us. */
    pipeline->in_flight++;
    if (lane != NULL) {
        lane->in_flight++;
        lane->ticket_out = mapproc_lane_is_stream(lane);
    } else {
        pipeline->opening++;
    }
    (void)pthread_mutex_unlock(&pipeline->lock);
    work =
        lane != NULL ? mapproc_cutter_next(worker, lane, &obstacle) : plan_open(worker, &obstacle);
    (void)pthread_mutex_lock(&pipeline->lock);
    if (work == NULL) {
        plan_failed(worker, lane, obstacle, pipeline->releases != releases);
        return false;
    }
    if (work->task == MAPPROC_TASK_OPEN)
        append_lane(pipeline, mapproc_lane_of(work));
    else if (work->task == MAPPROC_TASK_EXTENT && lane->planned == lane->item.source.size)
        mapproc_lane_end(pipeline, lane);
    mapproc_queues_push(&pipeline->queues, work);
    if (pipeline->routes.policy == MAPPROC_NUMA_BIND) /* not everybody may take it */
        (void)pthread_cond_broadcast(&pipeline->changed);
    else
        (void)pthread_cond_signal(&pipeline->changed);
    return true;
}

static void plan(struct mapproc_worker *worker)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;

    while (!mapproc_pipeline_stopping(pipeline) && can_plan(pipeline)) {
        bool planned;

        pipeline->planning = true;
        planned = plan_one(worker);
        pipeline->planning = false;
        if (!planned)
            return;
    }
}

struct mapproc_work *mapproc_planner_take(struct mapproc_worker *worker)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    unsigned count;
    const unsigned *order = mapproc_routes_order(&pipeline->routes, worker->node, &count);
    struct mapproc_work *work = NULL;

    (void)pthread_mutex_lock(&pipeline->lock);
    while (!mapproc_pipeline_stopping(pipeline)) {
        work = mapproc_queues_take(&pipeline->queues, order, 1);
        if (work != NULL)
            break;
        /* Before taking from others: there may be more for this node further on. */
        if (can_plan(pipeline)) {
            plan(worker);
            continue;
        }
        work = mapproc_queues_take(&pipeline->queues, order, count);
        if (work != NULL)
            break;
        if (pipeline->exhausted && pipeline->lane_count == 0) {
            (void)pthread_cond_broadcast(&pipeline->changed);
            break;
        }
        (void)pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    }
    (void)pthread_mutex_unlock(&pipeline->lock);
    return work;
}

void mapproc_planner_add_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    struct mapproc_lane *before = NULL;

    (void)pthread_mutex_lock(&pipeline->lock);
    lane->cuttable = true;
    for (struct mapproc_lane *other = pipeline->active_first;
         other != NULL && other->index < lane->index; other = other->next_active)
        before = other;
    if (before != NULL) {
        lane->next_active = before->next_active;
        before->next_active = lane;
    } else {
        lane->next_active = pipeline->active_first;
        pipeline->active_first = lane;
    }
    (void)pthread_cond_signal(&pipeline->changed);
    (void)pthread_mutex_unlock(&pipeline->lock);
}

void mapproc_planner_stream_read(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                                 size_t got, bool at_end)
{
    (void)pthread_mutex_lock(&pipeline->lock);
    lane->planned += got;
    lane->ticket_out = false;
    if (at_end)
        mapproc_lane_end(pipeline, lane);
    (void)pthread_cond_signal(&pipeline->changed);
    (void)pthread_mutex_unlock(&pipeline->lock);
}
