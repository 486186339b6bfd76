/* SPDX-License-Identifier: MIT */
/* taken_names.h - outputs of a run, no two of which may be the same. */
#ifndef MAPPROC_CLI_TAKEN_NAMES_H
#define MAPPROC_CLI_TAKEN_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Zero at first. One user at a time. The fields are private: hashes, of which zero is none. */
struct cli_taken_names {
    uint64_t *table;
    size_t count;
    size_t room;
};

/* Takes a name: 1, or 0 if it was taken before, or -1 without memory. "./a//b" is the name "a/b";
 * ".." and links are not followed. Two names that meet by chance, one pair in 2^64, count as the
 * same. */
int cli_taken_names_add(struct cli_taken_names *names, const char *name);

void cli_taken_names_free(struct cli_taken_names *names);

#endif
