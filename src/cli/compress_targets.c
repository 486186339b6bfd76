/* SPDX-License-Identifier: MIT */
/* compress_targets.c - where the output of each input of compress goes. */
#include "cli/compress_targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char suffix[] = ".gz";

void cli_compress_targets_free(struct cli_compress_targets *targets)
{
    cli_taken_names_free(&targets->taken);
}

static int out_of_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
}

/* The three texts in a row, in memory that the caller frees. NULL without memory. */
static char *join(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *joined = malloc(size);

    if (joined != NULL)
        (void)snprintf(joined, size, "%s%s%s", a, b, c);
    return joined;
}

/* ---- outputs that are taken ---- */

/* With --force a file of this run could replace another one of it, and with --rm both inputs would
 * be gone. */
static int take(struct cli_compress_targets *targets, const char *input, const char *output,
                struct mapproc_error *error)
{
    int taken = cli_taken_names_add(&targets->taken, output);

    if (taken < 0)
        return out_of_memory(error);
    if (taken == 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, input,
                                 "would have the same output as another input");
    return MAPPROC_OK;
}

/* ---- names ---- */

/* Fills in the names of an output below the directory. False without memory. */
static bool name_below(const struct cli_compress_targets *targets, const char *path,
                       size_t mirrored, struct cli_compress_target *target)
{
    const char *tail = path + mirrored;
    const char *slash = strrchr(tail, '/');
    size_t length = strlen(targets->output);
    char *directory = length > 0 && targets->output[length - 1] == '/'
                          ? strdup(targets->output)
                          : join(targets->output, "/", "");

    target->path = directory != NULL ? join(directory, tail, suffix) : NULL;
    target->relative = strndup(tail, slash != NULL ? (size_t)(slash - tail) : 0);
    target->model = mirrored > 0 ? strndup(path, mirrored) : strdup(".");
    target->target.root = targets->output;
    target->target.relative = target->relative;
    target->target.model = target->model;
    free(directory);
    return target->path != NULL && target->relative != NULL && target->model != NULL;
}

/* The same for what goes beside the output. */
static bool name_extras(const struct cli_compress_targets *targets, const char *path,
                        struct cli_compress_target *target)
{
    if (targets->index)
        target->index = join(target->path, ".gzi", "");
    if (targets->manifest)
        target->manifest = join(target->path, ".manifest", "");
    target->target.index_path = target->index;
    target->target.manifest_path = target->manifest;
    target->target.manifest_name = strcmp(path, "-") == 0 ? "stdin" : path;
    return (target->index != NULL) == targets->index &&
           (target->manifest != NULL) == targets->manifest;
}

int cli_compress_targets_find(struct cli_compress_targets *targets, const char *path,
                              size_t mirrored, struct cli_compress_target *target,
                              struct mapproc_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    bool named = true;

    *target = (struct cli_compress_target){.path = NULL};
    if (targets->to_stdout || (is_stdin && targets->output == NULL))
        return MAPPROC_OK;
    if (targets->is_directory && is_stdin)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, path,
                                 "has no name that a file in a directory could get");
    if (targets->is_directory)
        named = name_below(targets, path, mirrored, target);
    else
        target->path = targets->output != NULL ? strdup(targets->output) : join(path, suffix, "");
    target->target.path = target->path;
    if (!named || target->path == NULL || !name_extras(targets, path, target))
        return out_of_memory(error);
    return targets->once ? take(targets, path, target->path, error) : MAPPROC_OK;
}

void cli_compress_target_free(struct cli_compress_target *target)
{
    free(target->path);
    free(target->relative);
    free(target->model);
    free(target->index);
    free(target->manifest);
}
