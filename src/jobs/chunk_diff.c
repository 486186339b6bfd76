/* SPDX-License-Identifier: MIT */
/* chunk_diff.c - which bytes of one source are not in another, wherever there. */
#include "jobs/chunk_diff.h"

#include <inttypes.h>

#include "base/error.h"
#include "jobs/chunk_run.h"
#include "jobs/chunk_set.h"

struct run {
    struct mapproc_chunk_set set; /* of A: digests with the offsets of their chunks */
    bool full;
    mapproc_chunk_diff_report report;
    void *user;
    struct mapproc_chunk_diff *diff;
    uint64_t begin;     /* of the range of fresh bytes under way */
    uint64_t length;    /* 0: there is none */
    bool copying;       /* the last chunk was in A */
    uint64_t copied_to; /* where it ends there */
};

static int take_a(void *user, const struct mapproc_chunk_record *record)
{
    struct run *run = user;

    if (mapproc_chunk_set_add(&run->set, record->digest, record->offset) != MAPPROC_CHUNK_NO_ROOM)
        return MAPPROC_OK;
    run->full = true;
    return MAPPROC_REFUSED;
}

/* Ends a range of fresh bytes, if one is under way. */
static int end_range(struct run *run)
{
    uint64_t length = run->length;

    run->length = 0;
    if (length == 0)
        return MAPPROC_OK;
    run->diff->ranges++;
    run->diff->delta += length + MAPPROC_CHUNK_DIFF_RANGE;
    return run->report(run->user, run->begin, length);
}

static int take_b(void *user, const struct mapproc_chunk_record *record)
{
    struct run *run = user;
    uint64_t from;

    run->diff->size += record->length;
    if (mapproc_chunk_set_find(&run->set, record->digest, &from)) {
        if (!run->copying || from != run->copied_to)
            run->diff->delta += MAPPROC_CHUNK_DIFF_RANGE;
        run->copying = true;
        run->copied_to = from + record->length;
        return end_range(run);
    }
    run->copying = false;
    run->diff->fresh += record->length;
    if (run->length == 0)
        run->begin = record->offset;
    run->length += record->length;
    return MAPPROC_OK;
}

int mapproc_chunk_diff_run(const char *a, const char *b, const struct mapproc_chunking *chunking,
                           const struct mapproc_options *options, uint64_t memory,
                           mapproc_chunk_diff_report report, void *user,
                           struct mapproc_chunk_diff *diff, struct mapproc_error *error)
{
    struct run run = {.report = report, .user = user, .diff = diff};
    int result;

    *diff = (struct mapproc_chunk_diff){.size = 0};
    mapproc_chunk_set_init(&run.set, memory);
    result = mapproc_chunk_run(a, chunking, options, take_a, &run, error);
    if (run.full)
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, a,
                                   "has more than %" PRIu64 " chunks, for which the memory is too "
                                   "little; larger chunks need less",
                                   (uint64_t)run.set.count);
    if (result == MAPPROC_OK)
        result = mapproc_chunk_run(b, chunking, options, take_b, &run, error);
    if (result == MAPPROC_OK) {
        result = end_range(&run);
        if (result != MAPPROC_OK)
            (void)mapproc_error_set(error, result, 0, NULL, "%s", "");
    }
    mapproc_chunk_set_free(&run.set);
    return result;
}
