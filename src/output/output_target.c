/* SPDX-License-Identifier: MIT */
/* output_target.c - what is at the path where output shall go. */
#include "output/output_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static bool is_stdout(const struct stat *status)
{
    struct stat out;

    return fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == status->st_dev &&
           out.st_ino == status->st_ino;
}

int mapproc_output_target_find(int directory, const char *path, struct stat *status,
                               enum mapproc_output_target *target)
{
    *target = MAPPROC_TARGET_NEW;
    if (fstatat(directory, path, status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    *target = MAPPROC_TARGET_EXISTING;
    if (S_ISLNK(status->st_mode)) {
        if (fstatat(directory, path, status, 0) != 0)
            return 0; /* leads nowhere, but is there */
        if (is_stdout(status))
            *target = MAPPROC_TARGET_STDOUT;
    }
    if (S_ISDIR(status->st_mode))
        *target = MAPPROC_TARGET_DIRECTORY;
    else if (*target == MAPPROC_TARGET_STDOUT || S_ISREG(status->st_mode))
        return 0;
    else if (S_ISSOCK(status->st_mode))
        *target = MAPPROC_TARGET_SOCKET;
    else
        *target = MAPPROC_TARGET_IN_PLACE;
    return 0;
}
