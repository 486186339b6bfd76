/* SPDX-License-Identifier: MIT */
/* commit.c - bringing processed chunks back into file order.
 *
 * Each lane keeps its processed chunks in a list by number. The worker that adds the lowest
 * unfinished number becomes the lane's committer and goes on as long as the next number is there;
 * a worker that adds any other number just leaves it. So commits of one source never overlap, those
 * of different sources may, and nobody ever waits for a chunk. What lies before the place where a
 * source failed is still committed, so that what a job has seen does not depend on timing.
 */
#include "pipeline/commit.h"

#include "input/fault_guard.h"
#include "pipeline/lane.h"
#include "pipeline/pace.h"

static void insert_done(struct mapproc_lane *lane, struct mapproc_work *work)
{
    struct mapproc_work **link = &lane->done;

    while (*link != NULL && (*link)->chunk.number < work->chunk.number)
        link = &(*link)->next;
    work->next = *link;
    *link = work;
}

bool mapproc_commit_guarded(struct mapproc_pipeline *pipeline, struct mapproc_work *work,
                            const uint8_t *data, size_t length, void (*body)(void *argument),
                            void *argument)
{
    struct mapproc_lane *lane = mapproc_lane_of(work);
    const struct mapproc_mapping *mapping = &work->window->mapping;
    struct mapproc_error error;
    uint64_t offset;
    size_t fault;

    if (mapproc_fault_guard_run(data, length, body, argument, &fault))
        return true;
    offset = mapping->offset + (uint64_t)(data - mapping->address) + fault;
    (void)mapproc_source_explain_fault(&lane->item.source, offset, length - fault, &error);
    (void)pthread_mutex_lock(&pipeline->lock);
    mapproc_lane_fail(pipeline, lane, &error);
    (void)pthread_mutex_unlock(&pipeline->lock);
    return false;
}

struct commit_call {
    struct mapproc_pipeline *pipeline;
    struct mapproc_chunk *chunk;
};

static void call_commit(void *argument)
{
    const struct commit_call *call = argument;

    call->pipeline->job->commit(call->pipeline->context, call->chunk);
}

static void commit_one(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    struct commit_call call = {.pipeline = pipeline, .chunk = &work->chunk};

    if (work->chunk.length == 0) /* the end of a stream */
        return;
    if (pipeline->job->keeps_data && work->window != NULL) {
        if (!mapproc_commit_guarded(pipeline, work, work->chunk.data, work->chunk.length,
                                    call_commit, &call))
            return;
    } else {
        call_commit(&call);
    }
    work->chunk.item->committed = work->chunk.offset + work->chunk.length;
}

/* Whether nothing is wrong with the lane up to the end of the chunk. Called with the lock held. */
static bool is_wanted(const struct mapproc_lane *lane, const struct mapproc_chunk *chunk)
{
    return !lane->enough &&
           (lane->error.code == MAPPROC_OK || lane->error.offset >= chunk->offset + chunk->length);
}

void mapproc_commit_chunk(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_lane_of(work);

    (void)pthread_mutex_lock(&pipeline->lock);
    insert_done(lane, work);
    if (lane->committing) {
        (void)pthread_mutex_unlock(&pipeline->lock);
        return;
    }
    lane->committing = true;
    while ((work = lane->done) != NULL && work->chunk.number == lane->next_commit &&
           !mapproc_pipeline_stopping(pipeline)) {
        bool good = is_wanted(lane, &work->chunk);

        lane->done = work->next;
        (void)pthread_mutex_unlock(&pipeline->lock);
        if (good) {
            work->holder = worker;
            commit_one(pipeline, work);
            mapproc_pace_commit(work);
        }
        mapproc_lane_release(worker, work);
        (void)pthread_mutex_lock(&pipeline->lock);
        lane->next_commit++;
        if (lane->item.enough && !lane->enough) {
            lane->enough = true;
            lane->error.code = MAPPROC_OK; /* what failed is behind, and not wanted */
            mapproc_lane_end(pipeline, lane);
        }
    }
    lane->committing = false;
    mapproc_lane_settle(worker, lane);
    (void)pthread_mutex_unlock(&pipeline->lock);
}
