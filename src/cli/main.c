/* SPDX-License-Identifier: MIT */
/* main.c - the program: finds the verb and lets it run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job_progress.h"
#include "cli/malloc_stats.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/signals.h"
#include "cli/verbs.h"

#ifdef MAPPROC_JEMALLOC
/* jemalloc reads this when it starts. One arena that it makes by itself, because jemalloc 5.3.0
 * crashes when a thread's own cannot be made for want of address space (RLIMIT_AS); the threads'
 * caches keep it from mattering to speed. The arenas of the NUMA nodes are made by us (heap.c), in
 * a way that can fail. */
extern const char *malloc_conf __attribute__((visibility("default")));
const char *malloc_conf = "narenas:1";
#endif

static const struct cli_verb *const verbs[] = {
    &cli_verb_checksum,   &cli_verb_verify, &cli_verb_compare, &cli_verb_compress,
    &cli_verb_decompress, &cli_verb_cat,    &cli_verb_list,    &cli_verb_chunks,
    &cli_verb_watch,      &cli_verb_ctl,    &cli_verb_info,    &cli_verb_bench,
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void print_help(void)
{
    (void)printf("Usage: mapproc VERB [OPTION]... [FILE]...\n"
                 "Work on huge files on all cores.\n"
                 "\n"
                 "Verbs:\n");
    for (size_t i = 0; i < VERBS; i++)
        (void)printf("  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
    (void)printf("\n"
                 "  mapproc VERB --help   the options of a verb\n"
                 "  mapproc --version     the version\n");
}

/*
 * Makes sure that descriptors 0 to 2 are open, or the next file opened would become standard
 * output. They are opened the wrong way round, so that using them is the error it should be.
 */
static void open_standard_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
            _exit(CLI_FAILED);
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    cli_signals_report(verb->name);
    return verb->run(argc, argv);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "mapproc: no verb given (see 'mapproc --help')\n");
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("mapproc %s\n", mapproc_version());
        return CLI_OK;
    }
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i]->name) == 0)
            return run_verb(verbs[i], argc - 1, argv + 1);
    return cli_print_usage_error(NULL, argv[1],
                                 argv[1][0] == '-' ? "unknown option" : "unknown verb");
}

int main(int argc, char **argv)
{
    int status;

    open_standard_descriptors();
    status = run(argc, argv);
    cli_bar_stop();
    status = cli_output_finish(status);
    cli_progress_end(status);
    cli_malloc_stats_print();
    return status;
}
