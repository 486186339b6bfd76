/* SPDX-License-Identifier: MIT */
/* segment.h - the job's side of the segment: made, written, removed.
 *
 * The job never maps it. All goes through pwrite() and pread(), so that whatever others do to the
 * file (cut it, fill it with garbage, fill the file system) is an error code here at the worst.
 */
#ifndef MAPPROC_PROGRESS_SEGMENT_H
#define MAPPROC_PROGRESS_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "mapproc.h"
#include "mapproc_progress.h"

enum {
    MAPPROC_SEGMENT_PATH_MAX = 256,
    MAPPROC_SEGMENT_WORKERS_MAX = 4096,
};

/* The fields are private. One thread at a time, but for mapproc_segment_abandon(). */
struct mapproc_segment {
    int fd; /* -1: none */
    char path[MAPPROC_SEGMENT_PATH_MAX];
    uint64_t device, inode;
    struct mapproc_progress_header header;
    struct mapproc_progress_control control; /* as it was last read or written */
    uint64_t number;                         /* of the latest snapshot */
    atomic_bool abandoned;
};

/* Bytes of a snapshot with so many workers. */
size_t mapproc_segment_snapshot_size(unsigned workers);

/*
 * Makes a segment with room for up to `workers` workers in `directory`, after removing the segments
 * of dead jobs of this user there. Its space is reserved. `verb` and `name` (or NULL) are cut to
 * fit. MAPPROC_OK, or MAPPROC_FAILED with *error filled, whose path is NULL.
 */
int mapproc_segment_create(struct mapproc_segment *segment, const char *directory, const char *verb,
                           const char *name, unsigned workers, struct mapproc_error *error);

/*
 * Publishes a snapshot, which is followed in memory by its snapshot->worker_count workers, after
 * setting its number. A segment that somebody has damaged is mended on the way, and its control is
 * again what it was when it was last read or written: zeros where the file was cut are no wishes.
 * False if that failed; it may work the next time.
 */
bool mapproc_segment_publish(struct mapproc_segment *segment,
                             struct mapproc_progress_snapshot *snapshot);

/* Reads what the job should do. False if the segment is damaged. */
bool mapproc_segment_read_control(struct mapproc_segment *segment,
                                  struct mapproc_progress_control *control);

/* Writes it: what holds until somebody wishes otherwise. */
bool mapproc_segment_write_control(struct mapproc_segment *segment,
                                   const struct mapproc_progress_control *control);

/* Removes its name, unless that is another file's by now, and closes it. */
void mapproc_segment_remove(struct mapproc_segment *segment);

/* For a signal handler of a process that is about to die: marks the job as cancelled and removes
 * the name. Nothing is published afterwards. */
void mapproc_segment_abandon(struct mapproc_segment *segment);

#endif
