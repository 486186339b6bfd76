/* SPDX-License-Identifier: MIT */
/* checksum_output.c - results of mapproc checksum, in each of the forms that they can have. */
#include "cli/checksum_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/quote.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/output.h"
#include "format/checklist.h"

enum { FLUSH_SIZE = 1 << 20 }; /* bytes: results that took so long to get are not kept waiting */

/* What a list calls a source. */
static const char *shown_name(const struct mapproc_digest_result *result)
{
    return strcmp(result->order->path, "-") == 0 ? "stdin" : result->order->path;
}

static int write_manifest_text(void *user, const char *text, size_t length,
                               struct mapproc_error *error)
{
    (void)user;
    (void)error;
    return cli_output_write(text, length, false) ? MAPPROC_OK : MAPPROC_FAILED;
}

int cli_checksum_output_begin(struct cli_checksum_output *output,
                              const struct mapproc_digest *const *digests, size_t digest_count)
{
    const struct mapproc_manifest_options options = {
        .digests = digests,
        .digest_count = digest_count,
        .piece_digest = mapproc_piece_algorithm(),
        .piece_size = output->piece_size != MAPPROC_PIECE_SIZE_AUTO ? output->piece_size : 0,
        .bsd_form = output->tag,
    };
    const struct mapproc_text_sink sink = {.write = write_manifest_text};
    struct mapproc_error error = {.code = MAPPROC_OK};

    output->digests = digests;
    output->digest_count = digest_count;
    output->to_terminal = cli_output_is_terminal();
    if (!output->manifest ||
        mapproc_manifest_open(&output->writer, &options, &sink, &error) == MAPPROC_OK)
        return CLI_OK;
    if (error.what[0] != '\0') /* else the output failed, and that is told at the end */
        cli_print_error(&error);
    return cli_status_from_code(error.code != MAPPROC_OK ? error.code : MAPPROC_FAILED);
}

/* ---- lines ---- */

/* A name that a terminal could take for commands, as a shell would want it; else NULL. In memory
 * that the caller frees. */
static char *quote_for_terminal(const char *name)
{
    size_t size = mapproc_quote_name(name, NULL, 0) + 1;
    char *quoted = malloc(size);

    if (quoted == NULL)
        return NULL;
    (void)mapproc_quote_name(name, quoted, size);
    if (strstr(quoted, "$'") != NULL)
        return quoted;
    free(quoted);
    return NULL;
}

static int write_lines(const struct cli_checksum_output *output,
                       const struct mapproc_digest_result *result)
{
    const char *name = shown_name(result);
    char *quoted = output->to_terminal ? quote_for_terminal(name) : NULL;
    bool written = true;

    for (size_t i = 0; i < output->digest_count && written; i++) {
        const struct mapproc_digest *digest = output->digests[i];
        const struct mapproc_checklist_entry entry = {
            .name = quoted != NULL ? quoted : name,
            .tag = digest->tag,
            .digest = result->digests[i],
            .digest_size = digest->size,
            /* Lines of several algorithms would be taken for one another. */
            .bsd_form = output->tag || output->digest_count > 1 || digest->always_tagged,
            .nul_ended = output->nul_ended,
        };
        size_t length;
        char *line = mapproc_checklist_line(&entry, &length);

        if (line == NULL)
            cli_output_fail(ENOMEM);
        written = line != NULL && cli_output_write(line, length, result->size >= FLUSH_SIZE);
        free(line);
    }
    free(quoted);
    return written ? MAPPROC_OK : MAPPROC_FAILED;
}

/* ---- JSON ---- */

static int write_json(const struct cli_checksum_output *output,
                      const struct mapproc_digest_result *result)
{
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_name(&json, "name", shown_name(result));
    cli_json_unsigned(&json, "size", result->size);
    if (result->error != NULL) {
        cli_json_error(&json, result->error);
    } else {
        cli_json_open_object(&json, "digests");
        for (size_t i = 0; i < output->digest_count; i++) {
            char text[2 * MAPPROC_DIGEST_MAX + 1];

            *mapproc_hex_format(result->digests[i], output->digests[i]->size, text) = '\0';
            cli_json_text(&json, output->digests[i]->name, text);
        }
        cli_json_close(&json);
        cli_json_real(&json, "bytes_per_second",
                      (double)result->size / (result->seconds > 0 ? result->seconds : 1e-9));
    }
    return cli_json_print(&json) ? MAPPROC_OK : MAPPROC_FAILED;
}

/* ---- manifests ---- */

static int write_block(struct cli_checksum_output *output,
                       const struct mapproc_digest_result *result)
{
    const uint8_t *digests[MAPPROC_RUN_DIGESTS_MAX];
    char *quoted = output->to_terminal ? quote_for_terminal(shown_name(result)) : NULL;
    const struct mapproc_manifest_file file = {
        .name = quoted != NULL ? quoted : shown_name(result),
        .size = result->size,
        .has_mtime = result->has_mtime,
        .mtime = result->mtime,
        .digests = digests,
        .pieces = result->pieces,
    };
    struct mapproc_error error = {.code = MAPPROC_OK};
    int answer;

    for (size_t i = 0; i < output->digest_count; i++)
        digests[i] = result->digests[i];
    answer = mapproc_manifest_add(&output->writer, &file, &error);
    free(quoted);
    if (answer != MAPPROC_OK && error.what[0] != '\0') {
        error.path = result->order->path;
        cli_print_error(&error);
    }
    /* Hours of work are not kept waiting. */
    return answer == MAPPROC_OK && !cli_output_write("", 0, result->size >= FLUSH_SIZE)
               ? MAPPROC_FAILED
               : answer;
}

int cli_checksum_output_add(struct cli_checksum_output *output,
                            const struct mapproc_digest_result *result)
{
    if (output->json)
        return write_json(output, result);
    if (result->error != NULL)
        return MAPPROC_OK;
    return output->manifest ? write_block(output, result) : write_lines(output, result);
}

void cli_checksum_output_end(struct cli_checksum_output *output, bool complete)
{
    if (!output->manifest)
        return;
    if (complete)
        (void)mapproc_manifest_end(&output->writer, NULL); /* a failure is that of the output */
    mapproc_manifest_free(&output->writer);
}
