/* SPDX-License-Identifier: MIT */
/* manifest.c - writing manifests: checklists that also tell the digests of each file's pieces. */
#include "format/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "format/checklist.h"
#include "format/text_digest.h"

/* Bytes of the longest comment line; one of a single digest is always shorter. */
enum { LINE_ROOM = 4096 };

uint64_t mapproc_manifest_piece_size(uint64_t file_size, uint64_t chunk_size)
{
    static const uint64_t largest = UINT64_C(1) << 63;
    uint64_t size = MAPPROC_MANIFEST_PIECE_MIN;

    while (size < largest && (size < chunk_size ||
                              (file_size > 0 && (file_size - 1) / size >= MAPPROC_PIECES_WANTED)))
        size *= 2;
    return size;
}

/* Sends whole lines to where they go and into the digest of the end. */
static int put(struct mapproc_manifest_writer *writer, const char *text, size_t length,
               struct mapproc_error *error)
{
    mapproc_text_digest_add(writer->digest, text, length);
    return writer->sink.write(writer->sink.user, text, length, error);
}

static int put_head(struct mapproc_manifest_writer *writer, uint64_t piece_size,
                    struct mapproc_error *error)
{
    char text[LINE_ROOM];
    size_t length = (size_t)snprintf(text, sizeof(text), MAPPROC_MANIFEST_MARK "manifest %d ",
                                     MAPPROC_MANIFEST_VERSION);

    /* Names of algorithms are short: eight of them do not fill a line. */
    for (size_t i = 0; i < writer->digest_count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.32s",
                                   i == 0 ? "digests=" : ",", writer->digests[i]->name);
    if (writer->piece_digest != NULL)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   " pieces=%.32s piece-size=", writer->piece_digest->name);
    if (writer->piece_digest != NULL && piece_size == 0)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "auto");
    else if (writer->piece_digest != NULL)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%" PRIu64, piece_size);
    text[length++] = '\n';
    return put(writer, text, length, error);
}

int mapproc_manifest_open(struct mapproc_manifest_writer *writer,
                          const struct mapproc_manifest_options *options,
                          const struct mapproc_text_sink *sink, struct mapproc_error *error)
{
    int code;

    if (options->digest_count == 0 || options->digest_count > MAPPROC_MANIFEST_DIGESTS_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "a manifest has from 1 to %d digests of a file",
                                 MAPPROC_MANIFEST_DIGESTS_MAX);
    *writer = (struct mapproc_manifest_writer){
        .sink = *sink,
        .digest_count = options->digest_count,
        .piece_digest = options->piece_digest,
        .bsd_form = options->bsd_form || options->digest_count > 1,
    };
    memcpy(writer->digests, options->digests, options->digest_count * sizeof(writer->digests[0]));
    writer->digest = mapproc_text_digest_create();
    if (writer->digest == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot write a manifest");
    code = put_head(writer, options->piece_size, error);
    if (code != MAPPROC_OK)
        mapproc_manifest_free(writer);
    return code;
}

/* The file's piece digests, as far as they say more than its digest lines do; NULL: not at all. */
static const struct mapproc_piece_list *
pieces_to_write(const struct mapproc_manifest_writer *writer,
                const struct mapproc_manifest_file *file)
{
    if (file->pieces == NULL || file->pieces->count == 0)
        return NULL;
    for (size_t i = 0; i < writer->digest_count && file->pieces->count == 1; i++)
        if (writer->digests[i] == writer->piece_digest)
            return NULL;
    return file->pieces;
}

static int check_file(const struct mapproc_manifest_writer *writer,
                      const struct mapproc_manifest_file *file, struct mapproc_error *error)
{
    const struct mapproc_piece_list *pieces = file->pieces;

    if (file->name[0] == '\0' || strlen(file->name) > MAPPROC_MANIFEST_NAME_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, file->name,
                                 "a manifest cannot hold a name that is empty or over %d bytes",
                                 MAPPROC_MANIFEST_NAME_MAX);
    if (pieces != NULL && pieces->count > 0 &&
        (writer->piece_digest == NULL || pieces->digest_size != writer->piece_digest->size ||
         pieces->end != file->size))
        return mapproc_error_set(error, MAPPROC_REFUSED, EINVAL, file->name,
                                 "the piece digests do not fit the file");
    return MAPPROC_OK;
}

static int put_file(struct mapproc_manifest_writer *writer,
                    const struct mapproc_manifest_file *file,
                    const struct mapproc_piece_list *pieces, struct mapproc_error *error)
{
    char text[LINE_ROOM];
    size_t length = (size_t)snprintf(text, sizeof(text), MAPPROC_MANIFEST_MARK "file size=%" PRIu64,
                                     file->size);

    if (file->has_mtime)
        length += (size_t)snprintf(text + length, sizeof(text) - length, " mtime=%jd.%09ld",
                                   (intmax_t)file->mtime.tv_sec, file->mtime.tv_nsec);
    if (pieces != NULL)
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, " pieces=%zu", pieces->count);
    text[length++] = '\n';
    return put(writer, text, length, error);
}

/* Writes as many digests, from number *index on, as are of one length and fit a line. */
static int put_some_pieces(struct mapproc_manifest_writer *writer,
                           const struct mapproc_piece_list *pieces, size_t *index,
                           struct mapproc_error *error)
{
    const struct mapproc_piece *first = &pieces->pieces[*index];
    const size_t step = 1 + 2 * pieces->digest_size;
    char text[LINE_ROOM];
    char *end =
        text + snprintf(text, sizeof(text), MAPPROC_MANIFEST_MARK "pieces %" PRIu64 " %" PRIu64,
                        first->offset, first->length);

    do {
        *end++ = ' ';
        end = mapproc_hex_format(mapproc_piece_digest(pieces, *index), pieces->digest_size, end);
        ++*index;
    } while (*index < pieces->count && pieces->pieces[*index].length == first->length &&
             (size_t)(end - text) + step + 1 < sizeof(text));
    *end++ = '\n';
    return put(writer, text, (size_t)(end - text), error);
}

static int put_digest(struct mapproc_manifest_writer *writer, const char *name,
                      const struct mapproc_digest *algorithm, const uint8_t *digest,
                      struct mapproc_error *error)
{
    const struct mapproc_checklist_entry entry = {
        .name = name,
        .tag = algorithm->tag,
        .digest = digest,
        .digest_size = algorithm->size,
        .bsd_form = writer->bsd_form || algorithm->always_tagged,
    };
    size_t length;
    char *line = mapproc_checklist_line(&entry, &length);
    int code;

    if (line == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, name, "cannot write a digest line");
    code = put(writer, line, length, error);
    free(line);
    return code;
}

int mapproc_manifest_add(struct mapproc_manifest_writer *writer,
                         const struct mapproc_manifest_file *file, struct mapproc_error *error)
{
    const struct mapproc_piece_list *pieces = pieces_to_write(writer, file);
    int code = check_file(writer, file, error);

    if (code == MAPPROC_OK)
        code = put_file(writer, file, pieces, error);
    for (size_t i = 0; pieces != NULL && i < pieces->count && code == MAPPROC_OK;)
        code = put_some_pieces(writer, pieces, &i, error);
    for (size_t i = 0; i < writer->digest_count && code == MAPPROC_OK; i++)
        code = put_digest(writer, file->name, writer->digests[i], file->digests[i], error);
    return code;
}

int mapproc_manifest_end(struct mapproc_manifest_writer *writer, struct mapproc_error *error)
{
    static const char start[] = MAPPROC_MANIFEST_MARK "end xxh128=";
    char text[sizeof(start) + 2 * MAPPROC_TEXT_DIGEST_SIZE];
    uint8_t digest[MAPPROC_TEXT_DIGEST_SIZE];
    char *end = text + strlen(start);

    memcpy(text, start, strlen(start));
    mapproc_text_digest_finish(writer->digest, digest);
    end = mapproc_hex_format(digest, sizeof(digest), end);
    *end++ = '\n';
    return writer->sink.write(writer->sink.user, text, (size_t)(end - text), error);
}

void mapproc_manifest_free(struct mapproc_manifest_writer *writer)
{
    mapproc_text_digest_free(writer->digest);
    writer->digest = NULL;
}
