/* SPDX-License-Identifier: MIT */
/* lines.c - chunks that end behind a newline, or another byte: the first one from --chunk-size on.
 *
 * So no chunk has a part of a line, unless a line is so long that its chunk would exceed the limit.
 * It is then cut there, and what is left of it begins the next chunk.
 */
#include <string.h>

#include "chunkers/chunker.h"

enum {
    TARGET_USUAL = 1 << 20, /* bytes */
    LIMIT_FACTOR = 2,       /* the usual limit, in chunk sizes */
};

enum { OPTION_BYTE, OPTION_LIMIT };

struct lines {
    size_t target;
    size_t limit;
    size_t searched; /* bytes of the current view that have no border, or 0 */
    uint64_t forced;
    uint8_t byte;
};

static const struct mapproc_chunker_option options[] = {
    [OPTION_BYTE] = {"byte", "the byte that ends a line (default 10, newline)", '\n', 0, 255},
    [OPTION_LIMIT] = {"limit", "bytes of the largest chunk (default twice the chunk size)", 0, 1,
                      MAPPROC_CHUNKER_MOST},
    {NULL, NULL, 0, 0, 0},
};

static const char *lines_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct lines *lines = state;
    size_t target = settings->chunk_size != 0 ? settings->chunk_size : TARGET_USUAL;
    uint64_t limit = settings->options[OPTION_LIMIT];

    if (limit == 0)
        limit = target < MAPPROC_CHUNKER_MOST / LIMIT_FACTOR ? target * LIMIT_FACTOR
                                                             : MAPPROC_CHUNKER_MOST;
    if (limit < target)
        return "limit must not be less than the chunk size";
    *lines = (struct lines){
        .target = target,
        .limit = (size_t)limit,
        .byte = (uint8_t)settings->options[OPTION_BYTE],
    };
    return NULL;
}

/* Where the search begins: with the last byte of a chunk of the size wished for. */
static size_t lines_skip(const void *state)
{
    return ((const struct lines *)state)->target - 1;
}

static size_t lines_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct lines *lines = state;
    size_t from = lines->searched != 0 ? lines->searched : lines_skip(lines);
    size_t to = length < lines->limit ? length : lines->limit;
    const uint8_t *found = from < to ? memchr(view + from, lines->byte, to - from) : NULL;

    lines->searched = 0;
    if (found != NULL)
        return (size_t)(found - view) + 1;
    if (length >= lines->limit) {
        lines->forced += !at_end || length > lines->limit;
        return lines->limit;
    }
    if (at_end)
        return length;
    lines->searched = from < to ? to : 0;
    return MAPPROC_CHUNKER_MORE;
}

static size_t lines_most(const void *state)
{
    return ((const struct lines *)state)->limit;
}

static uint64_t lines_forced(const void *state)
{
    return ((const struct lines *)state)->forced;
}

extern const struct mapproc_chunker mapproc_chunker_lines;
const struct mapproc_chunker mapproc_chunker_lines = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "lines",
    .summary = "whole lines, --chunk-size bytes (default 1M) and what is left of the last line",
    .options = options,
    .state_size = sizeof(struct lines),
    .reads_data = true,
    .init = lines_init,
    .next = lines_next,
    .most = lines_most,
    .skip = lines_skip,
    .forced = lines_forced,
};
