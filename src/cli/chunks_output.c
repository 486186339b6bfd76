/* SPDX-License-Identifier: MIT */
/* chunks_output.c - what mapproc chunks prints: chunks, statistics, differences. */
#include "cli/chunks_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/quote.h"
#include "base/size_text.h"
#include "cli/json.h"
#include "cli/output.h"

enum { BAR_WIDTH = 40, LINE_MAX_BYTES = 256 };

static bool print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool print(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return cli_output_write(text, (size_t)length, false);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole != 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- chunks ---- */

static const char *shown_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "stdin" : name;
}

static bool print_name(const char *name)
{
    size_t size = mapproc_quote_name(name, NULL, 0) + 1;
    char *quoted = malloc(size);
    bool written;

    if (quoted == NULL) {
        cli_output_fail(ENOMEM);
        return false;
    }
    written = cli_output_write("  ", 2, false) &&
              cli_output_write(quoted, mapproc_quote_name(name, quoted, size), false);
    free(quoted);
    return written;
}

bool cli_chunks_print(const struct cli_chunks_output *output, const char *name,
                      const struct mapproc_chunk_record *record)
{
    char digest[2 * MAPPROC_CHUNK_DIGEST_SIZE + 1];
    struct cli_json json;

    *mapproc_hex_format(record->digest, sizeof(record->digest), digest) = '\0';
    if (!output->json)
        return print("%" PRIu64 " %" PRIu64 " %s", record->offset, record->length, digest) &&
               (!output->named || print_name(shown_name(name))) && cli_output_write("\n", 1, false);
    cli_json_begin(&json);
    cli_json_unsigned(&json, "offset", record->offset);
    cli_json_unsigned(&json, "length", record->length);
    cli_json_text(&json, "digest", digest);
    if (output->named)
        cli_json_name(&json, "name", shown_name(name));
    return cli_json_print(&json);
}

/* ---- statistics ---- */

static bool print_stats_json(const struct mapproc_chunk_stats *stats)
{
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_unsigned(&json, "chunks", stats->chunks);
    cli_json_unsigned(&json, "bytes", stats->bytes);
    if (stats->chunks > 0) {
        cli_json_unsigned(&json, "least", stats->least);
        cli_json_real(&json, "average", (double)stats->bytes / (double)stats->chunks);
        cli_json_unsigned(&json, "most", stats->most);
    }
    cli_json_open_array(&json, "sizes");
    for (unsigned i = 0; i < MAPPROC_CHUNK_CLASSES; i++) {
        if (stats->classes[i].chunks == 0)
            continue;
        cli_json_open_object(&json, NULL);
        cli_json_unsigned(&json, "from", UINT64_C(1) << i);
        cli_json_unsigned(&json, "to", (UINT64_C(2) << i) - 1);
        cli_json_unsigned(&json, "chunks", stats->classes[i].chunks);
        cli_json_unsigned(&json, "bytes", stats->classes[i].bytes);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_unsigned(&json, "repeated", stats->repeated);
    cli_json_unsigned(&json, "repeated_bytes", stats->repeated_bytes);
    cli_json_unsigned(&json, "forgotten", stats->forgotten);
    return cli_json_print(&json);
}

/* One line a class of sizes, from the first to the last that has a chunk. */
static bool print_histogram(const struct mapproc_chunk_stats *stats)
{
    static const char bar[BAR_WIDTH + 1] = "########################################";
    unsigned first = 0, last = MAPPROC_CHUNK_CLASSES;
    uint64_t most = 1;
    bool good = true;

    while (first < last && stats->classes[first].chunks == 0)
        first++;
    while (last > first && stats->classes[last - 1].chunks == 0)
        last--;
    for (unsigned i = first; i < last; i++)
        if (stats->classes[i].chunks > most)
            most = stats->classes[i].chunks;
    for (unsigned i = first; i < last && good; i++) {
        uint64_t chunks = stats->classes[i].chunks;
        char from[MAPPROC_SIZE_TEXT_MAX];
        int width = (int)((double)chunks / (double)most * BAR_WIDTH + 0.5);

        good = print("  %10s  %-*.*s %" PRIu64 "\n", mapproc_size_format(UINT64_C(1) << i, from),
                     BAR_WIDTH, width, bar, chunks);
    }
    return good;
}

bool cli_chunk_stats_print(const struct cli_chunks_output *output,
                           const struct mapproc_chunk_stats *stats)
{
    char size[MAPPROC_SIZE_TEXT_MAX], repeated[MAPPROC_SIZE_TEXT_MAX];
    uint64_t chunks = stats->chunks != 0 ? stats->chunks : 1;

    if (output->json)
        return print_stats_json(stats);
    return print("%-10s %" PRIu64 "\n", "chunks", stats->chunks) &&
           print("%-10s %" PRIu64 " (%s)\n", "bytes", stats->bytes,
                 mapproc_size_format(stats->bytes, size)) &&
           print("%-10s least %" PRIu64 ", average %.0f, most %" PRIu64 "; so many from:\n",
                 "sizes", stats->chunks != 0 ? stats->least : 0,
                 (double)stats->bytes / (double)chunks, stats->most) &&
           print_histogram(stats) &&
           print("%-10s %s%" PRIu64 " chunks; deduplication saves %s%" PRIu64
                 " bytes (%s, %.2f %%)\n",
                 "repeated", stats->forgotten > 0 ? "at least " : "", stats->repeated,
                 stats->forgotten > 0 ? "at least " : "", stats->repeated_bytes,
                 mapproc_size_format(stats->repeated_bytes, repeated),
                 percent(stats->repeated_bytes, stats->bytes)) &&
           (stats->forgotten == 0 ||
            print("%-10s %" PRIu64 " chunks: the memory is too little to compare later ones with "
                  "them\n",
                  "forgotten", stats->forgotten));
}

/* ---- differences ---- */

bool cli_chunk_range_print(const struct cli_chunks_output *output, uint64_t offset, uint64_t length)
{
    struct cli_json json;

    if (!output->json)
        return print("%" PRIu64 " %" PRIu64 "\n", offset, length);
    cli_json_begin(&json);
    cli_json_unsigned(&json, "offset", offset);
    cli_json_unsigned(&json, "length", length);
    return cli_json_print(&json);
}

bool cli_chunk_diff_print(const struct cli_chunks_output *output,
                          const struct mapproc_chunk_diff *diff)
{
    struct cli_json json;

    if (!output->json)
        return print("new: %" PRIu64 " of %" PRIu64 " bytes (%.2f %%) in %" PRIu64
                     " ranges; delta: %" PRIu64 " bytes\n",
                     diff->fresh, diff->size, percent(diff->fresh, diff->size), diff->ranges,
                     diff->delta);
    cli_json_begin(&json);
    cli_json_unsigned(&json, "size", diff->size);
    cli_json_unsigned(&json, "new", diff->fresh);
    cli_json_unsigned(&json, "ranges", diff->ranges);
    cli_json_unsigned(&json, "delta", diff->delta);
    return cli_json_print(&json);
}
