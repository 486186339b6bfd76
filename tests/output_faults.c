/* SPDX-License-Identifier: MIT */
/* output_faults.c - the system calls that write a file, recorded, and made to fail or to kill. */
#include "output_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

struct output_faults output_faults;

static const char *const names[OUTPUT_CALLS] = {
    "open",   "openat", "write",      "writev",    "lseek",     "ftruncate",    "fstatat",
    "fchmod", "fchown", "flistxattr", "fgetxattr", "fsetxattr", "fremovexattr", "futimens",
    "fsync",  "close",  "renameat2",  "renameat",  "linkat",    "unlinkat",
};

void output_faults_arm(const struct output_faults *wanted)
{
    output_faults = *wanted;
    output_faults.armed = 1;
}

void output_faults_disarm(void)
{
    output_faults.armed = 0;
}

/* Counts a call. True if it must fail, with errno set. */
static bool must_fail(enum output_call call)
{
    struct output_faults *f = &output_faults;
    int error = f->call_errors[call];

    if (!f->armed)
        return false;
    if (f->at_call != NULL) {
        f->armed = 0; /* what it does is its own */
        f->at_call(call);
        f->armed = 1;
    }
    f->calls++;
    (void)strncat(f->trace, names[call], sizeof(f->trace) - strlen(f->trace) - 1);
    (void)strncat(f->trace, " ", sizeof(f->trace) - strlen(f->trace) - 1);
    if (f->calls == f->kill_before)
        (void)raise(SIGKILL);
    if (f->calls == f->fail_at) {
        f->last = call;
        error = f->fail_with;
    }
    if (error != 0)
        errno = error;
    return error != 0;
}

#define REAL(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;

    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return must_fail(CALL_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;

    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return must_fail(CALL_OPENAT) ? -1 : __real_openat(directory, path, flags, mode);
}

REAL(ssize_t, write, int fd, const void *data, size_t length)
{
    struct output_faults *f = &output_faults;

    if (must_fail(CALL_WRITE))
        return -1;
    if (f->armed && f->interruptions != 0 && f->calls % 2 == 0) {
        errno = f->interruptions;
        return -1;
    }
    if (f->armed && f->write_most != 0 && length > f->write_most)
        length = f->write_most;
    return __real_write(fd, data, length);
}

/* Takes the first piece alone, and as little of it as write() does. */
REAL(ssize_t, writev, int fd, const struct iovec *pieces, int count)
{
    (void)count;
    if (must_fail(CALL_WRITEV))
        return -1;
    if (output_faults.armed && output_faults.write_most != 0)
        return __real_write(fd, pieces->iov_base,
                            pieces->iov_len < output_faults.write_most ? pieces->iov_len
                                                                       : output_faults.write_most);
    return __real_writev(fd, pieces, count);
}

REAL(off_t, lseek, int fd, off_t offset, int whence)
{
    return must_fail(CALL_LSEEK) ? -1 : __real_lseek(fd, offset, whence);
}

REAL(int, ftruncate, int fd, off_t length)
{
    return must_fail(CALL_FTRUNCATE) ? -1 : __real_ftruncate(fd, length);
}

REAL(int, fstatat, int directory, const char *path, struct stat *status, int flags)
{
    return must_fail(CALL_FSTATAT) ? -1 : __real_fstatat(directory, path, status, flags);
}

REAL(int, fchmod, int fd, mode_t mode)
{
    return must_fail(CALL_FCHMOD) ? -1 : __real_fchmod(fd, mode);
}

REAL(int, fchown, int fd, uid_t owner, gid_t group)
{
    return must_fail(CALL_FCHOWN) ? -1 : __real_fchown(fd, owner, group);
}

REAL(ssize_t, flistxattr, int fd, char *list, size_t size)
{
    return must_fail(CALL_FLISTXATTR) ? -1 : __real_flistxattr(fd, list, size);
}

REAL(ssize_t, fgetxattr, int fd, const char *name, void *value, size_t size)
{
    return must_fail(CALL_FGETXATTR) ? -1 : __real_fgetxattr(fd, name, value, size);
}

REAL(int, fsetxattr, int fd, const char *name, const void *value, size_t size, int flags)
{
    return must_fail(CALL_FSETXATTR) ? -1 : __real_fsetxattr(fd, name, value, size, flags);
}

REAL(int, fremovexattr, int fd, const char *name)
{
    return must_fail(CALL_FREMOVEXATTR) ? -1 : __real_fremovexattr(fd, name);
}

REAL(int, futimens, int fd, const struct timespec *times)
{
    return must_fail(CALL_FUTIMENS) ? -1 : __real_futimens(fd, times);
}

REAL(int, fsync, int fd)
{
    return must_fail(CALL_FSYNC) ? -1 : __real_fsync(fd);
}

/* Fails as the kernel does: the descriptor is closed all the same. */
REAL(int, close, int fd)
{
    if (must_fail(CALL_CLOSE)) {
        int error = errno;

        (void)__real_close(fd);
        errno = error;
        return -1;
    }
    return __real_close(fd);
}

REAL(int, renameat2, int from, const char *old, int to, const char *new, unsigned flags)
{
    return must_fail(CALL_RENAMEAT2) ? -1 : __real_renameat2(from, old, to, new, flags);
}

REAL(int, renameat, int from, const char *old, int to, const char *new)
{
    return must_fail(CALL_RENAMEAT) ? -1 : __real_renameat(from, old, to, new);
}

REAL(int, linkat, int from, const char *old, int to, const char *new, int flags)
{
    return must_fail(CALL_LINKAT) ? -1 : __real_linkat(from, old, to, new, flags);
}

REAL(int, unlinkat, int directory, const char *path, int flags)
{
    return must_fail(CALL_UNLINKAT) ? -1 : __real_unlinkat(directory, path, flags);
}
