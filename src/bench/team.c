/* SPDX-License-Identifier: MIT */
/* team.c - threads that start together, and the time from the first start to the last end. */
#include "bench/team.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "pipeline/cancel.h"

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool mapproc_bench_cancelled(const struct mapproc_cancel *cancel)
{
    struct pollfd fd = {.fd = cancel != NULL ? mapproc_cancel_fd(cancel) : -1, .events = POLLIN};

    return cancel != NULL && poll(&fd, 1, 0) > 0;
}

static void *serve(void *argument)
{
    struct mapproc_bench_worker *worker = argument;
    struct mapproc_bench_team *team = worker->team;
    bool incomplete;

    /* Until all threads exist, or it is known that they will not. */
    (void)pthread_mutex_lock(&team->gate);
    incomplete = team->incomplete;
    (void)pthread_mutex_unlock(&team->gate);
    if (incomplete)
        return NULL;
    for (;;) {
        (void)pthread_barrier_wait(&team->begin);
        if (team->quit)
            return NULL;
        (void)pthread_barrier_wait(&team->start);
        worker->start = now();
        worker->result = team->body(worker, team->context, team->units);
        worker->end = now();
        (void)pthread_barrier_wait(&team->done);
    }
}

static int make_barriers(struct mapproc_bench_team *team, struct mapproc_error *error)
{
    pthread_barrier_t *const barriers[] = {&team->begin, &team->start, &team->done};
    const unsigned counts[] = {team->threads + 1, team->threads, team->threads + 1};

    for (size_t i = 0; i < 3; i++) {
        int system_error = pthread_barrier_init(barriers[i], NULL, counts[i]);

        if (system_error != 0) {
            while (i-- > 0)
                (void)pthread_barrier_destroy(barriers[i]);
            return mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL,
                                     "cannot create a barrier");
        }
    }
    return MAPPROC_OK;
}

static void destroy_barriers(struct mapproc_bench_team *team)
{
    (void)pthread_barrier_destroy(&team->begin);
    (void)pthread_barrier_destroy(&team->start);
    (void)pthread_barrier_destroy(&team->done);
}

static void join(struct mapproc_bench_team *team, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)pthread_join(team->workers[i].thread, NULL);
}

/* Creates the threads, which wait for the gate. Returns 0 or an errno, and the count made. */
static int create_threads(struct mapproc_bench_team *team, const cpu_set_t *cpus,
                          size_t cpu_set_size, unsigned *made)
{
    pthread_attr_t attributes;
    int system_error = pthread_attr_init(&attributes);

    *made = 0;
    if (system_error != 0)
        return system_error;
    if (cpus != NULL)
        system_error = pthread_attr_setaffinity_np(&attributes, cpu_set_size, cpus);
    for (; system_error == 0 && *made < team->threads; *made += system_error == 0) {
        struct mapproc_bench_worker *worker = &team->workers[*made];

        *worker = (struct mapproc_bench_worker){.team = team, .index = *made};
        system_error = pthread_create(&worker->thread, &attributes, serve, worker);
    }
    (void)pthread_attr_destroy(&attributes);
    return system_error;
}

int mapproc_bench_team_start(struct mapproc_bench_team *team, unsigned threads,
                             const cpu_set_t *cpus, size_t cpu_set_size,
                             struct mapproc_cancel *cancel, struct mapproc_error *error)
{
    unsigned made;
    int system_error, result;

    *team = (struct mapproc_bench_team){.threads = threads, .cancel = cancel};
    team->workers = calloc(threads, sizeof(*team->workers));
    if (team->workers == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start %u threads",
                                 threads);
    system_error = pthread_mutex_init(&team->gate, NULL);
    if (system_error != 0) {
        result = mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL,
                                   "cannot start %u threads", threads);
        goto free_workers;
    }
    result = make_barriers(team, error);
    if (result != MAPPROC_OK)
        goto destroy_gate;
    (void)pthread_mutex_lock(&team->gate);
    system_error = create_threads(team, cpus, cpu_set_size, &made);
    team->incomplete = system_error != 0;
    (void)pthread_mutex_unlock(&team->gate);
    if (system_error == 0)
        return MAPPROC_OK;
    join(team, made);
    result = mapproc_error_set(error, MAPPROC_FAILED, system_error, NULL, "cannot start %u threads",
                               threads);
    destroy_barriers(team);
destroy_gate:
    (void)pthread_mutex_destroy(&team->gate);
free_workers:
    free(team->workers);
    return result;
}

void mapproc_bench_team_stop(struct mapproc_bench_team *team)
{
    team->quit = true;
    (void)pthread_barrier_wait(&team->begin);
    join(team, team->threads);
    destroy_barriers(team);
    (void)pthread_mutex_destroy(&team->gate);
    free(team->workers);
    team->workers = NULL;
}

int mapproc_bench_team_run(struct mapproc_bench_team *team,
                           int (*body)(struct mapproc_bench_worker *worker, void *context,
                                       uint64_t units),
                           void *context, uint64_t units, double *seconds,
                           struct mapproc_error *error)
{
    double start, end;

    team->body = body;
    team->context = context;
    team->units = units;
    (void)pthread_barrier_wait(&team->begin);
    (void)pthread_barrier_wait(&team->done);
    start = team->workers[0].start;
    end = team->workers[0].end;
    for (unsigned i = 0; i < team->threads; i++) {
        const struct mapproc_bench_worker *worker = &team->workers[i];

        if (worker->result != MAPPROC_OK) {
            if (error != NULL)
                *error = worker->error;
            return worker->result;
        }
        start = worker->start < start ? worker->start : start;
        end = worker->end > end ? worker->end : end;
    }
    if (seconds != NULL)
        *seconds = end - start;
    return MAPPROC_OK;
}
