/* SPDX-License-Identifier: MIT */
/* output_target.h - what is at the path where output shall go. */
#ifndef MAPPROC_OUTPUT_OUTPUT_TARGET_H
#define MAPPROC_OUTPUT_OUTPUT_TARGET_H

#include <sys/stat.h>

enum mapproc_output_target {
    MAPPROC_TARGET_NEW,       /* nothing */
    MAPPROC_TARGET_EXISTING,  /* a file, or a symbolic link that stands for itself */
    MAPPROC_TARGET_IN_PLACE,  /* a device or a FIFO, or a symbolic link to one */
    MAPPROC_TARGET_STDOUT,    /* a symbolic link to what standard output is */
    MAPPROC_TARGET_DIRECTORY, /* or a symbolic link to one */
    MAPPROC_TARGET_SOCKET,    /* or a symbolic link to one */
};

/* `path` begins in the open `directory`, or AT_FDCWD. Returns 0, or an errno if it cannot be found
 * out. *status is that of what is written in place. */
int mapproc_output_target_find(int directory, const char *path, struct stat *status,
                               enum mapproc_output_target *target);

#endif
