/* SPDX-License-Identifier: MIT */
/* codec_outputs.c - prints a checksum of what each codec makes at each level of the same data.
 *
 * What it prints must not depend on the CPU: see cli_codec_cpus.sh.
 */
#include "cmocka_all.h"

#include <stdio.h>

#include "codec/codec.h"
#include "codec/stored.h"
#include "deflate_samples.h"

enum { DATA_MAX = 400000, STREAM_MAX = DATA_MAX + DATA_MAX / 8 + 1024 };

static uint8_t data[DATA_MAX], stream[STREAM_MAX], inflated[DATA_MAX];

/* Compresses pieces of growing size, and inflates them again. */
static unsigned long checksum_level(const struct mapproc_codec *codec, int level)
{
    void *compressor = codec->compressor_new(level), *decompressor = codec->decompressor_new();
    unsigned long sum = crc32(0, NULL, 0);

    for (size_t at = 0, size = 0; at + size <= DATA_MAX; at += size, size = size * 5 / 4 + 1) {
        size_t length = codec->compress(compressor, data + at, size, stream, sizeof(stream));
        size_t used = 0, made = 0;

        if (length == 0 ||
            codec->decompress(decompressor, stream, length, inflated, sizeof(inflated), &used,
                              &made) != MAPPROC_INFLATE_OK ||
            used != length || made != size || memcmp(inflated, data + at, size) != 0) {
            printf("%s %d does not give back %zu bytes\n", codec->name, level, size);
            exit(1);
        }
        sum = crc32(sum, stream, (uInt)length);
    }
    codec->compressor_free(compressor);
    codec->decompressor_free(decompressor);
    return sum;
}

int main(void)
{
    struct test_random random = {.state = 42};
    const struct mapproc_codec *codec;
    int own;

    sample_fill(&random, SAMPLE_MIXED, data, DATA_MAX);
    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++)
        for (int level = codec->level_min; level <= codec->level_max; level++)
            printf("%s %d %08lx\n", codec->name, level, checksum_level(codec, level));
    for (int level = 1; level <= MAPPROC_LEVEL_MAX; level++) {
        codec = mapproc_codec_for_level(level, &own);
        printf("level %d %s %d\n", level, codec->name, own);
    }
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        sample_fill(&random, (enum sample_kind)kind, data, DATA_MAX);
        printf("stored %d %d\n", kind, mapproc_stored_is_better(data, DATA_MAX));
    }
    return 0;
}
