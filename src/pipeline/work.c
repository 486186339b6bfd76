/* SPDX-License-Identifier: MIT */
/* work.c - what a chunk holds while it is in flight: descriptor, scratch, buffer, window. */
#include "pipeline/work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

void mapproc_work_free(struct mapproc_pipeline *pipeline, struct mapproc_work *work)
{
    struct mapproc_buddy *arena = &pipeline->arenas[work->node];

    mapproc_buddy_free(arena, work->buffer);
    mapproc_buddy_free(arena, work->chunk.scratch);
    mapproc_slab_free(&pipeline->works, work);
}

struct mapproc_work *mapproc_work_make(struct mapproc_pipeline *pipeline, enum mapproc_task task,
                                       unsigned node, size_t length, bool with_buffer)
{
    struct mapproc_buddy *arena = &pipeline->arenas[node];
    size_t scratch_size = pipeline->job->scratch_size(pipeline->context, length);
    struct mapproc_work *work = mapproc_slab_alloc(&pipeline->works);

    if (work == NULL)
        return NULL;
    *work = (struct mapproc_work){.task = task, .node = node, .chunk.length = length};
    if (scratch_size > 0)
        work->chunk.scratch = mapproc_buddy_alloc(arena, scratch_size);
    if (with_buffer)
        work->buffer = mapproc_buddy_alloc(arena, length);
    if ((scratch_size > 0 && work->chunk.scratch == NULL) ||
        (with_buffer && work->buffer == NULL)) {
        mapproc_work_free(pipeline, work);
        return NULL;
    }
    return work;
}

void mapproc_window_put(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        struct mapproc_window *window)
{
    uint64_t start;
    bool last;

    if (window == NULL)
        return;
    (void)pthread_mutex_lock(&pipeline->lock);
    last = --window->users == 0;
    (void)pthread_mutex_unlock(&pipeline->lock);
    if (!last)
        return;
    start = mapproc_io_choice_clock();
    mapproc_mapping_close(&window->mapping);
    mapproc_slab_free(&pipeline->windows, window);
    (void)pthread_mutex_lock(&pipeline->lock);
    mapproc_io_choice_add(&lane->io_choice, MAPPROC_ACCESS_MAP, mapproc_io_choice_clock() - start,
                          0);
    (void)pthread_mutex_unlock(&pipeline->lock);
}

/* Opens the window that begins with the bytes [offset, end). NULL if they cannot be mapped. */
static struct mapproc_window *open_window(struct mapproc_pipeline *pipeline,
                                          const struct mapproc_source *source, uint64_t offset,
                                          uint64_t end, struct mapproc_error *error)
{
    uint64_t wanted = mapproc_round_down(offset, MAPPROC_MAPPING_ALIGNMENT) + MAPPROC_WINDOW_SIZE;
    struct mapproc_window *window = mapproc_slab_alloc(&pipeline->windows);

    if (window == NULL) {
        (void)mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, source->path, "cannot map");
        return NULL;
    }
    if (wanted > end)
        end = mapproc_min_u64(wanted, source->size);
    if (mapproc_mapping_open(&window->mapping, source, offset, end, error) != MAPPROC_OK) {
        mapproc_slab_free(&pipeline->windows, window);
        return NULL;
    }
    window->users = 1; /* the lane's */
    return window;
}

bool mapproc_work_map(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                      struct mapproc_work *work)
{
    uint64_t end = work->chunk.offset + work->chunk.length;
    struct mapproc_window *window = lane->window;

    if (window == NULL || end > window->mapping.offset + window->mapping.length) {
        struct mapproc_error error;

        lane->window = open_window(pipeline, &lane->item.source, work->chunk.offset, end, &error);
        mapproc_window_put(pipeline, lane, window);
        window = lane->window;
        if (window == NULL) {
            char text[128];

            (void)snprintf(text, sizeof(text), "cannot be mapped (%s), so it is read",
                           strerror(error.system_error));
            (void)pthread_mutex_lock(&pipeline->lock);
            mapproc_io_choice_fix(&lane->io_choice, MAPPROC_ACCESS_READ);
            (void)pthread_mutex_unlock(&pipeline->lock);
            mapproc_pipeline_note(pipeline, lane->item.source.path, text);
            return false;
        }
    }
    (void)pthread_mutex_lock(&pipeline->lock);
    window->users++;
    (void)pthread_mutex_unlock(&pipeline->lock);
    work->window = window;
    return true;
}
