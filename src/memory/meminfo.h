/* SPDX-License-Identifier: MIT */
/* meminfo.h - how much memory there is. */
#ifndef MAPPROC_MEMORY_MEMINFO_H
#define MAPPROC_MEMORY_MEMINFO_H

#include <stdint.h>

/* Bytes of RAM in the machine, and of it what is free. 0 if the C library does not know. */
uint64_t mapproc_machine_memory(void);
uint64_t mapproc_machine_memory_free(void);

/*
 * The size called `key` ("MemTotal") in the text of /proc/meminfo or of a NUMA node's meminfo,
 * in bytes; 0 if the text does not say.
 */
uint64_t mapproc_meminfo_size(const char *text, const char *key);

#endif
