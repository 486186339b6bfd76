/* SPDX-License-Identifier: MIT */
/* fixed.c - chunks of one size; the last has what is left. */
#include "chunkers/chunker.h"

struct fixed {
    size_t chunk_size;
};

static const char *fixed_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct fixed *fixed = state;

    if (settings->chunk_size == 0)
        return "needs a chunk size";
    fixed->chunk_size = settings->chunk_size;
    return NULL;
}

static size_t fixed_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    const struct fixed *fixed = state;

    (void)view;
    if (length >= fixed->chunk_size)
        return fixed->chunk_size;
    return at_end ? length : MAPPROC_CHUNKER_MORE;
}

extern const struct mapproc_chunker mapproc_chunker_fixed;
const struct mapproc_chunker mapproc_chunker_fixed = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "fixed",
    .summary = "chunks of --chunk-size bytes",
    .state_size = sizeof(struct fixed),
    .reads_data = false,
    .init = fixed_init,
    .next = fixed_next,
};
