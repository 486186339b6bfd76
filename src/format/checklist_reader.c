/* SPDX-License-Identifier: MIT */
/* checklist_reader.c - a checklist of any size and content, line by line in bounded memory. */
#include "format/checklist_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int mapproc_checklist_reader_open(struct mapproc_checklist_reader *reader, int fd, int cancel_fd,
                                  const char *path, struct mapproc_error *error)
{
    int code;

    memset(&reader->dialect, 0, sizeof(reader->dialect));
    reader->name = malloc(MAPPROC_LINE_MAX + 1);
    if (reader->name == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot read a list");
    code = mapproc_line_reader_open(&reader->lines, fd, cancel_fd, path, error);
    if (code != MAPPROC_OK)
        free(reader->name);
    return code;
}

void mapproc_checklist_reader_close(struct mapproc_checklist_reader *reader)
{
    mapproc_line_reader_close(&reader->lines);
    free(reader->name);
    reader->name = NULL;
}

static void skip_byte_order_mark(struct mapproc_line *line)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (strncmp(line->text, mark, strlen(mark)) == 0) {
        line->text += strlen(mark);
        line->length -= strlen(mark);
    }
}

int mapproc_checklist_reader_next(struct mapproc_checklist_reader *reader,
                                  struct mapproc_line *line, struct mapproc_checklist_line *parsed,
                                  struct mapproc_error *error)
{
    int code = mapproc_line_reader_next(&reader->lines, line, error);

    if (code <= 0)
        return code;
    if (line->number == 1)
        skip_byte_order_mark(line);
    mapproc_checklist_parse(&reader->dialect, line->text, line->length, reader->name, parsed);
    if (line->too_long) {
        parsed->kind = MAPPROC_CHECKLIST_BAD;
        parsed->fault = MAPPROC_FAULT_TOO_LONG;
    }
    return code;
}
