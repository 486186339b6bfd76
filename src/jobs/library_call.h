/* SPDX-License-Identifier: MIT */
/* library_call.h - what every job of the library has around it: options looked at, and watched. */
#ifndef MAPPROC_JOBS_LIBRARY_CALL_H
#define MAPPROC_JOBS_LIBRARY_CALL_H

#include <stdbool.h>

#include "mapproc.h"

/* Lives as long as the call. A progress that is in the options already stays there. */
struct mapproc_library_call {
    struct mapproc_options options; /* for the run: with a progress, if somebody watches */
    struct mapproc_error *error;    /* the caller's, or `unwanted`; its code is MAPPROC_OK so far */

    /* The rest is private. */
    bool watched; /* options.progress is its own */
    struct mapproc_error unwanted;
};

/*
 * Begins a call with the options of its caller, of which a NULL stands for all zeros. With
 * `many_runs` several runs of the pipeline may follow one another. MAPPROC_OK, or an error that
 * stands in *error (which may be NULL): then there is nothing to end.
 */
int mapproc_library_call_begin(struct mapproc_library_call *call,
                               const struct mapproc_options *options, bool many_runs,
                               struct mapproc_error *error);

/* Tells the watcher how it ended, and returns `result`. */
int mapproc_library_call_end(struct mapproc_library_call *call, int result);

/* The same as far as `count` words of a struct of the caller's must be zero. */
int mapproc_library_check_reserved(const uint64_t *reserved, size_t count,
                                   struct mapproc_error *error);

/* Fills in *error, whose `what` stays empty, for a job that a function of the caller's has ended,
 * and returns the code. */
int mapproc_library_ended(int code, struct mapproc_error *error);

#endif
