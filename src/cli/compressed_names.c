/* SPDX-License-Identifier: MIT */
/* compressed_names.c - files that need not be compressed, as their names tell. */
#include "cli/compressed_names.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const suffixes[] = {
    /* made by compressors, and what belongs to such files */
    ".gz",
    ".gzi",
    ".gz.manifest",
    ".tgz",
    ".taz",
    ".bgz",
    ".bgzf",
    ".mgz",
    ".svgz",
    ".z",
    ".zst",
    ".zstd",
    ".tzst",
    ".xz",
    ".txz",
    ".lzma",
    ".tlz",
    ".lz",
    ".lz4",
    ".lzo",
    ".bz2",
    ".tbz",
    ".tbz2",
    ".br",
    ".sz",
    /* archives and packages */
    ".zip",
    ".7z",
    ".rar",
    ".cab",
    ".jar",
    ".war",
    ".apk",
    ".whl",
    ".egg",
    ".crate",
    ".gem",
    ".nupkg",
    ".deb",
    ".rpm",
    ".snap",
    ".squashfs",
    ".dmg",
    /* documents that are archives */
    ".docx",
    ".xlsx",
    ".pptx",
    ".odt",
    ".ods",
    ".odp",
    ".epub",
    /* pictures, sound, films, fonts */
    ".jpg",
    ".jpeg",
    ".jxl",
    ".png",
    ".gif",
    ".webp",
    ".avif",
    ".heic",
    ".mp3",
    ".m4a",
    ".aac",
    ".ogg",
    ".oga",
    ".opus",
    ".flac",
    ".wma",
    ".mp4",
    ".m4v",
    ".mkv",
    ".webm",
    ".mov",
    ".avi",
    ".wmv",
    ".ogv",
    ".mpg",
    ".mpeg",
    ".woff",
    ".woff2",
    /* data */
    ".bam",
    ".cram",
    ".npz",
};

const char *cli_compressed_suffix(const char *path)
{
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t n = strlen(suffixes[i]);

        /* A name that is nothing but the suffix has none. */
        if (length > n && path[length - n - 1] != '/' &&
            strcasecmp(path + length - n, suffixes[i]) == 0)
            return suffixes[i];
    }
    return NULL;
}

bool cli_is_temporary_name(const char *path)
{
    static const char mark[] = ".mapproc-";
    const size_t mark_length = sizeof(mark) - 1, digits = 16;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);

    return name[0] == '.' && length > mark_length + digits &&
           strncmp(name + length - digits - mark_length, mark, mark_length) == 0 &&
           strspn(name + length - digits, "0123456789abcdef") == digits;
}
