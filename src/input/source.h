/* SPDX-License-Identifier: MIT */
/* source.h - an input: a file, a block device or a stream, and the proof that it did not change. */
#ifndef MAPPROC_INPUT_SOURCE_H
#define MAPPROC_INPUT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "mapproc.h"

enum mapproc_source_kind {
    MAPPROC_SOURCE_EXTENT, /* a known number of bytes, readable at any offset, by anybody */
    MAPPROC_SOURCE_STREAM, /* bytes in order until there are no more */
};

/* What a path may lead to. */
enum mapproc_reach {
    MAPPROC_REACH_ALL,      /* whatever can be opened: mapproc_source_open() */
    MAPPROC_REACH_REGULAR,  /* mapproc_source_open_regular() */
    MAPPROC_REACH_CONFINED, /* mapproc_source_open_confined() */
    MAPPROC_REACH_GIVEN,    /* nowhere: it is open, mapproc_source_take() */
};

/* What tells one state of a file from another. */
struct mapproc_identity {
    dev_t device;
    ino_t inode;
    uint64_t size; /* bytes */
    struct timespec modified;
    struct timespec changed;
};

struct mapproc_source {
    const char *path; /* as the user named it; "-" is standard input; borrowed */
    int fd;
    bool owns_fd;
    bool mappable;  /* mmap() is worth a try: see mapproc_source_open() */
    bool waits;     /* a read may block until somebody writes: poll() first */
    bool sparse;    /* takes less room than its size: there may be holes */
    bool in_memory; /* always in the page cache, whether the kernel tells or not */
    bool steady;    /* its identity means something: not for pipes and pseudo files */
    enum mapproc_source_kind kind;
    uint64_t start; /* file offset of the first byte; 0 unless it was open before */
    uint64_t size;  /* bytes from `start` on; 0 for a stream */
    struct mapproc_identity identity;
};

/*
 * Opens `path` and finds out what it is, without ever waiting for anybody. A file is an extent; a
 * pipe, a socket, a terminal, a character device, and every file of size 0 are streams, because
 * /proc shows that size 0 need not mean empty. So are all files of the kernel's pseudo file
 * systems, whose sizes mean nothing. Files on network file systems are not `mappable`: their
 * errors are better had from read() than as SIGBUS.
 *
 * Fails for directories, and where open() and fstat() do. Close it even after a failure.
 */
int mapproc_source_open(struct mapproc_source *source, const char *path,
                        struct mapproc_error *error);

/*
 * The same for a name out of a hostile list: it must lead to a regular file or a block device, and
 * may not leave the directory we are in, be it by its first '/', by "..", or through a symbolic
 * link.
 * "-" is a file of that name. MAPPROC_REFUSED if it is not so.
 */
int mapproc_source_open_confined(struct mapproc_source *source, const char *path,
                                 struct mapproc_error *error);

/* The same for a name that may lead anywhere, but still only to a regular file or a block device:
 * a list must not make us wait for a FIFO or read /dev/zero to its end. */
int mapproc_source_open_regular(struct mapproc_source *source, const char *path,
                                struct mapproc_error *error);

/*
 * The same for a descriptor that somebody else has opened, and keeps: its first byte is where its
 * position is. `path` is what messages call it.
 */
int mapproc_source_take(struct mapproc_source *source, int fd, const char *path,
                        struct mapproc_error *error);

/* Whichever of them it is to be; `fd` is for MAPPROC_REACH_GIVEN. */
int mapproc_source_open_within(struct mapproc_source *source, const char *path,
                               enum mapproc_reach reach, int fd, struct mapproc_error *error);

/* Closes the file; of a descriptor that was taken, moves the position behind what was read. */
void mapproc_source_close(struct mapproc_source *source);

/*
 * Compares the source with what it was when it was opened. MAPPROC_BAD_DATA, saying what changed,
 * if the file was cut, grew, was written to, replaced or removed.
 */
int mapproc_source_check_unchanged(const struct mapproc_source *source,
                                   struct mapproc_error *error);

/*
 * Reads exactly `length` bytes at `offset` of an extent. Any thread, any number at once. A file
 * that ends earlier is MAPPROC_BAD_DATA with the missing range.
 */
int mapproc_source_read_at(const struct mapproc_source *source, uint64_t offset, void *buffer,
                           size_t length, struct mapproc_error *error);

/*
 * Whether the byte at `offset` of an extent is in the page cache, as far as the kernel tells: false
 * where it does not. Never waits for the device.
 */
bool mapproc_source_is_cached(const struct mapproc_source *source, uint64_t offset);

/*
 * Whether the byte at `offset` of an extent lies in a hole: nothing is stored there, it reads as
 * zero. *end gets the end of the hole, or of the data. Where nobody tells, all is data. One caller
 * at a time: it moves the file position.
 */
bool mapproc_source_find_hole(const struct mapproc_source *source, uint64_t offset, uint64_t *end);

/*
 * Drops what the page cache holds of an extent, so that it must come from the device, after writing
 * back what is not there yet. False if some of it stays: looked at in some places, up to 64.
 */
bool mapproc_source_drop_cache(const struct mapproc_source *source);

/*
 * Waits until a read of a source that `waits` will not block. MAPPROC_CANCELLED if `wake_fd`, which
 * may be -1, becomes readable first.
 */
int mapproc_source_wait_readable(const struct mapproc_source *source, int wake_fd,
                                 struct mapproc_error *error);

/*
 * Reads the next bytes of a stream until the buffer is full or the stream ends (then *got is less
 * than `length`). One thread at a time. Returns MAPPROC_CANCELLED as soon as `wake_fd` becomes
 * readable, however long the stream keeps silent.
 */
int mapproc_source_read_next(const struct mapproc_source *source, int wake_fd, void *buffer,
                             size_t length, size_t *got, struct mapproc_error *error);

/*
 * Finds out why the byte at `offset` of an extent could not be had from its mapping, by asking in
 * ways that answer with an errno, and describes it as missing or unreadable up to `length` bytes
 * further. Always fails: MAPPROC_BAD_DATA for a file that was cut, MAPPROC_FAILED for one that
 * cannot be read.
 */
int mapproc_source_explain_fault(const struct mapproc_source *source, uint64_t offset,
                                 uint64_t length, struct mapproc_error *error);

#endif
