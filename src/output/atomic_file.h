/* SPDX-License-Identifier: MIT */
/* atomic_file.h - output that is there completely or not at all. */
#ifndef MAPPROC_OUTPUT_ATOMIC_FILE_H
#define MAPPROC_OUTPUT_ATOMIC_FILE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "mapproc.h"

/*
 * A file being written. All bytes go to a temporary in the directory of the target, which only
 * its owner can read; commit makes it durable and then gives it the target's name.
 *
 * The temporary is called ".NAME.mapproc-" and 16 hexadecimal digits, NAME cut to fit. It outlives
 * the process only where that is killed by SIGKILL or the machine stops, and may then be removed.
 *
 * The fields are private. Thread-compatible: one thread at a time.
 */
struct mapproc_atomic_file {
    const char *path; /* of the target, borrowed */
    const char *name; /* its last component, in `path` */
    int fd;
    int directory;                /* -1 if `direct` */
    bool direct;                  /* written in place: a device, a FIFO, standard output */
    bool force;                   /* may replace what is there */
    int write_error;              /* errno of the write that failed, or 0 */
    atomic_bool has_temporary;    /* `temporary` may exist */
    char temporary[NAME_MAX + 1]; /* in `directory` */
};

/*
 * Prepares to write `path`, which is borrowed until commit or abort. Nothing but the temporary
 * changes.
 *
 * A device, a FIFO, and a symbolic link to one (such as /dev/stdout) are written in place, because
 * they cannot be replaced; so is a symbolic link to what standard output is. Block devices need
 * `force`. Opening a FIFO waits for its reader. Every other symbolic link stands for itself: it
 * exists, and `force` replaces the link, not what it points to.
 *
 * MAPPROC_REFUSED: the target exists and `force` is false, or it is a directory, a socket, or no
 * name at all. MAPPROC_FAILED: anything else. Abort is allowed but not needed after a failure.
 */
int mapproc_atomic_file_open(struct mapproc_atomic_file *file, const char *path, bool force,
                             struct mapproc_error *error);

/*
 * Writes all of `data`, behind what was written before; unbuffered. After a failure only abort
 * makes sense. The process must ignore SIGXFSZ and, for FIFOs, SIGPIPE to see EFBIG and EPIPE.
 */
int mapproc_atomic_file_write(struct mapproc_atomic_file *file, const void *data, size_t length,
                              struct mapproc_error *error);

/*
 * Makes the file durable and puts it in place, in this order: mode and owner, fsync, close, rename,
 * fsync of the directory. A new file gets mode 0666 less the umask; one that replaces a regular
 * file gets that one's permissions, and its owner and group as far as allowed.
 *
 * Consumes `file` whatever the result. After a failure the target is what it was, unless it says
 * that the name may not survive a crash: then the file is complete and in place.
 * MAPPROC_REFUSED: without `force`, somebody else has created the target meanwhile.
 */
int mapproc_atomic_file_commit(struct mapproc_atomic_file *file, struct mapproc_error *error);

/*
 * Whether `path`, with links followed, leads to the file that the target's name has now, which
 * commit will replace. Any thread, until commit or abort.
 */
bool mapproc_atomic_file_replaces(const struct mapproc_atomic_file *file, const char *path);

/*
 * Whether `path`, without following a link in its last component, is the temporary or what the
 * target's name has now. Quick for paths whose last component is neither. Any thread, until commit
 * or abort.
 */
bool mapproc_atomic_file_is_at(const struct mapproc_atomic_file *file, const char *path);

/* Closes and removes the temporary. Does nothing after commit, abort or a failed open. */
void mapproc_atomic_file_abort(struct mapproc_atomic_file *file);

/*
 * Removes the temporary and nothing else: for a signal handler that is about to end the process,
 * whatever the process is doing with `file` after its initialization with
 * MAPPROC_ATOMIC_FILE_CLOSED. Async-signal-safe.
 */
void mapproc_atomic_file_remove_temporary(const struct mapproc_atomic_file *file);

/* The state before open and after commit or abort. */
#define MAPPROC_ATOMIC_FILE_CLOSED                                                                 \
    {                                                                                              \
        .fd = -1, .directory = -1                                                                  \
    }

#endif
