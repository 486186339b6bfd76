/* SPDX-License-Identifier: MIT */
/* file_scan.h - the ways to read a file, each touching every byte. */
#ifndef MAPPROC_BENCH_FILE_SCAN_H
#define MAPPROC_BENCH_FILE_SCAN_H

#include <stdio.h>

#include "bench/measure.h"
#include "input/source.h"

/* A file to be read by the threads of a team, a part each. */
struct mapproc_file_scan {
    const struct mapproc_source *source; /* an extent */
    uint64_t size;                       /* bytes from its start that are read */
    unsigned threads;
    struct mapproc_file_reader *readers;    /* one a thread */
    char missing[MAPPROC_BENCH_REASON_MAX]; /* why there are no files for read() and fread() */
};

/* A way to read. */
struct mapproc_file_method {
    const char *name;
    bool maps;     /* needs a mapping */
    bool own_file; /* needs a file of its own in each thread, because it has a position */

    /* The advice, for madvise(), that it cannot do without; -1: none. */
    int advice;

    /* Body for mapproc_bench_team_run(): reads everything once; the context is a struct
     * mapproc_file_scan. */
    int (*work)(struct mapproc_bench_worker *worker, void *context, uint64_t units);
};

/* Method number `index`, counted from 0; NULL past the last. */
const struct mapproc_file_method *mapproc_file_method_at(size_t index);

/* Gets buffers, and files where possible. Undo it with mapproc_file_scan_close(), even after a
 * failure. */
int mapproc_file_scan_open(struct mapproc_file_scan *scan, const struct mapproc_source *source,
                           uint64_t size, unsigned threads, struct mapproc_error *error);
void mapproc_file_scan_close(struct mapproc_file_scan *scan);

/* Marks the subject, which is about `method`, as skipped if it cannot be used on this file. */
void mapproc_file_scan_try(const struct mapproc_file_scan *scan,
                           const struct mapproc_file_method *method,
                           struct mapproc_bench_subject *subject);

#endif
