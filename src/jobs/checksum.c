/* SPDX-License-Identifier: MIT */
/* checksum.c - the library's checksums of files, and of their pieces. */
#include "jobs/digest_run.h"
#include "jobs/library_call.h"

/* Lives as long as the call. */
struct checksum {
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    size_t digest_count;
    const char *const *paths;
    size_t count;
    size_t next; /* index of the path to be ordered next */
    uint64_t piece_size;
    mapproc_checksum_report report;
    void *user;
};

static int next_order(void *user, struct mapproc_digest_order *order, struct mapproc_error *error)
{
    struct checksum *checksum = user;

    (void)error;
    if (checksum->next == checksum->count)
        return 0;
    *order = (struct mapproc_digest_order){
        .path = checksum->paths[checksum->next++],
        .digests = checksum->digests,
        .digest_count = checksum->digest_count,
        .piece_size = checksum->piece_size,
    };
    return 1;
}

static int report(void *user, const struct mapproc_digest_result *result)
{
    const struct checksum *checksum = user;
    struct mapproc_digest_value values[MAPPROC_RUN_DIGESTS_MAX];
    struct mapproc_checksum answer = {
        .path = result->order->path,
        .size = result->size,
        .digests = values,
        .digest_count = result->digests != NULL ? checksum->digest_count : 0,
        .error = result->error,
    };

    for (size_t i = 0; i < answer.digest_count; i++)
        values[i] = (struct mapproc_digest_value){
            .algorithm = checksum->digests[i]->name,
            .tag = checksum->digests[i]->tag,
            .bytes = result->digests[i],
            .size = checksum->digests[i]->size,
            .always_tagged = checksum->digests[i]->always_tagged,
        };
    if (result->error == NULL && result->pieces != NULL) {
        answer.piece_size = result->piece_size;
        answer.piece_count = result->pieces->count;
        answer.piece_algorithm = mapproc_piece_algorithm()->name;
        answer.piece_digest_size = result->pieces->digest_size;
        answer.piece_digests = result->pieces->digests;
    }
    return checksum->report(checksum->user, &answer);
}

static int run(struct checksum *checksum, const char *algorithms,
               const struct mapproc_options *options, struct mapproc_error *error)
{
    const struct mapproc_digest_client client = {
        .user = checksum, .next = next_order, .report = report};
    struct mapproc_digest_settings settings = {0};
    int result =
        mapproc_digests_select(algorithms, checksum->digests, &checksum->digest_count, error);

    if (result != MAPPROC_OK)
        return result;
    settings.serial = mapproc_digests_any_serial(checksum->digests, checksum->digest_count);
    return mapproc_digest_run(&client, &settings, options, error);
}

int mapproc_checksum_pieces(const char *const *paths, size_t count, const char *algorithms,
                            uint64_t piece_size, const struct mapproc_options *options,
                            mapproc_checksum_report report_function, void *user,
                            struct mapproc_error *error)
{
    struct checksum checksum = {.paths = paths,
                                .count = count,
                                .piece_size = piece_size,
                                .report = report_function,
                                .user = user};
    struct mapproc_library_call call;
    int result = mapproc_library_call_begin(&call, options, false, error);

    if (result != MAPPROC_OK)
        return result;
    return mapproc_library_call_end(&call, run(&checksum, algorithms, &call.options, call.error));
}

int mapproc_checksum_files(const char *const *paths, size_t count, const char *algorithms,
                           const struct mapproc_options *options,
                           mapproc_checksum_report report_function, void *user,
                           struct mapproc_error *error)
{
    return mapproc_checksum_pieces(paths, count, algorithms, 0, options, report_function, user,
                                   error);
}

const char *mapproc_checksum_algorithm(size_t index)
{
    const struct mapproc_digest *digest = mapproc_digest_at(index);

    return digest != NULL ? digest->name : NULL;
}
