/* SPDX-License-Identifier: MIT */
/* checklist_reader.h - a checklist of any size and content, line by line in bounded memory. */
#ifndef MAPPROC_FORMAT_CHECKLIST_READER_H
#define MAPPROC_FORMAT_CHECKLIST_READER_H

#include "format/checklist_parse.h"
#include "format/line_reader.h"

/* Not thread-safe: one user at a time. */
struct mapproc_checklist_reader {
    struct mapproc_line_reader lines;
    struct mapproc_checklist_dialect dialect;
    char *name; /* MAPPROC_LINE_MAX + 1 bytes */
};

/* Takes the same arguments as mapproc_line_reader_open() and returns the same. */
int mapproc_checklist_reader_open(struct mapproc_checklist_reader *reader, int fd, int cancel_fd,
                                  const char *path, struct mapproc_error *error);
void mapproc_checklist_reader_close(struct mapproc_checklist_reader *reader);

/*
 * Returns 1 with the next line, as it stands in the list and as it was understood, both valid until
 * the next call; 0 at the end; or a negative code. A byte-order mark before the first line is
 * no part of it.
 */
int mapproc_checklist_reader_next(struct mapproc_checklist_reader *reader,
                                  struct mapproc_line *line, struct mapproc_checklist_line *parsed,
                                  struct mapproc_error *error);

#endif
