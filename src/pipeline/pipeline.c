/* SPDX-License-Identifier: MIT */
/* pipeline.c - running a job over its sources on all cores.
 *
 * The life of a chunk
 *
 *   1. A worker with nothing to do becomes the planner for a moment (planner.c). It takes a chunk
 *      descriptor from the slab and scratch from the buddy arena of a node, and asks the chunker
 *      for the next border. A source begins as one chunk, which means: open it. If the file turns
 *      out to be small, that chunk is all of it. A stream has one chunk at a time that waits for
 *      its bytes. The number of chunks in flight is bounded, and this bounds memory. A chunker that
 *      reads is shown what lies behind the last border (view.c, border.c); what can be found out
 *      ahead of that by all workers is another kind of chunk (scanner.c).
 *   2. The chunk waits in its node's queue (queue.c) until a worker of that node takes it; idle
 *      nodes steal.
 *   3. The worker populates the chunk's part of its window, or reads it, and lets the job process
 *      it, in any order, inside the fault guard (worker.c). A fault fails the source, not the run.
 *      Between two steps the worker tells what it has done, and may be held back (pace.c).
 *   4. The processed chunk goes back into file order (commit.c): whoever finishes the lowest
 *      unfinished number commits it and all finished successors.
 *   5. The descriptor goes back to the slab, scratch to the arena. With its last chunk a window is
 *      unmapped (work.c), so no more than a few are ever resident, whatever the file's size.
 *   6. After its last chunk the source is compared with what it was when it was opened, closed, and
 *      reported, in the order of the sources (lane.c).
 *
 * Threads: the caller's waits here, for the end or for a cancellation; everything else is done by
 * the workers. One lock guards what they share (state.h says what that is); it is taken a few times
 * a chunk, never while data is touched, never across a system call that can wait.
 *
 * Files call one another in one direction, but for stop and note, which are here and open to all:
 *
 *     pipeline, cancel -> worker -> planner, commit -> cutter, lane -> border, work, pace, queue
 *     worker, cutter -> scanner -> lane, work        border -> view, chunking -> chunker_plugin
 *     work -> io_choice
 */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/error.h"
#include "input/fault_guard.h"
#include "pipeline/chunker_plugin.h"
#include "pipeline/crew.h"
#include "pipeline/lane.h"
#include "pipeline/state.h"
#include "pipeline/work.h"

enum { VIEWS = 2 }; /* of a run whose chunker reads: of an extent, and of a stream */

void mapproc_pipeline_stop(struct mapproc_pipeline *pipeline, const struct mapproc_error *reason)
{
    const uint64_t one = 1;
    ssize_t written;

    if (mapproc_pipeline_stopping(pipeline))
        return;
    pipeline->error = *reason;
    atomic_store_explicit(&pipeline->stopping, true, memory_order_relaxed);
    written = write(pipeline->wake_fd, &one, sizeof(one));
    (void)written; /* an eventfd with room: cannot fail */
    (void)pthread_cond_broadcast(&pipeline->changed);
    if (pipeline->progress != NULL)
        mapproc_limiter_wake(mapproc_progress_limiter(pipeline->progress));
}

void mapproc_pipeline_note(struct mapproc_pipeline *pipeline, const char *path, const char *text)
{
    const struct mapproc_options *options = pipeline->options;

    if (options->note == NULL)
        return;
    (void)pthread_mutex_lock(&pipeline->note_lock);
    options->note(options->note_user, path, text);
    (void)pthread_mutex_unlock(&pipeline->note_lock);
}

int mapproc_pipeline_plan_cut(const struct mapproc_job *job, void *context,
                              const struct mapproc_chunking *chunking,
                              const struct mapproc_options *options,
                              const struct mapproc_topology *topology,
                              const struct mapproc_limits *limits, struct mapproc_budget *budget,
                              struct mapproc_error *error)
{
    struct mapproc_budget_request request = {
        .job = job,
        .context = context,
        .limits = limits,
        .threads = options->threads,
        .default_threads = mapproc_limits_default_threads(limits, topology->cpu_count),
        .nodes = topology->cpu_node_count,
        /* On several nodes a window also tells on which of them the page cache is. */
        .maps = !job->copies || options->io == MAPPROC_IO_MMAP || topology->cpu_node_count > 1,
        .chunk_size = options->chunk_size,
        .memory = options->memory,
    };
    size_t most;
    int result;

    if (options->threads > MAPPROC_THREADS_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "more than %d threads",
                                 MAPPROC_THREADS_MAX);
    if (options->chunk_size != 0 && (options->chunk_size < MAPPROC_CHUNK_SIZE_MIN ||
                                     options->chunk_size > MAPPROC_CHUNK_SIZE_MAX))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunk size must be from 1K to 1G");
    result = mapproc_chunking_most(chunking, options->chunk_size, &most, error);
    if (result != MAPPROC_OK)
        return result;
    if (most != 0 && job->cut == NULL) {
        request.chunk_size = most;
        if (chunking->chunker->reads_data) {
            request.views = VIEWS * mapproc_view_size(most);
            request.scans = mapproc_scanner_size();
        }
    }
    return mapproc_budget_make(budget, &request, error);
}

int mapproc_pipeline_plan(const struct mapproc_job *job, void *context,
                          const struct mapproc_options *options,
                          const struct mapproc_topology *topology,
                          const struct mapproc_limits *limits, struct mapproc_budget *budget,
                          struct mapproc_error *error)
{
    struct mapproc_chunking chunking;

    mapproc_chunking_init(&chunking, mapproc_chunker_find("fixed"));
    return mapproc_pipeline_plan_cut(job, context, &chunking, options, topology, limits, budget,
                                     error);
}

/* Finds out where the run takes place and what it may use, and refuses what makes no sense. */
static int apply_options(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    struct mapproc_limits limits;
    enum mapproc_cpu_level level;
    int result;

    mapproc_limits_find(&limits, "");
    result = mapproc_pipeline_plan_cut(pipeline->job, pipeline->context, &pipeline->chunking,
                                       pipeline->options, &pipeline->topology, &limits,
                                       &pipeline->budget, error);
    if (result != MAPPROC_OK)
        return result;
    mapproc_placement_init(&pipeline->placement, &pipeline->topology, pipeline->options->numa);
    return mapproc_cpu_level_select(&level, error);
}

/* One arena a node, of its memory, for the read buffers of its workers and its share of the chunks
 * in flight. Memory that is never touched is never taken. */
static int make_arena(struct mapproc_pipeline *pipeline, unsigned node, struct mapproc_error *error)
{
    size_t buffers, size;
    void *memory;
    int result;

    if (!mapproc_multiply_size(mapproc_buddy_block_size(MAPPROC_STEP_READ),
                               pipeline->routes.workers[node], &buffers) ||
        !mapproc_add_size(buffers, pipeline->budget.scratch, &size))
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot size the scratch");
    result = mapproc_buddy_init(&pipeline->arenas[node], size, error);
    if (result != MAPPROC_OK)
        return result;
    mapproc_buddy_get_memory(&pipeline->arenas[node], &memory, &size);
    mapproc_placement_bind(&pipeline->placement, node, memory, size);
    return MAPPROC_OK;
}

static int make_arenas(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    unsigned nodes = pipeline->topology.cpu_node_count, made = 0;
    int result = MAPPROC_OK;

    pipeline->arenas = calloc(nodes, sizeof(*pipeline->arenas));
    if (pipeline->arenas == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot make the arenas");
    for (; made < nodes && result == MAPPROC_OK; made += result == MAPPROC_OK)
        result = make_arena(pipeline, made, error);
    if (result == MAPPROC_OK)
        return MAPPROC_OK;
    while (made-- > 0)
        mapproc_buddy_destroy(&pipeline->arenas[made]);
    free(pipeline->arenas);
    return result;
}

static void destroy_arenas(struct mapproc_pipeline *pipeline)
{
    for (unsigned i = 0; i < pipeline->topology.cpu_node_count; i++)
        mapproc_buddy_destroy(&pipeline->arenas[i]);
    free(pipeline->arenas);
}

/* Descriptors: chunks, sources and windows. */
static int make_slabs(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    int result = mapproc_slab_init(&pipeline->works, sizeof(struct mapproc_work), 64, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_slab_init(&pipeline->lanes, sizeof(struct mapproc_lane), 64, error);
    if (result != MAPPROC_OK)
        goto destroy_works;
    result = mapproc_slab_init(&pipeline->windows, sizeof(struct mapproc_window), 16, error);
    if (result != MAPPROC_OK)
        goto destroy_lanes;
    return MAPPROC_OK;

destroy_lanes:
    mapproc_slab_destroy(&pipeline->lanes);
destroy_works:
    mapproc_slab_destroy(&pipeline->works);
    return result;
}

static void destroy_slabs(struct mapproc_pipeline *pipeline)
{
    mapproc_slab_destroy(&pipeline->windows);
    mapproc_slab_destroy(&pipeline->lanes);
    mapproc_slab_destroy(&pipeline->works);
}

static int make_events(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    pipeline->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (pipeline->wake_fd < 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, NULL, "cannot make an eventfd");
    pipeline->done_fd = eventfd(0, EFD_CLOEXEC);
    if (pipeline->done_fd < 0) {
        int eventfd_error = errno;

        (void)close(pipeline->wake_fd);
        return mapproc_error_set(error, MAPPROC_FAILED, eventfd_error, NULL,
                                 "cannot make an eventfd");
    }
    return MAPPROC_OK;
}

/* Lets go of what a run that was ended early left under way. */
static void discard_leftovers(struct mapproc_pipeline *pipeline)
{
    struct mapproc_lane *lane;
    struct mapproc_work *work;

    while ((work = mapproc_queues_take(&pipeline->queues, pipeline->routes.order,
                                       pipeline->routes.nodes)) != NULL) {
        mapproc_window_put(pipeline, mapproc_lane_of(work), work->window);
        mapproc_work_discard(pipeline, work);
    }
    if (pipeline->held_lane != NULL)
        mapproc_lane_discard(pipeline, pipeline->held_lane);
    while ((lane = pipeline->lanes_first) != NULL) {
        pipeline->lanes_first = lane->next_lane;
        mapproc_lane_discard(pipeline, lane);
    }
}

/* What a chunker that reads has to see. */
static int make_views(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    size_t most = pipeline->budget.chunk_size;
    int result;

    if (!pipeline->chunking.chunker->reads_data || pipeline->job->cut != NULL)
        return MAPPROC_OK;
    result = mapproc_view_init(&pipeline->extent_view, most, error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_view_init(&pipeline->stream_view, most, error);
    if (result != MAPPROC_OK)
        goto destroy_extent_view;
    result = mapproc_scanner_init(pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_stream_view;
    return MAPPROC_OK;

destroy_stream_view:
    mapproc_view_destroy(&pipeline->stream_view);
destroy_extent_view:
    mapproc_view_destroy(&pipeline->extent_view);
    return result;
}

static void destroy_views(struct mapproc_pipeline *pipeline)
{
    mapproc_scanner_destroy(pipeline);
    mapproc_view_destroy(&pipeline->stream_view);
    mapproc_view_destroy(&pipeline->extent_view);
}

int mapproc_pipeline_run(const struct mapproc_job *job, void *context,
                         const struct mapproc_chunker *chunker,
                         const struct mapproc_options *options, struct mapproc_error *error)
{
    struct mapproc_chunking chunking;

    mapproc_chunking_init(&chunking, chunker);
    return mapproc_pipeline_run_cut(job, context, &chunking, options, error);
}

int mapproc_pipeline_run_cut(const struct mapproc_job *job, void *context,
                             const struct mapproc_chunking *chunking,
                             const struct mapproc_options *options, struct mapproc_error *error)
{
    static const struct mapproc_options defaults;
    struct mapproc_pipeline pipeline = {
        .job = job,
        .context = context,
        .options = options != NULL ? options : &defaults,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .note_lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    int result;

    pipeline.progress = pipeline.options->progress;
    if (chunking != NULL)
        pipeline.chunking = *chunking;
    else
        mapproc_chunking_init(&pipeline.chunking, mapproc_chunker_find("fixed"));
    result = mapproc_chunker_check(pipeline.chunking.chunker, error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_fault_guard_install(error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_topology_init(&pipeline.topology, pipeline.options->cpus, error);
    if (result != MAPPROC_OK)
        return result;
    if (pipeline.options->numa == MAPPROC_NUMA_OFF)
        mapproc_topology_flatten(&pipeline.topology);
    result = apply_options(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_topology;
    result = mapproc_routes_init(&pipeline.routes, &pipeline.placement, &pipeline.budget,
                                 pipeline.options->io, error);
    if (result != MAPPROC_OK)
        goto destroy_topology;
    result = make_arenas(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_routes;
    result = make_slabs(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_arenas;
    result = mapproc_queues_init(&pipeline.queues, pipeline.topology.cpu_node_count, error);
    if (result != MAPPROC_OK)
        goto destroy_slabs;
    result = make_views(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_queues;
    result = make_events(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_views;
    if (job->start != NULL)
        result = job->start(context, pipeline.budget.workers, error);
    if (result == MAPPROC_OK && pipeline.progress != NULL)
        mapproc_progress_begin_run(pipeline.progress);
    if (result == MAPPROC_OK)
        result = mapproc_crew_start(&pipeline, error);
    if (result == MAPPROC_OK) {
        mapproc_crew_join(&pipeline);
        if (pipeline.progress != NULL)
            mapproc_progress_end_run(pipeline.progress);
        discard_leftovers(&pipeline);
        result = pipeline.error.code;
        if (result != MAPPROC_OK && error != NULL)
            *error = pipeline.error;
    }

    (void)close(pipeline.done_fd);
    (void)close(pipeline.wake_fd);
destroy_views:
    destroy_views(&pipeline);
destroy_queues:
    mapproc_queues_destroy(&pipeline.queues);
destroy_slabs:
    destroy_slabs(&pipeline);
destroy_arenas:
    destroy_arenas(&pipeline);
destroy_routes:
    mapproc_routes_destroy(&pipeline.routes);
destroy_topology:
    mapproc_topology_destroy(&pipeline.topology);
    return result;
}
