/* SPDX-License-Identifier: MIT */
/* compare_manifests.h - what two lists of digests tell about the same files, without their data. */
#ifndef MAPPROC_JOBS_COMPARE_MANIFESTS_H
#define MAPPROC_JOBS_COMPARE_MANIFESTS_H

#include <stdbool.h>

#include "base/ranges.h"

enum mapproc_file_verdict {
    MAPPROC_FILE_SAME,
    MAPPROC_FILE_DIFFERENT,
    MAPPROC_FILE_ONLY_IN_A,
    MAPPROC_FILE_ONLY_IN_B,
    MAPPROC_FILE_UNKNOWN, /* the lists have no digest of the same algorithm for it */
};

/* What the digests of pieces say about a file that is different. */
enum mapproc_pieces_verdict {
    MAPPROC_PIECES_COMPARED,   /* in which of them the files differ */
    MAPPROC_PIECES_MISSING,    /* nothing: one list or both have none */
    MAPPROC_PIECES_SIZES,      /* nothing: the pieces do not have the same size */
    MAPPROC_PIECES_ALGORITHMS, /* nothing: the digests do not have the same algorithm */
};

/* What two lists say about one name. Valid during the report call only. */
struct mapproc_listed_comparison {
    const char *name;
    enum mapproc_file_verdict verdict;
    struct {
        bool known;
        uint64_t bytes;
    } sizes[2];

    /* Of a file that is different. */
    enum mapproc_pieces_verdict pieces;
    const struct mapproc_range_list *differing; /* whole pieces; empty unless they were compared */
    struct mapproc_range untold; /* common bytes of which the pieces say nothing, because they end
                                    in different places; of length 0 if there are none */
};

/* Who wants to know. Both get `user`. */
struct mapproc_manifests_client {
    void *user;

    /* Takes what there is to say about one name: those of list A in its order, then those that only
     * list B has, in its order. MAPPROC_OK to go on; a negative code ends the comparison, which
     * then returns it. */
    int (*report)(void *user, const struct mapproc_listed_comparison *comparison);

    /* Takes a line of a list with which something is wrong. The rest of the list still counts. */
    void (*problem)(void *user, const char *path, uint64_t line, const char *what);
};

/*
 * Compares the manifests, or other lists of digests, `a` and `b`, which are borrowed; one of them
 * may be "-", standard input. A name that list A has several times is compared several times; of
 * list B the first counts, and another that contradicts it is a problem.
 *
 * Holds all of list B, in about as many bytes as the list has, and for each name 400 more; of list
 * A one file at a time.
 *
 * Returns MAPPROC_OK; MAPPROC_BAD_DATA for a list that is missing or in which there is nothing;
 * MAPPROC_REFUSED for standard input twice; MAPPROC_FAILED; MAPPROC_CANCELLED by `cancel`, which
 * may be NULL; or what a report returned, and then `error->what` is empty.
 */
int mapproc_compare_manifests(const char *a, const char *b, struct mapproc_cancel *cancel,
                              const struct mapproc_manifests_client *client,
                              struct mapproc_error *error);

#endif
