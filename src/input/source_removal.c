/* SPDX-License-Identifier: MIT */
/* source_removal.c - removing an input after its output is safe. */
#include "input/source_removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "input/long_path.h"

static int open_directory(const char *path, const char *name, int *directory,
                          struct mapproc_error *error)
{
    size_t length = (size_t)(name - path);
    char *text = length > 0 ? strndup(path, length) : strdup(".");

    if (text == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path, "cannot remove");
    *directory = mapproc_long_path_open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(text);
    if (*directory < 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, path,
                                 "was not removed: cannot open its directory");
    return MAPPROC_OK;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Whether the name is still that of the file that was read. */
static int check(int directory, const char *name, const char *path,
                 const struct mapproc_identity *identity, struct mapproc_error *error)
{
    struct stat now;

    if (fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, path,
                                 "was not removed: cannot stat it again");
    if (S_ISLNK(now.st_mode))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, path,
                                 "was not removed: it is a symbolic link");
    if (!S_ISREG(now.st_mode))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, path,
                                 "was not removed: it is not a regular file");
    if (now.st_dev != identity->device || now.st_ino != identity->inode)
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, path,
                                 "was not removed: another file took its name");
    if ((uint64_t)now.st_size != identity->size || !same_time(now.st_mtim, identity->modified) ||
        !same_time(now.st_ctim, identity->changed))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, path,
                                 "was not removed: it has changed since it was read");
    return MAPPROC_OK;
}

int mapproc_source_remove(const char *path, const struct mapproc_identity *identity,
                          struct mapproc_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    int directory = -1;
    int result = open_directory(path, name, &directory, error);

    if (result != MAPPROC_OK)
        return result;
    result = check(directory, name, path, identity, error);
    if (result == MAPPROC_OK && unlinkat(directory, name, 0) != 0)
        result = mapproc_error_set(error, MAPPROC_FAILED, errno, path, "cannot remove");
    /* Some file systems cannot, and say so by EINVAL. */
    else if (result == MAPPROC_OK && fsync(directory) != 0 && errno != EINVAL &&
             errno != EOPNOTSUPP)
        result = mapproc_error_set(error, MAPPROC_FAILED, errno, path,
                                   "was removed, but may come back after a crash");
    (void)close(directory);
    return result;
}
