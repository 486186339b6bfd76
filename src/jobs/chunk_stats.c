/* SPDX-License-Identifier: MIT */
/* chunk_stats.c - what the chunks of sources come to: sizes, and what is there more than once. */
#include "jobs/chunk_stats.h"

void mapproc_chunk_stats_init(struct mapproc_chunk_stats *stats, uint64_t memory)
{
    *stats = (struct mapproc_chunk_stats){.least = UINT64_MAX};
    mapproc_chunk_set_init(&stats->set, memory);
}

void mapproc_chunk_stats_free(struct mapproc_chunk_stats *stats)
{
    mapproc_chunk_set_free(&stats->set);
}

void mapproc_chunk_stats_add(struct mapproc_chunk_stats *stats,
                             const struct mapproc_chunk_record *record)
{
    unsigned number = 63 - (unsigned)__builtin_clzll(record->length | 1);
    struct mapproc_chunk_class *class =
        &stats->classes[number < MAPPROC_CHUNK_CLASSES ? number : MAPPROC_CHUNK_CLASSES - 1];

    stats->chunks++;
    stats->bytes += record->length;
    class->chunks++;
    class->bytes += record->length;
    if (record->length < stats->least)
        stats->least = record->length;
    if (record->length > stats->most)
        stats->most = record->length;
    switch (mapproc_chunk_set_add(&stats->set, record->digest, 0)) {
    case MAPPROC_CHUNK_FOUND:
        stats->repeated++;
        stats->repeated_bytes += record->length;
        break;
    case MAPPROC_CHUNK_NO_ROOM:
        stats->forgotten++;
        break;
    case MAPPROC_CHUNK_ADDED:
        break;
    }
}
