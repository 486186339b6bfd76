/* SPDX-License-Identifier: MIT */
/* inflater_zlib.c - inflating piece by piece through zlib. */
#include <stdbool.h>
#include <stdlib.h>

/* Its next_in is const then. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/checked.h"
#include "codec/inflater.h"

enum { RAW_WINDOW = -15 /* 32 KiB, neither header nor trailer */ };

struct mapproc_inflater {
    z_stream stream;
    enum mapproc_inflater_status status;
    unsigned padding;  /* at the end */
    uint8_t last_byte; /* of the input used so far */
};

struct mapproc_inflater *mapproc_inflater_new(void)
{
    struct mapproc_inflater *inflater = calloc(1, sizeof(*inflater));

    if (inflater != NULL && inflateInit2(&inflater->stream, RAW_WINDOW) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void mapproc_inflater_free(struct mapproc_inflater *inflater)
{
    if (inflater != NULL)
        (void)inflateEnd(&inflater->stream);
    free(inflater);
}

void mapproc_inflater_reset(struct mapproc_inflater *inflater)
{
    inflater->status =
        inflateReset(&inflater->stream) == Z_OK ? MAPPROC_INFLATER_MORE : MAPPROC_INFLATER_BAD;
    inflater->padding = 0;
}

/* At the end of the last block, before zlib drops them: the bits of the last byte that the stream
 * left. zlib counts them in data_type. */
static void note_padding(struct mapproc_inflater *inflater)
{
    enum { COUNT = 31, IN_LAST_BLOCK = 64, BEHIND_BLOCK = 128 };
    const int state = inflater->stream.data_type;

    if ((state & IN_LAST_BLOCK) != 0 && (state & BEHIND_BLOCK) != 0 && (state & COUNT) < 8)
        inflater->padding = (unsigned)inflater->last_byte >> (8 - (state & COUNT));
}

/* One call of zlib, whose sizes have 32 bits. Returns what it returned. */
static int step(struct mapproc_inflater *inflater, const uint8_t **in, size_t *in_left,
                uint8_t **out, size_t *out_left)
{
    const uInt input = (uInt)mapproc_min_u64(*in_left, UINT32_MAX);
    const uInt room = (uInt)mapproc_min_u64(*out_left, UINT32_MAX);
    z_stream *stream = &inflater->stream;
    uint8_t nowhere = 0; /* it takes no NULL, even without input or room */
    int result;

    stream->next_in = input > 0 ? *in : &nowhere;
    stream->avail_in = input;
    stream->next_out = room > 0 ? *out : &nowhere;
    stream->avail_out = room;
    result = inflate(stream, Z_BLOCK);
    if (stream->avail_in < input)
        inflater->last_byte = (*in)[input - stream->avail_in - 1];
    *in += input - stream->avail_in;
    *in_left -= input - stream->avail_in;
    *out += room - stream->avail_out;
    *out_left -= room - stream->avail_out;
    return result;
}

enum mapproc_inflater_status mapproc_inflater_run(struct mapproc_inflater *inflater,
                                                  const uint8_t **in, size_t *in_left,
                                                  uint8_t **out, size_t *out_left)
{
    while (inflater->status == MAPPROC_INFLATER_MORE) {
        int result = step(inflater, in, in_left, out, out_left);

        if (result == Z_BUF_ERROR) /* no progress, and no harm */
            break;
        if (result == Z_STREAM_END)
            inflater->status = MAPPROC_INFLATER_END;
        else if (result == Z_OK)
            note_padding(inflater);
        else
            inflater->status = MAPPROC_INFLATER_BAD;
    }
    return inflater->status;
}

unsigned mapproc_inflater_padding(const struct mapproc_inflater *inflater)
{
    return inflater->padding;
}

bool mapproc_inflater_takes_incomplete(void)
{
    return false;
}

const char *mapproc_inflater_name(void)
{
    return "zlib";
}

const char *mapproc_inflater_version(void)
{
    return zlibVersion();
}
