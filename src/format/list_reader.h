/* SPDX-License-Identifier: MIT */
/* list_reader.h - what a list of files says, be it a checklist, a manifest or several of both. */
#ifndef MAPPROC_FORMAT_LIST_READER_H
#define MAPPROC_FORMAT_LIST_READER_H

#include "format/checklist_reader.h"
#include "format/manifest_parse.h"

enum mapproc_list_item_kind {
    MAPPROC_LIST_ENTRY,    /* digests of a file */
    MAPPROC_LIST_BAD_LINE, /* a line that is none: what the GNU tools call improperly formatted */
    MAPPROC_LIST_BAD_MANIFEST, /* damage that only mapproc sees: for other tools it is in comments
                                */
};

struct mapproc_list_item {
    enum mapproc_list_item_kind kind;
    enum mapproc_list_fault fault; /* of all but entries */
    uint64_t line;                 /* number of the line it is about, counted from 1 */
    uint64_t offset;               /* of that line, in bytes */

    /* Of an entry. A digest without a tag has that of the manifest's only algorithm, if it is in
     * such a manifest. */
    const struct mapproc_checklist_line *entry;

    /* What the manifest says about the entry's file; NULL if it says nothing. If a file has digest
     * lines of several algorithms, they are entries that follow one another, and each comes with
     * this. */
    const struct mapproc_manifest_facts *facts;
    const struct mapproc_piece_list *pieces; /* as many as the facts say, covering the file */
    const char *piece_digest;                /* the pieces' algorithm */
};

/*
 * Keeps about 300 KB, and the piece digests of one file: up to 80 bytes for each, which took at
 * least nine bytes of the list. Not thread-safe: one user at a time.
 */
struct mapproc_list_reader {
    uint64_t entries;         /* so far */
    uint64_t bad_lines;       /* items of that kind so far */
    uint64_t bad_manifests;   /* items of that kind so far */
    uint64_t manifests;       /* whose first line was read */
    uint64_t whole_manifests; /* whose last line fits all of it */

    struct mapproc_checklist_reader lines;
    struct mapproc_line line;
    struct mapproc_checklist_line parsed;
    struct mapproc_list_item waiting[2]; /* items of the current line */
    size_t waiting_count;
    size_t waiting_next;

    bool in_manifest;
    bool headless_told; /* MAPPROC_FAULT_NO_HEADER is told once */
    struct mapproc_manifest_head head;
    uint64_t head_line;
    uint64_t head_offset;
    struct mapproc_text_digest *digest;

    enum {
        MAPPROC_BLOCK_NONE,
        MAPPROC_BLOCK_OPEN,  /* its `file` line was there, its digest line not yet */
        MAPPROC_BLOCK_NAMED, /* both were */
        MAPPROC_BLOCK_LOST,  /* something was wrong with it, which was told */
    } block;
    struct mapproc_manifest_facts facts;
    struct mapproc_piece_list pieces;
    uint64_t block_line;
    uint64_t block_offset;
    char *block_name; /* MAPPROC_LINE_MAX + 1 bytes */
};

/*
 * Takes the same arguments as mapproc_line_reader_open() and returns the same. After an error there
 * is nothing to close.
 */
int mapproc_list_reader_open(struct mapproc_list_reader *reader, int fd, int cancel_fd,
                             const char *path, struct mapproc_error *error);
void mapproc_list_reader_close(struct mapproc_list_reader *reader);

/*
 * Returns 1 with the next item, valid until the next call; 0 at the end; or a negative code.
 * Comments and blank lines are passed over. Damage to a manifest is told where it is found, which
 * for a manifest that was cut or altered is at its end, when its entries have long been handed out.
 */
int mapproc_list_reader_next(struct mapproc_list_reader *reader, struct mapproc_list_item *item,
                             struct mapproc_error *error);

#endif
