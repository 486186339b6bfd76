/* SPDX-License-Identifier: MIT */
/* scratch_file.h - files of a test, in a directory of its own that goes away with it. */
#ifndef MAPPROC_TESTS_SCRATCH_FILE_H
#define MAPPROC_TESTS_SCRATCH_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCRATCH_PATH_MAX = 256 };

struct scratch_directory {
    char path[SCRATCH_PATH_MAX];
};

static inline bool scratch_directory_make(struct scratch_directory *directory)
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(directory->path, sizeof(directory->path), "%s/mapproc-test-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    return mkdtemp(directory->path) != NULL;
}

/* The path of a file in the directory, into `path` of SCRATCH_PATH_MAX bytes. */
static inline char *scratch_path(const struct scratch_directory *directory, const char *name,
                                 char *path)
{
    (void)snprintf(path, SCRATCH_PATH_MAX, "%.200s/%.50s", directory->path, name);
    return path;
}

/* Writes a file of these bytes. */
static inline bool scratch_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;

    if (fd < 0)
        return false;
    while (done < size) {
        ssize_t n = write(fd, (const char *)data + done, size - done);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return close(fd) == 0 && done == size;
}

#endif
