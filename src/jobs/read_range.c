/* SPDX-License-Identifier: MIT */
/* read_range.c - the library's slices: the data of a file, or of gzip in memory, into a buffer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/decompress.h"
#include "jobs/library_call.h"

/* Ranges to this size are not worth several threads, bytes. */
enum { ONE_THREAD_MAX = 1 << 20 };

/* Lives as long as the call. */
struct buffer {
    uint8_t *bytes;
    size_t capacity;
    size_t length; /* there by now */
};

static int write_buffer(void *user, const uint8_t *data, uint64_t length,
                        struct mapproc_error *error)
{
    struct buffer *buffer = user;

    if (length > buffer->capacity - buffer->length)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "has more data than there is room for");
    memcpy(buffer->bytes + buffer->length, data, (size_t)length);
    buffer->length += (size_t)length;
    return MAPPROC_OK;
}

static int inflate_to(struct buffer *buffer, const struct mapproc_inflate_order *order,
                      struct mapproc_library_call *call)
{
    const struct mapproc_decompress_sink sink = {.user = buffer, .write = write_buffer};

    if (call->options.threads == 0 && buffer->capacity <= ONE_THREAD_MAX)
        call->options.threads = 1;
    return mapproc_decompress_one(order, &sink, &call->options, NULL, call->error);
}

int mapproc_read_range(const char *path, uint64_t offset, void *memory, size_t length, size_t *got,
                       const struct mapproc_options *options, struct mapproc_error *error)
{
    struct mapproc_inflate_order order = {
        .path = path, .takes_plain = true, .offset = offset, .length = length};
    struct buffer buffer = {.bytes = memory, .capacity = length};
    struct mapproc_library_call call;
    char *index_path = NULL;
    int result = mapproc_library_call_begin(&call, options, false, error);

    if (result != MAPPROC_OK)
        return result;
    if (offset != 0 && asprintf(&index_path, "%s.gzi", path) < 0)
        index_path = NULL; /* it is a help, no more */
    order.index_path = index_path;
    result = inflate_to(&buffer, &order, &call);
    free(index_path);
    *got = buffer.length;
    return mapproc_library_call_end(&call, result);
}

/* ---- gzip in memory ---- */

/* Makes a file of the bytes that has no name. A descriptor, or -1 with errno set. */
static int make_file(const uint8_t *bytes, size_t length)
{
    int fd = memfd_create("mapproc", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < length) {
        ssize_t n = write(fd, bytes + done, length - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            int write_error = n == 0 ? ENOSPC : errno;

            (void)close(fd);
            errno = write_error;
            return -1;
        }
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

int mapproc_decompress_buffer(const void *data, size_t length, void *out, size_t capacity,
                              size_t *size, const struct mapproc_options *options,
                              struct mapproc_error *error)
{
    struct mapproc_inflate_order order = {
        .path = "input", .reach = MAPPROC_REACH_GIVEN, .length = UINT64_MAX};
    struct buffer buffer = {.bytes = out, .capacity = capacity};
    struct mapproc_library_call call;
    int result = mapproc_library_call_begin(&call, options, false, error);

    if (result != MAPPROC_OK)
        return result;
    order.fd = make_file(data, length);
    if (order.fd >= 0) {
        result = inflate_to(&buffer, &order, &call);
        (void)close(order.fd);
    } else {
        result =
            mapproc_error_set(call.error, MAPPROC_FAILED, errno, NULL, "cannot keep the input");
    }
    *size = buffer.length;
    return mapproc_library_call_end(&call, result);
}
