/* SPDX-License-Identifier: MIT */
/* level_stack.h - the directories from the root of a walk down to where it is. */
#ifndef MAPPROC_INPUT_LEVEL_STACK_H
#define MAPPROC_INPUT_LEVEL_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "input/directory_names.h"

enum { MAPPROC_LEVEL_BUCKETS = 1024 }; /* a power of two */

/* A directory that the walk is in. */
struct mapproc_level {
    int fd; /* -1 while it is not open; the top is open unless it could not be reopened */
    dev_t device;
    ino_t inode;
    size_t same_bucket;   /* index of the next higher level in its bucket, or SIZE_MAX */
    size_t prefix_length; /* bytes of its path, with the '/' behind it */
    struct mapproc_directory_names names;
    size_t next; /* index of the name to be looked at next */
};

/* Only the deepest levels have their directory open. */
struct mapproc_level_stack {
    struct mapproc_level *levels; /* from the root down */
    size_t depth, capacity;
    size_t buckets[MAPPROC_LEVEL_BUCKETS]; /* index of the deepest level, by inode */
};

void mapproc_level_stack_init(struct mapproc_level_stack *stack);

/* Pops what is left. */
void mapproc_level_stack_destroy(struct mapproc_level_stack *stack);

/*
 * Adds the directory open as `fd`, which is taken over, with no names as yet. Returns it, valid
 * until the next push, or NULL if there is no memory.
 */
struct mapproc_level *mapproc_level_stack_push(struct mapproc_level_stack *stack, int fd,
                                               const struct stat *status, size_t prefix_length);

/* The deepest level, or NULL. */
struct mapproc_level *mapproc_level_stack_top(const struct mapproc_level_stack *stack);

/* Whether a directory is one of the levels. */
bool mapproc_level_stack_has(const struct mapproc_level_stack *stack, const struct stat *status);

/*
 * Takes the top away, and opens the new top's directory if it was closed: as ".." of the old one,
 * or else by its path, which `path` begins with. False with errno set if it cannot be found.
 */
bool mapproc_level_stack_pop(struct mapproc_level_stack *stack, char *path);

#endif
