/* SPDX-License-Identifier: MIT */
/* inflate_verdict.h - what is wrong with a member, from what came of inflating it. */
#ifndef MAPPROC_JOBS_INFLATE_VERDICT_H
#define MAPPROC_JOBS_INFLATE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/inflater.h"

struct mapproc_inflate_facts {
    bool cut_short; /* the file ends in it */
    enum mapproc_inflater_status status;
    bool exact;      /* the deflate stream ends where the header says, if it says anything */
    bool unused_set; /* bits that deflate does not use are not zero, where they have to be */
    uint64_t made;   /* bytes of data */
    uint32_t crc;    /* of them */
    uint32_t stated_crc, stated_size;
};

/* NULL if the member is good, or what is wrong with it: a constant string. */
const char *mapproc_inflate_judge(const struct mapproc_inflate_facts *facts);

/* Whether so many bytes of data can have come of so many of a member: else what says so is no size.
 */
bool mapproc_inflate_is_plausible(uint64_t raw_length, uint64_t length);

/* Whether the padding of the stored blocks that a deflate stream begins with is zero, as far as the
 * blocks can be followed without inflating: up to the first that is not stored. */
bool mapproc_inflate_stored_is_clean(const uint8_t *data, size_t length);

/*
 * Whether a deflate stream of `length` bytes, which the inflater made `made` bytes of, is refused
 * by one that takes complete codes only. *checker is NULL at first, and kept for the next time by
 * its owner, who frees it. `out` has room for the data. False without memory to find out.
 */
bool mapproc_inflate_has_incomplete(void **checker, const uint8_t *data, size_t length,
                                    uint8_t *out, size_t made);
void mapproc_inflate_checker_free(void *checker);

#endif
