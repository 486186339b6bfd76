/* SPDX-License-Identifier: MIT */
/* file_cache.c - getting a file out of the page cache, and seeing what is in it. */
#include "bench/file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

#define WINDOW   (UINT64_C(1) << 30) /* bytes looked at in one mapping */
#define LEFTOVER 0.01                /* what may stay: pages that others just have in use */

/* Counts the pages of a window that are in memory. False if that cannot be found out. */
static bool count_pages(const struct mapproc_source *source, uint64_t offset, size_t length,
                        size_t page, uint64_t *resident)
{
    size_t pages = (length + page - 1) / page;
    unsigned char *states = malloc(pages);
    void *window;
    bool known;

    if (states == NULL)
        return false;
    window = mmap(NULL, length, PROT_READ, MAP_SHARED, source->fd, (off_t)(source->start + offset));
    if (window == MAP_FAILED) {
        free(states);
        return false;
    }
    known = mincore(window, length, states) == 0;
    for (size_t i = 0; known && i < pages; i++)
        *resident += states[i] & 1;
    (void)munmap(window, length);
    free(states);
    return known;
}

bool mapproc_file_cache_part(const struct mapproc_source *source, uint64_t size, double *part)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t resident = 0;

    for (uint64_t offset = 0; offset < size; offset += WINDOW)
        if (!count_pages(source, offset, (size_t)mapproc_min_u64(size - offset, WINDOW), page,
                         &resident))
            return false;
    *part = (double)resident / (double)((size + page - 1) / page);
    return true;
}

/* Asks the kernel to forget all that it can of every file. Only root may. */
static bool drop_all(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    bool done;

    if (fd < 0)
        return false;
    done = write(fd, "1\n", 2) == 2;
    (void)close(fd);
    return done;
}

const char *mapproc_file_cache_drop(const struct mapproc_source *source, uint64_t size)
{
    double part;

    /* Pages that were not written yet cannot be dropped. A file that cannot be synchronised has
     * none, or they will be seen below. */
    (void)fdatasync(source->fd);
    (void)posix_fadvise(source->fd, (off_t)source->start, (off_t)size, POSIX_FADV_DONTNEED);
    if (!mapproc_file_cache_part(source, size, &part))
        return "the kernel does not tell what is cached";
    if (part <= LEFTOVER)
        return NULL;
    if (!drop_all())
        return "it stays cached (in memory, in use, or not ours: try as root)";
    if (!mapproc_file_cache_part(source, size, &part) || part > LEFTOVER)
        return "it stays cached (a file in memory, or in use by others)";
    return NULL;
}
