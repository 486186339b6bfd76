/* SPDX-License-Identifier: MIT */
/* inflate_feed.c - the compressed bytes of a file, in order: from memory, a file, or a stream. */
#include "jobs/inflate_feed.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

void mapproc_inflate_feed_memory(struct mapproc_inflate_feed *feed, const uint8_t *data,
                                 size_t length, uint64_t offset)
{
    *feed = (struct mapproc_inflate_feed){
        .wake_fd = -1,
        .offset = offset,
        .end = offset + length,
        .next = data,
        .left = length,
        .at_end = true,
    };
}

void mapproc_inflate_feed_extent(struct mapproc_inflate_feed *feed,
                                 const struct mapproc_source *source, int wake_fd, uint64_t offset,
                                 uint64_t end, uint8_t *buffer, size_t size)
{
    *feed = (struct mapproc_inflate_feed){
        .source = source,
        .wake_fd = wake_fd,
        .offset = offset,
        .end = end,
        .next = buffer,
        .buffer = buffer,
        .size = size,
        .at_end = offset == end,
    };
}

void mapproc_inflate_feed_stream(struct mapproc_inflate_feed *feed,
                                 const struct mapproc_source *source, int wake_fd, uint64_t offset,
                                 const uint8_t *data, size_t length, uint8_t *buffer, size_t size)
{
    memcpy(buffer, data, length);
    *feed = (struct mapproc_inflate_feed){
        .source = source,
        .wake_fd = wake_fd,
        .offset = offset,
        .next = buffer,
        .left = length,
        .buffer = buffer,
        .size = size,
    };
}

bool mapproc_inflate_is_woken(int wake_fd)
{
    struct pollfd waiting = {.fd = wake_fd, .events = POLLIN};

    return wake_fd >= 0 && poll(&waiting, 1, 0) > 0;
}

/* Reads behind the bytes at hand, which begin the buffer. */
static int read_more(struct mapproc_inflate_feed *feed, struct mapproc_error *error)
{
    uint8_t *to = feed->buffer + feed->left;
    size_t room = feed->size - feed->left, got = 0;
    uint64_t from = feed->offset + feed->left;
    int result;

    if (mapproc_inflate_is_woken(feed->wake_fd))
        return mapproc_error_set(error, MAPPROC_CANCELLED, 0, feed->source->path, "cancelled");
    if (feed->source->kind == MAPPROC_SOURCE_STREAM) {
        result = mapproc_source_read_next(feed->source, feed->wake_fd, to, room, &got, error);
        feed->at_end = got < room;
    } else {
        got = (size_t)mapproc_min_u64(room, feed->end - from);
        result = mapproc_source_read_at(feed->source, from, to, got, error);
        feed->at_end = from + got == feed->end;
    }
    if (result != MAPPROC_OK)
        return result;
    feed->left += got;
    if (feed->chunk != NULL && !mapproc_job_advance(feed->chunk, got))
        return mapproc_error_set(error, MAPPROC_CANCELLED, 0, feed->source->path, "cancelled");
    return MAPPROC_OK;
}

int mapproc_inflate_feed_fill(struct mapproc_inflate_feed *feed, size_t wanted,
                              struct mapproc_error *error)
{
    if (feed->left >= wanted || feed->at_end)
        return MAPPROC_OK;
    memmove(feed->buffer, feed->next, feed->left);
    feed->next = feed->buffer;
    return read_more(feed, error);
}

int mapproc_inflate_feed_skip(struct mapproc_inflate_feed *feed, uint64_t offset,
                              struct mapproc_error *error)
{
    if (mapproc_inflate_feed_can_seek(feed)) {
        mapproc_inflate_feed_seek(feed, mapproc_min_u64(offset, feed->end));
        return MAPPROC_OK;
    }
    while (feed->offset < offset) {
        int result = mapproc_inflate_feed_fill(feed, 1, error);

        if (result != MAPPROC_OK)
            return result;
        if (feed->left == 0)
            break;
        mapproc_inflate_feed_take(feed, (size_t)mapproc_min_u64(feed->left, offset - feed->offset));
    }
    return MAPPROC_OK;
}

bool mapproc_inflate_feed_can_seek(const struct mapproc_inflate_feed *feed)
{
    return feed->source != NULL && feed->source->kind == MAPPROC_SOURCE_EXTENT;
}

void mapproc_inflate_feed_seek(struct mapproc_inflate_feed *feed, uint64_t offset)
{
    uint64_t begin = feed->offset - (uint64_t)(feed->next - feed->buffer);
    uint64_t end = feed->offset + feed->left;

    feed->offset = offset;
    if (offset >= begin && offset <= end) { /* is at hand, or was just now */
        feed->next = feed->buffer + (offset - begin);
        feed->left = (size_t)(end - offset);
        feed->at_end = end >= feed->end;
        return;
    }
    feed->next = feed->buffer;
    feed->left = 0;
    feed->at_end = offset >= feed->end;
}
