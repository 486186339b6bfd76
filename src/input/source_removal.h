/* SPDX-License-Identifier: MIT */
/* source_removal.h - removing an input after its output is safe. */
#ifndef MAPPROC_INPUT_SOURCE_REMOVAL_H
#define MAPPROC_INPUT_SOURCE_REMOVAL_H

#include "input/source.h"

/*
 * Removes the name `path` if it is still that of the file with this identity, unchanged, and makes
 * the removal durable. `path` itself must be the file: a symbolic link to it is not removed.
 *
 * MAPPROC_BAD_DATA: it is another file by now, has changed, or is gone; MAPPROC_REFUSED: it is a
 * symbolic link, or not a regular file; MAPPROC_FAILED: it cannot be removed. Nothing is removed
 * then, unless the error says that it may come back after a crash. Thread-safe.
 */
int mapproc_source_remove(const char *path, const struct mapproc_identity *identity,
                          struct mapproc_error *error);

#endif
