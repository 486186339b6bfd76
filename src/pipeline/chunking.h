/* SPDX-License-Identifier: MIT */
/* chunking.h - a chunker with its options, as NAME:key=value,... or ./mine.so:key=value,... asks.
 */
#ifndef MAPPROC_PIPELINE_CHUNKING_H
#define MAPPROC_PIPELINE_CHUNKING_H

#include "chunkers/chunker.h"
#include "mapproc.h"

/* The chunker of that name, or NULL. */
const struct mapproc_chunker *mapproc_chunker_find(const char *name);

/* Chunker number `index` in the order of their names, NULL past the last. */
const struct mapproc_chunker *mapproc_chunker_at(size_t index);

/* Fixed once it is made: any number of runs may use it at the same time. */
struct mapproc_chunking {
    const struct mapproc_chunker *chunker;
    uint64_t options[MAPPROC_CHUNKER_OPTIONS_MAX];
    void *object; /* the shared object that the chunker came from, or NULL */
};

/* A chunker with all its options at what is usual. It needs no close. */
void mapproc_chunking_init(struct mapproc_chunking *chunking,
                           const struct mapproc_chunker *chunker);

/*
 * Reads NAME, or NAME:key=value,... with values as mapproc_size_parse() takes them or 0x and
 * hexadecimal digits. A name with a slash is the path of a shared object, which is loaded, and may
 * have colons before its last slash. MAPPROC_REFUSED, saying what is wrong with it.
 */
int mapproc_chunking_open(struct mapproc_chunking *chunking, const char *text,
                          struct mapproc_error *error);

/* Unloads what was loaded. */
void mapproc_chunking_close(struct mapproc_chunking *chunking);

/*
 * The most that a chunk can have if so many bytes are wished for (0: nobody said), or 0 if that is
 * left to the job because chunks are of the size wished for. MAPPROC_REFUSED if the options make no
 * sense together. Any thread.
 */
int mapproc_chunking_most(const struct mapproc_chunking *chunking, size_t chunk_size, size_t *most,
                          struct mapproc_error *error);

#endif
