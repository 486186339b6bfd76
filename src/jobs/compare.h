/* SPDX-License-Identifier: MIT */
/* compare.h - comparing two sources byte by byte, on all cores. */
#ifndef MAPPROC_JOBS_COMPARE_H
#define MAPPROC_JOBS_COMPARE_H

#include <stdbool.h>

#include "base/ranges.h"

enum { MAPPROC_COMPARE_RANGES_MAX = 1000 }; /* that are kept; further ones are counted */

struct mapproc_comparison {
    bool same; /* as many bytes, and none of them different */

    /* Bytes of either source. Not known of a stream that goes on where the other source ends: it is
     * not read any further. */
    struct {
        bool known;
        uint64_t bytes;
    } sizes[2];
    uint64_t common; /* bytes that both have: those that were compared */

    struct mapproc_range_list differing; /* of the common bytes, exact to the byte */
};

/*
 * Compares the sources `a` and `b` ("-" is standard input; both are borrowed). One of them may be a
 * stream. Holes that both have in the same place are not read, and neither is anything if both are
 * the same file. Both must be at the end what they were at the beginning.
 *
 * Returns MAPPROC_OK with *comparison filled, to be freed; MAPPROC_BAD_DATA for a source that is
 * missing or changed; MAPPROC_REFUSED for two streams and for options that make no sense;
 * MAPPROC_FAILED for what cannot be read; or MAPPROC_CANCELLED. Thread-safe; about SIGBUS see
 * mapproc_checksum_files().
 */
int mapproc_compare_run(const char *a, const char *b, const struct mapproc_options *options,
                        struct mapproc_comparison *comparison, struct mapproc_error *error);

/* Frees the memory of a comparison that was made. */
void mapproc_comparison_free(struct mapproc_comparison *comparison);

#endif
