/* SPDX-License-Identifier: MIT */
/* compress_output.c - what mapproc compress says about each file. */
#include "cli/compress_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/quote.h"
#include "base/size_text.h"
#include "cli/json.h"
#include "cli/message.h"

/* What the output is to the input; 1 of nothing. */
static double ratio(uint64_t compressed, uint64_t size)
{
    return size > 0 ? (double)compressed / (double)size : 1;
}

static const char *shown_input(const struct mapproc_deflate_result *result)
{
    return strcmp(result->order->path, "-") == 0 ? "stdin" : result->order->path;
}

static const char *shown_output(const struct mapproc_deflate_result *result)
{
    const char *path = result->order->target.path;

    return path != NULL ? path : "stdout";
}

static double rate(const struct mapproc_deflate_result *result)
{
    return (double)result->size / (result->seconds > 0 ? result->seconds : 1e-9);
}

/* How it was made; nothing is said of a codec that was not needed. */
static void add_codec(struct cli_json *json, const struct mapproc_deflate_settings *settings)
{
    int level;
    const struct mapproc_codec *codec = mapproc_deflate_codec(settings, &level);

    cli_json_text(json, "format", settings->form == MAPPROC_FORM_BGZF ? "bgzf" : "gzip");
    cli_json_unsigned(json, "level", (uint64_t)settings->level);
    cli_json_text(json, "codec", codec != NULL ? codec->name : NULL);
    cli_json_text(json, "codec_version", codec != NULL ? codec->version() : NULL);
}

static int print_json(const struct cli_compress_output *output,
                      const struct mapproc_deflate_result *result)
{
    const struct mapproc_digest *digest = mapproc_deflate_digest();
    char text[2 * MAPPROC_DIGEST_MAX + 1];
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", shown_input(result));
    if (result->error == NULL || result->order->target.path != NULL)
        cli_json_name(&json, "output", shown_output(result));
    cli_json_unsigned(&json, "size", result->size);
    if (result->error != NULL) {
        cli_json_error(&json, result->error);
        return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
    }
    cli_json_unsigned(&json, "compressed", result->compressed);
    cli_json_real(&json, "ratio", ratio(result->compressed, result->size));
    cli_json_unsigned(&json, "members", result->members);
    add_codec(&json, output->settings);
    cli_json_open_object(&json, "digests");
    *mapproc_hex_format(result->digest, digest->size, text) = '\0';
    cli_json_text(&json, digest->name, text);
    cli_json_close(&json);
    cli_json_real(&json, "seconds", result->seconds);
    cli_json_real(&json, "bytes_per_second", rate(result));
    return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
}

static void print_line(const struct mapproc_deflate_result *result)
{
    char size[MAPPROC_SIZE_TEXT_MAX], compressed[MAPPROC_SIZE_TEXT_MAX];
    const char *name = shown_output(result);
    size_t name_size = mapproc_quote_name(name, NULL, 0) + 1;
    size_t text_size = name_size + 128;
    char *quoted = malloc(name_size), *text = malloc(text_size);

    if (quoted != NULL && text != NULL) {
        (void)mapproc_quote_name(name, quoted, name_size);
        (void)snprintf(text, text_size, "%s -> %s (%.1f %%), %s",
                       mapproc_size_format(result->size, size),
                       mapproc_size_format(result->compressed, compressed),
                       100 * ratio(result->compressed, result->size), quoted);
        cli_print_note(result->order->path, text);
    }
    free(quoted);
    free(text);
}

int cli_compress_output_add(struct cli_compress_output *output,
                            const struct mapproc_deflate_result *result)
{
    if (result->error != NULL) {
        cli_print_error(result->error);
    } else {
        output->files++;
        output->bytes += result->size;
        output->compressed += result->compressed;
    }
    if (output->json)
        return print_json(output, result);
    if (output->verbose && result->error == NULL)
        print_line(result);
    return MAPPROC_OK;
}

void cli_compress_output_end(const struct cli_compress_output *output, double seconds)
{
    char size[MAPPROC_SIZE_TEXT_MAX], compressed[MAPPROC_SIZE_TEXT_MAX];
    char speed[MAPPROC_SIZE_TEXT_MAX], text[160];

    if (!output->verbose)
        return;
    (void)snprintf(
        text, sizeof(text), "%" PRIu64 " %s, %s -> %s (%.1f %%) in %.3f s, %s/s", output->files,
        output->files == 1 ? "file" : "files", mapproc_size_format(output->bytes, size),
        mapproc_size_format(output->compressed, compressed),
        100 * ratio(output->compressed, output->bytes), seconds,
        mapproc_size_format((uint64_t)((double)output->bytes / (seconds + 1e-9)), speed));
    cli_print_note(NULL, text);
}
