/* SPDX-License-Identifier: MIT */
/* message.c - what the program says on standard error. */
#include "cli/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "cli/progress_bar.h"

/* The name in quotes, in memory that the caller frees. NULL without memory. */
static char *quote(const char *name)
{
    size_t size = mapproc_quote_name(name, NULL, 0) + 1;
    char *quoted = malloc(size);

    if (quoted != NULL)
        (void)mapproc_quote_name(name, quoted, size);
    return quoted;
}

/* Prints "mapproc: 'name': what" and, if there is one, " (why)" as a single write. */
static void print_line(const char *name, const char *what, const char *why)
{
    char *quoted = name != NULL ? quote(name) : NULL;

    cli_bar_hold();
    (void)fflush(stdout); /* on a terminal, what was said before comes first */
    (void)fprintf(stderr, "mapproc: %s%s%s%s%s%s\n", quoted != NULL ? quoted : "",
                  name != NULL ? ": " : "", what, why != NULL ? " (" : "", why != NULL ? why : "",
                  why != NULL ? ")" : "");
    cli_bar_let_go();
    free(quoted);
}

/* What messages call a source. */
static const char *show_path(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0 ? "stdin" : path;
}

void cli_print_error(const struct mapproc_error *error)
{
    const char *reason = error->system_error != 0 ? strerror(error->system_error) : NULL;
    char why[256];

    if (error->length > 0)
        (void)snprintf(why, sizeof(why), "bytes %" PRIu64 "-%" PRIu64 "%s%s", error->offset,
                       error->offset + error->length - 1, reason != NULL ? ": " : "",
                       reason != NULL ? reason : "");
    else
        (void)snprintf(why, sizeof(why), "%s", reason != NULL ? reason : "");
    print_line(show_path(error->path), error->what, why[0] != '\0' ? why : NULL);
}

void cli_print_note(const char *path, const char *text)
{
    print_line(show_path(path), text, NULL);
}

int cli_print_usage_error(const char *verb, const char *culprit, const char *what)
{
    char hint[64];

    (void)snprintf(hint, sizeof(hint), "see 'mapproc%s%s --help'", verb != NULL ? " " : "",
                   verb != NULL ? verb : "");
    print_line(culprit, what, hint);
    return CLI_USAGE;
}

int cli_status_from_code(int code)
{
    switch (code) {
    case MAPPROC_OK:
        return CLI_OK;
    case MAPPROC_BAD_DATA:
        return CLI_BAD_DATA;
    case MAPPROC_REFUSED:
        return CLI_USAGE;
    default:
        return CLI_FAILED;
    }
}
