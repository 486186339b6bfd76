/* SPDX-License-Identifier: MIT */
/* io_choice.c - mapping or reading: finding out by trying which one this file is faster by.
 *
 * It depends on how the page cache holds the file, and no system call tells. Measured, CPU time for
 * 4 GiB of hot data with two threads: huge pages 0.30 s mapped against 0.55 read, folios of 128 KiB
 * 0.45 against 0.50, single pages 0.70 against 0.55. Between such cases the costs of single chunks
 * overlap, so they are added up over stretches of 32 MiB: one is mapped, one is read, and then the
 * cheaper way it is. From time to time the dearer gets another chance, because one file may be
 * cached in several ways.
 *
 * All this is about data in the page cache. What must come from the device is better mapped: the
 * advice given to the mapping makes the kernel read it in huge pages.
 */
#include "pipeline/io_choice.h"

#include <time.h>

enum {
    STRETCH = 32 << 20,     /* bytes for which a choice holds */
    ENOUGH = 16 << 20,      /* bytes that make a cost believable */
    STRETCHES_A_TRIAL = 64, /* the dearer way is tried again every 2 GiB */
};

/* Whether a byte costs more by `a` than by `b`. */
static bool is_dearer(const struct mapproc_io_choice *choice, enum mapproc_access a,
                      enum mapproc_access b)
{
    return (double)choice->cost[a] * (double)choice->bytes[b] >
           (double)choice->cost[b] * (double)choice->bytes[a];
}

static void forget(struct mapproc_io_choice *choice, enum mapproc_access access)
{
    choice->cost[access] = 0;
    choice->bytes[access] = 0;
}

enum mapproc_access mapproc_io_choice_make(struct mapproc_io_choice *choice, uint64_t offset)
{
    uint64_t stretch = offset / STRETCH;
    enum mapproc_access cheaper = MAPPROC_ACCESS_MAP, dearer = MAPPROC_ACCESS_READ;

    if (choice->fixed)
        return choice->always;
    if (choice->bytes[MAPPROC_ACCESS_MAP] < ENOUGH)
        return MAPPROC_ACCESS_MAP;
    if (choice->bytes[MAPPROC_ACCESS_READ] < ENOUGH) {
        choice->trial = stretch + 1;
        return MAPPROC_ACCESS_READ;
    }
    if (is_dearer(choice, MAPPROC_ACCESS_MAP, MAPPROC_ACCESS_READ)) {
        cheaper = MAPPROC_ACCESS_READ;
        dearer = MAPPROC_ACCESS_MAP;
    }
    if (stretch + 1 < choice->trial + STRETCHES_A_TRIAL)
        return cheaper;
    choice->trial = stretch + 1;
    forget(choice, dearer);
    return dearer;
}

void mapproc_io_choice_add(struct mapproc_io_choice *choice, enum mapproc_access access,
                           uint64_t nanoseconds, uint64_t bytes)
{
    choice->cost[access] += nanoseconds;
    choice->bytes[access] += bytes;
}

void mapproc_io_choice_saw_cold(struct mapproc_io_choice *choice, enum mapproc_access access)
{
    if (access != MAPPROC_ACCESS_READ)
        return;
    /* Back to mapping, and from there it may find out anew. */
    forget(choice, MAPPROC_ACCESS_MAP);
    forget(choice, MAPPROC_ACCESS_READ);
}

void mapproc_io_choice_fix(struct mapproc_io_choice *choice, enum mapproc_access access)
{
    choice->fixed = true;
    choice->always = access;
}

uint64_t mapproc_io_choice_clock(void)
{
    struct timespec time = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}
