/* SPDX-License-Identifier: MIT */
/* gzi_index.h - .gzi files: where the members of a compressed file begin.
 *
 * The layout of htslib's `bgzip --index`, of use for any file of gzip members: u64 LE count, then
 * as many pairs of u64 LE {offset in the compressed file, offset in the data}, in ascending order.
 * The first member, {0, 0}, is left out, and so are members without data, such as end marks. For
 * no data at all bgzip 1.16 writes a count of 2^64 - 1; we write 0 and read both. gztool's files,
 * which have the same suffix and other content, are refused.
 */
#ifndef MAPPROC_FORMAT_GZI_INDEX_H
#define MAPPROC_FORMAT_GZI_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/text_sink.h"
#include "input/source.h"

struct mapproc_gzi_entry {
    uint64_t compressed; /* offset of the member */
    uint64_t raw;        /* offset of its first byte of data */
};

/* Not thread-safe while it grows. */
struct mapproc_gzi_index {
    struct mapproc_gzi_entry *entries; /* without {0, 0}: as in the file */
    size_t count;
    size_t capacity;
};

void mapproc_gzi_init(struct mapproc_gzi_index *index);
void mapproc_gzi_free(struct mapproc_gzi_index *index);

/*
 * Adds the next member that has data; {0, 0} is taken and left out. MAPPROC_REFUSED, with the index
 * unchanged, if it does not come behind the last; MAPPROC_FAILED without memory.
 */
int mapproc_gzi_add(struct mapproc_gzi_index *index, uint64_t compressed, uint64_t raw,
                    struct mapproc_error *error);

/* Writes the file's bytes to the sink, some KiB at a time. MAPPROC_OK or what the sink returned. */
int mapproc_gzi_write(const struct mapproc_gzi_index *index, const struct mapproc_text_sink *sink,
                      struct mapproc_error *error);

/*
 * Reads an index, an open extent, for a compressed file of `compressed_size` bytes into an index
 * that is empty. MAPPROC_BAD_DATA if it is none: its size does not fit the count, offsets do not
 * ascend or are not in the compressed file. Whether it belongs to it is mapproc_gzi_check().
 * Memory: the size of the file, once that is known to fit. After an error the index is empty.
 */
int mapproc_gzi_read(struct mapproc_gzi_index *index, const struct mapproc_source *file,
                     uint64_t compressed_size, struct mapproc_error *error);

/* The last member that begins at or before `raw` of the data: {0, 0} if there is no other. *number
 * (may be NULL) gets its number from 0, counting {0, 0}. */
struct mapproc_gzi_entry mapproc_gzi_find(const struct mapproc_gzi_index *index, uint64_t raw,
                                          size_t *number);

/* Member number `number`, from 0 for {0, 0} up to index->count. */
struct mapproc_gzi_entry mapproc_gzi_entry_at(const struct mapproc_gzi_index *index, size_t number);

/*
 * Whether the index belongs to the compressed file `file`, an extent, as far as a look at some 20
 * members tells, among them the first, the last and the one that holds `raw`: there is a good
 * header at the offset; a size that it states leads to the next offset, and from the last member
 * to the end of the file (with nothing but end marks between); the size of the data before the
 * border is the difference of the offsets. So an index of another file is found out, and one that
 * was made to lie leads to a wrong place only where the members' own sizes have been made to lie as
 * well.
 *
 * MAPPROC_OK; MAPPROC_BAD_DATA: it does not belong, and why; MAPPROC_FAILED: the file cannot be
 * read. Any thread. Reads a few KiB.
 */
int mapproc_gzi_check(const struct mapproc_gzi_index *index, const struct mapproc_source *file,
                      uint64_t raw, struct mapproc_error *error);

#endif
