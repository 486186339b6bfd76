/* SPDX-License-Identifier: MIT */
/* compare_manifests.c - what two lists of digests tell about the same files, without their data. */
#include "jobs/compare_manifests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/error.h"
#include "jobs/compare.h"
#include "jobs/list_record.h"
#include "pipeline/cancel.h"

/* ---- two records ---- */

enum answer {
    ANSWER_NONE,
    ANSWER_SAME,
    ANSWER_DIFFERENT,
};

/* What the digests of the whole file say: one that differs is enough. */
static enum answer compare_digests(const struct mapproc_list_record *a,
                                   const struct mapproc_list_record *b)
{
    enum answer answer = ANSWER_NONE;

    for (size_t i = 0; i < a->digest_count; i++) {
        for (size_t j = 0; j < b->digest_count; j++) {
            if (!mapproc_list_digests_comparable(&a->digests[i], &b->digests[j]))
                continue;
            if (memcmp(a->digests[i].bytes, b->digests[j].bytes, a->digests[i].size) != 0)
                return ANSWER_DIFFERENT;
            answer = ANSWER_SAME;
        }
    }
    return answer;
}

/* A file of which the list has no pieces, but its size, is one piece. */
static void compare_as_one_piece(const struct mapproc_list_record *a,
                                 const struct mapproc_list_record *b,
                                 struct mapproc_listed_comparison *comparison,
                                 struct mapproc_range_list *differing)
{
    comparison->pieces = MAPPROC_PIECES_COMPARED;
    if (a->size == b->size)
        (void)mapproc_range_list_add(differing, 0, a->size, NULL);
    else
        comparison->untold = (struct mapproc_range){0, mapproc_min_u64(a->size, b->size)};
}

/* How many pieces the lists have in common: in the same place and of the same length. */
static size_t count_common(const struct mapproc_piece_list *a, const struct mapproc_piece_list *b)
{
    size_t count = 0;

    while (count < a->count && count < b->count &&
           a->pieces[count].length == b->pieces[count].length)
        count++;
    return count;
}

/*
 * Whether the pieces behind the common ones show that the lists have pieces of different sizes. If
 * they are of the same size, the shorter file ends here, or in a piece that the other one has in
 * full.
 */
static bool sizes_clash(const struct mapproc_piece_list *shorter,
                        const struct mapproc_piece_list *longer, size_t common)
{
    if (common == shorter->count || common == longer->count)
        return false;
    return common + 1 < shorter->count ||
           longer->pieces[common].length < shorter->pieces[common].length;
}

/* Where the common pieces end. */
static uint64_t end_of(const struct mapproc_piece_list *list, size_t count)
{
    return count < list->count ? list->pieces[count].offset : list->end;
}

static int compare_pieces(const struct mapproc_list_record *a, const struct mapproc_list_record *b,
                          struct mapproc_listed_comparison *comparison,
                          struct mapproc_range_list *differing, struct mapproc_error *error)
{
    const struct mapproc_piece_list *x = &a->pieces, *y = &b->pieces;
    const struct mapproc_piece_list *shorter = x->end < y->end ? x : y;
    size_t common = count_common(x, y);

    if (sizes_clash(shorter, shorter == x ? y : x, common)) {
        comparison->pieces = MAPPROC_PIECES_SIZES;
        return MAPPROC_OK;
    }
    comparison->pieces = MAPPROC_PIECES_COMPARED;
    for (size_t i = 0; i < common; i++) {
        int result;

        if (memcmp(mapproc_piece_digest(x, i), mapproc_piece_digest(y, i), x->digest_size) == 0)
            continue;
        result = mapproc_range_list_add(differing, x->pieces[i].offset, x->pieces[i].length, error);
        if (result != MAPPROC_OK)
            return result;
    }
    comparison->untold.offset = end_of(x, common);
    comparison->untold.length = shorter->end - comparison->untold.offset;
    return MAPPROC_OK;
}

/* Compares whatever pieces there are. */
static int compare_parts(const struct mapproc_list_record *a, const struct mapproc_list_record *b,
                         struct mapproc_listed_comparison *comparison,
                         struct mapproc_range_list *differing, struct mapproc_error *error)
{
    comparison->pieces = MAPPROC_PIECES_MISSING;
    if (a->has_size && b->has_size && (a->size == 0 || b->size == 0)) {
        comparison->pieces = MAPPROC_PIECES_COMPARED; /* no bytes, no pieces */
        return MAPPROC_OK;
    }
    if (a->pieces.count == 0 && b->pieces.count == 0) {
        if (a->has_size && b->has_size)
            compare_as_one_piece(a, b, comparison, differing);
        return MAPPROC_OK;
    }
    if (a->pieces.count == 0 || b->pieces.count == 0)
        return MAPPROC_OK;
    if (strcasecmp(a->piece_digest, b->piece_digest) == 0 &&
        a->pieces.digest_size == b->pieces.digest_size)
        return compare_pieces(a, b, comparison, differing, error);
    comparison->pieces = MAPPROC_PIECES_ALGORITHMS;
    return MAPPROC_OK;
}

static void set_sizes(struct mapproc_listed_comparison *comparison, size_t side,
                      const struct mapproc_list_record *record)
{
    if (record == NULL)
        return;
    comparison->name = record->name;
    comparison->sizes[side].known = record->has_size;
    comparison->sizes[side].bytes = record->size;
}

/* Compares two records of one name. Either may be NULL. */
static int compare_records(const struct mapproc_list_record *a, const struct mapproc_list_record *b,
                           struct mapproc_listed_comparison *comparison,
                           struct mapproc_range_list *differing, struct mapproc_error *error)
{
    bool sizes_known, sizes_differ;
    enum answer whole;
    int result;

    *comparison = (struct mapproc_listed_comparison){.differing = differing};
    set_sizes(comparison, 0, a);
    set_sizes(comparison, 1, b);
    if (a == NULL || b == NULL) {
        comparison->verdict = b == NULL ? MAPPROC_FILE_ONLY_IN_A : MAPPROC_FILE_ONLY_IN_B;
        return MAPPROC_OK;
    }
    sizes_known = a->has_size && b->has_size;
    sizes_differ = sizes_known && a->size != b->size;
    whole = compare_digests(a, b);
    if (whole == ANSWER_SAME && !sizes_differ)
        return MAPPROC_OK;
    result = compare_parts(a, b, comparison, differing, error);
    comparison->verdict = MAPPROC_FILE_DIFFERENT;
    if (result != MAPPROC_OK || whole == ANSWER_DIFFERENT || sizes_differ)
        return result;
    /* Only the pieces are left to tell, if they are compared by digests of their own. */
    if (a->pieces.count == 0 || comparison->pieces != MAPPROC_PIECES_COMPARED) {
        comparison->verdict = MAPPROC_FILE_UNKNOWN;
        mapproc_range_list_free(differing);
    } else if (differing->count == 0) {
        comparison->verdict = MAPPROC_FILE_SAME;
    }
    return MAPPROC_OK;
}

/* ---- all records of a list, by name ---- */

struct index {
    struct mapproc_list_record **records; /* in the order of the list; then sorted */
    size_t count;
    size_t capacity;
};

static void free_index(struct index *index)
{
    for (size_t i = 0; i < index->count; i++)
        mapproc_list_record_free(index->records[i]);
    free(index->records);
}

/* The index owns the record, also after an error. */
static int add_record(struct index *index, struct mapproc_list_record *record, const char *path,
                      struct mapproc_error *error)
{
    if (index->count == index->capacity) {
        size_t capacity = index->capacity > 0 ? index->capacity * 2 : 64, size;
        struct mapproc_list_record **records = NULL;

        if (mapproc_multiply_size(capacity, sizeof(*records), &size))
            records = realloc(index->records, size);
        if (records == NULL) {
            mapproc_list_record_free(record);
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot hold the list");
        }
        index->records = records;
        index->capacity = capacity;
    }
    index->records[index->count++] = record;
    return MAPPROC_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct mapproc_list_record *x = *(struct mapproc_list_record *const *)a;
    const struct mapproc_list_record *y = *(struct mapproc_list_record *const *)b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static int by_number(const void *a, const void *b)
{
    const struct mapproc_list_record *x = *(struct mapproc_list_record *const *)a;
    const struct mapproc_list_record *y = *(struct mapproc_list_record *const *)b;

    return (x->number > y->number) - (x->number < y->number);
}

static void sort(struct index *index, int (*order)(const void *, const void *))
{
    if (index->count > 0)
        qsort(index->records, index->count, sizeof(*index->records), order);
}

/* The first record of that name. NULL if there is none. */
static struct mapproc_list_record *find(const struct index *index, const char *name)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(index->records[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count && strcmp(index->records[low]->name, name) == 0 ? index->records[low]
                                                                              : NULL;
}

/* ---- two lists ---- */

struct comparing {
    const struct mapproc_manifests_client *client;
    const char *paths[2];
    int cancel_fd;
    struct index index; /* of list B */
};

static int open_list(const struct comparing *comparing, size_t side,
                     struct mapproc_record_reader *reader, struct mapproc_error *error)
{
    return mapproc_record_reader_open(reader, comparing->paths[side], comparing->cancel_fd,
                                      comparing->client->problem, comparing->client->user, error);
}

/* Whether a list that was read to its end is one. */
static int check_list(const struct mapproc_record_reader *reader, struct mapproc_error *error)
{
    if (reader->count > 0 || reader->list.manifests > 0)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->source.path,
                             "has no digests of files in it");
}

static int read_index(struct comparing *comparing, struct mapproc_error *error)
{
    struct mapproc_record_reader reader;
    struct mapproc_list_record *record;
    int result = open_list(comparing, 1, &reader, error);

    if (result != MAPPROC_OK)
        return result;
    while ((result = mapproc_record_reader_next(&reader, &record, error)) > 0) {
        result = add_record(&comparing->index, record, comparing->paths[1], error);
        if (result != MAPPROC_OK)
            break;
    }
    if (result == MAPPROC_OK)
        result = check_list(&reader, error);
    mapproc_record_reader_close(&reader);
    return result;
}

/* Looks for names that list B has again. Marks them as met, so that they are not reported. */
static int check_repeated(struct comparing *comparing, struct mapproc_error *error)
{
    struct mapproc_list_record **records = comparing->index.records;
    struct mapproc_range_list differing;
    int result = MAPPROC_OK;

    mapproc_range_list_init(&differing, 0);
    for (size_t i = 1, first = 0; i < comparing->index.count && result == MAPPROC_OK; i++) {
        struct mapproc_listed_comparison comparison;

        if (strcmp(records[i]->name, records[first]->name) != 0) {
            first = i;
            continue;
        }
        records[i]->met = true;
        result = compare_records(records[first], records[i], &comparison, &differing, error);
        if (result == MAPPROC_OK && comparison.verdict == MAPPROC_FILE_DIFFERENT)
            comparing->client->problem(comparing->client->user, comparing->paths[1],
                                       records[i]->line,
                                       "contradicts a line above it about the same file");
        mapproc_range_list_free(&differing);
    }
    return result;
}

/* Compares a record of list A with that of list B, or one of list B with none, and reports it. */
static int report_pair(const struct comparing *comparing, const struct mapproc_list_record *a,
                       const struct mapproc_list_record *b, struct mapproc_error *error)
{
    struct mapproc_listed_comparison comparison;
    struct mapproc_range_list differing;
    int result;

    mapproc_range_list_init(&differing, MAPPROC_COMPARE_RANGES_MAX);
    result = compare_records(a, b, &comparison, &differing, error);
    if (result == MAPPROC_OK) {
        result = comparing->client->report(comparing->client->user, &comparison);
        if (result != MAPPROC_OK && error != NULL)
            *error = (struct mapproc_error){.code = result};
    }
    mapproc_range_list_free(&differing);
    return result;
}

static int compare_lists(struct comparing *comparing, struct mapproc_error *error)
{
    struct mapproc_record_reader reader;
    struct mapproc_list_record *record;
    int result = open_list(comparing, 0, &reader, error);

    if (result != MAPPROC_OK)
        return result;
    while ((result = mapproc_record_reader_next(&reader, &record, error)) > 0) {
        struct mapproc_list_record *other = find(&comparing->index, record->name);

        if (other != NULL)
            other->met = true;
        result = report_pair(comparing, record, other, error);
        mapproc_list_record_free(record);
        if (result != MAPPROC_OK)
            break;
    }
    if (result == MAPPROC_OK)
        result = check_list(&reader, error);
    mapproc_record_reader_close(&reader);
    return result;
}

static int report_unmet(struct comparing *comparing, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    sort(&comparing->index, by_number);
    for (size_t i = 0; i < comparing->index.count && result == MAPPROC_OK; i++)
        if (!comparing->index.records[i]->met)
            result = report_pair(comparing, NULL, comparing->index.records[i], error);
    return result;
}

int mapproc_compare_manifests(const char *a, const char *b, struct mapproc_cancel *cancel,
                              const struct mapproc_manifests_client *client,
                              struct mapproc_error *error)
{
    struct comparing comparing = {
        .client = client,
        .paths = {a, b},
        .cancel_fd = cancel != NULL ? mapproc_cancel_fd(cancel) : -1,
    };
    int result;

    if (strcmp(a, "-") == 0 && strcmp(b, "-") == 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, a, "cannot be both lists");
    result = read_index(&comparing, error);
    if (result == MAPPROC_OK) {
        sort(&comparing.index, by_name);
        result = check_repeated(&comparing, error);
    }
    if (result == MAPPROC_OK)
        result = compare_lists(&comparing, error);
    if (result == MAPPROC_OK)
        result = report_unmet(&comparing, error);
    free_index(&comparing.index);
    return result;
}
