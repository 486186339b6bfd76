/* SPDX-License-Identifier: MIT */
/* bench.h - measurements of this machine, in groups: what the program's bench verb runs. */
#ifndef MAPPROC_BENCH_BENCH_H
#define MAPPROC_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

enum { MAPPROC_BENCH_ROUNDS_MAX = 1000 };

enum mapproc_bench_unit {
    MAPPROC_BENCH_NS,   /* nanoseconds per operation: less is better */
    MAPPROC_BENCH_GB_S, /* 10^9 bytes per second: more is better */
    MAPPROC_BENCH_MB_S, /* 10^6 bytes per second: more is better */
};

/* "ns", "GB/s", "MB/s". */
const char *mapproc_bench_unit_name(enum mapproc_bench_unit unit);

/* What several rounds of one measurement came to. */
struct mapproc_bench_summary {
    double median;
    double least;
    double most;
    unsigned rounds;
};

/* What a row of compression has besides the speed of compressing. */
struct mapproc_bench_packing {
    double ratio;                         /* bytes of data for each byte they became */
    struct mapproc_bench_summary inflate; /* its speed, in the unit of the row */
    bool frontier; /* no other row of the same test is both faster to compress and smaller */
};

/* A result, or why there is none. Valid during the call of the row function only. */
struct mapproc_bench_row {
    const char *group;   /* "alloc" */
    const char *test;    /* what is done: "mixed, 128B" */
    const char *subject; /* what it is done with: "jemalloc" */
    unsigned threads;    /* that do it at the same time */
    uint64_t size;       /* bytes it is done to; the group says which bytes */
    const char *skipped; /* NULL, or why it was not measured; then there is nothing below */
    enum mapproc_bench_unit unit;
    struct mapproc_bench_summary value;
    double
        ratio; /* how many times better than the test's baseline (1 for itself); 0: it has none */
    const struct mapproc_bench_packing *packing; /* NULL if the group's rows have none */
};

struct mapproc_bench_options {
    /* As for a job, of these: threads (the most in any measurement), cpus, memory (what a group
     * may take of itself; 0: a quarter of what there is), numa (off: one node), cancel. */
    struct mapproc_options job;
    unsigned rounds;  /* repetitions, to MAPPROC_BENCH_ROUNDS_MAX; 0: the group's own */
    uint64_t size;    /* bytes, see mapproc_bench_group.size_help; 0: the group's own */
    const char *file; /* for groups that take one; NULL: one is made; borrowed */
    bool cold;        /* files also from the device */

    /*
     * Takes one row. MAPPROC_OK to go on; a negative code ends the run, which returns that code and
     * leaves error->what empty.
     */
    int (*row)(void *user, const struct mapproc_bench_row *row);
    /* Told what comes next; rounds count from 1, and 0 is the preparation. May be NULL. */
    void (*progress)(void *user, const char *group, const char *test, unsigned round,
                     unsigned rounds);
    void *user; /* for both, which are called in the thread that runs the group */
};

/* A group of measurements: one file each, and one line in bench_table.c. */
struct mapproc_bench_group {
    const char *name;      /* "alloc" */
    const char *summary;   /* "memory allocators: time of one allocation and its release" */
    const char *baseline;  /* what ratios refer to: "glibc" */
    const char *size_help; /* what a row's size, and the option, mean */
    bool takes_file;
    bool packs; /* its rows have a `packing` */

    /*
     * Measures, and hands over a row for everything that the group has. MAPPROC_OK,
     * MAPPROC_CANCELLED, what the row function returned, or another code with *error filled. Leaves
     * neither files nor threads behind. One run at a time in a process.
     */
    int (*run)(const struct mapproc_bench_options *options, struct mapproc_error *error);
};

/* Group number `index`, counted from 0; NULL past the last. */
const struct mapproc_bench_group *mapproc_bench_group_at(size_t index);

/* The group of that name, or NULL. */
const struct mapproc_bench_group *mapproc_bench_group_find(const char *name);

/*
 * Finds out, before anything is measured, whether options.file is one that can be: MAPPROC_OK, or
 * the error that the run would end with.
 */
int mapproc_bench_check_file(const char *path, struct mapproc_error *error);

#endif
