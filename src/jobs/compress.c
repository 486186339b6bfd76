/* SPDX-License-Identifier: MIT */
/* compress.c - the library's compression of files and descriptors. */
#include <string.h>

#include "base/error.h"
#include "jobs/compress_settings.h"
#include "jobs/library_call.h"

/* Lives as long as the call. */
struct compress {
    struct mapproc_deflate_order order;
    bool taken; /* the order */
    struct mapproc_compress_result result;
    struct mapproc_error failure; /* of the source; code MAPPROC_OK: none */
};

static int next_order(void *user, struct mapproc_deflate_order *order, struct mapproc_error *error)
{
    struct compress *compress = user;

    (void)error;
    if (compress->taken)
        return 0;
    compress->taken = true;
    *order = compress->order;
    return 1;
}

static int report(void *user, const struct mapproc_deflate_result *result)
{
    struct compress *compress = user;

    compress->result = (struct mapproc_compress_result){
        .size = result->size, .compressed = result->compressed, .members = result->members};
    if (result->error != NULL)
        compress->failure = *result->error;
    return MAPPROC_OK;
}

/* Runs the one order with these settings, cut as the options say. */
static int run(struct compress *compress, struct mapproc_deflate_settings *settings,
               const char *chunker, const struct mapproc_options *options,
               struct mapproc_error *error)
{
    const struct mapproc_deflate_client client = {
        .user = compress, .next = next_order, .report = report};
    struct mapproc_chunking chunking;
    int result;

    if (chunker != NULL) {
        result = mapproc_chunking_open(&chunking, chunker, error);
        if (result != MAPPROC_OK)
            return result;
        settings->chunking = &chunking;
    }
    result = mapproc_deflate_run(&client, settings, options, error);
    if (chunker != NULL)
        mapproc_chunking_close(&chunking);
    if (result != MAPPROC_OK)
        return result;
    *error = compress->failure;
    return compress->failure.code;
}

static int compress_order(struct compress *compress, const struct mapproc_compress_options *how,
                          const struct mapproc_options *options,
                          struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct mapproc_deflate_settings settings;
    struct mapproc_library_call call;
    int code = mapproc_library_call_begin(&call, options, false, error);

    if (code != MAPPROC_OK)
        return code;
    code = mapproc_compress_settings_make(&settings, how, call.error);
    if (code == MAPPROC_OK)
        code =
            run(compress, &settings, how != NULL ? how->chunker : NULL, &call.options, call.error);
    if (result != NULL)
        *result = compress->result;
    return mapproc_library_call_end(&call, code);
}

int mapproc_compress_file(const char *input, const char *output,
                          const struct mapproc_compress_options *compress,
                          const struct mapproc_options *options,
                          struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct compress job = {.order = {.path = input, .target = {.path = output}}};

    if (compress != NULL) {
        job.order.target.index_path = compress->index_path;
        job.order.target.manifest_path = compress->manifest_path;
        job.order.target.manifest_name = strcmp(input, "-") == 0 ? "stdin" : input;
        if (compress->remove_input != 0 && strcmp(input, "-") == 0)
            return mapproc_error_set(error, MAPPROC_REFUSED, 0, input, "cannot be removed");
    }
    return compress_order(&job, compress, options, result, error);
}

int mapproc_compress_fd(int input, int output, const struct mapproc_compress_options *compress,
                        const struct mapproc_options *options,
                        struct mapproc_compress_result *result, struct mapproc_error *error)
{
    struct compress job = {.order = {.path = "input",
                                     .reach = MAPPROC_REACH_GIVEN,
                                     .fd = input,
                                     .target = {.has_fd = true, .fd = output}}};

    if (compress != NULL && (compress->remove_input != 0 || compress->index_path != NULL ||
                             compress->manifest_path != NULL))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the options ask for what a descriptor has not");
    return compress_order(&job, compress, options, result, error);
}
