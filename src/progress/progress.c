/* SPDX-License-Identifier: MIT */
/* progress.c - what a job tells about itself while it runs, and what it is told. */
#include "progress/progress.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "progress/process.h"
#include "progress/segment.h"

enum {
    TICK_MS = 50,
    TICKER_STACK = 512 << 10,
    LINES_SIZE = MAPPROC_SEGMENT_WORKERS_MAX * sizeof(struct mapproc_progress_line),
};

struct mapproc_progress {
    struct mapproc_limiter limiter;
    struct mapproc_progress_line
        *lines; /* LINES_SIZE bytes, of which untouched ones cost nothing */
    atomic_uint worker_count;

    /* Written once a source or once a chunk, from anywhere. */
    _Atomic uint64_t files_taken, files_done, errors;
    _Atomic uint64_t opened_bytes;  /* of sources so far, without what was dropped of them */
    _Atomic uint64_t dropped_bytes; /* of sources that failed before their end */
    _Atomic uint64_t output_bytes;
    _Atomic uint64_t expected_files, expected_bytes; /* 0: not known */
    atomic_uint open_ended;                          /* sources whose size is not known yet */
    atomic_bool all_taken, finishing;

    pthread_mutex_t current_lock;
    char current[sizeof(((struct mapproc_progress_snapshot *)NULL)->current)];

    /* The ticker's, and finish()'s when that is gone. */
    struct mapproc_progress_settings settings;
    struct mapproc_segment segment;
    struct mapproc_progress_snapshot *image; /* with its workers */
    struct mapproc_progress_control control; /* as it was last seen or written */
    uint64_t started;

    pthread_t ticker;
    sem_t wake;    /* the ticker's */
    int cancel_fd; /* readable once somebody wants the job cancelled; -1: nobody can */
    atomic_bool asked, ending;
};

/* ---- the snapshot ---- */

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    (void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* How much there is to do: once all sources were taken what they came to, before that what is
 * expected. */
static void fill_totals(struct mapproc_progress *progress,
                        struct mapproc_progress_snapshot *snapshot)
{
    bool all_taken = atomic_load(&progress->all_taken);
    uint64_t expected = get(&progress->expected_bytes), dropped = get(&progress->dropped_bytes);

    snapshot->total_bytes = get(&progress->opened_bytes);
    snapshot->total_files = get(&progress->files_taken);
    if (!all_taken) {
        snapshot->total_files = more(snapshot->total_files, get(&progress->expected_files));
        if (expected > dropped)
            snapshot->total_bytes = more(snapshot->total_bytes, expected - dropped);
    }
    if ((all_taken || get(&progress->expected_files) != 0) &&
        atomic_load(&progress->open_ended) == 0)
        snapshot->flags |= MAPPROC_PROGRESS_TOTAL_KNOWN;
    /* The counters are read one after the other while they rise. */
    snapshot->total_bytes = more(snapshot->total_bytes, snapshot->done_bytes);
    snapshot->total_files = more(snapshot->total_files, snapshot->done_files);
}

static enum mapproc_progress_state find_state(const struct mapproc_progress *progress, bool paused)
{
    if (paused)
        return MAPPROC_PROGRESS_PAUSED;
    if (atomic_load(&progress->finishing))
        return MAPPROC_PROGRESS_FINISHING;
    return atomic_load(&progress->all_taken) || get(&progress->expected_files) != 0
               ? MAPPROC_PROGRESS_RUNNING
               : MAPPROC_PROGRESS_PLANNING;
}

static void copy_lines(const struct mapproc_progress *progress, unsigned count,
                       struct mapproc_progress_worker *workers)
{
    for (unsigned i = 0; i < count; i++) {
        const struct mapproc_progress_line *line = &progress->lines[i];

        workers[i] = (struct mapproc_progress_worker){
            .bytes = get(&line->bytes),
            .offset = get(&line->offset),
            .source = get(&line->source),
            .node = atomic_load_explicit(&line->node, memory_order_relaxed),
            .cpu = atomic_load_explicit(&line->cpu, memory_order_relaxed),
            .state = atomic_load_explicit(&line->state, memory_order_relaxed),
        };
    }
}

/* Fills in a snapshot and, if there is room for any, as many workers. */
static void fill(struct mapproc_progress *progress, struct mapproc_progress_snapshot *snapshot,
                 struct mapproc_progress_worker *workers, unsigned room)
{
    unsigned count = atomic_load(&progress->worker_count);
    bool paused;

    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->worker_count = count < room ? count : room;
    if (workers != NULL)
        copy_lines(progress, snapshot->worker_count, workers);
    /* Of those in the snapshot what it says, so that all of it agrees. */
    for (unsigned i = 0; i < count; i++)
        snapshot->done_bytes += workers != NULL && i < snapshot->worker_count
                                    ? workers[i].bytes
                                    : get(&progress->lines[i].bytes);
    snapshot->done_files = get(&progress->files_done);
    snapshot->output_bytes = get(&progress->output_bytes);
    snapshot->errors = get(&progress->errors);
    fill_totals(progress, snapshot);
    mapproc_limiter_look(&progress->limiter, &paused, &snapshot->limit_rate, &snapshot->paused_ns);
    snapshot->state = find_state(progress, paused);
    snapshot->exit_status = -1;
    (void)pthread_mutex_lock(&progress->current_lock);
    memcpy(snapshot->current, progress->current, sizeof(snapshot->current));
    (void)pthread_mutex_unlock(&progress->current_lock);
    snapshot->updated_ns = mapproc_process_clock();
}

void mapproc_progress_look(struct mapproc_progress *progress,
                           struct mapproc_progress_snapshot *snapshot)
{
    fill(progress, snapshot, NULL, 0);
}

/* ---- the control ---- */

static void apply_rate(struct mapproc_progress *progress, uint64_t rate)
{
    mapproc_limiter_set_rate(&progress->limiter, rate);
    progress->control.limit_rate = rate;
}

/* Does what has changed since it was last looked at. */
static void obey(struct mapproc_progress *progress)
{
    struct mapproc_progress_control *old = &progress->control, wanted;
    const uint64_t one = 1;

    if (!mapproc_segment_read_control(&progress->segment, &wanted)) {
        (void)mapproc_segment_write_control(&progress->segment, old);
        return;
    }
    if (wanted.pause != old->pause &&
        (wanted.pause == 0 || wanted.pause == MAPPROC_CONTROL_PAUSE)) {
        mapproc_limiter_pause(&progress->limiter, wanted.pause != 0);
        old->pause = wanted.pause;
    }
    if (wanted.limit_rate != old->limit_rate)
        apply_rate(progress, wanted.limit_rate);
    if (wanted.cancel == MAPPROC_CONTROL_CANCEL && old->cancel != wanted.cancel) {
        ssize_t written = write(progress->cancel_fd, &one, sizeof(one));

        (void)written; /* an eventfd with room: cannot fail */
        old->cancel = wanted.cancel;
    }
}

/* ---- the ticker ---- */

static struct mapproc_progress_worker *workers_of(struct mapproc_progress *progress)
{
    return (struct mapproc_progress_worker *)(void *)(progress->image + 1);
}

/* Publishes how things are. */
static void publish(struct mapproc_progress *progress)
{
    if (progress->segment.fd >= 0)
        (void)mapproc_segment_publish(&progress->segment, progress->image);
}

static void tick(struct mapproc_progress *progress)
{
    if (progress->segment.fd >= 0)
        obey(progress);
    fill(progress, progress->image, workers_of(progress), progress->settings.workers);
    publish(progress);
    if (progress->settings.tick != NULL)
        progress->settings.tick(progress->settings.user, progress->image,
                                atomic_exchange(&progress->asked, false));
}

static void *run_ticker(void *argument)
{
    struct mapproc_progress *progress = argument;
    struct timespec next;

    (void)prctl(PR_SET_NAME, "progress"); /* for whoever looks at the threads */
    while (!atomic_load(&progress->ending)) {
        tick(progress);
        (void)clock_gettime(CLOCK_REALTIME, &next);
        next.tv_nsec += TICK_MS * 1000000L;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        (void)sem_timedwait(&progress->wake, &next);
    }
    return NULL;
}

static int start_ticker(struct mapproc_progress *progress)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, TICKER_STACK); /* address space may be scarce */
    /* Signals are the business of the caller's threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&progress->ticker, &attributes, run_ticker, progress);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return result;
}

void mapproc_progress_poke(struct mapproc_progress *progress)
{
    int saved_errno = errno;

    atomic_store(&progress->asked, true);
    (void)sem_post(&progress->wake); /* a semaphore, because a signal handler may do that */
    errno = saved_errno;
}

void mapproc_progress_abandon(struct mapproc_progress *progress)
{
    mapproc_segment_abandon(&progress->segment);
}

/* ---- beginning and end ---- */

static void free_memory(struct mapproc_progress *progress)
{
    mapproc_limiter_destroy(&progress->limiter);
    (void)sem_destroy(&progress->wake);
    (void)pthread_mutex_destroy(&progress->current_lock);
    if (progress->lines != MAP_FAILED)
        (void)munmap(progress->lines, LINES_SIZE);
    free(progress->image);
    free(progress);
}

static struct mapproc_progress *make(const struct mapproc_progress_settings *settings)
{
    struct mapproc_progress *progress = calloc(1, sizeof(*progress));
    size_t size;

    if (progress == NULL)
        return NULL;
    mapproc_limiter_init(&progress->limiter);
    (void)pthread_mutex_init(&progress->current_lock, NULL);
    (void)sem_init(&progress->wake, 0, 0);
    progress->cancel_fd = -1;
    progress->settings = *settings;
    if (progress->settings.workers > MAPPROC_SEGMENT_WORKERS_MAX)
        progress->settings.workers = MAPPROC_SEGMENT_WORKERS_MAX;
    progress->segment.fd = -1;
    progress->started = mapproc_process_clock();
    size = mapproc_segment_snapshot_size(progress->settings.workers);
    progress->image = calloc(1, size);
    progress->lines =
        mmap(NULL, LINES_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (progress->image == NULL || progress->lines == MAP_FAILED) {
        free_memory(progress);
        return NULL;
    }
    return progress;
}

static void make_segment(struct mapproc_progress *progress, struct mapproc_error *refusal)
{
    const struct mapproc_progress_settings *settings = &progress->settings;
    const char *directory =
        settings->directory != NULL ? settings->directory : MAPPROC_PROGRESS_DIRECTORY;

    progress->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (progress->cancel_fd < 0) {
        (void)mapproc_error_set(refusal, MAPPROC_FAILED, errno, NULL, "cannot make an eventfd");
        return;
    }
    if (mapproc_segment_create(&progress->segment, directory, settings->verb, settings->name,
                               settings->workers, refusal) != MAPPROC_OK) {
        (void)close(progress->cancel_fd);
        progress->cancel_fd = -1;
        return;
    }
    (void)mapproc_segment_write_control(&progress->segment, &progress->control);
    fill(progress, progress->image, workers_of(progress), settings->workers);
    publish(progress);
}

/* Lets go of all but the ticker. */
static void destroy(struct mapproc_progress *progress)
{
    mapproc_segment_remove(&progress->segment);
    if (progress->cancel_fd >= 0)
        (void)close(progress->cancel_fd);
    free_memory(progress);
}

int mapproc_progress_start(struct mapproc_progress **progress_out,
                           const struct mapproc_progress_settings *settings,
                           struct mapproc_error *refusal, struct mapproc_error *error)
{
    struct mapproc_progress *progress = make(settings);
    int result;

    *progress_out = NULL;
    if (progress == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep the progress");
    *refusal = (struct mapproc_error){.code = MAPPROC_OK};
    apply_rate(progress, settings->limit_rate);
    if (settings->publish)
        make_segment(progress, refusal);
    result = start_ticker(progress);
    if (result != 0) {
        destroy(progress);
        return mapproc_error_set(error, MAPPROC_FAILED, result, NULL, "cannot start a thread");
    }
    *progress_out = progress;
    return MAPPROC_OK;
}

void mapproc_progress_finish(struct mapproc_progress *progress, bool cancelled, int exit_status)
{
    if (progress == NULL)
        return;
    atomic_store(&progress->ending, true);
    (void)sem_post(&progress->wake);
    (void)pthread_join(progress->ticker, NULL);
    /* Of many runs nobody but their caller knows which is the last. */
    if (!cancelled && get(&progress->files_taken) == get(&progress->files_done))
        atomic_store(&progress->all_taken, true);
    fill(progress, progress->image, workers_of(progress), progress->settings.workers);
    progress->image->state = cancelled          ? MAPPROC_PROGRESS_CANCELLED
                             : exit_status == 0 ? MAPPROC_PROGRESS_DONE
                                                : MAPPROC_PROGRESS_FAILED;
    progress->image->exit_status = cancelled ? -1 : exit_status;
    publish(progress);
    destroy(progress);
}

uint64_t mapproc_progress_started(const struct mapproc_progress *progress)
{
    return progress->started;
}

int mapproc_progress_cancel_fd(const struct mapproc_progress *progress)
{
    return progress->cancel_fd;
}

/* ---- what the run tells ---- */

void mapproc_progress_expect(struct mapproc_progress *progress, uint64_t files, uint64_t bytes)
{
    if (progress == NULL)
        return;
    atomic_store(&progress->expected_bytes, bytes);
    atomic_store(&progress->expected_files, files);
}

void mapproc_progress_add_errors(struct mapproc_progress *progress, uint64_t count)
{
    if (progress != NULL)
        add(&progress->errors, count);
}

void mapproc_progress_begin_run(struct mapproc_progress *progress)
{
    atomic_store(&progress->all_taken, false);
    atomic_store(&progress->finishing, false);
}

void mapproc_progress_all_taken(struct mapproc_progress *progress)
{
    if (!progress->settings.many_runs)
        atomic_store(&progress->all_taken, true);
}

void mapproc_progress_end_run(struct mapproc_progress *progress)
{
    unsigned count = atomic_load(&progress->worker_count);

    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(&progress->lines[i].state, MAPPROC_WORKER_ABSENT,
                              memory_order_relaxed);
    if (!progress->settings.many_runs)
        atomic_store(&progress->finishing, true);
}

struct mapproc_limiter *mapproc_progress_limiter(struct mapproc_progress *progress)
{
    return &progress->limiter;
}

struct mapproc_progress_line *mapproc_progress_line(struct mapproc_progress *progress,
                                                    unsigned number, int node)
{
    struct mapproc_progress_line *line = &progress->lines[number];
    unsigned count = atomic_load(&progress->worker_count);

    atomic_store_explicit(&line->node, node, memory_order_relaxed);
    atomic_store_explicit(&line->cpu, -1, memory_order_relaxed);
    while (count <= number &&
           !atomic_compare_exchange_weak(&progress->worker_count, &count, number + 1))
        ;
    return line;
}

/* Keeps the end of a name that is too long, which tells more than its beginning. */
static void set_current(struct mapproc_progress *progress, const char *path)
{
    size_t length = strlen(path), room = sizeof(progress->current) - 1;

    if (pthread_mutex_trylock(&progress->current_lock) != 0)
        return; /* the next one will be told */
    if (length <= room)
        memcpy(progress->current, path, length + 1);
    else
        (void)snprintf(progress->current, sizeof(progress->current), "...%s",
                       path + length - room + 3);
    (void)pthread_mutex_unlock(&progress->current_lock);
}

void mapproc_progress_source_taken(struct mapproc_progress *progress)
{
    add(&progress->files_taken, 1);
}

void mapproc_progress_source_opened(struct mapproc_progress *progress, const char *path,
                                    uint64_t bytes, bool open_ended)
{
    if (open_ended)
        (void)atomic_fetch_add(&progress->open_ended, 1);
    add(&progress->opened_bytes, bytes);
    set_current(progress, path);
}

void mapproc_progress_source_grew(struct mapproc_progress *progress, uint64_t bytes)
{
    add(&progress->opened_bytes, bytes);
}

void mapproc_progress_source_ended(struct mapproc_progress *progress, uint64_t left,
                                   bool open_ended)
{
    if (open_ended)
        (void)atomic_fetch_sub(&progress->open_ended, 1);
    if (left == 0)
        return;
    (void)atomic_fetch_sub_explicit(&progress->opened_bytes, left, memory_order_relaxed);
    add(&progress->dropped_bytes, left);
}

void mapproc_progress_source_reported(struct mapproc_progress *progress, bool failed)
{
    add(&progress->files_done, 1);
    if (failed)
        add(&progress->errors, 1);
}

void mapproc_progress_add_output(struct mapproc_progress *progress, uint64_t bytes)
{
    add(&progress->output_bytes, bytes);
}
