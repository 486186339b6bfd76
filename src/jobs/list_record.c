/* SPDX-License-Identifier: MIT */
/* list_record.c - what a list says about one file, to be kept. */
#include "jobs/list_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/algorithm_tag.h"

void mapproc_list_record_free(struct mapproc_list_record *record)
{
    if (record == NULL)
        return;
    mapproc_piece_list_free(&record->pieces);
    free(record->digests);
    free(record->name);
    free(record);
}

bool mapproc_list_digests_comparable(const struct mapproc_checklist_digest *a,
                                     const struct mapproc_checklist_digest *b)
{
    const struct mapproc_digest *known;

    if (a->size != b->size)
        return false;
    if (strcasecmp(a->tag, b->tag) == 0)
        return true;
    known = mapproc_digest_by_tag(a->tag, a->size);
    return known != NULL && known == mapproc_digest_by_tag(b->tag, b->size);
}

/* ---- copying what the list reader hands out ---- */

/* Copies of just the size they need, because there can be very many. */
static bool copy_pieces(struct mapproc_piece_list *to, const struct mapproc_piece_list *from)
{
    size_t pieces_size, digests_size;

    mapproc_piece_list_init(to, from->digest_size);
    if (from->count == 0)
        return true;
    if (!mapproc_multiply_size(from->count, sizeof(*from->pieces), &pieces_size) ||
        !mapproc_multiply_size(from->count, from->digest_size, &digests_size))
        return false;
    to->pieces = malloc(pieces_size);
    to->digests = malloc(digests_size);
    if (to->pieces == NULL || to->digests == NULL)
        return false;
    memcpy(to->pieces, from->pieces, pieces_size);
    memcpy(to->digests, from->digests, digests_size);
    to->count = to->capacity = from->count;
    to->end = from->end;
    return true;
}

static bool add_digests(struct mapproc_list_record *record,
                        const struct mapproc_checklist_line *entry)
{
    struct mapproc_checklist_digest *digests;
    size_t count, size;

    if (!mapproc_add_size(record->digest_count, entry->digest_count, &count) ||
        !mapproc_multiply_size(count, sizeof(*digests), &size) ||
        (digests = realloc(record->digests, size)) == NULL)
        return false;
    memcpy(digests + record->digest_count, entry->digests,
           size - record->digest_count * sizeof(*digests));
    record->digests = digests;
    record->digest_count = count;
    return true;
}

/* NULL without memory. */
static struct mapproc_list_record *make_record(const struct mapproc_list_item *item)
{
    const struct mapproc_checklist_line *entry = item->entry;
    struct mapproc_list_record *record = calloc(1, sizeof(*record));

    if (record == NULL)
        return NULL;
    record->line = item->line;
    record->has_size = entry->has_size;
    record->size = entry->size;
    record->name = strdup(entry->name);
    if (record->name == NULL || !add_digests(record, entry))
        goto free_record;
    if (item->facts == NULL)
        return record;
    record->has_size = true;
    record->size = item->facts->size;
    memcpy(record->piece_digest, item->piece_digest, sizeof(record->piece_digest));
    if (copy_pieces(&record->pieces, item->pieces))
        return record;

free_record:
    mapproc_list_record_free(record);
    return NULL;
}

/* Whether the entry tells more about the record's file: other algorithms in lines that follow. */
static bool continues(const struct mapproc_list_record *record,
                      const struct mapproc_checklist_line *entry)
{
    if (strcmp(record->name, entry->name) != 0)
        return false;
    for (size_t i = 0; i < record->digest_count; i++)
        for (size_t j = 0; j < entry->digest_count; j++)
            if (mapproc_list_digests_comparable(&record->digests[i], &entry->digests[j]))
                return false;
    return true;
}

/* ---- reading ---- */

int mapproc_record_reader_open(struct mapproc_record_reader *reader, const char *path,
                               int cancel_fd, mapproc_list_problem problem, void *user,
                               struct mapproc_error *error)
{
    int result;

    *reader = (struct mapproc_record_reader){.problem = problem, .user = user};
    result = mapproc_source_open(&reader->source, path, error);
    /* A FIFO that nobody has opened for writing yet reads as if it were at its end. */
    if (result == MAPPROC_OK && reader->source.waits)
        result = mapproc_source_wait_readable(&reader->source, cancel_fd, error);
    if (result == MAPPROC_OK)
        result = mapproc_list_reader_open(&reader->list, reader->source.fd, cancel_fd, path, error);
    if (result != MAPPROC_OK)
        mapproc_source_close(&reader->source);
    return result;
}

void mapproc_record_reader_close(struct mapproc_record_reader *reader)
{
    mapproc_list_record_free(reader->pending);
    reader->pending = NULL;
    mapproc_list_reader_close(&reader->list);
    mapproc_source_close(&reader->source);
}

static int hand_out(struct mapproc_record_reader *reader, struct mapproc_list_record *next,
                    struct mapproc_list_record **record)
{
    *record = reader->pending;
    reader->pending = next;
    if (*record == NULL)
        return 0;
    (*record)->number = reader->count++;
    return 1;
}

int mapproc_record_reader_next(struct mapproc_record_reader *reader,
                               struct mapproc_list_record **record, struct mapproc_error *error)
{
    const char *path = reader->source.path;
    struct mapproc_list_item item;
    int code;

    while ((code = mapproc_list_reader_next(&reader->list, &item, error)) > 0) {
        struct mapproc_list_record *next = NULL;
        bool more;

        if (item.kind != MAPPROC_LIST_ENTRY) {
            reader->problem(reader->user, path, item.line, mapproc_list_fault_text(item.fault));
            continue;
        }
        more = reader->pending != NULL && continues(reader->pending, item.entry);
        if (more ? !add_digests(reader->pending, item.entry) : (next = make_record(&item)) == NULL)
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot hold the list");
        if (!more && hand_out(reader, next, record) > 0)
            return 1;
    }
    return code < 0 ? code : hand_out(reader, NULL, record);
}
