/* SPDX-License-Identifier: MIT */
/* decompress.c - inflating one source to wherever its data shall go. */
#include "jobs/decompress.h"

#include "base/error.h"

/* Lives as long as the run. */
struct run {
    const struct mapproc_inflate_order *order;
    bool taken; /* the order */
    const struct mapproc_decompress_sink *sink;
    struct mapproc_compress_result *result; /* may be NULL */
    struct mapproc_error failure;           /* of the order; code MAPPROC_OK: none */
};

static int next_order(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error)
{
    struct run *run = user;

    (void)error;
    if (run->taken)
        return 0;
    run->taken = true;
    *order = *run->order;
    return 1;
}

static int open_sink(void *user, const struct mapproc_inflate_order *order,
                     const struct mapproc_source *source, struct mapproc_error *error)
{
    const struct mapproc_decompress_sink *sink = ((const struct run *)user)->sink;

    (void)order;
    return sink->open != NULL ? sink->open(sink->user, source, error) : MAPPROC_OK;
}

static int write_sink(void *user, const struct mapproc_inflate_order *order, const uint8_t *data,
                      uint64_t length, struct mapproc_error *error)
{
    const struct mapproc_decompress_sink *sink = ((const struct run *)user)->sink;

    (void)order;
    return sink->write(sink->user, data, length, error);
}

static int close_sink(void *user, const struct mapproc_inflate_order *order,
                      const struct mapproc_source *source, bool all_good,
                      struct mapproc_error *error)
{
    const struct mapproc_decompress_sink *sink = ((const struct run *)user)->sink;

    (void)order;
    return sink->close != NULL ? sink->close(sink->user, source, all_good, error) : MAPPROC_OK;
}

static int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct run *run = user;

    if (run->result != NULL)
        *run->result = (struct mapproc_compress_result){
            .size = outcome->raw,
            .compressed = outcome->compressed,
            .members = outcome->members,
            .bad_members = outcome->fault_count + outcome->faults_unlisted,
        };
    if (outcome->error != NULL)
        run->failure = *outcome->error;
    return MAPPROC_OK;
}

int mapproc_decompress_one(const struct mapproc_inflate_order *order,
                           const struct mapproc_decompress_sink *sink,
                           const struct mapproc_options *options,
                           struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct run run = {.order = order, .sink = sink, .result = result};
    const struct mapproc_inflate_client client = {
        .user = &run,
        .next = next_order,
        .open = open_sink,
        .write = write_sink,
        .close = close_sink,
        .report = report,
    };
    int code = mapproc_inflate_run(&client, options, error);

    if (code != MAPPROC_OK)
        return code;
    *error = run.failure;
    return run.failure.code;
}
