/* SPDX-License-Identifier: MIT */
/* verify_entry.h - one entry of a list: what it expects, and what was found. */
#ifndef MAPPROC_JOBS_VERIFY_ENTRY_H
#define MAPPROC_JOBS_VERIFY_ENTRY_H

#include "format/list_reader.h"
#include "jobs/digest_run.h"
#include "jobs/verify.h"

enum { MAPPROC_CANDIDATES_MAX = 4 }; /* algorithms that digests of one length can be of */

/* One file that a list expects something of; from the list to the report. */
struct mapproc_verify_entry {
    uint64_t line;
    char *name;
    struct mapproc_error refusal; /* code MAPPROC_OK: it is to be checked */

    size_t digest_count;
    const struct mapproc_digest *digests[MAPPROC_LINE_DIGESTS_MAX];
    uint8_t expected[MAPPROC_LINE_DIGESTS_MAX][MAPPROC_DIGEST_MAX];

    /* Algorithms of a digest without a tag that have not been tried yet; only of one digest. */
    const struct mapproc_digest *others[MAPPROC_CANDIDATES_MAX];
    size_t other_count;
    bool either; /* `digests` are alternatives: it is enough if one of them is right */

    bool in_manifest;
    bool has_size;
    uint64_t size;
    bool has_mtime;
    struct timespec mtime;
    struct mapproc_piece_list pieces; /* empty: none, or none that can be used */
};

/*
 * Makes an entry of what the list says. `untagged` as in struct mapproc_verify_settings, or what
 * has been found out since. Returns it, to be freed, or NULL without memory.
 */
struct mapproc_verify_entry *mapproc_verify_entry_make(const struct mapproc_list_item *item,
                                                       const struct mapproc_digest *untagged);
/* Adds the digests that the next line of the list says of the same file. False if it is about
 * another one, or only one of the two is of a manifest, which alone has several lines a file. */
bool mapproc_verify_entry_join(struct mapproc_verify_entry *entry,
                               const struct mapproc_list_item *item);

/* Makes alternatives of the algorithms that are in doubt, to be computed in one reading. */
void mapproc_verify_entry_take_others(struct mapproc_verify_entry *entry);

void mapproc_verify_entry_free(struct mapproc_verify_entry *entry);

/* The size of the entry's pieces, bytes; 0 without pieces. */
uint64_t mapproc_verify_entry_piece_size(const struct mapproc_verify_entry *entry);

/* Whether all its digests are those of the result, or one of its alternatives is: *by gets it, or
 * the first of the digests; NULL if it stays in doubt. */
bool mapproc_verify_entry_matches(const struct mapproc_verify_entry *entry,
                                  const struct mapproc_digest_result *result,
                                  const struct mapproc_digest **by);

/*
 * Finds out which pieces of a bad file are bad, and reads some of them once more from the device.
 * Fills in pieces, bad_pieces, bad, reread_*, time_kept and unchecked of *verified; `bad` is an
 * empty list of the caller's that is filled.
 */
void mapproc_verify_entry_examine(const struct mapproc_verify_entry *entry,
                                  const struct mapproc_digest_result *result,
                                  struct mapproc_range_list *bad,
                                  struct mapproc_verified *verified);

#endif
