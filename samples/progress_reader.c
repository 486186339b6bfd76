/* SPDX-License-Identifier: MIT */
/* progress_reader.c - prints how far a running job has come, with nothing but mapproc_progress.h.
 *
 * Usage: progress_reader FILE...      such as /dev/shm/mapproc-*
 *
 * One line a segment: PID VERB STATE DONE TOTAL, and the sum of what the workers have done. A
 * segment that may be damaged by others while it is mapped would need more care: see `mapproc
 * watch`, which reads it instead.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapproc_progress.h"

enum { TRIES = 1000 };

/* Whether the header is one that this program understands, and all it describes is in the file. */
static int is_good(const struct mapproc_progress_header *header, size_t size)
{
    return memcmp(header->magic, MAPPROC_PROGRESS_MAGIC, sizeof(header->magic)) == 0 &&
           header->abi == MAPPROC_PROGRESS_ABI && header->byte_order == MAPPROC_PROGRESS_ORDER &&
           header->segment_size == size && header->published_offset % 64 == 0 &&
           header->published_offset + sizeof(uint64_t) <= size &&
           header->snapshot_offset % 64 == 0 && header->snapshot_size % 64 == 0 &&
           header->snapshot_offset + 2 * (uint64_t)header->snapshot_size <= size &&
           header->worker_offset >= sizeof(struct mapproc_progress_snapshot) &&
           header->worker_size >= sizeof(struct mapproc_progress_worker) &&
           header->worker_offset + (uint64_t)header->worker_capacity * header->worker_size <=
               header->snapshot_size;
}

/* Copies the latest snapshot to `copy`, of header->snapshot_size bytes. 0 if there is none. */
static int read_snapshot(const unsigned char *map, const struct mapproc_progress_header *header,
                         uint64_t *copy)
{
    const _Atomic uint64_t *published =
        (const _Atomic uint64_t *)(const void *)(map + header->published_offset);

    for (int i = 0; i < TRIES; i++) {
        uint64_t number = atomic_load_explicit(published, memory_order_acquire);
        const _Atomic uint64_t *from =
            (const _Atomic uint64_t *)(const void *)(map + header->snapshot_offset +
                                                     number % 2 * header->snapshot_size);

        for (size_t word = 0; word < header->snapshot_size / sizeof(*copy); word++)
            copy[word] = atomic_load_explicit(&from[word], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (number != 0 && copy[0] == number &&
            atomic_load_explicit(published, memory_order_relaxed) == number)
            return 1;
    }
    return 0;
}

static void print_job(const struct mapproc_progress_header *header, const void *copy)
{
    static const char *const states[] = {"?",         "planning", "running", "paused",
                                         "finishing", "done",     "failed",  "cancelled"};
    const struct mapproc_progress_snapshot *snapshot = copy;
    const unsigned char *workers = (const unsigned char *)copy + header->worker_offset;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < snapshot->worker_count && i < header->worker_capacity; i++) {
        struct mapproc_progress_worker worker;

        memcpy(&worker, workers + (size_t)i * header->worker_size, sizeof(worker));
        sum += worker.bytes;
    }
    (void)printf("%" PRIu32 " %.23s %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", header->pid,
                 header->verb, states[snapshot->state < 8 ? snapshot->state : 0],
                 snapshot->done_bytes, snapshot->total_bytes, sum);
}

/* 0 if the file is a segment with a snapshot. */
static int print_segment(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct mapproc_progress_header header;
    struct stat status;
    unsigned char *map;
    uint64_t *copy;
    int good = 0;

    if (fd < 0 || fstat(fd, &status) != 0 || (size_t)status.st_size < sizeof(header)) {
        if (fd >= 0)
            (void)close(fd);
        return 1;
    }
    map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED)
        return 1;
    memcpy(&header, map, sizeof(header));
    if (is_good(&header, (size_t)status.st_size) &&
        (copy = calloc(1, header.snapshot_size)) != NULL) {
        good = read_snapshot(map, &header, copy);
        if (good)
            print_job(&header, copy);
        free(copy);
    }
    (void)munmap(map, (size_t)status.st_size);
    return !good;
}

int main(int argc, char **argv)
{
    int status = 0;

    for (int i = 1; i < argc; i++) {
        if (print_segment(argv[i]) != 0) {
            (void)fprintf(stderr, "progress_reader: %s: not a segment, or nothing in it\n",
                          argv[i]);
            status = 1;
        }
    }
    return status;
}
