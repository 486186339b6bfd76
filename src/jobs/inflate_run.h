/* SPDX-License-Identifier: MIT */
/* inflate_run.h - inflating gzip files: members side by side where they tell their sizes. */
#ifndef MAPPROC_JOBS_INFLATE_RUN_H
#define MAPPROC_JOBS_INFLATE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/source.h"
#include "mapproc.h"

/* Bad members of a file that are listed; what is beyond is only counted. */
enum { MAPPROC_INFLATE_FAULTS_MAX = 65536 };

/* What to inflate. All pointers are borrowed until the order is reported or dropped. */
struct mapproc_inflate_order {
    const char *path; /* "-" is standard input */
    void *user;       /* of whoever ordered it */

    enum mapproc_reach reach; /* what the path may lead to */
    int fd;                   /* of MAPPROC_REACH_GIVEN */
    /* Why there is nothing to inflate: it is reported in its place. NULL, or code MAPPROC_OK:
     * there is. */
    const struct mapproc_error *failure;

    bool test_only;      /* the data is checked and given to nobody */
    bool keep_going;     /* bad members are noted, and left out of the data as holes */
    bool takes_plain;    /* a file that is not gzip at all is given as it is */
    uint64_t max_output; /* bytes of data; more is an error. 0: any number */

    /*
     * The data that is wanted: `length` bytes from `offset` on, as much of it as there is. With
     * `from_end` the offset counts from the end of the data, which must be an extent whose members
     * tell their sizes (or plain). Members outside are not looked at where that can be helped.
     */
    bool from_end;
    uint64_t offset;
    uint64_t length; /* UINT64_MAX: up to the end */

    /* The .gzi file that may be that of `path`: a help if it is there and belongs to it, and not
     * used if not. NULL: none. */
    const char *index_path;
};

/* A member that is not good. Ranges in bytes; a length of 0 means up to the end. */
struct mapproc_inflate_fault {
    uint64_t number; /* of the member, from 1 */
    uint64_t offset; /* in the file */
    uint64_t length;
    uint64_t raw_offset; /* in the data */
    uint64_t raw_length;
    const char *reason; /* a constant string: "its CRC is wrong" */
};

/* What came of it. Valid during the report only. */
struct mapproc_inflate_outcome {
    const struct mapproc_inflate_order *order;
    uint64_t compressed;                        /* bytes read */
    uint64_t raw;                               /* bytes of data, holes for bad members included */
    uint64_t members;                           /* without end marks */
    bool plain;                                 /* it was not gzip */
    const struct mapproc_inflate_fault *faults; /* those that are listed, in order */
    size_t fault_count;
    uint64_t faults_unlisted;
    double seconds;                    /* from its opening to its end */
    bool finished;                     /* client.close() has run, and was successful */
    const struct mapproc_error *error; /* NULL if all is well */
};

/* Who wants data. All get `user`. */
struct mapproc_inflate_client {
    void *user;

    /* As in struct mapproc_digest_client. */
    int (*next)(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error);

    /* The source is open: prepare to take its data. Any thread; may be NULL. An error ends the
     * order. */
    int (*open)(void *user, const struct mapproc_inflate_order *order,
                const struct mapproc_source *source, struct mapproc_error *error);

    /* Takes the next bytes of data, or, with data NULL, so many zeros in place of those of a bad
     * member. From any thread, in order, one call at a time for an order. An error ends it. Not
     * called for orders that only test. */
    int (*write)(void *user, const struct mapproc_inflate_order *order, const uint8_t *data,
                 uint64_t length, struct mapproc_error *error);

    /* All data has been given, all of it good, or with `keep_going` what could be had. The source
     * is still open. Any thread; may be NULL. */
    int (*close)(void *user, const struct mapproc_inflate_order *order,
                 const struct mapproc_source *source, bool all_good, struct mapproc_error *error);

    /* As in struct mapproc_digest_client. */
    int (*report)(void *user, const struct mapproc_inflate_outcome *result);
    void (*drop)(void *user, const struct mapproc_inflate_order *order);
};

/*
 * Runs all orders of a client. Sources that fail, and bad data, are reported as such and do not
 * make the run fail. What the headers and trailers say about sizes is a hint: the deflate stream
 * decides, and everything that does not fit is reported as damage. The first bad member in the
 * order of the file decides on the error, whatever the number of threads and the kind of source.
 */
int mapproc_inflate_run(const struct mapproc_inflate_client *client,
                        const struct mapproc_options *options, struct mapproc_error *error);

/* The error as text for a fault: "member 3 is corrupt: its CRC is wrong (bytes 1000-1999, ...)". */
void mapproc_inflate_fault_describe(const struct mapproc_inflate_fault *fault, const char *path,
                                    struct mapproc_error *error);

#endif
