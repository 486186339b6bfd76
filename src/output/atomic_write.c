/* SPDX-License-Identifier: MIT */
/* atomic_write.c - the bytes of an output file, and the holes between them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/zeros.h"
#include "output/atomic_file.h"

enum {
    PIECES = 128,      /* that one call takes; fewer than IOV_MAX */
    ZEROS = 64 * 1024, /* bytes of a write where there can be no hole */
};

static int explain(const struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    if (file->write_error != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, file->write_error, file->path,
                                 "cannot write");
    return MAPPROC_OK;
}

/* Waits until somebody takes what was written before. Returns 0 or an errno. */
static int wait_writable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

    return poll(&poll_fd, 1, -1) >= 0 || errno == EINTR ? 0 : errno;
}

/* Writes the first bytes of the pieces. Returns how many, 0 after an error. */
static size_t write_some(struct mapproc_atomic_file *file, const struct iovec *pieces, size_t count)
{
    ssize_t n = count == 1 ? write(file->fd, pieces->iov_base, pieces->iov_len)
                           : writev(file->fd, pieces, (int)count);

    if (n > 0)
        return (size_t)n;
    if (n == 0)
        file->write_error = EIO; /* to try again would never end */
    else if (errno == EAGAIN)
        file->write_error = wait_writable(file->fd);
    else if (errno != EINTR)
        file->write_error = errno;
    return 0;
}

/* Leaves the pending hole behind. */
static void pass_hole(struct mapproc_atomic_file *file)
{
    if (file->hole > 0 && file->write_error == 0 &&
        lseek(file->fd, (off_t)file->length, SEEK_SET) < 0)
        file->write_error = errno == EINVAL || errno == EOVERFLOW ? EFBIG : errno;
    file->hole = 0;
}

/* Writes all of at most PIECES pieces, none of them empty, and uses them up. */
static void write_pieces(struct mapproc_atomic_file *file, struct iovec *pieces, size_t count)
{
    while (count > 0 && file->write_error == 0) {
        size_t n = write_some(file, pieces, count);

        file->length += n;
        while (count > 0 && n >= pieces->iov_len) {
            n -= pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + n;
            pieces->iov_len -= n;
        }
    }
}

int mapproc_atomic_file_writev(struct mapproc_atomic_file *file, const struct iovec *pieces,
                               size_t count, struct mapproc_error *error)
{
    struct iovec some[PIECES];
    size_t waiting = 0;

    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > 0)
            some[waiting++] = pieces[i];
        if (waiting == PIECES || (waiting > 0 && i + 1 == count)) {
            pass_hole(file);
            write_pieces(file, some, waiting);
            waiting = 0;
        }
    }
    return explain(file, error);
}

int mapproc_atomic_file_write(struct mapproc_atomic_file *file, const void *data, size_t length,
                              struct mapproc_error *error)
{
    /* There is no struct iovec for what is only read. */
    const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};

    return mapproc_atomic_file_writev(file, &piece, 1, error);
}

static int write_zeros(struct mapproc_atomic_file *file, uint64_t length,
                       struct mapproc_error *error)
{
    static const char zeros[ZEROS];
    int result = explain(file, error);

    while (length > 0 && result == MAPPROC_OK) {
        size_t part = (size_t)mapproc_min_u64(length, sizeof(zeros));

        result = mapproc_atomic_file_write(file, zeros, part, error);
        length -= part;
    }
    return result;
}

int mapproc_atomic_file_skip(struct mapproc_atomic_file *file, uint64_t length,
                             struct mapproc_error *error)
{
    uint64_t end;

    if (file->direct)
        return write_zeros(file, length, error);
    if (!mapproc_add_u64(file->length, length, &end) || end > INT64_MAX) {
        file->write_error = EFBIG;
    } else {
        file->length = end;
        file->hole += length;
    }
    return explain(file, error);
}

/* Bytes of data, which is to be at `offset` of the file, before the first whole block of zeros. */
static size_t find_zeros(uint64_t offset, const char *data, size_t length)
{
    size_t done = (size_t)(-offset % MAPPROC_HOLE_MIN);

    for (; done <= length && length - done >= MAPPROC_HOLE_MIN; done += MAPPROC_HOLE_MIN)
        if (mapproc_is_zero(data + done, MAPPROC_HOLE_MIN))
            return done;
    return length;
}

/* Bytes in the whole blocks of zeros that `data` begins with. */
static size_t count_zeros(const char *data, size_t length)
{
    size_t done = 0;

    while (length - done >= MAPPROC_HOLE_MIN && mapproc_is_zero(data + done, MAPPROC_HOLE_MIN))
        done += MAPPROC_HOLE_MIN;
    return done;
}

int mapproc_atomic_file_write_sparse(struct mapproc_atomic_file *file, const void *data,
                                     size_t length, struct mapproc_error *error)
{
    const char *rest = data;
    int result = MAPPROC_OK;

    if (file->direct)
        return mapproc_atomic_file_write(file, data, length, error);
    while (length > 0 && result == MAPPROC_OK) {
        size_t run = find_zeros(file->length, rest, length);

        result = mapproc_atomic_file_write(file, rest, run, error);
        rest += run;
        length -= run;
        run = count_zeros(rest, length);
        if (run > 0 && result == MAPPROC_OK)
            result = mapproc_atomic_file_skip(file, run, error);
        rest += run;
        length -= run;
    }
    return result;
}
