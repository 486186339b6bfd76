/* SPDX-License-Identifier: MIT */
/* level_stack.c - the directories from the root of a walk down to where it is. */
#include "input/level_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "input/long_path.h"

enum { OPEN_LEVELS = 16, FIRST_CAPACITY = 32 };

#define NO_LEVEL SIZE_MAX

static size_t bucket_number(ino_t inode)
{
    return (inode ^ (inode >> 10)) & (MAPPROC_LEVEL_BUCKETS - 1);
}

static void close_level(struct mapproc_level *level)
{
    if (level->fd >= 0)
        (void)close(level->fd); /* opened for reading: there is nothing left to fail */
    level->fd = -1;
}

void mapproc_level_stack_init(struct mapproc_level_stack *stack)
{
    *stack = (struct mapproc_level_stack){0};
    for (size_t i = 0; i < MAPPROC_LEVEL_BUCKETS; i++)
        stack->buckets[i] = NO_LEVEL;
}

void mapproc_level_stack_destroy(struct mapproc_level_stack *stack)
{
    for (size_t i = 0; i < stack->depth; i++) {
        close_level(&stack->levels[i]);
        mapproc_directory_names_free(&stack->levels[i].names);
    }
    free(stack->levels);
}

struct mapproc_level *mapproc_level_stack_push(struct mapproc_level_stack *stack, int fd,
                                               const struct stat *status, size_t prefix_length)
{
    size_t *bucket = &stack->buckets[bucket_number(status->st_ino)];

    if (stack->depth == stack->capacity) {
        size_t capacity = stack->capacity > 0 ? 2 * stack->capacity : FIRST_CAPACITY;
        struct mapproc_level *larger = reallocarray(stack->levels, capacity, sizeof(*larger));

        if (larger == NULL) {
            (void)close(fd);
            return NULL;
        }
        stack->levels = larger;
        stack->capacity = capacity;
    }
    if (stack->depth >= OPEN_LEVELS)
        close_level(&stack->levels[stack->depth - OPEN_LEVELS]);
    stack->levels[stack->depth] = (struct mapproc_level){
        .fd = fd,
        .device = status->st_dev,
        .inode = status->st_ino,
        .same_bucket = *bucket,
        .prefix_length = prefix_length,
    };
    *bucket = stack->depth;
    return &stack->levels[stack->depth++];
}

struct mapproc_level *mapproc_level_stack_top(const struct mapproc_level_stack *stack)
{
    return stack->depth > 0 ? &stack->levels[stack->depth - 1] : NULL;
}

static bool is_directory_of(const struct mapproc_level *level, const struct stat *status)
{
    return level->inode == status->st_ino && level->device == status->st_dev;
}

bool mapproc_level_stack_has(const struct mapproc_level_stack *stack, const struct stat *status)
{
    size_t i = stack->buckets[bucket_number(status->st_ino)];

    while (i != NO_LEVEL && !is_directory_of(&stack->levels[i], status))
        i = stack->levels[i].same_bucket;
    return i != NO_LEVEL;
}

/* Takes over `fd`, which may be -1, if it is the directory of the level. */
static bool adopt(struct mapproc_level *level, int fd)
{
    struct stat status;

    if (fd < 0)
        return false;
    if (fstat(fd, &status) != 0 || !is_directory_of(level, &status)) {
        (void)close(fd);
        errno = ESTALE;
        return false;
    }
    level->fd = fd;
    return true;
}

static bool reopen(struct mapproc_level *level, int below, char *path)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;

    if (below >= 0 && adopt(level, openat(below, "..", flags)))
        return true;
    path[level->prefix_length] = '\0';
    return adopt(level, mapproc_long_path_open(path, flags));
}

bool mapproc_level_stack_pop(struct mapproc_level_stack *stack, char *path)
{
    struct mapproc_level *old = &stack->levels[--stack->depth];
    struct mapproc_level *top = mapproc_level_stack_top(stack);
    bool found = true;

    /* It is the first of its bucket, being the last that was pushed. */
    stack->buckets[bucket_number(old->inode)] = old->same_bucket;
    mapproc_directory_names_free(&old->names);
    if (top != NULL && top->fd < 0)
        found = reopen(top, old->fd, path);
    if (old->fd >= 0) {
        int system_error = errno;

        (void)close(old->fd);
        errno = system_error;
    }
    return found;
}
