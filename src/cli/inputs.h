/* SPDX-License-Identifier: MIT */
/* inputs.h - the files that a command line names: operands, trees, lists of names. */
#ifndef MAPPROC_CLI_INPUTS_H
#define MAPPROC_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "input/name_list.h"
#include "input/walk.h"

enum { CLI_EXCLUDES_MAX = 256 };

/* What the options say. Zeros: the operands as they are. */
struct cli_input_options {
    bool recursive;
    bool one_file_system;
    bool nul_separated;     /* the names in files_from */
    const char *files_from; /* NULL: the names are the operands */
    const char *excludes[CLI_EXCLUDES_MAX];
    size_t exclude_count;
};

/* One user at a time. */
struct cli_inputs {
    const struct cli_input_options *options;
    const char *const *operands;
    size_t count;
    size_t next;
    struct mapproc_name_list *list;
    struct mapproc_walk *walk;
    bool verbose;
    size_t root; /* length of what a mirrored tree leaves out of the name being read or walked */

    /* Where in the path of the last file the part begins that a mirrored tree repeats: of an
     * operand its last component, or what is below it if that is "." or empty, as in "dir/"; of a
     * name in a list all but a leading '/'. */
    size_t mirrored;
};

/*
 * Prepares to deliver the files of `count` operands; without operands standard input or, with
 * `recursive`, the directory we are in. All arguments are borrowed. `cancel_fd` ends waiting for a
 * list that comes through a pipe; or -1. CLI_OK, or an exit status after a message.
 */
int cli_inputs_open(struct cli_inputs *inputs, const struct cli_input_options *options,
                    const char *verb, const char *const *operands, size_t count, bool verbose,
                    int cancel_fd);
void cli_inputs_close(struct cli_inputs *inputs);

/*
 * Looks whether the output would replace an operand. With that open: CLI_OK, or an exit status
 * after a message. Names in a list are looked at when their turn comes.
 */
int cli_inputs_check(const struct cli_inputs *inputs);

/*
 * The next file or error, as mapproc_walk_next(); what is skipped, such as the output itself, is
 * told to the user at -v. Returns 1; 0 if there are no more; or a negative code with *error filled,
 * whose `what` is empty if it was told.
 */
int cli_inputs_next(struct cli_inputs *inputs, struct mapproc_entry *entry,
                    struct mapproc_error *error);

#endif
