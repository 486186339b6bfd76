/* SPDX-License-Identifier: MIT */
/* level_table.c - which codec makes which level when the user names none. */
#include "codec/codec.h"

/* What a level is made with: the first of these that is there. Ends with a codec that always is. */
struct choice {
    const char *codec;
    int codec_level;
};

enum { CHOICES = 3 };

static const struct choice levels[MAPPROC_LEVEL_MAX][CHOICES] = {
    {{"isal", 1}, {"libdeflate", 1}, {"zlib", 1}},
    {{"isal", 2}, {"libdeflate", 2}, {"zlib", 2}},
    {{"libdeflate", 3}, {"zlib", 3}},
    {{"libdeflate", 4}, {"zlib", 4}},
    {{"libdeflate", 5}, {"zlib", 5}},
    {{"libdeflate", 6}, {"zlib", 6}},
    {{"libdeflate", 7}, {"zlib", 7}},
    {{"libdeflate", 8}, {"zlib", 8}},
    {{"libdeflate", 9}, {"zlib", 9}},
    {{"libdeflate", 10}, {"zlib", 9}},
    {{"libdeflate", 11}, {"zlib", 9}},
    {{"libdeflate", 12}, {"zlib", 9}},
};

const struct mapproc_codec *mapproc_codec_for_level(int level, int *codec_level)
{
    const struct choice *choice = levels[level - 1];
    const struct mapproc_codec *codec;

    while ((codec = mapproc_codec_find(choice->codec)) == NULL)
        choice++;
    *codec_level = choice->codec_level;
    return codec;
}
