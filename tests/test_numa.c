/* SPDX-License-Identifier: MIT */
/* test_numa.c - threads, memory and chunks on real NUMA nodes, against what the kernel says. */
#include "cmocka_all.h"

#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "input/fault_guard.h"
#include "input/mapping.h"
#include "memory/buddy.h"
#include "memory/placement.h"
#include "pipeline/pipeline.h"
#include "scratch_file.h"

enum { FILE_SIZE = 24 << 20, BLOCK = 8 << 20, PATIENCE = 200 * 1000 /* ms */ };

static struct mapproc_topology topology;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX];

/* The node of a page, as the kernel tells; a negative errno if it is not there. */
static int node_of(const void *address)
{
    void *page = (void *)((uintptr_t)address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1));
    int node = -1;

    assert_int_equal(move_pages(0, 1, &page, NULL, &node, 0), 0);
    return node;
}

static int current_node(void)
{
    unsigned cpu, node;

    return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? (int)node : -1;
}

/* Runs a function in a thread that is on node `node` (an index). */
struct visit {
    struct mapproc_placement placement;
    unsigned node;
    void (*body)(void *argument);
    void *argument;
    int was_on; /* node number */
};

static void *visit_main(void *argument)
{
    struct visit *visit = argument;

    mapproc_placement_enter(&visit->placement, visit->node);
    visit->was_on = current_node();
    visit->body(visit->argument);
    return NULL;
}

static int visit_node(enum mapproc_numa policy, unsigned node, void (*body)(void *argument),
                      void *argument)
{
    struct visit visit = {.node = node, .body = body, .argument = argument};
    pthread_t thread;

    mapproc_placement_init(&visit.placement, &topology, policy);
    assert_int_equal(pthread_create(&thread, NULL, visit_main, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.placement.refused, 0);
    return visit.was_on;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

static void threads_stay_on_their_node(void **state)
{
    (void)state;
    for (int policy = MAPPROC_NUMA_AUTO; policy <= MAPPROC_NUMA_INTERLEAVE; policy++)
        for (unsigned i = 0; i < topology.cpu_node_count; i++)
            assert_int_equal(visit_node((enum mapproc_numa)policy, i, do_nothing, NULL),
                             topology.nodes[i].number);
}

static void fill(void *argument)
{
    memset(argument, 1, BLOCK);
}

/* Whoever touches it first: the arena's pages are on the node that it is bound to. */
static void scratch_is_on_its_node(void **state)
{
    (void)state;
    for (unsigned owner = 0; owner < topology.cpu_node_count; owner++) {
        struct mapproc_placement placement;
        struct mapproc_buddy arena;
        void *memory, *block;
        size_t size;

        mapproc_placement_init(&placement, &topology, MAPPROC_NUMA_BIND);
        assert_int_equal(mapproc_buddy_init(&arena, BLOCK, NULL), MAPPROC_OK);
        mapproc_buddy_get_memory(&arena, &memory, &size);
        mapproc_placement_bind(&placement, owner, memory, size);
        block = mapproc_buddy_alloc(&arena, BLOCK);
        assert_non_null(block);
        (void)visit_node(MAPPROC_NUMA_AUTO, (owner + 1) % topology.cpu_node_count, fill, block);
        for (size_t at = 0; at < BLOCK; at += 1 << 20)
            assert_int_equal(node_of((char *)block + at), topology.nodes[owner].number);
        mapproc_buddy_free(&arena, block);
        mapproc_buddy_destroy(&arena);
        assert_int_equal(placement.refused, 0);
    }
}

static void allocate_and_fill(void *argument)
{
    *(void **)argument = malloc(BLOCK);
    if (*(void **)argument != NULL)
        memset(*(void **)argument, 1, BLOCK);
}

static void the_heap_is_on_its_node(void **state)
{
    (void)state;
    for (unsigned i = 0; i < topology.cpu_node_count; i++) {
        char *block = NULL;

        (void)visit_node(MAPPROC_NUMA_AUTO, i, allocate_and_fill, &block);
        assert_non_null(block);
        for (size_t at = 0; at < BLOCK; at += 1 << 20)
            assert_int_equal(node_of(block + at), topology.nodes[i].number);
        free(block);
    }
}

static void interleaved_memory_is_everywhere(void **state)
{
    unsigned pages[64] = {0};
    char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(block != MAP_FAILED);
    (void)madvise(block, BLOCK, MADV_NOHUGEPAGE);
    (void)visit_node(MAPPROC_NUMA_INTERLEAVE, 0, fill, block);
    for (size_t at = 0; at < BLOCK; at += 4096) {
        int node = node_of(block + at);

        assert_in_range(node, 0, 63);
        pages[node]++;
    }
    for (unsigned i = 0; i < topology.node_count; i++)
        if (topology.nodes[i].memory_allowed && topology.nodes[i].memory_size > 0)
            assert_true(pages[topology.nodes[i].number] > 0);
    (void)munmap(block, BLOCK);
}

/* ---- a file whose pages are all on one node, and a job that looks who gets its chunks ---- */

struct spot {
    int number;
    bool good;
};

/* Writes the file so that its pages in the page cache are on node `number`. */
static void write_file(void *argument)
{
    struct spot *spot = argument;
    struct bitmask *nodes = numa_allocate_nodemask();
    char *data = malloc(FILE_SIZE);

    (void)numa_bitmask_setbit(nodes, (unsigned)spot->number);
    (void)unlink(path);
    if (data != NULL && set_mempolicy(MPOL_BIND, nodes->maskp, nodes->size + 1) == 0) {
        memset(data, 'x', FILE_SIZE);
        spot->good = scratch_write(path, data, FILE_SIZE);
    }
    free(data);
    numa_bitmask_free(nodes);
}

static void place_file(int number)
{
    struct spot spot = {.number = number};
    struct mapproc_source source;
    struct mapproc_mapping mapping;

    (void)visit_node(MAPPROC_NUMA_AUTO, 0, write_file, &spot);
    assert_true(spot.good);
    assert_int_equal(mapproc_source_open(&source, path, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_mapping_open(&mapping, &source, 0, FILE_SIZE, false, NULL),
                     MAPPROC_OK);
    for (size_t at = 0; at < FILE_SIZE; at += 1 << 20) {
        assert_int_equal(mapproc_mapping_find_node(mapproc_mapping_at(&mapping, at)), number);
        assert_int_equal(node_of(mapproc_mapping_at(&mapping, at)), number);
    }
    mapproc_mapping_close(&mapping);
    mapproc_source_close(&source);
}

struct watch {
    bool taken;
    int home;             /* the node that should get the chunks */
    bool wait_for_others; /* who has a chunk waits until both its workers and others have one */
    atomic_uint at_home, elsewhere;
    atomic_bool waited_in_vain;
    uint64_t committed;
};

static int watch_next(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    struct watch *watch = context;
    bool first = !watch->taken;

    (void)error;
    watch->taken = true;
    item->source.path = path;
    return first;
}

static size_t watch_scratch(void *context, const struct mapproc_item *item, size_t length)
{
    (void)context;
    (void)item;
    (void)length;
    return 0;
}

static int watch_open(void *context, struct mapproc_item *item, struct mapproc_error *error)
{
    (void)context;
    (void)item;
    (void)error;
    return MAPPROC_OK;
}

static void watch_process(void *context, struct mapproc_chunk *chunk, size_t position,
                          const uint8_t *data, size_t length)
{
    struct watch *watch = context;

    (void)chunk;
    (void)position;
    (void)data;
    (void)length;
    atomic_fetch_add(current_node() == watch->home ? &watch->at_home : &watch->elsewhere, 1);
    for (int ms = 0; watch->wait_for_others &&
                     (atomic_load(&watch->at_home) == 0 || atomic_load(&watch->elsewhere) == 0);
         ms++) {
        if (ms == PATIENCE) {
            watch->waited_in_vain = true;
            return;
        }
        (void)usleep(1000);
    }
}

static void watch_commit(void *context, struct mapproc_chunk *chunk)
{
    struct watch *watch = context;

    watch->committed += chunk->length;
}

static int watch_report(void *context, struct mapproc_item *item, const struct mapproc_error *error)
{
    (void)context;
    (void)item;
    return error != NULL ? error->code : MAPPROC_OK;
}

static void watch_discard(void *context, struct mapproc_item *item)
{
    (void)context;
    (void)item;
}

static const struct mapproc_job watching_job = {
    .next = watch_next,
    .scratch_size = watch_scratch,
    .open = watch_open,
    .process = watch_process,
    .commit = watch_commit,
    .close = watch_open,
    .report = watch_report,
    .discard = watch_discard,
};

static void run(struct watch *watch, enum mapproc_numa policy)
{
    const struct mapproc_options options = {
        .threads = 2 * topology.cpu_node_count, .numa = policy, .chunk_size = 256 << 10};

    assert_int_equal(
        mapproc_pipeline_run(&watching_job, watch, mapproc_chunker_find("fixed"), &options, NULL),
        MAPPROC_OK);
    assert_int_equal(watch->committed, FILE_SIZE);
    assert_false(watch->waited_in_vain);
}

static void chunks_go_where_their_pages_are(void **state)
{
    (void)state;
    for (unsigned i = 0; i < topology.cpu_node_count; i++) {
        struct watch watch = {.home = topology.nodes[i].number};

        place_file(watch.home);
        run(&watch, MAPPROC_NUMA_BIND);
        assert_int_equal(watch.elsewhere, 0);
        assert_int_equal(watch.at_home, FILE_SIZE / (256 << 10));
    }
}

/* Neither gets all, whoever of them is first. */
static void idle_nodes_take_chunks(void **state)
{
    struct watch watch = {.home = topology.nodes[0].number, .wait_for_others = true};

    (void)state;
    place_file(watch.home);
    run(&watch, MAPPROC_NUMA_AUTO);
    assert_true(watch.elsewhere > 0);
    assert_true(watch.at_home > 0);
}

/* Pages on a node that has no CPU go to the nearest that has. */
static void memory_without_cpus_has_a_neighbour(void **state)
{
    unsigned node = topology.node_count - 1;
    struct watch watch = {0};

    (void)state;
    if (topology.node_count == topology.cpu_node_count)
        skip_because("no node with memory alone");
    watch.home =
        topology.nodes[mapproc_topology_nearest_cpu_node(&topology, topology.nodes[node].number)]
            .number;
    place_file(topology.nodes[node].number);
    run(&watch, MAPPROC_NUMA_BIND);
    assert_int_equal(watch.elsewhere, 0);
}

static int set_up(void **state)
{
    (void)state;
    if (!scratch_directory_make(&scratch) || mapproc_topology_init(&topology, NULL, NULL) != 0 ||
        mapproc_fault_guard_install(NULL) != MAPPROC_OK)
        return -1;
    (void)scratch_path(&scratch, "file", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mapproc_topology_destroy(&topology);
    (void)unlink(path);
    return rmdir(scratch.path);
}

static void there_are_nodes(void **state)
{
    (void)state;
    if (topology.cpu_node_count < 2)
        skip_because("fewer than two NUMA nodes with CPUs: scripts/numa-test runs it on some");
}

int main(void)
{
    const struct CMUnitTest alone[] = {cmocka_unit_test(there_are_nodes)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_stay_on_their_node),
        cmocka_unit_test(scratch_is_on_its_node),
        cmocka_unit_test(the_heap_is_on_its_node),
        cmocka_unit_test(interleaved_memory_is_everywhere),
        cmocka_unit_test(chunks_go_where_their_pages_are),
        cmocka_unit_test(idle_nodes_take_chunks),
        cmocka_unit_test(memory_without_cpus_has_a_neighbour),
    };

    struct mapproc_topology here;
    bool few = false;

    if (mapproc_topology_init(&here, NULL, NULL) == MAPPROC_OK) {
        few = here.cpu_node_count < 2;
        mapproc_topology_destroy(&here);
    }
    return few ? cmocka_run_group_tests_name("numa", alone, set_up, tear_down)
               : cmocka_run_group_tests_name("numa", tests, set_up, tear_down);
}
