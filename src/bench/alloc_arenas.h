/* SPDX-License-Identifier: MIT */
/* alloc_arenas.h - an arena of jemalloc for each thread of a team, as where it picks them itself.
 */
#ifndef MAPPROC_BENCH_ALLOC_ARENAS_H
#define MAPPROC_BENCH_ALLOC_ARENAS_H

#include <stdbool.h>

#include "bench/team.h"

/*
 * The program gives jemalloc a single arena (see main.c), which many threads would wait for each
 * other at. To be measured at its best it gets one a thread for as long as a team lives.
 */
struct mapproc_alloc_arenas {
    unsigned *numbers; /* jemalloc's, one a thread */
    unsigned count;
};

/* Whether malloc() is jemalloc's here. */
bool mapproc_alloc_arenas_exist(void);

/*
 * Creates the arenas and makes the team's threads use them. Does nothing without jemalloc, and
 * where it refuses, leaves the threads where they were. MAPPROC_FAILED without memory.
 */
int mapproc_alloc_arenas_open(struct mapproc_alloc_arenas *arenas, struct mapproc_bench_team *team,
                              struct mapproc_error *error);

/* Gives the memory back. The team must have been stopped, and all that it got be freed. */
void mapproc_alloc_arenas_close(struct mapproc_alloc_arenas *arenas);

#endif
