/* SPDX-License-Identifier: MIT */
/* records.c - chunks of whole records of one size, the first with the header in front of them. */
#include "chunkers/chunker.h"

enum { TARGET_USUAL = 1 << 20 }; /* bytes */

enum { OPTION_SIZE, OPTION_HEADER };

struct records {
    size_t chunk_size; /* a multiple of the size of a record */
    size_t header;
    size_t first; /* bytes of the header that the next chunk has to begin with */
};

static const struct mapproc_chunker_option options[] = {
    [OPTION_SIZE] = {"size", "bytes of a record (needed)", 0, 1, MAPPROC_CHUNKER_MOST},
    [OPTION_HEADER] = {"header", "bytes in front of the first record (default 0)", 0, 0,
                       MAPPROC_CHUNKER_MOST},
    {NULL, NULL, 0, 0, 0},
};

static const char *records_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct records *records = state;
    size_t size = (size_t)settings->options[OPTION_SIZE];
    size_t header = (size_t)settings->options[OPTION_HEADER];
    size_t target = settings->chunk_size != 0 ? settings->chunk_size : TARGET_USUAL;

    if (size == 0)
        return "needs size=BYTES, the size of a record";
    target = target < size ? size : target - target % size;
    if (target > MAPPROC_CHUNKER_MOST - header)
        return "a chunk with the header and a record must not be larger than 1G";
    *records = (struct records){
        .chunk_size = target,
        .header = header,
        .first = settings->offset == 0 ? header : 0,
    };
    return NULL;
}

static size_t records_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct records *records = state;
    size_t wanted = records->first + records->chunk_size;

    (void)view;
    if (length < wanted && !at_end)
        return MAPPROC_CHUNKER_MORE;
    records->first = 0;
    return length < wanted ? length : wanted;
}

static size_t records_most(const void *state)
{
    const struct records *records = state;

    return records->header + records->chunk_size;
}

extern const struct mapproc_chunker mapproc_chunker_records;
const struct mapproc_chunker mapproc_chunker_records = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "records",
    .summary = "whole records of one size, at most --chunk-size bytes (default 1M) of them",
    .options = options,
    .state_size = sizeof(struct records),
    .reads_data = false,
    .init = records_init,
    .next = records_next,
    .most = records_most,
};
