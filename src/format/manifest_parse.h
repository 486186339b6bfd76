/* SPDX-License-Identifier: MIT */
/* manifest_parse.h - the words of one manifest line (see manifest.h for what they mean). */
#ifndef MAPPROC_FORMAT_MANIFEST_PARSE_H
#define MAPPROC_FORMAT_MANIFEST_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "format/checklist_parse.h"
#include "format/list_fault.h"
#include "format/piece_list.h"
#include "format/text_digest.h"

enum mapproc_manifest_word {
    MAPPROC_WORD_NONE, /* a comment, nothing to a manifest */
    MAPPROC_WORD_MANIFEST,
    MAPPROC_WORD_FILE,
    MAPPROC_WORD_PIECES,
    MAPPROC_WORD_END,
};

/* What a `manifest` line says; "" for what it does not. */
struct mapproc_manifest_head {
    char only_digest[MAPPROC_TAG_MAX];  /* the digests' algorithm, if it is only one */
    char piece_digest[MAPPROC_TAG_MAX]; /* the pieces' algorithm */
};

/* What a `file` line says. */
struct mapproc_manifest_facts {
    uint64_t size; /* bytes */
    bool has_mtime;
    struct timespec mtime;
    uint64_t pieces; /* how many digests of pieces follow */
};

/* Which line it is, and in *fields where its words begin. The text ends with a NUL. */
enum mapproc_manifest_word mapproc_manifest_word(const char *text, const char **fields);

/* Each reads the words of one kind of line. */
enum mapproc_list_fault mapproc_manifest_parse_head(const char *fields,
                                                    struct mapproc_manifest_head *head);
enum mapproc_list_fault mapproc_manifest_parse_file(const char *fields,
                                                    struct mapproc_manifest_facts *facts);
enum mapproc_list_fault mapproc_manifest_parse_end(const char *fields,
                                                   uint8_t digest[MAPPROC_TEXT_DIGEST_SIZE]);

/*
 * Adds the pieces of a `pieces` line to the list, whose digests take the size of the first one. The
 * pieces go no further than `size`. MAPPROC_FAULT_NONE, or a fault; *no_memory tells if there was
 * no memory, and then the fault means nothing.
 */
enum mapproc_list_fault mapproc_manifest_parse_pieces(const char *fields, uint64_t size,
                                                      struct mapproc_piece_list *list,
                                                      bool *no_memory);

#endif
