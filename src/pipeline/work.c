/* SPDX-License-Identifier: MIT */
/* work.c - what a chunk holds while it is in flight: descriptor, scratch, buffer, window. */
#include "pipeline/work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

static void give_scratch_back(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    struct mapproc_buddy *arena = &pipeline->arenas[work->arena];

    mapproc_buddy_free(arena, work->buffer);
    mapproc_buddy_free(arena, work->chunk.scratch);
}

void mapproc_work_free(struct mapproc_worker *worker, struct mapproc_work *work)
{
    give_scratch_back(worker->pipeline, work);
    mapproc_magazine_free(&worker->works, work);
}

void mapproc_work_discard(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    give_scratch_back(pipeline, work);
    mapproc_slab_free(&pipeline->works, work);
}

/* Takes scratch and buffer, either of which may be of size 0, from one arena. All or nothing. */
static bool take_scratch(struct mapproc_buddy *arena, struct mapproc_work *work,
                         size_t scratch_size, size_t buffer_size)
{
    work->chunk.scratch = mapproc_buddy_alloc(arena, scratch_size);
    work->buffer = mapproc_buddy_alloc(arena, buffer_size);
    if ((scratch_size == 0 || work->chunk.scratch != NULL) &&
        (buffer_size == 0 || work->buffer != NULL))
        return true;
    mapproc_buddy_free(arena, work->buffer);
    mapproc_buddy_free(arena, work->chunk.scratch);
    return false;
}

struct mapproc_work *mapproc_work_make(struct mapproc_worker *worker, enum mapproc_task task,
                                       struct mapproc_item *item, unsigned node,
                                       const struct mapproc_need *need)
{
    struct mapproc_pipeline *pipeline = worker->pipeline;
    struct mapproc_work *work = mapproc_magazine_alloc(&worker->works);
    unsigned nodes = pipeline->routes.nodes;
    const unsigned *order = pipeline->routes.order + (size_t)node * pipeline->routes.nodes;

    if (work == NULL)
        return NULL;
    *work = (struct mapproc_work){.task = task, .node = node};
    work->chunk.item = item;
    work->chunk.length = need->length;
    /* Memory that is further away is better than none, and the arenas are sized to be enough only
     * together: where the page cache is all on one node, so are the chunks. But strictly means
     * strictly; one chunk fits into each arena, so there is always one that can go on. */
    if (pipeline->routes.policy == MAPPROC_NUMA_BIND)
        nodes = 1;
    for (unsigned i = 0; i < nodes; i++) {
        work->arena = order[i];
        if (take_scratch(&pipeline->arenas[order[i]], work, need->scratch, need->buffer))
            return work;
    }
    mapproc_magazine_free(&worker->works, work);
    return NULL;
}

void mapproc_window_put(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        struct mapproc_window *window)
{
    uint64_t start;
    size_t length;
    bool last;

    if (window == NULL)
        return;
    (void)pthread_mutex_lock(&pipeline->lock);
    last = --window->users == 0;
    (void)pthread_mutex_unlock(&pipeline->lock);
    if (!last)
        return;
    start = mapproc_io_choice_clock();
    length = window->mapping.length;
    mapproc_mapping_close(&window->mapping);
    mapproc_slab_free(&pipeline->windows, window);
    (void)pthread_mutex_lock(&pipeline->lock);
    pipeline->mapped -= length;
    mapproc_io_choice_add(&lane->io_choice, MAPPROC_ACCESS_MAP, mapproc_io_choice_clock() - start,
                          0);
    (void)pthread_mutex_unlock(&pipeline->lock);
}

/*
 * Reserves room for one more window that begins at `begin` and has the bytes up to `end` at least.
 * Returns its length, or 0 if as much is mapped already as the memory allows.
 */
static size_t reserve_window(struct mapproc_pipeline *pipeline, uint64_t begin, uint64_t end,
                             uint64_t size)
{
    uint64_t wanted = begin + pipeline->budget.window_size;
    size_t length;
    bool room;

    if (wanted > end)
        end = mapproc_min_u64(wanted, size);
    length = (size_t)(end - begin);
    (void)pthread_mutex_lock(&pipeline->lock);
    room =
        length <= pipeline->budget.mapped && pipeline->mapped <= pipeline->budget.mapped - length;
    if (room)
        pipeline->mapped += length;
    (void)pthread_mutex_unlock(&pipeline->lock);
    return room ? length : 0;
}

/* Opens a window of the source. NULL, with what it had reserved given back, if it cannot be. */
static struct mapproc_window *open_window(struct mapproc_pipeline *pipeline,
                                          const struct mapproc_source *source, uint64_t begin,
                                          size_t length, struct mapproc_error *error)
{
    struct mapproc_window *window = mapproc_slab_alloc(&pipeline->windows);

    if (window == NULL) {
        (void)mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, source->path, "cannot map");
        goto give_back;
    }
    if (mapproc_mapping_open(&window->mapping, source, begin, begin + length,
                             pipeline->routes.count > 1, error) != MAPPROC_OK) {
        mapproc_slab_free(&pipeline->windows, window);
        goto give_back;
    }
    window->users = 1; /* the lane's */
    return window;

give_back:
    (void)pthread_mutex_lock(&pipeline->lock);
    pipeline->mapped -= length;
    (void)pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

/* The source cannot be mapped: from now on it is read, and the user is told why. */
static void give_up_mapping(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                            const struct mapproc_error *error)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "cannot be mapped (%s), so it is read",
                   strerror(error->system_error));
    lane->item.source.mappable = false;
    (void)pthread_mutex_lock(&pipeline->lock);
    mapproc_io_choice_fix(&lane->io_choice, MAPPROC_ACCESS_READ);
    (void)pthread_mutex_unlock(&pipeline->lock);
    mapproc_pipeline_note(pipeline, lane->item.source.path, text);
}

bool mapproc_window_cover(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                          uint64_t offset, uint64_t end)
{
    const struct mapproc_source *source = &lane->item.source;
    uint64_t begin = mapproc_round_down(offset, MAPPROC_MAPPING_ALIGNMENT);
    struct mapproc_error error;
    size_t length;

    if (lane->window != NULL) {
        if (end <= lane->window->mapping.offset + lane->window->mapping.length)
            return true;
        /* First, because it may be what there is no more room beside. */
        mapproc_window_put(pipeline, lane, lane->window);
        lane->window = NULL;
    }
    length = reserve_window(pipeline, begin, end, source->size);
    if (length == 0)
        return false;
    lane->window = open_window(pipeline, source, begin, length, &error);
    if (lane->window == NULL)
        give_up_mapping(pipeline, lane, &error);
    return lane->window != NULL;
}

void mapproc_work_use_window(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    work->window = mapproc_lane_of(work)->window;
    (void)pthread_mutex_lock(&pipeline->lock);
    work->window->users++;
    (void)pthread_mutex_unlock(&pipeline->lock);
}
