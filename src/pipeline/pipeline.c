/* SPDX-License-Identifier: MIT */
/* pipeline.c - running a job over its sources on all cores.
 *
 * The life of a chunk
 *
 *   1. A worker with nothing to do becomes the planner for a moment (planner.c). It takes a chunk
 *      descriptor from the slab and scratch from the buddy arena of a node, and asks the chunker
 *      for the next border. A source begins as one chunk, which means: open it. If the file turns
 *      out to be small, that chunk is all of it. A stream has one chunk at a time that waits for
 *      its bytes. The number of chunks in flight is bounded, and this bounds memory.
 *   2. The chunk waits in its node's queue (queue.c) until a worker of that node takes it; idle
 *      nodes steal.
 *   3. The worker populates the chunk's part of its window, or reads it, and lets the job process
 *      it, in any order, inside the fault guard (worker.c). A fault fails the source, not the run.
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
 *     pipeline, cancel -> worker -> planner, commit -> lane -> work, queue, io_choice
 */
#include "pipeline/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cpu.h"
#include "base/error.h"
#include "input/fault_guard.h"
#include "memory/limits.h"
#include "pipeline/cancel.h"
#include "pipeline/lane.h"
#include "pipeline/state.h"
#include "pipeline/work.h"
#include "pipeline/worker.h"

enum {
    /* Two chunks wait for each one that is worked on, to ride out uneven chunks. */
    CHUNKS_PER_WORKER = 3,
    /* Bytes of the chunks in flight, as long as every worker has one: keeps memory in bounds. */
    IN_FLIGHT_SIZE = 96 << 20,
    CHUNK_SIZE_LEAST = 64 << 10, /* bytes: smaller ones are all overhead */
};

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

/* The default, halved until every worker can have a chunk within the bound of memory. */
static size_t choose_chunk_size(unsigned workers)
{
    size_t size = MAPPROC_CHUNK_SIZE_DEFAULT;

    while (size > CHUNK_SIZE_LEAST && size * (workers + 1) > IN_FLIGHT_SIZE)
        size /= 2;
    return size;
}

/* More threads than the cgroup's share of the CPUs would only be stopped in turn, together. */
static unsigned default_threads(const struct mapproc_topology *topology)
{
    struct mapproc_limits limits;

    mapproc_limits_find(&limits, "");
    return mapproc_limits_default_threads(&limits, topology->cpu_count);
}

/* Fills in what the options leave open, and refuses what makes no sense. */
static int apply_options(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    const struct mapproc_options *options = pipeline->options;
    enum mapproc_cpu_level level;
    size_t most, least;

    if (options->threads > MAPPROC_THREADS_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "more than %d threads",
                                 MAPPROC_THREADS_MAX);
    pipeline->worker_count =
        options->threads != 0 ? options->threads : default_threads(&pipeline->topology);
    pipeline->chunk_size =
        options->chunk_size != 0 ? options->chunk_size : choose_chunk_size(pipeline->worker_count);
    if (pipeline->chunk_size < MAPPROC_CHUNK_SIZE_MIN ||
        pipeline->chunk_size > MAPPROC_CHUNK_SIZE_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunk size must be from 1K to 1G");
    most = (size_t)pipeline->worker_count * CHUNKS_PER_WORKER;
    least = (size_t)pipeline->worker_count + 1;
    pipeline->limit = (unsigned)(IN_FLIGHT_SIZE / pipeline->chunk_size);
    if (pipeline->limit > most)
        pipeline->limit = (unsigned)most;
    if (pipeline->limit < least)
        pipeline->limit = (unsigned)least;
    return mapproc_cpu_level_select(&level, error);
}

/* One arena a node, whose pages the node's workers are the first to touch. Each is large enough for
 * all chunks in flight, because idle nodes steal. Memory that is never touched is never taken. */
static int make_arenas(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    size_t scratch = pipeline->job->scratch_size(pipeline->context, pipeline->chunk_size);
    size_t buffers = mapproc_buddy_block_size(MAPPROC_STEP_READ);
    size_t per_chunk, size;
    unsigned made = 0;
    int result = MAPPROC_OK;

    if (!mapproc_add_size(scratch > 0 ? mapproc_buddy_block_size(scratch) : 0,
                          mapproc_buddy_block_size(pipeline->chunk_size), &per_chunk) ||
        !mapproc_multiply_size(per_chunk, pipeline->limit, &size) ||
        !mapproc_multiply_size(buffers, pipeline->worker_count, &buffers) ||
        !mapproc_add_size(size, buffers, &size))
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot size the scratch");
    pipeline->arenas = calloc(pipeline->topology.cpu_node_count, sizeof(*pipeline->arenas));
    if (pipeline->arenas == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot make the arenas");
    for (; made < pipeline->topology.cpu_node_count; made++) {
        result = mapproc_buddy_init(&pipeline->arenas[made], size, error);
        if (result != MAPPROC_OK)
            break;
    }
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

/* Starts the workers, spread over the nodes in proportion to their CPUs. Fewer than asked for will
 * do; none is an error. */
static int start_workers(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    unsigned wanted = pipeline->worker_count;
    unsigned node = 0, on_node = 0;
    sigset_t all, before;
    int result = 0;

    pipeline->workers = calloc(wanted, sizeof(*pipeline->workers));
    if (pipeline->workers == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot make the workers");

    /* Signals are the business of the caller's threads, but for those that a thread brings on
     * itself: a fault that is blocked kills, and a report may write to a pipe that is closed. */
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGBUS);
    (void)sigdelset(&all, SIGSEGV);
    (void)sigdelset(&all, SIGFPE);
    (void)sigdelset(&all, SIGILL);
    (void)sigdelset(&all, SIGTRAP);
    (void)sigdelset(&all, SIGPIPE);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_mutex_lock(&pipeline->lock);
    for (pipeline->running = 0; pipeline->running < wanted; pipeline->running++) {
        struct mapproc_worker *worker = &pipeline->workers[pipeline->running];

        *worker = (struct mapproc_worker){.pipeline = pipeline, .node = node};
        worker->buffer = mapproc_buddy_alloc(&pipeline->arenas[node], MAPPROC_STEP_READ);
        result = worker->buffer != NULL
                     ? pthread_create(&worker->thread, NULL, mapproc_worker_main, worker)
                     : ENOMEM;
        if (result != 0) {
            mapproc_buddy_free(&pipeline->arenas[node], worker->buffer);
            break;
        }
        if (++on_node >= pipeline->topology.nodes[node].cpu_count) {
            node = (node + 1) % pipeline->topology.cpu_node_count;
            on_node = 0;
        }
    }
    pipeline->worker_count = pipeline->running;
    (void)pthread_mutex_unlock(&pipeline->lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pipeline->worker_count == 0) {
        free(pipeline->workers);
        return mapproc_error_set(error, MAPPROC_FAILED, result, NULL, "cannot start a thread");
    }
    if (pipeline->worker_count < wanted)
        mapproc_pipeline_note(pipeline, NULL, "fewer threads than wanted could be started");
    return MAPPROC_OK;
}

/* Waits until all workers have left, passing a cancellation on to them. */
static void wait_for_workers(struct mapproc_pipeline *pipeline)
{
    const struct mapproc_cancel *cancel = pipeline->options->cancel;
    struct pollfd fds[] = {
        {.fd = pipeline->done_fd, .events = POLLIN},
        {.fd = cancel != NULL ? mapproc_cancel_fd(cancel) : -1, .events = POLLIN},
    };

    while (fds[0].revents == 0) {
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
            fds[0].revents = fds[1].revents = 0; /* EINTR: look again */
        if (fds[1].revents != 0) {
            struct mapproc_error reason;

            (void)mapproc_error_set(&reason, MAPPROC_CANCELLED, 0, NULL, "cancelled");
            (void)pthread_mutex_lock(&pipeline->lock);
            mapproc_pipeline_stop(pipeline, &reason);
            (void)pthread_mutex_unlock(&pipeline->lock);
            fds[1].fd = -1;
        }
    }
    for (unsigned i = 0; i < pipeline->worker_count; i++) {
        (void)pthread_join(pipeline->workers[i].thread, NULL);
        mapproc_buddy_free(&pipeline->arenas[pipeline->workers[i].node],
                           pipeline->workers[i].buffer);
    }
    free(pipeline->workers);
}

/* Lets go of what a run that was ended early left under way. */
static void discard_leftovers(struct mapproc_pipeline *pipeline)
{
    struct mapproc_lane *lane;
    struct mapproc_work *work;

    while ((work = mapproc_queues_take(&pipeline->queues, 0)) != NULL) {
        mapproc_window_put(pipeline, mapproc_lane_of(work), work->window);
        mapproc_work_free(pipeline, work);
    }
    while ((lane = pipeline->lanes_first) != NULL) {
        pipeline->lanes_first = lane->next_lane;
        mapproc_lane_discard(pipeline, lane);
    }
}

int mapproc_pipeline_run(const struct mapproc_job *job, void *context,
                         const struct mapproc_chunker *chunker,
                         const struct mapproc_options *options, struct mapproc_error *error)
{
    static const struct mapproc_options defaults;
    struct mapproc_pipeline pipeline = {
        .job = job,
        .context = context,
        .chunker = chunker,
        .options = options != NULL ? options : &defaults,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .note_lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    int result;

    if (chunker->abi != MAPPROC_CHUNKER_ABI || chunker->state_size > MAPPROC_CHUNKER_STATE_MAX ||
        chunker->reads_data)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunker '%s' asks for what this version cannot give",
                                 chunker->name);
    result = mapproc_fault_guard_install(error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_topology_init(&pipeline.topology, NULL, error);
    if (result != MAPPROC_OK)
        return result;
    result = apply_options(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_topology;
    result = make_arenas(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_topology;
    result = make_slabs(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_arenas;
    result = mapproc_queues_init(&pipeline.queues, pipeline.topology.cpu_node_count, error);
    if (result != MAPPROC_OK)
        goto destroy_slabs;
    result = make_events(&pipeline, error);
    if (result != MAPPROC_OK)
        goto destroy_queues;
    result = start_workers(&pipeline, error);
    if (result == MAPPROC_OK) {
        wait_for_workers(&pipeline);
        discard_leftovers(&pipeline);
        result = pipeline.error.code;
        if (result != MAPPROC_OK && error != NULL)
            *error = pipeline.error;
    }

    (void)close(pipeline.done_fd);
    (void)close(pipeline.wake_fd);
destroy_queues:
    mapproc_queues_destroy(&pipeline.queues);
destroy_slabs:
    destroy_slabs(&pipeline);
destroy_arenas:
    destroy_arenas(&pipeline);
destroy_topology:
    mapproc_topology_destroy(&pipeline.topology);
    return result;
}
