/* SPDX-License-Identifier: MIT */
/* segment.c - the job's side of the segment: made, written, removed. */
#include "progress/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "progress/process.h"
#include "progress/segment_reader.h"

enum {
    LINE = 64, /* bytes; everything that is written by itself begins at a multiple */
    CONTROL_OFFSET = 256,
    PUBLISHED_OFFSET = CONTROL_OFFSET + LINE,
    SNAPSHOT_OFFSET = PUBLISHED_OFFSET + LINE,
    TRIES = 16, /* to find a name that nobody has */
};

_Static_assert(sizeof(struct mapproc_progress_header) <= CONTROL_OFFSET, "the header has room");

size_t mapproc_segment_snapshot_size(unsigned workers)
{
    return sizeof(struct mapproc_progress_snapshot) +
           (size_t)workers * sizeof(struct mapproc_progress_worker);
}

static off_t place_of(const struct mapproc_segment *segment, uint64_t number)
{
    return (off_t)(segment->header.snapshot_offset +
                   (number % 2) * (uint64_t)segment->header.snapshot_size);
}

/* Signals are blocked where this matters, and a write to memory is whole or has failed. */
static bool write_at(const struct mapproc_segment *segment, const void *data, size_t length,
                     off_t offset)
{
    return pwrite(segment->fd, data, length, offset) == (ssize_t)length;
}

static void copy_text(char *to, size_t size, const char *from)
{
    if (from != NULL)
        (void)snprintf(to, size, "%s", from);
}

static void fill_header(struct mapproc_progress_header *header, const char *verb, const char *name,
                        unsigned workers)
{
    struct timespec now;

    if (workers > MAPPROC_SEGMENT_WORKERS_MAX)
        workers = MAPPROC_SEGMENT_WORKERS_MAX;
    *header = (struct mapproc_progress_header){
        .abi = MAPPROC_PROGRESS_ABI,
        .byte_order = MAPPROC_PROGRESS_ORDER,
        .header_size = sizeof(*header),
        .control_offset = CONTROL_OFFSET,
        .published_offset = PUBLISHED_OFFSET,
        .snapshot_offset = SNAPSHOT_OFFSET,
        .snapshot_size = (uint32_t)mapproc_segment_snapshot_size(workers),
        .worker_offset = sizeof(struct mapproc_progress_snapshot),
        .worker_size = sizeof(struct mapproc_progress_worker),
        .worker_capacity = workers,
        .started_ns = mapproc_process_clock(),
    };
    memcpy(header->magic, MAPPROC_PROGRESS_MAGIC, sizeof(header->magic));
    header->segment_size = SNAPSHOT_OFFSET + 2 * (uint64_t)header->snapshot_size;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    header->started_unix_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    copy_text(header->verb, sizeof(header->verb), verb);
    copy_text(header->name, sizeof(header->name), name);
    mapproc_process_identify(header);
}

/* Makes a file under a name that nobody could foresee. 0 or an errno. */
static int create_file(struct mapproc_segment *segment, const char *directory)
{
    uint64_t random;

    for (int i = 0; i < TRIES; i++) {
        int length;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return errno;
        length = snprintf(segment->path, sizeof(segment->path), "%s/%s%u-%016" PRIx64, directory,
                          MAPPROC_PROGRESS_PREFIX, (unsigned)getpid(), random);
        if (length < 0 || (size_t)length >= sizeof(segment->path))
            return ENAMETOOLONG;
        segment->fd = open(segment->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (segment->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

/* Writes the header so that it is valid only when all of it is there. */
static bool write_header(const struct mapproc_segment *segment)
{
    const size_t magic = sizeof(segment->header.magic);
    const char *rest = (const char *)&segment->header + magic;

    if (!write_at(segment, rest, sizeof(segment->header) - magic, (off_t)magic))
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    return write_at(segment, &segment->header, magic, 0);
}

/* 0 or an errno. */
static int prepare_file(struct mapproc_segment *segment)
{
    struct stat status;
    int result;

    if (fstat(segment->fd, &status) != 0)
        return errno;
    segment->device = (uint64_t)status.st_dev;
    segment->inode = (uint64_t)status.st_ino;
    result = posix_fallocate(segment->fd, 0, (off_t)segment->header.segment_size);
    if (result != 0)
        return result;
    errno = EIO;
    return write_header(segment) ? 0 : errno;
}

int mapproc_segment_create(struct mapproc_segment *segment, const char *directory, const char *verb,
                           const char *name, unsigned workers, struct mapproc_error *error)
{
    int result;

    memset(segment, 0, sizeof(*segment));
    segment->fd = -1;
    (void)mapproc_segments_clean(directory, NULL, NULL);
    fill_header(&segment->header, verb, name, workers);
    result = create_file(segment, directory);
    if (result != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, result, NULL,
                                 "progress cannot be published");
    result = prepare_file(segment);
    if (result == 0)
        return MAPPROC_OK;
    (void)unlink(segment->path);
    (void)close(segment->fd);
    segment->fd = -1;
    return mapproc_error_set(error, MAPPROC_FAILED, result, NULL, "progress cannot be published");
}

/* Whether what should never change is as it was written. */
static bool is_whole(const struct mapproc_segment *segment)
{
    struct mapproc_progress_header now;

    return pread(segment->fd, &now, sizeof(now), 0) == (ssize_t)sizeof(now) &&
           memcmp(&now, &segment->header, sizeof(now)) == 0;
}

/* Makes it valid again, once all of it is. */
static bool mend(struct mapproc_segment *segment)
{
    return posix_fallocate(segment->fd, 0, (off_t)segment->header.segment_size) == 0 &&
           mapproc_segment_write_control(segment, &segment->control) && write_header(segment);
}

bool mapproc_segment_publish(struct mapproc_segment *segment,
                             struct mapproc_progress_snapshot *snapshot)
{
    uint64_t number = segment->number + 1;

    if (atomic_load(&segment->abandoned))
        return true;
    if (snapshot->worker_count > segment->header.worker_capacity)
        snapshot->worker_count = segment->header.worker_capacity;
    if (!is_whole(segment) && !mend(segment))
        return false;
    snapshot->number = number;
    if (!write_at(segment, snapshot, mapproc_segment_snapshot_size(snapshot->worker_count),
                  place_of(segment, number)))
        return false;
    /* Nobody sees the number before what it stands for, on any machine. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!write_at(segment, &number, sizeof(number), PUBLISHED_OFFSET))
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    segment->number = number;
    return true;
}

bool mapproc_segment_read_control(struct mapproc_segment *segment,
                                  struct mapproc_progress_control *control)
{
    if (!is_whole(segment) ||
        pread(segment->fd, control, sizeof(*control), CONTROL_OFFSET) != (ssize_t)sizeof(*control))
        return false;
    segment->control = *control;
    return true;
}

bool mapproc_segment_write_control(struct mapproc_segment *segment,
                                   const struct mapproc_progress_control *control)
{
    segment->control = *control;
    return write_at(segment, control, sizeof(*control), CONTROL_OFFSET);
}

/* Safe in a signal handler. */
static void unlink_if_ours(const struct mapproc_segment *segment)
{
    struct stat status;

    if (lstat(segment->path, &status) == 0 && (uint64_t)status.st_dev == segment->device &&
        (uint64_t)status.st_ino == segment->inode)
        (void)unlink(segment->path);
}

void mapproc_segment_remove(struct mapproc_segment *segment)
{
    if (segment->fd < 0)
        return;
    unlink_if_ours(segment);
    (void)close(segment->fd);
    segment->fd = -1;
}

void mapproc_segment_abandon(struct mapproc_segment *segment)
{
    const uint32_t state = MAPPROC_PROGRESS_CANCELLED;
    const off_t field = offsetof(struct mapproc_progress_snapshot, state);

    if (segment->fd < 0 || atomic_exchange(&segment->abandoned, true))
        return;
    /* In both places, because another thread may be between them. */
    (void)write_at(segment, &state, sizeof(state), place_of(segment, 0) + field);
    (void)write_at(segment, &state, sizeof(state), place_of(segment, 1) + field);
    unlink_if_ours(segment);
}
