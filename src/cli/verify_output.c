/* SPDX-License-Identifier: MIT */
/* verify_output.c - what mapproc verify prints about files. */
#include "cli/verify_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/size_text.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/signals.h"

enum {
    RANGES_SHOWN = 16, /* bad ranges in a line of text; --json has all that are kept */
    RANGES_TEXT_MAX = 64 * RANGES_SHOWN,
};

static const char *const verdicts[] = {
    [MAPPROC_VERDICT_GOOD] = "ok",         [MAPPROC_VERDICT_BAD] = "bad",
    [MAPPROC_VERDICT_MISSING] = "missing", [MAPPROC_VERDICT_FAILED] = "failed",
    [MAPPROC_VERDICT_REFUSED] = "refused",
};

/* ---- text ---- */

/* The name, in quotes if a terminal could take it for anything else. The caller frees it. */
static char *show_name(const char *name)
{
    size_t size = mapproc_quote_name(name, NULL, 0) + 1;
    char *quoted = malloc(size);

    if (quoted == NULL)
        return NULL;
    (void)mapproc_quote_name(name, quoted, size);
    if (strstr(quoted, "$'") != NULL)
        return quoted;
    free(quoted);
    return strdup(name);
}

static int write_line(const char *name, const char *verdict, bool flush)
{
    char *shown = show_name(name);
    bool written = shown != NULL;

    if (!written)
        cli_output_fail(ENOMEM);
    written = written && cli_output_write(shown, strlen(shown), false) &&
              cli_output_write(": ", 2, false) &&
              cli_output_write(verdict, strlen(verdict), false) && cli_output_write("\n", 1, flush);
    free(shown);
    return written ? MAPPROC_OK : MAPPROC_FAILED;
}

/* Adds to a text of `size` bytes. */
static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

/* " bytes 4194304-5242879 (1 of 4096 pieces)" */
static void append_pieces(char *text, size_t size, const struct mapproc_verified *verified)
{
    char ranges[RANGES_TEXT_MAX];

    if (verified->bad_pieces == 0)
        return;
    (void)mapproc_range_list_format(verified->bad, RANGES_SHOWN, ranges, sizeof(ranges));
    append(text, size, " %s (%zu of %zu pieces)", ranges, verified->bad_pieces, verified->pieces);
    if (verified->reread_good > 0)
        append(text, size,
               " (%zu of them right when read again past the page cache: not the medium)",
               verified->reread_good);
    else if (verified->reread_bad > 0)
        append(text, size, " (the same when read again past the page cache)");
}

static void append_sizes(char *text, size_t size, const struct mapproc_verified *verified)
{
    if (!verified->has_listed_size || verified->size == verified->listed_size)
        return;
    if (verified->size > verified->listed_size) {
        append(text, size, " %" PRIu64 " bytes too long", verified->size - verified->listed_size);
        return;
    }
    append(text, size, " missing from byte %" PRIu64 " (cut from %" PRIu64 " bytes)",
           verified->size, verified->listed_size);
    if (verified->unchecked > 0)
        append(text, size, " (the %" PRIu64 " before it are part of a piece that was cut)",
               verified->unchecked);
}

static int write_bad(const struct mapproc_verified *verified)
{
    char text[RANGES_TEXT_MAX + 512] = "FAILED";

    append_pieces(text, sizeof(text), verified);
    append_sizes(text, sizeof(text), verified);
    if (verified->time_kept)
        append(text, sizeof(text), " (content changed, time did not: possible bit rot)");
    return write_line(verified->name, text, true);
}

/* In a list "-" is a file of that name. */
static void print_error(const struct mapproc_error *error)
{
    struct mapproc_error shown = *error;

    if (shown.path != NULL && strcmp(shown.path, "-") == 0)
        shown.path = "./-";
    cli_print_error(&shown);
}

static int write_text(const struct cli_verify_output *output,
                      const struct mapproc_verified *verified)
{
    if (verified->error != NULL)
        print_error(verified->error);
    if (output->status_only)
        return MAPPROC_OK;
    switch (verified->verdict) {
    case MAPPROC_VERDICT_GOOD:
        return output->quiet ? MAPPROC_OK
                             : write_line(verified->name, "OK", verified->size >= 1 << 20);
    case MAPPROC_VERDICT_BAD:
        return write_bad(verified);
    case MAPPROC_VERDICT_REFUSED:
        return write_line(verified->name, "REFUSED", false);
    default:
        return write_line(verified->name, "FAILED open or read", false);
    }
}

/* ---- JSON ---- */

static void add_ranges(struct cli_json *json, const struct mapproc_range_list *bad)
{
    cli_json_open_array(json, "ranges");
    for (size_t i = 0; i < bad->kept; i++) {
        cli_json_open_object(json, NULL);
        cli_json_unsigned(json, "offset", bad->ranges[i].offset);
        cli_json_unsigned(json, "length", bad->ranges[i].length);
        cli_json_close(json);
    }
    cli_json_close(json);
    cli_json_unsigned(json, "range_count", bad->count);
    cli_json_unsigned(json, "bad_bytes", bad->bytes);
}

static int write_json(const struct mapproc_verified *verified)
{
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", verified->name);
    cli_json_text(&json, "verdict", verdicts[verified->verdict]);
    cli_json_text(&json, "algorithm", verified->digest != NULL ? verified->digest->name : NULL);
    cli_json_unsigned(&json, "size", verified->size);
    if (verified->has_listed_size)
        cli_json_unsigned(&json, "listed_size", verified->listed_size);
    if (verified->error != NULL) {
        cli_json_text(&json, "error", verified->error->what);
        if (verified->error->system_error != 0)
            cli_json_text(&json, "reason", strerror(verified->error->system_error));
    }
    if (verified->verdict == MAPPROC_VERDICT_BAD) {
        cli_json_unsigned(&json, "pieces", verified->pieces);
        cli_json_unsigned(&json, "bad_pieces", verified->bad_pieces);
        if (verified->pieces > 0)
            add_ranges(&json, verified->bad);
        cli_json_unsigned(&json, "reread_good", verified->reread_good);
        cli_json_unsigned(&json, "reread_bad", verified->reread_bad);
        cli_json_boolean(&json, "possible_bit_rot", verified->time_kept);
    }
    return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
}

/* ---- the mapfile ---- */

static int write_map_text(void *user, const char *text, size_t length, struct mapproc_error *error)
{
    return mapproc_atomic_file_write(user, text, length, error);
}

/* Fills in what is known of a file: between and behind the bad ranges it is good, if there were
 * pieces to tell. *count gets the number of ranges. NULL without memory. */
static struct mapproc_rescue_range *make_map(const struct mapproc_verified *verified, size_t *count)
{
    const struct mapproc_range_list *bad = verified->bad;
    bool good = verified->verdict == MAPPROC_VERDICT_GOOD;
    size_t kept = bad != NULL ? bad->kept : 0;
    struct mapproc_rescue_range *map = calloc(2 * kept + 2, sizeof(*map));
    uint64_t at = 0;

    *count = 0;
    if (map == NULL)
        return NULL;
    for (size_t i = 0; i < kept; i++) {
        map[(*count)++] = (struct mapproc_rescue_range){
            .offset = at, .length = bad->ranges[i].offset - at, .state = MAPPROC_RESCUE_GOOD};
        map[(*count)++] = (struct mapproc_rescue_range){.offset = bad->ranges[i].offset,
                                                        .length = bad->ranges[i].length,
                                                        .state = MAPPROC_RESCUE_BAD};
        at = bad->ranges[i].offset + bad->ranges[i].length;
    }
    if (good || verified->pieces > 0) {
        uint64_t end = verified->has_listed_size && verified->listed_size < verified->size
                           ? verified->listed_size
                           : verified->size;

        if (verified->bad_pieces > 0 && bad->count > bad->kept)
            end = at; /* more of it is bad than was kept */
        end = end > verified->unchecked ? end - verified->unchecked : 0;
        if (end > at)
            map[(*count)++] = (struct mapproc_rescue_range){
                .offset = at, .length = end - at, .state = MAPPROC_RESCUE_GOOD};
    }
    return map;
}

static int add_to_map(struct cli_verify_output *output, const struct mapproc_verified *verified)
{
    const struct mapproc_text_sink sink = {.write = write_map_text, .user = &output->map};
    uint64_t size = verified->has_listed_size && verified->listed_size > verified->size
                        ? verified->listed_size
                        : verified->size;
    struct mapproc_error error = {.code = MAPPROC_OK};
    struct mapproc_rescue_range *map;
    size_t count;
    int result;

    if (output->mapped++ > 0) {
        (void)cli_print_usage_error("verify", "--map", "is for lists of one file");
        return MAPPROC_REFUSED;
    }
    if (mapproc_atomic_file_replaces(&output->map, verified->name)) {
        (void)cli_print_usage_error("verify", "--map", "would replace the file that is checked");
        return MAPPROC_REFUSED;
    }
    map = make_map(verified, &count);
    if (map == NULL) {
        cli_output_fail(ENOMEM);
        return MAPPROC_FAILED;
    }
    result = mapproc_rescue_map_write(map, count, size, &sink, &error);
    free(map);
    if (result != MAPPROC_OK)
        cli_print_error(&error);
    return result;
}

/* ---- all of it ---- */

int cli_verify_output_begin(struct cli_verify_output *output)
{
    struct mapproc_error error;

    output->map = (struct mapproc_atomic_file)MAPPROC_ATOMIC_FILE_CLOSED;
    if (output->map_path == NULL)
        return CLI_OK;
    cli_signals_protect_output();
    if (mapproc_atomic_file_open(&output->map, output->map_path, true, &error) != MAPPROC_OK) {
        cli_print_error(&error);
        return cli_status_from_code(error.code);
    }
    return CLI_OK;
}

int cli_verify_output_add(struct cli_verify_output *output, const struct mapproc_verified *verified)
{
    int result = MAPPROC_OK;

    if (output->map_path != NULL)
        result = add_to_map(output, verified);
    if (result != MAPPROC_OK)
        return result;
    return output->json && !output->status_only ? write_json(verified)
                                                : write_text(output, verified);
}

int cli_verify_output_extra(struct cli_verify_output *output, const char *name)
{
    struct cli_json json;

    if (output->status_only)
        return MAPPROC_OK;
    if (!output->json)
        return write_line(name, "NOT LISTED", false);
    cli_json_begin(&json);
    cli_json_name(&json, "name", name);
    cli_json_text(&json, "verdict", "extra");
    return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
}

int cli_verify_output_end(struct cli_verify_output *output)
{
    struct mapproc_error error;

    if (output->map_path == NULL)
        return CLI_OK;
    if (output->mapped != 1) /* an empty list */
        return CLI_OK;
    if (mapproc_atomic_file_commit(&output->map, &error) == MAPPROC_OK)
        return CLI_OK;
    cli_print_error(&error);
    return cli_status_from_code(error.code);
}

void cli_verify_output_close(struct cli_verify_output *output)
{
    mapproc_atomic_file_abort(&output->map);
}

void cli_verify_count(struct cli_verify_counts *counts, const struct mapproc_verified *verified)
{
    bool read =
        verified->verdict == MAPPROC_VERDICT_GOOD || verified->verdict == MAPPROC_VERDICT_BAD;

    counts->checked += read;
    counts->bad += verified->verdict == MAPPROC_VERDICT_BAD;
    counts->unreadable +=
        verified->verdict == MAPPROC_VERDICT_MISSING || verified->verdict == MAPPROC_VERDICT_FAILED;
    counts->refused += verified->verdict == MAPPROC_VERDICT_REFUSED;
    counts->bytes += verified->size;
}

static void warn(uint64_t count, const char *one, const char *several)
{
    char text[128];

    if (count == 0)
        return;
    (void)snprintf(text, sizeof(text), "WARNING: %" PRIu64 " %s", count,
                   count == 1 ? one : several);
    cli_print_note(NULL, text);
}

void cli_verify_print_warnings(const struct cli_verify_counts *counts)
{
    warn(counts->bad_lines, "line is improperly formatted", "lines are improperly formatted");
    warn(counts->unreadable, "listed file could not be read", "listed files could not be read");
    warn(counts->refused, "entry was refused", "entries were refused");
    warn(counts->bad, "computed checksum did NOT match", "computed checksums did NOT match");
    warn(counts->extra, "file is not listed", "files are not listed");
}

void cli_verify_print_summary(const struct cli_verify_counts *counts)
{
    char size[MAPPROC_SIZE_TEXT_MAX], text[128];

    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s verified, %s", counts->checked - counts->bad,
                   counts->checked - counts->bad == 1 ? "file" : "files",
                   mapproc_size_format(counts->bytes, size));
    cli_print_note(NULL, text);
}
