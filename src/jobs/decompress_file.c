/* SPDX-License-Identifier: MIT */
/* decompress_file.c - the library's inflating of files and descriptors. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "input/source_removal.h"
#include "jobs/decompress.h"
#include "jobs/library_call.h"
#include "output/atomic_file.h"

/* Lives as long as the call. */
struct output {
    const char *path; /* NULL: `fd` */
    int fd;
    const struct mapproc_decompress_options *how;
    const struct mapproc_options *options;
    struct mapproc_atomic_file file;
};

/* Finds what must not be removed, even with its output in place. */
static int check_removable(const struct output *output, const struct mapproc_source *source,
                           struct mapproc_error *error)
{
    struct stat status;

    if (!mapproc_atomic_file_is_direct(&output->file) && source->steady &&
        fstat(source->fd, &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_nlink == 1 || output->how->force))
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, source->path,
                             "cannot be removed, as it or its output is no regular file, or it has "
                             "other names");
}

static int open_output(void *user, const struct mapproc_source *source, struct mapproc_error *error)
{
    struct output *output = user;
    int result;

    if (output->path == NULL)
        return mapproc_atomic_file_open_fd(&output->file, output->fd, "output", error);
    result = mapproc_atomic_file_open(&output->file, output->path, output->how->force != 0, error);
    if (result != MAPPROC_OK)
        return result;
    if (output->how->force && mapproc_atomic_file_replaces(&output->file, source->path))
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, source->path,
                                   "would be replaced by its own output");
    if (result == MAPPROC_OK && output->how->remove_input)
        result = check_removable(output, source, error);
    if (result == MAPPROC_OK && source->steady)
        mapproc_atomic_file_keep_metadata(&output->file, source->fd, output->options->note,
                                          output->options->note_user);
    return result;
}

static int write_output(void *user, const uint8_t *data, uint64_t length,
                        struct mapproc_error *error)
{
    struct output *output = user;

    if (data == NULL)
        return mapproc_atomic_file_skip(&output->file, length, error);
    return mapproc_atomic_file_write_sparse(&output->file, data, (size_t)length, error);
}

static int close_output(void *user, const struct mapproc_source *source, bool all_good,
                        struct mapproc_error *error)
{
    struct output *output = user;
    int result = mapproc_atomic_file_commit(&output->file, error);

    if (result == MAPPROC_OK && all_good && output->how->remove_input)
        result = mapproc_source_remove(source->path, &source->identity, error);
    return result;
}

static int decompress(struct output *output, struct mapproc_inflate_order *order,
                      const struct mapproc_decompress_options *how,
                      const struct mapproc_options *options, struct mapproc_compress_result *result,
                      struct mapproc_error *error)
{
    static const struct mapproc_decompress_options defaults;
    const struct mapproc_decompress_sink sink = {
        .user = output, .open = open_output, .write = write_output, .close = close_output};
    const struct mapproc_decompress_sink none = {.write = write_output};
    struct mapproc_library_call call;
    int code = mapproc_library_call_begin(&call, options, false, error);

    if (code != MAPPROC_OK)
        return code;
    output->file = (struct mapproc_atomic_file)MAPPROC_ATOMIC_FILE_CLOSED;
    output->how = how != NULL ? how : &defaults;
    output->options = &call.options;
    order->keep_going = output->how->keep_going != 0;
    order->max_output = output->how->max_output;
    order->length = UINT64_MAX;
    code = mapproc_library_check_reserved(output->how->reserved,
                                          sizeof(defaults.reserved) / sizeof(defaults.reserved[0]),
                                          call.error);
    if (code == MAPPROC_OK && output->how->remove_input &&
        (order->test_only || order->reach == MAPPROC_REACH_GIVEN || strcmp(order->path, "-") == 0))
        code = mapproc_error_set(call.error, MAPPROC_REFUSED, 0, order->path, "cannot be removed");
    if (code == MAPPROC_OK)
        code = mapproc_decompress_one(order, order->test_only ? &none : &sink, &call.options,
                                      result, call.error);
    mapproc_atomic_file_abort(&output->file);
    return mapproc_library_call_end(&call, code);
}

int mapproc_decompress_file(const char *input, const char *path,
                            const struct mapproc_decompress_options *how,
                            const struct mapproc_options *options,
                            struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct output output = {.path = path};
    struct mapproc_inflate_order order = {.path = input, .test_only = path == NULL};

    return decompress(&output, &order, how, options, result, error);
}

int mapproc_decompress_fd(int input, int fd, const struct mapproc_decompress_options *how,
                          const struct mapproc_options *options,
                          struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct output output = {.fd = fd};
    struct mapproc_inflate_order order = {
        .path = "input", .reach = MAPPROC_REACH_GIVEN, .fd = input};

    return decompress(&output, &order, how, options, result, error);
}
