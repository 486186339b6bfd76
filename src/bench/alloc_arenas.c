/* SPDX-License-Identifier: MIT */
/* alloc_arenas.c - an arena of jemalloc for each thread of a team, as where it picks them itself.
 */
#include "bench/alloc_arenas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* There only if the program is linked with jemalloc; then malloc() is jemalloc's. */
extern int mallctl(const char *name, void *old_value, size_t *old_size, void *new_value,
                   size_t new_size) __attribute__((weak, visibility("default")));

bool mapproc_alloc_arenas_exist(void)
{
    return mallctl != NULL;
}

static int use_arena(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct mapproc_alloc_arenas *arenas = context;
    unsigned number = arenas->numbers[worker->index];

    (void)units;
    /* A refusal costs speed alone. */
    (void)mallctl("thread.arena", NULL, NULL, &number, sizeof(number));
    return MAPPROC_OK;
}

int mapproc_alloc_arenas_open(struct mapproc_alloc_arenas *arenas, struct mapproc_bench_team *team,
                              struct mapproc_error *error)
{
    *arenas = (struct mapproc_alloc_arenas){0};
    if (!mapproc_alloc_arenas_exist())
        return MAPPROC_OK;
    arenas->numbers = calloc(team->threads, sizeof(*arenas->numbers));
    if (arenas->numbers == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot create arenas");
    for (; arenas->count < team->threads; arenas->count++) {
        unsigned number;
        size_t size = sizeof(number);

        if (mallctl("arenas.create", &number, &size, NULL, 0) != 0)
            break;
        arenas->numbers[arenas->count] = number;
    }
    if (arenas->count == team->threads)
        return mapproc_bench_team_run(team, use_arena, arenas, 0, NULL, error);
    mapproc_alloc_arenas_close(arenas);
    return MAPPROC_OK;
}

void mapproc_alloc_arenas_close(struct mapproc_alloc_arenas *arenas)
{
    for (unsigned i = 0; i < arenas->count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "arena.%u.destroy", arenas->numbers[i]);
        (void)mallctl(name, NULL, NULL, NULL, 0);
    }
    free(arenas->numbers);
    *arenas = (struct mapproc_alloc_arenas){0};
}
