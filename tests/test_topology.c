/* SPDX-License-Identifier: MIT */
/* test_topology.c - this machine's nodes and usable CPUs, against what is said by other ways. */
#include "cmocka_all.h"

#include <errno.h>
#include <numa.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/topology.h"
#include "refuse_calls.h"

static void nodes_share_out_the_affinity_mask(void **state)
{
    struct mapproc_topology topology;
    cpu_set_t allowed, seen;
    unsigned cpus = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_true(topology.cpu_node_count >= 1);
    assert_true(topology.node_count >= topology.cpu_node_count);
    assert_int_equal(topology.cpu_count, CPU_COUNT(&allowed));
    CPU_ZERO(&seen);
    for (unsigned i = 0; i < topology.node_count; i++) {
        const struct mapproc_node *node = &topology.nodes[i];

        assert_int_equal(node->cpu_count, CPU_COUNT_S(topology.cpu_set_size, node->cpus));
        assert_int_equal(node->cpu_count >= 1, i < topology.cpu_node_count);
        cpus += node->cpu_count;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET_S(cpu, topology.cpu_set_size, node->cpus))
                continue;
            assert_true(CPU_ISSET(cpu, &allowed));
            assert_false(CPU_ISSET(cpu, &seen));
            CPU_SET(cpu, &seen);
        }
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(topology.nodes[j].number, node->number);
    }
    assert_int_equal(cpus, topology.cpu_count);
    mapproc_topology_destroy(&topology);
}

static void libnuma_agrees(void **state)
{
    struct mapproc_topology topology;
    struct bitmask *allowed;
    unsigned online = 0;

    (void)state;
    if (numa_available() < 0)
        skip_because("libnuma is not available");
    allowed = numa_get_mems_allowed();
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_int_equal(topology.numa_error, 0);
    for (unsigned i = 0; i < topology.node_count; i++) {
        const struct mapproc_node *node = &topology.nodes[i];
        long long size = numa_node_size64(node->number, NULL);

        assert_true(node->memory_size == (size > 0 ? (uint64_t)size : 0));
        assert_true(node->memory_free <= node->memory_size);
        assert_int_equal(node->memory_allowed,
                         numa_bitmask_isbitset(allowed, (unsigned)node->number));
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET_S(cpu, topology.cpu_set_size, node->cpus))
                assert_int_equal(numa_node_of_cpu(cpu), node->number);
        for (unsigned j = 0; j < topology.node_count; j++)
            assert_int_equal(mapproc_topology_distance(&topology, i, j),
                             numa_distance(node->number, topology.nodes[j].number));
    }
    for (int number = 0; number <= numa_max_node(); number++)
        online += numa_bitmask_isbitset(numa_nodes_ptr, (unsigned)number) != 0;
    assert_true(topology.node_count >= online);
    numa_bitmask_free(allowed);
    mapproc_topology_destroy(&topology);
}

/* The lowest CPU of the affinity mask, to which alone the calling thread is then kept. */
static int keep_to_one_cpu(void)
{
    cpu_set_t allowed, one;
    int cpu = 0;

    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    return cpu;
}

static void expect_refusal(const char *list, const char *what)
{
    struct mapproc_topology topology;
    struct mapproc_error error;

    assert_int_equal(mapproc_topology_init(&topology, list, &error), MAPPROC_REFUSED);
    assert_int_equal(error.code, MAPPROC_REFUSED);
    assert_string_equal(error.what, what);
}

/* In a thread of its own, because it narrows the affinity. */
static void *use_one_cpu(void *argument)
{
    struct mapproc_topology topology;
    int cpu = keep_to_one_cpu();
    char list[64], what[160];

    (void)argument;
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_int_equal(topology.cpu_count, 1);
    assert_int_equal(topology.cpu_node_count, 1);
    assert_true(CPU_ISSET_S(cpu, topology.cpu_set_size, topology.nodes[0].cpus));
    mapproc_topology_destroy(&topology);

    (void)snprintf(list, sizeof(list), "%d-%d", cpu, cpu + 1);
    (void)snprintf(what, sizeof(what), "CPU %d is not usable here; usable are %d", cpu + 1, cpu);
    expect_refusal(list, what);
    (void)snprintf(list, sizeof(list), "%d-99999999999", cpu);
    expect_refusal(list, what);
    (void)snprintf(list, sizeof(list), "%d,99999999999", cpu);
    (void)snprintf(what, sizeof(what), "CPU 99999999999 is not usable here; usable are %d", cpu);
    expect_refusal(list, what);
    (void)snprintf(what, sizeof(what), "the list of CPUs is empty; usable are %d", cpu);
    expect_refusal("", what);
    (void)snprintf(what, sizeof(what),
                   "'0,,1' is no list of CPUs such as 0-3,8 or 0-31:2; usable are %d", cpu);
    expect_refusal("0,,1", what);
    (void)snprintf(what, sizeof(what),
                   "'0'$'\\n\\033''[2J' is no list of CPUs such as 0-3,8 or 0-31:2; usable are %d",
                   cpu);
    expect_refusal("0\n\033[2J", what);
    return NULL;
}

static void run_in_thread(void *(*function)(void *argument), void *argument)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void affinity_is_respected(void **state)
{
    (void)state;
    run_in_thread(use_one_cpu, NULL);
}

/* A message is one clause with its end, however long the list is that it quotes. */
static void long_lists_are_cut_in_messages(void **state)
{
    struct mapproc_topology topology;
    struct mapproc_error error;
    char list[1000];

    (void)state;
    memset(list, '\033', sizeof(list) - 1);
    list[sizeof(list) - 1] = '\0';
    assert_int_equal(mapproc_topology_init(&topology, list, &error), MAPPROC_REFUSED);
    assert_non_null(strstr(error.what, "... is no list of CPUs"));
    assert_non_null(strstr(error.what, "; usable are "));
    assert_null(strchr(error.what, '\033'));
    assert_true(strlen(error.what) < sizeof(error.what) - 1);
}

static void a_list_narrows_the_cpus(void **state)
{
    struct mapproc_topology topology;
    cpu_set_t allowed;
    char list[16];

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        (void)snprintf(list, sizeof(list), "%d", cpu);
        assert_int_equal(mapproc_topology_init(&topology, list, NULL), MAPPROC_OK);
        assert_int_equal(topology.cpu_count, 1);
        assert_int_equal(topology.cpu_node_count, 1);
        assert_int_equal(CPU_COUNT_S(topology.cpu_set_size, topology.nodes[0].cpus), 1);
        assert_true(CPU_ISSET_S(cpu, topology.cpu_set_size, topology.nodes[0].cpus));
        for (unsigned i = 1; i < topology.node_count; i++)
            assert_int_equal(topology.nodes[i].cpu_count, 0);
        mapproc_topology_destroy(&topology);
    }
}

static void *pin_to_first_node(void *argument)
{
    const struct mapproc_topology *topology = argument;
    cpu_set_t now;

    assert_int_equal(mapproc_topology_pin_thread(topology, &topology->nodes[0]), 0);
    assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        assert_int_equal(CPU_ISSET(cpu, &now),
                         CPU_ISSET_S(cpu, topology->cpu_set_size, topology->nodes[0].cpus));
    return NULL;
}

static void *pin_to_no_cpu(void *argument)
{
    const struct mapproc_topology *topology = argument;
    cpu_set_t none;
    const struct mapproc_node node = {.cpus = &none};

    CPU_ZERO(&none);
    assert_int_equal(mapproc_topology_pin_thread(topology, &node), EINVAL);
    return NULL;
}

static void threads_can_be_pinned(void **state)
{
    struct mapproc_topology topology;

    (void)state;
    assert_int_equal(mapproc_topology_init(&topology, NULL, NULL), MAPPROC_OK);
    assert_int_equal(topology.cpu_set_size, sizeof(cpu_set_t));
    run_in_thread(pin_to_first_node, &topology);
    run_in_thread(pin_to_no_cpu, &topology);
    mapproc_topology_destroy(&topology);
}

/* What a process is left with that may not ask about nodes. Returns 0, or a number that tells what
 * is wrong; 1 is for no filter. */
static int look_where_calls_are_refused(const int *calls, size_t count, unsigned cpus)
{
    struct mapproc_topology topology;
    const struct mapproc_node *node;

    if (refuse_calls(calls, count) != 0)
        return 1;
    if (mapproc_topology_init(&topology, NULL, NULL) != MAPPROC_OK)
        return 2;
    node = &topology.nodes[0];
    if (topology.numa_error != EPERM || topology.node_count != 1 || topology.cpu_node_count != 1)
        return 3;
    if (topology.cpu_count != cpus || node->cpu_count != cpus ||
        CPU_COUNT_S(topology.cpu_set_size, node->cpus) != (int)cpus)
        return 4;
    if (node->number != 0 || !node->memory_allowed || node->memory_free > node->memory_size ||
        node->memory_size != (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE))
        return 5;
    if (mapproc_topology_distance(&topology, 0, 0) != MAPPROC_DISTANCE_LOCAL ||
        mapproc_topology_nearest_cpu_node(&topology, 3) != 0)
        return 6;
    mapproc_topology_destroy(&topology);
    return 0;
}

static void expect_one_node(const int *calls, size_t count, unsigned cpus)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(look_where_calls_are_refused(calls, count, cpus));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 1)
        skip_because("there can be no seccomp filter");
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_numa_calls_all_is_one_node(void **state)
{
    static const int calls[] = {SYS_get_mempolicy, SYS_sched_getaffinity};
    cpu_set_t allowed;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    expect_one_node(calls, 1, (unsigned)CPU_COUNT(&allowed));
    expect_one_node(calls, 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_share_out_the_affinity_mask),
        cmocka_unit_test(libnuma_agrees),
        cmocka_unit_test(affinity_is_respected),
        cmocka_unit_test(long_lists_are_cut_in_messages),
        cmocka_unit_test(a_list_narrows_the_cpus),
        cmocka_unit_test(threads_can_be_pinned),
        cmocka_unit_test(without_numa_calls_all_is_one_node),
    };

    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
