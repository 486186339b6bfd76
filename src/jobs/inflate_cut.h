/* SPDX-License-Identifier: MIT */
/* inflate_cut.h - where the chunks of a compressed file begin and end. */
#ifndef MAPPROC_JOBS_INFLATE_CUT_H
#define MAPPROC_JOBS_INFLATE_CUT_H

#include "jobs/inflate_item.h"

enum {
    /* Bytes of a member and of its data: up to here it is inflated in memory. */
    MAPPROC_INFLATE_MEMBER_MAX = 16 << 20,
    /* Bytes of a stream's next chunk to see: the headers that state sizes, and less than any member
     * that has such a header. */
    MAPPROC_INFLATE_PEEK = 20,
};

/* How a chunk is to be inflated: in chunk->cut.unread. True: by inflate_serial, or copied, without
 * being read first. False: it is whole members, for inflate_group. */

/* Decides on the next chunk of an extent or of a stream: see mapproc_job.cut. */
int mapproc_inflate_cut_extent(struct mapproc_inflate_item *item, uint64_t offset,
                               struct mapproc_cut *cut, struct mapproc_error *error);
void mapproc_inflate_cut_stream(struct mapproc_inflate_item *item, uint64_t offset,
                                const uint8_t *peek, size_t peeked, struct mapproc_cut *cut);

/* Whether a file that begins with these bytes is not gzip, and not a damaged one either. */
bool mapproc_inflate_is_plain(const uint8_t *data, size_t length);

/* What a member states, and whether that can be. */
struct mapproc_inflate_hint {
    struct mapproc_gzip_header header;
    size_t end_mark;   /* as mapproc_gzip_end_at_start() says */
    uint64_t size;     /* bytes; 0: unknown, or wrong */
    uint32_t raw_size; /* bytes of data, modulo 2^32; only if the size is known */
};

/* Finds what the member at a border states. The look at the next border, if there is one, is left
 * in item->look. `offset` is at most the size of the file. */
int mapproc_inflate_get_hint(struct mapproc_inflate_item *item, uint64_t offset,
                             struct mapproc_inflate_hint *hint, struct mapproc_error *error);

#endif
