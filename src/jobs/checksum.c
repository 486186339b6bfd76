/* SPDX-License-Identifier: MIT */
/* checksum.c - the job that digests sources. */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "digest/digest.h"
#include "pipeline/pipeline.h"

/* Lives as long as the job. */
struct checksum_job {
    const struct mapproc_digest *digest;
    const char *const *paths;
    size_t count;
    size_t next; /* index of the path to be opened next */
    mapproc_checksum_report report;
    void *user;
};

/* Lives from the opening of a source to its report. */
struct checksum_state {
    uint8_t digest[MAPPROC_DIGEST_MAX]; /* once closed */
    _Alignas(MAPPROC_DIGEST_ALIGNMENT) unsigned char running[];
};

static const char *next_path(void *context)
{
    struct checksum_job *job = context;

    return job->next < job->count ? job->paths[job->next++] : NULL;
}

static size_t scratch_size(void *context, size_t chunk_length)
{
    const struct checksum_job *job = context;

    return job->digest->partial_size != NULL ? job->digest->partial_size(chunk_length) : 0;
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct checksum_job *job = context;
    struct checksum_state *state;
    size_t size;

    if (!mapproc_round_up_size(sizeof(*state) + job->digest->state_size, MAPPROC_DIGEST_ALIGNMENT,
                               &size) ||
        (state = aligned_alloc(MAPPROC_DIGEST_ALIGNMENT, size)) == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                                 "cannot start a digest");
    if (!job->digest->init(job->digest, state->running)) {
        free(state);
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                                 "cannot start a digest");
    }
    item->state = state;
    return MAPPROC_OK;
}

static void process_parallel(void *context, struct mapproc_chunk *chunk, size_t position,
                             const uint8_t *data, size_t length)
{
    const struct checksum_job *job = context;

    if (position == 0)
        job->digest->partial_init(chunk->scratch, chunk->offset);
    job->digest->partial_update(chunk->scratch, data, length);
}

static void commit_parallel(void *context, struct mapproc_chunk *chunk)
{
    const struct checksum_job *job = context;
    struct checksum_state *state = chunk->item->state;

    job->digest->fold(state->running, chunk->scratch);
}

static void commit_serial(void *context, struct mapproc_chunk *chunk)
{
    const struct checksum_job *job = context;
    struct checksum_state *state = chunk->item->state;

    job->digest->update(state->running, chunk->data, chunk->length);
}

static int close_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct checksum_job *job = context;
    struct checksum_state *state = item->state;

    if (!job->digest->finish(state->running, state->digest))
        return mapproc_error_set(error, MAPPROC_FAILED, 0, item->source.path,
                                 "%s cannot compute %s", job->digest->kernel(), job->digest->name);
    return MAPPROC_OK;
}

static void discard_item(void *context, struct mapproc_item *item)
{
    const struct checksum_job *job = context;
    struct checksum_state *state = item->state;

    if (state != NULL && job->digest->release != NULL)
        job->digest->release(state->running);
    free(state);
    item->state = NULL;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    const struct checksum_job *job = context;
    const struct checksum_state *state = item->state;
    const struct mapproc_checksum checksum = {
        .path = item->source.path,
        .size = item->committed,
        .algorithm = job->digest->name,
        .tag = job->digest->tag,
        .digest = error == NULL ? state->digest : NULL,
        .digest_size = job->digest->size,
        .always_tagged = job->digest->always_tagged,
        .error = error,
    };
    int result = job->report(job->user, &checksum);

    discard_item(context, item);
    return result;
}

/* Digests whose chunks can be worked on in any order: only small partials wait for their turn. */
static const struct mapproc_job parallel_job = {
    .next = next_path,
    .scratch_size = scratch_size,
    .open = open_item,
    .process = process_parallel,
    .commit = commit_parallel,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

/* Digests that need the bytes in order: workers bring chunks into memory side by side, and digest
 * as many sources at a time as there are workers. */
static const struct mapproc_job serial_job = {
    .keeps_data = true,
    .spreads = true,
    .next = next_path,
    .scratch_size = scratch_size,
    .open = open_item,
    .commit = commit_serial,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

int mapproc_checksum_files(const char *const *paths, size_t count, const char *algorithm,
                           const struct mapproc_options *options, mapproc_checksum_report report,
                           void *user, struct mapproc_error *error)
{
    struct checksum_job job = {
        .digest = algorithm != NULL ? mapproc_digest_find(algorithm) : mapproc_digest_at(0),
        .paths = paths,
        .count = count,
        .report = report,
        .user = user,
    };

    if (job.digest == NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "unknown algorithm '%.64s'",
                                 algorithm);
    if (job.digest->prepare != NULL) {
        int result = job.digest->prepare(job.digest, error);

        if (result != MAPPROC_OK)
            return result;
    }
    return mapproc_pipeline_run(job.digest->fold != NULL ? &parallel_job : &serial_job, &job,
                                mapproc_chunker_find("fixed"), options, error);
}

const char *mapproc_checksum_algorithm(size_t index)
{
    const struct mapproc_digest *digest = mapproc_digest_at(index);

    return digest != NULL ? digest->name : NULL;
}
