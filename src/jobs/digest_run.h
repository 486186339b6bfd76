/* SPDX-License-Identifier: MIT */
/* digest_run.h - digesting sources: several algorithms and the digests of pieces in one reading. */
#ifndef MAPPROC_JOBS_DIGEST_RUN_H
#define MAPPROC_JOBS_DIGEST_RUN_H

#include <stdbool.h>
#include <time.h>

#include "digest/digest.h"
#include "format/piece_list.h"
#include "input/source.h"
#include "mapproc.h"
#include "memory/limits.h"
#include "memory/topology.h"
#include "pipeline/budget.h"
#include "pipeline/chunking.h"

enum { MAPPROC_RUN_DIGESTS_MAX = 16 }; /* of one source */

/* What to digest of one source. All pointers are borrowed until the source is reported or
 * dropped. */
struct mapproc_digest_order {
    const char *path; /* "-" is standard input */
    const struct mapproc_digest *const *digests;
    size_t digest_count; /* 1 to MAPPROC_RUN_DIGESTS_MAX */
    uint64_t piece_size; /* bytes, a multiple of MAPPROC_PIECE_ALIGNMENT; MAPPROC_PIECE_SIZE_AUTO;
                            0: no digests of pieces */
    void *user;          /* of whoever ordered it */

    enum mapproc_reach reach; /* what the path may lead to */

    /* Why there is nothing to digest: it is reported in its place. NULL, or code MAPPROC_OK: there
     * is. */
    const struct mapproc_error *failure;
};

/* What came of it. Valid during the report only. */
struct mapproc_digest_result {
    const struct mapproc_digest_order *order;
    uint64_t size; /* bytes digested */
    bool has_mtime;
    struct timespec mtime;
    const uint8_t (*digests)[MAPPROC_DIGEST_MAX]; /* in the order's order; NULL after an error */
    const struct mapproc_piece_list *pieces;      /* by mapproc_piece_algorithm(); NULL: none */
    uint64_t piece_size;                          /* bytes, of all pieces but the last */
    double seconds;                               /* from its opening to its end */
    const struct mapproc_error *error;            /* NULL if all is well */
};

/* Who wants digests. All get `user`. */
struct mapproc_digest_client {
    void *user;

    /* Returns 1 with the next order filled in, 0 if there are no more, or a negative code with
     * *error filled, which ends the run. One caller at a time. */
    int (*next)(void *user, struct mapproc_digest_order *order, struct mapproc_error *error);

    /* Takes a result, in the order of the orders, never two at once. MAPPROC_OK to go on; a
     * negative code ends the run, which then returns it. */
    int (*report)(void *user, const struct mapproc_digest_result *result);

    /* Instead of report(), for an order that was under way when the run was ended. May be NULL. */
    void (*drop)(void *user, const struct mapproc_digest_order *order);
};

struct mapproc_digest_settings {
    bool serial;    /* some orders have digests that cannot be computed in parallel */
    bool from_disk; /* drop what the page cache holds of a source before it is read */
    const struct mapproc_chunking *chunking; /* how sources are cut, which no digest depends on;
                                                borrowed; NULL: into chunks of one size */
};

/* The algorithm of piece digests: one that all pieces of a file can have in parallel. */
const struct mapproc_digest *mapproc_piece_algorithm(void);

/*
 * Looks up algorithms named in `list`, separated by commas, and prepares them; NULL means the
 * default one. *count gets their number, at most MAPPROC_RUN_DIGESTS_MAX. MAPPROC_REFUSED for a
 * name that is none, that stands twice, or whose algorithm cannot be had here.
 */
int mapproc_digests_select(const char *list, const struct mapproc_digest **digests, size_t *count,
                           struct mapproc_error *error);

/* Whether any of them has to see the bytes in order. */
bool mapproc_digests_any_serial(const struct mapproc_digest *const *digests, size_t count);

/* Runs all orders of a client. Returns as mapproc_checksum_files() does. */
int mapproc_digest_run(const struct mapproc_digest_client *client,
                       const struct mapproc_digest_settings *settings,
                       const struct mapproc_options *options, struct mapproc_error *error);

/* How a run of parallel digests would go about it: see mapproc_pipeline_plan(). */
int mapproc_digest_plan(const struct mapproc_options *options,
                        const struct mapproc_topology *topology,
                        const struct mapproc_limits *limits, struct mapproc_budget *budget,
                        struct mapproc_error *error);

#endif
