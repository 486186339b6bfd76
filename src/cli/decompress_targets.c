/* SPDX-License-Identifier: MIT */
/* decompress_targets.c - where the data of each input of decompress goes. */
#include "cli/decompress_targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "input/source_removal.h"
#include "output/directories.h"

/* ---- names ---- */

/* What a suffix becomes. Those of gzip(1) that stand for gzip, and BGZF's. */
static const struct {
    const char *suffix;
    const char *instead;
} suffixes[] = {
    {".gz", ""}, {".tgz", ".tar"}, {".taz", ".tar"}, {".bgz", ""}, {".bgzf", ""},
};

/* Which of the suffixes the name has, in small or capital letters, or -1. */
static int find_suffix(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    size_t length = strlen(last);

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t size = strlen(suffixes[i].suffix);

        if (length > size && strcasecmp(last + length - size, suffixes[i].suffix) == 0)
            return (int)i;
    }
    return -1;
}

bool cli_decompress_has_suffix(const char *path)
{
    return find_suffix(path) >= 0;
}

/* The name without its suffix, in memory that the caller frees. NULL without memory. */
static char *strip(const char *before, const char *path, int suffix)
{
    size_t length = strlen(path) - strlen(suffixes[suffix].suffix);
    size_t size = strlen(before) + length + strlen(suffixes[suffix].instead) + 1;
    char *stripped = malloc(size);

    if (stripped != NULL)
        (void)snprintf(stripped, size, "%s%.*s%s", before, (int)length, path,
                       suffixes[suffix].instead);
    return stripped;
}

/* Fills in the names of a target below the directory. */
static void name_below(const struct cli_decompress_targets *targets, const char *path,
                       size_t mirrored, int suffix, struct cli_decompress_target *target)
{
    const char *tail = path + mirrored;
    const char *slash = strrchr(tail, '/');
    size_t length = strlen(targets->output);
    char *directory = malloc(length + 2);

    if (directory == NULL)
        return;
    (void)snprintf(directory, length + 2, "%s%s", targets->output,
                   length > 0 && targets->output[length - 1] == '/' ? "" : "/");
    target->path = strip(directory, tail, suffix);
    target->relative = strndup(tail, slash != NULL ? (size_t)(slash - tail) : 0);
    target->model = mirrored > 0 ? strndup(path, mirrored) : strdup(".");
    free(directory);
}

static int out_of_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
}

static int refuse(const char *path, const char *what, struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, path, "%s", what);
}

/* Two inputs with one output: the second would replace the first, which may be gone by then. */
static int take(struct cli_decompress_targets *targets, const char *path, const char *output,
                struct mapproc_error *error)
{
    int taken = targets->force ? cli_taken_names_add(&targets->taken, output) : 1;

    if (taken < 0)
        return out_of_memory(error);
    return taken > 0 ? MAPPROC_OK
                     : refuse(path, "would have the same output as another input", error);
}

int cli_decompress_targets_find(struct cli_decompress_targets *targets, const char *path,
                                size_t mirrored, struct cli_decompress_target *target,
                                struct mapproc_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int suffix = find_suffix(path);

    *target =
        (struct cli_decompress_target){.none = targets->test, .file = MAPPROC_ATOMIC_FILE_CLOSED};
    if (targets->test || targets->to_stdout || (is_stdin && targets->output == NULL))
        return MAPPROC_OK;
    if (targets->is_directory && is_stdin)
        return refuse(path, "has no name that a file in a directory could get", error);
    if (suffix < 0 && (targets->output == NULL || targets->is_directory))
        return refuse(path, "has an unknown suffix: name the output with -o", error);
    if (targets->is_directory)
        name_below(targets, path, mirrored, suffix, target);
    else
        target->path = targets->output != NULL ? strdup(targets->output) : strip("", path, suffix);
    if (target->path == NULL ||
        (targets->is_directory && (target->relative == NULL || target->model == NULL)))
        return out_of_memory(error);
    return take(targets, path, target->path, error);
}

void cli_decompress_target_free(struct cli_decompress_target *target)
{
    mapproc_atomic_file_abort(&target->file);
    free(target->path);
    free(target->relative);
    free(target->model);
}

/* ---- files ---- */

/* Finds what must not be removed, even with its output in place. */
static int check_removable(const struct cli_decompress_targets *targets,
                           const struct cli_decompress_target *target,
                           const struct mapproc_source *source, struct mapproc_error *error)
{
    struct stat status;

    if (mapproc_atomic_file_is_direct(&target->file))
        return refuse(source->path, "will not be removed, as its output is no regular file", error);
    if (!source->steady || fstat(source->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return refuse(source->path, "will not be removed, as it is no regular file", error);
    if (status.st_nlink > 1 && !targets->force)
        return refuse(source->path, "has other names, which would keep it: -f removes this one",
                      error);
    return MAPPROC_OK;
}

/* Opens a file that is not standard output. */
static int open_named(const struct cli_decompress_targets *targets,
                      struct cli_decompress_target *target, struct mapproc_error *error)
{
    int directory, result;

    if (target->relative == NULL)
        return mapproc_atomic_file_open(&target->file, target->path, targets->force, error);
    result = mapproc_directories_make(targets->output, target->relative, target->model, &directory,
                                      error);
    if (result != MAPPROC_OK)
        return result;
    result =
        mapproc_atomic_file_open_at(&target->file, directory, target->path, targets->force, error);
    (void)close(directory);
    return result;
}

int cli_decompress_target_open(const struct cli_decompress_targets *targets,
                               struct cli_decompress_target *target,
                               const struct mapproc_source *source,
                               const struct mapproc_options *options, struct mapproc_error *error)
{
    int result;

    if (target->none)
        return MAPPROC_OK;
    if (target->path == NULL)
        return mapproc_atomic_file_open_stdout(&target->file, "stdout", error);
    result = open_named(targets, target, error);
    if (result != MAPPROC_OK)
        return result;
    if (targets->force && mapproc_atomic_file_replaces(&target->file, source->path))
        result = refuse(source->path, "would be replaced by its own output", error);
    else if (targets->remove)
        result = check_removable(targets, target, source, error);
    if (result != MAPPROC_OK)
        mapproc_atomic_file_abort(&target->file);
    else if (source->steady)
        mapproc_atomic_file_keep_metadata(&target->file, source->fd, options->note,
                                          options->note_user);
    return result;
}

int cli_decompress_target_finish(const struct cli_decompress_targets *targets,
                                 struct cli_decompress_target *target,
                                 const struct mapproc_source *source, bool all_good,
                                 struct mapproc_error *error)
{
    int result = target->none ? MAPPROC_OK : mapproc_atomic_file_commit(&target->file, error);

    if (result != MAPPROC_OK || !targets->remove || !all_good)
        return result;
    return mapproc_source_remove(source->path, &source->identity, error);
}
