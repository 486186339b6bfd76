/* SPDX-License-Identifier: MIT */
/* digest_run.c - digesting sources: several algorithms and the digests of pieces in one reading.
 *
 * Parallel digests make a partial of each chunk in its scratch, side by side:
 *
 *     scratch   [ partial of slot 0 | partial of slot 1 | ... ]      each 64-byte aligned
 *
 * A slot is a kind of partial, not a digest: XXH128, XXH3 and the digests of pieces fold the same
 * one into states of their own. Serial digests take the bytes when the chunk is committed. Pieces
 * end where chunks do, because the planner is told to end chunks at their borders, too.
 */
#include "jobs/digest_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "format/manifest.h"
#include "pipeline/pipeline.h"

enum {
    /* The piece digest comes behind the others. */
    DIGESTS_MAX = MAPPROC_RUN_DIGESTS_MAX + 1,
    /* Bytes that all slots take one after the other, while they are in the cache. */
    STEP = 64 << 10,
};

static const uint8_t zeros[STEP];

struct run {
    const struct mapproc_digest_client *client;
    struct mapproc_digest_settings settings;
    const struct mapproc_options *options;
};

/* Lives from next() to report() or discard(). */
struct request {
    struct mapproc_digest_order order;
    const struct mapproc_digest *digests[DIGESTS_MAX]; /* those of the order, and of pieces */
    size_t count;
    const struct mapproc_digest *slots[DIGESTS_MAX]; /* one of those that share a partial */
    size_t slot_count;
    size_t slot_of[DIGESTS_MAX]; /* of each digest that is parallel */
};

/* Lives from open() to report() or discard(). */
struct state {
    size_t started; /* digests whose state is initialised */
    uint8_t digests[DIGESTS_MAX][MAPPROC_DIGEST_MAX];
    struct mapproc_piece_list pieces;
    uint64_t piece_size;
    uint64_t piece_begin;
    bool out_of_memory; /* for the list of pieces */
    struct timespec opened;
    double seconds;              /* from then to its end */
    size_t offsets[DIGESTS_MAX]; /* of each digest's state in `running` */
    _Alignas(MAPPROC_DIGEST_ALIGNMENT) unsigned char running[];
};

const struct mapproc_digest *mapproc_piece_algorithm(void)
{
    return mapproc_digest_find("xxh128");
}

static bool is_parallel(const struct mapproc_digest *digest)
{
    return digest->fold != NULL;
}

bool mapproc_digests_any_serial(const struct mapproc_digest *const *digests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_parallel(digests[i]))
            return true;
    return false;
}

/* Whether a name can be shown as it is; no algorithm's is otherwise. */
static bool is_plain(const char *name, size_t length)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length && length < 64;
}

/* Takes one name of a list. */
static int select_one(const char *name, size_t length, const struct mapproc_digest **digests,
                      size_t *count, struct mapproc_error *error)
{
    const struct mapproc_digest *digest = NULL;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        if (strlen(digest->name) == length && strncmp(digest->name, name, length) == 0)
            break;
    if (digest == NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "unknown algorithm%s%.*s",
                                 is_plain(name, length) ? " " : "",
                                 is_plain(name, length) ? (int)length : 0, name);
    for (size_t i = 0; i < *count; i++)
        if (digests[i] == digest)
            return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                     "the algorithm '%s' is named twice", digest->name);
    if (*count == MAPPROC_RUN_DIGESTS_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "more than %d algorithms",
                                 MAPPROC_RUN_DIGESTS_MAX);
    digests[(*count)++] = digest;
    return digest->prepare != NULL ? digest->prepare(digest, error) : MAPPROC_OK;
}

int mapproc_digests_select(const char *list, const struct mapproc_digest **digests, size_t *count,
                           struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    *count = 0;
    if (list == NULL)
        list = mapproc_digest_at(0)->name;
    while (result == MAPPROC_OK) {
        size_t length = strcspn(list, ",");

        result = select_one(list, length, digests, count, error);
        if (list[length] == '\0')
            break;
        list += length + 1;
    }
    return result;
}

/* ---- the operations of the job ---- */

/* Digests whose partials take data alike have partials alike. */
static void find_slot(struct request *request, size_t digest)
{
    size_t slot = 0;

    while (slot < request->slot_count &&
           request->slots[slot]->partial_update != request->digests[digest]->partial_update)
        slot++;
    request->slot_of[digest] = slot;
    if (slot == request->slot_count)
        request->slots[request->slot_count++] = request->digests[digest];
}

static int next_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    struct request *request = calloc(1, sizeof(*request));
    const struct mapproc_digest_order *order = &request->order;
    int result;

    if (request == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start a digest");
    result = run->client->next(run->client->user, &request->order, error);
    if (result <= 0) {
        free(request);
        return result;
    }
    item->source.path = order->path;
    item->request = request;
    item->reach = order->reach;
    item->failure = order->failure;
    request->count = order->digest_count;
    memcpy(request->digests, order->digests, order->digest_count * sizeof(*order->digests));
    if (order->piece_size != 0)
        request->digests[request->count++] = mapproc_piece_algorithm();
    for (size_t i = 0; i < request->count; i++)
        if (is_parallel(request->digests[i]))
            find_slot(request, i);
    return 1;
}

/* Where slot number `slot` begins in the scratch of a chunk; with the number of all slots, the size
 * of the scratch. Sixteen times smaller than the chunk, each: cannot overflow. */
static size_t slot_offset(const struct request *request, size_t slot, size_t chunk_length)
{
    size_t offset = 0;

    for (size_t i = 0; i < slot; i++)
        offset += (request->slots[i]->partial_size(chunk_length) + MAPPROC_DIGEST_ALIGNMENT - 1) &
                  ~((size_t)MAPPROC_DIGEST_ALIGNMENT - 1);
    return offset;
}

/* All kinds of partials there are: what an order can come to. */
static size_t most_scratch(size_t chunk_length)
{
    struct request request = {0};
    const struct mapproc_digest *digest;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL && i < DIGESTS_MAX; i++) {
        request.digests[i] = digest;
        if (is_parallel(digest))
            find_slot(&request, i);
    }
    return slot_offset(&request, request.slot_count, chunk_length);
}

static size_t scratch_size(void *context, const struct mapproc_item *item, size_t chunk_length)
{
    const struct request *request = item != NULL ? item->request : NULL;

    (void)context;
    return request != NULL ? slot_offset(request, request->slot_count, chunk_length)
                           : most_scratch(chunk_length);
}

static int out_of_memory(const struct mapproc_item *item, struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                             "cannot start a digest");
}

/* Makes a state whose digests are not started yet. NULL without memory. */
static struct state *make_state(const struct request *request)
{
    size_t offsets[DIGESTS_MAX];
    size_t size = 0, total;
    struct state *state;

    for (size_t i = 0; i < request->count; i++) {
        offsets[i] = size;
        if (!mapproc_add_size(size, request->digests[i]->state_size, &size) ||
            !mapproc_round_up_size(size, MAPPROC_DIGEST_ALIGNMENT, &size))
            return NULL;
    }
    if (!mapproc_add_size(size, sizeof(*state), &total) ||
        !mapproc_round_up_size(total, MAPPROC_DIGEST_ALIGNMENT, &total) ||
        (state = aligned_alloc(MAPPROC_DIGEST_ALIGNMENT, total)) == NULL)
        return NULL;
    memset(state, 0, sizeof(*state));
    memcpy(state->offsets, offsets, request->count * sizeof(*offsets));
    mapproc_piece_list_init(&state->pieces, mapproc_piece_algorithm()->size);
    return state;
}

static void free_state(const struct request *request, struct state *state)
{
    for (size_t i = 0; i < state->started; i++)
        if (request->digests[i]->release != NULL)
            request->digests[i]->release(state->running + state->offsets[i]);
    mapproc_piece_list_free(&state->pieces);
    free(state);
}

/* A piece for each bit of a hostile order would be no help to anybody. */
static int choose_pieces(const struct run *run, struct mapproc_item *item, struct state *state,
                         struct mapproc_error *error)
{
    const struct request *request = item->request;
    uint64_t size = request->order.piece_size;
    uint64_t chunk_size = run->options != NULL ? run->options->chunk_size : 0;

    if (size == MAPPROC_PIECE_SIZE_AUTO)
        size = mapproc_manifest_piece_size(
            item->source.size, chunk_size != 0 ? chunk_size : MAPPROC_CHUNK_SIZE_DEFAULT);
    if (size % MAPPROC_PIECE_ALIGNMENT != 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, item->source.path,
                                 "the size of its pieces is not a multiple of %d",
                                 MAPPROC_PIECE_ALIGNMENT);
    if (size != 0 && item->source.size / size >= MAPPROC_PIECES_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, item->source.path,
                                 "has more than %d pieces of this size", MAPPROC_PIECES_MAX);
    state->piece_size = size;
    item->border = size;
    return MAPPROC_OK;
}

static int open_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    struct state *state = make_state(request);
    int result;

    if (state == NULL)
        return out_of_memory(item, error);
    (void)clock_gettime(CLOCK_MONOTONIC, &state->opened);
    result = choose_pieces(run, item, state, error);
    while (result == MAPPROC_OK && state->started < request->count) {
        const struct mapproc_digest *digest = request->digests[state->started];

        if (digest->init(digest, state->running + state->offsets[state->started]))
            state->started++;
        else
            result = out_of_memory(item, error);
    }
    if (result != MAPPROC_OK) {
        free_state(request, state);
        return result;
    }
    if (run->settings.from_disk && item->source.kind == MAPPROC_SOURCE_EXTENT &&
        !mapproc_source_drop_cache(&item->source))
        item->note = "is still in the page cache, so not all of it is read from the device";
    item->state = state;
    return MAPPROC_OK;
}

static void *slot_at(const struct request *request, const struct mapproc_chunk *chunk, size_t slot)
{
    return (unsigned char *)chunk->scratch + slot_offset(request, slot, chunk->length);
}

static void process(void *context, struct mapproc_chunk *chunk, size_t position,
                    const uint8_t *data, size_t length)
{
    const struct request *request = chunk->item->request;
    size_t step = request->slot_count > 1 ? STEP : length;

    (void)context;
    if (position == 0)
        for (size_t slot = 0; slot < request->slot_count; slot++)
            request->slots[slot]->partial_init(slot_at(request, chunk, slot), chunk->offset);
    for (size_t at = 0; at < length; at += step) {
        size_t n = (size_t)mapproc_min_u64(step, length - at);

        for (size_t slot = 0; slot < request->slot_count; slot++)
            request->slots[slot]->partial_update(slot_at(request, chunk, slot), data + at, n);
    }
}

static void process_hole(void *context, struct mapproc_chunk *chunk)
{
    const struct request *request = chunk->item->request;

    (void)context;
    for (size_t slot = 0; slot < request->slot_count; slot++) {
        void *partial = slot_at(request, chunk, slot);

        request->slots[slot]->partial_init(partial, chunk->offset);
        request->slots[slot]->partial_zeros(partial, chunk->length);
    }
}

static void update_serial(const struct mapproc_digest *digest, void *running,
                          const struct mapproc_chunk *chunk)
{
    if (!chunk->hole) {
        digest->update(running, chunk->data, chunk->length);
        return;
    }
    for (size_t at = 0; at < chunk->length; at += STEP)
        digest->update(running, zeros, (size_t)mapproc_min_u64(STEP, chunk->length - at));
}

/* Ends the piece that is under way at `end`. Does not touch the source's data, so that nothing of
 * it can be abandoned even where the caller can. */
static void end_piece(const struct request *request, struct state *state, uint64_t end)
{
    size_t last = request->count - 1;
    const struct mapproc_digest *digest = request->digests[last];
    void *running = state->running + state->offsets[last];
    uint8_t value[MAPPROC_DIGEST_MAX];

    if (!digest->finish(running, value) || !digest->init(digest, running) ||
        mapproc_piece_list_add(&state->pieces, end - state->piece_begin, value, NULL) != MAPPROC_OK)
        state->out_of_memory = true;
    state->piece_begin = end;
}

static void commit(void *context, struct mapproc_chunk *chunk)
{
    const struct request *request = chunk->item->request;
    struct state *state = chunk->item->state;
    uint64_t end = chunk->offset + chunk->length;

    (void)context;
    for (size_t i = 0; i < request->count; i++) {
        const struct mapproc_digest *digest = request->digests[i];
        void *running = state->running + state->offsets[i];

        if (is_parallel(digest))
            digest->fold(running, slot_at(request, chunk, request->slot_of[i]));
        else
            update_serial(digest, running, chunk);
    }
    if (state->piece_size != 0 && end % state->piece_size == 0)
        end_piece(request, state, end);
}

static double seconds_since(struct timespec start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
}

static int close_item(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    const struct request *request = item->request;
    struct state *state = item->state;

    (void)context;
    if (state->piece_size != 0 && item->committed > state->piece_begin)
        end_piece(request, state, item->committed);
    if (state->out_of_memory)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, item->source.path,
                                 "cannot keep the digests of its pieces");
    for (size_t i = 0; i < request->order.digest_count; i++)
        if (!request->digests[i]->finish(state->running + state->offsets[i], state->digests[i]))
            return mapproc_error_set(error, MAPPROC_FAILED, 0, item->source.path,
                                     "the %s digest could not be finished",
                                     request->digests[i]->name);
    state->seconds = seconds_since(state->opened);
    /* Whoever compares pieces keeps as many of its own. */
    item->held =
        2 * state->pieces.count * (sizeof(struct mapproc_piece) + state->pieces.digest_size);
    return MAPPROC_OK;
}

static void let_go(struct mapproc_item *item)
{
    if (item->state != NULL)
        free_state(item->request, item->state);
    free(item->request);
    item->state = NULL;
    item->request = NULL;
}

static int report_item(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    const struct run *run = context;
    const struct request *request = item->request;
    const struct state *state = item->state;
    struct mapproc_digest_result result = {.size = item->committed, .error = error};
    int answer;

    result.order = &request->order;
    result.has_mtime = item->source.steady;
    result.mtime = item->source.identity.modified;
    if (error == NULL) {
        result.seconds = state->seconds;
        result.digests = state->digests;
        result.piece_size = state->piece_size;
        result.pieces = state->piece_size != 0 ? &state->pieces : NULL;
    }
    answer = run->client->report(run->client->user, &result);
    let_go(item);
    return answer;
}

static void discard_item(void *context, struct mapproc_item *item)
{
    const struct run *run = context;
    const struct request *request = item->request;

    if (run->client->drop != NULL)
        run->client->drop(run->client->user, &request->order);
    let_go(item);
}

/* Digests whose chunks can be worked on in any order: only small partials wait for their turn. */
static const struct mapproc_job parallel_job = {
    .next = next_item,
    .scratch_size = scratch_size,
    .open = open_item,
    .process = process,
    .process_hole = process_hole,
    .commit = commit,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

/* With digests that need the bytes in order: workers bring chunks into memory side by side, and
 * digest as many sources at a time as there are workers. */
static const struct mapproc_job serial_job = {
    .keeps_data = true,
    .spreads = true,
    .next = next_item,
    .scratch_size = scratch_size,
    .open = open_item,
    .process = process,
    .process_hole = process_hole,
    .commit = commit,
    .close = close_item,
    .report = report_item,
    .discard = discard_item,
};

int mapproc_digest_run(const struct mapproc_digest_client *client,
                       const struct mapproc_digest_settings *settings,
                       const struct mapproc_options *options, struct mapproc_error *error)
{
    struct run run = {.client = client, .settings = *settings, .options = options};

    return mapproc_pipeline_run_cut(settings->serial ? &serial_job : &parallel_job, &run,
                                    settings->chunking, options, error);
}

int mapproc_digest_plan(const struct mapproc_options *options,
                        const struct mapproc_topology *topology,
                        const struct mapproc_limits *limits, struct mapproc_budget *budget,
                        struct mapproc_error *error)
{
    return mapproc_pipeline_plan(&parallel_job, NULL, options, topology, limits, budget, error);
}
