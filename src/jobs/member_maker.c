/* SPDX-License-Identifier: MIT */
/* member_maker.c - making finished gzip members of bytes in memory.
 *
 *     scratch   [ members, one behind the other | spare ]
 *
 * A member that is stored takes more room than any other, so the room for stored ones is enough.
 */
#include "jobs/member_maker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "codec/stored.h"
#include "digest/crc_kernels.h"
#include "format/gzip_member.h"

enum { INFLATED_SIZE = 64 << 10 };

/* What the two forms differ in. */
struct form {
    size_t header;   /* bytes */
    size_t data_max; /* bytes of data in a member */
    void (*write_header)(uint8_t *header, uint32_t size);
};

static const struct form forms[] = {
    [MAPPROC_FORM_GZIP] = {.header = MAPPROC_GZIP_OURS_HEADER,
                           .data_max = MAPPROC_CODEC_DATA_MAX,
                           .write_header = mapproc_gzip_write_ours_header},
    [MAPPROC_FORM_BGZF] = {.header = MAPPROC_GZIP_BGZF_HEADER,
                           .data_max = MAPPROC_BGZF_DATA_MAX,
                           .write_header = mapproc_gzip_write_bgzf_header},
};

/* Bytes of the members of `length` bytes, if all are stored. */
static size_t stored_room(const struct form *form, size_t length)
{
    size_t whole = length / form->data_max, rest = length % form->data_max;
    size_t around = form->header + MAPPROC_GZIP_TRAILER;
    size_t room = whole * (mapproc_stored_size(form->data_max) + around);

    return rest > 0 ? room + mapproc_stored_size(rest) + around : room;
}

size_t mapproc_members_scratch(const struct mapproc_member_rule *rule, size_t length)
{
    return stored_room(&forms[rule->form], length) + MAPPROC_CODEC_SPARE;
}

static int out_of_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot compress");
}

/* Makes the deflate stream of one member at `out`. *size gets its bytes. */
static int deflate(const struct mapproc_member_rule *rule, struct mapproc_member_tools *tools,
                   const uint8_t *data, size_t length, uint8_t *out, size_t *size,
                   struct mapproc_error *error)
{
    size_t stored = mapproc_stored_size(length);

    *size = 0;
    if (rule->codec != NULL && !mapproc_stored_is_better(data, length)) {
        if (tools->compressor == NULL)
            tools->compressor = rule->codec->compressor_new(rule->codec_level);
        if (tools->compressor == NULL)
            return out_of_memory(error);
        *size = rule->codec->compress(tools->compressor, data, length, out,
                                      stored + MAPPROC_CODEC_SPARE);
    }
    if (*size == 0 || *size >= stored)
        *size = mapproc_stored_write(data, length, out);
    return MAPPROC_OK;
}

static bool make_inflater(struct mapproc_member_tools *tools)
{
    if (tools->inflater == NULL)
        tools->inflater = mapproc_inflater_new();
    if (tools->inflated == NULL)
        tools->inflated = malloc(INFLATED_SIZE);
    return tools->inflater != NULL && tools->inflated != NULL;
}

/* Whether a deflate stream is exactly these bytes and gives back the data, which is compared piece
 * by piece while it is in the cache. */
static bool gives_back(struct mapproc_member_tools *tools, const uint8_t *stream, size_t size,
                       const uint8_t *data, size_t length)
{
    enum mapproc_inflater_status status = MAPPROC_INFLATER_MORE;

    mapproc_inflater_reset(tools->inflater);
    while (status == MAPPROC_INFLATER_MORE) {
        uint8_t *out = tools->inflated;
        size_t room = INFLATED_SIZE, made;

        status = mapproc_inflater_run(tools->inflater, &stream, &size, &out, &room);
        made = INFLATED_SIZE - room;
        if (made > length || memcmp(tools->inflated, data, made) != 0)
            return false;
        data += made;
        length -= made;
        if (status == MAPPROC_INFLATER_MORE && room > 0) /* it wants more than there is */
            return false;
    }
    return status == MAPPROC_INFLATER_END && size == 0 && length == 0;
}

static int verify(struct mapproc_member_tools *tools, const uint8_t *stream, size_t size,
                  const uint8_t *data, size_t length, struct mapproc_error *error)
{
    if (!make_inflater(tools))
        return out_of_memory(error);
    if (gives_back(tools, stream, size, data, length))
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL,
                             "the compressed data does not give back what was read");
}

int mapproc_members_make(const struct mapproc_member_rule *rule, struct mapproc_member_tools *tools,
                         const uint8_t *data, size_t length, uint8_t *scratch,
                         struct mapproc_members *members, struct mapproc_error *error)
{
    const struct form *form = &forms[rule->form];
    uint8_t *out = scratch;
    int result = MAPPROC_OK;
    size_t n;

    for (size_t at = 0; at < length && result == MAPPROC_OK; at += n) {
        uint8_t *stream = out + form->header;
        size_t size;

        n = (size_t)mapproc_min_u64(length - at, form->data_max);
        result = deflate(rule, tools, data + at, n, stream, &size, error);
        if (result != MAPPROC_OK)
            break;
        if (rule->verify)
            result = verify(tools, stream, size, data + at, n, error);
        form->write_header(out, (uint32_t)(form->header + size + MAPPROC_GZIP_TRAILER));
        mapproc_gzip_write_trailer(stream + size, mapproc_crc32_extend(0, data + at, n), n);
        out = stream + size + MAPPROC_GZIP_TRAILER;
    }
    *members = (struct mapproc_members){.bytes = scratch, .size = (size_t)(out - scratch)};
    return result;
}

size_t mapproc_members_bgzf_size(const uint8_t *member)
{
    const uint8_t *stated = member + MAPPROC_GZIP_BGZF_HEADER - 2;

    return ((size_t)stated[0] | (size_t)stated[1] << 8) + 1;
}

void mapproc_member_tools_free(const struct mapproc_member_rule *rule,
                               struct mapproc_member_tools *tools)
{
    if (tools->compressor != NULL)
        rule->codec->compressor_free(tools->compressor);
    mapproc_inflater_free(tools->inflater);
    free(tools->inflated);
    *tools = (struct mapproc_member_tools){.compressor = NULL};
}
