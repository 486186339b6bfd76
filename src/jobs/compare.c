/* SPDX-License-Identifier: MIT */
/* compare.c - comparing two sources byte by byte, on all cores.
 *
 * One source, the leading one, goes through the pipeline, mapped or read or as a stream. Whoever
 * processes one of its chunks reads the same range of the other source into the chunk's scratch,
 * step by step, and notes there in which ranges the two differ:
 *
 *     scratch   [ struct finds | the first ranges that differ | a step of the other source ]
 *
 * commit() puts the ranges of the chunks together, which joins those that touch at a border. A
 * stream can only lead. Of two files the shorter one does, so that nothing is read in vain.
 *
 * Both are opened before the run, to choose who leads, and kept open beside what the pipeline opens
 * by name: what they were then is what they must be at the end.
 */
#include "jobs/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "jobs/differences.h"
#include "pipeline/pipeline.h"
#include "progress/progress.h"

enum {
    /* Bytes of the other source per pread(): they should be in the cache when they are compared.
     * With all that stands before it just within one of the arena's blocks of 256 KiB. */
    STEP = 192 << 10,
    ZEROS = 16 << 10,
    SCRATCH_ALIGNMENT = 64,
};

static const uint8_t zeros[ZEROS];

/* What a chunk comes to. */
struct finds {
    struct mapproc_range_list ranges;
    struct mapproc_error error; /* code MAPPROC_OK while the other source can be read */
    struct mapproc_range kept[];
};

struct run {
    struct mapproc_source leading; /* as it was before; the pipeline has its own */
    struct mapproc_source other;
    struct mapproc_comparison *comparison;
    size_t lead; /* which of the comparison's sizes is that of the leading source */
    bool taken;  /* by the pipeline */

    /* Written by commit(), which is never called twice at once. */
    bool goes_on;              /* the leading source has more bytes than the other */
    struct mapproc_error lost; /* why not all of the other source could be read */

    struct mapproc_error error; /* what the pipeline reports */
};

/* As many ranges as a chunk of that size can have, or as are kept of all. */
static size_t kept_of(size_t chunk_length)
{
    return (size_t)mapproc_min_u64(chunk_length / 2 + 1, MAPPROC_COMPARE_RANGES_MAX);
}

/* Where the step begins in the scratch. Small numbers: cannot overflow. */
static size_t step_offset(size_t chunk_length)
{
    size_t before = sizeof(struct finds) + kept_of(chunk_length) * sizeof(struct mapproc_range);

    return (before + SCRATCH_ALIGNMENT - 1) & ~((size_t)SCRATCH_ALIGNMENT - 1);
}

/* ---- the operations of the job ---- */

static int next_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct run *run = context;

    (void)error;
    if (run->taken)
        return 0;
    run->taken = true;
    item->source.path = run->leading.path;
    return 1;
}

static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    (void)context;
    (void)item;
    return step_offset(chunk_length) + (size_t)mapproc_min_u64(chunk_length, STEP);
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    (void)context;
    (void)item;
    (void)error;
    return MAPPROC_OK;
}

static struct finds *start_finds(const struct mapproc_chunk *chunk)
{
    struct finds *finds = chunk->scratch;

    mapproc_range_list_init_in(&finds->ranges, finds->kept, kept_of(chunk->length));
    finds->error.code = MAPPROC_OK;
    return finds;
}

/* How many of `length` bytes at `offset` the other source has as well. */
static size_t common_length(const struct run *run, uint64_t offset, size_t length)
{
    uint64_t size = run->other.size;

    return offset >= size ? 0 : (size_t)mapproc_min_u64(length, size - offset);
}

/* Reads up to STEP bytes of the other source. NULL, with the reason among the finds, if it cannot
 * be. Inside the fault guard, which does no harm: it watches over the leading source only. */
static const uint8_t *read_step(const struct run *run, const struct mapproc_chunk *chunk,
                                uint64_t offset, size_t length)
{
    struct finds *finds = chunk->scratch;
    uint8_t *step = (uint8_t *)chunk->scratch + step_offset(chunk->length);

    return mapproc_source_read_at(&run->other, offset, step, length, &finds->error) == MAPPROC_OK
               ? step
               : NULL;
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    const struct run *run = context;
    struct finds *finds = position == 0 ? start_finds(chunk) : chunk->scratch;
    uint64_t offset = chunk->offset + position;
    size_t common = common_length(run, offset, length), n;

    for (size_t at = 0; at < common && finds->error.code == MAPPROC_OK; at += n) {
        const uint8_t *step;

        n = (size_t)mapproc_min_u64(STEP, common - at);
        step = read_step(run, chunk, offset + at, n);
        if (step != NULL)
            mapproc_differences_add(&finds->ranges, offset + at, data + at, step, n);
    }
}

/* Compares a range of the other source with zeros. */
static void process_zeros(const struct run *run, struct mapproc_chunk *chunk, uint64_t offset,
                          uint64_t end)
{
    struct finds *finds = chunk->scratch;
    size_t length, n;

    for (; offset < end && finds->error.code == MAPPROC_OK; offset += length) {
        const uint8_t *step;

        length = (size_t)mapproc_min_u64(STEP, end - offset);
        step = read_step(run, chunk, offset, length);
        for (size_t at = 0; step != NULL && at < length; at += n) {
            n = (size_t)mapproc_min_u64(ZEROS, length - at);
            mapproc_differences_add(&finds->ranges, offset + at, zeros, step + at, n);
        }
    }
}

static void process_hole(void *context, struct mapproc_chunk *chunk)
{
    const struct run *run = context;
    uint64_t end = chunk->offset + common_length(run, chunk->offset, chunk->length);
    uint64_t stretch_end;

    (void)start_finds(chunk);
    for (uint64_t offset = chunk->offset; offset < end; offset = stretch_end) {
        bool hole = mapproc_source_find_hole(&run->other, offset, &stretch_end);

        /* A file that is being cut may say anything. */
        if (stretch_end <= offset || stretch_end > end)
            stretch_end = end;
        if (!hole)
            process_zeros(run, chunk, offset, stretch_end);
    }
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    struct run *run = context;
    const struct finds *finds = chunk->scratch;

    if (finds->error.code != MAPPROC_OK)
        run->lost = finds->error;
    else
        (void)mapproc_range_list_append(&run->comparison->differing, &finds->ranges, &run->lost);
    run->goes_on = chunk->offset + chunk->length > run->other.size;
    chunk->item->enough = run->goes_on || run->lost.code != MAPPROC_OK;
}

static int close_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct run *run = context;
    struct mapproc_comparison *comparison = run->comparison;
    int result;

    if (run->lost.code != MAPPROC_OK) {
        *error = run->lost;
        return error->code;
    }
    result = mapproc_source_check_unchanged(&run->leading, error);
    if (result == MAPPROC_OK)
        result = mapproc_source_check_unchanged(&run->other, error);
    comparison->sizes[run->lead].known = !run->goes_on;
    comparison->sizes[run->lead].bytes = item->committed;
    comparison->sizes[1 - run->lead].known = true;
    comparison->sizes[1 - run->lead].bytes = run->other.size;
    comparison->common = mapproc_min_u64(item->committed, run->other.size);
    comparison->same = comparison->differing.count == 0 && item->committed == run->other.size;
    return result;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    struct run *run = context;

    (void)item;
    if (error == NULL)
        return MAPPROC_OK;
    run->error = *error;
    /* One source may have changed and the other be unreadable: the machine's failure is told. */
    if (run->lost.code == MAPPROC_FAILED && error->code == MAPPROC_BAD_DATA)
        run->error = run->lost;
    return MAPPROC_OK;
}

static void discard_item(void *context, struct mapproc_item *item)
{
    (void)context;
    (void)item;
}

static const struct mapproc_job job = {
    .next = next_item,
    .scratch_size = scratch_size,
    .open = open_item,
    .process = process,
    .process_hole = process_hole,
    .commit = commit,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

/* ---- before and after the run ---- */

/* Whether any range of the source can be read at any time: it is a file, and be it an empty one. */
static bool is_file(const struct mapproc_source *source)
{
    return source->kind == MAPPROC_SOURCE_EXTENT || source->steady;
}

static bool is_same_file(const struct mapproc_source *a, const struct mapproc_source *b)
{
    return a->steady && b->steady && a->identity.device == b->identity.device &&
           a->identity.inode == b->identity.inode && a->start == b->start;
}

/* Opens both sources. If both cannot be, a failure of the machine is told rather than that one is
 * missing. */
static int open_sources(struct mapproc_source *sources, const char *a, const char *b,
                        struct mapproc_error *error)
{
    struct mapproc_error second;
    int first_result = mapproc_source_open(&sources[0], a, error);
    int second_result = mapproc_source_open(&sources[1], b, &second);

    if (first_result != MAPPROC_OK &&
        !(first_result == MAPPROC_BAD_DATA && second_result == MAPPROC_FAILED))
        return first_result;
    if (second_result != MAPPROC_OK && error != NULL)
        *error = second;
    return second_result;
}

/* Chooses the source that leads, by its number. */
static int choose_lead(const struct mapproc_source *sources, size_t *lead,
                       struct mapproc_error *error)
{
    bool a_is_file = is_file(&sources[0]), b_is_file = is_file(&sources[1]);

    if (!a_is_file && !b_is_file)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, sources[1].path,
                                 "is no file, and neither is the other: one of them must be");
    *lead = !b_is_file || (a_is_file && sources[1].size < sources[0].size);
    return MAPPROC_OK;
}

static void set_same(struct mapproc_comparison *comparison, uint64_t size)
{
    comparison->same = true;
    comparison->common = size;
    for (size_t i = 0; i < 2; i++) {
        comparison->sizes[i].known = true;
        comparison->sizes[i].bytes = size;
    }
}

static int run_job(const struct mapproc_source *sources, const struct mapproc_options *options,
                   struct mapproc_comparison *comparison, struct mapproc_error *error)
{
    struct run run = {.comparison = comparison};
    int result = choose_lead(sources, &run.lead, error);

    if (result != MAPPROC_OK)
        return result;
    run.leading = sources[run.lead];
    run.other = sources[1 - run.lead];
    if (options != NULL && is_file(&run.leading))
        mapproc_progress_expect(options->progress, 1, run.leading.size);
    result = mapproc_pipeline_run(&job, &run, mapproc_chunker_find("fixed"), options, error);
    if (result == MAPPROC_OK && run.error.code != MAPPROC_OK) {
        result = run.error.code;
        if (error != NULL)
            *error = run.error;
    }
    return result;
}

int mapproc_compare_run(const char *a, const char *b, const struct mapproc_options *options,
                        struct mapproc_comparison *comparison, struct mapproc_error *error)
{
    struct mapproc_source sources[2];
    int result;

    memset(comparison, 0, sizeof(*comparison));
    mapproc_range_list_init(&comparison->differing, MAPPROC_COMPARE_RANGES_MAX);
    result = open_sources(sources, a, b, error);
    if (result == MAPPROC_OK && is_same_file(&sources[0], &sources[1]))
        set_same(comparison, sources[0].size);
    else if (result == MAPPROC_OK)
        result = run_job(sources, options, comparison, error);
    mapproc_source_close(&sources[0]);
    mapproc_source_close(&sources[1]);
    if (result != MAPPROC_OK)
        mapproc_comparison_free(comparison);
    return result;
}

void mapproc_comparison_free(struct mapproc_comparison *comparison)
{
    mapproc_range_list_free(&comparison->differing);
}
