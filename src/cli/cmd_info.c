/* SPDX-License-Identifier: MIT */
/* cmd_info.c - mapproc info: what this machine offers, and what a job would make of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/cpu_list.h"
#include "base/quote.h"
#include "base/size_text.h"
#include "base/text_file.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "codec/codec.h"
#include "codec/inflater.h"
#include "digest/digest.h"
#include "jobs/digest_run.h"
#include "memory/heap.h"
#include "memory/limits.h"
#include "memory/topology.h"
#include "pipeline/budget.h"
#include "pipeline/chunking.h"

enum {
    LIST_TEXT_MAX = 512,       /* bytes of a list of CPUs; longer ones end in "..." */
    SETTING_MAX = 32,          /* bytes of a kernel setting */
    KERNEL_FILE_MAX = 4 << 10, /* bytes read of a file that has one setting */
};

#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    bool json;
};

/* All that is told, in the order in which it is. */
struct facts {
    const char *cpu_level;
    struct mapproc_topology topology;
    char usable[LIST_TEXT_MAX];
    struct mapproc_limits limits;
    struct mapproc_budget budget; /* of a job */
    uint64_t memory;              /* that it keeps to, bytes */
    char thp[SETTING_MAX];
    char thp_defrag[SETTING_MAX];
    char thp_shmem[SETTING_MAX];
    uint64_t huge_page_size; /* bytes, 0: none */
    char allocator[64];
};

/* ---- finding out ---- */

static void list_cpus(const struct mapproc_topology *topology, const cpu_set_t *cpus, char *text)
{
    size_t length = mapproc_cpu_list_format(cpus, topology->cpu_set_size, text, LIST_TEXT_MAX);

    if (length >= LIST_TEXT_MAX)
        (void)strcpy(text + LIST_TEXT_MAX - 4, "...");
}

static void list_usable(struct facts *facts)
{
    const struct mapproc_topology *topology = &facts->topology;
    cpu_set_t *all = CPU_ALLOC(topology->cpu_set_size * 8);

    facts->usable[0] = '\0';
    if (all == NULL)
        return;
    CPU_ZERO_S(topology->cpu_set_size, all);
    for (unsigned i = 0; i < topology->cpu_node_count; i++)
        CPU_OR_S(topology->cpu_set_size, all, all, topology->nodes[i].cpus);
    list_cpus(topology, all, facts->usable);
    CPU_FREE(all);
}

/* Of a file that shows all choices with the one in force in brackets: "always [madvise] never". */
static void read_choice(const char *path, char *choice)
{
    char *text = mapproc_text_file_read(path, KERNEL_FILE_MAX);
    const char *begin = text != NULL ? strchr(text, '[') : NULL;
    size_t length = begin != NULL ? strcspn(++begin, "]\n") : 0;

    if (length == 0 || length >= SETTING_MAX)
        (void)snprintf(choice, SETTING_MAX, "unknown");
    else
        (void)snprintf(choice, SETTING_MAX, "%.*s", (int)length, begin);
    free(text);
}

static uint64_t read_number(const char *path)
{
    char *text = mapproc_text_file_read(path, KERNEL_FILE_MAX);
    uint64_t number = 0;

    if (text != NULL) {
        text[strcspn(text, "\n")] = '\0';
        (void)mapproc_number_parse(text, 0, UINT64_MAX, &number);
    }
    free(text);
    return number;
}

static int find_facts(struct facts *facts, const struct mapproc_options *options,
                      struct mapproc_error *error)
{
    enum mapproc_cpu_level level;
    int result = mapproc_cpu_level_select(&level, error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_topology_init(&facts->topology, options->cpus, error);
    if (result != MAPPROC_OK)
        return result;
    mapproc_limits_find(&facts->limits, "");
    result = mapproc_digest_plan(options, &facts->topology, &facts->limits, &facts->budget, error);
    if (result != MAPPROC_OK) {
        mapproc_topology_destroy(&facts->topology);
        return result;
    }
    facts->cpu_level = mapproc_cpu_level_name(level);
    list_usable(facts);
    facts->memory =
        options->memory != 0 ? options->memory : mapproc_budget_default_memory(&facts->limits);
    if (facts->memory < facts->budget.memory) /* then it grows to the least that works */
        facts->memory = facts->budget.memory;
    read_choice(HUGE_PAGES "enabled", facts->thp);
    read_choice(HUGE_PAGES "defrag", facts->thp_defrag);
    read_choice(HUGE_PAGES "shmem_enabled", facts->thp_shmem);
    facts->huge_page_size = read_number(HUGE_PAGES "hpage_pmd_size");
    mapproc_heap_describe(facts->allocator, sizeof(facts->allocator));
    return MAPPROC_OK;
}

/* ---- for people ---- */

static void print_nodes(const struct mapproc_topology *topology)
{
    char list[LIST_TEXT_MAX], size[MAPPROC_SIZE_TEXT_MAX], available[MAPPROC_SIZE_TEXT_MAX];

    for (unsigned i = 0; i < topology->node_count; i++) {
        const struct mapproc_node *node = &topology->nodes[i];

        list_cpus(topology, node->cpus, list);
        (void)printf("node %-8d %s%s, %s, %s free%s; distances", node->number,
                     node->cpu_count > 0 ? "CPUs " : "no usable CPU", list,
                     mapproc_size_format(node->memory_size, size),
                     mapproc_size_format(node->memory_free, available),
                     node->memory_allowed ? "" : " (not for this process)");
        for (unsigned j = 0; j < topology->node_count; j++)
            (void)printf(" %d:%u", topology->nodes[j].number,
                         mapproc_topology_distance(topology, i, j));
        (void)printf("\n");
    }
    if (topology->numa_error != 0)
        (void)printf("NUMA          not told by the system (%s): all is taken for one node\n",
                     strerror(topology->numa_error));
}

/* A limit and the file that says so; the name of a cgroup may have any bytes. */
static void print_limit(const char *what, const char *value, const char *from)
{
    char quoted[4 * MAPPROC_LIMIT_FROM_MAX];

    if (from[0] == '\0') {
        (void)printf("%-13s none\n", what);
        return;
    }
    (void)mapproc_quote_name(from, quoted, sizeof(quoted));
    (void)printf("%-13s %s, by %s\n", what, value, quoted);
}

static void print_limits(const struct facts *facts)
{
    char size[MAPPROC_SIZE_TEXT_MAX], quota[32];

    (void)snprintf(quota, sizeof(quota), "%" PRIu64 ".%03" PRIu64 " CPUs",
                   facts->limits.cpu_quota / 1000, facts->limits.cpu_quota % 1000);
    print_limit("CPU quota", quota, facts->limits.cpu_quota_from);
    print_limit("memory limit", mapproc_size_format(facts->limits.memory, size),
                facts->limits.memory_from);
    (void)printf("RAM           %s\n", mapproc_size_format(facts->limits.machine_memory, size));
}

static void print_digests(void)
{
    const struct mapproc_digest *digest;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        (void)printf("%-13s %-9s %s inside one file; %s\n", i == 0 ? "digests" : "", digest->name,
                     digest->fold != NULL ? "all cores" : "one core", digest->kernel());
}

static void print_codecs(void)
{
    const struct mapproc_codec *codec;

    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++)
        (void)printf("%-13s %s %s, levels %d to %d\n", i == 0 ? "codecs" : "", codec->name,
                     codec->version(), codec->level_min, codec->level_max);
    (void)printf("%-13s %s %s, of streams without known borders\n", "inflater",
                 mapproc_inflater_name(), mapproc_inflater_version());
}

/* What makes each level where no codec is named. */
static void print_levels(void)
{
    for (int level = 1; level <= MAPPROC_LEVEL_MAX; level++) {
        int own;
        const struct mapproc_codec *codec = mapproc_codec_for_level(level, &own);

        (void)printf("%-13s %5d  %s %d\n", level == 1 ? "levels" : "", level, codec->name, own);
    }
}

static void print_chunkers(void)
{
    const struct mapproc_chunker *chunker;

    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++)
        (void)printf("%-13s %-9s %s\n", i == 0 ? "chunkers" : "", chunker->name, chunker->summary);
}

static void print_facts(const struct facts *facts, bool verbose)
{
    char size[MAPPROC_SIZE_TEXT_MAX], chunk[MAPPROC_SIZE_TEXT_MAX];

    (void)printf("mapproc       %s\n", mapproc_version());
    print_nodes(&facts->topology);
    (void)printf("usable CPUs   %s: %u\n", facts->usable, facts->topology.cpu_count);
    print_limits(facts);
    (void)printf("a job uses    %u %s, chunks of %s, and keeps to %s\n", facts->budget.workers,
                 facts->budget.workers == 1 ? "thread" : "threads",
                 mapproc_size_format(facts->budget.chunk_size, chunk),
                 mapproc_size_format(facts->memory, size));
    (void)printf("huge pages    %s, of %s; defrag %s; shared memory %s\n", facts->thp,
                 mapproc_size_format(facts->huge_page_size, size), facts->thp_defrag,
                 facts->thp_shmem);
    (void)printf("allocator     %s\n", facts->allocator);
    (void)printf("CPU level     %s\n", facts->cpu_level);
    print_digests();
    print_codecs();
    if (verbose)
        print_levels();
    print_chunkers();
}

/* ---- as JSON ---- */

static void add_nodes(struct cli_json *json, const struct mapproc_topology *topology)
{
    char text[LIST_TEXT_MAX];

    cli_json_open_array(json, "nodes");
    for (unsigned i = 0; i < topology->node_count; i++) {
        const struct mapproc_node *node = &topology->nodes[i];

        list_cpus(topology, node->cpus, text);
        cli_json_open_object(json, NULL);
        cli_json_unsigned(json, "number", (uint64_t)node->number);
        cli_json_text(json, "cpus", text);
        cli_json_unsigned(json, "cpu_count", node->cpu_count);
        cli_json_unsigned(json, "memory", node->memory_size);
        cli_json_unsigned(json, "memory_free", node->memory_free);
        cli_json_boolean(json, "memory_allowed", node->memory_allowed);
        cli_json_open_object(json, "distances");
        for (unsigned j = 0; j < topology->node_count; j++) {
            (void)snprintf(text, sizeof(text), "%d", topology->nodes[j].number);
            cli_json_unsigned(json, text, mapproc_topology_distance(topology, i, j));
        }
        cli_json_close(json);
        cli_json_close(json);
    }
    cli_json_close(json);
    cli_json_text(json, "numa_error",
                  topology->numa_error != 0 ? strerror(topology->numa_error) : NULL);
}

static void add_limits(struct cli_json *json, const struct mapproc_limits *limits)
{
    cli_json_open_object(json, "limits");
    if (limits->cpu_quota != 0) {
        cli_json_real(json, "cpu_quota", (double)limits->cpu_quota / 1000);
        cli_json_name(json, "cpu_quota_from", limits->cpu_quota_from);
    } else {
        cli_json_null(json, "cpu_quota");
        cli_json_null(json, "cpu_quota_from");
    }
    if (limits->memory != 0) {
        cli_json_unsigned(json, "memory", limits->memory);
        cli_json_name(json, "memory_from", limits->memory_from);
    } else {
        cli_json_null(json, "memory");
        cli_json_null(json, "memory_from");
    }
    cli_json_unsigned(json, "machine_memory", limits->machine_memory);
    cli_json_close(json);
}

static void add_digests(struct cli_json *json)
{
    const struct mapproc_digest *digest;

    cli_json_open_array(json, "digests");
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        cli_json_open_object(json, NULL);
        cli_json_text(json, "name", digest->name);
        cli_json_text(json, "kernel", digest->kernel());
        cli_json_boolean(json, "parallel", digest->fold != NULL);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void add_codecs(struct cli_json *json)
{
    const struct mapproc_codec *codec;

    cli_json_open_array(json, "codecs");
    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL; i++) {
        cli_json_open_object(json, NULL);
        cli_json_text(json, "name", codec->name);
        cli_json_text(json, "version", codec->version());
        cli_json_unsigned(json, "level_min", (uint64_t)codec->level_min);
        cli_json_unsigned(json, "level_max", (uint64_t)codec->level_max);
        cli_json_close(json);
    }
    cli_json_close(json);
    cli_json_open_object(json, "inflater");
    cli_json_text(json, "name", mapproc_inflater_name());
    cli_json_text(json, "version", mapproc_inflater_version());
    cli_json_close(json);
    cli_json_open_array(json, "levels");
    for (int level = 1; level <= MAPPROC_LEVEL_MAX; level++) {
        int own;

        codec = mapproc_codec_for_level(level, &own);
        cli_json_open_object(json, NULL);
        cli_json_unsigned(json, "level", (uint64_t)level);
        cli_json_text(json, "codec", codec->name);
        cli_json_unsigned(json, "codec_level", (uint64_t)own);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void add_chunkers(struct cli_json *json)
{
    const struct mapproc_chunker *chunker;

    cli_json_open_array(json, "chunkers");
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++) {
        cli_json_open_object(json, NULL);
        cli_json_text(json, "name", chunker->name);
        cli_json_text(json, "summary", chunker->summary);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void print_json(const struct facts *facts)
{
    struct cli_json json;

    cli_json_begin(&json);
    cli_json_text(&json, "version", mapproc_version());
    add_nodes(&json, &facts->topology);
    cli_json_open_object(&json, "cpus");
    cli_json_text(&json, "usable", facts->usable);
    cli_json_unsigned(&json, "count", facts->topology.cpu_count);
    cli_json_text(&json, "level", facts->cpu_level);
    cli_json_close(&json);
    add_limits(&json, &facts->limits);
    cli_json_open_object(&json, "defaults");
    cli_json_unsigned(&json, "threads", facts->budget.workers);
    cli_json_unsigned(&json, "chunk_size", facts->budget.chunk_size);
    cli_json_unsigned(&json, "memory", facts->memory);
    cli_json_close(&json);
    cli_json_open_object(&json, "huge_pages");
    cli_json_text(&json, "transparent", facts->thp);
    cli_json_text(&json, "defrag", facts->thp_defrag);
    cli_json_text(&json, "shmem", facts->thp_shmem);
    cli_json_unsigned(&json, "size", facts->huge_page_size);
    cli_json_close(&json);
    cli_json_text(&json, "allocator", facts->allocator);
    add_digests(&json);
    add_codecs(&json);
    add_chunkers(&json);
    (void)cli_json_print(&json);
}

/* ---- the verb ---- */

static const char *apply_json(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    return cli_json_apply(&mine->json);
}

static const struct cli_option options[] = {
    {"json", '\0', NULL, "print one JSON object", apply_json},
    {NULL, '\0', NULL, NULL, NULL},
};

static int run(int argc, char **argv)
{
    struct settings settings = {0};
    struct mapproc_error error;
    struct facts facts;
    int operands;
    int result = cli_parse_options(&cli_verb_info, argc, argv, &settings, &operands);

    if (result != CLI_OK)
        return result;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_info);
        return CLI_OK;
    }
    if (operands < argc)
        return cli_print_usage_error("info", argv[operands], "takes no operand");
    result = find_facts(&facts, &settings.common.job, &error);
    if (result != MAPPROC_OK) {
        cli_print_error(&error);
        return cli_status_from_code(result);
    }
    if (settings.json)
        print_json(&facts);
    else
        print_facts(&facts, settings.common.verbose);
    mapproc_topology_destroy(&facts.topology);
    return CLI_OK;
}

const struct cli_verb cli_verb_info = {
    .name = "info",
    .operands = "",
    .summary = "Tell what this machine offers and what a job would make of it.",
    .details =
        "NUMA nodes with their CPUs, memory and distances; the CPUs that this process may use; "
        "the\n"
        "limits of its cgroups and the files they were found in; what a job uses by default, or\n"
        "with the options -j, --cpus and --memory given here; huge pages; the allocator; digests\n"
        "with the code that computes them; codecs with their versions, and with -v which of them\n"
        "makes which level of compression; chunkers. Sizes in JSON are in bytes, the CPU quota in\n"
        "CPUs, what there is not is null.\n",
    .options = options,
    .run = run,
};
