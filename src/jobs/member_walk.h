/* SPDX-License-Identifier: MIT */
/* member_walk.h - going through the members of a gzip file, without inflating where they tell. */
#ifndef MAPPROC_JOBS_MEMBER_WALK_H
#define MAPPROC_JOBS_MEMBER_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "format/gzip_header.h"
#include "input/source.h"

struct mapproc_member {
    uint64_t number; /* from 1, end marks included */
    uint64_t offset; /* in the file */
    uint64_t size;   /* bytes of it, header and trailer included */
    uint64_t raw_offset;
    uint64_t raw_size; /* bytes of data */
    uint32_t crc;      /* of them, as the trailer states */
    enum mapproc_gzip_kind kind;
    bool end_mark;
    bool inflated; /* its data, CRC and length were found to be good; else its word is taken */
};

enum mapproc_end_state {
    MAPPROC_END_NONE, /* there is none, and none is needed */
    MAPPROC_END_GOOD, /* the file ends with one */
    MAPPROC_END_MISSING,
};

struct mapproc_member_summary {
    uint64_t members; /* end marks not included */
    uint64_t compressed;
    uint64_t raw;
    uint64_t not_inflated; /* members whose word was taken */
    unsigned kinds;        /* 1 << enum mapproc_gzip_kind; of end marks only if there is no other */
    enum mapproc_end_state end;
    bool whole; /* all members were seen */
};

/*
 * Goes through the members of an open source. Those that state their sizes are hopped over, from a
 * look at the trailer of one and the header of the next; where the source is a stream, it is read
 * to do so. The others are inflated and checked, and so are those of foreign kinds which are so
 * large that their trailer, which has the size modulo 2^32, could be wrong about it; with
 * `inflate_all`, each of them is. `wake_fd`, or -1, ends it when it becomes readable.
 *
 * `take` is called with each member, in order; what it returns, unless MAPPROC_OK, ends the walk.
 *
 * MAPPROC_BAD_DATA, in the words of mapproc_inflate_run(), if a member is not good, or one does not
 * begin where the last one ends, or the end mark is missing (then the summary is whole); zeros at
 * the end are good. MAPPROC_FAILED: the machine; MAPPROC_CANCELLED. *summary is filled in any case,
 * with what was seen. Memory: some 0.6 MiB. Thread-safe for different sources.
 */
int mapproc_member_walk(const struct mapproc_source *source, int wake_fd, bool inflate_all,
                        int (*take)(void *user, const struct mapproc_member *member,
                                    struct mapproc_error *error),
                        void *user, struct mapproc_member_summary *summary,
                        struct mapproc_error *error);

#endif
