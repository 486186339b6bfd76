/* SPDX-License-Identifier: MIT */
/* budget.c - how many threads, chunks and windows fit into the memory that a job may hold.
 *
 *     program and its tables        12 MiB
 *   + views                         what a chunker that reads has to see
 *   + workers                       384 KiB each: read buffer, stack, caches of the allocators
 *   + scratch arenas                per chunk in flight: its scratch, and a buffer of its size in
 *                                   case it is read and kept; and one such chunk more a node, as
 *                                   chunks are not spread evenly
 *   + windows                       unless the job wants copies: what the chunks in flight lie in,
 *                                   and one more for each source worked on, of which most is done
 *                                   and not yet unmapped
 *
 * The program measures 4 MiB; results that wait for their turn take 4; page tables, and descriptors
 * of up to 4,096 files on their way, the rest. The sums are upper bounds: a chunk is either mapped
 * or read, rarely both.
 */
#include "pipeline/budget.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/error.h"
#include "input/mapping.h"
#include "memory/buddy.h"
#include "pipeline/pipeline.h"

enum {
    PROGRAM_SIZE = 12 << 20,
    WORKER_SIZE = 384 << 10,
    DEFAULT_SIZE = 240 << 20,
    MACHINE_SHARE = 8, /* the default is at most one part in so many */
    CGROUP_SHARE = 2,
    /* Smaller chunks are all overhead. */
    CHUNK_SIZE_LEAST = 64 << 10,
    /* Unmapping costs the same per page in any size, but each call interrupts all CPUs once. */
    WINDOW_SIZE_MOST = 32 << 20,
    WINDOW_SIZE_LEAST = 4 << 20,
    /* Two chunks wait for each one that is worked on, to ride out uneven chunks. */
    CHUNKS_PER_WORKER = 3,
};

uint64_t mapproc_budget_default_memory(const struct mapproc_limits *limits)
{
    uint64_t memory = DEFAULT_SIZE;

    if (limits->machine_memory != 0)
        memory = mapproc_min_u64(memory, limits->machine_memory / MACHINE_SHARE);
    if (limits->memory != 0)
        memory = mapproc_min_u64(memory, limits->memory / CGROUP_SHARE);
    return memory;
}

/* Bytes of the arenas that a chunk takes. 0 if there is no such size. */
static size_t chunk_scratch(const struct mapproc_budget_request *request, size_t chunk_size)
{
    size_t scratch = request->job->scratch_size(request->context, NULL, chunk_size);
    size_t sum;

    if (scratch > 0)
        scratch = mapproc_buddy_block_size(scratch);
    return mapproc_add_size(scratch, mapproc_buddy_block_size(chunk_size), &sum) ? sum : 0;
}

/* A share of an arena into which the largest chunk that a job can ask for fits. */
static uint64_t with_largest(const struct mapproc_budget_request *request, uint64_t scratch)
{
    const struct mapproc_job *job = request->job;
    uint64_t largest = job->largest != NULL ? job->largest(request->context) : 0;

    return scratch > largest ? scratch : largest;
}

/* Fills in what follows from workers, in_flight, chunk_size and window_size. False if it is more
 * than can be counted. */
static bool add_up(struct mapproc_budget *budget, const struct mapproc_budget_request *request)
{
    size_t per_chunk = chunk_scratch(request, budget->chunk_size);
    uint64_t least_window =
        mapproc_round_down(budget->chunk_size + UINT64_C(2) * MAPPROC_MAPPING_ALIGNMENT - 1,
                           MAPPROC_MAPPING_ALIGNMENT);
    uint64_t chunks = (uint64_t)budget->in_flight * budget->chunk_size;
    uint64_t windows, mapped, scratch, arenas;

    if (budget->window_size < least_window)
        budget->window_size = (size_t)least_window;
    windows = (chunks + budget->window_size - 1) / budget->window_size;
    windows += request->job->spreads ? budget->workers : 1;
    if (!request->maps)
        windows = 0;
    if (per_chunk == 0 ||
        !mapproc_multiply_u64(per_chunk,
                              (budget->in_flight + request->nodes - 1) / request->nodes +
                                  (request->nodes > 1),
                              &scratch) ||
        !mapproc_multiply_u64(with_largest(request, scratch), request->nodes, &arenas) ||
        !mapproc_multiply_u64(windows, budget->window_size, &mapped) ||
        !mapproc_add_u64(arenas, mapped, &budget->memory) ||
        !mapproc_add_u64(budget->memory,
                         budget->workers * (WORKER_SIZE + (uint64_t)request->scans) + PROGRAM_SIZE +
                             request->views,
                         &budget->memory) ||
        budget->memory > SIZE_MAX)
        return false;
    budget->scratch = (size_t)with_largest(request, scratch);
    budget->mapped = (size_t)mapped;
    return true;
}

/* Finds the best that so many workers can have within `memory`. False if they cannot. */
static bool fit(struct mapproc_budget *budget, const struct mapproc_budget_request *request,
                unsigned workers, uint64_t memory)
{
    bool free_size = request->chunk_size == 0;
    size_t chunk_size = request->chunk_size;

    if (free_size)
        chunk_size =
            request->job->chunk_size != 0 ? request->job->chunk_size : MAPPROC_CHUNK_SIZE_DEFAULT;
    for (; chunk_size >= CHUNK_SIZE_LEAST || !free_size; chunk_size /= 2) {
        for (size_t window = WINDOW_SIZE_MOST; window >= WINDOW_SIZE_LEAST; window /= 2) {
            for (unsigned each = CHUNKS_PER_WORKER; each > 0; each--) {
                *budget = (struct mapproc_budget){
                    .workers = workers,
                    .in_flight = each > 1 ? each * workers : workers + 1,
                    .chunk_size = chunk_size,
                    .window_size = window,
                };
                if (add_up(budget, request) && budget->memory <= memory)
                    return true;
            }
        }
        if (!free_size)
            break;
    }
    return false;
}

/* The least memory that so many workers can live with; UINT64_MAX if there is not so much. Larger
 * windows can come to less, as whole ones are counted. */
static uint64_t least_memory(const struct mapproc_budget_request *request, unsigned workers)
{
    uint64_t least = UINT64_MAX;

    for (size_t window = WINDOW_SIZE_MOST; window >= WINDOW_SIZE_LEAST; window /= 2) {
        struct mapproc_budget budget = {
            .workers = workers,
            .in_flight = workers + 1,
            .chunk_size = request->chunk_size != 0 ? request->chunk_size : CHUNK_SIZE_LEAST,
            .window_size = window,
        };

        if (add_up(&budget, request))
            least = mapproc_min_u64(least, budget.memory);
    }
    return least;
}

static int refuse(const struct mapproc_budget_request *request, unsigned workers, uint64_t least,
                  struct mapproc_error *error)
{
    const uint64_t mebibyte = 1 << 20;

    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                             "a memory of %" PRIu64 " bytes is too little: %u %s%s at least "
                             "%" PRIu64 "M",
                             request->memory, workers, workers == 1 ? "thread" : "threads",
                             request->chunk_size != 0 ? " with chunks of this size need"
                             : workers == 1           ? " needs"
                                                      : " need",
                             (least + mebibyte - 1) / mebibyte);
}

int mapproc_budget_make(struct mapproc_budget *budget, const struct mapproc_budget_request *request,
                        struct mapproc_error *error)
{
    bool free_threads = request->threads == 0;
    unsigned workers = free_threads ? request->default_threads : request->threads;
    unsigned fewest = free_threads ? 1 : workers;
    uint64_t memory = request->memory;
    uint64_t least = least_memory(request, fewest);

    if (least == UINT64_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "%u threads with chunks of %zu bytes are more than any memory",
                                 fewest, request->chunk_size);
    if (memory == 0) {
        memory = mapproc_budget_default_memory(request->limits);
        if (memory < least)
            memory = least;
    }
    for (; workers >= fewest; workers--)
        if (fit(budget, request, workers, memory))
            return MAPPROC_OK;
    return refuse(request, fewest, least, error);
}
