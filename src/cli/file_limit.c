/* SPDX-License-Identifier: MIT */
/* file_limit.c - how many files the process may have open. */
#include "cli/file_limit.h"

#include <sys/resource.h>

void cli_file_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* else it stays, and may be enough */
}
