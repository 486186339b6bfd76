/* SPDX-License-Identifier: MIT */
/* mapping.h - windows of a file in memory. */
#ifndef MAPPROC_INPUT_MAPPING_H
#define MAPPROC_INPUT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/source.h"

enum {
    /* Windows start at multiples of this, in the file and in memory, so that the page cache's huge
     * pages can be mapped as such. */
    MAPPROC_MAPPING_ALIGNMENT = 2 << 20,
};

/* A mapped range of an extent. Read-only; the file may change or vanish under it at any time. */
struct mapproc_mapping {
    const uint8_t *address;
    uint64_t offset; /* in the source, bytes */
    size_t length;   /* bytes */
};

/*
 * Maps the bytes from `offset`, rounded down to MAPPROC_MAPPING_ALIGNMENT, to `end` (at most the
 * source's size), and advises the kernel to use huge pages and to read ahead; but not beyond the
 * huge page that is touched if `apart`, which is for parts that belong to different NUMA nodes:
 * what is read ahead lands on the node of the reader. Fails as mmap() does; the advice is never
 * a reason to. Undo with mapproc_mapping_close().
 */
int mapproc_mapping_open(struct mapproc_mapping *mapping, const struct mapproc_source *source,
                         uint64_t offset, uint64_t end, bool apart, struct mapproc_error *error);
void mapproc_mapping_close(struct mapproc_mapping *mapping);

/* Where byte `offset` of the source is in memory; it must be in the mapping. */
static inline const uint8_t *mapproc_mapping_at(const struct mapproc_mapping *mapping,
                                                uint64_t offset)
{
    return mapping->address + (offset - mapping->offset);
}

/*
 * Brings bytes of a mapping into memory and into the page table in one call. Only advice: where it
 * fails, touching the bytes will do the same, or say what is wrong.
 */
void mapproc_mapping_populate(const uint8_t *data, size_t length);

/*
 * The number of the NUMA node (as the kernel counts) whose memory holds a byte of a mapping, or -1
 * if the byte is not there or nobody tells. Touches the byte, which waits for the device if it is
 * not in the page cache. Any thread, but not inside a guarded run.
 */
int mapproc_mapping_find_node(const uint8_t *byte);

#endif
