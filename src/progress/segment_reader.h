/* SPDX-License-Identifier: MIT */
/* segment_reader.h - the watcher's side of the segment, which believes nothing it reads. */
#ifndef MAPPROC_PROGRESS_SEGMENT_READER_H
#define MAPPROC_PROGRESS_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "mapproc.h"
#include "mapproc_progress.h"
#include "progress/process.h"

enum {
    MAPPROC_SEGMENT_NAME_MAX = 64,
    MAPPROC_SEGMENTS_MAX = 1024, /* that a listing has */
};

/* A segment that is open. It is read, never mapped, so that it may be cut at any time. */
struct mapproc_segment_reader {
    int fd; /* -1: none */
    bool writable;
    bool is_being_made; /* why it could not be opened: it is too early */
    char path[MAPPROC_SEGMENT_NAME_MAX + 256];
    uint64_t device, inode;
    uint32_t owner;                        /* user number, as the system says */
    struct mapproc_progress_header header; /* checked, texts ended */
};

/* What a job last told. */
struct mapproc_segment_view {
    struct mapproc_progress_snapshot snapshot; /* checked, texts ended; number 0: nothing so far */
    struct mapproc_progress_worker *workers;   /* snapshot.worker_count of them */
    enum mapproc_life life;
    bool ended;      /* the state is a final one */
    bool silent;     /* not dead for certain, but has told nothing for a while */
    uint64_t age_ns; /* since the snapshot was written */
};

/* A name as jobs give them, in a listing. */
struct mapproc_segment_name {
    char text[MAPPROC_SEGMENT_NAME_MAX];
};

/* The names in `directory` that may be those of segments, sorted, in memory that the caller frees.
 * Returns MAPPROC_OK, or MAPPROC_FAILED with *error filled. */
int mapproc_segments_list(const char *directory, struct mapproc_segment_name **names, size_t *count,
                          struct mapproc_error *error);

/*
 * Opens a segment, to write its control as well if `writable`. MAPPROC_OK; or with *error filled
 * (its path is reader->path) MAPPROC_BAD_DATA if it is none, MAPPROC_REFUSED if it is that of
 * another user or of another version, or reader->is_being_made; MAPPROC_FAILED.
 */
int mapproc_segment_open(struct mapproc_segment_reader *reader, const char *directory,
                         const char *name, bool writable, struct mapproc_error *error);
void mapproc_segment_close(struct mapproc_segment_reader *reader);

/*
 * Reads the latest snapshot. `view` is zeros before the first call, and is reused by the next.
 * MAPPROC_OK, or MAPPROC_BAD_DATA if the segment has been damaged, with *error filled; the view
 * then still has what was read before. Never waits for longer than some 50 ms.
 */
int mapproc_segment_read(const struct mapproc_segment_reader *reader,
                         struct mapproc_segment_view *view, struct mapproc_error *error);
void mapproc_segment_view_free(struct mapproc_segment_view *view);

/* Writes one field of the control, given by its offset in the struct. */
int mapproc_segment_control(const struct mapproc_segment_reader *reader, size_t field,
                            uint64_t value, struct mapproc_error *error);

/*
 * Removes the segments of dead jobs of this user, telling the name of each (`removed` may be NULL).
 * Returns how many. What is no segment, or another user's, is left alone.
 */
unsigned mapproc_segments_clean(const char *directory,
                                void (*removed)(void *user, const char *path), void *user);

#endif
