/* SPDX-License-Identifier: MIT */
/* text_file.c - reading the small files in which a kernel tells about itself. */
#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_SIZE = 4096 }; /* bytes: holds most of these files */

/* Reads up to `most` bytes, in a buffer that grows with what comes. NULL with errno set. */
static char *read_text(int fd, size_t most)
{
    size_t size = most < FIRST_SIZE ? most : FIRST_SIZE, length = 0;
    char *text = malloc(size + 1);

    while (text != NULL) {
        ssize_t n = read(fd, text + length, size - length);
        char *larger;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int read_error = errno;

            free(text);
            errno = read_error;
            return NULL;
        }
        length += (size_t)n;
        if (n == 0 || length == most) {
            text[length] = '\0';
            return text;
        }
        if (length < size)
            continue;
        size = size <= most / 2 ? 2 * size : most;
        larger = realloc(text, size + 1);
        if (larger == NULL)
            free(text);
        text = larger;
    }
    errno = ENOMEM;
    return NULL;
}

char *mapproc_text_file_read(const char *path, size_t most)
{
    /* Not to be kept by a FIFO that somebody has put there. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int read_error;
    char *text;

    if (fd < 0)
        return NULL;
    text = read_text(fd, most);
    read_error = errno;
    (void)close(fd);
    errno = read_error;
    return text;
}
