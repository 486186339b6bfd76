/* SPDX-License-Identifier: MIT */
/* io_choice.h - mapping or reading: finding out by trying which one this file is faster by. */
#ifndef MAPPROC_PIPELINE_IO_CHOICE_H
#define MAPPROC_PIPELINE_IO_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mapproc_access { MAPPROC_ACCESS_MAP, MAPPROC_ACCESS_READ, MAPPROC_ACCESSES };

/* Not thread-safe. Zeros are its first state. */
struct mapproc_io_choice {
    bool fixed; /* nothing is tried: `always` it is */
    enum mapproc_access always;
    uint64_t trial; /* 1 + number of the stretch in which the dearer access was tried last */
    uint64_t cost[MAPPROC_ACCESSES];  /* nanoseconds of CPU time */
    uint64_t bytes[MAPPROC_ACCESSES]; /* that they were spent on */
};

/* How to get at the chunk at `offset` of the source. */
enum mapproc_access mapproc_io_choice_make(struct mapproc_io_choice *choice, uint64_t offset);

/* Tells what a chunk that was in the page cache has cost; `bytes` may be 0 for what came on top. */
void mapproc_io_choice_add(struct mapproc_io_choice *choice, enum mapproc_access access,
                           uint64_t nanoseconds, uint64_t bytes);

/* Tells that a chunk was not in the page cache. */
void mapproc_io_choice_saw_cold(struct mapproc_io_choice *choice, enum mapproc_access access);

/* Settles the choice for good. */
void mapproc_io_choice_fix(struct mapproc_io_choice *choice, enum mapproc_access access);

/* CPU time that the calling thread has used so far, in nanoseconds. */
uint64_t mapproc_io_choice_clock(void);

#endif
