/* SPDX-License-Identifier: MIT */
/* alloc_kinds.c - the allocators that are measured. */
#include "bench/alloc_kinds.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "bench/alloc_arenas.h"
#include "memory/buddy.h"
#include "memory/magazine.h"
#include "memory/slab.h"

/* glibc's own malloc, which stays there when another one takes its name. */
extern void *__libc_malloc(size_t size) __attribute__((weak, visibility("default")));
extern void __libc_free(void *memory) __attribute__((weak, visibility("default")));

/* Defines the bodies of an allocator from its two operations. */
#define DEFINE_BODIES(kind)                                                                        \
    static int kind##_batch(struct mapproc_bench_worker *worker, void *context, uint64_t units)    \
    {                                                                                              \
        const struct mapproc_alloc_lanes *all = context;                                           \
                                                                                                   \
        return mapproc_alloc_batch(worker, &all->lanes[worker->index], units, kind##_get,          \
                                   kind##_put);                                                    \
    }                                                                                              \
                                                                                                   \
    static int kind##_mixed(struct mapproc_bench_worker *worker, void *context, uint64_t units)    \
    {                                                                                              \
        const struct mapproc_alloc_lanes *all = context;                                           \
                                                                                                   \
        return mapproc_alloc_mixed(worker, &all->lanes[worker->index], units, kind##_get,          \
                                   kind##_put);                                                    \
    }                                                                                              \
                                                                                                   \
    static int kind##_handed(struct mapproc_bench_worker *worker, void *context, uint64_t units)   \
    {                                                                                              \
        const struct mapproc_alloc_lanes *all = context;                                           \
                                                                                                   \
        return mapproc_alloc_handed(worker, &all->lanes[worker->index], units, kind##_get,         \
                                    kind##_put);                                                   \
    }                                                                                              \
                                                                                                   \
    static int kind##_clear(struct mapproc_bench_worker *worker, void *context, uint64_t units)    \
    {                                                                                              \
        const struct mapproc_alloc_lanes *all = context;                                           \
                                                                                                   \
        (void)units;                                                                               \
        return mapproc_alloc_clear(worker, &all->lanes[worker->index], kind##_put);                \
    }

#define BODIES(kind)                                                                               \
    .work = {[MAPPROC_ALLOC_BATCH] = kind##_batch,                                                 \
             [MAPPROC_ALLOC_MIXED] = kind##_mixed,                                                 \
             [MAPPROC_ALLOC_HANDED] = kind##_handed}

/* ---- glibc ---- */

MAPPROC_ALWAYS_INLINE void *glibc_get(void *handle, size_t size)
{
    (void)handle;
    return __libc_malloc(size);
}

MAPPROC_ALWAYS_INLINE void glibc_put(void *handle, void *object)
{
    (void)handle;
    __libc_free(object);
}

DEFINE_BODIES(glibc)

static const char *glibc_missing(void)
{
    return __libc_malloc != NULL && __libc_free != NULL ? NULL : "the C library is not glibc";
}

/* ---- jemalloc ---- */

MAPPROC_ALWAYS_INLINE void *jemalloc_get(void *handle, size_t size)
{
    (void)handle;
    return malloc(size);
}

MAPPROC_ALWAYS_INLINE void jemalloc_put(void *handle, void *object)
{
    (void)handle;
    free(object);
}

DEFINE_BODIES(jemalloc)

static const char *jemalloc_missing(void)
{
    return mapproc_alloc_arenas_exist() ? NULL : "built without jemalloc";
}

/* ---- slab ---- */

struct slab_state {
    struct mapproc_slab slab;
    struct mapproc_magazine magazines[]; /* one a thread */
};

MAPPROC_ALWAYS_INLINE void *slab_get(void *handle, size_t size)
{
    (void)size;
    return mapproc_magazine_alloc(handle);
}

MAPPROC_ALWAYS_INLINE void slab_put(void *handle, void *object)
{
    mapproc_magazine_free(handle, object);
}

DEFINE_BODIES(slab)

static int slab_clear_and_flush(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct mapproc_alloc_lanes *all = context;

    (void)slab_clear(worker, context, units);
    mapproc_magazine_flush(all->lanes[worker->index].handle);
    return MAPPROC_OK;
}

static int slab_open(void **state, struct mapproc_alloc_lane *lanes,
                     const struct mapproc_alloc_demand *demand, struct mapproc_error *error)
{
    const size_t alignment = _Alignof(struct slab_state);
    struct slab_state *mine;
    size_t size;
    int result;

    if (!mapproc_multiply_size(demand->threads, sizeof(mine->magazines[0]), &size) ||
        !mapproc_add_size(size, sizeof(*mine), &size) ||
        !mapproc_round_up_size(size, alignment, &size) ||
        (mine = aligned_alloc(alignment, size)) == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot create a slab");
    /* As the pipeline has it: objects of several threads in one cache line would cost more than all
     * else together. */
    result = mapproc_slab_init(&mine->slab, demand->most, MAPPROC_SLAB_ALIGNMENT_MAX, error);
    if (result != MAPPROC_OK) {
        free(mine);
        return result;
    }
    for (unsigned i = 0; i < demand->threads; i++) {
        mapproc_magazine_init(&mine->magazines[i], &mine->slab);
        lanes[i].handle = &mine->magazines[i];
    }
    *state = mine;
    return MAPPROC_OK;
}

static void slab_close(void *state)
{
    struct slab_state *mine = state;

    mapproc_slab_destroy(&mine->slab);
    free(mine);
}

/* ---- buddy ---- */

MAPPROC_ALWAYS_INLINE void *buddy_get(void *handle, size_t size)
{
    return mapproc_buddy_alloc(handle, size);
}

MAPPROC_ALWAYS_INLINE void buddy_put(void *handle, void *object)
{
    mapproc_buddy_free(handle, object);
}

DEFINE_BODIES(buddy)

/* With a block of the largest size for each object there can be, none is ever refused. */
static int buddy_open(void **state, struct mapproc_alloc_lane *lanes,
                      const struct mapproc_alloc_demand *demand, struct mapproc_error *error)
{
    struct mapproc_buddy *buddy = malloc(sizeof(*buddy));
    size_t size;
    int result;

    if (buddy == NULL || !mapproc_multiply_size(demand->live, demand->threads, &size) ||
        !mapproc_multiply_size(size, mapproc_buddy_block_size(demand->most), &size)) {
        free(buddy);
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot create an arena");
    }
    result = mapproc_buddy_init(buddy, size, error);
    if (result != MAPPROC_OK) {
        free(buddy);
        return result;
    }
    for (unsigned i = 0; i < demand->threads; i++)
        lanes[i].handle = buddy;
    *state = buddy;
    return MAPPROC_OK;
}

static void buddy_close(void *state)
{
    mapproc_buddy_destroy(state);
    free(state);
}

static const char *never_missing(void)
{
    return NULL;
}

const struct mapproc_alloc_kind mapproc_alloc_kinds[MAPPROC_ALLOC_KINDS] = {
    [MAPPROC_ALLOC_GLIBC] =
        {
            .name = "glibc",
            .missing = glibc_missing,
            .clear = glibc_clear,
            BODIES(glibc),
        },
    [MAPPROC_ALLOC_JEMALLOC] =
        {
            .name = "jemalloc",
            .missing = jemalloc_missing,
            .clear = jemalloc_clear,
            BODIES(jemalloc),
        },
    [MAPPROC_ALLOC_SLAB] =
        {
            .name = "slab",
            .missing = never_missing,
            .open = slab_open,
            .close = slab_close,
            .clear = slab_clear_and_flush,
            BODIES(slab),
        },
    [MAPPROC_ALLOC_BUDDY] =
        {
            .name = "buddy",
            .missing = never_missing,
            .open = buddy_open,
            .close = buddy_close,
            .clear = buddy_clear,
            BODIES(buddy),
        },
};
