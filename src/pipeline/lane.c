/* SPDX-License-Identifier: MIT */
/* lane.c - the end of a source's way: failure, completion, report. */
#include "pipeline/lane.h"

#include "pipeline/border.h"
#include "pipeline/pace.h"
#include "pipeline/work.h"

void mapproc_lane_end(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    lane->ended = true;
    if (pipeline->scanner.owner == lane->index + 1)
        pipeline->scanner.owner = 0;
    if (!lane->cuttable)
        return;
    lane->cuttable = false;
    for (struct mapproc_lane **link = &pipeline->active_first; *link != NULL;
         link = &(*link)->next_active) {
        if (*link == lane) {
            *link = lane->next_active;
            break;
        }
    }
}

void mapproc_lane_fail(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                       const struct mapproc_error *error)
{
    if (!lane->enough && (lane->error.code == MAPPROC_OK || error->offset < lane->error.offset))
        lane->error = *error;
    mapproc_lane_end(pipeline, lane);
}

/* Checks the source once more and lets the job finish. Called without the lock. */
static void close_lane(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    struct mapproc_item *item = &lane->item;

    /* Nobody else has the lane any more, so its error needs no lock. */
    if (lane->error.code == MAPPROC_OK)
        (void)mapproc_source_check_unchanged(&item->source, &lane->error);
    if (lane->error.code == MAPPROC_OK)
        (void)pipeline->job->close(pipeline->context, item, &lane->error);
    if (lane->error.code == MAPPROC_OK)
        mapproc_border_tell_forced(pipeline, lane);
    mapproc_window_put(pipeline, lane, lane->window);
    mapproc_source_close(&item->source);
}

/* Reports the finished lanes at the head of the list. Called with the lock, dropped meanwhile. */
static void report_finished(struct mapproc_worker *worker)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane;

    if (pipeline->reporting)
        return;
    pipeline->reporting = true;
    while ((lane = pipeline->lanes_first) != NULL && lane->finished &&
           !mapproc_pipeline_stopping(pipeline)) {
        struct mapproc_error reason = {.code = MAPPROC_OK};

        (void)pthread_mutex_unlock(&pipeline->lock);
        if (pipeline->progress != NULL)
            mapproc_progress_source_reported(pipeline->progress, lane->error.code != MAPPROC_OK);
        reason.code = pipeline->job->report(pipeline->context, &lane->item,
                                            lane->error.code != MAPPROC_OK ? &lane->error : NULL);
        (void)pthread_mutex_lock(&pipeline->lock);
        pipeline->lanes_first = lane->next_lane;
        if (pipeline->lanes_first == NULL)
            pipeline->lanes_last = NULL;
        pipeline->lane_count--;
        pipeline->held -= lane->item.held;
        mapproc_magazine_free(&worker->lanes, lane);
        if (reason.code != MAPPROC_OK)
            mapproc_pipeline_stop(pipeline, &reason);
    }
    pipeline->reporting = false;
}

void mapproc_lane_settle(struct mapproc_worker *worker, struct mapproc_lane *lane)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;

    if (!lane->ended || lane->in_flight > 0 || lane->committing || lane->completing)
        return;
    lane->completing = true;
    (void)pthread_mutex_unlock(&pipeline->lock);
    mapproc_pace_end_source(lane);
    close_lane(pipeline, lane);
    (void)pthread_mutex_lock(&pipeline->lock);
    lane->finished = true;
    pipeline->held += lane->item.held;
    if (lane->has_stdin)
        pipeline->stdin_busy = false;
    report_finished(worker);
}

void mapproc_lane_release(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_lane *lane = mapproc_lane_of(work);
    bool opened = work->task == MAPPROC_TASK_OPEN;
    uint64_t counted = work->counted;

    mapproc_window_put(pipeline, lane, work->window);
    mapproc_work_free(worker, work);
    (void)pthread_mutex_lock(&pipeline->lock);
    lane->in_flight--;
    lane->counted += counted;
    pipeline->in_flight--;
    pipeline->opening -= opened;
    pipeline->releases++;
    pipeline->starved = false;
    (void)pthread_cond_signal(&pipeline->changed); /* more may be planned now */
    mapproc_lane_settle(worker, lane);
    (void)pthread_mutex_unlock(&pipeline->lock);
}

void mapproc_lane_discard(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane)
{
    while (lane->done != NULL) {
        struct mapproc_work *work = lane->done;

        lane->done = work->next;
        mapproc_window_put(pipeline, lane, work->window);
        mapproc_work_discard(pipeline, work);
    }
    if (!lane->finished) {
        mapproc_window_put(pipeline, lane, lane->window);
        mapproc_source_close(&lane->item.source);
    }
    pipeline->job->discard(pipeline->context, &lane->item);
    mapproc_slab_free(&pipeline->lanes, lane);
}
