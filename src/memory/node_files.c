/* SPDX-License-Identifier: MIT */
/* node_files.c - the NUMA nodes as the kernel shows them in sysfs. */
#include "memory/node_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_list.h"
#include "base/size_text.h"
#include "base/text_file.h"
#include "memory/meminfo.h"

enum {
    TEXT_MAX = 1 << 20,     /* bytes of a file */
    DISTANCE_MAX = 1 << 16, /* the kernel has no more than 255 */
};

/* Numbers of nodes. The C library's sets of CPUs have room for as many nodes as a kernel can have,
 * which is 1024. */
typedef cpu_set_t node_set;

/* Reads the file at root + path. NULL with errno set. */
static char *read_file(const char *root, const char *path)
{
    char whole[PATH_MAX];
    int length = snprintf(whole, sizeof(whole), "%s%s", root, path);

    if (length < 0 || (size_t)length >= sizeof(whole)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return mapproc_text_file_read(whole, TEXT_MAX);
}

static char *read_node_file(const char *root, int number, const char *name)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/%s", number, name);
    return read_file(root, path);
}

/* Reads the list that the text begins with, on a line of its own. */
static bool parse_list_line(char *text, cpu_set_t *set, size_t size)
{
    text[strcspn(text, "\n")] = '\0';
    return mapproc_cpu_list_parse(text, set, size, NULL);
}

/* The nodes that are online, one or more. Returns 0 or an errno. */
static int read_online(const char *root, node_set *online)
{
    char *text = read_file(root, "/sys/devices/system/node/online");
    bool sound;

    if (text == NULL)
        return errno;
    sound = parse_list_line(text, online, sizeof(*online)) && CPU_COUNT(online) > 0;
    free(text);
    return sound ? 0 : EINVAL;
}

/* The nodes that the cpuset allows this process to take memory on; all where nobody tells. */
static void read_allowed(const char *root, node_set *allowed)
{
    static const char key[] = "\nMems_allowed_list:\t";
    char *text = read_file(root, "/proc/thread-self/status");
    char *found = text != NULL ? strstr(text, key) : NULL;

    if (found == NULL || !parse_list_line(found + strlen(key), allowed, sizeof(*allowed)))
        memset(allowed, 0xff, sizeof(*allowed));
    free(text);
}

/* Moves the node's CPUs from those `left` to the node. Returns 0 or ENOMEM. */
static int read_cpus(const char *root, struct mapproc_node *node, cpu_set_t *left, size_t size)
{
    char *text;

    node->cpus = calloc(1, size);
    if (node->cpus == NULL)
        return ENOMEM;
    text = read_node_file(root, node->number, "cpulist");
    if (text == NULL)
        return errno == ENOMEM ? ENOMEM : 0;
    if (parse_list_line(text, node->cpus, size)) {
        CPU_AND_S(size, node->cpus, node->cpus, left);
        CPU_XOR_S(size, left, left, node->cpus);
    } else {
        CPU_ZERO_S(size, node->cpus);
    }
    free(text);
    node->cpu_count = (unsigned)CPU_COUNT_S(size, node->cpus);
    return 0;
}

static void read_memory(const char *root, struct mapproc_node *node)
{
    char *text = read_node_file(root, node->number, "meminfo");

    if (text == NULL)
        return;
    node->memory_size = mapproc_meminfo_size(text, "MemTotal");
    node->memory_free = mapproc_meminfo_size(text, "MemFree");
    free(text);
}

/*
 * The distances from one node to each of `count`, in the order of their numbers, as the kernel
 * writes them: "10 21 21". Those that are not there are left alone.
 */
static void read_distances(const char *root, int number, unsigned *row, unsigned count)
{
    char *text = read_node_file(root, number, "distance");
    const char *p = text;

    for (unsigned i = 0; p != NULL && i < count; i++) {
        uint64_t distance;

        p += strspn(p, " ");
        if (!mapproc_digits_parse(&p, &distance))
            break;
        if (distance > 0 && distance <= DISTANCE_MAX)
            row[i] = (unsigned)distance;
    }
    free(text);
}

/* Fills in topology->distances. `ranks` has for each node its place among the numbers. */
static int make_distances(struct mapproc_topology *topology, const char *root,
                          const unsigned *ranks)
{
    size_t count = topology->node_count;
    unsigned *row = calloc(count, sizeof(*row));

    topology->distances = calloc(count * count, sizeof(*topology->distances));
    if (row == NULL || topology->distances == NULL) {
        free(row);
        return ENOMEM;
    }
    for (size_t from = 0; from < count; from++) {
        for (size_t to = 0; to < count; to++)
            row[to] = to == ranks[from] ? MAPPROC_DISTANCE_LOCAL : MAPPROC_DISTANCE_REMOTE;
        read_distances(root, topology->nodes[from].number, row, topology->node_count);
        for (size_t to = 0; to < count; to++)
            topology->distances[from * count + to] = row[ranks[to]];
    }
    free(row);
    return 0;
}

/* Reads all nodes that are online into topology->nodes, by rising number. */
static int read_nodes(struct mapproc_topology *topology, const char *root, const node_set *online,
                      cpu_set_t *left)
{
    node_set allowed;
    int result = 0;

    read_allowed(root, &allowed);
    topology->nodes = calloc((size_t)CPU_COUNT(online), sizeof(*topology->nodes));
    if (topology->nodes == NULL)
        return ENOMEM;
    for (size_t number = 0; result == 0 && number < CPU_SETSIZE; number++) {
        struct mapproc_node *node = &topology->nodes[topology->node_count];

        if (!CPU_ISSET(number, online))
            continue;
        *node = (struct mapproc_node){
            .number = (int)number,
            .memory_allowed = CPU_ISSET(number, &allowed) != 0,
        };
        result = read_cpus(root, node, left, topology->cpu_set_size);
        read_memory(root, node);
        topology->node_count++;
    }
    return result;
}

/* Puts nodes with CPUs before those without, and notes in `ranks` where each was. */
static int sort_nodes(struct mapproc_topology *topology, unsigned *ranks)
{
    struct mapproc_node *sorted = calloc(topology->node_count, sizeof(*sorted));
    unsigned count = 0;

    if (sorted == NULL)
        return ENOMEM;
    for (int with_cpus = 1; with_cpus >= 0; with_cpus--) {
        for (unsigned i = 0; i < topology->node_count; i++) {
            if ((topology->nodes[i].cpu_count > 0) != with_cpus)
                continue;
            ranks[count] = i;
            sorted[count++] = topology->nodes[i];
        }
        if (with_cpus)
            topology->cpu_node_count = count;
    }
    free(topology->nodes);
    topology->nodes = sorted;
    return 0;
}

/* Gives CPUs that are on no node to the first one. */
static void adopt_cpus(struct mapproc_topology *topology, const cpu_set_t *left)
{
    struct mapproc_node *first = &topology->nodes[0];
    size_t size = topology->cpu_set_size;

    CPU_OR_S(size, first->cpus, first->cpus, left);
    first->cpu_count = (unsigned)CPU_COUNT_S(size, first->cpus);
    if (topology->cpu_node_count == 0)
        topology->cpu_node_count = 1;
}

/* Undoes what was made before something failed. */
static void discard_nodes(struct mapproc_topology *topology)
{
    struct mapproc_topology before = {
        .cpu_count = topology->cpu_count,
        .cpu_set_size = topology->cpu_set_size,
    };

    mapproc_topology_destroy(topology);
    *topology = before;
}

int mapproc_node_files_read(struct mapproc_topology *topology, const char *root,
                            const cpu_set_t *usable)
{
    size_t size = topology->cpu_set_size;
    cpu_set_t *left = NULL;
    unsigned *ranks = NULL;
    node_set online;
    int result = read_online(root, &online);

    if (result != 0)
        return result;
    left = malloc(size);
    ranks = calloc((size_t)CPU_COUNT(&online), sizeof(*ranks));
    if (left == NULL || ranks == NULL) {
        result = ENOMEM;
        goto free_tables;
    }
    memcpy(left, usable, size);
    result = read_nodes(topology, root, &online, left);
    if (result == 0)
        result = sort_nodes(topology, ranks);
    if (result == 0)
        result = make_distances(topology, root, ranks);
    if (result == 0)
        adopt_cpus(topology, left);
    else
        discard_nodes(topology);

free_tables:
    free(ranks);
    free(left);
    return result;
}
