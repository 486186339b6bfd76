/* SPDX-License-Identifier: MIT */
/* long_path.h - open() and stat() for paths of any length. */
#ifndef MAPPROC_INPUT_LONG_PATH_H
#define MAPPROC_INPUT_LONG_PATH_H

#include <sys/stat.h>

/*
 * As open(path, flags) and stat(path, status), but paths that the kernel finds too long are taken
 * in pieces. `flags` must not have O_CREAT. They return -1 with errno set on failure. Thread-safe.
 */
int mapproc_long_path_open(const char *path, int flags);
int mapproc_long_path_stat(const char *path, struct stat *status);

#endif
