/* SPDX-License-Identifier: MIT */
/* view.h - the bytes of a source from the last border on, for chunkers that read them. */
#ifndef MAPPROC_PIPELINE_VIEW_H
#define MAPPROC_PIPELINE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/source.h"

/*
 * Copies, got by read(): the file may be cut at any moment, and a chunker must not be abandoned in
 * the middle. Serves one source at a time, and another when it is started for that. One user at a
 * time.
 */
struct mapproc_view {
    uint8_t *memory;
    size_t capacity;
    size_t most;      /* bytes that it is ever asked for */
    uint64_t owner;   /* 1 + index of the source that it serves; 0: none */
    uint64_t offset;  /* in the source, of its first byte */
    size_t begin;     /* that byte in the memory */
    size_t available; /* bytes from there on; those to be skipped may be missing */
    size_t step;      /* bytes of the next read */
    bool ended;       /* the stream has no more */
};

/* Bytes that a view takes whose chunks have at most `most`. */
size_t mapproc_view_size(size_t most);

/* Memory that is never touched is never taken. */
int mapproc_view_init(struct mapproc_view *view, size_t most, struct mapproc_error *error);
void mapproc_view_destroy(struct mapproc_view *view); /* zeros are allowed */

/* Lets the view begin at `offset` of the source number `index`: as close behind the last border as
 * it may be, what has been read already is kept. */
void mapproc_view_start(struct mapproc_view *view, uint64_t index, uint64_t offset);

static inline const uint8_t *mapproc_view_bytes(const struct mapproc_view *view)
{
    return view->memory + view->begin;
}

/* Reads on in an extent, unless the view has all that it may be asked for; its first `skip` bytes
 * are not wanted, if they are not there yet. */
int mapproc_view_read_at(struct mapproc_view *view, const struct mapproc_source *source,
                         size_t skip, struct mapproc_error *error);

/* Reads on in a stream, unless it has ended; so that the view gets longer than `skip` bytes, if
 * there are so many. */
int mapproc_view_read_next(struct mapproc_view *view, const struct mapproc_source *source,
                           size_t skip, int wake_fd, struct mapproc_error *error);

#endif
