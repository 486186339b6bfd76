/* SPDX-License-Identifier: MIT */
/* path_entry.h - one path at a time: what walks of trees and lists of names deliver. */
#ifndef MAPPROC_INPUT_PATH_ENTRY_H
#define MAPPROC_INPUT_PATH_ENTRY_H

#include <stddef.h>

#include "mapproc.h"

/* Bytes of the longest path that is delivered, its NUL not counted. Linux takes 4095 bytes at a
 * time, so only mapproc_long_path_open() can open what is longer. */
#define MAPPROC_PATH_LIMIT ((size_t)1 << 20)

enum mapproc_entry_kind {
    MAPPROC_ENTRY_END,     /* there are no more; nothing else is set */
    MAPPROC_ENTRY_FILE,    /* a file to be read */
    MAPPROC_ENTRY_SKIPPED, /* something left out on purpose: see `skip` */
    MAPPROC_ENTRY_ERROR,   /* something that could not be looked at: see `error` */
};

/* Why an entry is skipped. */
enum mapproc_skip {
    MAPPROC_SKIP_SYMLINK,
    MAPPROC_SKIP_FIFO,
    MAPPROC_SKIP_SOCKET,
    MAPPROC_SKIP_CHARACTER_DEVICE,
    MAPPROC_SKIP_BLOCK_DEVICE,
    MAPPROC_SKIP_OTHER_FILE_SYSTEM, /* a directory on another one, with one_file_system */
    MAPPROC_SKIP_EXCLUDED,          /* matches a pattern; a directory stands for all below it */
    MAPPROC_SKIP_LOOP,              /* a directory that contains itself, by a bind mount */
};

struct mapproc_entry {
    enum mapproc_entry_kind kind;
    enum mapproc_skip skip;     /* of MAPPROC_ENTRY_SKIPPED */
    char *path;                 /* from malloc(); the receiver's, to free() in any thread */
    struct mapproc_error error; /* of MAPPROC_ENTRY_ERROR; error.path is `path` */
};

/* What a skipped entry is, to be put after its path: "is a symbolic link". A constant string. */
const char *mapproc_skip_text(enum mapproc_skip skip);

#endif
