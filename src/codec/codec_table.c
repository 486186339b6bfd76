/* SPDX-License-Identifier: MIT */
/* codec_table.c - the list of all codecs that were built in. */
#include <string.h>

#include "codec/codec.h"

extern const struct mapproc_codec mapproc_codec_libdeflate;
extern const struct mapproc_codec mapproc_codec_isal;
extern const struct mapproc_codec mapproc_codec_zlib;

/* The fastest to inflate first: libdeflate 0.93-1.0 GB/s, ISA-L 0.79-0.85, zlib 0.35. */
static const struct mapproc_codec *const codecs[] = {
#ifdef MAPPROC_HAVE_LIBDEFLATE
    &mapproc_codec_libdeflate,
#endif
#ifdef MAPPROC_HAVE_ISAL
    &mapproc_codec_isal,
#endif
    &mapproc_codec_zlib,
};

const struct mapproc_codec *mapproc_codec_at(size_t index)
{
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (codecs[i]->available != NULL && !codecs[i]->available())
            continue;
        if (index-- == 0)
            return codecs[i];
    }
    return NULL;
}

const struct mapproc_codec *mapproc_codec_find(const char *name)
{
    const struct mapproc_codec *codec;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++)
        if (strcmp(name, codec->name) == 0)
            return codec;
    return NULL;
}

int mapproc_codec_clamp_level(const struct mapproc_codec *codec, int level)
{
    if (level < codec->level_min)
        return codec->level_min;
    return level > codec->level_max ? codec->level_max : level;
}
