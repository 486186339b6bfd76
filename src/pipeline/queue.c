/* SPDX-License-Identifier: MIT */
/* queue.c - one queue of chunks per NUMA node, from which idle nodes steal. */
#include "pipeline/queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "pipeline/state.h"

int mapproc_queues_init(struct mapproc_queues *queues, unsigned count, struct mapproc_error *error)
{
    queues->nodes = calloc(count, sizeof(*queues->nodes));
    if (queues->nodes == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot make the queues");
    return MAPPROC_OK;
}

void mapproc_queues_destroy(struct mapproc_queues *queues)
{
    free(queues->nodes);
    *queues = (struct mapproc_queues){0};
}

void mapproc_queues_push(struct mapproc_queues *queues, struct mapproc_work *work)
{
    struct mapproc_queue *queue = &queues->nodes[work->node];

    work->next = NULL;
    if (queue->last != NULL)
        queue->last->next = work;
    else
        queue->first = work;
    queue->last = work;
}

struct mapproc_work *mapproc_queues_take(struct mapproc_queues *queues, const unsigned *order,
                                         unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct mapproc_queue *queue = &queues->nodes[order[i]];
        struct mapproc_work *work = queue->first;

        if (work == NULL)
            continue;
        queue->first = work->next;
        if (queue->first == NULL)
            queue->last = NULL;
        return work;
    }
    return NULL;
}
