/* SPDX-License-Identifier: MIT */
/* compressed_names.h - files that need not be compressed, as their names tell. */
#ifndef MAPPROC_CLI_COMPRESSED_NAMES_H
#define MAPPROC_CLI_COMPRESSED_NAMES_H

#include <stdbool.h>

/* The suffix by which a file is compressed already, such as ".jpg", in small letters; or NULL. */
const char *cli_compressed_suffix(const char *path);

/* Whether a file is, or was, an output of mapproc that was not complete. */
bool cli_is_temporary_name(const char *path);

#endif
