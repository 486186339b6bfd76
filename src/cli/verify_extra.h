/* SPDX-License-Identifier: MIT */
/* verify_extra.h - files that a directory has and no list names. */
#ifndef MAPPROC_CLI_VERIFY_EXTRA_H
#define MAPPROC_CLI_VERIFY_EXTRA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cli/verify_output.h"

/* A set of names, where "./a" is the same as "a". */
struct cli_name_set;

/* NULL without memory. */
struct cli_name_set *cli_name_set_create(void);
/* NULL is allowed. */
void cli_name_set_free(struct cli_name_set *set);

/* Adds a copy. False without memory. */
bool cli_name_set_add(struct cli_name_set *set, const char *name);
bool cli_name_set_has(const struct cli_name_set *set, const char *name);

/* Makes a file, whatever its name is, one that is not missed in the lists. */
bool cli_name_set_ignore(struct cli_name_set *set, const struct stat *status);

/*
 * Puts out the names of all files below `directory` that are not in the set; *count gets their
 * number. Returns an exit status: CLI_BAD_DATA if there are any, CLI_FAILED, after a message, if
 * some of it could not be looked at.
 */
int cli_verify_find_extra(const struct cli_name_set *listed, const char *directory,
                          struct cli_verify_output *output, bool verbose, uint64_t *count);

#endif
