/* SPDX-License-Identifier: MIT */
/* machine.c - how much of this machine measurements may take. */
#include "bench/machine.h"

#include <errno.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/size_text.h"
#include "memory/limits.h"

#define MEMORY_UNKNOWN (UINT64_C(4) << 30) /* bytes taken for all there is, where nobody tells */

static uint64_t all_memory(const struct mapproc_limits *limits)
{
    uint64_t all = limits->machine_memory != 0 ? limits->machine_memory : MEMORY_UNKNOWN;

    if (limits->memory != 0)
        all = mapproc_min_u64(all, limits->memory);
    return all;
}

int mapproc_bench_machine_open(struct mapproc_bench_machine *machine,
                               const struct mapproc_bench_options *options,
                               struct mapproc_error *error)
{
    struct mapproc_topology *topology = &machine->topology;
    const struct mapproc_options *job = &options->job;
    struct mapproc_limits limits;
    int result = mapproc_topology_init(topology, job->cpus, error);

    if (result != MAPPROC_OK)
        return result;
    if (job->numa == MAPPROC_NUMA_OFF)
        mapproc_topology_flatten(topology);
    machine->cpus = CPU_ALLOC(topology->cpu_set_size * 8);
    if (machine->cpus == NULL) {
        mapproc_topology_destroy(topology);
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot list the CPUs");
    }
    CPU_ZERO_S(topology->cpu_set_size, machine->cpus);
    for (unsigned i = 0; i < topology->cpu_node_count; i++)
        CPU_OR_S(topology->cpu_set_size, machine->cpus, machine->cpus, topology->nodes[i].cpus);
    mapproc_limits_find(&limits, "");
    machine->threads = job->threads != 0
                           ? job->threads
                           : mapproc_limits_default_threads(&limits, topology->cpu_count);
    machine->most = job->memory != 0 ? job->memory : all_memory(&limits);
    machine->memory = job->memory != 0 ? job->memory : machine->most / 4;
    return MAPPROC_OK;
}

void mapproc_bench_machine_close(struct mapproc_bench_machine *machine)
{
    CPU_FREE(machine->cpus);
    mapproc_topology_destroy(&machine->topology);
}

int mapproc_bench_machine_team(const struct mapproc_bench_machine *machine,
                               struct mapproc_bench_team *team, unsigned threads,
                               const struct mapproc_bench_options *options,
                               struct mapproc_error *error)
{
    struct mapproc_cancel *cancel = options->job.cancel;
    struct mapproc_error refusal;
    int result = mapproc_bench_team_start(team, threads, machine->cpus,
                                          machine->topology.cpu_set_size, cancel, &refusal);

    if (result == MAPPROC_OK)
        return result;
    /* Some containers refuse to place threads. That costs nothing but order. */
    if (refusal.system_error == EPERM || refusal.system_error == ENOSYS)
        return mapproc_bench_team_start(team, threads, NULL, 0, cancel, error);
    if (error != NULL)
        *error = refusal;
    return result;
}

int mapproc_bench_choose_size(const struct mapproc_bench_machine *machine,
                              const struct mapproc_bench_options *options,
                              const struct mapproc_bench_sizes *sizes, uint64_t *size,
                              struct mapproc_error *error)
{
    char text[MAPPROC_SIZE_TEXT_MAX];

    *size = options->size != 0 ? options->size : sizes->usual;
    *size = mapproc_min_u64(*size, sizes->most);
    /* What is asked for in bytes may take more than a quarter of the memory. */
    if (options->size == 0 || options->job.memory != 0)
        *size = mapproc_min_u64(*size, machine->memory / sizes->count);
    if (*size >= sizes->least)
        return MAPPROC_OK;
    *size = sizes->least;
    if (sizes->least <= machine->most / sizes->count)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "%s needs at least %s of memory",
                             sizes->group, mapproc_size_format(sizes->least * sizes->count, text));
}
