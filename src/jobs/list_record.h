/* SPDX-License-Identifier: MIT */
/* list_record.h - what a list says about one file, to be kept. */
#ifndef MAPPROC_JOBS_LIST_RECORD_H
#define MAPPROC_JOBS_LIST_RECORD_H

#include <stdbool.h>

#include "format/list_reader.h"
#include "input/source.h"

struct mapproc_list_record {
    char *name;
    uint64_t line;   /* of its first digest, counted from 1 */
    uint64_t number; /* among the records of its list, counted from 0 */
    bool met;        /* for whoever keeps it */
    bool has_size;
    uint64_t size; /* bytes */
    size_t digest_count;
    struct mapproc_checklist_digest *digests;
    struct mapproc_piece_list pieces; /* empty: none */
    char piece_digest[MAPPROC_TAG_MAX];
};

/* NULL is allowed. */
void mapproc_list_record_free(struct mapproc_list_record *record);

/* Whether two digests are of the same algorithm, as far as their tags tell. */
bool mapproc_list_digests_comparable(const struct mapproc_checklist_digest *a,
                                     const struct mapproc_checklist_digest *b);

/* Takes a line of a list with which something is wrong. */
typedef void (*mapproc_list_problem)(void *user, const char *path, uint64_t line, const char *what);

/* Reads a list record by record. Not thread-safe: one user at a time. */
struct mapproc_record_reader {
    struct mapproc_source source;
    struct mapproc_list_reader list;
    mapproc_list_problem problem;
    void *user;
    uint64_t count;                      /* records handed out */
    struct mapproc_list_record *pending; /* the last one read, of which there may be more */
};

/*
 * Opens the list `path`, borrowed; "-" is standard input. `cancel_fd` ends waiting for one that
 * comes through a pipe, or is -1. `problem` is told of every bad line. MAPPROC_OK or an error,
 * after which there is nothing to close.
 */
int mapproc_record_reader_open(struct mapproc_record_reader *reader, const char *path,
                               int cancel_fd, mapproc_list_problem problem, void *user,
                               struct mapproc_error *error);
void mapproc_record_reader_close(struct mapproc_record_reader *reader);

/*
 * Returns 1 with the next record, which the caller frees; 0 at the end; or a negative code. Digests
 * of several algorithms that follow one another with one and the same name are one record.
 */
int mapproc_record_reader_next(struct mapproc_record_reader *reader,
                               struct mapproc_list_record **record, struct mapproc_error *error);

#endif
