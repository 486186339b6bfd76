/* SPDX-License-Identifier: MIT */
/* chunker_option.h - the option --chunker of the verbs that have it. */
#ifndef MAPPROC_CLI_CHUNKER_OPTION_H
#define MAPPROC_CLI_CHUNKER_OPTION_H

#include <stdbool.h>

#include "pipeline/chunking.h"

/* For the verb's table of options. */
#define CLI_CHUNKER_ARGUMENT "RULE"
#define CLI_CHUNKER_HELP     "where chunks end: NAME[:key=value,...] or ./FILE.so; `help' lists them"

/* Zeros: nothing was chosen. */
struct cli_chunker {
    struct mapproc_chunking chunking;
    bool help; /* the user wants the list, and nothing else: cli_chunkers_print() */
};

/* For the apply function of the option: takes its value, the last one counts. NULL, or what is
 * wrong. */
const char *cli_chunker_apply(struct cli_chunker *chunker, const char *value);

/* What was chosen, for a job; NULL: nothing. */
const struct mapproc_chunking *cli_chunker_chosen(const struct cli_chunker *chunker);

/* Unloads what was loaded for it. */
void cli_chunker_close(struct cli_chunker *chunker);

/* Prints all chunkers with their options to standard output. */
void cli_chunkers_print(void);

#endif
