/* SPDX-License-Identifier: MIT */
/* segment_reader.c - the watcher's side of the segment, which believes nothing it reads. */
#include "progress/segment_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "progress/segment.h"

enum {
    SEGMENT_SIZE_MAX = 1 << 20, /* bytes; more than any version needs */
    RETRIES = 50,               /* of a read that was overtaken */
    PAUSE_NS = 1000 * 1000,     /* between two of them */
};

static const uint64_t silence_ns = UINT64_C(5) * 1000 * 1000 * 1000;

/* "mapproc-", a number, "-", 16 hexadecimal digits. */
static bool is_segment_name(const char *name)
{
    const size_t prefix = sizeof(MAPPROC_PROGRESS_PREFIX) - 1;
    size_t digits, hex;

    if (strncmp(name, MAPPROC_PROGRESS_PREFIX, prefix) != 0)
        return false;
    name += prefix;
    digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 10 || name[digits] != '-')
        return false;
    name += digits + 1;
    hex = strspn(name, "0123456789abcdef");
    return hex == 16 && name[hex] == '\0';
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct mapproc_segment_name *)a)->text,
                  ((const struct mapproc_segment_name *)b)->text);
}

int mapproc_segments_list(const char *directory, struct mapproc_segment_name **names, size_t *count,
                          struct mapproc_error *error)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    struct mapproc_segment_name *list = NULL;
    size_t used = 0, room = 0;

    *names = NULL;
    *count = 0;
    if (stream == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, directory, "cannot be listed");
    while (used < MAPPROC_SEGMENTS_MAX && (entry = readdir(stream)) != NULL) {
        if (!is_segment_name(entry->d_name))
            continue;
        if (used == room) {
            struct mapproc_segment_name *larger;

            room = room == 0 ? 16 : 2 * room;
            larger = reallocarray(list, room, sizeof(*list));
            if (larger == NULL) {
                free(list);
                (void)closedir(stream);
                return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, directory,
                                         "cannot be listed");
            }
            list = larger;
        }
        (void)snprintf(list[used].text, sizeof(list->text), "%.63s", entry->d_name);
        used++;
    }
    (void)closedir(stream);
    if (used > 0)
        qsort(list, used, sizeof(*list), compare_names);
    *names = list;
    *count = used;
    return MAPPROC_OK;
}

/* Whether the header describes a layout that lies within the segment. NULL, or what is wrong. */
static const char *find_fault(const struct mapproc_progress_header *header, uint64_t size)
{
    const uint64_t snapshot = sizeof(struct mapproc_progress_snapshot);
    const uint64_t worker = sizeof(struct mapproc_progress_worker);

    if (header->segment_size != size || size > SEGMENT_SIZE_MAX)
        return "its size is not what it says";
    if (header->control_offset % 64 != 0 || header->published_offset % 64 != 0 ||
        header->snapshot_offset % 64 != 0 ||
        header->control_offset + sizeof(struct mapproc_progress_control) > size ||
        header->published_offset + sizeof(uint64_t) > size)
        return "its parts are not where they can be";
    if (header->worker_capacity > MAPPROC_SEGMENT_WORKERS_MAX || header->worker_size < worker ||
        header->worker_size > 4096 || header->worker_offset < snapshot ||
        header->worker_offset + (uint64_t)header->worker_capacity * header->worker_size >
            header->snapshot_size ||
        header->snapshot_offset + 2 * (uint64_t)header->snapshot_size > size)
        return "its snapshots do not fit into it";
    return NULL;
}

static int check_header(struct mapproc_segment_reader *reader, uint64_t size,
                        struct mapproc_error *error)
{
    static const uint8_t nothing[8];
    struct mapproc_progress_header *header = &reader->header;
    const char *fault;

    if (memcmp(header->magic, nothing, sizeof(nothing)) == 0) {
        reader->is_being_made = true;
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, reader->path, "is not ready yet");
    }
    if (memcmp(header->magic, MAPPROC_PROGRESS_MAGIC, sizeof(header->magic)) != 0)
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->path,
                                 "is not the segment of a job");
    if (header->byte_order != MAPPROC_PROGRESS_ORDER || header->abi != MAPPROC_PROGRESS_ABI)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, reader->path,
                                 "is the segment of another version of mapproc");
    fault = find_fault(header, size);
    if (fault != NULL)
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->path,
                                 "is a damaged segment: %s", fault);
    header->boot_id[sizeof(header->boot_id) - 1] = '\0';
    header->verb[sizeof(header->verb) - 1] = '\0';
    header->name[sizeof(header->name) - 1] = '\0';
    return MAPPROC_OK;
}

/* Makes sure that what was opened is a file as jobs make them, of somebody to be trusted. */
static int check_file(struct mapproc_segment_reader *reader, uint64_t *size,
                      struct mapproc_error *error)
{
    struct stat status;

    if (fstat(reader->fd, &status) != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, reader->path, "cannot be opened");
    if (!S_ISREG(status.st_mode))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->path,
                                 "is not the segment of a job: not a regular file");
    if (status.st_uid != geteuid() && geteuid() != 0)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, reader->path, "is another user's");
    if ((status.st_mode & 077) != 0 || status.st_nlink > 1)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, reader->path,
                                 "is open to others, which no job's segment is");
    reader->device = (uint64_t)status.st_dev;
    reader->inode = (uint64_t)status.st_ino;
    reader->owner = status.st_uid;
    *size = (uint64_t)status.st_size;
    return MAPPROC_OK;
}

int mapproc_segment_open(struct mapproc_segment_reader *reader, const char *directory,
                         const char *name, bool writable, struct mapproc_error *error)
{
    int flags = (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    uint64_t size = 0;
    int result;

    memset(reader, 0, sizeof(*reader));
    reader->writable = writable;
    (void)snprintf(reader->path, sizeof(reader->path), "%.255s/%.63s", directory, name);
    reader->fd = open(reader->path, flags);
    if (reader->fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, errno, reader->path,
                                 "is not the segment of a job");
    if (reader->fd < 0 && errno == EACCES)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, reader->path, "is another user's");
    if (reader->fd < 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, reader->path,
                                 "cannot be opened");
    result = check_file(reader, &size, error);
    if (result == MAPPROC_OK) {
        ssize_t got = pread(reader->fd, &reader->header, sizeof(reader->header), 0);

        if (got == (ssize_t)sizeof(reader->header))
            result = check_header(reader, size, error);
        else
            result = mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->path,
                                       "is not the segment of a job: too short");
    }
    if (result != MAPPROC_OK)
        mapproc_segment_close(reader);
    return result;
}

void mapproc_segment_close(struct mapproc_segment_reader *reader)
{
    if (reader->fd >= 0)
        (void)close(reader->fd);
    reader->fd = -1;
}

static bool read_at(const struct mapproc_segment_reader *reader, void *to, size_t length,
                    uint64_t offset)
{
    return pread(reader->fd, to, length, (off_t)offset) == (ssize_t)length;
}

/* What came of a try to read a snapshot. */
enum outcome { READ_GOOD, READ_NOTHING, READ_OVERTAKEN, READ_DAMAGED };

/* Copies the latest snapshot into `buffer`, of header.snapshot_size bytes. */
static enum outcome try_read(const struct mapproc_segment_reader *reader, unsigned char *buffer)
{
    const struct mapproc_progress_header *header = &reader->header;
    uint64_t before, after, number;

    if (!read_at(reader, &before, sizeof(before), header->published_offset))
        return READ_DAMAGED;
    if (before == 0)
        return READ_NOTHING;
    atomic_thread_fence(memory_order_seq_cst);
    if (!read_at(reader, buffer, header->snapshot_size,
                 header->snapshot_offset + (before % 2) * (uint64_t)header->snapshot_size))
        return READ_DAMAGED;
    atomic_thread_fence(memory_order_seq_cst);
    if (!read_at(reader, &after, sizeof(after), header->published_offset))
        return READ_DAMAGED;
    memcpy(&number, buffer, sizeof(number));
    return before == after && before == number ? READ_GOOD : READ_OVERTAKEN;
}

static bool is_final(uint32_t state)
{
    return state == MAPPROC_PROGRESS_DONE || state == MAPPROC_PROGRESS_FAILED ||
           state == MAPPROC_PROGRESS_CANCELLED;
}

/* Takes the copy over into the view, if it makes sense. */
static bool take_over(const struct mapproc_segment_reader *reader, const unsigned char *buffer,
                      struct mapproc_segment_view *view)
{
    const struct mapproc_progress_header *header = &reader->header;
    struct mapproc_progress_snapshot snapshot;
    struct mapproc_progress_worker *workers = NULL;

    memcpy(&snapshot, buffer, sizeof(snapshot));
    if (snapshot.worker_count > header->worker_capacity || snapshot.state == 0 ||
        snapshot.state > MAPPROC_PROGRESS_CANCELLED)
        return false;
    snapshot.current[sizeof(snapshot.current) - 1] = '\0';
    if (snapshot.worker_count > 0) {
        workers = calloc(snapshot.worker_count, sizeof(*workers));
        if (workers == NULL)
            snapshot.worker_count = 0;
    }
    for (uint32_t i = 0; i < snapshot.worker_count; i++)
        memcpy(&workers[i], buffer + header->worker_offset + (size_t)i * header->worker_size,
               sizeof(*workers));
    free(view->workers);
    view->workers = workers;
    view->snapshot = snapshot;
    view->ended = is_final(snapshot.state);
    return true;
}

/* Reads until a snapshot is whole, or it has been tried often enough. */
static enum outcome read_snapshot(const struct mapproc_segment_reader *reader,
                                  struct mapproc_segment_view *view)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    unsigned char *buffer = malloc(reader->header.snapshot_size);
    enum outcome outcome = READ_OVERTAKEN;

    if (buffer == NULL)
        return READ_NOTHING;
    for (int i = 0; i < RETRIES && outcome == READ_OVERTAKEN; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        outcome = try_read(reader, buffer);
    }
    if (outcome == READ_GOOD && !take_over(reader, buffer, view))
        outcome = READ_DAMAGED;
    free(buffer);
    return outcome;
}

int mapproc_segment_read(const struct mapproc_segment_reader *reader,
                         struct mapproc_segment_view *view, struct mapproc_error *error)
{
    enum outcome outcome = read_snapshot(reader, view);
    uint64_t updated, now;

    view->life = mapproc_process_life(&reader->header);
    /* It may have told how it ended between the two looks. */
    if (view->life == MAPPROC_LIFE_DEAD && !view->ended)
        outcome = read_snapshot(reader, view);
    now = mapproc_process_clock();
    updated = view->snapshot.number != 0 ? view->snapshot.updated_ns : reader->header.started_ns;
    view->age_ns = now > updated ? now - updated : 0;
    view->silent = !view->ended && view->life != MAPPROC_LIFE_DEAD && view->age_ns > silence_ns;
    if (outcome == READ_GOOD || outcome == READ_NOTHING)
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, reader->path,
                             outcome == READ_DAMAGED ? "is a damaged segment"
                                                     : "changes faster than it can be read");
}

void mapproc_segment_view_free(struct mapproc_segment_view *view)
{
    free(view->workers);
    view->workers = NULL;
    view->snapshot.worker_count = 0;
}

int mapproc_segment_control(const struct mapproc_segment_reader *reader, size_t field,
                            uint64_t value, struct mapproc_error *error)
{
    if (pwrite(reader->fd, &value, sizeof(value), (off_t)(reader->header.control_offset + field)) ==
        (ssize_t)sizeof(value))
        return MAPPROC_OK;
    return mapproc_error_set(error, MAPPROC_FAILED, errno, reader->path, "cannot be written to");
}

/* Whether the job of the segment is dead for certain, and its user is ours. */
static bool is_stale(const struct mapproc_segment_reader *reader)
{
    return reader->owner == geteuid() && mapproc_process_life(&reader->header) == MAPPROC_LIFE_DEAD;
}

unsigned mapproc_segments_clean(const char *directory,
                                void (*removed)(void *user, const char *path), void *user)
{
    struct mapproc_segment_name *names;
    unsigned cleaned = 0;
    size_t count;

    if (mapproc_segments_list(directory, &names, &count, NULL) != MAPPROC_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct mapproc_segment_reader reader;
        struct stat status;

        if (mapproc_segment_open(&reader, directory, names[i].text, false, NULL) != MAPPROC_OK)
            continue;
        if (is_stale(&reader) && lstat(reader.path, &status) == 0 &&
            (uint64_t)status.st_dev == reader.device && (uint64_t)status.st_ino == reader.inode &&
            unlink(reader.path) == 0) {
            cleaned++;
            if (removed != NULL)
                removed(user, reader.path);
        }
        mapproc_segment_close(&reader);
    }
    free(names);
    return cleaned;
}
