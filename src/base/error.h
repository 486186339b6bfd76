/* SPDX-License-Identifier: MIT */
/* error.h - filling a struct mapproc_error: the only way anything in the core reports failure. */
#ifndef MAPPROC_BASE_ERROR_H
#define MAPPROC_BASE_ERROR_H

#include "mapproc.h"

/*
 * Fills *error (which may be NULL) and returns `code`, so that a failing function can end with
 * `return mapproc_error_set(...)`. `system_error` is an errno value or 0; `path` is borrowed.
 * The text is one clause, cut to fit.
 */
int mapproc_error_set(struct mapproc_error *error, int code, int system_error, const char *path,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds the byte range an error is about. Does nothing if `error` is NULL. */
void mapproc_error_set_range(struct mapproc_error *error, uint64_t offset, uint64_t length);

/*
 * The code for a failed call on a path: a name that leads nowhere (ENOENT, ENOTDIR) is
 * MAPPROC_BAD_DATA, because the data is missing; everything else is MAPPROC_FAILED.
 */
int mapproc_error_code_from_errno(int system_error);

#endif
