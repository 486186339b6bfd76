/* SPDX-License-Identifier: MIT */
/* level_table.c - which codec makes which level when the user names none.
 *
 * Each step takes more time and saves more, on all kinds of data looked at; nothing that was left
 * out is both faster and smaller than what is here. 2 threads of an AMD EPYC (Zen 5), chunks of
 * 3840 KiB, without reading and writing; MB of output and MB/s of input. pigz -p2 on the same
 * machine, whole process: -1 280.1 MB in 3.6 s, -6 221.3 MB in 10.2 s, -9 217.3 MB
 * in 19.7 s.
 *
 *     level            linux-6.1.tar    programs of /usr  logs and JSON   SQLite database
 *                      1362 MB          134.2 MB          67.1 MB         36.8 MB
 *      1 isal 1        275.6 1900       62.5 1090         16.15 1540      20.35 1150
 *      2 isal 2        272.0 1830       61.4  990         16.09 1410      20.35  980
 *      3 libdeflate 1  253.2  750       59.2  370         15.52  630      19.94  360
 *      4 libdeflate 3  237.9  500       56.5  260         14.46  420      19.64  240
 *      5 libdeflate 5  226.1  390       55.0  200         13.09  340      18.58  210
 *      6 libdeflate 6  220.9  310       54.7  170         12.58  250      18.49  180
 *      7 libdeflate 7  218.3  210       54.5  125         12.36  165      18.33  125
 *      8 libdeflate 8  216.7  120       54.4   75         12.04   75      18.22   51
 *      9 libdeflate 9  216.5   99       54.4   60         11.97   57      18.21   34
 *     10 libdeflate 10                  53.0   30         11.73   20      17.96   43
 *     11 libdeflate 11                                    11.72   16      17.94   33
 *     12 libdeflate 12                                    11.72   13      17.93   26
 *
 * Left out: libdeflate 2, which takes as long as 3 on programs and saves less, and libdeflate 4,
 * between 3 and 5. zlib is never both: its 6 makes 13.43 MB of the logs at 127 MB/s, its 9 12.81 at
 * 49; it takes over where libdeflate was not built in.
 */
#include "codec/codec.h"

/* What a level is made with: the first of these that there is. zlib always is. */
struct choice {
    const char *codec;
    int codec_level;
};

enum { CHOICES = 3 };

static const struct choice levels[MAPPROC_LEVEL_MAX][CHOICES] = {
    {{"isal", 1}, {"libdeflate", 1}, {"zlib", 1}},
    {{"isal", 2}, {"libdeflate", 1}, {"zlib", 2}},
    {{"libdeflate", 1}, {"zlib", 3}},
    {{"libdeflate", 3}, {"zlib", 4}},
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
