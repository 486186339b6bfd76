/* SPDX-License-Identifier: MIT */
/* watch.h - the ways in which watch can show a job. */
#ifndef MAPPROC_CLI_WATCH_H
#define MAPPROC_CLI_WATCH_H

#include "cli/jobs_seen.h"

/* What the user wants. */
enum cli_watch_wish { CLI_WATCH_ON, CLI_WATCH_QUIT };

/* One way to show a job. None of them decides when it is over. */
struct cli_watch_view {
    /* Prepares. False if this way cannot be gone here. May be NULL. */
    bool (*begin)(void);

    /* Shows the job as it was last looked at. False if the output failed. */
    bool (*show)(const struct cli_job *job);

    /* Passes so many seconds, and takes what the user wants meanwhile. */
    enum cli_watch_wish (*wait)(const struct cli_job *job, double seconds);

    /* May be NULL. */
    void (*end)(void);
};

extern const struct cli_watch_view cli_watch_lines;
extern const struct cli_watch_view cli_watch_json;

/* On the whole screen. NULL in a program that was built without ncurses. */
extern const struct cli_watch_view *const cli_watch_screen;

#endif
