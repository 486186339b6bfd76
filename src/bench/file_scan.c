/* SPDX-License-Identifier: MIT */
/* file_scan.c - the ways to read a file, each touching every byte. */
#include "bench/file_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "bench/scan.h"
#include "input/fault_guard.h"
#include "input/mapping.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

enum {
    BUFFER_SIZE = 128 << 10, /* of fread(), read() and pread() */
    STEP = 2 << 20,          /* bytes between two looks at whether the run is to be stopped */
    GRAIN_SMALL = 64 << 10,  /* parts of small files begin at multiples of this */
    NO_ADVICE = -1,
};

/* What a thread reads with. */
struct mapproc_file_reader {
    unsigned char *buffer;
    int fd;       /* for read(), or -1 */
    FILE *stream; /* for fread(), or NULL */
};

/* The part of a thread, bytes from the start of the source. */
struct part {
    uint64_t begin, end;
};

static struct part part_of(const struct mapproc_file_scan *scan, unsigned index)
{
    uint64_t grain = scan->size / scan->threads >= 2 * MAPPROC_MAPPING_ALIGNMENT
                         ? MAPPROC_MAPPING_ALIGNMENT
                         : GRAIN_SMALL;
    uint64_t grains = scan->size / grain;
    struct part part = {
        .begin = grains * index / scan->threads * grain,
        .end = grains * (index + 1) / scan->threads * grain,
    };

    if (index + 1 == scan->threads)
        part.end = scan->size;
    return part;
}

/* ---- with a buffer ---- */

/* Reads up to `length` bytes at `offset`, where the thread's file is already. The count, 0 at the
 * end of the file, or -1 with errno. */
typedef ssize_t (*read_function)(const struct mapproc_file_scan *scan,
                                 struct mapproc_file_reader *reader, uint64_t offset,
                                 size_t length);

static ssize_t read_pread(const struct mapproc_file_scan *scan, struct mapproc_file_reader *reader,
                          uint64_t offset, size_t length)
{
    return pread(scan->source->fd, reader->buffer, length, (off_t)(scan->source->start + offset));
}

static ssize_t read_read(const struct mapproc_file_scan *scan, struct mapproc_file_reader *reader,
                         uint64_t offset, size_t length)
{
    (void)scan;
    (void)offset;
    return read(reader->fd, reader->buffer, length);
}

static ssize_t read_fread(const struct mapproc_file_scan *scan, struct mapproc_file_reader *reader,
                          uint64_t offset, size_t length)
{
    size_t got;

    (void)scan;
    (void)offset;
    errno = 0;
    got = fread(reader->buffer, 1, length, reader->stream);
    if (got == 0 && ferror(reader->stream)) {
        int system_error = errno != 0 ? errno : EIO;

        clearerr(reader->stream);
        errno = system_error;
        return -1;
    }
    return (ssize_t)got;
}

static int scan_buffered(struct mapproc_bench_worker *worker, const struct mapproc_file_scan *scan,
                         read_function read_some)
{
    struct mapproc_file_reader *reader = &scan->readers[worker->index];
    struct part part = part_of(scan, worker->index);
    uint64_t next_look = part.begin, value = 0;

    while (part.begin < part.end) {
        size_t length = (size_t)mapproc_min_u64(part.end - part.begin, BUFFER_SIZE);
        ssize_t got;

        if (part.begin >= next_look) {
            if (mapproc_bench_cancelled(worker->team->cancel))
                return MAPPROC_CANCELLED;
            next_look = part.begin + STEP;
        }
        got = read_some(scan, reader, part.begin, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mapproc_error_set(&worker->error, MAPPROC_FAILED, errno, scan->source->path,
                                     "cannot read");
        if (got == 0)
            return mapproc_source_explain_fault(scan->source, part.begin, part.end - part.begin,
                                                &worker->error);
        value ^= mapproc_bench_scan(reader->buffer, (size_t)got);
        part.begin += (uint64_t)got;
    }
    mapproc_bench_use(value);
    return MAPPROC_OK;
}

static int seek_error(struct mapproc_bench_worker *worker, const struct mapproc_file_scan *scan)
{
    return mapproc_error_set(&worker->error, MAPPROC_FAILED, errno, scan->source->path,
                             "cannot seek");
}

static int work_fread(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct mapproc_file_scan *scan = context;
    uint64_t begin = scan->source->start + part_of(scan, worker->index).begin;

    (void)units;
    if (fseeko(scan->readers[worker->index].stream, (off_t)begin, SEEK_SET) != 0)
        return seek_error(worker, scan);
    return scan_buffered(worker, scan, read_fread);
}

static int work_read(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    const struct mapproc_file_scan *scan = context;
    uint64_t begin = scan->source->start + part_of(scan, worker->index).begin;

    (void)units;
    if (lseek(scan->readers[worker->index].fd, (off_t)begin, SEEK_SET) < 0)
        return seek_error(worker, scan);
    return scan_buffered(worker, scan, read_read);
}

static int work_pread(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    (void)units;
    return scan_buffered(worker, context, read_pread);
}

/* ---- with a mapping ---- */

/* Address space with a mapping in it that starts at a multiple of MAPPROC_MAPPING_ALIGNMENT. */
struct placed {
    void *reservation;
    size_t reserved;
    unsigned char *address;
};

static int map_part(struct placed *placed, const struct mapproc_source *source,
                    const struct part *part)
{
    const size_t alignment = MAPPROC_MAPPING_ALIGNMENT;
    const size_t length = (size_t)(part->end - part->begin);
    void *place;

    if (!mapproc_add_size(length, alignment, &placed->reserved))
        return ENOMEM;
    placed->reservation =
        mmap(NULL, placed->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (placed->reservation == MAP_FAILED)
        return errno;
    placed->address = placed->reservation;
    placed->address += -(uintptr_t)placed->reservation % alignment;
    place = mmap(placed->address, length, PROT_READ, MAP_SHARED | MAP_FIXED, source->fd,
                 (off_t)(source->start + part->begin));
    if (place == MAP_FAILED) {
        int system_error = errno;

        (void)munmap(placed->reservation, placed->reserved);
        return system_error;
    }
    return 0;
}

/* What the fault guard runs. */
struct step {
    const unsigned char *data;
    size_t length;
    uint64_t value;
};

static void scan_step(void *argument)
{
    struct step *step = argument;

    step->value ^= mapproc_bench_scan(step->data, step->length);
}

static int scan_mapping(struct mapproc_bench_worker *worker, const struct mapproc_file_scan *scan,
                        const struct placed *placed, const struct part *part, int advice)
{
    const uint64_t length = part->end - part->begin;
    struct step step = {.value = 0};

    for (uint64_t done = 0; done < length; done += STEP) {
        size_t fault;

        if (mapproc_bench_cancelled(worker->team->cancel))
            return MAPPROC_CANCELLED;
        step.data = placed->address + done;
        step.length = (size_t)mapproc_min_u64(length - done, STEP);
        /* Where it fails, touching the bytes will say what is wrong. */
        if (advice == MADV_POPULATE_READ)
            (void)madvise(placed->address + done, step.length, advice);
        if (!mapproc_fault_guard_run(step.data, step.length, scan_step, &step, &fault))
            return mapproc_source_explain_fault(scan->source, part->begin + done + fault,
                                                step.length - fault, &worker->error);
    }
    mapproc_bench_use(step.value);
    return MAPPROC_OK;
}

/* Mapping and unmapping are part of the time. */
static int scan_mapped(struct mapproc_bench_worker *worker, const struct mapproc_file_scan *scan,
                       int advice)
{
    const struct part part = part_of(scan, worker->index);
    struct placed placed = {0};
    int system_error, result;

    if (part.begin == part.end)
        return MAPPROC_OK;
    system_error = map_part(&placed, scan->source, &part);
    if (system_error != 0)
        return mapproc_error_set(&worker->error, MAPPROC_FAILED, system_error, scan->source->path,
                                 "cannot map");
    if (advice == MADV_HUGEPAGE)
        (void)madvise(placed.address, (size_t)(part.end - part.begin), advice);
    result = scan_mapping(worker, scan, &placed, &part, advice);
    (void)munmap(placed.reservation, placed.reserved);
    return result;
}

static int work_mmap(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    (void)units;
    return scan_mapped(worker, context, NO_ADVICE);
}

static int work_mmap_populate(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    (void)units;
    return scan_mapped(worker, context, MADV_POPULATE_READ);
}

static int work_mmap_huge(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    (void)units;
    return scan_mapped(worker, context, MADV_HUGEPAGE);
}

/* ---- the table ---- */

static const struct mapproc_file_method methods[] = {
    {"read", false, true, NO_ADVICE, work_read}, /* the baseline comes first */
    {"fread", false, true, NO_ADVICE, work_fread},
    {"pread", false, false, NO_ADVICE, work_pread},
    {"mmap", true, false, NO_ADVICE, work_mmap},
    {"mmap populate", true, false, MADV_POPULATE_READ, work_mmap_populate},
    {"mmap huge", true, false, MADV_HUGEPAGE, work_mmap_huge},
};

const struct mapproc_file_method *mapproc_file_method_at(size_t index)
{
    return index < sizeof(methods) / sizeof(methods[0]) ? &methods[index] : NULL;
}

/* Opens the file of a descriptor anew, with a position of its own: 0, or an errno. */
static int open_again(const struct mapproc_source *source, int *fd)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", source->fd);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? errno : 0;
}

static int open_files(struct mapproc_file_reader *reader, const struct mapproc_source *source)
{
    int fd, system_error = open_again(source, &reader->fd);

    if (system_error == 0)
        system_error = open_again(source, &fd);
    if (system_error != 0)
        return system_error;
    reader->stream = fdopen(fd, "r");
    if (reader->stream == NULL) {
        system_error = errno;
        (void)close(fd);
    }
    return system_error;
}

int mapproc_file_scan_open(struct mapproc_file_scan *scan, const struct mapproc_source *source,
                           uint64_t size, unsigned threads, struct mapproc_error *error)
{
    *scan = (struct mapproc_file_scan){.source = source, .size = size, .threads = threads};
    scan->readers = calloc(threads, sizeof(*scan->readers));
    if (scan->readers == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare to read");
    for (unsigned i = 0; i < threads; i++)
        scan->readers[i].fd = -1;
    for (unsigned i = 0; i < threads; i++) {
        struct mapproc_file_reader *reader = &scan->readers[i];
        int system_error;

        reader->buffer = aligned_alloc(4096, BUFFER_SIZE);
        if (reader->buffer == NULL)
            return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot prepare to read");
        system_error = scan->missing[0] == '\0' ? open_files(reader, source) : 0;
        if (system_error != 0)
            (void)snprintf(scan->missing, sizeof(scan->missing), "cannot open it once more: %s",
                           strerror(system_error));
    }
    return mapproc_fault_guard_install(error);
}

void mapproc_file_scan_close(struct mapproc_file_scan *scan)
{
    for (unsigned i = 0; scan->readers != NULL && i < scan->threads; i++) {
        struct mapproc_file_reader *reader = &scan->readers[i];

        if (reader->stream != NULL)
            (void)fclose(reader->stream);
        if (reader->fd >= 0)
            (void)close(reader->fd);
        free(reader->buffer);
    }
    free(scan->readers);
    scan->readers = NULL;
}

void mapproc_file_scan_try(const struct mapproc_file_scan *scan,
                           const struct mapproc_file_method *method,
                           struct mapproc_bench_subject *subject)
{
    const struct part part = {.end = mapproc_min_u64(scan->size, 1)};
    struct placed placed = {0};
    int system_error;

    if (method->own_file && scan->missing[0] != '\0')
        mapproc_bench_skip(subject, "%s", scan->missing);
    if (!method->maps)
        return;
    if (!scan->source->mappable) {
        mapproc_bench_skip(subject, "not mapped: on a network file system, or not from its start");
        return;
    }
    system_error = map_part(&placed, scan->source, &part);
    if (system_error != 0) {
        mapproc_bench_skip(subject, "cannot be mapped: %s", strerror(system_error));
        return;
    }
    if (method->advice != NO_ADVICE && madvise(placed.address, 1, method->advice) != 0)
        mapproc_bench_skip(subject, "the kernel refuses this advice: %s", strerror(errno));
    (void)munmap(placed.reservation, placed.reserved);
}
