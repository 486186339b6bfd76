/* SPDX-License-Identifier: MIT */
/* long_path.c - open() and stat() for paths of any length. */
#include "input/long_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static void close_keeping_errno(int fd)
{
    int system_error = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = system_error;
}

/*
 * Goes down until the rest of the path is short enough for one call. Returns the directory that
 * the rest begins in, which is AT_FDCWD at first, or -1 with errno set.
 */
static int descend(const char **rest)
{
    int directory = AT_FDCWD;

    while (strlen(*rest) >= PATH_MAX) {
        char piece[PATH_MAX];
        const char *slash = memrchr(*rest, '/', PATH_MAX);
        size_t length = slash != NULL ? (size_t)(slash - *rest) : 0;
        int next;

        if (length == 0) { /* a component longer than any name */
            close_keeping_errno(directory);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(piece, *rest, length);
        piece[length] = '\0';
        next = openat(directory, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
        close_keeping_errno(directory);
        if (next < 0)
            return -1;
        directory = next;
        *rest = slash + strspn(slash, "/"); /* a '/' in front would start at the top again */
    }
    if (**rest == '\0')
        *rest = ".";
    return directory;
}

/* Whether a call on `path` has failed because of its length as a whole. */
static bool is_too_long(const char *path)
{
    return errno == ENAMETOOLONG && strlen(path) >= PATH_MAX;
}

int mapproc_long_path_open(const char *path, int flags)
{
    int fd = open(path, flags);

    if (fd < 0 && is_too_long(path)) {
        int directory = descend(&path);

        if (directory == -1)
            return -1;
        fd = openat(directory, path, flags);
        close_keeping_errno(directory);
    }
    return fd;
}

int mapproc_long_path_stat(const char *path, struct stat *status)
{
    int result = stat(path, status);

    if (result != 0 && is_too_long(path)) {
        int directory = descend(&path);

        if (directory == -1)
            return -1;
        result = fstatat(directory, path, status, 0);
        close_keeping_errno(directory);
    }
    return result;
}
