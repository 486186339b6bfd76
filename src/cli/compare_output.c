/* SPDX-License-Identifier: MIT */
/* compare_output.c - what mapproc compare prints about two files or two lists. */
#include "cli/compare_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "cli/json.h"
#include "cli/output.h"

static const char *shown_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

/* ---- text ---- */

/* Lines while they are built. Without memory they are not printed, and that becomes the error of
 * the output. */
struct text {
    FILE *stream;
    char *bytes;
    size_t length;
};

static bool begin_text(struct text *text)
{
    text->stream = open_memstream(&text->bytes, &text->length);
    if (text->stream == NULL)
        cli_output_fail(errno);
    return text->stream != NULL;
}

static bool print_text(struct text *text)
{
    bool failed = ferror(text->stream) != 0;
    bool written = false;

    failed |= fclose(text->stream) != 0;
    if (failed)
        cli_output_fail(ENOMEM);
    else
        written = cli_output_write(text->bytes, text->length, false);
    free(text->bytes);
    return written;
}

/* Whether a name means itself to a shell and to a reader: then it needs no quotes. */
static bool is_plain(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";

    return name[0] != '\0' && name[strspn(name, plain)] == '\0';
}

static void put_name(const struct text *text, const char *name)
{
    size_t size;
    char *quoted;

    if (is_plain(name)) {
        (void)fputs(name, text->stream);
        return;
    }
    size = mapproc_quote_name(name, NULL, 0) + 1;
    quoted = malloc(size);
    if (quoted == NULL) {
        cli_output_fail(ENOMEM);
        return;
    }
    (void)mapproc_quote_name(name, quoted, size);
    (void)fputs(quoted, text->stream);
    free(quoted);
}

/* "bytes 0-3, 8-9 (6 bytes in all)", with all ranges that are kept. */
static void put_ranges(const struct text *text, const struct mapproc_range_list *list)
{
    size_t size = mapproc_range_list_format(list, list->kept, NULL, 0) + 1;
    char *ranges = malloc(size);

    if (ranges == NULL) {
        cli_output_fail(ENOMEM);
        return;
    }
    (void)mapproc_range_list_format(list, list->kept, ranges, size);
    (void)fprintf(text->stream, "%s (%" PRIu64 " byte%s in all)", ranges, list->bytes,
                  list->bytes == 1 ? "" : "s");
    free(ranges);
}

/* "A B", the operands. */
static void put_operands(const struct text *text, const struct cli_compare_output *output)
{
    put_name(text, shown_name(output->paths[0]));
    (void)fputc(' ', text->stream);
    put_name(text, shown_name(output->paths[1]));
}

static void put_sizes(const struct text *text, const struct cli_compare_output *output,
                      const struct mapproc_comparison *comparison)
{
    bool known = comparison->sizes[0].known && comparison->sizes[1].known;
    size_t longer = known ? comparison->sizes[0].bytes < comparison->sizes[1].bytes
                          : comparison->sizes[0].known;
    uint64_t end = comparison->sizes[1 - longer].bytes;

    if (known && comparison->sizes[longer].bytes == end)
        return;
    put_name(text, shown_name(output->paths[1 - longer]));
    (void)fprintf(text->stream, " ends at byte %" PRIu64 ", ", end);
    put_name(text, shown_name(output->paths[longer]));
    if (known)
        (void)fprintf(text->stream, " has %" PRIu64 " more byte%s\n",
                      comparison->sizes[longer].bytes - end,
                      comparison->sizes[longer].bytes - end == 1 ? "" : "s");
    else
        (void)fprintf(text->stream, " goes on\n");
}

static void put_comparison(const struct text *text, const struct cli_compare_output *output,
                           const struct mapproc_comparison *comparison)
{
    if (comparison->same) {
        put_operands(text, output);
        (void)fprintf(text->stream, " are the same: %" PRIu64 " bytes\n", comparison->common);
        return;
    }
    if (comparison->differing.count > 0) {
        put_operands(text, output);
        (void)fprintf(text->stream, " differ: ");
        put_ranges(text, &comparison->differing);
        (void)fputc('\n', text->stream);
    }
    put_sizes(text, output, comparison);
}

/* ---- text about two lists ---- */

static void put_only(const struct text *text, const struct cli_compare_output *output,
                     const char *name, size_t side)
{
    put_name(text, name);
    (void)fprintf(text->stream, ": only in ");
    put_name(text, shown_name(output->paths[side]));
    (void)fputc('\n', text->stream);
}

/* Why the pieces do not say in which bytes the files differ. */
static const char *explain(enum mapproc_pieces_verdict pieces)
{
    switch (pieces) {
    case MAPPROC_PIECES_MISSING:
        return "without digests of pieces in both lists";
    case MAPPROC_PIECES_SIZES:
        return "the pieces have different sizes";
    case MAPPROC_PIECES_ALGORITHMS:
        return "the pieces have digests of different algorithms";
    default:
        return "all pieces are the same, which contradicts";
    }
}

static void put_listed_sizes(const struct text *text, const struct cli_compare_output *output,
                             const struct mapproc_listed_comparison *comparison)
{
    size_t longer = comparison->sizes[0].bytes < comparison->sizes[1].bytes;
    uint64_t end = comparison->sizes[1 - longer].bytes;

    put_name(text, comparison->name);
    (void)fprintf(text->stream, ": ends at byte %" PRIu64 " in ", end);
    put_name(text, shown_name(output->paths[1 - longer]));
    (void)fprintf(text->stream, ", has %" PRIu64 " more in ",
                  comparison->sizes[longer].bytes - end);
    put_name(text, shown_name(output->paths[longer]));
    (void)fputc('\n', text->stream);
}

static void put_listed_difference(const struct text *text, const struct cli_compare_output *output,
                                  const struct mapproc_listed_comparison *comparison)
{
    const struct mapproc_range *untold = &comparison->untold;
    bool sizes_differ = comparison->sizes[0].known && comparison->sizes[1].known &&
                        comparison->sizes[0].bytes != comparison->sizes[1].bytes;

    if (comparison->differing->count > 0) {
        put_name(text, comparison->name);
        (void)fprintf(text->stream, ": differs within ");
        put_ranges(text, comparison->differing);
        (void)fputc('\n', text->stream);
    }
    if (untold->length > 0) {
        put_name(text, comparison->name);
        (void)fprintf(text->stream,
                      ": bytes %" PRIu64 "-%" PRIu64
                      " may differ (the file ends within this piece)\n",
                      untold->offset, untold->offset + untold->length - 1);
    }
    if (comparison->pieces != MAPPROC_PIECES_COMPARED ||
        (comparison->differing->count == 0 && untold->length == 0 && !sizes_differ)) {
        put_name(text, comparison->name);
        (void)fprintf(text->stream, ": differs, where is not known (%s)\n",
                      explain(comparison->pieces));
    }
    if (sizes_differ)
        put_listed_sizes(text, output, comparison);
}

static void put_listed(const struct text *text, const struct cli_compare_output *output,
                       const struct mapproc_listed_comparison *comparison)
{
    switch (comparison->verdict) {
    case MAPPROC_FILE_SAME:
        put_name(text, comparison->name);
        (void)fprintf(text->stream, ": the same\n");
        break;
    case MAPPROC_FILE_DIFFERENT:
        put_listed_difference(text, output, comparison);
        break;
    case MAPPROC_FILE_ONLY_IN_A:
        put_only(text, output, comparison->name, 0);
        break;
    case MAPPROC_FILE_ONLY_IN_B:
        put_only(text, output, comparison->name, 1);
        break;
    case MAPPROC_FILE_UNKNOWN:
        put_name(text, comparison->name);
        (void)fprintf(text->stream,
                      ": cannot be compared (the lists have no algorithm in common)\n");
        break;
    }
}

/* ---- JSON ---- */

static void add_operands(struct cli_json *json, const struct cli_compare_output *output)
{
    cli_json_name(json, "name_a", shown_name(output->paths[0]));
    cli_json_name(json, "name_b", shown_name(output->paths[1]));
}

static void add_size(struct cli_json *json, const char *key, bool known, uint64_t bytes)
{
    if (known)
        cli_json_unsigned(json, key, bytes);
    else
        cli_json_null(json, key);
}

static void add_ranges(struct cli_json *json, const struct mapproc_range_list *list)
{
    cli_json_open_array(json, "ranges");
    for (size_t i = 0; i < list->kept; i++) {
        cli_json_open_object(json, NULL);
        cli_json_unsigned(json, "offset", list->ranges[i].offset);
        cli_json_unsigned(json, "length", list->ranges[i].length);
        cli_json_close(json);
    }
    cli_json_close(json);
    cli_json_unsigned(json, "range_count", list->count);
    cli_json_unsigned(json, "differing_bytes", list->bytes);
    cli_json_boolean(json, "truncated", list->count > list->kept);
}

static bool print_json(const struct cli_compare_output *output,
                       const struct mapproc_comparison *comparison)
{
    struct cli_json json;

    cli_json_begin(&json);
    add_operands(&json, output);
    cli_json_boolean(&json, "equal", comparison->same);
    add_size(&json, "size_a", comparison->sizes[0].known, comparison->sizes[0].bytes);
    add_size(&json, "size_b", comparison->sizes[1].known, comparison->sizes[1].bytes);
    add_ranges(&json, &comparison->differing);
    return cli_json_print(&json);
}

static bool print_listed_json(const struct mapproc_listed_comparison *comparison)
{
    static const char *const verdicts[] = {
        [MAPPROC_FILE_SAME] = "same",           [MAPPROC_FILE_DIFFERENT] = "different",
        [MAPPROC_FILE_ONLY_IN_A] = "only-in-a", [MAPPROC_FILE_ONLY_IN_B] = "only-in-b",
        [MAPPROC_FILE_UNKNOWN] = "unknown",
    };
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", comparison->name);
    cli_json_boolean(&json, "equal", comparison->verdict == MAPPROC_FILE_SAME);
    cli_json_text(&json, "verdict", verdicts[comparison->verdict]);
    add_size(&json, "size_a", comparison->sizes[0].known, comparison->sizes[0].bytes);
    add_size(&json, "size_b", comparison->sizes[1].known, comparison->sizes[1].bytes);
    if (comparison->verdict == MAPPROC_FILE_DIFFERENT) {
        cli_json_boolean(&json, "pieces_compared", comparison->pieces == MAPPROC_PIECES_COMPARED);
        add_ranges(&json, comparison->differing);
        if (comparison->untold.length > 0) {
            cli_json_open_object(&json, "untold");
            cli_json_unsigned(&json, "offset", comparison->untold.offset);
            cli_json_unsigned(&json, "length", comparison->untold.length);
            cli_json_close(&json);
        }
    }
    return cli_json_print(&json);
}

/* ---- both ---- */

bool cli_compare_print(const struct cli_compare_output *output,
                       const struct mapproc_comparison *comparison)
{
    struct text text;

    if (output->json)
        return print_json(output, comparison);
    if (comparison->same && !output->tell_same)
        return true;
    if (!begin_text(&text))
        return false;
    put_comparison(&text, output, comparison);
    return print_text(&text);
}

bool cli_compare_print_listed(const struct cli_compare_output *output,
                              const struct mapproc_listed_comparison *comparison)
{
    struct text text;

    if (output->json)
        return print_listed_json(comparison);
    if (comparison->verdict == MAPPROC_FILE_SAME && !output->tell_same)
        return true;
    if (!begin_text(&text))
        return false;
    put_listed(&text, output, comparison);
    return print_text(&text);
}

bool cli_compare_print_error(const struct cli_compare_output *output,
                             const struct mapproc_error *error)
{
    struct cli_json json;

    if (!output->json)
        return true;
    cli_json_begin(&json);
    add_operands(&json, output);
    cli_json_boolean(&json, "equal", false);
    cli_json_error(&json, error);
    return cli_json_print(&json);
}
