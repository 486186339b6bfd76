/* SPDX-License-Identifier: MIT */
/* digest.h - what a digest algorithm is: the operations that every one of them fills in.
 *
 * A digest is parallel or serial.
 *
 * A parallel one first turns each chunk into a *partial*, anywhere and in any order, and then folds
 * the partials into its state in file order; the fold is cheap. Any border between chunks is right:
 * a partial carries the ragged ends that its neighbours need.
 *
 *     partial_init(p, offset)  partial_update(p, data, n) ...    any thread, once per chunk
 *     fold(state, p)                                             in file order
 *
 * A serial one leaves the partial operations NULL and has `update` instead, which takes the data
 * itself in file order.
 *
 * Either way:
 *
 *     prepare(digest)                    once before the first init
 *     init(digest, state) ... release(state)
 *
 * To add a digest of libcrypto: add a row to evp.c. Any other: write one file that defines a struct
 * mapproc_digest, and name it in digest_table.c.
 */
#ifndef MAPPROC_DIGEST_DIGEST_H
#define MAPPROC_DIGEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapproc.h"

enum {
    MAPPROC_DIGEST_MAX = 64,       /* bytes of the longest digest */
    MAPPROC_DIGEST_ALIGNMENT = 64, /* bytes; of every state and every partial */
};

/*
 * partial_init, partial_update, fold and update cannot fail, allocate nothing and take no lock:
 * they run inside the guard that unwinds from a mapping whose file was cut. What was abandoned
 * half-way is good for nothing but release. Distinct states and partials may be used by distinct
 * threads.
 */
struct mapproc_digest {
    const char *name; /* as -a takes it: "xxh128" */
    const char *tag;  /* in BSD-style checklists: "XXH128" */
    size_t size;      /* bytes of the finished digest */

    /* Which code does the work, for people: "avx512", "libxxhash 0.8.1". A constant string. Needs
     * no preparation. */
    const char *(*kernel)(void);

    /* A bare digest would be taken for another algorithm's: write the BSD form always. */
    bool always_tagged;

    /* Loads what all states share, to stay until the process ends. Thread-safe, any number of
     * times. MAPPROC_REFUSED if the algorithm cannot be had here. NULL: nothing to prepare. */
    int (*prepare)(const struct mapproc_digest *digest, struct mapproc_error *error);

    size_t state_size; /* bytes */

    /* Starts a state. False without memory; then there is nothing to release. */
    bool (*init)(const struct mapproc_digest *digest, void *state);

    size_t (*partial_size)(size_t chunk_length); /* bytes for a chunk */
    void (*partial_init)(void *partial, uint64_t offset);
    void (*partial_update)(void *partial, const void *data, size_t length);
    void (*partial_zeros)(void *partial, size_t length); /* instead: the whole chunk is zeros */
    void (*fold)(void *state, const void *partial);

    void (*update)(void *state, const void *data, size_t length);

    /* Writes `size` bytes in canonical (big-endian) order. The state is then of no use but for
     * release. False if the library that does the work has failed: there is no digest. */
    bool (*finish)(void *state, uint8_t *digest);

    /* Frees what init allocated; finished or not. NULL: init allocates nothing. */
    void (*release)(void *state);
};

/* The digest of that name, or NULL. */
const struct mapproc_digest *mapproc_digest_find(const char *name);

/* Digest number `index`, counted from 0, the default one; NULL past the last. */
const struct mapproc_digest *mapproc_digest_at(size_t index);

#endif
