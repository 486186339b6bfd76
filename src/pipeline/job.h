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
    void *request; /* the job's own, set by its next() */

    /* Set by next() for a source that has failed before it could be opened: it is not opened, only
     * reported in its place. Borrowed until then; code MAPPROC_OK is no failure. */
    const struct mapproc_error *failure;

    enum mapproc_reach reach; /* of the source's path. Set by next() */
    int fd;                   /* of a source that is open: MAPPROC_REACH_GIVEN. Set by next() */
    uint64_t border; /* chunks also end at multiples of this; 0: of nothing. Set by open() */
    uint64_t begin;  /* of an extent: where its first chunk begins, before its end. Set by open() */
    uint64_t committed; /* where in the source the last committed chunk ends */
    int wake_fd; /* readable once the run is stopping: whoever takes long has to look at it */

    /* Set by commit(): nothing behind the chunk it was given is wanted, be it good or bad. What is
     * under way already is not committed, and the item goes on to close() as if it ended here. A
     * read of a stream that waits for its bytes is waited for. */
    bool enough;

    size_t held;      /* bytes that its result keeps until it is reported. Set by close() */
    const char *note; /* something harmless to tell the user, a constant string. Set by open() */
    void *state;      /* the job's own, set by its open() */
};

/* What a job with a cut() of its own wants the next chunk to be. */
struct mapproc_cut {
    /*
     * Bytes; of an extent at most what is left. 0: no more chunks, whatever is left. Of a stream at
     * most the budget's chunk size and at least what was peeked at, or MAPPROC_CUT_REST: all that
     * is left, which has to be `unread`. When cut() gets it, the most that it may be, but for the
     * rest.
     */
    uint64_t length;
    /* Bytes. Of a stream, chunk->scratch is what scratch_size() said, which is what stands here
     * when cut() gets it. */
    size_t scratch;

    /*
     * True: the job reads the bytes itself, from chunk->item->source: those of an extent in
     * process(), which gets no data, or in commit(). Those of a stream in commit() only; it is not
     * processed, its chunk has what was peeked at, and commit() sets its length to all it has read.
     */
    bool unread;

    uint64_t own[3]; /* the job's own notes about the chunk */
};

#define MAPPROC_CUT_REST UINT64_MAX

enum { MAPPROC_PEEK_MAX = 64 }; /* bytes */

/* A byte range of a source: the unit of work, as the job sees it. */
struct mapproc_chunk {
    struct mapproc_item *item;
    uint64_t number;     /* counted from 0 in each source */
    uint64_t offset;     /* of its first byte in the source */
    size_t length;       /* bytes */
    bool hole;           /* all zeros, not read and not to be had: see mapproc_job.process_hole */
    unsigned worker;     /* number of the worker that processes it. Not valid in commit() */
    const uint8_t *data; /* its bytes, only in jobs that keep them: see mapproc_job.keeps_data */
    struct mapproc_cut cut; /* as cut() filled it in */
    void *scratch;          /* scratch_size() bytes, 64-byte aligned, from open to release */
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

    /*
     * True: the bytes of a chunk are copied into memory of its own, and process() is called once,
     * with all of them, and outside the fault guard: it may allocate, lock, and take its time.
     * chunk->data stays valid until commit() has returned, which is not guarded either. Instead of
     * keeps_data.
     */
    bool copies;

    /* True: commit() does most of the work, so the workers are spread over several sources. */
    bool spreads;

    /* Bytes of a chunk where the user says nothing and there is memory enough. 0:
     * MAPPROC_CHUNK_SIZE_DEFAULT. */
    size_t chunk_size;

    /* The first bytes of a stream's next chunk that cut() must see, at most MAPPROC_PEEK_MAX. */
    size_t peek;

    /* Prepares for so many workers, numbered from 0, before anything else is called but
     * scratch_size(). An error ends the run. May be NULL. */
    int (*start)(void *job, unsigned workers, struct mapproc_error *error);

    /* Returns 1 with the path of the next source, borrowed until it is reported, and item->request,
     * which is kept until report() or discard(); 0 if there are no more; or a negative code, which
     * ends the run. One caller at a time. */
    int (*next)(void *job, struct mapproc_item *item, struct mapproc_error *error);

    /* Bytes of scratch for a chunk of that many bytes of the item; 0 means none. Without an item
     * (NULL), the most that any can want. */
    size_t (*scratch_size)(void *job, const struct mapproc_item *item, size_t chunk_length);

    /*
     * Decides on the next chunk, which begins at `offset`, instead of the chunker. Of a stream it
     * sees the next `peeked` bytes, fewer than `peek` only if the stream ends with them, and its
     * chunk begins with them; of an extent (peek NULL) it reads what it wants to know. One caller
     * at a time for each item, in rising order, at any distance ahead of process(). An error fails
     * the item at that offset. NULL: the chunker cuts. Only for jobs that copy.
     */
    int (*cut)(void *job, struct mapproc_item *item, uint64_t offset, const uint8_t *peek,
               size_t peeked, struct mapproc_cut *cut, struct mapproc_error *error);

    /* Bytes that the scratch and the data of the largest chunk need which cut() may ask for, both
     * as mapproc_buddy_block_size() rounds them. 0, or NULL: those of an ordinary chunk. */
    size_t (*largest)(void *job);

    /* The source has been opened; prepare item->state. */
    int (*open)(void *job, struct mapproc_item *item, struct mapproc_error *error);

    /*
     * Takes the bytes of a chunk, in one or several calls in rising order; `position` is the offset
     * in the chunk. Runs inside the fault guard: no locks, no allocation, and it may be abandoned
     * at any instruction, after which the chunk is never committed.
     */
    void (*process)(void *job, struct mapproc_chunk *chunk, size_t position, const uint8_t *data,
                    size_t length);

    /*
     * Instead of process(), for a chunk that lies in a hole of its file: no data, all zeros. NULL:
     * holes are read like everything else.
     */
    void (*process_hole)(void *job, struct mapproc_chunk *chunk);

    /* Takes a processed chunk, in order of the numbers. With keeps_data in the guard as well. */
    void (*commit)(void *job, struct mapproc_chunk *chunk);

    /* All chunks are committed and the source is what it was: finish. */
    int (*close)(void *job, struct mapproc_item *item, struct mapproc_error *error);

    /*
     * The item is finished, well (error NULL) or not; release item->request and item->state, which
     * is NULL if open() did not run or failed. In the order of the sources, never two at once. A
     * negative result ends the whole job with that code.
     */
    int (*report)(void *job, struct mapproc_item *item, const struct mapproc_error *error);

    /* Instead of report(), for items that were under way when the job was ended. */
    void (*discard)(void *job, struct mapproc_item *item);
};

/*
 * For a job that reads an `unread` chunk itself, from process() or commit(), in a loop: `bytes`
 * more of the source are done. Waits here while the job is paused, or as long as the limit of its
 * rate wants it. False if the run is stopping, and nothing more is wanted. Some 64 KiB to 1 MiB at
 * a time are right. What was not told by the end of commit() is counted then. All other chunks are
 * counted and held back by the pipeline. Not in the fault guard, and with no lock held.
 */
bool mapproc_job_advance(struct mapproc_chunk *chunk, uint64_t bytes);

/* For a job that makes output: so many more bytes of it. From any operation, best once a chunk. */
void mapproc_job_add_output(const struct mapproc_item *item, uint64_t bytes);

#endif
