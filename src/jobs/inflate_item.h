/* SPDX-License-Identifier: MIT */
/* inflate_item.h - a file that is being inflated: what its parts share; private to inflate_*.c.
 *
 * Who does what:
 *
 *     inflate_run       the job: orders in, results out
 *     inflate_cut       where chunks begin and end, from what headers and trailers state
 *     inflate_group     chunks of whole members in memory, in parallel
 *     inflate_large     members too large for that, in parallel, where the data is only tested
 *     inflate_serial    everything else, member by member, in order; and all that is not good
 *     inflate_ring      checking and writing what inflate_serial makes, by a thread of its own
 *     inflate_resync    finding the next good member behind a bad one
 *     inflate_feed      the compressed bytes for inflate_serial
 *     inflate_chain     which members may follow which
 *     inflate_verdict   what is wrong with a member
 *
 * The parallel part only ever says "good": whatever is not goes through inflate_serial, in order,
 * so there is one place that decides what is wrong.
 */
#ifndef MAPPROC_JOBS_INFLATE_ITEM_H
#define MAPPROC_JOBS_INFLATE_ITEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "codec/inflater.h"
#include "format/gzi_index.h"
#include "jobs/inflate_chain.h"
#include "jobs/inflate_run.h"
#include "pipeline/job.h"

enum {
    MAPPROC_INFLATE_LOOK = 64, /* bytes of a header that are looked at, to find stated sizes */
    /* Members of a size beyond which padding is not looked at: bytes, compressed. */
    MAPPROC_INFLATE_STRICT_MAX = 128 << 10,
    /* The same for codes that are not complete: in a large member next to no bit can make one and
     * leave the data what it is, and to inflate all twice would cost too much. */
    MAPPROC_INFLATE_COMPLETE_MAX = 8 << 10,
    MAPPROC_INFLATE_FORM = 16, /* bytes that are alike in all members of one writer */
};

/* The bytes around a border between members, read together. */
struct mapproc_inflate_look {
    bool valid;
    uint64_t offset; /* of the border */
    size_t length;   /* of what follows: less than MAPPROC_INFLATE_LOOK only at the end */
    uint8_t bytes[MAPPROC_INFLATE_LOOK];
};

/* What lives from open() to report() or discard(). */
struct mapproc_inflate_item {
    const struct mapproc_inflate_client *client;
    const struct mapproc_inflate_order *order;
    const struct mapproc_source *source;
    const struct mapproc_item *of; /* the pipeline's, which is told what was done; or NULL */
    int wake_fd;
    bool plain; /* not gzip, given as it is */
    struct timespec opened;

    /* The cutter's, and its state at the beginning. */
    struct mapproc_inflate_look look;
    uint64_t cut_raw; /* offset in the data of the next chunk, as stated */

    uint64_t range_begin, range_end; /* of the data that is wanted */
    struct mapproc_gzi_index index;  /* empty if there is none */
    bool has_index;

    /* Those of whoever commits. */
    struct mapproc_inflate_chain chain;
    uint64_t raw;                       /* offset in the data where the next member's begins */
    uint8_t form[MAPPROC_INFLATE_FORM]; /* of the last good member that stated a size */
    bool has_form;
    struct mapproc_inflater *inflater; /* made when it is needed */
    struct mapproc_inflate_fault *faults;
    size_t fault_count, fault_capacity;
    uint64_t faults_unlisted;
    bool through;               /* chunks that are still to be committed have been dealt with */
    bool ended;                 /* nothing more of it is wanted */
    bool failed;                /* its error ends it; else it only is not good */
    struct mapproc_error error; /* the first */
    bool finished;              /* client->close() was successful */
    double seconds;

    uint64_t given; /* offset in the data of what goes to the client next: the ring's */
};

/* Ends the item with an error: one of the machine, or of data with which there is no going on.
 * Returns its code. */
int mapproc_inflate_fail(struct mapproc_inflate_item *item, const struct mapproc_error *error);

/* Something about the file as a whole is not good: ends the item unless it is to be kept going. */
int mapproc_inflate_complain(struct mapproc_inflate_item *item, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes a bad member, and ends the item unless it is to be kept going: then MAPPROC_OK. */
int mapproc_inflate_add_fault(struct mapproc_inflate_item *item,
                              const struct mapproc_inflate_fault *fault);

/* Gives the client the next bytes of data, as far as they are wanted; NULL for zeros. */
int mapproc_inflate_give(struct mapproc_inflate_item *item, const uint8_t *data, uint64_t length,
                         struct mapproc_error *error);

/* MAPPROC_OK if the data may come to so many bytes; else the item has failed. */
int mapproc_inflate_allow(struct mapproc_inflate_item *item, uint64_t raw);

/* The inflater, reset; NULL without memory, and then the item has failed. */
struct mapproc_inflater *mapproc_inflate_inflater(struct mapproc_inflate_item *item);

#endif
