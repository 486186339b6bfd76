/* SPDX-License-Identifier: MIT */
/* verify.h - checking files against lists, down to the bytes that are not what they were. */
#ifndef MAPPROC_JOBS_VERIFY_H
#define MAPPROC_JOBS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ranges.h"
#include "digest/digest.h"
#include "format/list_reader.h"
#include "mapproc.h"

enum {
    MAPPROC_VERIFY_RANGES_KEPT = 16384, /* bad ranges that are kept of a file; more are counted */
};

/* What became of one entry of the list. Valid during the report only. */
struct mapproc_verified {
    enum mapproc_verdict verdict;
    uint64_t line;                       /* of the entry in the list */
    const char *name;                    /* as the list has it */
    const struct mapproc_digest *digest; /* by which it was checked; NULL if it was not, or by
                                            several that it could be of, and is wrong */
    const struct mapproc_error *error;   /* of missing, failed and refused */

    /* Of good and bad files. */
    uint64_t size; /* bytes that there are */
    bool has_listed_size;
    uint64_t listed_size; /* bytes that the list says there should be */

    /* Of bad files with digests of pieces. */
    size_t pieces;                        /* that the list knows; 0: the ranges say nothing */
    size_t bad_pieces;                    /* of them, those that are there and are not right */
    const struct mapproc_range_list *bad; /* where they are */
    size_t reread_good; /* bad pieces that were right when read again past the page cache */
    size_t reread_bad;  /* bad pieces that were still not */
    bool time_kept;     /* size and modification time are what they were when the list was made */
    uint64_t unchecked; /* bytes at the end that are part of a piece that was cut, or has grown */
};

/* Who wants to know. Calls never overlap, but come from any thread. */
struct mapproc_verify_client {
    void *user;

    /* In the order of the entries. MAPPROC_OK to go on; a negative code ends the run. */
    int (*report)(void *user, const struct mapproc_verified *verified);

    /* A line of the list that cannot be understood, or damage to a manifest; sooner or later than
     * the reports about the entries around it. */
    void (*bad_line)(void *user, const struct mapproc_list_item *item);
};

struct mapproc_verify_settings {
    const char *list; /* path; "-" is standard input. Borrowed, as all pointers here */
    int list_at; /* a descriptor of the directory that the list's path starts from; or AT_FDCWD */

    /* The algorithm of digests without a tag whose length leaves a doubt; NULL: the likelier one,
     * unless the first file fails with it and is right with the other. */
    const struct mapproc_digest *untagged;

    bool allow_outside; /* follow names that lead out of the directory we are in; never to what is
                           neither a regular file nor a block device */
    bool from_disk;     /* as in struct mapproc_digest_settings */
};

/*
 * Checks all entries of a list against the files that their names lead to from the directory we are
 * in. Returns MAPPROC_OK if the list could be read to its end, whatever the verdicts are; one that
 * cannot be opened or read is an error. Else as mapproc_checksum_files() returns.
 */
int mapproc_verify_run(const struct mapproc_verify_settings *settings,
                       const struct mapproc_verify_client *client,
                       const struct mapproc_options *options, struct mapproc_error *error);

#endif
