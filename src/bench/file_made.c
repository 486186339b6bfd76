/* SPDX-License-Identifier: MIT */
/* file_made.c - a file to measure with, that nobody has to clean up. */
#include "bench/file_made.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/size_text.h"
#include "bench/team.h"

enum {
    PIECE = 1 << 20,        /* bytes written at a time */
    WORDS = PIECE / 8,      /* of 64 bits */
    SYNC_EACH = 16 * PIECE, /* so that a stop never waits for a device to take more */
};

/* Opens a file without a name, or one that loses it at once. -1 with errno. */
static int open_nameless(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char *path;
    int length;

    /* EISDIR: a kernel that knows no O_TMPFILE; EOPNOTSUPP: a file system that does not. */
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    length = asprintf(&path, "%s/mapproc-bench-XXXXXX", directory);
    if (length < 0) {
        errno = ENOMEM;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0 && unlink(path) != 0) {
        int system_error = errno;

        (void)close(fd);
        fd = -1;
        errno = system_error;
    }
    free(path);
    return fd;
}

/* Whether the process may write files of that size; else writing would raise SIGXFSZ. */
static bool may_be_so_large(uint64_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           limit.rlim_cur >= size;
}

static int write_piece(int fd, const uint64_t *words, size_t length)
{
    const char *data = (const char *)words;

    while (length > 0) {
        ssize_t written = write(fd, data, length);

        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            data += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

/* Returns 0, an errno, or ECANCELED. */
static int write_noise(int fd, uint64_t size, uint64_t *words, const struct mapproc_cancel *cancel)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);

    for (uint64_t done = 0; done < size; done += PIECE) {
        int system_error;

        if (mapproc_bench_cancelled(cancel))
            return ECANCELED;
        for (size_t i = 0; i < WORDS; i++) { /* xorshift64 */
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            words[i] = random;
        }
        system_error = write_piece(fd, words, (size_t)mapproc_min_u64(size - done, PIECE));
        if (system_error != 0)
            return system_error;
        /* What cannot be written now will fail at the end. */
        if (done % SYNC_EACH == 0)
            (void)sync_file_range(fd, 0, 0,
                                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                      SYNC_FILE_RANGE_WAIT_AFTER);
    }
    return fdatasync(fd) == 0 ? 0 : errno;
}

static int fill(int fd, uint64_t size, const struct mapproc_cancel *cancel)
{
    uint64_t *words;
    int system_error;

    if (!may_be_so_large(size))
        return EFBIG;
    /* Finds out at once whether there is room, where the file system can tell. */
    if (fallocate(fd, 0, 0, (off_t)size) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return errno;
    words = malloc(PIECE);
    if (words == NULL)
        return ENOMEM;
    system_error = write_noise(fd, size, words, cancel);
    free(words);
    return system_error;
}

int mapproc_file_made_open(struct mapproc_source *source, uint64_t size,
                           const struct mapproc_cancel *cancel, struct mapproc_error *error)
{
    const char *directory = getenv("TMPDIR");
    char text[MAPPROC_SIZE_TEXT_MAX];
    int fd, system_error;

    if (directory == NULL || directory[0] == '\0')
        directory = "/tmp";
    fd = open_nameless(directory);
    if (fd < 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, directory,
                                 "cannot make a file in this directory");
    system_error = fill(fd, size, cancel);
    if (system_error != 0) {
        (void)close(fd);
        if (system_error == ECANCELED)
            return mapproc_error_set(error, MAPPROC_CANCELLED, 0, directory, "cancelled");
        return mapproc_error_set(error, MAPPROC_FAILED, system_error, directory,
                                 "cannot make a file of %s in this directory",
                                 mapproc_size_format(size, text));
    }
    *source = (struct mapproc_source){
        .path = directory,
        .fd = fd,
        .owns_fd = true,
        .mappable = true,
        .kind = MAPPROC_SOURCE_EXTENT,
        .size = size,
    };
    return MAPPROC_OK;
}
