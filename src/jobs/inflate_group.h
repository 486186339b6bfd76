/* SPDX-License-Identifier: MIT */
/* inflate_group.h - chunks of whole members in memory: inflated side by side, given in order. */
#ifndef MAPPROC_JOBS_INFLATE_GROUP_H
#define MAPPROC_JOBS_INFLATE_GROUP_H

#include "jobs/inflate_item.h"

/* What a worker inflates with; zero at first, made when it is needed. */
struct mapproc_inflate_tools {
    void *decompressor; /* of mapproc_codec_at(0) */
    struct mapproc_inflater *inflater;
    void *checker; /* of mapproc_inflate_has_incomplete() */
};

void mapproc_inflate_tools_free(struct mapproc_inflate_tools *tools);

/* Inflates the members of a chunk into its scratch, up to the first that is not good. */
void mapproc_inflate_group_process(struct mapproc_inflate_tools *tools,
                                   struct mapproc_chunk *chunk);

/* Gives the data of the good ones, and lets inflate_serial find out about the others. */
void mapproc_inflate_group_commit(struct mapproc_inflate_item *item, struct mapproc_chunk *chunk);

#endif
