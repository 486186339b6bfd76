/* SPDX-License-Identifier: MIT */
/* output_metadata.h - who may do what with a finished output file, and what else is kept of it. */
#ifndef MAPPROC_OUTPUT_OUTPUT_METADATA_H
#define MAPPROC_OUTPUT_OUTPUT_METADATA_H

#include <sys/stat.h>

/* Takes what could not be kept. See struct mapproc_options. */
struct mapproc_metadata_note {
    void (*note)(void *user, const char *path, const char *text); /* may be NULL */
    void *user;
    const char *path;
};

/* Gives the open file `fd`, which nobody else can read yet, the permissions of any new file. */
void mapproc_metadata_set_new(int fd);

/* Gives it owner, group and permissions as in `old`, as far as allowed, but never more. */
void mapproc_metadata_set_old(int fd, const struct stat *old);

/* Gives it all that mapproc_atomic_file_keep_metadata() promises. */
void mapproc_metadata_copy(int fd, int source, const struct mapproc_metadata_note *note);

#endif
