/* SPDX-License-Identifier: MIT */
/* meminfo.c - how much memory there is. */
#include "memory/meminfo.h"

#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/size_text.h"

/* Bytes of so many pages, as sysconf() counts them. */
static uint64_t pages_size(int what)
{
    long pages = sysconf(what), page_size = sysconf(_SC_PAGESIZE);
    uint64_t size;

    if (pages < 0 || page_size < 0 ||
        !mapproc_multiply_u64((uint64_t)pages, (uint64_t)page_size, &size))
        return 0;
    return size;
}

uint64_t mapproc_machine_memory(void)
{
    return pages_size(_SC_PHYS_PAGES);
}

uint64_t mapproc_machine_memory_free(void)
{
    return pages_size(_SC_AVPHYS_PAGES);
}

/* Lines are "MemTotal:   24684084 kB"; those of a node have "Node 0 " before it. */
uint64_t mapproc_meminfo_size(const char *text, const char *key)
{
    const char *found = text;
    size_t length = strlen(key);

    while ((found = strstr(found, key)) != NULL) {
        const char *value = found + length;
        uint64_t size;

        if ((found == text || found[-1] == '\n' || found[-1] == ' ') && *value == ':') {
            value++;
            value += strspn(value, " \t");
            if (!mapproc_digits_parse(&value, &size) || strncmp(value, " kB", 3) != 0 ||
                !mapproc_multiply_u64(size, 1024, &size))
                return 0;
            return size;
        }
        found = value;
    }
    return 0;
}
