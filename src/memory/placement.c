/* SPDX-License-Identifier: MIT */
/* placement.c - keeping threads and memory on the NUMA nodes where they belong. */
#include "memory/placement.h"

#include <errno.h>
#include <limits.h>
#include <numaif.h>
#include <pthread.h>

#include "memory/heap.h"

enum {
    NODES_MAX = 1024, /* numbers; all that Linux can be built for */
    WORD_BITS = sizeof(unsigned long) * CHAR_BIT,
};

/* A memory policy as the system calls take it. */
struct memory_policy {
    int mode;
    unsigned long nodes[NODES_MAX / WORD_BITS];
};

static void add_node(struct memory_policy *policy, int number)
{
    if (number >= 0 && number < NODES_MAX)
        policy->nodes[number / WORD_BITS] |= 1UL << (number % WORD_BITS);
}

/* The kernel counts the last bit out. */
static unsigned long max_node(void)
{
    return NODES_MAX + 1;
}

static bool has_memory(const struct mapproc_node *node)
{
    return node->memory_allowed && node->memory_size > 0;
}

/* The node whose memory is nearest to the CPUs of `node`: itself, unless it has none. */
static const struct mapproc_node *nearest_memory(const struct mapproc_topology *topology,
                                                 unsigned node)
{
    unsigned best = node;

    for (unsigned i = 0; i < topology->node_count; i++) {
        if (!has_memory(&topology->nodes[i]))
            continue;
        if (!has_memory(&topology->nodes[best]) ||
            mapproc_topology_distance(topology, node, i) <
                mapproc_topology_distance(topology, node, best))
            best = i;
    }
    return &topology->nodes[best];
}

static struct memory_policy make_policy(const struct mapproc_placement *placement, unsigned node)
{
    const struct mapproc_topology *topology = placement->topology;
    struct memory_policy policy = {.mode = MPOL_PREFERRED};

    if (placement->policy == MAPPROC_NUMA_INTERLEAVE) {
        policy.mode = MPOL_INTERLEAVE;
        for (unsigned i = 0; i < topology->node_count; i++)
            if (has_memory(&topology->nodes[i]))
                add_node(&policy, topology->nodes[i].number);
        return policy;
    }
    if (placement->policy == MAPPROC_NUMA_BIND)
        policy.mode = MPOL_BIND;
    add_node(&policy, nearest_memory(topology, node)->number);
    return policy;
}

static void note_refusal(struct mapproc_placement *placement, int system_error)
{
    int none = 0;

    if (system_error != 0)
        (void)atomic_compare_exchange_strong(&placement->refused, &none, system_error);
}

void mapproc_placement_init(struct mapproc_placement *placement,
                            const struct mapproc_topology *topology, enum mapproc_numa policy)
{
    int mode = MPOL_DEFAULT;

    *placement = (struct mapproc_placement){
        .topology = topology,
        .policy = topology->node_count > 1 ? policy : MAPPROC_NUMA_OFF,
    };
    /* Somebody who starts us under numactl knows better than our default. */
    placement->keeps_process_policy = placement->policy == MAPPROC_NUMA_AUTO &&
                                      get_mempolicy(&mode, NULL, 0, NULL, 0) == 0 &&
                                      mode != MPOL_DEFAULT;
}

/* Not a call too many: it may be refused, and then there would be something to tell the user. */
static void pin(struct mapproc_placement *placement, unsigned node)
{
    const struct mapproc_topology *topology = placement->topology;
    cpu_set_t *now = CPU_ALLOC(topology->cpu_set_size * CHAR_BIT);
    bool right = now != NULL &&
                 pthread_getaffinity_np(pthread_self(), topology->cpu_set_size, now) == 0 &&
                 CPU_EQUAL_S(topology->cpu_set_size, now, topology->nodes[node].cpus);

    CPU_FREE(now);
    if (!right)
        note_refusal(placement, mapproc_topology_pin_thread(topology, &topology->nodes[node]));
}

void mapproc_placement_enter(struct mapproc_placement *placement, unsigned node)
{
    pin(placement, node);
    if (placement->policy == MAPPROC_NUMA_OFF)
        return;
    (void)mapproc_heap_enter_node(placement->topology->nodes[node].number);
    /* By default pages come from the node that touches them first, which is just what is wanted. */
    if (placement->policy != MAPPROC_NUMA_AUTO) {
        struct memory_policy policy = make_policy(placement, node);

        if (set_mempolicy(policy.mode, policy.nodes, max_node()) != 0)
            note_refusal(placement, errno);
    }
}

void mapproc_placement_bind(struct mapproc_placement *placement, unsigned node, void *address,
                            size_t length)
{
    struct memory_policy policy;

    if (placement->policy == MAPPROC_NUMA_OFF || placement->keeps_process_policy)
        return;
    policy = make_policy(placement, node);
    if (mbind(address, length, policy.mode, policy.nodes, max_node(), 0) != 0)
        note_refusal(placement, errno);
}
