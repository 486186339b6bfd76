/* SPDX-License-Identifier: MIT */
/* refuse_calls.c - runs a command to which the kernel refuses some system calls.
 *
 * Usage: refuse_calls NAME[,NAME]... COMMAND [ARGUMENT]...
 *
 * The calls fail with EPERM, as they do in a container with a strict seccomp filter. The exit
 * status is the command's; 125 if there can be no such filter, 126 if the command cannot be run.
 */
#include "refuse_calls.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_NO_FILTER = 125, EXIT_NO_COMMAND = 126 };

static const struct {
    const char *name;
    int number;
} calls[] = {
    {"copy_file_range", SYS_copy_file_range},
    {"fadvise64", SYS_fadvise64},
    {"fallocate", SYS_fallocate},
    {"get_mempolicy", SYS_get_mempolicy},
    {"getcpu", SYS_getcpu},
    {"madvise", SYS_madvise},
    {"mbind", SYS_mbind},
    {"mincore", SYS_mincore},
    {"move_pages", SYS_move_pages},
    {"preadv2", SYS_preadv2},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"set_mempolicy", SYS_set_mempolicy},
    {"timer_create", SYS_timer_create},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* The number of the call with this name, or -1. */
static int find_call(const char *name)
{
    for (size_t i = 0; i < CALLS; i++)
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].number;
    return -1;
}

int main(int argc, char **argv)
{
    int numbers[REFUSED_CALLS_MAX];
    size_t count = 0;
    char *names, *name;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: refuse_calls NAME[,NAME]... COMMAND [ARGUMENT]...\n");
        return EXIT_NO_FILTER;
    }
    names = argv[1];
    while ((name = strsep(&names, ",")) != NULL) {
        int number = find_call(name);

        if (number < 0 || count == REFUSED_CALLS_MAX) {
            (void)fprintf(stderr, "refuse_calls: %s: unknown, or one too many\n", name);
            return EXIT_NO_FILTER;
        }
        numbers[count++] = number;
    }
    if (refuse_calls(numbers, count) != 0) {
        perror("refuse_calls: no filter");
        return EXIT_NO_FILTER;
    }
    (void)execvp(argv[2], argv + 2);
    perror(argv[2]);
    return EXIT_NO_COMMAND;
}
