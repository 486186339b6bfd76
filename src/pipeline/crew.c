/* SPDX-License-Identifier: MIT */
/* crew.c - starting the workers, waiting for them, and telling what they did. */
#include "pipeline/crew.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/size_text.h"
#include "pipeline/cancel.h"
#include "pipeline/worker.h"

/* Starts the next worker. Returns 0 or an errno. */
static int start_worker(struct mapproc_pipeline *pipeline, unsigned node)
{
    struct mapproc_worker *worker = &pipeline->workers[pipeline->running];
    int result;

    *worker =
        (struct mapproc_worker){.pipeline = pipeline, .number = pipeline->running, .node = node};
    worker->buffer = mapproc_buddy_alloc(&pipeline->arenas[node], MAPPROC_STEP_READ);
    if (worker->buffer == NULL)
        return ENOMEM;
    result = pthread_create(&worker->thread, NULL, mapproc_worker_main, worker);
    if (result != 0)
        mapproc_buddy_free(&pipeline->arenas[node], worker->buffer);
    else
        pipeline->running++;
    return result;
}

/* Starts one worker a node, and another one, until all are there or one cannot be started, of which
 * the errno is returned. Called with the lock held, so that none does anything yet. */
static int start_workers(struct mapproc_pipeline *pipeline)
{
    const struct mapproc_routes *routes = &pipeline->routes;

    for (unsigned round = 0; pipeline->running < pipeline->budget.workers; round++) {
        for (unsigned node = 0; node < routes->nodes; node++) {
            int result = round < routes->workers[node] ? start_worker(pipeline, node) : 0;

            if (result != 0)
                return result;
        }
    }
    return 0;
}

static void count_workers(struct mapproc_pipeline *pipeline)
{
    struct mapproc_routes *routes = &pipeline->routes;

    memset(routes->workers, 0, routes->nodes * sizeof(*routes->workers));
    for (unsigned i = 0; i < pipeline->running; i++)
        routes->workers[pipeline->workers[i].node]++;
    mapproc_routes_restaff(routes);
}

int mapproc_crew_start(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    unsigned wanted = pipeline->budget.workers;
    sigset_t all, before;
    int result;

    pipeline->workers =
        aligned_alloc(_Alignof(struct mapproc_worker), wanted * sizeof(*pipeline->workers));
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
    result = start_workers(pipeline);
    pipeline->worker_count = pipeline->running;
    if (result != 0)
        count_workers(pipeline);
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

/* Waits until the last worker has left, passing a cancellation on to all, whether it comes from the
 * caller or from who watches the job. */
static void wait_for_workers(struct mapproc_pipeline *pipeline)
{
    const struct mapproc_cancel *cancel = pipeline->options->cancel;
    const struct mapproc_progress *progress = pipeline->progress;
    struct pollfd fds[] = {
        {.fd = pipeline->done_fd, .events = POLLIN},
        {.fd = cancel != NULL ? mapproc_cancel_fd(cancel) : -1, .events = POLLIN},
        {.fd = progress != NULL ? mapproc_progress_cancel_fd(progress) : -1, .events = POLLIN},
    };

    while (fds[0].revents == 0) {
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
            fds[0].revents = fds[1].revents = fds[2].revents = 0; /* EINTR: look again */
        if (fds[1].revents != 0 || fds[2].revents != 0) {
            struct mapproc_error reason;

            (void)mapproc_error_set(&reason, MAPPROC_CANCELLED, 0, NULL, "cancelled");
            (void)pthread_mutex_lock(&pipeline->lock);
            mapproc_pipeline_stop(pipeline, &reason);
            (void)pthread_mutex_unlock(&pipeline->lock);
            fds[1].fd = fds[2].fd = -1;
            fds[1].revents = fds[2].revents = 0;
        }
    }
}

/* What a refusal has cost is speed; one line about the first is enough. */
static void tell_refusal(struct mapproc_pipeline *pipeline)
{
    int refused = atomic_load(&pipeline->placement.refused);
    char text[160];

    if (pipeline->topology.numa_error != 0)
        (void)snprintf(text, sizeof(text), "the system does not tell about NUMA nodes (%s)",
                       strerror(pipeline->topology.numa_error));
    else if (refused != 0)
        (void)snprintf(text, sizeof(text),
                       "threads and memory could not be kept on their NUMA nodes (%s)",
                       strerror(refused));
    else
        return;
    mapproc_pipeline_note(pipeline, NULL, text);
}

static void tell_node(struct mapproc_pipeline *pipeline, unsigned node)
{
    char bytes_text[MAPPROC_SIZE_TEXT_MAX], taken_text[MAPPROC_SIZE_TEXT_MAX], text[160];
    unsigned threads = pipeline->routes.workers[node];
    uint64_t bytes = 0, taken = 0;

    for (unsigned i = 0; i < pipeline->worker_count; i++) {
        const struct mapproc_worker *worker = &pipeline->workers[i];

        if (worker->node == node) {
            bytes += worker->bytes;
            taken += worker->taken;
        }
    }
    (void)snprintf(text, sizeof(text), "node %d: %u %s, %s, %s of it taken from other nodes",
                   pipeline->topology.nodes[node].number, threads,
                   threads == 1 ? "thread" : "threads", mapproc_size_format(bytes, bytes_text),
                   mapproc_size_format(taken, taken_text));
    mapproc_pipeline_note(pipeline, NULL, text);
}

void mapproc_crew_join(struct mapproc_pipeline *pipeline)
{
    wait_for_workers(pipeline);
    for (unsigned i = 0; i < pipeline->worker_count; i++) {
        (void)pthread_join(pipeline->workers[i].thread, NULL);
        mapproc_buddy_free(&pipeline->arenas[pipeline->workers[i].node],
                           pipeline->workers[i].buffer);
    }
    tell_refusal(pipeline);
    for (unsigned node = 0; pipeline->routes.nodes > 1 && node < pipeline->routes.nodes; node++)
        tell_node(pipeline, node);
    free(pipeline->workers);
}
