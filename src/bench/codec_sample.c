/* SPDX-License-Identifier: MIT */
/* codec_sample.c - the data that codecs are measured with: of a file, or made up. */
#include "bench/codec_sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "input/source.h"

enum {
    PIECE = 4 << 20, /* bytes of a file at a time: more than a chunk */
    PART = 64 << 10, /* bytes of one kind of what is made up */
    LINE_MOST = 160,
};

/* ---- of a file ---- */

static int read_pieces(const struct mapproc_bench_region *sample,
                       const struct mapproc_source *source,
                       const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    const size_t pieces = (sample->size + PIECE - 1) / PIECE;
    const uint64_t left_out = source->size - sample->size;
    int result = MAPPROC_OK;

    for (size_t i = 0; i < pieces && result == MAPPROC_OK; i++) {
        const size_t at = i * PIECE;
        /* What is left out is divided evenly among the gaps between the pieces. */
        const uint64_t skipped =
            pieces > 1 ? left_out / (pieces - 1) * i + left_out % (pieces - 1) * i / (pieces - 1)
                       : 0;

        if (mapproc_bench_cancelled(options->job.cancel))
            return mapproc_error_set(error, MAPPROC_CANCELLED, 0, NULL, "cancelled");
        result = mapproc_source_read_at(source, skipped + at, sample->memory + at,
                                        (size_t)mapproc_min_u64(sample->size - at, PIECE), error);
    }
    return result;
}

static int sample_file(struct mapproc_bench_region *sample,
                       const struct mapproc_bench_options *options, size_t size,
                       struct mapproc_error *error)
{
    struct mapproc_source source;
    int result = mapproc_bench_check_file(options->file, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_source_open(&source, options->file, error);
    if (result == MAPPROC_OK)
        result =
            mapproc_bench_region_open(sample, (size_t)mapproc_min_u64(size, source.size), error);
    if (result == MAPPROC_OK) {
        result = read_pieces(sample, &source, options, error);
        if (result != MAPPROC_OK)
            mapproc_bench_region_close(sample);
    }
    mapproc_source_close(&source);
    return result;
}

/* ---- made up ---- */

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13; /* xorshift64 */
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void fill_lines(unsigned char *memory, size_t size, uint64_t *random)
{
    static const char *const levels[] = {"INFO", "INFO", "INFO", "DEBUG", "WARN"};
    static const char *const what[] = {"accepted connection", "read request", "sent response",
                                       "cache miss, asking the store", "closed connection"};
    char line[LINE_MOST];
    uint64_t time = 1700000000000;
    size_t length;

    for (size_t done = 0; done < size; done += length) {
        uint64_t number = next_random(random);

        time += number % 97;
        length = (size_t)snprintf(
            line, sizeof(line), "%" PRIu64 ".%03u %s [worker-%u] %s id=%08x bytes=%u\n",
            time / 1000, (unsigned)(time % 1000), levels[number % 5], (unsigned)(number >> 8) % 16,
            what[(number >> 16) % 5], (unsigned)(number >> 32), (unsigned)(number >> 24) % 65536);
        length = length < size - done ? length : size - done;
        memcpy(memory + done, line, length);
    }
}

/* As of a table: a running number, a value with few bits, a value with many. */
static void fill_records(unsigned char *memory, size_t size, uint64_t *random)
{
    for (size_t done = 0; done + 16 <= size; done += 16) {
        const uint64_t number = next_random(random);
        const uint32_t record[4] = {(uint32_t)(done / 16), (uint32_t)(number >> 56), 0,
                                    (uint32_t)number};

        memcpy(memory + done, record, sizeof(record));
    }
}

int mapproc_bench_codec_sample(struct mapproc_bench_region *sample,
                               const struct mapproc_bench_options *options, size_t size,
                               struct mapproc_error *error)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    int result;

    if (options->file != NULL)
        return sample_file(sample, options, size, error);
    result = mapproc_bench_region_open(sample, size, error);
    for (size_t at = 0; result == MAPPROC_OK && at < size; at += PART) {
        const size_t length = (size_t)mapproc_min_u64(size - at, PART);

        if (at / PART % 4 == 3)
            fill_records(sample->memory + at, length, &random);
        else
            fill_lines(sample->memory + at, length, &random);
    }
    return result;
}
