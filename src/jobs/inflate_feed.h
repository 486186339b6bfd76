/* SPDX-License-Identifier: MIT */
/* inflate_feed.h - the compressed bytes of a file, in order: from memory, a file, or a stream. */
#ifndef MAPPROC_JOBS_INFLATE_FEED_H
#define MAPPROC_JOBS_INFLATE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/source.h"
#include "pipeline/job.h"

/* One thread at a time. The user reads `next` and `left`, and calls the functions. */
struct mapproc_inflate_feed {
    const struct mapproc_source *source; /* NULL: there is nothing behind what is at hand */
    int wake_fd;
    uint64_t offset;     /* in the file, of the next byte */
    uint64_t end;        /* of an extent: where the feed ends */
    const uint8_t *next; /* what is at hand */
    size_t left;         /* bytes of it */
    uint8_t *buffer;
    size_t size;                 /* bytes */
    bool at_end;                 /* there is nothing behind what is at hand */
    struct mapproc_chunk *chunk; /* is told what was read, and holds it back; NULL: nobody is */
};

/* All there is are these bytes, which are at `offset` of the file. */
void mapproc_inflate_feed_memory(struct mapproc_inflate_feed *feed, const uint8_t *data,
                                 size_t length, uint64_t offset);

/* The bytes [offset, end) of an extent, or, of a stream, `length` bytes at `offset` that have been
 * read and all behind them. The buffer of `size` bytes, more than `length`, is borrowed. */
void mapproc_inflate_feed_extent(struct mapproc_inflate_feed *feed,
                                 const struct mapproc_source *source, int wake_fd, uint64_t offset,
                                 uint64_t end, uint8_t *buffer, size_t size);
void mapproc_inflate_feed_stream(struct mapproc_inflate_feed *feed,
                                 const struct mapproc_source *source, int wake_fd, uint64_t offset,
                                 const uint8_t *data, size_t length, uint8_t *buffer, size_t size);

/* Has `wanted` bytes at hand, at most the buffer's size, or all there are. MAPPROC_CANCELLED once
 * wake_fd is readable, or the chunk's run is stopping. */
int mapproc_inflate_feed_fill(struct mapproc_inflate_feed *feed, size_t wanted,
                              struct mapproc_error *error);

/* Moves on by so many of the bytes at hand. */
static inline void mapproc_inflate_feed_take(struct mapproc_inflate_feed *feed, size_t length)
{
    feed->next += length;
    feed->left -= length;
    feed->offset += length;
}

/* Moves on to an offset further on, or to the end if that comes first. */
int mapproc_inflate_feed_skip(struct mapproc_inflate_feed *feed, uint64_t offset,
                              struct mapproc_error *error);

/* Whether the feed can go to any offset. */
bool mapproc_inflate_feed_can_seek(const struct mapproc_inflate_feed *feed);

/* Goes to an offset of an extent. */
void mapproc_inflate_feed_seek(struct mapproc_inflate_feed *feed, uint64_t offset);

/* Whether the run is stopping, which `wake_fd` (or -1) tells. */
bool mapproc_inflate_is_woken(int wake_fd);

#endif
