/* SPDX-License-Identifier: MIT */
/* survey.c - finding out how much a job will have to do, beside the job. */
#include "cli/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "format/list_reader.h"

enum { AT_ONCE = 100 }; /* files to look at before the job begins: a tenth of a millisecond */

struct tally {
    uint64_t files;
    uint64_t bytes;
};

/* What a survey is about. */
struct survey {
    struct mapproc_progress *progress;
    bool (*count)(const struct survey *survey, struct tally *tally); /* false: not known */
    const struct cli_inputs *inputs;
    int directory;
    const char *const *lists;
    size_t list_count;
};

static struct survey current;
static pthread_t thread;
static bool is_running;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_bool stopping;

/* Adds a file, whatever it is: what is missing is an error of the job's, and has no bytes. False if
 * nobody can know how much is in it. */
static bool add_file(struct tally *tally, const char *path)
{
    struct stat status;

    if (strcmp(path, "-") == 0 || atomic_load(&stopping))
        return false;
    tally->files++;
    if (stat(path, &status) != 0 || S_ISDIR(status.st_mode))
        return true;
    return S_ISREG(status.st_mode) &&
           mapproc_add_u64(tally->bytes, (uint64_t)status.st_size, &tally->bytes);
}

/* ---- the files of a command line ---- */

static bool add_tree(struct mapproc_walk *walk, const char *root, struct tally *tally)
{
    struct mapproc_error error; /* nobody's business here: the job will tell */
    struct mapproc_entry entry;
    bool known = true;

    if (mapproc_walk_add_root(walk, root, &error) != MAPPROC_OK)
        return false;
    while (known) {
        if (mapproc_walk_next(walk, &entry, &error) != MAPPROC_OK)
            return false;
        if (entry.kind == MAPPROC_ENTRY_END)
            break;
        if (entry.kind == MAPPROC_ENTRY_FILE)
            known = add_file(tally, entry.path);
        else if (entry.kind == MAPPROC_ENTRY_ERROR)
            tally->files++;
        free(entry.path);
    }
    return known;
}

static bool add_name(struct mapproc_walk *walk, const char *name, struct tally *tally)
{
    return walk != NULL ? add_tree(walk, name, tally) : add_file(tally, name);
}

/* The names in the file of the option --files-from. */
static bool add_listed(const struct cli_input_options *options, struct mapproc_walk *walk,
                       struct tally *tally)
{
    struct mapproc_name_list *list;
    struct mapproc_error error;
    struct mapproc_entry entry;
    struct stat status;
    bool known = true;

    /* A list that comes through a pipe can be read only once. */
    if (stat(options->files_from, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    list =
        mapproc_name_list_open(options->files_from, options->nul_separated ? '\0' : '\n', -1, NULL);
    if (list == NULL)
        return false;
    while (known) {
        if (mapproc_name_list_next(list, &entry, &error) != MAPPROC_OK) {
            known = false;
            break;
        }
        if (entry.kind == MAPPROC_ENTRY_END)
            break;
        if (entry.kind == MAPPROC_ENTRY_FILE)
            known = add_name(walk, entry.path, tally);
        else
            tally->files++;
        free(entry.path);
    }
    mapproc_name_list_close(list);
    return known;
}

static bool count_inputs(const struct survey *survey, struct tally *tally)
{
    const struct cli_inputs *inputs = survey->inputs;
    const struct cli_input_options *options = inputs->options;
    const struct mapproc_walk_options walk_options = {
        .excludes = options->excludes,
        .exclude_count = options->exclude_count,
        .one_file_system = options->one_file_system,
    };
    struct mapproc_walk *walk = NULL;
    struct mapproc_error error;
    bool known = true;

    if (options->recursive && (walk = mapproc_walk_create(&walk_options, &error)) == NULL)
        return false;
    if (options->files_from != NULL)
        known = add_listed(options, walk, tally);
    for (size_t i = 0; known && options->files_from == NULL && i < inputs->count; i++)
        known = add_name(walk, inputs->operands[i], tally);
    mapproc_walk_destroy(walk);
    return known;
}

/* ---- the files of lists ---- */

static bool add_list(const struct survey *survey, const char *path, struct tally *tally)
{
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    struct mapproc_error error;
    struct stat status;
    int fd = openat(survey->directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool known = true;
    int result = 0;

    if (fd < 0)
        return errno == ENOENT; /* the job will tell */
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        mapproc_list_reader_open(&reader, fd, -1, path, &error) != MAPPROC_OK) {
        (void)close(fd);
        return false;
    }
    while (known && (result = mapproc_list_reader_next(&reader, &item, &error)) > 0)
        if (item.kind == MAPPROC_LIST_ENTRY)
            known = add_file(tally, item.entry->name);
    mapproc_list_reader_close(&reader);
    (void)close(fd);
    return known && result == 0;
}

static bool count_lists(const struct survey *survey, struct tally *tally)
{
    for (size_t i = 0; i < survey->list_count; i++)
        if (strcmp(survey->lists[i], "-") == 0 || !add_list(survey, survey->lists[i], tally))
            return false;
    return true;
}

/* ---- the thread ---- */

static void count(const struct survey *survey)
{
    struct tally tally = {.files = 0};

    if (survey->count(survey, &tally))
        mapproc_progress_expect(survey->progress, tally.files, tally.bytes);
}

static void *run(void *argument)
{
    struct timespec start;

    (void)argument;
    (void)clock_gettime(CLOCK_REALTIME, &start);
    start.tv_sec++;
    (void)pthread_mutex_lock(&lock);
    while (!atomic_load(&stopping) && pthread_cond_timedwait(&changed, &lock, &start) == 0)
        ;
    (void)pthread_mutex_unlock(&lock);
    if (!atomic_load(&stopping))
        count(&current);
    return NULL;
}

/* Without a thread there is no survey, and no harm. */
static void start(const struct survey *survey)
{
    sigset_t all, before;

    if (survey->progress == NULL)
        return;
    current = *survey;
    atomic_store(&stopping, false);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    is_running = pthread_create(&thread, NULL, run, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cli_survey_inputs(struct mapproc_progress *progress, const struct cli_inputs *inputs)
{
    const struct survey survey = {.progress = progress, .count = count_inputs, .inputs = inputs};

    if (!inputs->options->recursive && inputs->options->files_from == NULL &&
        inputs->count <= AT_ONCE)
        count(&survey);
    else
        start(&survey);
}

void cli_survey_lists(struct mapproc_progress *progress, int directory, const char *const *lists,
                      size_t count_of_lists)
{
    const struct survey survey = {
        .progress = progress,
        .count = count_lists,
        .directory = directory,
        .lists = lists,
        .list_count = count_of_lists,
    };

    start(&survey);
}

void cli_survey_stop(void)
{
    if (!is_running)
        return;
    (void)pthread_mutex_lock(&lock);
    atomic_store(&stopping, true);
    (void)pthread_cond_signal(&changed);
    (void)pthread_mutex_unlock(&lock);
    (void)pthread_join(thread, NULL);
    is_running = false;
}
