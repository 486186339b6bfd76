/* SPDX-License-Identifier: MIT */
/* heap.c - the process's allocator, and a part of it for each NUMA node. */
#include "memory/heap.h"

#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdio.h>

/* jemalloc's own interface (jemalloc(3)), where the process runs on it; else these are NULL. */
extern int mallctl(const char *name, void *old_value, size_t *old_size, void *new_value,
                   size_t new_size) __attribute__((weak, visibility("default")));
extern void malloc_stats_print(void (*write)(void *argument, const char *text), void *argument,
                               const char *options) __attribute__((weak, visibility("default")));

enum { NODES_MAX = 1024 }; /* node numbers that get an arena: all that Linux can be built for */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned arenas[NODES_MAX]; /* jemalloc's number of each node's arena, or 0: not made yet */

/* The number of the node's arena; 0, the arena of everybody, if it cannot be had. */
static unsigned find_arena(int number)
{
    unsigned arena;
    size_t size = sizeof(arena);

    (void)pthread_mutex_lock(&lock);
    if (arenas[number] == 0 && mallctl("arenas.create", &arena, &size, NULL, 0) == 0)
        arenas[number] = arena;
    arena = arenas[number];
    (void)pthread_mutex_unlock(&lock);
    return arena;
}

bool mapproc_heap_enter_node(int number)
{
    unsigned arena;

    if (mallctl == NULL || number < 0 || number >= NODES_MAX)
        return false;
    arena = find_arena(number);
    return arena != 0 && mallctl("thread.arena", NULL, NULL, &arena, sizeof(arena)) == 0;
}

void mapproc_heap_describe(char *text, size_t size)
{
    const char *version = NULL;
    size_t version_size = sizeof(version);
    int length = 0;

    if (mallctl == NULL || mallctl("version", &version, &version_size, NULL, 0) != 0) {
        (void)snprintf(text, size, "glibc %s", gnu_get_libc_version());
        return;
    }
    while (version[length] != '\0' && version[length] != '-') /* "5.3.0-0-g54eaed1d..." */
        length++;
    (void)snprintf(text, size, "jemalloc %.*s", length, version);
}

bool mapproc_heap_write_stats(void (*write)(void *argument, const char *text), void *argument)
{
    if (malloc_stats_print == NULL)
        return false;
    malloc_stats_print(write, argument, NULL);
    return true;
}
