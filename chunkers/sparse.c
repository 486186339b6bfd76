/* SPDX-License-Identifier: MIT */
/* sparse.c - chunks that end where data and holes of a sparse file do, and at --chunk-size.
 *
 * So every chunk is all data or all hole, as far as the file system tells; of a stream, and where
 * nobody tells, all is data.
 */
#include "chunkers/chunker.h"

struct sparse {
    size_t chunk_size;
    uint64_t position; /* of the next chunk */
    uint64_t end;      /* of the hole or the data that was found last */
    const struct mapproc_chunker_source *source;
};

static const char *sparse_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct sparse *sparse = state;

    if (settings->chunk_size == 0)
        return "needs a chunk size";
    *sparse = (struct sparse){
        .chunk_size = settings->chunk_size,
        .position = settings->offset,
        .source = settings->source,
    };
    return NULL;
}

static size_t sparse_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct sparse *sparse = state;
    size_t wanted = sparse->chunk_size;

    (void)view;
    if (sparse->source != NULL) {
        if (sparse->end <= sparse->position)
            (void)sparse->source->find_hole(sparse->source->user, sparse->position, &sparse->end);
        if (sparse->end > sparse->position && sparse->end - sparse->position < wanted)
            wanted = (size_t)(sparse->end - sparse->position);
    }
    if (length < wanted && !at_end)
        return MAPPROC_CHUNKER_MORE;
    if (wanted > length)
        wanted = length;
    sparse->position += wanted;
    return wanted;
}

extern const struct mapproc_chunker mapproc_chunker_sparse;
const struct mapproc_chunker mapproc_chunker_sparse = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "sparse",
    .summary = "the data and the holes of a sparse file, at most --chunk-size bytes of them",
    .state_size = sizeof(struct sparse),
    .reads_data = false,
    .init = sparse_init,
    .next = sparse_next,
};
