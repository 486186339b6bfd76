/* SPDX-License-Identifier: MIT */
/* list_output.c - what mapproc list prints: tables for people, or JSON. */
#include "cli/list_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "cli/json.h"
#include "cli/output.h"

static const char *const kind_names[] = {
    [MAPPROC_GZIP_PLAIN] = "gzip",
    [MAPPROC_GZIP_IG] = "ig",
    [MAPPROC_GZIP_MZ] = "mz",
    [MAPPROC_GZIP_BGZF] = "bgzf",
};

static const char *const end_names[] = {
    [MAPPROC_END_NONE] = "none",
    [MAPPROC_END_GOOD] = "good",
    [MAPPROC_END_MISSING] = "missing",
};

static const char *const index_names[] = {
    [CLI_LIST_INDEX_NONE] = "none",
    [CLI_LIST_INDEX_GOOD] = "good",
    [CLI_LIST_INDEX_WRONG] = "wrong",
};

static const char *const check_names[] = {
    [CLI_LIST_NOT_CHECKED] = "unknown",
    [CLI_LIST_CHECK_GOOD] = "good",
    [CLI_LIST_CHECK_BAD] = "bad",
};

/* The kinds of a file's members in a word. */
static const char *find_format(unsigned kinds)
{
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
        if (kinds == 1U << i)
            return kind_names[i];
    return "mixed";
}

static const char *show_path(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

/* How many bytes of data a byte of the file stands for. */
static double find_ratio(const struct mapproc_member_summary *summary)
{
    return summary->compressed > 0 ? (double)summary->raw / (double)summary->compressed : 0;
}

/* ---- JSON ---- */

static bool print_member_json(const char *path, const struct mapproc_member *member)
{
    struct cli_json json;
    char crc[16];

    (void)snprintf(crc, sizeof(crc), "%08" PRIx32, member->crc);
    cli_json_begin(&json);
    cli_json_name(&json, "name", show_path(path));
    cli_json_unsigned(&json, "member", member->number);
    cli_json_text(&json, "format", kind_names[member->kind]);
    cli_json_boolean(&json, "end_mark", member->end_mark);
    cli_json_unsigned(&json, "offset", member->offset);
    cli_json_unsigned(&json, "compressed", member->size);
    cli_json_unsigned(&json, "raw_offset", member->raw_offset);
    cli_json_unsigned(&json, "size", member->raw_size);
    cli_json_text(&json, "crc32", crc);
    return cli_json_print(&json);
}

static bool print_file_json(const struct cli_list_file *file)
{
    const struct mapproc_member_summary *summary = &file->summary;
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", show_path(file->path));
    if (summary->whole) {
        cli_json_text(&json, "format", find_format(summary->kinds));
        cli_json_unsigned(&json, "members", summary->members);
        cli_json_unsigned(&json, "compressed", summary->compressed);
        cli_json_unsigned(&json, "size", summary->raw);
        cli_json_real(&json, "ratio", find_ratio(summary));
        cli_json_text(&json, "index", index_names[file->index]);
        cli_json_text(&json, "end_mark", end_names[summary->end]);
    }
    cli_json_text(&json, "crc", check_names[file->check]);
    if (file->error != NULL)
        cli_json_error(&json, file->error);
    return cli_json_print(&json);
}

/* ---- tables ---- */

static bool print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool print(const char *format, ...)
{
    char *text;
    va_list arguments;
    bool good;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        cli_output_fail(ENOMEM);
        return false;
    }
    good = cli_output_write(text, (size_t)length, false);
    free(text);
    return good;
}

/* The name as it is, or quoted if it would not print on one line. Freed by the caller; NULL
 * without memory. */
static char *make_printable(const char *name)
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

static bool print_head(const struct cli_list_output *output)
{
    return print("%9s %15s %15s %8s  %-6s  %-5s  %-8s  %s%s\n", "Members", "Compressed", "Raw",
                 "Ratio", "Format", "Index", "End mark", output->check ? "CRC      " : "", "Name");
}

static bool print_row(const struct cli_list_output *output,
                      const struct mapproc_member_summary *summary, const char *index,
                      const char *end, const char *check, const char *name)
{
    char column[16] = "";

    if (output->check)
        (void)snprintf(column, sizeof(column), "%-7s  ", check);
    return print("%9" PRIu64 " %15" PRIu64 " %15" PRIu64 " %8.3f  %-6s  %-5s  %-8s  %s%s\n",
                 summary->members, summary->compressed, summary->raw, find_ratio(summary),
                 find_format(summary->kinds), index, end, column, name);
}

bool cli_list_output_member(struct cli_list_output *output, const char *path,
                            const struct mapproc_member *member)
{
    if (!output->verbose)
        return true;
    if (output->json)
        return print_member_json(path, member);
    if (!output->in_file && !print("%9s %15s %15s %15s %15s  %-8s  %s\n", "Member", "Offset",
                                   "Compressed", "Raw offset", "Raw", "CRC-32", "Format"))
        return false;
    output->in_file = true;
    return print("%9" PRIu64 " %15" PRIu64 " %15" PRIu64 " %15" PRIu64 " %15" PRIu64 "  %08" PRIx32
                 "  %s%s\n",
                 member->number, member->offset, member->size, member->raw_offset, member->raw_size,
                 member->crc, kind_names[member->kind], member->end_mark ? " end mark" : "");
}

static void add_to_total(struct cli_list_output *output,
                         const struct mapproc_member_summary *summary)
{
    output->files++;
    output->total.members += summary->members;
    output->total.compressed += summary->compressed;
    output->total.raw += summary->raw;
    output->total.kinds |= summary->kinds;
}

bool cli_list_output_file(struct cli_list_output *output, const struct cli_list_file *file)
{
    bool good, members_shown = output->in_file;
    char *name;

    output->in_file = false;
    if (output->json)
        return print_file_json(file);
    if (!file->summary.whole)
        return true;
    if ((!output->begun || members_shown) && !print_head(output))
        return false;
    output->begun = true;
    add_to_total(output, &file->summary);
    name = make_printable(show_path(file->path));
    if (name == NULL) {
        cli_output_fail(ENOMEM);
        return false;
    }
    good = print_row(output, &file->summary, index_names[file->index], end_names[file->summary.end],
                     check_names[file->check], name);
    free(name);
    return good && (!members_shown || print("\n"));
}

bool cli_list_output_end(struct cli_list_output *output)
{
    char name[64];

    if (output->json || output->files < 2)
        return true;
    (void)snprintf(name, sizeof(name), "%" PRIu64 " files", output->files);
    return print_row(output, &output->total, "", "", "", name);
}
