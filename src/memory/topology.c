/* SPDX-License-Identifier: MIT */
/* topology.c - the NUMA nodes of this machine and the CPUs that this process may use on them. */
#include "memory/topology.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <numaif.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cpu_list.h"
#include "base/error.h"
#include "base/quote.h"
#include "memory/meminfo.h"
#include "memory/node_files.h"

enum {
    CPUS_MAX = 1 << 20, /* more than any kernel can be built for */

    /* Bytes of lists in messages, NULs included: as much as a message has room for at worst. */
    USABLE_MAX = 48,
    LIST_START_MAX = 20,
};

/*
 * The affinity mask of this thread, in a set as large as the kernel wants it; *size gets the bytes
 * of the set. Where the kernel refuses to tell, one CPU. NULL without memory.
 */
static cpu_set_t *read_affinity(size_t *size)
{
    for (size_t cpus = CPU_SETSIZE;; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);

        *size = CPU_ALLOC_SIZE(cpus);
        if (set == NULL)
            return NULL;
        CPU_ZERO_S(*size, set);
        if (sched_getaffinity(0, *size, set) == 0 && CPU_COUNT_S(*size, set) > 0)
            return set;
        if (errno != EINVAL || cpus >= CPUS_MAX) {
            CPU_ZERO_S(*size, set);
            CPU_SET_S(0, *size, set);
            return set;
        }
        CPU_FREE(set);
    }
}

/* The set as a list, cut so that a message has room for it. */
static const char *format_set(const cpu_set_t *set, size_t size, char text[USABLE_MAX])
{
    if (mapproc_cpu_list_format(set, size, text, USABLE_MAX) >= USABLE_MAX)
        memcpy(text + USABLE_MAX - 4, "...", 4);
    return text;
}

static int refuse_malformed(const char *list, const char *usable, struct mapproc_error *error)
{
    char start[LIST_START_MAX], quoted[4 * LIST_START_MAX + 8];
    int length = snprintf(start, sizeof(start), "%s", list);

    (void)mapproc_quote_name(start, quoted, sizeof(quoted));
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                             "%s%s is no list of CPUs such as 0-3,8 or 0-31:2; usable are %s",
                             quoted, length >= (int)sizeof(start) ? "..." : "", usable);
}

/* The lowest CPU of `wanted` that is not usable, or UINT64_MAX. */
static uint64_t find_unusable(const cpu_set_t *wanted, const cpu_set_t *usable, size_t size)
{
    for (size_t cpu = 0; cpu < size * CHAR_BIT; cpu++)
        if (CPU_ISSET_S(cpu, size, wanted) && !CPU_ISSET_S(cpu, size, usable))
            return cpu;
    return UINT64_MAX;
}

/* Narrows the usable CPUs to those on the list. */
static int apply_list(cpu_set_t *usable, size_t size, const char *list, struct mapproc_error *error)
{
    cpu_set_t *wanted = malloc(size);
    char text[USABLE_MAX];
    uint64_t unusable, beyond;
    int result;

    if (wanted == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot list the CPUs");
    (void)format_set(usable, size, text);
    if (*list == '\0') {
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                   "the list of CPUs is empty; usable are %s", text);
        goto free_wanted;
    }
    if (!mapproc_cpu_list_parse(list, wanted, size, &beyond)) {
        result = refuse_malformed(list, text, error);
        goto free_wanted;
    }
    unusable = mapproc_min_u64(find_unusable(wanted, usable, size), beyond);
    if (unusable != UINT64_MAX) {
        result =
            mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                              "CPU %" PRIu64 " is not usable here; usable are %s", unusable, text);
        goto free_wanted;
    }
    memcpy(usable, wanted, size);
    result = MAPPROC_OK;

free_wanted:
    free(wanted);
    return result;
}

/* Takes all for one node. Returns 0 or ENOMEM. */
static int make_one_node(struct mapproc_topology *topology, const cpu_set_t *usable)
{
    cpu_set_t *cpus = malloc(topology->cpu_set_size);

    topology->nodes = calloc(1, sizeof(*topology->nodes));
    topology->distances = calloc(1, sizeof(*topology->distances));
    if (cpus == NULL || topology->nodes == NULL || topology->distances == NULL) {
        free(cpus);
        return ENOMEM;
    }
    memcpy(cpus, usable, topology->cpu_set_size);
    topology->nodes[0] = (struct mapproc_node){
        .cpu_count = topology->cpu_count,
        .cpus = cpus,
        .memory_size = mapproc_machine_memory(),
        .memory_free = mapproc_machine_memory_free(),
        .memory_allowed = true,
    };
    topology->distances[0] = MAPPROC_DISTANCE_LOCAL;
    topology->node_count = topology->cpu_node_count = 1;
    return 0;
}

/* Returns 0 or ENOMEM. */
static int find_nodes(struct mapproc_topology *topology, const cpu_set_t *usable)
{
    int result;

    /* Without NUMA there is no such call, and a container may refuse it. Then memory can be bound
     * to no node either, and to know the nodes would be of little use. */
    topology->numa_error = get_mempolicy(NULL, NULL, 0, NULL, 0) == 0 ? 0 : errno;
    if (topology->numa_error == 0) {
        result = mapproc_node_files_read(topology, "", usable);
        if (result == 0 || result == ENOMEM)
            return result;
        topology->numa_error = result;
    }
    return make_one_node(topology, usable);
}

int mapproc_topology_init(struct mapproc_topology *topology, const char *cpu_list,
                          struct mapproc_error *error)
{
    size_t size;
    cpu_set_t *usable = read_affinity(&size);
    int result = MAPPROC_OK;

    *topology = (struct mapproc_topology){.cpu_set_size = size};
    if (usable == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot list the CPUs");
    if (cpu_list != NULL)
        result = apply_list(usable, size, cpu_list, error);
    if (result == MAPPROC_OK) {
        topology->cpu_count = (unsigned)CPU_COUNT_S(size, usable);
        if (find_nodes(topology, usable) != 0) {
            mapproc_topology_destroy(topology);
            result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL,
                                       "cannot list the NUMA nodes");
        }
    }
    CPU_FREE(usable);
    return result;
}

void mapproc_topology_destroy(struct mapproc_topology *topology)
{
    for (unsigned i = 0; i < topology->node_count; i++)
        free(topology->nodes[i].cpus);
    free(topology->nodes);
    free(topology->distances);
    *topology = (struct mapproc_topology){0};
}

void mapproc_topology_flatten(struct mapproc_topology *topology)
{
    struct mapproc_node *all = &topology->nodes[0];

    for (unsigned i = 1; i < topology->node_count; i++) {
        struct mapproc_node *node = &topology->nodes[i];

        CPU_OR_S(topology->cpu_set_size, all->cpus, all->cpus, node->cpus);
        all->memory_size += node->memory_size;
        all->memory_free += node->memory_free;
        free(node->cpus);
    }
    all->number = 0;
    all->cpu_count = topology->cpu_count;
    all->memory_allowed = true;
    topology->distances[0] = MAPPROC_DISTANCE_LOCAL;
    topology->node_count = topology->cpu_node_count = 1;
}

unsigned mapproc_topology_nearest_cpu_node(const struct mapproc_topology *topology, int number)
{
    unsigned memory = 0, nearest = 0;

    while (memory < topology->node_count && topology->nodes[memory].number != number)
        memory++;
    if (memory < topology->cpu_node_count)
        return memory;
    if (memory == topology->node_count)
        return 0;
    for (unsigned i = 1; i < topology->cpu_node_count; i++) {
        if (mapproc_topology_distance(topology, i, memory) <
            mapproc_topology_distance(topology, nearest, memory))
            nearest = i;
    }
    return nearest;
}

int mapproc_topology_pin_thread(const struct mapproc_topology *topology,
                                const struct mapproc_node *node)
{
    return pthread_setaffinity_np(pthread_self(), topology->cpu_set_size, node->cpus);
}
