/* SPDX-License-Identifier: MIT */
/* progress_bar.c - the last line of the terminal, while a job runs.
 *
 * Nothing but carriage returns and blanks, so that it works on any terminal and leaves nothing.
 */
#include "cli/progress_bar.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    COLUMNS_DEFAULT = 80,
    COLUMNS_MAX = 200,
    COLUMNS_MIN = 20, /* less is no place for a bar */
    BAR_LEAST = 10,   /* cells between the brackets */
};

static const double too_early = 0.3; /* seconds; a bar that only flashes up is a nuisance */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what is on the terminal */
static atomic_bool enabled;
static atomic_size_t shown; /* columns that the bar takes at the moment */
static bool at_once;
static const char *name;

void cli_bar_start(enum cli_bar_when when, const char *verb)
{
    name = verb;
    at_once = when == CLI_BAR_ALWAYS;
    atomic_store(&enabled, at_once || (when == CLI_BAR_AUTO && isatty(STDERR_FILENO) == 1));
}

static void write_text(const char *text, size_t length)
{
    ssize_t written = write(STDERR_FILENO, text, length);

    (void)written; /* the bar is not worth an error */
}

static size_t find_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_DEFAULT;
    return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

/* Whether the terminal takes something now, and is this job's. */
static bool is_ours(void)
{
    struct pollfd poller = {.fd = STDERR_FILENO, .events = POLLOUT};
    pid_t group = tcgetpgrp(STDERR_FILENO);

    return poll(&poller, 1, 0) == 1 && (group < 0 || group == getpgrp());
}

void cli_bar_wipe(void)
{
    char blanks[COLUMNS_MAX + 2];
    size_t columns = atomic_exchange(&shown, 0);

    if (columns == 0)
        return;
    memset(blanks, ' ', sizeof(blanks));
    blanks[0] = blanks[columns + 1] = '\r';
    write_text(blanks, columns + 2);
}

/* "checksum [=====>    ] 63.0 % of 4.0 GiB, 1.2 GiB/s": as much as there is room for. */
static size_t compose(char *line, size_t columns, const struct mapproc_progress_snapshot *snapshot,
                      const struct cli_figures *figures)
{
    char text[CLI_PROGRESS_LINE_MAX];
    size_t length = (size_t)snprintf(line, columns + 1, "%s%s ", name,
                                     snapshot->state == MAPPROC_PROGRESS_PAUSED ? " paused" : "");
    size_t used, cells, filled;

    cli_progress_describe(text, snapshot, figures);
    used = length + strlen(text) + 3;
    if (figures->percent >= 0 && used + BAR_LEAST <= columns) {
        cells = columns - used;
        filled = (size_t)((double)cells * figures->percent / 100);
        line[length++] = '[';
        for (size_t i = 0; i < cells; i++)
            line[length++] = i < filled ? '=' : i == filled ? '>' : ' ';
        line[length++] = ']';
        line[length++] = ' ';
    }
    if (length < columns)
        (void)snprintf(line + length, columns + 1 - length, "%s", text);
    return strnlen(line, columns);
}

void cli_bar_draw(const struct mapproc_progress_snapshot *snapshot,
                  const struct cli_figures *figures)
{
    char line[COLUMNS_MAX + 2] = "\r";
    size_t columns = find_columns() - 1; /* the last one would make some terminals scroll */
    size_t length, before;

    if (!atomic_load(&enabled) || (!at_once && figures->elapsed < too_early) ||
        columns < COLUMNS_MIN || (!at_once && !is_ours()) || pthread_mutex_trylock(&lock) != 0)
        return;
    if (atomic_load(&enabled)) {
        before = atomic_load(&shown);
        if (before > columns)
            before = columns;
        length = compose(line + 1, columns, snapshot, figures);
        atomic_store(&shown, length);
        if (length < before) {
            memset(line + 1 + length, ' ', before - length);
            length = before;
        }
        write_text(line, 1 + length);
    }
    (void)pthread_mutex_unlock(&lock);
}

void cli_bar_hold(void)
{
    if (!atomic_load(&enabled))
        return;
    (void)pthread_mutex_lock(&lock);
    cli_bar_wipe();
}

void cli_bar_let_go(void)
{
    if (atomic_load(&enabled))
        (void)pthread_mutex_unlock(&lock);
}

void cli_bar_stop(void)
{
    if (!atomic_load(&enabled))
        return;
    (void)pthread_mutex_lock(&lock);
    cli_bar_wipe();
    atomic_store(&enabled, false);
    (void)pthread_mutex_unlock(&lock);
}
