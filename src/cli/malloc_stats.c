/* SPDX-License-Identifier: MIT */
/* malloc_stats.c - the allocator's statistics at the end, if they were asked for. */
#include "cli/malloc_stats.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>

#include "memory/heap.h"

static bool requested;

void cli_malloc_stats_request(void)
{
    requested = true;
}

static void write_text(void *argument, const char *text)
{
    (void)fputs(text, argument);
}

void cli_malloc_stats_print(void)
{
    if (!requested)
        return;
    if (!mapproc_heap_write_stats(write_text, stderr))
        malloc_stats(); /* glibc's, which go to standard error */
}
