/* SPDX-License-Identifier: MIT */
/* compress_targets.h - where the output of each input of compress goes. */
#ifndef MAPPROC_CLI_COMPRESS_TARGETS_H
#define MAPPROC_CLI_COMPRESS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/taken_names.h"
#include "jobs/deflate_run.h"
#include "mapproc.h"

/* What the options say. One user at a time. */
struct cli_compress_targets {
    const char *output; /* of -o; NULL: none */
    bool is_directory;  /* the output is one, for a tree or several files */
    bool to_stdout;
    bool index;
    bool manifest;
    bool once;                    /* no two inputs may have the same output */
    struct cli_taken_names taken; /* with `once` */
};

/* One target with its strings. */
struct cli_compress_target {
    struct mapproc_deflate_target target; /* points to the others */
    char *path;
    char *relative;
    char *model;
    char *index;
    char *manifest;
};

void cli_compress_targets_free(struct cli_compress_targets *targets);

/*
 * Finds the target of the input `path`, of which a mirrored tree repeats what begins at `mirrored`.
 * MAPPROC_REFUSED: there can be none; MAPPROC_FAILED without memory. The target is to be freed
 * whatever the result.
 */
int cli_compress_targets_find(struct cli_compress_targets *targets, const char *path,
                              size_t mirrored, struct cli_compress_target *target,
                              struct mapproc_error *error);

void cli_compress_target_free(struct cli_compress_target *target);

#endif
