/* SPDX-License-Identifier: MIT */
/* inflate_resync.c - finding the next good member behind a bad one. */
#include "jobs/inflate_resync.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/zeros.h"
#include "format/gzip_member.h"
#include "jobs/inflate_feed.h"
#include "jobs/inflate_verdict.h"

enum { FORMS_MAX = 2 };

/* The first bytes that a header may have. */
struct forms {
    uint8_t bytes[FORMS_MAX][MAPPROC_GZIP_OURS_HEADER];
    size_t count;
};

/* Those of the last good member; without one, of mapproc and of BGZF. */
static void get_forms(const struct mapproc_inflate_item *item, struct forms *forms)
{
    forms->count = 1;
    if (item->has_form) {
        memcpy(forms->bytes[0], item->form, sizeof(item->form));
        return;
    }
    mapproc_gzip_write_ours_header(forms->bytes[0], MAPPROC_GZIP_OURS_END);
    mapproc_gzip_write_bgzf_header(forms->bytes[1], MAPPROC_GZIP_BGZF_END);
    forms->count = 2;
}

static bool has_form(const struct forms *forms, const uint8_t *data)
{
    for (size_t i = 0; i < forms->count; i++)
        if (memcmp(data, forms->bytes[i], MAPPROC_INFLATE_FORM) == 0)
            return true;
    return false;
}

/* Reads what is at a border, at most MAPPROC_INFLATE_LOOK bytes. */
static int look(const struct mapproc_inflate_item *item, uint64_t offset, uint8_t *bytes,
                size_t *length, struct mapproc_error *error)
{
    *length = (size_t)mapproc_min_u64(item->source->size - offset, MAPPROC_INFLATE_LOOK);
    return mapproc_source_read_at(item->source, offset, bytes, *length, error);
}

static int is_border(const struct mapproc_inflate_item *item, const struct forms *forms,
                     uint64_t offset, bool *is, struct mapproc_error *error)
{
    uint8_t bytes[MAPPROC_INFLATE_LOOK];
    size_t length;
    int result;

    *is = false;
    if (offset > item->source->size)
        return MAPPROC_OK;
    result = look(item, offset, bytes, &length, error);
    if (result == MAPPROC_OK)
        *is = mapproc_is_zero(bytes, length) || /* the end, or what fills it up */
              (length >= MAPPROC_INFLATE_FORM && has_form(forms, bytes));
    return result;
}

int mapproc_inflate_is_border(const struct mapproc_inflate_item *item, uint64_t offset, bool *is,
                              struct mapproc_error *error)
{
    struct forms forms;

    get_forms(item, &forms);
    return is_border(item, &forms, offset, is, error);
}

/* Whether a member begins at `offset`, where the first bytes look like it. */
static int is_member(const struct mapproc_inflate_item *item, const struct forms *forms,
                     uint64_t offset, bool *is, struct mapproc_error *error)
{
    struct mapproc_gzip_header header;
    uint8_t bytes[MAPPROC_INFLATE_LOOK];
    size_t length;
    int result = look(item, offset, bytes, &length, error);

    *is = false;
    if (result != MAPPROC_OK ||
        mapproc_gzip_header_parse(bytes, length, &header) != MAPPROC_GZIP_GOOD ||
        header.stated_size == 0 || header.stated_size > item->source->size - offset)
        return result;
    return is_border(item, forms, offset + header.stated_size, is, error);
}

/* The bytes of data of what is bad from `begin` up to the member at `found`. */
static int find_lost(const struct mapproc_inflate_item *item, uint64_t begin, uint64_t found,
                     struct mapproc_inflate_way *way, struct mapproc_error *error)
{
    uint8_t trailer[MAPPROC_GZIP_TRAILER];
    uint32_t crc, size;
    int result;

    for (size_t i = 0; item->has_index && i <= item->index.count; i++) {
        struct mapproc_gzi_entry entry = mapproc_gzi_entry_at(&item->index, i);

        if (entry.compressed == found && entry.raw >= item->raw) {
            way->raw_length = entry.raw - item->raw;
            return MAPPROC_OK;
        }
    }
    result = mapproc_source_read_at(item->source, found - sizeof(trailer), trailer, sizeof(trailer),
                                    error);
    if (result != MAPPROC_OK)
        return result;
    mapproc_gzip_read_trailer(trailer, &crc, &size);
    way->raw_length = mapproc_inflate_is_plausible(size, found - begin) ? size : 0;
    return MAPPROC_OK;
}

/* Looks at all places in `length` bytes of memory, which are at `offset` of the file. */
static int search(const struct mapproc_inflate_item *item, const struct forms *forms,
                  const uint8_t *memory, size_t length, uint64_t offset,
                  struct mapproc_inflate_way *way, struct mapproc_error *error)
{
    const uint8_t *at = memory, *end = memory + length;
    int result = MAPPROC_OK;

    while (!way->found && result == MAPPROC_OK && end - at >= MAPPROC_INFLATE_FORM &&
           (at = memchr(at, forms->bytes[0][0], (size_t)(end - at) - MAPPROC_INFLATE_FORM + 1)) !=
               NULL) {
        if (has_form(forms, at)) {
            way->offset = offset + (uint64_t)(at - memory);
            result = is_member(item, forms, way->offset, &way->found, error);
        }
        at++;
    }
    return result;
}

int mapproc_inflate_resync(const struct mapproc_inflate_item *item, uint64_t offset,
                           uint8_t *memory, size_t size, struct mapproc_inflate_way *way,
                           struct mapproc_error *error)
{
    const uint64_t begin = offset, end = item->source->size;
    struct forms forms;
    int result = MAPPROC_OK;

    *way = (struct mapproc_inflate_way){.found = false};
    get_forms(item, &forms);
    /* No member ends before that, so there is always a trailer before what is found. */
    offset += MAPPROC_GZIP_MEMBER_MIN;
    while (offset < end && end - offset >= MAPPROC_INFLATE_FORM) {
        size_t length = (size_t)mapproc_min_u64(end - offset, size);

        if (mapproc_inflate_is_woken(item->wake_fd))
            return mapproc_error_set(error, MAPPROC_CANCELLED, 0, item->source->path, "cancelled");
        result = mapproc_source_read_at(item->source, offset, memory, length, error);
        if (result == MAPPROC_OK)
            result = search(item, &forms, memory, length, offset, way, error);
        if (result != MAPPROC_OK)
            return result;
        if (way->found)
            return find_lost(item, begin, way->offset, way, error);
        offset += length - MAPPROC_INFLATE_FORM + 1;
    }
    return MAPPROC_OK;
}
