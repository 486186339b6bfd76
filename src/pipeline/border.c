/* SPDX-License-Identifier: MIT */
/* border.c - asking a chunker for borders, and trusting none of its answers.
 *
 * A border of the chunker may be further away than one of the job (mapproc_item.border); then the
 * chunk ends at the latter, and what is left up to the former is the next one, without asking.
 */
#include "pipeline/border.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

static bool find_hole(void *user, uint64_t offset, uint64_t *end)
{
    return mapproc_source_find_hole(user, offset, end);
}

int mapproc_border_start(const struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                         uint64_t offset, struct mapproc_error *error)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    const bool stream = mapproc_lane_is_stream(lane);
    const struct mapproc_chunker_settings settings = {
        .chunk_size =
            chunker->most != NULL ? pipeline->options->chunk_size : pipeline->budget.chunk_size,
        .options = pipeline->chunking.options,
        .offset = offset,
        .source = stream ? NULL : &lane->chunker_source,
    };
    const char *wrong;

    lane->chunker_source =
        (struct mapproc_chunker_source){.user = &lane->item.source, .find_hole = find_hole};
    lane->border = offset;
    wrong = chunker->init(lane->chunker_state, &settings);
    if (wrong == NULL)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, lane->item.source.path,
                             "the chunker '%s': %s", chunker->name, wrong);
}

static size_t get_skip(const struct mapproc_pipeline *pipeline, const struct mapproc_lane *lane)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    size_t skip = chunker->skip != NULL ? chunker->skip(lane->chunker_state) : 0;

    return skip < pipeline->budget.chunk_size ? skip : pipeline->budget.chunk_size - 1;
}

/* What is wrong with an answer, or NULL. */
static const char *find_lie(const struct mapproc_pipeline *pipeline, size_t answer, size_t length,
                            size_t skip, bool at_end)
{
    if (answer == MAPPROC_CHUNKER_MORE && at_end)
        return "asks for more than there is";
    if (answer == MAPPROC_CHUNKER_MORE && length >= pipeline->budget.chunk_size)
        return "asks for more than its largest chunk may have";
    if (answer == MAPPROC_CHUNKER_MORE)
        return NULL;
    if (answer == 0)
        return "gave a border that is not behind the one before";
    if (answer > length)
        return "gave a border beyond the end of what it was shown";
    if (answer <= skip && answer != length)
        return "gave a border among the bytes that it wanted to skip";
    return NULL;
}

/* Asks about a view, of no more than the largest chunk. *answer may be MORE. */
static int ask(const struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
               const uint8_t *bytes, size_t length, bool at_end, size_t *answer,
               struct mapproc_error *error)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    size_t skip = get_skip(pipeline, lane);
    const char *lie;

    *answer = chunker->next(lane->chunker_state, bytes, length, at_end);
    lie = find_lie(pipeline, *answer, length, skip, at_end);
    if (lie == NULL)
        return MAPPROC_OK;
    (void)mapproc_error_set(error, MAPPROC_REFUSED, 0, lane->item.source.path,
                            "the chunker '%s' %s", chunker->name, lie);
    error->offset = lane->planned; /* all before it is good */
    return error->code;
}

/* Finds the next border in an extent, of which `left` bytes are left, by reading it. */
static int search_extent(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                         uint64_t left, size_t *answer, struct mapproc_error *error)
{
    struct mapproc_view *view = &pipeline->extent_view;
    size_t skip = get_skip(pipeline, lane);
    size_t most = (size_t)mapproc_min_u64(left, view->most);
    int result = MAPPROC_OK;

    mapproc_view_start(view, lane->index, lane->planned);
    *answer = MAPPROC_CHUNKER_MORE;
    if (view->available <= skip)
        result = mapproc_view_read_at(view, &lane->item.source, skip, error);
    while (result == MAPPROC_OK) {
        size_t length = (size_t)mapproc_min_u64(view->available, most);

        result =
            ask(pipeline, lane, mapproc_view_bytes(view), length, length == left, answer, error);
        if (result != MAPPROC_OK || *answer != MAPPROC_CHUNKER_MORE)
            break;
        result = mapproc_view_read_at(view, &lane->item.source, skip, error);
    }
    return result;
}

/* The next chunk up to the border of the chunker, and to that of the job. */
static size_t clip(const struct mapproc_lane *lane)
{
    uint64_t length = lane->border - lane->planned;

    if (lane->item.border != 0)
        length = mapproc_min_u64(length, lane->item.border - lane->planned % lane->item.border);
    return (size_t)length;
}

int mapproc_border_find(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                        size_t *length, struct mapproc_error *error)
{
    bool stream = mapproc_lane_is_stream(lane);
    uint64_t left = stream ? UINT64_MAX : lane->item.source.size - lane->planned;
    size_t most = (size_t)mapproc_min_u64(left, pipeline->budget.chunk_size);
    size_t answer;
    int result;

    if (lane->border <= lane->planned) {
        if (pipeline->chunking.chunker->reads_data)
            result = search_extent(pipeline, lane, left, &answer, error);
        else
            result = ask(pipeline, lane, NULL, most, most == left, &answer, error);
        if (result != MAPPROC_OK)
            return result;
        lane->border = lane->planned + answer;
    }
    *length = clip(lane);
    return MAPPROC_OK;
}

/* Finds the next border in a stream by reading it. *answer is 0 at its end. */
static int search_stream(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane,
                         size_t *answer, struct mapproc_error *error)
{
    struct mapproc_view *view = &pipeline->stream_view;
    size_t skip = get_skip(pipeline, lane);
    int result = MAPPROC_OK;

    *answer = MAPPROC_CHUNKER_MORE;
    while (result == MAPPROC_OK && *answer == MAPPROC_CHUNKER_MORE) {
        size_t length = (size_t)mapproc_min_u64(view->available, view->most);

        if (length > skip || (view->ended && length > 0)) {
            result = ask(pipeline, lane, mapproc_view_bytes(view), length,
                         view->ended && length == view->available, answer, error);
            if (result != MAPPROC_OK || *answer != MAPPROC_CHUNKER_MORE)
                break;
        } else if (view->ended) {
            *answer = 0;
            break;
        }
        result = mapproc_view_read_next(view, &lane->item.source, skip, pipeline->wake_fd, error);
    }
    return result;
}

int mapproc_border_read(struct mapproc_pipeline *pipeline, struct mapproc_lane *lane, void *buffer,
                        size_t *length, bool *more, struct mapproc_error *error)
{
    struct mapproc_view *view = &pipeline->stream_view;
    size_t answer;
    int result;

    *length = 0;
    *more = false;
    mapproc_view_start(view, lane->index, lane->planned);
    if (lane->border <= lane->planned) {
        result = search_stream(pipeline, lane, &answer, error);
        if (result != MAPPROC_OK)
            return result;
        if (answer == 0)
            return MAPPROC_OK;
        lane->border = lane->planned + answer;
    }
    *length = clip(lane);
    memcpy(buffer, mapproc_view_bytes(view), *length);
    *more = !view->ended || view->available > *length;
    return MAPPROC_OK;
}

void mapproc_border_tell_forced(struct mapproc_pipeline *pipeline, const struct mapproc_lane *lane)
{
    const struct mapproc_chunker *chunker = pipeline->chunking.chunker;
    uint64_t count = chunker->forced != NULL ? chunker->forced(lane->chunker_state) : 0;
    char text[128];

    if (count == 0)
        return;
    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " %s cut at %zu bytes, where the chunker '%s' found no border", count,
                   count == 1 ? "chunk was" : "chunks were", pipeline->budget.chunk_size,
                   chunker->name);
    mapproc_pipeline_note(pipeline, lane->item.source.path, text);
}
