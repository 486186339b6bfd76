/* SPDX-License-Identifier: MIT */
/* directories.h - the directories that output goes to when a tree is mirrored. */
#ifndef MAPPROC_OUTPUT_DIRECTORIES_H
#define MAPPROC_OUTPUT_DIRECTORIES_H

#include "mapproc.h"

/*
 * Opens the directory `relative` below `root`, creating what is missing of it, and `root` itself
 * (but not what that is in). `relative` may be empty, has no ".." and does not begin with '/'. No
 * symbolic link below `root` is followed.
 *
 * A directory made here gets the permissions of the one of the same name below `model`, and where
 * there is none (or `model` is NULL) 0777; always less the umask, and always so that its owner can
 * write to it. Somebody else may create the same at the same time.
 *
 * *directory gets a descriptor, for mapproc_atomic_file_open_at(), which the caller closes.
 * MAPPROC_REFUSED: `relative` leads out, or what is there is no directory; MAPPROC_FAILED: anything
 * else. error->path is `root`, or `relative` if it is about something below. Thread-safe.
 */
int mapproc_directories_make(const char *root, const char *relative, const char *model,
                             int *directory, struct mapproc_error *error);

#endif
