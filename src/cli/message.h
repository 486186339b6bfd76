/* SPDX-License-Identifier: MIT */
/* message.h - what the program says on standard error. */
#ifndef MAPPROC_CLI_MESSAGE_H
#define MAPPROC_CLI_MESSAGE_H

#include "mapproc.h"

/* Exit statuses. */
enum cli_status {
    CLI_OK = 0,
    CLI_BAD_DATA = 1, /* mismatch, corrupt, truncated, changed while it was read, missing */
    CLI_USAGE = 2,    /* wrong usage, or refused */
    CLI_FAILED = 3,   /* I/O error, no space, no memory, no permission */
};

/* "mapproc: 'name': what (why)", each on one line whatever the bytes of the name. "-" is called
 * stdin. */
void cli_print_error(const struct mapproc_error *error);

/* The same for something that did no harm; `path` may be NULL. */
void cli_print_note(const char *path, const char *text);

/* "mapproc: 'culprit': what (see 'mapproc VERB --help')". `verb` may be NULL. Returns CLI_USAGE. */
int cli_print_usage_error(const char *verb, const char *culprit, const char *what);

/* The exit status that a result of the library stands for. */
int cli_status_from_code(int code);

#endif
