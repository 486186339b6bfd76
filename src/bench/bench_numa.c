/* SPDX-License-Identifier: MIT */
/* bench_numa.c - bandwidth and latency between the CPUs and the memory of every two nodes.
 *
 * Each node's memory gets a region, and so do all nodes in turn ("interleaved"). A region is a ring
 * of cache lines in random order, each with the place of the next: following it is what latency is
 * measured with, as no access can begin before the one before has ended. Bandwidth is a plain scan
 * of the same bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/machine.h"
#include "bench/measure.h"
#include "bench/region.h"
#include "bench/scan.h"

enum {
    ROUNDS = 5,
    LINE = 64,         /* bytes */
    HOPS = 16384,      /* in a unit of work: a few milliseconds */
    PIECE = 4 << 20,   /* bytes scanned between two looks at whether to stop */
    LOOK_EACH = 65536, /* lines put into order between the same */
    NAME_MAX_SIZE = 32,
};

#define GROUP      "numa"
#define SIZE_USUAL (UINT64_C(256) << 20)
#define SIZE_LEAST (UINT64_C(64) << 10)
#define RUN_TIME   0.05 /* seconds */

/* Memory on one node, or on all in turn. */
struct place {
    struct mapproc_bench_region region;
    char name[NAME_MAX_SIZE];
    char missing[MAPPROC_BENCH_REASON_MAX]; /* why it cannot be had */
    size_t line;                            /* where following the ring has got to */
};

struct numa_run {
    const struct mapproc_bench_options *options;
    const struct mapproc_bench_machine *machine;
    uint64_t size;        /* bytes of each place */
    struct place *places; /* one a node, by its index in the topology, and the interleaved one */
    unsigned count;
};

/* ---- regions ---- */

static uint64_t *line_at(const struct mapproc_bench_region *region, size_t line)
{
    return (uint64_t *)(void *)(region->memory + line * LINE);
}

/* Links all lines to one ring in random order (Sattolo's algorithm). */
static int make_ring(const struct mapproc_bench_region *region, const struct mapproc_cancel *cancel)
{
    const size_t lines = region->size / LINE;
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = 0; i < lines; i++) {
        if (i % LOOK_EACH == 0 && mapproc_bench_cancelled(cancel))
            return MAPPROC_CANCELLED;
        *line_at(region, i) = i;
    }
    for (size_t i = lines - 1; i > 0; i--) {
        uint64_t *here = line_at(region, i), *there, swapped;

        if (i % LOOK_EACH == 0 && mapproc_bench_cancelled(cancel))
            return MAPPROC_CANCELLED;
        random ^= random << 13; /* xorshift64 */
        random ^= random >> 7;
        random ^= random << 17;
        there = line_at(region, (size_t)(random >> 16) % i);
        swapped = *here;
        *here = *there;
        *there = swapped;
    }
    return MAPPROC_OK;
}

/* Gets the memory of a place, on those of the `count` nodes that have some for us. */
static int open_place(struct place *place, const struct numa_run *run,
                      const struct mapproc_node *nodes, unsigned count, struct mapproc_error *error)
{
    bool alone = run->machine->topology.node_count == 1;
    uint64_t size = mapproc_round_down(run->size, LINE);
    int *numbers = calloc(count, sizeof(*numbers));
    size_t with_memory = 0;
    int result, system_error;

    if (numbers == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare memory");
    for (unsigned i = 0; i < count; i++) {
        if (!alone && (!nodes[i].memory_allowed || nodes[i].memory_free / 2 < run->size))
            continue;
        numbers[with_memory++] = nodes[i].number;
    }
    result = mapproc_bench_region_open(&place->region, (size_t)size, error);
    if (result != MAPPROC_OK) {
        free(numbers);
        return result;
    }
    system_error = alone ? 0 : mapproc_bench_region_bind(&place->region, numbers, with_memory);
    free(numbers);
    if (system_error == 0)
        return make_ring(&place->region, run->options->job.cancel);
    (void)snprintf(place->missing, sizeof(place->missing), "its memory is refused: %s",
                   strerror(system_error));
    return MAPPROC_OK;
}

/* Why a node's memory is not measured; NULL: it is. */
static const char *node_obstacle(const struct numa_run *run, const struct mapproc_node *node)
{
    if (run->machine->topology.node_count == 1)
        return NULL;
    if (node->memory_size == 0)
        return "it has no memory";
    if (!node->memory_allowed)
        return "not allowed for this process";
    if (node->memory_free / 2 < run->size)
        return "not enough free memory there";
    return NULL;
}

static int open_places(struct numa_run *run, struct mapproc_error *error)
{
    const struct mapproc_topology *topology = &run->machine->topology;
    struct place *interleaved = &run->places[topology->node_count];
    unsigned usable = 0;
    int result = MAPPROC_OK;

    for (unsigned i = 0; i < topology->node_count && result == MAPPROC_OK; i++) {
        const struct mapproc_node *node = &topology->nodes[i];
        struct place *place = &run->places[i];
        const char *obstacle = node_obstacle(run, node);

        (void)snprintf(place->name, sizeof(place->name), "memory node %d", node->number);
        usable += obstacle == NULL;
        if (obstacle != NULL)
            (void)snprintf(place->missing, sizeof(place->missing), "%s", obstacle);
        else
            result = open_place(place, run, node, 1, error);
    }
    (void)snprintf(interleaved->name, sizeof(interleaved->name), "interleaved");
    if (result != MAPPROC_OK)
        return result;
    if (usable < 2) {
        (void)snprintf(interleaved->missing, sizeof(interleaved->missing),
                       topology->node_count == 1 ? "there is only one node"
                                                 : "only one node has enough of it");
        return MAPPROC_OK;
    }
    return open_place(interleaved, run, topology->nodes, topology->node_count, error);
}

/* ---- the work ---- */

static int work_scan(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct place *place = context;
    const struct mapproc_bench_region part =
        mapproc_bench_region_part(&place->region, worker->index, worker->team->threads);
    uint64_t value = 0;

    for (; units > 0; units--) {
        for (size_t done = 0; done < part.size; done += PIECE) {
            if (mapproc_bench_cancelled(worker->team->cancel))
                return MAPPROC_CANCELLED;
            value ^= mapproc_bench_scan(part.memory + done,
                                        (size_t)mapproc_min_u64(part.size - done, PIECE));
        }
    }
    mapproc_bench_use(value);
    return MAPPROC_OK;
}

static int work_chase(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct place *place = context;
    size_t line = place->line;

    for (; units > 0; units--) {
        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        for (unsigned i = 0; i < HOPS; i++)
            line = (size_t)*line_at(&place->region, line);
    }
    mapproc_bench_use(line);
    place->line = line;
    return MAPPROC_OK;
}

/* ---- the group ---- */

/* Adds a subject for each place, seen from node number `from`. */
static void add_subjects(struct mapproc_bench_set *set, const struct numa_run *run,
                         const char *test, unsigned from, struct mapproc_bench_team *team,
                         bool latency)
{
    struct mapproc_bench_subject *local = &set->subjects[set->count + from];

    for (unsigned i = 0; i < run->count; i++) {
        struct place *place = &run->places[i];
        struct mapproc_bench_subject *subject = &set->subjects[set->count++];

        *subject = (struct mapproc_bench_subject){
            .test = test,
            .name = place->name,
            .size = run->size,
            .unit = latency ? MAPPROC_BENCH_NS : MAPPROC_BENCH_GB_S,
            .baseline = local,
            .team = team,
            .work = latency ? work_chase : work_scan,
            .context = place,
            .amount = latency ? HOPS : (double)place->region.size,
        };
        if (place->missing[0] != '\0')
            mapproc_bench_skip(subject, "%s", place->missing);
    }
}

/* Starts threads on the CPUs of a node: strictly, where there is another one. */
static int start_team(struct mapproc_bench_team *team, unsigned threads, const struct numa_run *run,
                      const struct mapproc_node *node, struct mapproc_error *error)
{
    const struct mapproc_topology *topology = &run->machine->topology;

    if (topology->node_count == 1)
        return mapproc_bench_machine_team(run->machine, team, threads, run->options, error);
    return mapproc_bench_team_start(team, threads, node->cpus, topology->cpu_set_size,
                                    run->options->job.cancel, error);
}

/* All places, seen from the CPUs of one node. */
static int run_node(const struct numa_run *run, unsigned from, struct mapproc_error *error)
{
    const struct mapproc_node *node = &run->machine->topology.nodes[from];
    const unsigned threads =
        node->cpu_count < run->machine->threads ? node->cpu_count : run->machine->threads;
    struct mapproc_bench_set set = {.group = GROUP, .rounds = ROUNDS, .run_time = RUN_TIME};
    struct mapproc_bench_team all, one;
    char bandwidth[NAME_MAX_SIZE], latency[NAME_MAX_SIZE];
    int result;

    set.subjects = calloc(run->count, 2 * sizeof(*set.subjects));
    if (set.subjects == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare a test");
    result = start_team(&all, threads, run, node, error);
    if (result != MAPPROC_OK)
        goto free_subjects;
    result = start_team(&one, 1, run, node, error);
    if (result != MAPPROC_OK)
        goto stop_all;
    (void)snprintf(bandwidth, sizeof(bandwidth), "bandwidth, node %d", node->number);
    (void)snprintf(latency, sizeof(latency), "latency, node %d", node->number);
    add_subjects(&set, run, bandwidth, from, &all, false);
    add_subjects(&set, run, latency, from, &one, true);
    result = mapproc_bench_measure(&set, run->options, error);
    mapproc_bench_team_stop(&one);
stop_all:
    mapproc_bench_team_stop(&all);
free_subjects:
    free(set.subjects);
    return result;
}

static int run_nodes(struct numa_run *run, struct mapproc_error *error)
{
    const struct mapproc_topology *topology = &run->machine->topology;
    int result;

    run->count = topology->node_count + 1;
    run->places = calloc(run->count, sizeof(*run->places));
    if (run->places == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare memory");
    mapproc_bench_prepare_progress(run->options, GROUP, "preparing memory");
    result = open_places(run, error);
    for (unsigned i = 0; i < topology->cpu_node_count && result == MAPPROC_OK; i++)
        result = run_node(run, i, error);
    for (unsigned i = 0; i < run->count; i++)
        mapproc_bench_region_close(&run->places[i].region);
    free(run->places);
    return result;
}

static int run(const struct mapproc_bench_options *options, struct mapproc_error *error)
{
    struct mapproc_bench_machine machine;
    struct numa_run run = {.options = options, .machine = &machine};
    int result = mapproc_bench_machine_open(&machine, options, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_bench_choose_size(
        &machine, options,
        &(struct mapproc_bench_sizes){.group = GROUP,
                                      .usual = SIZE_USUAL,
                                      .least = SIZE_LEAST,
                                      .most = SIZE_MAX / 4,
                                      .count = machine.topology.node_count + 1},
        &run.size, error);
    if (result == MAPPROC_OK)
        result = run_nodes(&run, error);
    mapproc_bench_machine_close(&machine);
    return result;
}

const struct mapproc_bench_group mapproc_bench_group_numa = {
    .name = GROUP,
    .summary = "reading memory, from the CPUs of each node and on each node",
    .baseline = "the node's own memory",
    .size_help = "the memory on each node; --size: the same, default 256M",
    .run = run,
};
