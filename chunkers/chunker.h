/* SPDX-License-Identifier: MIT */
/* chunker.h - what a chunker is: the rule by which a source is cut into chunks.
 *
 * A chunker is asked again and again for the next border. It sees a *view*: the bytes from the last
 * border on, as many as are at hand. It answers how many of them make the next chunk, or that it
 * must see more. Everything it knows about the source it must be able to find out again from the
 * view: a run may start at any border, with a state fresh from init().
 *
 * To add a chunker: put one file into this directory, named as the chunker is, that defines
 * `const struct mapproc_chunker mapproc_chunker_NAME`. The build finds it.
 */
#ifndef MAPPROC_CHUNKER_H
#define MAPPROC_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAPPROC_CHUNKER_ABI = 1,
    MAPPROC_CHUNKER_STATE_MAX = 256, /* bytes of caller-owned state, 16-byte aligned */
};

/* The answer of next() when the view is too short to tell. */
#define MAPPROC_CHUNKER_MORE ((size_t)-1)

/* What every chunker is told about the job. */
struct mapproc_chunker_settings {
    size_t chunk_size; /* bytes wished for in a chunk, at least 1 */
};

struct mapproc_chunker {
    uint32_t abi;        /* MAPPROC_CHUNKER_ABI of the header it was compiled with */
    const char *name;    /* "fixed" */
    const char *summary; /* one line for --help */

    size_t state_size; /* bytes of state, at most MAPPROC_CHUNKER_STATE_MAX */
    /* False: next() gets a NULL view, only its length is real. The pipeline serves no others yet.
     */
    bool reads_data;

    /* Prepares the state. Returns 0, or -1 if the settings make no sense. */
    int (*init)(void *state, const struct mapproc_chunker_settings *settings);

    /*
     * The length of the next chunk, from 1 to `length`, or MAPPROC_CHUNKER_MORE. `length` is never
     * 0. With `at_end` the view reaches the end of the source and MORE is no answer.
     */
    size_t (*next)(void *state, const uint8_t *view, size_t length, bool at_end);
};

/* The chunker of that name, or NULL. */
const struct mapproc_chunker *mapproc_chunker_find(const char *name);

/* Chunker number `index` in the order of their names, NULL past the last. */
const struct mapproc_chunker *mapproc_chunker_at(size_t index);

#endif
