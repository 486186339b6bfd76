/* SPDX-License-Identifier: MIT */
/* chunker.h - what a chunker is: the rule by which a source is cut into chunks.
 *
 * A chunker is asked again and again for the next border. It sees a *view*: the bytes from the last
 * border on, as many as are at hand. It answers how many of them make the next chunk, or that it
 * must see more. Its borders may depend on the source, the settings and the border before, and on
 * nothing else: neither on how long the views are, nor on where the run began, as long as that was
 * at a border.
 *
 * To add a chunker to mapproc: put one file into this directory, named as the chunker is, that
 * defines `const struct mapproc_chunker mapproc_chunker_NAME`. The build finds it.
 *
 * To have one in a file of its own, for --chunker ./mine.so: define in a shared object
 *
 *     MAPPROC_CHUNKER_EXPORT const struct mapproc_chunker mapproc_chunker_plugin = { ... };
 *
 * What it answers is checked, but it runs inside the program: load none that you do not trust.
 */
#ifndef MAPPROC_CHUNKER_H
#define MAPPROC_CHUNKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MAPPROC_CHUNKER_ABI = 2,
    MAPPROC_CHUNKER_STATE_MAX = 256,  /* bytes of caller-owned state, 16-byte aligned */
    MAPPROC_CHUNKER_OPTIONS_MAX = 16, /* of one chunker */
    MAPPROC_CHUNKER_NAME_MAX = 32,    /* bytes of a name, its NUL included */
    MAPPROC_CHUNKER_MOST = 1 << 30,   /* bytes: no chunk is larger */
    MAPPROC_CHUNKER_BEFORE = 64,      /* bytes in front of those that are scanned */
};

/* What a shared object must be looked up for. */
#define MAPPROC_CHUNKER_SYMBOL "mapproc_chunker_plugin"

#if defined(__cplusplus)
#define MAPPROC_CHUNKER_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define MAPPROC_CHUNKER_EXPORT __attribute__((visibility("default")))
#endif

/* The answer of next() when the view is too short to tell. */
#define MAPPROC_CHUNKER_MORE ((size_t)-1)

/* A number that the user may set by NAME:key=value. A table of them ends with a NULL name. */
struct mapproc_chunker_option {
    const char *name; /* the key: lower-case letters */
    const char *help; /* one line, with the default */
    uint64_t usual;   /* the value if the user sets none; may be out of bounds */
    uint64_t least, most;
};

/* What can be asked about the source itself. Valid as long as the state is in use. */
struct mapproc_chunker_source {
    void *user;
    /* Whether nothing is stored at `offset`, so that it reads as zero; *end gets the end of that
     * hole, or of the data. */
    bool (*find_hole)(void *user, uint64_t offset, uint64_t *end);
};

/* What a chunker is told about the job. */
struct mapproc_chunker_settings {
    size_t chunk_size;       /* bytes wished for in a chunk; 0: whatever suits the chunker */
    const uint64_t *options; /* in the order of its table. Valid during the call only */
    uint64_t offset;         /* where the first view begins: 0, or a border */
    const struct mapproc_chunker_source *source; /* NULL: nobody knows */
};

/*
 * All operations are called from one thread at a time for each state, may not wait, and keep
 * everything in the state. No view is changed or kept. Hooks that may be NULL say so.
 */
struct mapproc_chunker {
    uint32_t abi;        /* MAPPROC_CHUNKER_ABI of the header it was compiled with */
    const char *name;    /* "fixed": lower-case letters, digits and -_ */
    const char *summary; /* one line for --chunker help */
    const struct mapproc_chunker_option *options; /* NULL: it has none */

    size_t state_size; /* bytes of state, at most MAPPROC_CHUNKER_STATE_MAX */
    bool reads_data;   /* false: next() gets a NULL view, only its length is real */

    /* Prepares the state. Returns NULL, or what is wrong with the settings: "must be ...", text
     * that stays. */
    const char *(*init)(void *state, const struct mapproc_chunker_settings *settings);

    /*
     * The length of the next chunk, from 1 to `length`, or MAPPROC_CHUNKER_MORE: then it is asked
     * again with a longer view that begins at the same place. `length` is never 0. With `at_end`
     * the view reaches the end of the source and MORE is no answer.
     */
    size_t (*next)(void *state, const uint8_t *view, size_t length, bool at_end);

    /* The length of the largest chunk that it makes, to MAPPROC_CHUNKER_MOST; with a view of so
     * many bytes MORE is no answer. NULL: settings.chunk_size, which is then never 0. */
    size_t (*most)(const void *state);

    /* So many bytes at the beginning of a view are never looked at, and need not be there; except
     * at the end of the source, no chunk ends in them. NULL: none. */
    size_t (*skip)(const void *state);

    /* How many chunks so far ended at most() because there was no better place for a border, if
     * that is worth telling the user. NULL: it is not. */
    uint64_t (*forced)(const void *state);

    /*
     * A search that all cores can do ahead of next(), for chunkers of which a border depends on the
     * one before it, but the places where one is possible at all do not. NULL, both: there is none.
     *
     * scan() looks for such places in `length` bytes, and may look at the `before` bytes in front
     * of them: MAPPROC_CHUNKER_BEFORE, or less where the source begins. Behind byte i a chunk may
     * end: marks[n] = i << 1 | kind, with a kind of 0 or 1, in rising order. Returns how many there
     * are; if these are more than `room`, none counts. Called by several threads at once, and while
     * other operations run: it looks at nothing but what init() has set.
     *
     * accepts() tells whether the next chunk ends at a place of that kind, if it has `length` bytes
     * then. If none does, it has most(). So next() must not be able to answer anything else.
     */
    size_t (*scan)(const void *state, const uint8_t *bytes, size_t before, size_t length,
                   uint32_t *marks, size_t room);
    bool (*accepts)(const void *state, size_t length, unsigned kind);
};

#ifdef __cplusplus
}
#endif

#endif
