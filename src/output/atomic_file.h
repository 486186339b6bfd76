/* SPDX-License-Identifier: MIT */
/* atomic_file.h - output that is there completely or not at all. */
#ifndef MAPPROC_OUTPUT_ATOMIC_FILE_H
#define MAPPROC_OUTPUT_ATOMIC_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "mapproc.h"
#include "output/temporaries.h"

/*
 * A file being written. All bytes go to a temporary in the directory of the target, which only
 * its owner can read; commit makes it durable and then gives it the target's name.
 *
 * The temporary is called ".NAME.mapproc-" and 16 hexadecimal digits, NAME cut to fit. It is noted
 * in temporaries.h while it is there. It outlives the process only where that is killed by SIGKILL
 * or the machine stops, and may then be removed.
 *
 * The fields are private. Thread-compatible: one thread at a time.
 */
struct mapproc_atomic_file {
    const char *path; /* of the target, borrowed */
    const char *name; /* its last component, in `path` */
    int fd;
    int directory;   /* -1 if `direct` */
    bool direct;     /* written in place: a device, a FIFO, standard output */
    bool force;      /* may replace what is there */
    int write_error; /* errno of the write that failed, or 0 */
    uint64_t length; /* bytes by now, with `hole` */
    uint64_t hole;   /* zeros at the end that are not written yet; not if `direct` */
    int model;       /* whose metadata it shall get, borrowed; -1: nobody's */
    void (*note)(void *user, const char *path, const char *text); /* of it; may be NULL */
    void *note_user;
    struct mapproc_temporary *noted; /* `temporary` may exist */
    char temporary[NAME_MAX + 1];    /* in `directory` */
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
 * The same for the file that `path` names by its last component, in the open directory `directory`
 * (or AT_FDCWD), which is not needed any more afterwards. The rest of `path` is only for messages.
 */
int mapproc_atomic_file_open_at(struct mapproc_atomic_file *file, int directory, const char *path,
                                bool force, struct mapproc_error *error);

/* Prepares to write to standard output, in place; messages call it `path` ("stdout"). */
int mapproc_atomic_file_open_stdout(struct mapproc_atomic_file *file, const char *path,
                                    struct mapproc_error *error);

/* The same for an open descriptor, which stays open. */
int mapproc_atomic_file_open_fd(struct mapproc_atomic_file *file, int fd, const char *path,
                                struct mapproc_error *error);

/* Whether it is written in place: nothing is undone by abort then. */
bool mapproc_atomic_file_is_direct(const struct mapproc_atomic_file *file);

/* Whether it is written to a terminal. */
bool mapproc_atomic_file_is_terminal(const struct mapproc_atomic_file *file);

/*
 * Writes all of `data`, behind what was written before; unbuffered. After a failure only abort
 * makes sense. The process must ignore SIGXFSZ and, for pipes, SIGPIPE to see them as
 * error->system_error EFBIG and EPIPE. A non-blocking pipe is waited for.
 */
int mapproc_atomic_file_write(struct mapproc_atomic_file *file, const void *data, size_t length,
                              struct mapproc_error *error);

/* The same for `count` pieces, one behind the other; any number, any of them empty. */
int mapproc_atomic_file_writev(struct mapproc_atomic_file *file, const struct iovec *pieces,
                               size_t count, struct mapproc_error *error);

/* The same for `length` zeros. They become a hole, also at the end of the file, but are really
 * written to what is written in place. */
int mapproc_atomic_file_skip(struct mapproc_atomic_file *file, uint64_t length,
                             struct mapproc_error *error);

enum { MAPPROC_HOLE_MIN = 32 * 1024 }; /* bytes: shorter runs of zeros are written as data */

/* As mapproc_atomic_file_write(), but runs of zeros become holes: blocks of MAPPROC_HOLE_MIN that
 * are aligned in the file. What is written in place gets all of it as data. */
int mapproc_atomic_file_write_sparse(struct mapproc_atomic_file *file, const void *data,
                                     size_t length, struct mapproc_error *error);

/*
 * Has commit give the file the metadata of the open file `source`: owner and group as far as
 * allowed, permissions, extended attributes with the ACL, access and modification time. `source` is
 * borrowed until commit or abort, and is looked at only then. Does nothing for what is written in
 * place.
 *
 * What cannot be kept is told by `note` (may be NULL), a line of text as in struct mapproc_options,
 * and is no failure; but the file then never is open to more people than the source: a group gets
 * no more than everybody if it, or the ACL, could not be kept. Setuid, setgid and file capabilities
 * stay only with their owner or group. Attributes about the content (security.ima, security.evm)
 * and of overlayfs are left behind.
 */
void mapproc_atomic_file_keep_metadata(struct mapproc_atomic_file *file, int source,
                                       void (*note)(void *user, const char *path, const char *text),
                                       void *note_user);

/*
 * Makes the file durable and puts it in place, in this order: metadata, fsync, close, rename,
 * fsync of the directory. Unless it was told whose metadata to keep, a new file gets mode 0666 less
 * the umask; one that replaces a regular file gets that one's permissions, and its owner and group
 * as far as allowed.
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

/* The state before open and after commit or abort. */
#define MAPPROC_ATOMIC_FILE_CLOSED                                                                 \
    {                                                                                              \
        .fd = -1, .directory = -1, .model = -1                                                     \
    }

#endif
