/* SPDX-License-Identifier: MIT */
/* line_reader.h - lines of a file or pipe of any size and content, in bounded memory. */
#ifndef MAPPROC_FORMAT_LINE_READER_H
#define MAPPROC_FORMAT_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

/* Bytes of the longest line that is read: 64 KiB, and a name of PATH_MAX with all of it escaped. */
enum { MAPPROC_LINE_MAX = (64 + 8) * 1024 };

struct mapproc_line {
    /* Without the line feed, and a carriage return before that; with a NUL behind it. May hold
     * NULs. */
    const char *text;
    size_t length;
    uint64_t number; /* counted from 1 */
    uint64_t offset; /* of its first byte */
    bool ended;      /* by a line feed, not by the end of the file */
    bool too_long;   /* longer than MAPPROC_LINE_MAX: the text is empty */
};

/* Not thread-safe: one user at a time. */
struct mapproc_line_reader {
    int fd;
    int cancel_fd;
    const char *path;
    char *buffer;
    size_t begin;    /* of what was read and not yet handed out */
    size_t end;      /* behind it */
    size_t scanned;  /* bytes from `begin` that are known to hold no line feed */
    uint64_t offset; /* in the file, of buffer[begin] */
    uint64_t number; /* lines handed out */
    bool at_end;
};

/*
 * Starts to read from `fd`, which is borrowed and may be anything that read() takes, non-blocking
 * or not. `path` is borrowed, for errors only. If `cancel_fd` is not -1, reading ends with
 * MAPPROC_CANCELLED as soon as that descriptor is readable. Returns MAPPROC_OK, or MAPPROC_FAILED
 * without memory. Close it also after an error of mapproc_line_reader_next().
 */
int mapproc_line_reader_open(struct mapproc_line_reader *reader, int fd, int cancel_fd,
                             const char *path, struct mapproc_error *error);
void mapproc_line_reader_close(struct mapproc_line_reader *reader);

/*
 * Returns 1 with the next line, whose text is valid until the next call; 0 at the end; or a
 * negative code. A line that is too long is passed over, however long it is, and reported once.
 */
int mapproc_line_reader_next(struct mapproc_line_reader *reader, struct mapproc_line *line,
                             struct mapproc_error *error);

#endif
