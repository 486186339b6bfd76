/* SPDX-License-Identifier: MIT */
/* deflate_output.c - what becomes of one source: a compressed file, its index, a manifest. */
#include "jobs/deflate_output.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "format/gzip_member.h"
#include "input/source_removal.h"
#include "jobs/deflate_extras.h"
#include "output/directories.h"

/* ---- open ---- */

/* Opens one of the files that belong to the target, in its directory. */
static int open_file(const struct mapproc_deflate_output *output, const char *path,
                     struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    const struct mapproc_deflate_target *target = output->target;
    bool force = output->settings->force;
    int directory, result;

    if (target->root == NULL)
        return mapproc_atomic_file_open(file, path, force, error);
    result =
        mapproc_directories_make(target->root, target->relative, target->model, &directory, error);
    if (result != MAPPROC_OK)
        return result;
    result = mapproc_atomic_file_open_at(file, directory, path, force, error);
    (void)close(directory);
    return result;
}

static int refuse(const struct mapproc_deflate_output *output, const char *what,
                  struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, output->source->path, "%s", what);
}

/* Finds what must not be removed, even with its output in place. */
static int check_removable(const struct mapproc_deflate_output *output, struct mapproc_error *error)
{
    struct stat status;

    if (mapproc_atomic_file_is_direct(&output->file))
        return refuse(output, "will not be removed, as its output is no regular file", error);
    if (lstat(output->source->path, &status) == 0 && S_ISLNK(status.st_mode))
        return refuse(output, "will not be removed, as it is a symbolic link", error);
    if (!output->source->steady || fstat(output->source->fd, &status) != 0 ||
        !S_ISREG(status.st_mode))
        return refuse(output, "will not be removed, as it is no regular file", error);
    if (status.st_nlink > 1 && !output->settings->force)
        return refuse(output, "has other names, which would keep it: -f removes this one", error);
    return MAPPROC_OK;
}

/* Finds what would be in the way only when all the work is done. */
static int check_free(const struct mapproc_deflate_output *output, const char *path,
                      struct mapproc_error *error)
{
    struct stat status;

    if (path == NULL || output->settings->force || lstat(path, &status) != 0)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, EEXIST, path, "will not replace it");
}

static int check_file(const struct mapproc_deflate_output *output, struct mapproc_error *error)
{
    const struct mapproc_deflate_target *target = output->target;
    int result = check_free(output, target->index_path, error);

    if (result == MAPPROC_OK)
        result = check_free(output, target->manifest_path, error);
    if (result != MAPPROC_OK)
        return result;
    if (!output->settings->force && mapproc_atomic_file_is_terminal(&output->file))
        return refuse(output, "will not be written to a terminal without -f", error);
    if (output->settings->force &&
        mapproc_atomic_file_replaces(&output->file, output->source->path))
        return refuse(output, "would be replaced by its own output", error);
    return output->settings->remove ? check_removable(output, error) : MAPPROC_OK;
}

static int open_target(struct mapproc_deflate_output *output, const struct mapproc_options *options,
                       struct mapproc_error *error)
{
    int result;

    if (output->target->has_fd)
        return mapproc_atomic_file_open_fd(&output->file, output->target->fd, "output", error);
    if (output->target->path == NULL)
        return mapproc_atomic_file_open_stdout(&output->file, "stdout", error);
    result = open_file(output, output->target->path, &output->file, error);
    if (result != MAPPROC_OK)
        return result;
    result = check_file(output, error);
    if (result != MAPPROC_OK)
        mapproc_atomic_file_abort(&output->file);
    else if (output->source->steady)
        mapproc_atomic_file_keep_metadata(&output->file, output->source->fd, options->note,
                                          options->note_user);
    return result;
}

int mapproc_deflate_output_open(struct mapproc_deflate_output *output,
                                const struct mapproc_deflate_settings *settings,
                                const struct mapproc_options *options,
                                const struct mapproc_deflate_target *target,
                                const struct mapproc_source *source, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    *output = (struct mapproc_deflate_output){.settings = settings,
                                              .target = target,
                                              .source = source,
                                              .file = MAPPROC_ATOMIC_FILE_CLOSED};
    mapproc_gzi_init(&output->index);
    if (settings->digest)
        result = mapproc_raw_digest_start(&output->digest, source->size,
                                          mapproc_deflate_chunk_size(settings, options),
                                          target->manifest_path != NULL, error);
    if (result != MAPPROC_OK)
        return result;
    result = open_target(output, options, error);
    if (result != MAPPROC_OK)
        mapproc_raw_digest_free(&output->digest);
    return result;
}

/* ---- add ---- */

static bool is_bgzf(const struct mapproc_deflate_output *output)
{
    return output->settings->form == MAPPROC_FORM_BGZF;
}

/* Notes where the members of these bytes begin, which are about to be written. */
static int index_members(struct mapproc_deflate_output *output,
                         const struct mapproc_members *members, uint64_t offset,
                         struct mapproc_error *error)
{
    int result = MAPPROC_OK;
    size_t size;

    for (size_t at = 0; at < members->size && result == MAPPROC_OK; at += size) {
        size = is_bgzf(output) ? mapproc_members_bgzf_size(members->bytes + at) : members->size;
        result = mapproc_gzi_add(&output->index, output->compressed + at, offset, error);
        offset += MAPPROC_BGZF_DATA_MAX; /* only the last of them may have less */
    }
    return result;
}

int mapproc_deflate_output_add(struct mapproc_deflate_output *output,
                               const struct mapproc_members *members, uint64_t offset,
                               size_t length, const void *partial, struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    if (output->target->index_path != NULL)
        result = index_members(output, members, offset, error);
    if (result == MAPPROC_OK && partial != NULL)
        result = mapproc_raw_digest_fold(&output->digest, partial, offset, length, error);
    if (result == MAPPROC_OK)
        result = mapproc_atomic_file_write(&output->file, members->bytes, members->size, error);
    output->compressed += members->size;
    output->members +=
        is_bgzf(output) ? (length + MAPPROC_BGZF_DATA_MAX - 1) / MAPPROC_BGZF_DATA_MAX : 1;
    return result;
}

/* ---- finish ---- */

/* Writes the end mark and brings the file to its place. */
static int place(struct mapproc_deflate_output *output, struct mapproc_error *error)
{
    const uint8_t *mark = is_bgzf(output) ? mapproc_gzip_bgzf_end : mapproc_gzip_ours_end;
    size_t size = is_bgzf(output) ? sizeof(mapproc_gzip_bgzf_end) : sizeof(mapproc_gzip_ours_end);
    int result = mapproc_atomic_file_write(&output->file, mark, size, error);

    output->compressed += size;
    return result == MAPPROC_OK ? mapproc_atomic_file_commit(&output->file, error) : result;
}

/* Opens what goes beside the output. Digests of a source tell what is in it, so nobody may read
 * them who may not read that; what cannot be kept was told already. */
static int open_extra(const struct mapproc_deflate_output *output, const char *path,
                      struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    int result = open_file(output, path, file, error);

    if (result == MAPPROC_OK && output->source->steady)
        mapproc_atomic_file_keep_metadata(file, output->source->fd, NULL, NULL);
    return result;
}

static int write_index(const struct mapproc_deflate_output *output, struct mapproc_error *error)
{
    struct mapproc_atomic_file file = MAPPROC_ATOMIC_FILE_CLOSED;
    int result = open_extra(output, output->target->index_path, &file, error);

    return result == MAPPROC_OK ? mapproc_deflate_write_index(&output->index, &file, error)
                                : result;
}

static int write_manifest(const struct mapproc_deflate_output *output, uint64_t size,
                          struct mapproc_error *error)
{
    struct mapproc_atomic_file file = MAPPROC_ATOMIC_FILE_CLOSED;
    int result = open_extra(output, output->target->manifest_path, &file, error);

    return result == MAPPROC_OK
               ? mapproc_deflate_write_manifest(&output->digest, output->source, size,
                                                output->target->manifest_name, &file, error)
               : result;
}

int mapproc_deflate_output_finish(struct mapproc_deflate_output *output, uint64_t size,
                                  struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    if (output->settings->digest)
        result = mapproc_raw_digest_finish(&output->digest, size, error);
    if (result == MAPPROC_OK)
        result = place(output, error);
    if (result == MAPPROC_OK && output->target->index_path != NULL)
        result = write_index(output, error);
    if (result == MAPPROC_OK && output->target->manifest_path != NULL)
        result = write_manifest(output, size, error);
    if (result == MAPPROC_OK && output->settings->remove)
        result = mapproc_source_remove(output->source->path, &output->source->identity, error);
    return result;
}

void mapproc_deflate_output_close(struct mapproc_deflate_output *output)
{
    mapproc_atomic_file_abort(&output->file);
    mapproc_gzi_free(&output->index);
    mapproc_raw_digest_free(&output->digest);
}
