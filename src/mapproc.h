/* SPDX-License-Identifier: MIT */
/* mapproc.h - the public interface of libmapproc: checksums of huge files on all cores. */
#ifndef MAPPROC_H
#define MAPPROC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAPPROC_VERSION "0.1.0"

#if defined(__GNUC__)
#define MAPPROC_API __attribute__((visibility("default")))
#else
#define MAPPROC_API
#endif

/* The version of the library that runs, as "MAJOR.MINOR.PATCH". A constant string. */
MAPPROC_API const char *mapproc_version(void);

/*
 * Results. Every function that can fail returns MAPPROC_OK or one of the negative codes.
 */
enum mapproc_code {
    MAPPROC_OK = 0,
    MAPPROC_BAD_DATA = -1,  /* the data is not good: missing, truncated, changed while read */
    MAPPROC_REFUSED = -2,   /* the request makes no sense: unknown name, value out of range */
    MAPPROC_FAILED = -3,    /* the machine failed: I/O error, no memory, no permission */
    MAPPROC_CANCELLED = -4, /* mapproc_cancel_request() was called */
};

/*
 * What went wrong, in words and in numbers. Filled by the function that failed, owned by the
 * caller, valid without any cleanup. `path` is borrowed from the caller's own argument.
 */
struct mapproc_error {
    int code;         /* enum mapproc_code */
    int system_error; /* errno of the call that failed, or 0 */
    const char *path; /* the source concerned, or NULL */
    uint64_t offset;  /* first byte concerned; only where length > 0 */
    uint64_t length;  /* bytes concerned, 0 if the error is not about a range */
    char what[192];   /* one clause in English, without path and without newline */
};

/* How the bytes of a source get into memory. */
enum mapproc_io {
    MAPPROC_IO_AUTO, /* map what gains by it, read the rest */
    MAPPROC_IO_MMAP, /* map whatever can be mapped */
    MAPPROC_IO_READ, /* never map */
};

/* Where threads and memory go on a machine with several NUMA nodes. On one node all are the same.
 */
enum mapproc_numa {
    /* Threads stay on the CPUs of their node and use its memory. A chunk goes to the node whose
     * memory holds it in the page cache, else to the nodes in turn; idle nodes take from others. */
    MAPPROC_NUMA_AUTO,
    /* The same and strictly: memory from no other node, and no node takes chunks from others. */
    MAPPROC_NUMA_BIND,
    /* Memory, and the page cache of what is read, spread evenly over all nodes; chunks in turn. */
    MAPPROC_NUMA_INTERLEAVE,
    /* As if there were no nodes. */
    MAPPROC_NUMA_OFF,
};

/*
 * A request to stop, shared between the thread that waits for a job and whoever may end it.
 * One token can serve any number of jobs; once requested it stays requested.
 */
struct mapproc_cancel;

/* Returns a new token, or NULL with errno set. Free it when no job uses it any more. */
MAPPROC_API struct mapproc_cancel *mapproc_cancel_create(void);
/* NULL is allowed. */
MAPPROC_API void mapproc_cancel_free(struct mapproc_cancel *cancel);

/* Asks all jobs that hold the token to stop. Safe in a signal handler and from any thread. */
MAPPROC_API void mapproc_cancel_request(struct mapproc_cancel *cancel);

/* What a job tells about itself while it runs: see mapproc_progress.h. Made by the program only. */
struct mapproc_progress;

/* Options of a job. A struct of zeros asks for the defaults. */
struct mapproc_options {
    /* Worker threads, to 4096; 0: one per usable CPU, but not more than the cgroup's CPU quota
     * (rounded up) and what fits into the memory. */
    unsigned threads;
    size_t chunk_size;             /* bytes per chunk, 1 KiB to 1 GiB; 0: chosen by mapproc */
    enum mapproc_io io;            /* how to read */
    struct mapproc_cancel *cancel; /* borrowed, may be NULL */
    enum mapproc_numa numa;        /* where threads and memory go */

    /* The CPUs to use, of those that the process may use, as taskset takes them: "0-3,8". Borrowed;
     * NULL: all. */
    const char *cpus;

    /* Bytes that the job may hold at one time: chunks in flight, scratch, the part of its mappings
     * that is resident, and 12 MiB for the program. 0: 240 MiB, or less on a small machine or in a
     * small cgroup. Too little is MAPPROC_REFUSED, with the least that works in `what`. */
    uint64_t memory;

    /* Called with one line of text (no newline) about something that did not go the usual way but
     * does no harm, such as a file that had to be read because it could not be mapped. From any
     * worker thread, never two at once. May be NULL. */
    void (*note)(void *user, const char *path, const char *text);
    void *note_user;

    struct mapproc_progress *progress; /* borrowed; NULL: nothing is told or limited */
};

/* One digest of a source. Valid during the report call only. */
struct mapproc_digest_value {
    const char *algorithm; /* "xxh128" */
    const char *tag;       /* "XXH128", as in BSD-style checklists */
    const uint8_t *bytes;  /* canonical (big-endian) */
    size_t size;           /* bytes */
    int always_tagged;     /* its checklist lines are always in BSD form */
};

/* The digests of one source, or why there are none. Valid during the report call only. */
struct mapproc_checksum {
    const char *path;                           /* the caller's string */
    uint64_t size;                              /* bytes digested */
    const struct mapproc_digest_value *digests; /* in the order of the algorithms */
    size_t digest_count;                        /* 0 after an error */
    const struct mapproc_error *error;          /* NULL if all is well */
};

/*
 * Takes one finished checksum. Called once per source, in the order of the sources, from any
 * worker thread, never two at once. Returns MAPPROC_OK to go on; a negative code ends the job,
 * which then returns that code.
 */
typedef int (*mapproc_checksum_report)(void *user, const struct mapproc_checksum *checksum);

/*
 * Computes the standard digests of each of `count` files, each file read once, using several
 * threads inside each file where the algorithms allow it (mapproc_checksum_algorithm() lists them;
 * xxh128, xxh3, crc32 and crc32c do) and across files where they do not.
 *
 * paths       file names; "-" is standard input. Borrowed until the call returns.
 * algorithms  one name or several, separated by commas ("xxh128,sha256"); NULL for xxh128.
 * options     NULL for the defaults.
 * report      called for every source, good or bad; an error of one source does not end the job.
 * error       filled if the job as a whole failed; may be NULL.
 *
 * Returns MAPPROC_OK if the job ran to its end, even if sources failed (their reports say so);
 * MAPPROC_REFUSED for options or algorithms that make no sense; MAPPROC_CANCELLED; or what a report
 * returned, and then `error->what` is empty. Thread-safe: any number of jobs may run at once in one
 * process. The process gets a SIGBUS handler that stays installed; it passes on every SIGBUS that
 * is not about a file being read here.
 */
MAPPROC_API int mapproc_checksum_files(const char *const *paths, size_t count,
                                       const char *algorithms,
                                       const struct mapproc_options *options,
                                       mapproc_checksum_report report, void *user,
                                       struct mapproc_error *error);

/* The name of the algorithm number `index`, counted from 0 (the default), or NULL past the last. */
MAPPROC_API const char *mapproc_checksum_algorithm(size_t index);

#ifdef __cplusplus
}
#endif

#endif
