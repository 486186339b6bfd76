/* SPDX-License-Identifier: MIT */
/* line_reader.c - lines of a file or pipe of any size and content, in bounded memory. */
#include "format/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Room for the longest line and for a read that is worth its system call; one more for a NUL. */
enum { READ_MIN = 64 * 1024, CAPACITY = MAPPROC_LINE_MAX + 2 * READ_MIN };

int mapproc_line_reader_open(struct mapproc_line_reader *reader, int fd, int cancel_fd,
                             const char *path, struct mapproc_error *error)
{
    *reader = (struct mapproc_line_reader){.fd = fd, .cancel_fd = cancel_fd, .path = path};
    reader->buffer = malloc(CAPACITY + 1);
    if (reader->buffer == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot read lines");
    return MAPPROC_OK;
}

void mapproc_line_reader_close(struct mapproc_line_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

/* Waits until there is something to read or a wish to stop. */
static int wait_for_data(const struct mapproc_line_reader *reader, struct mapproc_error *error)
{
    struct pollfd fds[] = {
        {.fd = reader->fd, .events = POLLIN},
        {.fd = reader->cancel_fd, .events = POLLIN}, /* poll() ignores -1 */
    };

    while (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0) {
        if (errno != EINTR)
            return mapproc_error_set(error, MAPPROC_FAILED, errno, reader->path, "cannot poll");
    }
    if (fds[1].revents != 0)
        return mapproc_error_set(error, MAPPROC_CANCELLED, 0, reader->path, "cancelled");
    return MAPPROC_OK;
}

/* Reads more behind what is held, or sets at_end. */
static int fill(struct mapproc_line_reader *reader, struct mapproc_error *error)
{
    size_t held = reader->end - reader->begin;
    bool wait = reader->cancel_fd >= 0;

    if (CAPACITY - reader->end < READ_MIN) {
        memmove(reader->buffer, reader->buffer + reader->begin, held);
        reader->begin = 0;
        reader->end = held;
    }
    for (;;) {
        ssize_t n;

        if (wait) {
            int code = wait_for_data(reader, error);

            if (code != MAPPROC_OK)
                return code;
        }
        n = read(reader->fd, reader->buffer + reader->end, CAPACITY - reader->end);
        if (n >= 0) {
            reader->end += (size_t)n;
            reader->at_end = n == 0;
            return MAPPROC_OK;
        }
        if (errno == EAGAIN)
            wait = true;
        else if (errno != EINTR)
            return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno,
                                     reader->path, "cannot read");
    }
}

/* Takes `length` bytes, and `ends` more that end the line, out of the buffer. */
static void take_line(struct mapproc_line_reader *reader, struct mapproc_line *line, size_t length,
                      size_t ends)
{
    char *text = reader->buffer + reader->begin;

    if (length > MAPPROC_LINE_MAX)
        line->too_long = true;
    line->length = line->too_long ? 0 : length;
    if (line->length > 0 && text[line->length - 1] == '\r')
        line->length--;
    text[line->length] = '\0';
    line->text = text;
    line->number = ++reader->number;
    line->ended = ends > 0;
    reader->begin += length + ends;
    reader->offset += length + ends;
    reader->scanned = 0;
}

int mapproc_line_reader_next(struct mapproc_line_reader *reader, struct mapproc_line *line,
                             struct mapproc_error *error)
{
    line->offset = reader->offset;
    line->too_long = false;
    for (;;) {
        char *text = reader->buffer + reader->begin;
        size_t held = reader->end - reader->begin;
        const char *found = memchr(text + reader->scanned, '\n', held - reader->scanned);
        int code;

        if (found != NULL) {
            take_line(reader, line, (size_t)(found - text), 1);
            return 1;
        }
        if (reader->at_end) {
            if (held == 0 && !line->too_long)
                return 0;
            take_line(reader, line, held, 0);
            return 1;
        }
        reader->scanned = held;
        if (held > MAPPROC_LINE_MAX) {
            line->too_long = true;
            reader->offset += held;
            reader->begin = reader->end = reader->scanned = 0;
        }
        code = fill(reader, error);
        if (code != MAPPROC_OK)
            return code;
    }
}
