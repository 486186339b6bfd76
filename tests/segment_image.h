/* SPDX-License-Identifier: MIT */
/* segment_image.h - snapshots in which everything follows from one number, so that a mixture shows.
 */
#ifndef MAPPROC_TESTS_SEGMENT_IMAGE_H
#define MAPPROC_TESTS_SEGMENT_IMAGE_H

#include <stdbool.h>
#include <string.h>

#include "mapproc_progress.h"
#include "progress/process.h"

enum { IMAGE_WORKERS = 5 };

/* A snapshot with room for its workers behind it. */
struct image {
    struct mapproc_progress_snapshot snapshot;
    struct mapproc_progress_worker workers[IMAGE_WORKERS];
};

static inline void fill_image(struct image *image, uint64_t n)
{
    memset(image, 0, sizeof(*image));
    image->snapshot.state = MAPPROC_PROGRESS_RUNNING;
    image->snapshot.worker_count = IMAGE_WORKERS;
    image->snapshot.total_bytes = 3 * n;
    image->snapshot.done_bytes = n;
    image->snapshot.done_files = n ^ 0x5555;
    image->snapshot.updated_ns = mapproc_process_clock();
    memset(image->snapshot.current, 'a' + (int)(n % 26), sizeof(image->snapshot.current) - 1);
    for (unsigned i = 0; i < IMAGE_WORKERS; i++) {
        image->workers[i].bytes = n + i;
        image->workers[i].offset = ~n;
    }
}

static inline bool image_agrees(const struct mapproc_progress_snapshot *snapshot,
                                const struct mapproc_progress_worker *workers)
{
    uint64_t n = snapshot->done_bytes;

    if (snapshot->total_bytes != 3 * n || snapshot->done_files != (n ^ 0x5555) ||
        snapshot->worker_count != IMAGE_WORKERS)
        return false;
    for (size_t i = 0; i + 1 < sizeof(snapshot->current); i++)
        if (snapshot->current[i] != 'a' + (int)(n % 26))
            return false;
    for (unsigned i = 0; i < IMAGE_WORKERS; i++)
        if (workers[i].bytes != n + i || workers[i].offset != ~n)
            return false;
    return true;
}

#endif
