/* SPDX-License-Identifier: MIT */
/* route.c - to which NUMA node's workers a chunk goes.
 *
 * What is in the page cache goes to the node whose memory holds it. That is looked up for one page
 * of a stretch; files get into the cache in long runs. What is not there yet will be allocated on
 * the node of the worker that reads it, so it goes to the nodes in turn, in stripes. A stripe has
 * to be long, because the kernel reads ahead beyond it, and short enough that the chunks in flight
 * reach over several, or the workers of one node would have nothing to do but to take the others'.
 */
#include "pipeline/route.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "pipeline/state.h"

enum {
    STRIPE_LEAST = 2 << 20, /* bytes: a huge page */
    STRIPE_MOST = 32 << 20,
    STRETCH_MOST = 4 << 20, /* bytes for which one look at a page has to do */
};

static uint64_t choose_stripe(const struct mapproc_budget *budget, unsigned nodes)
{
    uint64_t in_flight = (uint64_t)budget->in_flight * budget->chunk_size;
    uint64_t stripe = STRIPE_MOST;

    while (stripe > STRIPE_LEAST && stripe * 2 * nodes > in_flight)
        stripe /= 2;
    return stripe;
}

/* All nodes by rising distance from `node`. An insertion sort: nodes are few, and this is stable.
 */
static void sort_by_distance(const struct mapproc_topology *topology, unsigned node,
                             unsigned *order)
{
    for (unsigned i = 0; i < topology->cpu_node_count; i++) {
        /* In turn from the node itself, so that equals do not all go to the same. */
        unsigned next = (node + i) % topology->cpu_node_count;
        unsigned distance = mapproc_topology_distance(topology, node, next);
        unsigned place = i;

        /* Itself stays first whatever the firmware says about distances. */
        while (place > 1 &&
               mapproc_topology_distance(topology, node, order[place - 1]) > distance) {
            order[place] = order[place - 1];
            place--;
        }
        order[place] = next;
    }
}

/* One worker after the other goes where the most CPUs are left for each (D'Hondt). */
static void spread_workers(struct mapproc_routes *routes, unsigned count)
{
    const struct mapproc_node *nodes = routes->topology->nodes;

    while (count-- > 0) {
        unsigned best = 0;

        for (unsigned node = 1; node < routes->nodes; node++)
            if ((uint64_t)nodes[node].cpu_count * (routes->workers[best] + 1) >
                (uint64_t)nodes[best].cpu_count * (routes->workers[node] + 1))
                best = node;
        routes->workers[best]++;
    }
}

void mapproc_routes_restaff(struct mapproc_routes *routes)
{
    routes->count = 0;
    for (unsigned node = 0; node < routes->nodes; node++)
        if (routes->workers[node] > 0)
            routes->staffed[routes->count++] = node;
}

int mapproc_routes_init(struct mapproc_routes *routes, const struct mapproc_placement *placement,
                        const struct mapproc_budget *budget, enum mapproc_io io,
                        struct mapproc_error *error)
{
    unsigned nodes = placement->topology->cpu_node_count;

    *routes = (struct mapproc_routes){
        .topology = placement->topology,
        .policy = placement->policy,
        .nodes = nodes,
        .workers = calloc(nodes, sizeof(*routes->workers)),
        .order = calloc(nodes, nodes * sizeof(*routes->order)),
        .staffed = calloc(nodes, sizeof(*routes->staffed)),
    };
    if (routes->workers == NULL || routes->order == NULL || routes->staffed == NULL) {
        mapproc_routes_destroy(routes);
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot list the nodes");
    }
    spread_workers(routes, budget->workers);
    mapproc_routes_restaff(routes);
    for (unsigned node = 0; node < nodes; node++)
        sort_by_distance(routes->topology, node, routes->order + (size_t)node * nodes);
    routes->look = routes->count > 1 && io != MAPPROC_IO_READ &&
                   (routes->policy == MAPPROC_NUMA_AUTO || routes->policy == MAPPROC_NUMA_BIND);
    routes->stripe = choose_stripe(budget, routes->count);
    return MAPPROC_OK;
}

void mapproc_routes_destroy(struct mapproc_routes *routes)
{
    free(routes->staffed);
    free(routes->order);
    free(routes->workers);
    *routes = (struct mapproc_routes){0};
}

/* The node with workers that is nearest to the CPU node `node`. */
static unsigned nearest_staffed(const struct mapproc_routes *routes, unsigned node)
{
    const unsigned *order = routes->order + (size_t)node * routes->nodes;

    for (unsigned i = 0; i < routes->nodes; i++)
        for (unsigned j = 0; j < routes->count; j++)
            if (routes->staffed[j] == order[i])
                return order[i];
    return routes->staffed[0];
}

/* The number of the stretch in which the lane's next chunk begins. */
static uint64_t find_stretch(const struct mapproc_routes *routes, const struct mapproc_lane *lane)
{
    return lane->planned / mapproc_min_u64(routes->stripe, STRETCH_MOST);
}

bool mapproc_routes_want_window(const struct mapproc_routes *routes,
                                const struct mapproc_lane *lane)
{
    return routes->look && lane->looked != find_stretch(routes, lane) + 1;
}

/* The number of the node that holds the lane's next byte, or -1. */
static int find_page(const struct mapproc_lane *lane)
{
    const struct mapproc_window *window = lane->window;

    if (window == NULL || lane->planned < window->mapping.offset ||
        lane->planned - window->mapping.offset >= window->mapping.length ||
        !mapproc_source_is_cached(&lane->item.source, lane->planned))
        return -1;
    return mapproc_mapping_find_node(mapproc_mapping_at(&window->mapping, lane->planned));
}

unsigned mapproc_routes_choose(const struct mapproc_routes *routes, struct mapproc_lane *lane)
{
    uint64_t stretch = find_stretch(routes, lane);
    int number;

    if (routes->count == 1)
        return routes->staffed[0];
    if (lane->looked == stretch + 1)
        return lane->looked_node;
    number = routes->look ? find_page(lane) : -1;
    lane->looked = stretch + 1;
    lane->looked_node =
        number >= 0
            ? nearest_staffed(routes, mapproc_topology_nearest_cpu_node(routes->topology, number))
            : routes->staffed[(lane->index + lane->planned / routes->stripe) % routes->count];
    return lane->looked_node;
}

unsigned mapproc_routes_choose_opener(const struct mapproc_routes *routes, uint64_t index)
{
    return routes->staffed[index % routes->count];
}
