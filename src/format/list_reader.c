/* SPDX-License-Identifier: MIT */
/* list_reader.c - what a list of files says, be it a checklist, a manifest or several of both. */
#include "format/list_reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int mapproc_list_reader_open(struct mapproc_list_reader *reader, int fd, int cancel_fd,
                             const char *path, struct mapproc_error *error)
{
    int code;

    memset(reader, 0, sizeof(*reader));
    code = mapproc_checklist_reader_open(&reader->lines, fd, cancel_fd, path, error);
    if (code != MAPPROC_OK)
        return code;
    reader->digest = mapproc_text_digest_create();
    reader->block_name = malloc(MAPPROC_LINE_MAX + 1);
    if (reader->digest == NULL || reader->block_name == NULL) {
        mapproc_list_reader_close(reader);
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot read a list");
    }
    return MAPPROC_OK;
}

void mapproc_list_reader_close(struct mapproc_list_reader *reader)
{
    mapproc_piece_list_free(&reader->pieces);
    free(reader->block_name);
    mapproc_text_digest_free(reader->digest);
    mapproc_checklist_reader_close(&reader->lines);
}

static struct mapproc_list_item *push(struct mapproc_list_reader *reader,
                                      enum mapproc_list_item_kind kind,
                                      enum mapproc_list_fault fault)
{
    struct mapproc_list_item *item = &reader->waiting[reader->waiting_count++];

    assert(reader->waiting_count <= sizeof(reader->waiting) / sizeof(reader->waiting[0]));
    *item = (struct mapproc_list_item){
        .kind = kind,
        .fault = fault,
        .line = reader->line.number,
        .offset = reader->line.offset,
    };
    return item;
}

static void push_bad_manifest(struct mapproc_list_reader *reader, enum mapproc_list_fault fault)
{
    (void)push(reader, MAPPROC_LIST_BAD_MANIFEST, fault);
    reader->bad_manifests++;
}

/* About the block as a whole: says where it begins. */
static void push_bad_block(struct mapproc_list_reader *reader, enum mapproc_list_fault fault)
{
    struct mapproc_list_item *item = push(reader, MAPPROC_LIST_BAD_MANIFEST, fault);

    item->line = reader->block_line;
    item->offset = reader->block_offset;
    reader->bad_manifests++;
}

/* The list, or its next manifest, begins where this one should have had an end. */
static void push_cut(struct mapproc_list_reader *reader)
{
    struct mapproc_list_item *item = push(reader, MAPPROC_LIST_BAD_MANIFEST, MAPPROC_FAULT_CUT);

    item->line = reader->head_line;
    item->offset = reader->head_offset;
    reader->bad_manifests++;
    reader->in_manifest = false;
}

static void digest_line(struct mapproc_list_reader *reader)
{
    mapproc_text_digest_add(reader->digest, reader->line.text, reader->line.length);
    mapproc_text_digest_add(reader->digest, "\n", 1);
}

/* Lists that were put together can be in different forms. */
static void forget_dialect(struct mapproc_list_reader *reader)
{
    memset(&reader->lines.dialect, 0, sizeof(reader->lines.dialect));
}

static void take_manifest(struct mapproc_list_reader *reader, const char *fields)
{
    enum mapproc_list_fault fault;

    if (reader->in_manifest)
        push_cut(reader);
    reader->block = MAPPROC_BLOCK_NONE;
    fault = mapproc_manifest_parse_head(fields, &reader->head);
    reader->headless_told = fault != MAPPROC_FAULT_NONE;
    if (fault != MAPPROC_FAULT_NONE) {
        push_bad_manifest(reader, fault);
        return;
    }
    reader->manifests++;
    reader->in_manifest = true;
    reader->head_line = reader->line.number;
    reader->head_offset = reader->line.offset;
    forget_dialect(reader);
    mapproc_text_digest_restart(reader->digest);
    digest_line(reader);
}

static void take_file(struct mapproc_list_reader *reader, const char *fields)
{
    enum mapproc_list_fault fault;

    if (reader->block == MAPPROC_BLOCK_OPEN)
        push_bad_block(reader, MAPPROC_FAULT_UNFINISHED);
    reader->block = MAPPROC_BLOCK_OPEN;
    reader->block_line = reader->line.number;
    reader->block_offset = reader->line.offset;
    mapproc_piece_list_clear(&reader->pieces, reader->pieces.digest_size);
    fault = mapproc_manifest_parse_file(fields, &reader->facts);
    if (fault != MAPPROC_FAULT_NONE) {
        push_bad_manifest(reader, fault);
        reader->block = MAPPROC_BLOCK_LOST;
    }
}

static int take_pieces(struct mapproc_list_reader *reader, const char *fields,
                       struct mapproc_error *error)
{
    enum mapproc_list_fault fault = MAPPROC_FAULT_PIECES;

    if (reader->block == MAPPROC_BLOCK_LOST)
        return MAPPROC_OK;
    if (reader->block == MAPPROC_BLOCK_OPEN && reader->head.piece_digest[0] != '\0') {
        bool no_memory;

        fault =
            mapproc_manifest_parse_pieces(fields, reader->facts.size, &reader->pieces, &no_memory);
        if (no_memory)
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, reader->lines.lines.path,
                                     "cannot hold the piece digests of a file");
    }
    if (fault != MAPPROC_FAULT_NONE) {
        push_bad_manifest(reader, fault);
        reader->block = MAPPROC_BLOCK_LOST;
    }
    return MAPPROC_OK;
}

static void take_end(struct mapproc_list_reader *reader, const char *fields)
{
    uint8_t told[MAPPROC_TEXT_DIGEST_SIZE], found[MAPPROC_TEXT_DIGEST_SIZE];
    bool readable = mapproc_manifest_parse_end(fields, told) == MAPPROC_FAULT_NONE;

    if (!readable && !reader->line.ended)
        return; /* it was cut in this line */
    if (reader->block == MAPPROC_BLOCK_OPEN)
        push_bad_block(reader, MAPPROC_FAULT_UNFINISHED);
    reader->block = MAPPROC_BLOCK_NONE;
    reader->in_manifest = false;
    forget_dialect(reader);
    mapproc_text_digest_finish(reader->digest, found);
    if (!readable || memcmp(told, found, sizeof(told)) != 0)
        push_bad_manifest(reader, MAPPROC_FAULT_ALTERED);
    else
        reader->whole_manifests++;
}

/* What a digest line means for the block it may be in; whether it is in one. */
static bool join_block(struct mapproc_list_reader *reader)
{
    const struct mapproc_piece_list *pieces = &reader->pieces;
    const char *name = reader->parsed.name;

    switch (reader->block) {
    case MAPPROC_BLOCK_OPEN:
        if (pieces->count == reader->facts.pieces &&
            (pieces->count == 0 || pieces->end == reader->facts.size)) {
            memcpy(reader->block_name, name, reader->parsed.name_length + 1);
            reader->block = MAPPROC_BLOCK_NAMED;
            return true;
        }
        push_bad_block(reader, MAPPROC_FAULT_PIECES);
        break;
    case MAPPROC_BLOCK_NAMED:
        if (strcmp(name, reader->block_name) == 0)
            return true;
        break;
    default:
        break;
    }
    reader->block = MAPPROC_BLOCK_NONE;
    return false;
}

static void take_entry(struct mapproc_list_reader *reader)
{
    struct mapproc_checklist_line *parsed = &reader->parsed;
    bool in_block = reader->in_manifest && join_block(reader);
    struct mapproc_list_item *item = push(reader, MAPPROC_LIST_ENTRY, MAPPROC_FAULT_NONE);

    reader->entries++;
    item->entry = parsed;
    if (reader->in_manifest && parsed->digest_count == 1 && parsed->digests[0].tag[0] == '\0')
        memcpy(parsed->digests[0].tag, reader->head.only_digest, MAPPROC_TAG_MAX);
    if (in_block) {
        item->facts = &reader->facts;
        item->pieces = &reader->pieces;
        item->piece_digest = reader->head.piece_digest;
    }
}

/* A manifest line where no manifest is: told once, because many more may follow. */
static void take_headless(struct mapproc_list_reader *reader)
{
    if (!reader->headless_told)
        push_bad_manifest(reader, MAPPROC_FAULT_NO_HEADER);
    reader->headless_told = true;
}

static int take_manifest_line(struct mapproc_list_reader *reader, enum mapproc_manifest_word word,
                              const char *fields, struct mapproc_error *error)
{
    if (word == MAPPROC_WORD_MANIFEST)
        take_manifest(reader, fields);
    else if (!reader->in_manifest)
        take_headless(reader);
    else if (word == MAPPROC_WORD_FILE)
        take_file(reader, fields);
    else if (word == MAPPROC_WORD_PIECES)
        return take_pieces(reader, fields, error);
    else
        take_end(reader, fields);
    return MAPPROC_OK;
}

/* Makes the items of the line that was read: none, one or two. */
static int take_line(struct mapproc_list_reader *reader, struct mapproc_error *error)
{
    enum mapproc_manifest_word word = MAPPROC_WORD_NONE;
    const char *fields;

    if (reader->parsed.kind == MAPPROC_CHECKLIST_COMMENT)
        word = mapproc_manifest_word(reader->line.text, &fields);
    if (reader->in_manifest && word != MAPPROC_WORD_MANIFEST && word != MAPPROC_WORD_END) {
        if (!reader->line.ended)
            return MAPPROC_OK; /* cut in this line: a name in it may be half of one */
        digest_line(reader);
    }
    if (word != MAPPROC_WORD_NONE)
        return take_manifest_line(reader, word, fields, error);
    if (reader->parsed.kind == MAPPROC_CHECKLIST_ENTRY) {
        take_entry(reader);
    } else if (reader->parsed.kind == MAPPROC_CHECKLIST_BAD) {
        (void)push(reader, MAPPROC_LIST_BAD_LINE, reader->parsed.fault);
        reader->bad_lines++;
    }
    return MAPPROC_OK;
}

int mapproc_list_reader_next(struct mapproc_list_reader *reader, struct mapproc_list_item *item,
                             struct mapproc_error *error)
{
    while (reader->waiting_next == reader->waiting_count) {
        int code =
            mapproc_checklist_reader_next(&reader->lines, &reader->line, &reader->parsed, error);

        if (code < 0 || (code == 0 && !reader->in_manifest))
            return code;
        reader->waiting_next = reader->waiting_count = 0;
        if (code == 0) {
            push_cut(reader);
        } else {
            code = take_line(reader, error);
            if (code != MAPPROC_OK)
                return code;
        }
    }
    *item = reader->waiting[reader->waiting_next++];
    return 1;
}
