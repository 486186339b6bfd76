/* SPDX-License-Identifier: MIT */
/* malloc_stats.h - the allocator's statistics at the end, if they were asked for. */
#ifndef MAPPROC_CLI_MALLOC_STATS_H
#define MAPPROC_CLI_MALLOC_STATS_H

/* Asks for them. */
void cli_malloc_stats_request(void);

/* Prints them to standard error, if they were asked for. */
void cli_malloc_stats_print(void);

#endif
