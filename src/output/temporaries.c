/* SPDX-License-Identifier: MIT */
/* temporaries.c - all temporary files of the process, for the signal that ends it. */
#include "output/temporaries.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK = 32,     /* places that are allocated at once */
    PATIENCE = 100, /* milliseconds */
};

enum state {
    FREE,
    TAKEN,    /* by somebody who is filling it in */
    CREATING, /* the file may be there, or be created at any moment */
    CREATED,
};

/*
 * A handler may read a place while another thread uses it again. All that can come of it is a
 * mixture of two names, which no file has: half of a name is random digits.
 */
struct mapproc_temporary {
    atomic_int state;
    atomic_int creator; /* thread */
    atomic_int directory;
    _Atomic char name[NAME_MAX + 1];
};

struct block {
    struct mapproc_temporary places[BLOCK];
    struct block *_Atomic next;
};

/* Blocks are only ever added: a handler must be able to go through them at any moment. */
static struct block first;

static atomic_bool closed; /* nothing may be created any more */

static struct mapproc_temporary *take_free(struct block *block)
{
    for (size_t i = 0; i < BLOCK; i++) {
        int expected = FREE;

        if (atomic_compare_exchange_strong(&block->places[i].state, &expected, TAKEN))
            return &block->places[i];
    }
    return NULL;
}

/* The block behind this one, made if there is none. NULL without memory. */
static struct block *find_next(struct block *block)
{
    struct block *next = atomic_load(&block->next);
    struct block *made;

    if (next != NULL)
        return next;
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&block->next, &next, made))
        return made;
    free(made); /* somebody was quicker */
    return next;
}

void mapproc_temporary_forget(struct mapproc_temporary *temporary)
{
    if (temporary != NULL)
        atomic_store(&temporary->state, FREE);
}

struct mapproc_temporary *mapproc_temporary_add(int directory, const char *name)
{
    struct mapproc_temporary *place = NULL;
    size_t length = strnlen(name, NAME_MAX);

    for (struct block *block = &first; place == NULL; block = find_next(block)) {
        if (block == NULL)
            return NULL;
        place = take_free(block);
    }
    atomic_store(&place->creator, gettid());
    atomic_store(&place->directory, directory);
    for (size_t i = 0; i < length; i++)
        atomic_store_explicit(&place->name[i], name[i], memory_order_relaxed);
    atomic_store_explicit(&place->name[length], '\0', memory_order_relaxed);
    atomic_store(&place->state, CREATING);
    if (atomic_load(&closed)) { /* looked at last: else the handler finds the place */
        mapproc_temporary_forget(place);
        return NULL;
    }
    return place;
}

void mapproc_temporary_created(struct mapproc_temporary *temporary)
{
    atomic_store(&temporary->state, CREATED);
}

/* Removes the file of a place. False if another thread may yet create it. */
static bool remove_one(struct mapproc_temporary *place)
{
    int state = atomic_load(&place->state);
    char name[NAME_MAX + 1];

    if (state != CREATING && state != CREATED)
        return true;
    for (size_t i = 0; i < NAME_MAX; i++)
        name[i] = atomic_load_explicit(&place->name[i], memory_order_relaxed);
    name[NAME_MAX] = '\0';
    (void)unlinkat(atomic_load(&place->directory), name, 0);
    return state == CREATED || atomic_load(&place->creator) == gettid();
}

static bool remove_all(void)
{
    bool done = true;

    for (struct block *block = &first; block != NULL; block = atomic_load(&block->next))
        for (size_t i = 0; i < BLOCK; i++)
            done = remove_one(&block->places[i]) && done;
    return done;
}

void mapproc_temporaries_remove(void)
{
    int system_error = errno;

    atomic_store(&closed, true);
    for (int i = 0; i < PATIENCE && !remove_all(); i++)
        (void)poll(NULL, 0, 1);
    errno = system_error;
}
