/* SPDX-License-Identifier: MIT */
/* atomic_file.c - output that is there completely or not at all. */
#include "output/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "output/output_metadata.h"
#include "output/output_target.h"

enum {
    MARK_LENGTH = 1 + 9 + 16, /* "." in front, ".mapproc-" and the digits behind */
    NAME_KEPT = NAME_MAX - MARK_LENGTH,
    NAME_KEPT_SHORT = 32, /* where the file system takes only short names */
    ATTEMPTS = 8,
};

static int fail(const struct mapproc_atomic_file *file, int system_error, const char *what,
                struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, system_error, file->path, "%s", what);
}

static int refuse(const struct mapproc_atomic_file *file, int system_error, const char *what,
                  struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_REFUSED, system_error, file->path, "%s", what);
}

/* ---- output in place ---- */

/* Opens a device or a FIFO, which `before` was. */
static int open_in_place(struct mapproc_atomic_file *file, int directory, const char *path,
                         const struct stat *before, struct mapproc_error *error)
{
    struct stat status;

    if (S_ISBLK(before->st_mode) && !file->force)
        return refuse(file, 0, "will not overwrite a block device", error);
    file->fd = openat(directory, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (file->fd < 0)
        return fail(file, errno, "cannot open", error);
    if (fstat(file->fd, &status) != 0)
        return fail(file, errno, "cannot stat", error);
    if (status.st_dev != before->st_dev || status.st_ino != before->st_ino ||
        status.st_rdev != before->st_rdev)
        return refuse(file, EEXIST, "another file took its name", error);
    return MAPPROC_OK;
}

static int open_again(struct mapproc_atomic_file *file, int fd, struct mapproc_error *error)
{
    file->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (file->fd < 0)
        return fail(file, errno, "cannot open", error);
    return MAPPROC_OK;
}

/* ---- the temporary ---- */

/* Opens the directory of `path`, which begins in `from` and ends with the file's name. */
static int open_directory(struct mapproc_atomic_file *file, int from, const char *path,
                          struct mapproc_error *error)
{
    size_t length = strlen(path) - strlen(file->name);
    char *directory = length > 0 ? strndup(path, length) : strdup(".");

    if (directory == NULL)
        return fail(file, ENOMEM, "cannot create", error);
    file->directory = openat(from, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (file->directory < 0)
        return fail(file, errno, "cannot open its directory", error);
    return MAPPROC_OK;
}

/* Makes a new name for the temporary. Returns 0 or an errno. */
static int name_temporary(struct mapproc_atomic_file *file, size_t kept)
{
    size_t length = strnlen(file->name, kept + 1);
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return errno;
    if (length > kept) {
        length = kept;
        while (length > 0 && ((unsigned char)file->name[length] & 0xc0) == 0x80)
            length--; /* some file systems want whole characters */
    }
    (void)snprintf(file->temporary, sizeof(file->temporary), ".%.*s.mapproc-%016" PRIx64,
                   (int)length, file->name, number);
    return 0;
}

static int create_temporary(struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    size_t kept = NAME_KEPT;
    int system_error = EEXIST;

    for (int i = 0; i < ATTEMPTS; i++) {
        system_error = name_temporary(file, kept);
        if (system_error != 0)
            break;
        /* Noted first: a signal handler must find it, and harms nothing if it is not there yet. */
        file->noted = mapproc_temporary_add(file->directory, file->temporary);
        system_error = ENOMEM;
        if (file->noted == NULL)
            break;
        file->fd = openat(file->directory, file->temporary,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        system_error = errno;
        mapproc_temporary_created(file->noted);
        if (file->fd >= 0)
            return MAPPROC_OK;
        mapproc_temporary_forget(file->noted);
        file->noted = NULL;
        if (system_error == ENAMETOOLONG && kept == NAME_KEPT)
            kept = NAME_KEPT_SHORT;
        else if (system_error != EEXIST && system_error != EINTR)
            break;
    }
    return fail(file, system_error, "cannot create a file beside it", error);
}

/* ---- open ---- */

/* Opens what `path`, which begins in `directory`, leads to. */
static int open_target(struct mapproc_atomic_file *file, int directory, const char *path,
                       struct mapproc_error *error)
{
    enum mapproc_output_target target;
    struct stat status;
    int result;

    if (*file->name == '\0' || strcmp(file->name, ".") == 0 || strcmp(file->name, "..") == 0)
        return refuse(file, 0, "is not the name of a file", error);
    result = mapproc_output_target_find(directory, path, &status, &target);
    if (result != 0)
        return fail(file, result, "cannot create", error);
    file->direct = target == MAPPROC_TARGET_IN_PLACE || target == MAPPROC_TARGET_STDOUT;
    switch (target) {
    case MAPPROC_TARGET_DIRECTORY:
        return refuse(file, EISDIR, "cannot create", error);
    case MAPPROC_TARGET_SOCKET:
        return refuse(file, 0, "cannot write to a socket", error);
    case MAPPROC_TARGET_IN_PLACE:
        return open_in_place(file, directory, path, &status, error);
    case MAPPROC_TARGET_STDOUT:
        return open_again(file, STDOUT_FILENO, error);
    case MAPPROC_TARGET_EXISTING:
        if (!file->force)
            return refuse(file, EEXIST, "will not replace it", error);
        break;
    case MAPPROC_TARGET_NEW:
        break;
    }
    result = open_directory(file, directory, path, error);
    if (result != MAPPROC_OK)
        return result;
    return create_temporary(file, error);
}

static void begin(struct mapproc_atomic_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');

    *file = (struct mapproc_atomic_file)MAPPROC_ATOMIC_FILE_CLOSED;
    file->path = path;
    file->name = slash != NULL ? slash + 1 : path;
}

int mapproc_atomic_file_open(struct mapproc_atomic_file *file, const char *path, bool force,
                             struct mapproc_error *error)
{
    int result;

    begin(file, path);
    file->force = force;
    result = open_target(file, AT_FDCWD, path, error);
    if (result != MAPPROC_OK)
        mapproc_atomic_file_abort(file);
    return result;
}

int mapproc_atomic_file_open_at(struct mapproc_atomic_file *file, int directory, const char *path,
                                bool force, struct mapproc_error *error)
{
    int result;

    begin(file, path);
    file->force = force;
    result = open_target(file, directory, file->name, error);
    if (result != MAPPROC_OK)
        mapproc_atomic_file_abort(file);
    return result;
}

int mapproc_atomic_file_open_fd(struct mapproc_atomic_file *file, int fd, const char *path,
                                struct mapproc_error *error)
{
    begin(file, path);
    file->direct = true;
    return open_again(file, fd, error);
}

int mapproc_atomic_file_open_stdout(struct mapproc_atomic_file *file, const char *path,
                                    struct mapproc_error *error)
{
    return mapproc_atomic_file_open_fd(file, STDOUT_FILENO, path, error);
}

bool mapproc_atomic_file_is_direct(const struct mapproc_atomic_file *file)
{
    return file->direct;
}

bool mapproc_atomic_file_is_terminal(const struct mapproc_atomic_file *file)
{
    return file->direct && isatty(file->fd) == 1;
}

void mapproc_atomic_file_keep_metadata(struct mapproc_atomic_file *file, int source,
                                       void (*note)(void *user, const char *path, const char *text),
                                       void *note_user)
{
    file->model = source;
    file->note = note;
    file->note_user = note_user;
}

/* ---- what else has to do with it ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Finds out what the target's name has now. False if nothing, or nothing that is replaced. */
static bool look_at_target(const struct mapproc_atomic_file *file, struct stat *status)
{
    return file->directory >= 0 &&
           fstatat(file->directory, file->name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool mapproc_atomic_file_replaces(const struct mapproc_atomic_file *file, const char *path)
{
    struct stat target, other;

    return look_at_target(file, &target) && stat(path, &other) == 0 && same_file(&target, &other);
}

bool mapproc_atomic_file_is_at(const struct mapproc_atomic_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct stat own, other;

    if (file->directory < 0)
        return false;
    if (strcmp(name, file->temporary) == 0)
        return fstat(file->fd, &own) == 0 && lstat(path, &other) == 0 && same_file(&own, &other);
    return strcmp(name, file->name) == 0 && look_at_target(file, &own) &&
           lstat(path, &other) == 0 && same_file(&own, &other);
}

/* ---- commit ---- */

static void set_metadata(const struct mapproc_atomic_file *file)
{
    const struct mapproc_metadata_note note = {file->note, file->note_user, file->path};
    struct stat old;

    if (file->model >= 0)
        mapproc_metadata_copy(file->fd, file->model, &note);
    else if (file->force && fstatat(file->directory, file->name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
             S_ISREG(old.st_mode))
        mapproc_metadata_set_old(file->fd, &old);
    else
        mapproc_metadata_set_new(file->fd);
}

/* Makes the file as long as it shall be, if it ends with a hole. Returns 0 or an errno. */
static int end_hole(const struct mapproc_atomic_file *file)
{
    return file->hole == 0 || ftruncate(file->fd, (off_t)file->length) == 0 ? 0 : errno;
}

/* Closes the file. Returns 0 or the errno of an error that was kept until now. */
static int close_file(struct mapproc_atomic_file *file)
{
    int fd = file->fd;

    file->fd = -1;
    return close(fd) != 0 && errno != EINTR ? errno : 0; /* it is closed even after EINTR */
}

/* Gives the temporary the target's name, which must be free, where there is no RENAME_NOREPLACE. */
static int place_by_link(const struct mapproc_atomic_file *file)
{
    struct stat status;

    if (linkat(file->directory, file->temporary, file->directory, file->name, 0) == 0) {
        (void)unlinkat(file->directory, file->temporary, 0);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
        return errno;
    /* No links either: what is left is to look, and to hope that nobody is as quick. */
    if (fstatat(file->directory, file->name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    if (errno != ENOENT)
        return errno;
    return renameat(file->directory, file->temporary, file->directory, file->name) == 0 ? 0 : errno;
}

/* Gives the temporary the target's name. Returns 0 or an errno. */
static int place(const struct mapproc_atomic_file *file)
{
    unsigned flags = file->force ? 0 : RENAME_NOREPLACE;

    if (renameat2(file->directory, file->temporary, file->directory, file->name, flags) == 0)
        return 0;
    if (!file->force && (errno == EINVAL || errno == ENOSYS))
        return place_by_link(file);
    return errno;
}

static int commit_in_place(struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    struct stat status;
    int system_error;

    if (fstat(file->fd, &status) == 0 && S_ISBLK(status.st_mode) && fsync(file->fd) != 0)
        return fail(file, errno, "cannot write it to the disk", error);
    system_error = close_file(file);
    if (system_error != 0)
        return fail(file, system_error, "cannot write", error);
    return MAPPROC_OK;
}

static int commit_temporary(struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    int system_error = end_hole(file);

    if (system_error != 0)
        return fail(file, system_error, "cannot write", error);
    set_metadata(file);
    /* The first answer is the last: asked again, the kernel may have forgotten the failure. */
    if (fsync(file->fd) != 0)
        return fail(file, errno, "cannot write it to the disk", error);
    system_error = close_file(file);
    if (system_error != 0)
        return fail(file, system_error, "cannot write", error);
    system_error = place(file);
    if (system_error == EEXIST)
        return refuse(file, EEXIST, "was created by somebody else meanwhile", error);
    if (system_error != 0)
        return fail(file, system_error, "cannot rename the finished file", error);
    mapproc_temporary_forget(file->noted);
    file->noted = NULL;
    /* Some file systems cannot, and say so by EINVAL. */
    if (fsync(file->directory) != 0 && errno != EINVAL && errno != EOPNOTSUPP)
        return fail(file, errno, "is complete, but its name may not survive a crash", error);
    return MAPPROC_OK;
}

int mapproc_atomic_file_commit(struct mapproc_atomic_file *file, struct mapproc_error *error)
{
    int result;

    if (file->write_error != 0)
        result = fail(file, file->write_error, "cannot write", error);
    else if (file->direct)
        result = commit_in_place(file, error);
    else
        result = commit_temporary(file, error);
    mapproc_atomic_file_abort(file);
    return result;
}

/* ---- abort ---- */

void mapproc_atomic_file_abort(struct mapproc_atomic_file *file)
{
    if (file->fd >= 0)
        (void)close_file(file);
    if (file->noted != NULL)
        (void)unlinkat(file->directory, file->temporary, 0);
    mapproc_temporary_forget(file->noted);
    file->noted = NULL;
    if (file->directory >= 0)
        (void)close(file->directory);
    file->directory = -1;
}
