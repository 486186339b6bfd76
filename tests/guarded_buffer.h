/* SPDX-License-Identifier: MIT */
/* guarded_buffer.h - buffers that end exactly at a page which must not be touched. */
#ifndef MAPPROC_TESTS_GUARDED_BUFFER_H
#define MAPPROC_TESTS_GUARDED_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded_buffer {
    uint8_t *mapping;
    size_t mapped;
    uint8_t *end; /* one byte further is the guard page */
};

/* Room for `size` bytes before the guard page. Returns 0, or -1 with errno set. */
static inline int guarded_buffer_init(struct guarded_buffer *buffer, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (size + page - 1) / page * page;

    buffer->mapped = usable + page;
    buffer->mapping =
        mmap(NULL, buffer->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer->mapping == MAP_FAILED)
        return -1;
    buffer->end = buffer->mapping + usable;
    return mprotect(buffer->end, page, PROT_NONE);
}

static inline void guarded_buffer_destroy(struct guarded_buffer *buffer)
{
    (void)munmap(buffer->mapping, buffer->mapped);
}

#endif
