/* SPDX-License-Identifier: MIT */
/* library_call.c - what every job of the library has around it: options looked at, and watched. */
#include "jobs/library_call.h"

#include "base/error.h"
#include "progress/progress.h"

int mapproc_library_check_reserved(const uint64_t *reserved, size_t count,
                                   struct mapproc_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (reserved[i] != 0)
            return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                     "the options ask for what this version does not know");
    return MAPPROC_OK;
}

int mapproc_library_ended(int code, struct mapproc_error *error)
{
    return mapproc_error_set(error, code, 0, NULL, "%s", "");
}

static int check_options(const struct mapproc_options *options, struct mapproc_error *error)
{
    if ((unsigned)options->io > MAPPROC_IO_READ || (unsigned)options->numa > MAPPROC_NUMA_OFF)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the options ask for a way that there is not");
    return mapproc_library_check_reserved(
        options->reserved, sizeof(options->reserved) / sizeof(options->reserved[0]), error);
}

static void tell(const struct mapproc_options *options,
                 const struct mapproc_progress_snapshot *snapshot)
{
    bool known = (snapshot->flags & MAPPROC_PROGRESS_TOTAL_KNOWN) != 0;

    options->watch(options->watch_user, snapshot->done_bytes,
                   known ? snapshot->total_bytes : MAPPROC_TOTAL_UNKNOWN);
}

static void tick(void *user, const struct mapproc_progress_snapshot *snapshot, bool asked)
{
    (void)asked;
    tell(user, snapshot);
}

int mapproc_library_call_begin(struct mapproc_library_call *call,
                               const struct mapproc_options *options, bool many_runs,
                               struct mapproc_error *error)
{
    struct mapproc_progress_settings settings = {
        .verb = "library", .workers = 0, .many_runs = many_runs, .tick = tick};
    struct mapproc_error refusal;
    int result;

    *call = (struct mapproc_library_call){.error = error};
    if (error == NULL)
        call->error = &call->unwanted;
    *call->error = (struct mapproc_error){.code = MAPPROC_OK};
    if (options != NULL)
        call->options = *options;
    result = check_options(&call->options, call->error);
    if (result != MAPPROC_OK || call->options.watch == NULL || call->options.progress != NULL)
        return result;
    settings.user = &call->options;
    call->watched = true;
    return mapproc_progress_start(&call->options.progress, &settings, &refusal, call->error);
}

int mapproc_library_call_end(struct mapproc_library_call *call, int result)
{
    struct mapproc_progress_snapshot last;

    if (!call->watched)
        return result;
    mapproc_progress_look(call->options.progress, &last);
    mapproc_progress_finish(call->options.progress, result == MAPPROC_CANCELLED, 0);
    tell(&call->options, &last); /* its own thread has ended: still never two at once */
    return result;
}
