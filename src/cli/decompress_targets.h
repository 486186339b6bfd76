/* SPDX-License-Identifier: MIT */
/* decompress_targets.h - where the data of each input of decompress goes. */
#ifndef MAPPROC_CLI_DECOMPRESS_TARGETS_H
#define MAPPROC_CLI_DECOMPRESS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/taken_names.h"
#include "input/source.h"
#include "mapproc.h"
#include "output/atomic_file.h"

/* What the options say. One user at a time. */
struct cli_decompress_targets {
    const char *output; /* of -o; NULL: none */
    bool is_directory;  /* the output is one, for a tree or several files */
    bool to_stdout;
    bool test;                    /* no output at all */
    bool force;                   /* outputs may replace files */
    bool remove;                  /* inputs are removed once their outputs are in place */
    struct cli_taken_names taken; /* with `force` */
};

/* One target with its strings. */
struct cli_decompress_target {
    char *path;     /* NULL: standard output */
    char *relative; /* below the output directory; NULL: it is no directory */
    char *model;    /* whose permissions directories get */
    bool none;      /* the data is only tested */
    struct mapproc_atomic_file file;
};

/* Whether a name ends as those of compressed files do, and leaves something without that. */
bool cli_decompress_has_suffix(const char *path);

/*
 * Finds the target of the input `path`, of which a mirrored tree repeats what begins at `mirrored`.
 * MAPPROC_REFUSED: there can be none; MAPPROC_FAILED without memory. The target is to be freed
 * whatever the result.
 */
int cli_decompress_targets_find(struct cli_decompress_targets *targets, const char *path,
                                size_t mirrored, struct cli_decompress_target *target,
                                struct mapproc_error *error);

/* Opens the target's file for the data of an open source, whose metadata it shall get. */
int cli_decompress_target_open(const struct cli_decompress_targets *targets,
                               struct cli_decompress_target *target,
                               const struct mapproc_source *source,
                               const struct mapproc_options *options, struct mapproc_error *error);

/* Brings the file to its place, and then removes the source if that is wanted and `all_good`. */
int cli_decompress_target_finish(const struct cli_decompress_targets *targets,
                                 struct cli_decompress_target *target,
                                 const struct mapproc_source *source, bool all_good,
                                 struct mapproc_error *error);

void cli_decompress_target_free(struct cli_decompress_target *target);

#endif
