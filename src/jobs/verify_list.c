/* SPDX-License-Identifier: MIT */
/* verify_list.c - the library's check of files against a list. */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "jobs/library_call.h"
#include "jobs/verify.h"

/* Lives as long as the call. */
struct verify_list {
    mapproc_verify_report report; /* may be NULL */
    void *user;
    struct mapproc_verify_summary summary;
};

static void add_ranges(struct mapproc_verify_result *result, const struct mapproc_range_list *bad)
{
    result->ranges = bad->ranges;
    result->range_count = bad->kept;
    result->ranges_left_out = bad->count - bad->kept;
    result->bad_bytes = bad->bytes;
}

static int report(void *user, const struct mapproc_verified *verified)
{
    struct verify_list *list = user;
    struct mapproc_verify_result result = {
        .verdict = verified->verdict,
        .line = verified->line,
        .name = verified->name,
        .algorithm = verified->digest != NULL ? verified->digest->name : NULL,
        .error = verified->error,
        .size = verified->size,
        .listed_size = verified->has_listed_size ? verified->listed_size : UINT64_MAX,
        .pieces = verified->pieces,
        .bad_pieces = verified->bad_pieces,
        .reread_good = verified->reread_good,
        .reread_bad = verified->reread_bad,
        .time_kept = verified->time_kept,
    };

    list->summary.files[verified->verdict]++;
    if (verified->bad != NULL)
        add_ranges(&result, verified->bad);
    return list->report != NULL ? list->report(list->user, &result) : MAPPROC_OK;
}

static void bad_line(void *user, const struct mapproc_list_item *item)
{
    struct mapproc_verify_summary *summary = &((struct verify_list *)user)->summary;

    if (item->kind == MAPPROC_LIST_BAD_MANIFEST) {
        summary->damaged_manifest++;
        return;
    }
    summary->bad_lines++;
    if (summary->first_bad_line == 0)
        summary->first_bad_line = item->line;
}

static bool is_all_good(const struct mapproc_verify_summary *summary)
{
    uint64_t others = 0;

    for (int verdict = MAPPROC_VERDICT_GOOD + 1; verdict <= MAPPROC_VERDICT_REFUSED; verdict++)
        others += summary->files[verdict];
    return summary->files[MAPPROC_VERDICT_GOOD] > 0 && others == 0 && summary->bad_lines == 0 &&
           summary->damaged_manifest == 0;
}

int mapproc_verify_list(const char *list, unsigned flags, const struct mapproc_options *options,
                        mapproc_verify_report report_function, void *user,
                        struct mapproc_verify_summary *summary, struct mapproc_error *error)
{
    const unsigned known = MAPPROC_VERIFY_ALLOW_OUTSIDE | MAPPROC_VERIFY_FROM_DISK;
    const struct mapproc_verify_settings settings = {
        .list = list,
        .list_at = AT_FDCWD,
        .allow_outside = (flags & MAPPROC_VERIFY_ALLOW_OUTSIDE) != 0,
        .from_disk = (flags & MAPPROC_VERIFY_FROM_DISK) != 0,
    };
    struct verify_list verify = {.report = report_function, .user = user};
    const struct mapproc_verify_client client = {
        .user = &verify, .report = report, .bad_line = bad_line};
    struct mapproc_library_call call;
    int result;

    if ((flags & ~known) != 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "unknown flags");
    result = mapproc_library_call_begin(&call, options, true, error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_verify_run(&settings, &client, &call.options, call.error);
    verify.summary.all_good = is_all_good(&verify.summary);
    if (result == MAPPROC_OK && summary != NULL)
        *summary = verify.summary;
    return mapproc_library_call_end(&call, result);
}
