/* SPDX-License-Identifier: MIT */
/* directories.c - the directories that output goes to when a tree is mirrored. */
#include "output/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum {
    OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
    NEW_MODE = 0777,
    OWNER = 0700, /* what the owner needs to write into it */
};

static int fail(int system_error, const char *path, const char *what, struct mapproc_error *error)
{
    bool refused = system_error == ENOTDIR || system_error == ELOOP;

    return mapproc_error_set(error, refused ? MAPPROC_REFUSED : MAPPROC_FAILED, system_error, path,
                             "%s", what);
}

/*
 * Opens the directory `name` in `parent`, or makes it. Of another process that makes or removes the
 * same at this time, either may win: then we look again.
 */
static int open_or_make(int parent, const char *name, mode_t mode, int flags)
{
    enum { ATTEMPTS = 8 };

    for (int i = 0; i < ATTEMPTS; i++) {
        int fd = openat(parent, name, OPEN_FLAGS | flags);

        if (fd >= 0 || errno != ENOENT)
            return fd;
        if (mkdirat(parent, name, mode | OWNER) != 0 && errno != EEXIST)
            return -1;
    }
    return -1;
}

/* The permissions of the directory `name` in `model`, which may be -1. */
static mode_t find_mode(int model, const char *name)
{
    struct stat status;

    if (model < 0 || fstatat(model, name, &status, 0) != 0 || !S_ISDIR(status.st_mode))
        return NEW_MODE;
    return status.st_mode & NEW_MODE;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* Replaces *fd by the directory `name` in it. */
static void go_down(int *fd, const char *name)
{
    int next = *fd >= 0 ? openat(*fd, name, OPEN_FLAGS) : -1;

    close_if_open(*fd);
    *fd = next;
}

/* Takes the next component off *rest. False at the end; an empty `name` if it is none for us. */
static bool next_component(const char **rest, char name[NAME_MAX + 1])
{
    size_t length;

    *rest += strspn(*rest, "/");
    length = strcspn(*rest, "/");
    if (length == 0)
        return false;
    name[0] = '\0';
    if (length <= NAME_MAX && strncmp(*rest, "..", length > 2 ? length : 2) != 0) {
        memcpy(name, *rest, length);
        name[length] = '\0';
    }
    *rest += length;
    return true;
}

/* Moves *fd down along `relative`. *model goes along as far as it can. */
static int descend(int *fd, int *model, const char *relative, struct mapproc_error *error)
{
    const char *rest = relative;
    char name[NAME_MAX + 1];

    while (next_component(&rest, name)) {
        int next;

        if (name[0] == '\0')
            return mapproc_error_set(error, MAPPROC_REFUSED, 0, relative,
                                     "is no directory that can be mirrored");
        next = open_or_make(*fd, name, find_mode(*model, name), O_NOFOLLOW);
        if (next < 0)
            return fail(errno, relative, "cannot make this directory", error);
        (void)close(*fd);
        *fd = next;
        go_down(model, name);
    }
    return MAPPROC_OK;
}

int mapproc_directories_make(const char *root, const char *relative, const char *model,
                             int *directory, struct mapproc_error *error)
{
    int model_fd, fd, result;

    if (*relative == '/')
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, relative,
                                 "is no directory that can be mirrored");
    model_fd = model != NULL ? open(model, OPEN_FLAGS) : -1;
    fd = open_or_make(AT_FDCWD, root, find_mode(model_fd, "."), 0);
    if (fd < 0) {
        result = fail(errno, root, "cannot make this directory", error);
        close_if_open(model_fd);
        return result;
    }
    result = descend(&fd, &model_fd, relative, error);
    close_if_open(model_fd);
    if (result == MAPPROC_OK)
        *directory = fd;
    else
        (void)close(fd);
    return result;
}
