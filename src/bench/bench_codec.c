/* SPDX-License-Identifier: MIT */
/* bench_codec.c - each codec at each level, compressing a sample in chunks and inflating it.
 *
 * A row is one codec, level and size of chunks. All threads take the next chunk, as in a job: they
 * compress it into a slot of its own, and in the run that follows inflate what is there. All rows
 * share the slots. What comes out is compared with the sample once, outside of the times.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/codec_sample.h"
#include "bench/machine.h"
#include "bench/measure.h"
#include "bench/scan.h"
#include "codec/codec.h"
#include "codec/stored.h"

#define GROUP      "codec"
#define SIZE_USUAL (UINT64_C(7680) << 10) /* bytes a thread: two of the largest chunks */
#define SIZE_LEAST (UINT64_C(256) << 10)
#define SIZE_MOST  (UINT64_C(1) << 40)

enum { ROUNDS = 2, NAME_MAX_SIZE = 24, BASELINE_LEVEL = 6 };

#define BASELINE_CODEC "zlib"

static const struct chunking {
    const char *test;
    size_t size; /* bytes */
} chunkings[] = {
    {"chunks of 256K", 256 << 10},
    {"chunks of 1M", 1 << 20},
    {"chunks of 3840K", 3840 << 10},
};

enum { CHUNKINGS = sizeof(chunkings) / sizeof(chunkings[0]) };

/* What all rows use in turn. */
struct workshop {
    struct mapproc_bench_region sample;
    struct mapproc_bench_region packed; /* the slots */
    size_t *lengths;                    /* of the streams in the slots */
    unsigned char **inflated;           /* one a thread: room for a chunk */
    void **states;                      /* one a thread: a compressor or a decompressor, or NULL */
    void (*state_free)(void *state);
    const void *states_of; /* the subject that the states are for */
    unsigned threads;
    atomic_size_t next_chunk;
};

/* One row. */
struct row {
    struct workshop *workshop;
    const struct mapproc_codec *codec;
    int level;
    const struct chunking *chunking;
    char name[NAME_MAX_SIZE];
    atomic_size_t packed_size; /* bytes of all streams */
    bool checked;              /* what comes out is what went in */
    struct mapproc_bench_packing packing;
};

/* ---- chunks and slots ---- */

static size_t slot_size(const struct chunking *chunking)
{
    return mapproc_stored_size(chunking->size) + MAPPROC_CODEC_SPARE;
}

static size_t chunk_count(const struct workshop *workshop, const struct chunking *chunking)
{
    return (workshop->sample.size + chunking->size - 1) / chunking->size;
}

/* Takes the next chunk: its number, and which bytes of the sample it is. False at the end. */
static bool take_chunk(const struct row *row, size_t *chunk, size_t *offset, size_t *length)
{
    struct workshop *workshop = row->workshop;

    *chunk = atomic_fetch_add(&workshop->next_chunk, 1);
    *offset = *chunk * row->chunking->size;
    if (*offset >= workshop->sample.size)
        return false;
    *length = (size_t)mapproc_min_u64(workshop->sample.size - *offset, row->chunking->size);
    return true;
}

/* ---- the work ---- */

static int work_compress(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct row *row = context;
    struct workshop *workshop = row->workshop;
    size_t chunk, offset, length;

    (void)units;
    while (take_chunk(row, &chunk, &offset, &length)) {
        unsigned char *slot = workshop->packed.memory + chunk * slot_size(row->chunking);
        const unsigned char *data = workshop->sample.memory + offset;
        size_t made;

        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        made = row->codec->compress(workshop->states[worker->index], data, length, slot,
                                    slot_size(row->chunking));
        if (made == 0) /* it would be larger than that */
            made = mapproc_stored_write(data, length, slot);
        workshop->lengths[chunk] = made;
        (void)atomic_fetch_add(&row->packed_size, made);
    }
    return MAPPROC_OK;
}

static int work_inflate(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct row *row = context;
    struct workshop *workshop = row->workshop;
    unsigned char *out = workshop->inflated[worker->index];
    size_t chunk, offset, length, used, made;

    (void)units;
    while (take_chunk(row, &chunk, &offset, &length)) {
        const unsigned char *slot = workshop->packed.memory + chunk * slot_size(row->chunking);

        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        if (row->codec->decompress(workshop->states[worker->index], slot, workshop->lengths[chunk],
                                   out, length, &used, &made) != MAPPROC_INFLATE_OK ||
            used != workshop->lengths[chunk] || made != length ||
            (!row->checked && memcmp(out, workshop->sample.memory + offset, length) != 0))
            return mapproc_error_set(&worker->error, MAPPROC_FAILED, 0, NULL,
                                     "what %s made is not what went in", row->name);
    }
    return MAPPROC_OK;
}

static void free_states(struct workshop *workshop)
{
    for (unsigned i = 0; workshop->states != NULL && i < workshop->threads; i++) {
        if (workshop->states[i] != NULL)
            workshop->state_free(workshop->states[i]);
        workshop->states[i] = NULL;
    }
    workshop->states_of = NULL;
}

/* Gets ready what the threads work with, unless it is still there from the run before. */
static int prepare(struct mapproc_bench_subject *subject, bool compress,
                   struct mapproc_error *error)
{
    struct row *row = subject->context;
    struct workshop *workshop = row->workshop;

    atomic_store(&workshop->next_chunk, 0);
    if (workshop->states_of == subject)
        return MAPPROC_OK;
    free_states(workshop);
    workshop->states_of = subject;
    workshop->state_free = compress ? row->codec->compressor_free : row->codec->decompressor_free;
    for (unsigned i = 0; i < workshop->threads; i++) {
        workshop->states[i] =
            compress ? row->codec->compressor_new(row->level) : row->codec->decompressor_new();
        if (workshop->states[i] == NULL)
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start %s",
                                     row->name);
    }
    return MAPPROC_OK;
}

static int prepare_compress(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    struct row *row = subject->context;
    const struct mapproc_bench_region *sample = &row->workshop->sample;

    /* As much of it is in the caches for all: the row before may have been slow, and had other
     * things there. */
    mapproc_bench_use(mapproc_bench_scan(sample->memory, sample->size));
    atomic_store(&row->packed_size, 0);
    return prepare(subject, true, error);
}

/* The first run of each row has no time taken: in that it is checked. */
static int prepare_inflate(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    struct row *row = subject->context;
    int result = prepare(subject, false, error);

    row->checked = row->packing.ratio != 0;
    row->packing.ratio =
        (double)row->workshop->sample.size / (double)atomic_load(&row->packed_size);
    return result;
}

/* ---- rows ---- */

struct codec_group {
    const struct mapproc_bench_options *options;
    struct mapproc_bench_team *team;
    struct workshop workshop;
    struct mapproc_bench_set set; /* two subjects a row: compressing, and behind it inflating */
    struct row *rows;
    size_t row_count;
};

/* Whether `a` is both faster and smaller than `b`. */
static bool is_better(const struct mapproc_bench_subject *a, const struct mapproc_bench_subject *b)
{
    const struct row *mine = a->context, *other = b->context;

    return a->summary.median > b->summary.median && mine->packing.ratio > other->packing.ratio;
}

/* Finds the frontier: the rows that no other with chunks of that size beats. */
static void describe(const struct mapproc_bench_set *set, size_t index,
                     struct mapproc_bench_row *told)
{
    const struct mapproc_bench_subject *subject = &set->subjects[index];
    struct row *row = subject->context;

    row->packing.inflate = set->subjects[index + 1].summary;
    row->packing.frontier = true;
    for (size_t i = 0; i < set->count; i += 2)
        if (set->subjects[i].test == subject->test && is_better(&set->subjects[i], subject))
            row->packing.frontier = false;
    told->packing = &row->packing;
}

static void add_row(struct codec_group *group, const struct mapproc_codec *codec, int level,
                    const struct chunking *chunking)
{
    struct row *row = &group->rows[group->row_count++];
    struct mapproc_bench_subject *compress = &group->set.subjects[group->set.count++];
    struct mapproc_bench_subject *inflate = &group->set.subjects[group->set.count++];

    row->workshop = &group->workshop;
    row->codec = codec;
    row->level = level;
    row->chunking = chunking;
    (void)snprintf(row->name, sizeof(row->name), "%s %d", codec->name, level);
    *compress = (struct mapproc_bench_subject){
        .test = chunking->test,
        .name = row->name,
        .size = group->workshop.sample.size,
        .unit = MAPPROC_BENCH_MB_S,
        .team = group->team,
        .work = work_compress,
        .context = row,
        .amount = (double)group->workshop.sample.size,
        .units = 1,
        .prepare = prepare_compress,
        .describe = describe,
    };
    *inflate = *compress;
    inflate->work = work_inflate;
    inflate->prepare = prepare_inflate;
    inflate->hidden = true;
}

/* All codecs and levels with one size of chunks. */
static void add_rows(struct codec_group *group, const struct chunking *chunking)
{
    const size_t first = group->set.count;
    const struct mapproc_bench_subject *baseline = NULL;
    const struct mapproc_codec *codec;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++) {
        for (int level = codec->level_min; level <= codec->level_max; level++) {
            if (strcmp(codec->name, BASELINE_CODEC) == 0 && level == BASELINE_LEVEL)
                baseline = &group->set.subjects[group->set.count];
            add_row(group, codec, level, chunking);
        }
    }
    for (size_t i = first; i < group->set.count; i += 2)
        group->set.subjects[i].baseline = baseline;
}

static size_t count_levels(void)
{
    const struct mapproc_codec *codec;
    size_t count = 0;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++)
        count += (size_t)(codec->level_max - codec->level_min + 1);
    return count;
}

/* ---- the group ---- */

/* Memory for the slots and all that the threads need. Undo it with close_workshop(), even after a
 * failure. */
static int open_workshop(struct workshop *workshop, unsigned threads, struct mapproc_error *error)
{
    size_t most = 0;
    bool complete;

    workshop->threads = threads;
    for (size_t i = 0; i < CHUNKINGS; i++) {
        size_t size = chunk_count(workshop, &chunkings[i]) * slot_size(&chunkings[i]);

        most = size > most ? size : most;
    }
    workshop->lengths = calloc(chunk_count(workshop, &chunkings[0]), sizeof(*workshop->lengths));
    workshop->states = calloc(threads, sizeof(*workshop->states));
    workshop->inflated = calloc(threads, sizeof(*workshop->inflated));
    complete = workshop->lengths != NULL && workshop->states != NULL && workshop->inflated != NULL;
    for (unsigned i = 0; i < threads && complete; i++) {
        workshop->inflated[i] = malloc(chunkings[CHUNKINGS - 1].size);
        complete = workshop->inflated[i] != NULL;
    }
    if (!complete)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare codecs");
    return mapproc_bench_region_open(&workshop->packed, most, error);
}

static void close_workshop(struct workshop *workshop)
{
    free_states(workshop);
    for (unsigned i = 0; workshop->inflated != NULL && i < workshop->threads; i++)
        free(workshop->inflated[i]);
    free(workshop->inflated);
    free(workshop->states);
    free(workshop->lengths);
    if (workshop->packed.memory != NULL)
        mapproc_bench_region_close(&workshop->packed);
}

/* Measures with the sample, which is there. */
static int run_rows(struct codec_group *group, struct mapproc_error *error)
{
    const size_t most = CHUNKINGS * count_levels();
    int result = open_workshop(&group->workshop, group->team->threads, error);

    group->rows = calloc(most, sizeof(*group->rows));
    group->set.subjects = calloc(2 * most, sizeof(*group->set.subjects));
    if (result == MAPPROC_OK && (group->rows == NULL || group->set.subjects == NULL))
        result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare codecs");
    if (result == MAPPROC_OK) {
        /* Chunks that all of the sample fits into are all the same. */
        for (size_t i = 0; i < CHUNKINGS; i++)
            if (i == 0 || chunkings[i - 1].size < group->workshop.sample.size)
                add_rows(group, &chunkings[i]);
        result = mapproc_bench_measure(&group->set, group->options, error);
    }
    close_workshop(&group->workshop);
    free(group->set.subjects);
    free(group->rows);
    return result;
}

static int run_with_team(struct codec_group *group, size_t size, struct mapproc_error *error)
{
    int result;

    mapproc_bench_prepare_progress(group->options, GROUP, "taking a sample");
    result = mapproc_bench_codec_sample(&group->workshop.sample, group->options, size, error);
    if (result != MAPPROC_OK)
        return result;
    result = run_rows(group, error);
    mapproc_bench_region_close(&group->workshop.sample);
    return result;
}

static int run(const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    struct codec_group group = {.options = options, .set = {.group = GROUP, .rounds = ROUNDS}};
    struct mapproc_bench_machine machine;
    struct mapproc_bench_team team;
    uint64_t size;
    int result = mapproc_bench_machine_open(&machine, options, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_bench_choose_size(
        &machine, options,
        &(struct mapproc_bench_sizes){.group = GROUP,
                                      .usual = SIZE_USUAL * machine.threads,
                                      .least = SIZE_LEAST,
                                      .most = SIZE_MOST,
                                      .count = 2},
        &size, error);
    if (result == MAPPROC_OK)
        result = mapproc_bench_machine_team(&machine, &team, machine.threads, options, error);
    if (result == MAPPROC_OK) {
        group.team = &team;
        result = run_with_team(&group, (size_t)size, error);
        mapproc_bench_team_stop(&team);
    }
    mapproc_bench_machine_close(&machine);
    return result;
}

const struct mapproc_bench_group mapproc_bench_group_codec = {
    .name = GROUP,
    .summary = "compressing and inflating chunks, all threads",
    .baseline = "compressing with zlib 6, as many threads",
    .size_help = "the sample, of FILE or made up; --size: the most of it, default 7680K a thread",
    .takes_file = true,
    .packs = true,
    .run = run,
};
