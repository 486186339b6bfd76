/* SPDX-License-Identifier: MIT */
/* text_file.h - reading the small files in which a kernel tells about itself. */
#ifndef MAPPROC_BASE_TEXT_FILE_H
#define MAPPROC_BASE_TEXT_FILE_H

#include <stddef.h>

/*
 * Reads a file of text, whatever its size is said to be, into memory that the caller frees. What
 * is beyond `most` bytes is left out. The text ends at its first NUL byte. Never waits for a
 * writer. Returns NULL with errno set.
 */
char *mapproc_text_file_read(const char *path, size_t most);

#endif
