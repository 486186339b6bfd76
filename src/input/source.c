/* SPDX-License-Identifier: MIT */
/* source.c - an input: a file, a block device or a stream, and the proof that it did not change. */
#include "input/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "input/long_path.h"

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xFE534D42
#endif
#ifndef CEPH_SUPER_MAGIC
#define CEPH_SUPER_MAGIC 0x00c36400
#endif

enum {
    STAT_BLOCK = 512, /* bytes: what st_blocks counts, whatever the file system (stat(2)) */
    DROP_LOOKS = 64,  /* places where a file is looked at after its cache was dropped */
};

/* File systems that are not what an ordinary file needs. Numbers: statfs(2), linux/magic.h. */
static const struct file_system {
    uint32_t magic;
    bool pseudo; /* made up by the kernel at each read: sizes mean nothing */
    bool remote; /* another machine can cut the file or vanish */
    bool memory; /* there is no device behind the page cache */
} file_systems[] = {
    {.magic = PROC_SUPER_MAGIC, .pseudo = true},    {.magic = SYSFS_MAGIC, .pseudo = true},
    {.magic = DEBUGFS_MAGIC, .pseudo = true},       {.magic = TRACEFS_MAGIC, .pseudo = true},
    {.magic = SECURITYFS_MAGIC, .pseudo = true},    {.magic = CGROUP_SUPER_MAGIC, .pseudo = true},
    {.magic = CGROUP2_SUPER_MAGIC, .pseudo = true}, {.magic = NFS_SUPER_MAGIC, .remote = true},
    {.magic = CIFS_SUPER_MAGIC, .remote = true},    {.magic = SMB2_SUPER_MAGIC, .remote = true},
    {.magic = CEPH_SUPER_MAGIC, .remote = true},    {.magic = AFS_SUPER_MAGIC, .remote = true},
    {.magic = V9FS_MAGIC, .remote = true},          {.magic = TMPFS_MAGIC, .memory = true},
    {.magic = RAMFS_MAGIC, .memory = true},
};

static struct file_system ask_file_system(int fd)
{
    struct statfs status;

    if (fstatfs(fd, &status) == 0)
        for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
            if (file_systems[i].magic == (uint32_t)status.f_type)
                return file_systems[i];
    return (struct file_system){0};
}

/* The file system of a file on `device`. Each thread remembers its last, because most files of a
 * run are on the same one: the call would be an eighth of all that small files take. */
static struct file_system find_file_system(int fd, dev_t device)
{
    static _Thread_local struct {
        bool known;
        dev_t device;
        struct file_system file_system;
    } last;

    if (!last.known || last.device != device) {
        last.file_system = ask_file_system(fd);
        last.device = device;
        last.known = true;
    }
    return last.file_system;
}

static struct mapproc_identity identity_from_stat(const struct stat *status, uint64_t size)
{
    return (struct mapproc_identity){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = size,
        .modified = status->st_mtim,
        .changed = status->st_ctim,
    };
}

/* The size that `status` tells, or for a block device the kernel. */
static int find_size(const struct mapproc_source *source, const struct stat *status, uint64_t *size,
                     struct mapproc_error *error)
{
    *size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;
    if (S_ISBLK(status->st_mode) && ioctl(source->fd, BLKGETSIZE64, size) != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path,
                                 "cannot find the size of the device");
    return MAPPROC_OK;
}

/* O_NONBLOCK: a FIFO that nobody writes to must not stop us here. */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

static int open_path(struct mapproc_source *source, struct mapproc_error *error)
{
    source->fd = mapproc_long_path_open(source->path, OPEN_FLAGS);
    if (source->fd < 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, source->path,
                                 "cannot open");
    source->owns_fd = true;
    return MAPPROC_OK;
}

/* Whether the path, with all links followed, is below the directory we are in. For kernels without
 * openat2(), before Linux 5.6: what is changed between the look and the opening is not noticed. */
static bool is_below_here(const char *path)
{
    char *here = realpath(".", NULL), *there = realpath(path, NULL);
    size_t length = here != NULL ? strlen(here) : 0;
    bool below = here != NULL && there != NULL && strncmp(there, here, length) == 0 &&
                 (there[length] == '/' || length == 1);

    free(there);
    free(here);
    return below;
}

static int open_below_here(const char *path)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)fd;
    if (access(path, F_OK) == 0 && !is_below_here(path)) {
        errno = EXDEV;
        return -1;
    }
    return open(path, OPEN_FLAGS);
}

static int open_confined_fd(struct mapproc_source *source, struct mapproc_error *error)
{
    source->fd = open_below_here(source->path);
    if (source->fd < 0 && (errno == EXDEV || errno == ELOOP))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, source->path,
                                 "leads out of the directory");
    if (source->fd < 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, source->path,
                                 "cannot open");
    source->owns_fd = true;
    return MAPPROC_OK;
}

/* What was open before may have been read, and its first byte is where that ended. */
static int find_start(struct mapproc_source *source, uint64_t size, struct mapproc_error *error)
{
    off_t position;

    if (source->owns_fd)
        return MAPPROC_OK;
    position = lseek(source->fd, 0, SEEK_CUR);
    if (position < 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path, "cannot seek");
    source->start = mapproc_min_u64((uint64_t)position, size);
    return MAPPROC_OK;
}

/* Finds out what it is that has been opened. */
static int identify(struct mapproc_source *source, struct mapproc_error *error)
{
    const char *path = source->path;
    struct file_system file_system;
    struct stat status;
    uint64_t size;
    int result;

    if (fstat(source->fd, &status) != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, path, "cannot stat");
    if (S_ISDIR(status.st_mode))
        return mapproc_error_set(error, MAPPROC_FAILED, EISDIR, path, "cannot read");
    result = find_size(source, &status, &size, error);
    if (result != MAPPROC_OK)
        return result;
    source->identity = identity_from_stat(&status, size);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        source->waits = true;
        return MAPPROC_OK;
    }
    file_system = find_file_system(source->fd, status.st_dev);
    source->steady = !file_system.pseudo;
    if (size == 0 || (file_system.pseudo && S_ISREG(status.st_mode)))
        return MAPPROC_OK;
    result = find_start(source, size, error);
    if (result != MAPPROC_OK)
        return result;
    source->kind = MAPPROC_SOURCE_EXTENT;
    source->size = size - source->start;
    source->mappable = source->start == 0 && !file_system.remote;
    source->in_memory = file_system.memory;
    source->sparse = source->owns_fd && S_ISREG(status.st_mode) &&
                     (uint64_t)status.st_blocks < size / STAT_BLOCK;
    return MAPPROC_OK;
}

int mapproc_source_take(struct mapproc_source *source, int fd, const char *path,
                        struct mapproc_error *error)
{
    *source = (struct mapproc_source){.path = path, .fd = fd, .kind = MAPPROC_SOURCE_STREAM};
    return identify(source, error);
}

int mapproc_source_open(struct mapproc_source *source, const char *path,
                        struct mapproc_error *error)
{
    int result;

    if (strcmp(path, "-") == 0)
        return mapproc_source_take(source, STDIN_FILENO, path, error);
    *source = (struct mapproc_source){.path = path, .fd = -1, .kind = MAPPROC_SOURCE_STREAM};
    result = open_path(source, error);
    return result != MAPPROC_OK ? result : identify(source, error);
}

/* Finds out what has been opened, and whether a list may name it. */
static int identify_regular(struct mapproc_source *source, struct mapproc_error *error)
{
    int result = identify(source, error);

    if (result == MAPPROC_OK && source->waits)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, source->path, "is not a regular file");
    return result;
}

int mapproc_source_open_confined(struct mapproc_source *source, const char *path,
                                 struct mapproc_error *error)
{
    int result;

    *source = (struct mapproc_source){.path = path, .fd = -1, .kind = MAPPROC_SOURCE_STREAM};
    result = open_confined_fd(source, error);
    return result != MAPPROC_OK ? result : identify_regular(source, error);
}

int mapproc_source_open_regular(struct mapproc_source *source, const char *path,
                                struct mapproc_error *error)
{
    int result;

    *source = (struct mapproc_source){.path = path, .fd = -1, .kind = MAPPROC_SOURCE_STREAM};
    result = open_path(source, error);
    return result != MAPPROC_OK ? result : identify_regular(source, error);
}

int mapproc_source_open_within(struct mapproc_source *source, const char *path,
                               enum mapproc_reach reach, int fd, struct mapproc_error *error)
{
    switch (reach) {
    case MAPPROC_REACH_GIVEN:
        return mapproc_source_take(source, fd, path, error);
    case MAPPROC_REACH_CONFINED:
        return mapproc_source_open_confined(source, path, error);
    case MAPPROC_REACH_REGULAR:
        return mapproc_source_open_regular(source, path, error);
    default:
        return mapproc_source_open(source, path, error);
    }
}

void mapproc_source_close(struct mapproc_source *source)
{
    if (source->owns_fd)
        (void)close(source->fd); /* opened for reading: there is nothing left to fail */
    else if (source->kind == MAPPROC_SOURCE_EXTENT)
        (void)lseek(source->fd, (off_t)(source->start + source->size), SEEK_SET);
    source->owns_fd = false;
    source->fd = -1;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Whether the name still leads to the file that is open; a rename may have replaced it. */
static int check_name(const struct mapproc_source *source, struct mapproc_error *error)
{
    struct stat status;

    if (!source->owns_fd)
        return MAPPROC_OK;
    if (mapproc_long_path_stat(source->path, &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                                     "changed while it was read: its name was removed");
        return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path,
                                 "cannot stat it again after reading");
    }
    if (status.st_dev != source->identity.device || status.st_ino != source->identity.inode)
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                                 "changed while it was read: another file took its name");
    return MAPPROC_OK;
}

static int set_size_changed(const struct mapproc_source *source, uint64_t size,
                            struct mapproc_error *error)
{
    uint64_t before = source->identity.size;

    (void)mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                            "changed while it was read: %s from %" PRIu64 " to %" PRIu64 " bytes",
                            size < before ? "cut" : "grew", before, size);
    if (size < before)
        mapproc_error_set_range(error, size, before - size);
    return MAPPROC_BAD_DATA;
}

int mapproc_source_check_unchanged(const struct mapproc_source *source, struct mapproc_error *error)
{
    const struct mapproc_identity *before = &source->identity;
    struct mapproc_identity now;
    struct stat status;
    uint64_t size;
    int result;

    if (!source->steady)
        return MAPPROC_OK;
    if (fstat(source->fd, &status) != 0)
        return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path,
                                 "cannot stat it again after reading");
    result = find_size(source, &status, &size, error);
    if (result != MAPPROC_OK)
        return result;
    now = identity_from_stat(&status, size);
    if (now.size != before->size)
        return set_size_changed(source, now.size, error);
    if (!same_time(now.modified, before->modified))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                                 "changed while it was read: its modification time moved");
    result = check_name(source, error);
    if (result != MAPPROC_OK)
        return result;
    if (!same_time(now.changed, before->changed))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                                 "changed while it was read: its status change time moved");
    return MAPPROC_OK;
}

/* A read that found nothing at `offset`, though the size says that there are `length` bytes. */
static int explain_missing(const struct mapproc_source *source, uint64_t offset, uint64_t length,
                           struct mapproc_error *error)
{
    int result = mapproc_source_check_unchanged(source, error);

    if (result != MAPPROC_OK)
        return result;
    (void)mapproc_error_set(error, MAPPROC_BAD_DATA, 0, source->path,
                            "ends before the size that the file system tells");
    mapproc_error_set_range(error, offset, length);
    return MAPPROC_BAD_DATA;
}

static int explain_unreadable(const struct mapproc_source *source, int system_error,
                              uint64_t offset, uint64_t length, struct mapproc_error *error)
{
    (void)mapproc_error_set(error, MAPPROC_FAILED, system_error, source->path, "cannot read");
    mapproc_error_set_range(error, offset, length);
    return MAPPROC_FAILED;
}

int mapproc_source_read_at(const struct mapproc_source *source, uint64_t offset, void *buffer,
                           size_t length, struct mapproc_error *error)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = pread(source->fd, (char *)buffer + done, length - done,
                          (off_t)(source->start + offset + done));

        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            return explain_missing(source, offset + done, length - done, error);
        else if (errno != EINTR)
            return explain_unreadable(source, errno, offset + done, length - done, error);
    }
    return MAPPROC_OK;
}

bool mapproc_source_is_cached(const struct mapproc_source *source, uint64_t offset)
{
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};

    return source->in_memory ||
           preadv2(source->fd, &vector, 1, (off_t)(source->start + offset), RWF_NOWAIT) == 1;
}

bool mapproc_source_find_hole(const struct mapproc_source *source, uint64_t offset, uint64_t *end)
{
    off_t data, next;

    *end = source->size;
    if (!source->sparse)
        return false;
    data = lseek(source->fd, (off_t)(source->start + offset), SEEK_DATA);
    if (data < 0)
        return errno == ENXIO; /* a hole up to the end; anything else: nobody tells */
    if ((uint64_t)data - source->start > offset) {
        *end = mapproc_min_u64((uint64_t)data - source->start, source->size);
        return true;
    }
    next = lseek(source->fd, data, SEEK_HOLE);
    if (next > data)
        *end = mapproc_min_u64((uint64_t)next - source->start, source->size);
    return false;
}

bool mapproc_source_drop_cache(const struct mapproc_source *source)
{
    uint64_t step = source->size / DROP_LOOKS + 1;

    if (source->in_memory || fdatasync(source->fd) != 0 ||
        posix_fadvise(source->fd, (off_t)source->start, 0, POSIX_FADV_DONTNEED) != 0)
        return false;
    for (uint64_t offset = 0; offset < source->size; offset += step)
        if (mapproc_source_is_cached(source, offset))
            return false;
    return true;
}

int mapproc_source_wait_readable(const struct mapproc_source *source, int wake_fd,
                                 struct mapproc_error *error)
{
    struct pollfd fds[] = {
        {.fd = wake_fd, .events = POLLIN},
        {.fd = source->fd, .events = POLLIN},
    };

    for (;;) {
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0) {
            if (errno == EINTR)
                continue;
            return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path, "cannot poll");
        }
        if (fds[0].revents != 0)
            return mapproc_error_set(error, MAPPROC_CANCELLED, 0, source->path, "cancelled");
        if (fds[1].revents != 0)
            return MAPPROC_OK;
    }
}

int mapproc_source_read_next(const struct mapproc_source *source, int wake_fd, void *buffer,
                             size_t length, size_t *got, struct mapproc_error *error)
{
    bool wait = source->waits;
    size_t done = 0;

    while (done < length) {
        ssize_t n;

        if (wait) {
            int result = mapproc_source_wait_readable(source, wake_fd, error);

            if (result != MAPPROC_OK)
                return result;
        }
        n = read(source->fd, (char *)buffer + done, length - done);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            wait = true; /* a file that behaves like a pipe, such as /proc/kmsg */
        else if (errno != EINTR)
            return mapproc_error_set(error, MAPPROC_FAILED, errno, source->path, "cannot read");
    }
    *got = done;
    return MAPPROC_OK;
}

int mapproc_source_explain_fault(const struct mapproc_source *source, uint64_t offset,
                                 uint64_t length, struct mapproc_error *error)
{
    int result = mapproc_source_check_unchanged(source, error);
    char byte;
    ssize_t n;

    if (result != MAPPROC_OK)
        return result;
    n = pread(source->fd, &byte, 1, (off_t)(source->start + offset));
    if (n == 0)
        return explain_missing(source, offset, length, error);
    return explain_unreadable(source, n < 0 ? errno : EIO, offset, length, error);
}
