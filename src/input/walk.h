/* SPDX-License-Identifier: MIT */
/* walk.h - the files of directory trees, one at a time, in an order that never changes. */
#ifndef MAPPROC_INPUT_WALK_H
#define MAPPROC_INPUT_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "input/path_entry.h"
#include "mapproc.h"

/* A struct of zeros walks everything. */
struct mapproc_walk_options {
    /*
     * Patterns of what to leave out, borrowed for the life of the walk. Each is tried, as by
     * fnmatch() without flags (so that * also matches '/' and a leading dot), on the name of an
     * entry and on its path below the root. One that ends in '/' is for directories alone.
     * A directory left out is not looked into. Roots are never left out.
     */
    const char *const *excludes;
    size_t exclude_count;

    /* Stay out of directories that are on another file system than their root. */
    bool one_file_system;
};

struct mapproc_walk;

/* Returns a new walk without roots, or NULL with *error filled if there is no memory. */
struct mapproc_walk *mapproc_walk_create(const struct mapproc_walk_options *options,
                                         struct mapproc_error *error);

/* NULL is allowed. What was delivered stays valid. */
void mapproc_walk_destroy(struct mapproc_walk *walk);

/*
 * Adds a root behind those that were added before; allowed at any time, also after the end was
 * reached. The path is copied.
 */
int mapproc_walk_add_root(struct mapproc_walk *walk, const char *path, struct mapproc_error *error);

/*
 * Delivers the next entry. Root after root; below a root in the order of `LC_ALL=C sort` over the
 * whole paths, which is that of the bytes of the names in each directory, where the name of a
 * directory counts as ending in '/'.
 *
 * A root that is a directory, or a symbolic link to one, is walked; its files are named as `find`
 * names them: the root as given, a '/' unless it ends in one, and the path below. Any other root
 * that exists is delivered as a file, whatever it is, and so is "-", which is standard input.
 * Below a root only regular files are files. Symbolic links are not followed there.
 *
 * What cannot be looked at (a root that is not there, a directory that cannot be read or has
 * vanished, a path beyond MAPPROC_PATH_LIMIT) is an entry of its own, and the walk goes on. Names
 * that come and go meanwhile are delivered or not; those that stay are delivered once.
 *
 * At most 20 descriptors are open at one time, however deep the tree. Memory is bounded by the
 * names in the directories between the root and here. One caller at a time.
 *
 * Returns MAPPROC_OK with *entry filled, or MAPPROC_FAILED if there is no memory; the walk is then
 * over.
 */
int mapproc_walk_next(struct mapproc_walk *walk, struct mapproc_entry *entry,
                      struct mapproc_error *error);

#endif
