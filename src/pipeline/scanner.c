/* SPDX-License-Identifier: MIT */
/* scanner.c - looking for candidates of borders ahead of the planner, on all cores.
 *
 * Where a chunk ends depends on where the one before did, so borders can only be found one after
 * the other; but where one is possible at all may depend on the bytes around it alone. For a
 * chunker of that kind the source is scanned in blocks by all workers, a little ahead of the
 * planner, which then has to pick from a few candidates. It does what the chunker would: borders do
 * not depend on whether there was a scan. What a scan cannot tell, because there are too many
 * candidates or the source could not be read, the chunker is asked for.
 */
#include "pipeline/scanner.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "pipeline/lane.h"
#include "pipeline/state.h"
#include "pipeline/work.h"

enum {
    BLOCK = 1 << 20, /* bytes of the source */
    MARKS = 2048,    /* candidates in one */
    BLOCKS_PER_WORKER = 2,
    /* A scan cannot skip what a chunk has at least, so it costs more. Measured with two, that eats
     * up what is won; with more the planner alone would be too slow. */
    WORKERS_LEAST = 3,
    WORTH = 4 << 20, /* bytes of a source for which it pays */
};

struct mapproc_scan_block {
    uint64_t offset;
    size_t length;
    size_t count;
    bool unclear; /* what its candidates are is not known */
    bool ready;   /* scanned: under the lock */
    uint32_t marks[MARKS];
};

size_t mapproc_scanner_size(void)
{
    return BLOCKS_PER_WORKER * sizeof(struct mapproc_scan_block);
}

int mapproc_scanner_init(struct mapproc_pipeline *pipeline, struct mapproc_error *error)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    struct mapproc_scanner *scanner = &pipeline->scanner;
    unsigned count = pipeline->budget.workers * BLOCKS_PER_WORKER;

    if (pipeline->job->cut != NULL || chunker->scan == NULL || chunker->accepts == NULL ||
        pipeline->budget.workers < WORKERS_LEAST)
        return MAPPROC_OK;
    scanner->blocks = calloc(count, sizeof(*scanner->blocks));
    if (scanner->blocks == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot scan ahead");
    scanner->count = count;
    return MAPPROC_OK;
}

void mapproc_scanner_destroy(struct mapproc_pipeline *pipeline)
{
    free(pipeline->scanner.blocks);
    pipeline->scanner = (struct mapproc_scanner){.blocks = NULL};
}

static struct mapproc_scan_block *block_at(const struct mapproc_scanner *scanner, unsigned number)
{
    return &scanner->blocks[(scanner->first + number) % scanner->count];
}

/* Whether the lane is the one that is served, or becomes it now. *ready gets the number of blocks
 * that have been scanned, from the first on. */
static bool is_served(struct mapproc_pipeline *pipeline, const struct mapproc_lane *lane,
                      unsigned *ready)
{
    struct mapproc_scanner *scanner = &pipeline->scanner;
    bool served;

    (void)pthread_mutex_lock(&pipeline->lock);
    if (scanner->owner == 0 && scanner->busy == 0 &&
        lane->item.source.size - lane->planned >= WORTH) {
        scanner->owner = lane->index + 1;
        scanner->used = 0;
        scanner->passed = 0;
        scanner->next = lane->planned;
    }
    served = scanner->owner == lane->index + 1;
    *ready = 0;
    while (served && *ready < scanner->used && block_at(scanner, *ready)->ready)
        ++*ready;
    (void)pthread_mutex_unlock(&pipeline->lock);
    return served;
}

/* Gives up blocks that the lane has left behind. */
static void pass_blocks(struct mapproc_scanner *scanner, uint64_t planned, unsigned *ready)
{
    while (*ready > 0) {
        const struct mapproc_scan_block *block = block_at(scanner, 0);

        if (block->offset + block->length > planned)
            break;
        scanner->first = (scanner->first + 1) % scanner->count;
        scanner->used--;
        scanner->passed = 0;
        --*ready;
    }
}

/* Picks the length of the next chunk from the candidates. 0: it takes more blocks to tell. False if
 * a block that is needed is not clear. */
static bool pick(const struct mapproc_pipeline *pipeline, struct mapproc_scanner *scanner,
                 const struct mapproc_lane *lane, unsigned ready, size_t *length)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    uint64_t left = lane->item.source.size - lane->planned;
    size_t most = (size_t)mapproc_min_u64(left, pipeline->budget.chunk_size);
    uint64_t known = lane->planned;

    *length = 0;
    for (unsigned number = 0; number < ready; number++) {
        const struct mapproc_scan_block *block = block_at(scanner, number);

        if (block->offset >= lane->planned + most)
            break;
        if (block->unclear)
            return false;
        for (size_t i = number == 0 ? scanner->passed : 0; i < block->count; i++) {
            uint64_t border = block->offset + (block->marks[i] >> 1) + 1;

            if (border <= lane->planned) {
                scanner->passed = i + 1; /* only in the first can there be such */
                continue;
            }
            if (border - lane->planned > most)
                break;
            *length = (size_t)(border - lane->planned);
            if (chunker->accepts(lane->chunker_state, *length, block->marks[i] & 1))
                return true;
        }
        known = block->offset + block->length;
    }
    *length = known >= lane->planned + most ? most : 0;
    return true;
}

enum mapproc_scan_answer mapproc_scanner_ask(struct mapproc_pipeline *pipeline,
                                             struct mapproc_lane *lane)
{
    struct mapproc_scanner *scanner = &pipeline->scanner;
    unsigned ready;
    size_t length;

    if (lane->border > lane->planned || scanner->blocks == NULL ||
        !is_served(pipeline, lane, &ready))
        return MAPPROC_SCAN_NONE;
    pass_blocks(scanner, lane->planned, &ready);
    if (scanner->next < lane->planned && scanner->used == 0)
        scanner->next = lane->planned; /* the chunker was asked, and has run ahead */
    if (scanner->used < scanner->count && scanner->next < lane->item.source.size)
        return MAPPROC_SCAN_AHEAD;
    if (!pick(pipeline, scanner, lane, ready, &length))
        return MAPPROC_SCAN_NONE;
    if (length == 0)
        /* More blocks than there are would not fit the largest chunk. */
        return ready == scanner->used ? MAPPROC_SCAN_NONE : MAPPROC_SCAN_WAIT;
    lane->border = lane->planned + length;
    return MAPPROC_SCAN_FOUND;
}

struct mapproc_work *mapproc_scanner_plan(struct mapproc_worker *worker, struct mapproc_lane *lane)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_scanner *scanner = &pipeline->scanner;
    struct mapproc_scan_block *block = block_at(scanner, scanner->used);
    const struct mapproc_need need = {
        .length = (size_t)mapproc_min_u64(BLOCK, lane->item.source.size - scanner->next)};
    struct mapproc_work *work =
        mapproc_work_make(worker, MAPPROC_TASK_SCAN, &lane->item,
                          mapproc_routes_choose(&pipeline->routes, lane), &need);

    if (work == NULL)
        return NULL;
    work->chunk.offset = scanner->next;
    work->block = block;
    block->offset = scanner->next;
    block->length = need.length;
    (void)pthread_mutex_lock(&pipeline->lock);
    block->ready = false;
    scanner->busy++;
    (void)pthread_mutex_unlock(&pipeline->lock);
    scanner->next += need.length;
    scanner->used++;
    return work;
}

/* Scans one stretch of a block through the worker's buffer. False if the block is not clear. */
static bool scan_stretch(struct mapproc_worker *worker, const struct mapproc_lane *lane,
                         struct mapproc_scan_block *block, size_t position, size_t length)
{
    const struct mapproc_chunker *chunker = worker->pipeline->chunking.chunker;
    uint64_t offset = block->offset + position;
    size_t before = (size_t)mapproc_min_u64(offset, MAPPROC_CHUNKER_BEFORE);
    const uint8_t *bytes = worker->buffer;
    uint32_t *marks = block->marks + block->count;
    struct mapproc_error error;
    size_t found;

    if (mapproc_source_read_at(&lane->item.source, offset - before, worker->buffer, before + length,
                               &error) != MAPPROC_OK)
        return false; /* whoever comes to that place will see why */
    found = chunker->scan(lane->chunker_state, bytes + before, before, length, marks,
                          MARKS - block->count);
    if (found > MARKS - block->count)
        return false;
    for (size_t i = 0; i < found; i++)
        marks[i] += (uint32_t)position << 1;
    block->count += found;
    return true;
}

void mapproc_scanner_run(struct mapproc_worker *worker, struct mapproc_work *work)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_scan_block *block = work->block;
    size_t step = MAPPROC_STEP_READ - MAPPROC_CHUNKER_BEFORE, n;

    block->count = 0;
    block->unclear = false;
    for (size_t position = 0; position < block->length && !block->unclear; position += n) {
        n = (size_t)mapproc_min_u64(block->length - position, step);
        block->unclear = mapproc_pipeline_stopping(pipeline) ||
                         !scan_stretch(worker, mapproc_lane_of(work), block, position, n);
    }
    (void)pthread_mutex_lock(&pipeline->lock);
    block->ready = true;
    pipeline->scanner.busy--;
    for (struct mapproc_lane *lane = pipeline->active_first; lane; lane = lane->next_active)
        if (!mapproc_lane_is_stream(lane))
            lane->ticket_out = false;
    (void)pthread_mutex_unlock(&pipeline->lock);
    mapproc_lane_release(worker, work);
}

bool mapproc_scanner_is_waited_for(const struct mapproc_pipeline *pipeline)
{
    return pipeline->scanner.busy > 0;
}
