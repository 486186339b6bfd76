/* SPDX-License-Identifier: MIT */
/* directory_names.h - the names in one directory, sorted as their paths are. */
#ifndef MAPPROC_INPUT_DIRECTORY_NAMES_H
#define MAPPROC_INPUT_DIRECTORY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A name and what it stands for. */
struct mapproc_listed_name {
    unsigned char type;         /* DT_REG and so on; DT_UNKNOWN only with `system_error` */
    unsigned char system_error; /* why the type is not known: an errno */
    char text[];                /* ends with '/' if it is a directory */
};

/* The names in a directory but "." and "..". In one block of memory. */
struct mapproc_directory_names {
    const struct mapproc_listed_name **sorted; /* by the bytes of their text */
    size_t count;
};

/* Buffers to read directories with. Not thread-safe. */
struct mapproc_directory_reader;

/* Returns NULL if there is no memory. */
struct mapproc_directory_reader *mapproc_directory_reader_create(void);
/* NULL is allowed. */
void mapproc_directory_reader_destroy(struct mapproc_directory_reader *reader);

/*
 * Reads the directory open as `fd`, from where it stands. Returns 0 or an errno; after a failure
 * *names has those that were read before, none if it is ENOMEM. Free them in any case.
 */
int mapproc_directory_reader_read(struct mapproc_directory_reader *reader, int fd,
                                  struct mapproc_directory_names *names);

void mapproc_directory_names_free(struct mapproc_directory_names *names);

#endif
