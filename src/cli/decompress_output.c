/* SPDX-License-Identifier: MIT */
/* decompress_output.c - what mapproc decompress says about each file. */
#include "cli/decompress_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/size_text.h"
#include "cli/json.h"
#include "cli/message.h"

/* A range that may have no end. */
static void add_range(struct cli_json *json, const char *begin_key, uint64_t begin,
                      const char *length_key, uint64_t length)
{
    cli_json_unsigned(json, begin_key, begin);
    if (length != 0)
        cli_json_unsigned(json, length_key, length);
    else
        cli_json_null(json, length_key);
}

static void add_faults(struct cli_json *json, const struct mapproc_inflate_outcome *outcome)
{
    cli_json_open_array(json, "bad_members");
    for (size_t i = 0; i < outcome->fault_count; i++) {
        const struct mapproc_inflate_fault *fault = &outcome->faults[i];

        cli_json_open_object(json, NULL);
        cli_json_unsigned(json, "member", fault->number);
        cli_json_text(json, "error", fault->reason);
        add_range(json, "offset", fault->offset, "length", fault->length);
        add_range(json, "raw_offset", fault->raw_offset, "raw_length", fault->raw_length);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static int print_json(const struct cli_decompress_output *output,
                      const struct mapproc_inflate_outcome *outcome, const char *target)
{
    const char *path = outcome->order->path;
    bool good = outcome->error == NULL;
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", strcmp(path, "-") == 0 ? "stdin" : path);
    if (output->test || (!good && !outcome->finished))
        cli_json_null(&json, "output");
    else
        cli_json_name(&json, "output", target != NULL ? target : "stdout");
    cli_json_unsigned(&json, "compressed", outcome->compressed);
    cli_json_unsigned(&json, "size", outcome->raw);
    cli_json_unsigned(&json, "members", outcome->members);
    cli_json_text(&json, "crc", good ? "good" : outcome->fault_count != 0 ? "bad" : "unknown");
    if (!good)
        cli_json_error(&json, outcome->error);
    if (outcome->fault_count != 0)
        add_faults(&json, outcome);
    if (outcome->faults_unlisted != 0)
        cli_json_unsigned(&json, "bad_members_unlisted", outcome->faults_unlisted);
    if (outcome->finished)
        cli_json_real(&json, "seconds", outcome->seconds);
    return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
}

static void print_line(const struct cli_decompress_output *output,
                       const struct mapproc_inflate_outcome *outcome, const char *target)
{
    char size[MAPPROC_SIZE_TEXT_MAX], compressed[MAPPROC_SIZE_TEXT_MAX];
    const char *name = target != NULL ? target : "stdout";
    size_t name_size = mapproc_quote_name(name, NULL, 0) + 1;
    size_t text_size = name_size + 128;
    char *quoted = malloc(name_size), *text = malloc(text_size);

    if (quoted != NULL && text != NULL) {
        (void)mapproc_quote_name(name, quoted, name_size);
        (void)snprintf(text, text_size, "%s -> %s, %" PRIu64 " %s, %s",
                       mapproc_size_format(outcome->compressed, compressed),
                       mapproc_size_format(outcome->raw, size), outcome->members,
                       outcome->members == 1 ? "member" : "members",
                       output->test ? "good" : quoted);
        cli_print_note(outcome->order->path, text);
    }
    free(quoted);
    free(text);
}

/* Where a file was kept going, all that is bad has a line. */
static void print_faults(const struct mapproc_inflate_outcome *outcome)
{
    char text[64];

    for (size_t i = 0; i < outcome->fault_count; i++) {
        struct mapproc_error error;

        mapproc_inflate_fault_describe(&outcome->faults[i], outcome->order->path, &error);
        cli_print_error(&error);
    }
    if (outcome->faults_unlisted == 0)
        return;
    (void)snprintf(text, sizeof(text), "and %" PRIu64 " more members are corrupt",
                   outcome->faults_unlisted);
    cli_print_note(outcome->order->path, text);
}

int cli_decompress_output_add(struct cli_decompress_output *output,
                              const struct mapproc_inflate_outcome *outcome, const char *target)
{
    if (outcome->error != NULL) {
        bool listed = outcome->order->keep_going && outcome->fault_count != 0;

        if (listed)
            print_faults(outcome);
        if (!listed || outcome->fault_count > 1 || !outcome->finished)
            cli_print_error(outcome->error);
    } else {
        output->files++;
        output->compressed += outcome->compressed;
        output->raw += outcome->raw;
    }
    if (output->json)
        return print_json(output, outcome, target);
    if (output->verbose && outcome->error == NULL)
        print_line(output, outcome, target);
    return MAPPROC_OK;
}

void cli_decompress_output_end(const struct cli_decompress_output *output, double seconds)
{
    char raw[MAPPROC_SIZE_TEXT_MAX], compressed[MAPPROC_SIZE_TEXT_MAX];
    char speed[MAPPROC_SIZE_TEXT_MAX], text[160];

    if (!output->verbose)
        return;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s, %s -> %s in %.3f s, %s/s", output->files,
                   output->files == 1 ? "file" : "files",
                   mapproc_size_format(output->compressed, compressed),
                   mapproc_size_format(output->raw, raw), seconds,
                   mapproc_size_format((uint64_t)((double)output->raw / (seconds + 1e-9)), speed));
    cli_print_note(NULL, text);
}
