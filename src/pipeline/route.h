/* SPDX-License-Identifier: MIT */
/* route.h - to which NUMA node's workers a chunk goes. */
#ifndef MAPPROC_PIPELINE_ROUTE_H
#define MAPPROC_PIPELINE_ROUTE_H

#include "memory/placement.h"
#include "pipeline/budget.h"

struct mapproc_lane;

/* Fixed once the workers are started. Nodes are indices below topology.cpu_node_count. */
struct mapproc_routes {
    const struct mapproc_topology *topology;
    enum mapproc_numa policy;
    bool look;         /* ask the kernel where pages are */
    unsigned nodes;    /* CPU nodes: entries in `workers`, and in a row of `order` */
    unsigned *workers; /* on each node */
    unsigned *order;   /* for each node, all nodes by rising distance, itself first */
    unsigned count;    /* nodes with workers, at least 1 */
    unsigned *staffed; /* they */
    uint64_t stripe;   /* bytes in a row that go to one node when their pages are nowhere yet */
};

/* Spreads the workers over the nodes in proportion to their CPUs, and prepares the routes. */
int mapproc_routes_init(struct mapproc_routes *routes, const struct mapproc_placement *placement,
                        const struct mapproc_budget *budget, enum mapproc_io io,
                        struct mapproc_error *error);
void mapproc_routes_destroy(struct mapproc_routes *routes);

/* Tells that fewer workers could be started: `workers` has been changed. Not all of it is 0. */
void mapproc_routes_restaff(struct mapproc_routes *routes);

/* Whether the routes will look at the page where the lane's next chunk begins, and would like it to
 * be in the lane's window. */
bool mapproc_routes_want_window(const struct mapproc_routes *routes,
                                const struct mapproc_lane *lane);

/* The node for the lane's next chunk. For the planner only: it remembers in the lane what it saw.
 */
unsigned mapproc_routes_choose(const struct mapproc_routes *routes, struct mapproc_lane *lane);

/* The node for the opening of source number `index`. */
unsigned mapproc_routes_choose_opener(const struct mapproc_routes *routes, uint64_t index);

/* The nodes from whose queues a worker of `node` takes, in this order; *count gets their number. */
static inline const unsigned *mapproc_routes_order(const struct mapproc_routes *routes,
                                                   unsigned node, unsigned *count)
{
    *count = routes->policy == MAPPROC_NUMA_BIND ? 1 : routes->nodes;
    return routes->order + (size_t)node * routes->nodes;
}

#endif
