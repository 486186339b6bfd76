/* SPDX-License-Identifier: MIT */
/* machine.h - how much of this machine measurements may take. */
#ifndef MAPPROC_BENCH_MACHINE_H
#define MAPPROC_BENCH_MACHINE_H

#include <stdint.h>

#include "bench/bench.h"
#include "bench/team.h"
#include "memory/topology.h"

struct mapproc_bench_machine {
    struct mapproc_topology topology;
    cpu_set_t *cpus;  /* all usable ones, in a set of topology.cpu_set_size bytes */
    unsigned threads; /* the most in any measurement */
    uint64_t memory;  /* bytes that a group may take of itself */
    uint64_t most;    /* bytes that it must not exceed even if it has to */
};

/*
 * Finds out. To be undone with mapproc_bench_machine_close(), unless it failed: MAPPROC_REFUSED for
 * a list of CPUs that makes no sense, MAPPROC_FAILED without memory.
 */
int mapproc_bench_machine_open(struct mapproc_bench_machine *machine,
                               const struct mapproc_bench_options *options,
                               struct mapproc_error *error);
void mapproc_bench_machine_close(struct mapproc_bench_machine *machine);

/* mapproc_bench_team_start() on all usable CPUs, or anywhere if that is refused. */
int mapproc_bench_machine_team(const struct mapproc_bench_machine *machine,
                               struct mapproc_bench_team *team, unsigned threads,
                               const struct mapproc_bench_options *options,
                               struct mapproc_error *error);

/* The sizes that a group can work with, bytes. */
struct mapproc_bench_sizes {
    const char *group; /* its name */
    uint64_t usual;    /* unless the options say another */
    uint64_t least;    /* anything below becomes this */
    uint64_t most;
    uint64_t count; /* of so much at the same time in memory */
};

/*
 * Chooses the size to measure with, so that it fits into machine.memory. MAPPROC_REFUSED if not
 * even the least fits into machine.most.
 */
int mapproc_bench_choose_size(const struct mapproc_bench_machine *machine,
                              const struct mapproc_bench_options *options,
                              const struct mapproc_bench_sizes *sizes, uint64_t *size,
                              struct mapproc_error *error);

#endif
