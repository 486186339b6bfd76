/* SPDX-License-Identifier: MIT */
/* compress_memory.c - the library's compression from memory to memory.
 *
 * Every chunk has a place in the output that is large enough whatever it becomes. Workers make
 * members there, in any order; whoever finishes the first one that is not yet where it belongs
 * moves it, and those behind it, down to the end of the others. So no memory is needed but the
 * caller's.
 *
 *     out   [ members of 0, 1, 2 | ...gap... | place of 3 | place of 4 (being made) | ...
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/error.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"
#include "jobs/compress_settings.h"
#include "jobs/library_call.h"
#include "memory/limits.h"
#include "memory/topology.h"
#include "pipeline/cancel.h"
#include "pipeline/pipeline.h"

enum { LOOK_MS = 50 }; /* between two looks at the cancellation, and calls of the watcher */

/* Lives as long as the call. */
struct team {
    const struct mapproc_options *options;
    struct mapproc_member_rule rule;
    const uint8_t *data;
    size_t length;
    size_t chunk_size; /* bytes */
    size_t room;       /* bytes of a place */
    size_t count;      /* of chunks */
    uint8_t *out;
    struct mapproc_topology topology;

    atomic_size_t next; /* chunk to be made */
    atomic_bool ended;  /* nothing more is wanted */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    size_t *sizes; /* of the members of each chunk; 0: not made yet */
    bool moving;   /* some worker moves chunks */
    size_t moved;  /* chunks that are where they belong */
    size_t size;   /* bytes of them */
    uint64_t done; /* bytes of data that have been compressed */
    unsigned running;
    struct mapproc_error error; /* code MAPPROC_OK so far */
};

struct member {
    struct team *team;
    unsigned number;
    pthread_t thread;
};

/* ---- sizes ---- */

static const uint8_t *end_mark(enum mapproc_member_form form, size_t *size)
{
    *size =
        form == MAPPROC_FORM_BGZF ? sizeof(mapproc_gzip_bgzf_end) : sizeof(mapproc_gzip_ours_end);
    return form == MAPPROC_FORM_BGZF ? mapproc_gzip_bgzf_end : mapproc_gzip_ours_end;
}

/* Finds out how the data is cut, and what that can come to. */
static int plan(struct team *team, const struct mapproc_compress_options *compress,
                const struct mapproc_options *options, size_t *bound, struct mapproc_error *error)
{
    struct mapproc_deflate_settings settings;
    size_t mark, rest;
    int result = mapproc_compress_settings_make(&settings, compress, error);

    *bound = 0;
    if (result != MAPPROC_OK)
        return result;
    if (compress != NULL && (compress->chunker != NULL || compress->remove_input != 0 ||
                             compress->index_path != NULL || compress->manifest_path != NULL))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the options ask for what a buffer has not");
    if (options->chunk_size != 0 && (options->chunk_size < MAPPROC_CHUNK_SIZE_MIN ||
                                     options->chunk_size > MAPPROC_CHUNK_SIZE_MAX))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunk size must be from 1K to 1G");
    team->rule = (struct mapproc_member_rule){.form = settings.form, .verify = settings.verify};
    team->rule.codec = mapproc_deflate_codec(&settings, &team->rule.codec_level);
    team->chunk_size = mapproc_deflate_chunk_size(&settings, options);
    team->room = mapproc_members_scratch(&team->rule, team->chunk_size);
    team->count = team->length / team->chunk_size + (team->length % team->chunk_size != 0);
    rest = team->length % team->chunk_size;
    rest = rest != 0 ? mapproc_members_scratch(&team->rule, rest) : 0;
    (void)end_mark(team->rule.form, &mark);
    if (!mapproc_multiply_size(team->length / team->chunk_size, team->room, bound) ||
        !mapproc_add_size(*bound, rest + mark, bound))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "the buffer is too large");
    return MAPPROC_OK;
}

/* ---- the workers ---- */

static void fail(struct team *team, const struct mapproc_error *error)
{
    (void)pthread_mutex_lock(&team->lock);
    if (team->error.code == MAPPROC_OK)
        team->error = *error;
    (void)pthread_mutex_unlock(&team->lock);
    atomic_store(&team->ended, true);
}

/* Takes the size of a chunk that was made, and moves what can be moved by now. */
static void settle(struct team *team, size_t number, size_t length, size_t size)
{
    (void)pthread_mutex_lock(&team->lock);
    team->sizes[number] = size;
    team->done += length;
    if (team->moving) {
        (void)pthread_mutex_unlock(&team->lock);
        return;
    }
    team->moving = true;
    while (team->moved < team->count && team->sizes[team->moved] != 0) {
        size_t from = team->moved * team->room, to = team->size, n = team->sizes[team->moved];

        (void)pthread_mutex_unlock(&team->lock);
        memmove(team->out + to, team->out + from, n);
        (void)pthread_mutex_lock(&team->lock);
        team->size += n;
        team->moved++;
    }
    team->moving = false;
    (void)pthread_mutex_unlock(&team->lock);
}

/* Makes chunks until there are no more. */
static void work(struct team *team)
{
    struct mapproc_member_tools tools = {.compressor = NULL};
    struct mapproc_members members;
    struct mapproc_error error;
    size_t number;

    while (!atomic_load(&team->ended) &&
           (number = atomic_fetch_add(&team->next, 1)) < team->count) {
        size_t offset = number * team->chunk_size;
        size_t length = (size_t)mapproc_min_u64(team->chunk_size, team->length - offset);

        if (mapproc_members_make(&team->rule, &tools, team->data + offset, length,
                                 team->out + number * team->room, &members, &error) == MAPPROC_OK)
            settle(team, number, length, members.size);
        else
            fail(team, &error);
    }
    mapproc_member_tools_free(&team->rule, &tools);
}

static void *work_in_thread(void *argument)
{
    const struct member *member = argument;
    struct team *team = member->team;

    if (team->options->cpus != NULL || team->topology.cpu_node_count > 1)
        (void)mapproc_topology_pin_thread(
            &team->topology, &team->topology.nodes[member->number % team->topology.cpu_node_count]);
    work(team);
    (void)pthread_mutex_lock(&team->lock);
    team->running--;
    (void)pthread_cond_signal(&team->changed);
    (void)pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* ---- the caller's thread ---- */

static void look(struct team *team)
{
    struct pollfd cancelled = {.fd = -1, .events = POLLIN};
    struct mapproc_error error;

    if (team->options->cancel != NULL)
        cancelled.fd = mapproc_cancel_fd(team->options->cancel);
    if (cancelled.fd < 0 || poll(&cancelled, 1, 0) != 1)
        return;
    (void)mapproc_error_set(&error, MAPPROC_CANCELLED, 0, NULL, "cancelled");
    fail(team, &error);
}

static void tell(const struct team *team, uint64_t done)
{
    if (team->options->watch != NULL)
        team->options->watch(team->options->watch_user, done, team->length);
}

/* Waits until the threads have ended. */
static void wait_for_threads(struct team *team)
{
    (void)pthread_mutex_lock(&team->lock);
    while (team->running > 0) {
        struct timespec until;
        uint64_t done = team->done;

        (void)pthread_mutex_unlock(&team->lock);
        look(team);
        tell(team, done);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_mutex_lock(&team->lock);
        if (team->running > 0)
            (void)pthread_cond_timedwait(&team->changed, &team->lock, &until);
    }
    (void)pthread_mutex_unlock(&team->lock);
}

/* Starts a thread that leaves all signals to others but those that are its own fault. */
static bool start_thread(struct team *team, struct member *member)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, before;
    bool started;

    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        (void)sigdelset(&all, own[i]);
    (void)pthread_mutex_lock(&team->lock);
    team->running++;
    (void)pthread_mutex_unlock(&team->lock);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&member->thread, NULL, work_in_thread, member) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        (void)pthread_mutex_lock(&team->lock);
        team->running--;
        (void)pthread_mutex_unlock(&team->lock);
    }
    return started;
}

/* How many threads are worth it. */
static size_t choose_threads(const struct team *team)
{
    struct mapproc_limits limits;
    size_t threads = team->options->threads;

    if (threads == 0) {
        mapproc_limits_find(&limits, "");
        threads = mapproc_limits_default_threads(&limits, team->topology.cpu_count);
    }
    return threads < team->count ? threads : team->count;
}

static int run_threads(struct team *team, struct mapproc_error *error)
{
    size_t wanted, started = 0;
    struct member *members;
    int result = mapproc_topology_init(&team->topology, team->options->cpus, error);

    if (result != MAPPROC_OK)
        return result;
    if (team->options->numa == MAPPROC_NUMA_OFF)
        mapproc_topology_flatten(&team->topology);
    wanted = choose_threads(team);
    members = calloc(wanted, sizeof(*members));
    while (members != NULL && started < wanted) {
        members[started] = (struct member){.team = team, .number = (unsigned)started};
        if (!start_thread(team, &members[started]))
            break;
        started++;
    }
    if (started == 0)
        result = mapproc_error_set(error, MAPPROC_FAILED, EAGAIN, NULL, "cannot start a thread");
    wait_for_threads(team);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(members[i].thread, NULL);
    free(members);
    mapproc_topology_destroy(&team->topology);
    return result;
}

static int run(struct team *team, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    team->sizes = calloc(team->count + 1, sizeof(*team->sizes));
    if (team->sizes == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot compress");
    mapproc_crc_kernels_prepare();
    look(team);
    if (team->count > 1)
        result = run_threads(team, error);
    else
        work(team);
    free(team->sizes);
    if (result == MAPPROC_OK && team->error.code != MAPPROC_OK) {
        *error = team->error;
        result = error->code;
    }
    return result;
}

/* ---- the interface ---- */

size_t mapproc_compress_bound(size_t length, const struct mapproc_compress_options *compress,
                              const struct mapproc_options *options)
{
    static const struct mapproc_options defaults;
    struct team team = {.length = length};
    size_t bound;

    return plan(&team, compress, options != NULL ? options : &defaults, &bound, NULL) == MAPPROC_OK
               ? bound
               : 0;
}

int mapproc_compress_buffer(const void *data, size_t length, void *out, size_t capacity,
                            size_t *size, const struct mapproc_compress_options *compress,
                            const struct mapproc_options *options, struct mapproc_error *error)
{
    struct mapproc_options quiet = options != NULL ? *options : (struct mapproc_options){0};
    struct mapproc_library_call call;
    struct team team = {
        .data = data,
        .length = length,
        .out = out,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    size_t bound, mark;
    const uint8_t *mark_bytes;
    int result;

    *size = 0;
    quiet.watch = NULL; /* there is no run of the pipeline to be watched */
    result = mapproc_library_call_begin(&call, &quiet, false, error);
    if (result != MAPPROC_OK)
        return result;
    if (options != NULL)
        call.options.watch = options->watch;
    team.options = &call.options;
    result = plan(&team, compress, &call.options, &bound, call.error);
    if (result == MAPPROC_OK && capacity < bound)
        result = mapproc_error_set(call.error, MAPPROC_REFUSED, 0, NULL,
                                   "there is less room than mapproc_compress_bound() wants");
    if (result == MAPPROC_OK)
        result = run(&team, call.error);
    if (result == MAPPROC_OK) {
        mark_bytes = end_mark(team.rule.form, &mark);
        memcpy(team.out + team.size, mark_bytes, mark);
        *size = team.size + mark;
    }
    tell(&team, team.done);
    (void)pthread_cond_destroy(&team.changed);
    (void)pthread_mutex_destroy(&team.lock);
    return result;
}
