/* SPDX-License-Identifier: MIT */
/* options.h - the command line: one table an option list, from which it is read and explained. */
#ifndef MAPPROC_CLI_OPTIONS_H
#define MAPPROC_CLI_OPTIONS_H

#include <stdbool.h>

#include "cli/progress_bar.h"
#include "mapproc.h"

struct cli_input_options;

/* What the options of every verb set. Embedded as the first member of each verb's settings. */
struct cli_common {
    struct mapproc_options job;
    bool verbose;
    bool help;

    /* For cli_progress_begin(). */
    uint64_t limit_rate; /* bytes per second; 0: no limit */
    enum cli_bar_when bar;
    const char *job_name; /* or NULL */
    bool no_publish;

    /* Where the options of input_options.h go; set by the verbs that have them. */
    struct cli_input_options *inputs;
};

/* Instead of a letter: the option is a number, such as -12, and has no long name. `name` is what
 * the help calls it, `apply` gets its digits. */
#define CLI_NUMBER '#'

struct cli_option {
    const char *name;     /* long name; NULL ends a table */
    char letter;          /* or '\0' */
    const char *argument; /* what the help calls its argument; NULL if it takes none */
    const char *help;     /* one line */

    /* Takes the value into the verb's settings. NULL, or what is wrong: "must be ...". */
    const char *(*apply)(void *settings, const char *value);
};

/* A verb: one file each. */
struct cli_verb {
    const char *name;
    const char *operands; /* "[FILE]..." */
    const char *summary;  /* one line */
    const char *details;  /* whole lines, for the verb's own help */
    const struct cli_option *options;
    int (*run)(int argc, char **argv); /* returns the exit status */
};

/* The options that every verb takes. */
extern const struct cli_option cli_common_options[];

/*
 * Reads the options of a verb into `settings`, which begins with a struct cli_common, and leaves in
 * *operands the index of the first operand in argv, which is reordered. CLI_OK, or CLI_USAGE after
 * a message.
 */
int cli_parse_options(const struct cli_verb *verb, int argc, char **argv, void *settings,
                      int *operands);

/* Reads "200M/s" or "200M": bytes per second, as a job takes them. False if it is no such text. */
bool cli_rate_parse(const char *text, uint64_t *rate);

/* Prints the verb's help to standard output. */
void cli_print_verb_help(const struct cli_verb *verb);

#endif
