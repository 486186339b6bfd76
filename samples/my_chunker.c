/* SPDX-License-Identifier: MIT */
/* my_chunker.c - a chunker in a file of its own: chunks of whole FASTA records.
 *
 * A FASTA file is text in which each record begins with a line that starts with '>'. Here a chunk
 * ends before such a line, the first one from --chunk-size on (default 1M); so every chunk can be
 * parsed, or compressed and later unpacked, alone.
 *
 *     cc -O2 -shared -fPIC my_chunker.c -o my_chunker.so
 *     mapproc chunks --chunker=./my_chunker.so genome.fa
 *     mapproc chunks --chunker=./my_chunker.so:limit=64M --chunk-size=4M genome.fa
 */
#include <mapproc/chunker.h>
#include <string.h>

enum { TARGET_USUAL = 1 << 20, LIMIT_FACTOR = 16 };

enum { OPTION_LIMIT };

/* What mapproc keeps for us, once for each file. */
struct fasta {
    size_t target;
    size_t limit;
    size_t searched; /* bytes of the current view in which there is no border */
    uint64_t forced;
};

static const struct mapproc_chunker_option options[] = {
    [OPTION_LIMIT] = {"limit", "bytes of the largest chunk (default 16 times the chunk size)", 0, 2,
                      MAPPROC_CHUNKER_MOST},
    {NULL, NULL, 0, 0, 0},
};

static const char *fasta_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct fasta *fasta = state;
    uint64_t target = settings->chunk_size != 0 ? settings->chunk_size : TARGET_USUAL;
    uint64_t limit = settings->options[OPTION_LIMIT];

    if (limit == 0)
        limit = target * LIMIT_FACTOR;
    if (limit > MAPPROC_CHUNKER_MOST)
        limit = MAPPROC_CHUNKER_MOST;
    if (target >= limit)
        return "limit must be more than the chunk size";
    fasta->target = (size_t)target;
    fasta->limit = (size_t)limit;
    fasta->searched = 0;
    fasta->forced = 0;
    return NULL;
}

/* Bytes that we do not look at: mapproc need not read them for us. */
static size_t fasta_skip(const void *state)
{
    return ((const struct fasta *)state)->target - 1;
}

static size_t fasta_most(const void *state)
{
    return ((const struct fasta *)state)->limit;
}

static uint64_t fasta_forced(const void *state)
{
    return ((const struct fasta *)state)->forced;
}

static size_t fasta_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct fasta *fasta = state;
    size_t to = length < fasta->limit ? length : fasta->limit;
    size_t from = fasta->target;

    if (fasta->searched > from)
        from = fasta->searched;
    while (from < to) {
        const uint8_t *mark = memchr(view + from, '>', to - from);

        if (mark == NULL)
            break;
        if (mark[-1] == '\n') {
            fasta->searched = 0;
            return (size_t)(mark - view);
        }
        from = (size_t)(mark - view) + 1;
    }
    fasta->searched = 0;
    if (length >= fasta->limit) { /* a record larger than we can have: cut it */
        fasta->forced += !at_end || length > fasta->limit;
        return fasta->limit;
    }
    if (at_end)
        return length;
    fasta->searched = to; /* next time only what is new */
    return MAPPROC_CHUNKER_MORE;
}

/* mapproc looks for this name. */
MAPPROC_CHUNKER_EXPORT const struct mapproc_chunker mapproc_chunker_plugin = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "fasta",
    .summary = "whole FASTA records, --chunk-size bytes and what is left of the last",
    .options = options,
    .state_size = sizeof(struct fasta),
    .reads_data = true,
    .init = fasta_init,
    .next = fasta_next,
    .most = fasta_most,
    .skip = fasta_skip,
    .forced = fasta_forced,
};
