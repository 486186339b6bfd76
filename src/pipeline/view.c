/* SPDX-License-Identifier: MIT */
/* view.c - the bytes of a source from the last border on, for chunkers that read them.
 *
 * What a chunker has not used of a read is the beginning of its next view. Where it skips more than
 * that, the bytes between are never read, and reads become shorter: they are wasted for the most
 * part. Where it asks for more, they become longer.
 */
#include "pipeline/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

enum { STEP_LEAST = 16 << 10, STEP_MOST = 256 << 10 }; /* bytes */

size_t mapproc_view_size(size_t most)
{
    /* With so much room beside the largest chunk, what is left is moved to the front seldom. */
    size_t room = most / 4 > STEP_MOST ? most / 4 : STEP_MOST;

    return most + room;
}

int mapproc_view_init(struct mapproc_view *view, size_t most, struct mapproc_error *error)
{
    *view = (struct mapproc_view){
        .memory = malloc(mapproc_view_size(most)),
        .capacity = mapproc_view_size(most),
        .most = most,
        .step = STEP_LEAST,
    };
    return view->memory != NULL ? MAPPROC_OK
                                : mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL,
                                                    "cannot keep what a chunker has to see");
}

void mapproc_view_destroy(struct mapproc_view *view)
{
    free(view->memory);
    *view = (struct mapproc_view){.memory = NULL};
}

void mapproc_view_start(struct mapproc_view *view, uint64_t index, uint64_t offset)
{
    if (view->owner == index + 1 && offset >= view->offset &&
        offset - view->offset <= view->available) {
        size_t passed = (size_t)(offset - view->offset);

        view->begin += passed;
        view->available -= passed;
    } else {
        view->begin = 0;
        view->available = 0;
        view->ended = false;
        view->owner = index + 1;
    }
    view->offset = offset;
}

/* Makes room for `length` bytes behind what is there. */
static void make_room(struct mapproc_view *view, size_t length)
{
    if (view->capacity - view->begin - view->available >= length)
        return;
    memmove(view->memory, mapproc_view_bytes(view), view->available);
    view->begin = 0;
}

int mapproc_view_read_at(struct mapproc_view *view, const struct mapproc_source *source,
                         size_t skip, struct mapproc_error *error)
{
    uint64_t left = source->size - view->offset;
    size_t wanted = (size_t)mapproc_min_u64(left, view->most);
    size_t length;
    int result;

    if (view->available < skip) {
        view->begin = 0;
        view->available = (size_t)mapproc_min_u64(skip, wanted);
        view->step = view->step / 2 > STEP_LEAST ? view->step / 2 : STEP_LEAST;
    } else if (view->step < STEP_MOST) {
        view->step *= 2;
    }
    if (view->available >= wanted)
        return MAPPROC_OK;
    length = (size_t)mapproc_min_u64(view->step, left - view->available);
    if (length > view->capacity - view->available)
        length = view->capacity - view->available;
    make_room(view, length);
    result = mapproc_source_read_at(source, view->offset + view->available,
                                    view->memory + view->begin + view->available, length, error);
    if (result != MAPPROC_OK && error->length > 0 &&
        error->offset > view->offset + view->available) {
        /* The failure lies further on: the chunk may end before it. */
        length = (size_t)mapproc_min_u64(length, error->offset - view->offset - view->available);
        result = MAPPROC_OK;
    }
    if (result == MAPPROC_OK)
        view->available += length;
    return result;
}

int mapproc_view_read_next(struct mapproc_view *view, const struct mapproc_source *source,
                           size_t skip, int wake_fd, struct mapproc_error *error)
{
    size_t length = skip + 1 > view->available ? skip + 1 - view->available : 0;
    size_t got = 0;
    int result;

    if (length < STEP_MOST)
        length = STEP_MOST;
    if (length > view->capacity - view->available)
        length = view->capacity - view->available;
    if (view->ended || view->available >= view->most)
        return MAPPROC_OK;
    make_room(view, length);
    result = mapproc_source_read_next(source, wake_fd, view->memory + view->begin + view->available,
                                      length, &got, error);
    view->available += got;
    view->ended = got < length;
    return result;
}
