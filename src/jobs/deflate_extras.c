/* SPDX-License-Identifier: MIT */
/* deflate_extras.c - what goes beside a compressed file: its index, and a manifest of its source.
 */
#include "jobs/deflate_extras.h"

#include "format/manifest.h"

static int write_text(void *user, const char *text, size_t length, struct mapproc_error *error)
{
    return mapproc_atomic_file_write(user, text, length, error);
}

/* Puts the file in place if all was well, else removes it. */
static int finish(struct mapproc_atomic_file *file, int result, struct mapproc_error *error)
{
    if (result == MAPPROC_OK)
        return mapproc_atomic_file_commit(file, error);
    if (error->path == NULL)
        error->path = file->path;
    mapproc_atomic_file_abort(file);
    return result;
}

int mapproc_deflate_write_index(const struct mapproc_gzi_index *index,
                                struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    const struct mapproc_text_sink sink = {.write = write_text, .user = file};

    return finish(file, mapproc_gzi_write(index, &sink, error), error);
}

/* With the writer open. */
static int write_block(struct mapproc_manifest_writer *writer,
                       const struct mapproc_manifest_file *file, struct mapproc_error *error)
{
    int result = mapproc_manifest_add(writer, file, error);

    if (result == MAPPROC_OK)
        result = mapproc_manifest_end(writer, error);
    mapproc_manifest_free(writer);
    return result;
}

int mapproc_deflate_write_manifest(const struct mapproc_raw_digest *digest,
                                   const struct mapproc_source *source, uint64_t size,
                                   const char *name, struct mapproc_atomic_file *file,
                                   struct mapproc_error *error)
{
    const struct mapproc_digest *algorithm = mapproc_raw_digest_algorithm();
    const uint8_t *value = digest->value;
    const struct mapproc_manifest_options options = {
        .digests = &algorithm,
        .digest_count = 1,
        .piece_digest = digest->piece_size != 0 ? algorithm : NULL,
        .piece_size = digest->piece_size,
    };
    const struct mapproc_manifest_file block = {
        .name = name,
        .size = size,
        .has_mtime = source->steady,
        .mtime = source->identity.modified,
        .digests = &value,
        .pieces = &digest->pieces,
    };
    const struct mapproc_text_sink sink = {.write = write_text, .user = file};
    struct mapproc_manifest_writer writer;
    int result = mapproc_manifest_open(&writer, &options, &sink, error);

    if (result == MAPPROC_OK)
        result = write_block(&writer, &block, error);
    return finish(file, result, error);
}
