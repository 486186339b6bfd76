/* SPDX-License-Identifier: MIT */
/* job.h - what a job is: the operations that a verb hands to the pipeline. */
#ifndef MAPPROC_PIPELINE_JOB_H
#define MAPPROC_PIPELINE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/source.h"

/* One source on its way through a job, as the job sees it. */
struct mapproc_item {
    struct mapproc_source source;
    uint64_t committed; /* bytes, from the start of the source */
    void *state;        /* the job's own, set by its open() */
};

/* A byte range of a source: the unit of work, as the job sees it. */
struct mapproc_chunk {
    struct mapproc_item *item;
    uint64_t number;     /* counted from 0 in each source */
    uint64_t offset;     /* of its first byte in the source */
    size_t length;       /* bytes */
    const uint8_t *data; /* its bytes, only in jobs that keep them: see mapproc_job.keeps_data */
    void *scratch;       /* scratch_size() bytes, 64-byte aligned, from open to release */
};

/*
 * Every operation gets the job's own struct as `job`. Those about different items may run at the
 * same time, and so may process() of different chunks; commit() of one item never overlaps itself
 * or its close(). All return MAPPROC_OK or a negative code with *error filled, which ends the item,
 * not the job, unless said otherwise.
 */
struct mapproc_job {
    /*
     * True: chunk->data stays valid until commit() has returned, and process() may be NULL.
     * False: the bytes are at hand only while process() sees them.
     */
    bool keeps_data;

    /* True: commit() does most of the work, so the workers are spread over several sources. */
    bool spreads;

    /* The path of the next source, borrowed until it is reported; NULL if there are no more. One
     * caller at a time. */
    const char *(*next)(void *job);

    /* Bytes of scratch for a chunk of that many bytes. 0 means none. */
    size_t (*scratch_size)(void *job, size_t chunk_length);

    /* The source has been opened; prepare item->state. */
    int (*open)(void *job, struct mapproc_item *item, struct mapproc_error *error);

    /*
     * Takes the bytes of a chunk, in one or several calls in rising order; `position` is the offset
     * in the chunk. Runs inside the fault guard: no locks, no allocation, and it may be abandoned
     * at any instruction, after which the chunk is never committed.
     */
    void (*process)(void *job, struct mapproc_chunk *chunk, size_t position, const uint8_t *data,
                    size_t length);

    /* Takes a processed chunk, in order of the numbers. With keeps_data in the guard as well. */
    void (*commit)(void *job, struct mapproc_chunk *chunk);

    /* All chunks are committed and the source is what it was: finish. */
    int (*close)(void *job, struct mapproc_item *item, struct mapproc_error *error);

    /*
     * The item is finished, well (error NULL) or not; release item->state, which is NULL if open()
     * did not run or failed. In the order of the sources, never two at once. A negative result ends
     * the whole job with that code.
     */
    int (*report)(void *job, struct mapproc_item *item, const struct mapproc_error *error);

    /* Instead of report(), for items that were under way when the job was ended. */
    void (*discard)(void *job, struct mapproc_item *item);
};

#endif
