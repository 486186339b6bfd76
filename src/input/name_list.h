/* SPDX-License-Identifier: MIT */
/* name_list.h - the names in a file, one at a time: what --files-from reads. */
#ifndef MAPPROC_INPUT_NAME_LIST_H
#define MAPPROC_INPUT_NAME_LIST_H

#include "input/path_entry.h"
#include "mapproc.h"

struct mapproc_name_list;

/*
 * Opens the list at `path`, which is borrowed until the list is closed; "-" is standard input.
 * Each name ends with the byte `separator`, '\n' or '\0', the last one perhaps with the file.
 * `wake_fd` is a descriptor that becomes readable when waiting for a pipe shall end, or -1.
 *
 * Returns NULL with *error filled if it cannot be opened or there is no memory.
 */
struct mapproc_name_list *mapproc_name_list_open(const char *path, char separator, int wake_fd,
                                                 struct mapproc_error *error);

/* NULL is allowed. What was delivered stays valid. */
void mapproc_name_list_close(struct mapproc_name_list *list);

/*
 * Delivers the next name as a MAPPROC_ENTRY_FILE, unchecked. A name that can be none (empty, longer
 * than MAPPROC_PATH_LIMIT, with a NUL byte where lines are read, or "-" where the list itself is
 * standard input) is a MAPPROC_ENTRY_ERROR: its path is that of the list, its text says which line.
 *
 * Holds one name and 64 KiB in memory. Delivers each name as soon as it has come. One caller at a
 * time.
 *
 * Returns MAPPROC_OK with *entry filled; or MAPPROC_FAILED (the list cannot be read, or there is no
 * memory) or MAPPROC_CANCELLED, after which there are no more names.
 */
int mapproc_name_list_next(struct mapproc_name_list *list, struct mapproc_entry *entry,
                           struct mapproc_error *error);

#endif
