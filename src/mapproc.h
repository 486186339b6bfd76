/* SPDX-License-Identifier: MIT */
/* mapproc.h - the public interface of libmapproc: work on huge files with all cores.
 *
 *     mapproc_checksum_files()                     standard digests, of pieces as well
 *     mapproc_verify_list()                        files against a list: which bytes are bad
 *     mapproc_compress_file(), _fd(), _buffer()    gzip that every gunzip reads
 *     mapproc_decompress_file(), _fd(), _buffer()  whatever made it
 *     mapproc_read_range()                         a slice of a file, compressed or not
 *     mapproc_process_chunks()                     your own functions over the chunks of a file
 *
 * Common to all of them:
 *
 * Calls    A function returns when all is done. Any number may run at once in one process, from any
 *          threads; only what is said to be borrowed is shared. Each call makes its own threads,
 *          with all signals blocked but those of faults and SIGPIPE, and ends them.
 * Structs  Fill in those that you pass from zeros ("= {0}"): zero, or NULL, asks for the default.
 *          Those for options end in `reserved`, which has to be zero; later versions with the same
 *          soname take new fields from there, so that no size changes. Those that you are given a
 *          pointer to may grow at their end: do not copy them by value, nor put them into arrays.
 * Sizes    are in bytes, offsets counted from 0, strings in whatever encoding file names have.
 * Signals  The process gets handlers of SIGBUS and ignores nothing. The handler passes on whatever
 *          is not about a file being read here. Whoever writes output files on a file system with
 *          size limits ignores SIGXFSZ, and SIGPIPE for descriptors that may be pipes: then they
 *          are errors, EFBIG and EPIPE.
 */
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
 * caller, valid without any cleanup. `path` is borrowed from the caller's own argument, or it is
 * "input" or "output", where that was a descriptor or a buffer. Its size never changes.
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

/* The total of a job whose end is not known yet. */
#define MAPPROC_TOTAL_UNKNOWN UINT64_MAX

/* In what every job runs, whatever it does: threads, memory, nodes, and who may watch and end it. A
 * struct of zeros, and NULL in place of it, ask for the defaults. Never changed by the library: one
 * can serve any number of jobs, also at the same time. */
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

    struct mapproc_progress *progress; /* of the mapproc program; here NULL */

    /*
     * Called about 20 times a second with the bytes of input that are done, and all that there are,
     * or MAPPROC_TOTAL_UNKNOWN; and once when the job has ended. From one thread, never two at
     * once, and not after the function has returned. It may call mapproc_cancel_request(). May be
     * NULL.
     */
    void (*watch)(void *user, uint64_t done, uint64_t total);
    void *watch_user;

    uint64_t reserved[8]; /* zeros */
};

/* ---- checksums ---- */

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

    /* Of mapproc_checksum_pieces(). Piece number i begins at i * piece_size, and its digest at
     * piece_digests[i * piece_digest_size]. All but the last have piece_size bytes. */
    uint64_t piece_size;         /* bytes; 0: there are no pieces */
    size_t piece_count;          /* 0 for an empty file */
    const char *piece_algorithm; /* "xxh128" */
    size_t piece_digest_size;    /* bytes of each digest */
    const uint8_t *piece_digests;
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
 * error       filled if the job as a whole failed; may be NULL, here and in all functions.
 *
 * Returns MAPPROC_OK if the job ran to its end, even if sources failed (their reports say so);
 * MAPPROC_REFUSED for options or algorithms that make no sense; MAPPROC_CANCELLED; MAPPROC_FAILED
 * if there is no memory or no thread; or what a report returned, and then `error->what` is empty.
 */
MAPPROC_API int mapproc_checksum_files(const char *const *paths, size_t count,
                                       const char *algorithms,
                                       const struct mapproc_options *options,
                                       mapproc_checksum_report report, void *user,
                                       struct mapproc_error *error);

/* A piece size: the smallest power of two that is at least 1 MiB and the chunk size in the options,
 * and makes at most 16384 pieces of the file. */
#define MAPPROC_PIECE_SIZE_AUTO UINT64_MAX

/*
 * The same, and in the same reading the digests of pieces of each file, by which a place that has
 * changed can be found. `piece_size` is in bytes, a multiple of 1024 that makes no more than a
 * million pieces of any of the files (else that one fails), or MAPPROC_PIECE_SIZE_AUTO; 0 is as
 * mapproc_checksum_files().
 */
MAPPROC_API int mapproc_checksum_pieces(const char *const *paths, size_t count,
                                        const char *algorithms, uint64_t piece_size,
                                        const struct mapproc_options *options,
                                        mapproc_checksum_report report, void *user,
                                        struct mapproc_error *error);

/* The name of the algorithm number `index`, counted from 0 (the default), or NULL past the last. */
MAPPROC_API const char *mapproc_checksum_algorithm(size_t index);

/* ---- verifying ---- */

enum mapproc_verdict {
    MAPPROC_VERDICT_GOOD,
    MAPPROC_VERDICT_BAD,     /* the content is not what the list says */
    MAPPROC_VERDICT_MISSING, /* there is no such file */
    MAPPROC_VERDICT_FAILED,  /* it could not be read: see error */
    MAPPROC_VERDICT_REFUSED, /* the list asks for what is not done: see error */
};

struct mapproc_range {
    uint64_t offset;
    uint64_t length; /* offset + length fits 64 bits */
};

/* What became of one file of a list. Valid during the report call only. */
struct mapproc_verify_result {
    enum mapproc_verdict verdict;
    uint64_t line;                     /* of the list, counted from 1 */
    const char *name;                  /* as the list has it */
    const char *algorithm;             /* by which it was checked; NULL: not, or in doubt */
    const struct mapproc_error *error; /* of missing, failed and refused; else NULL */

    uint64_t size;        /* bytes that there are; of good and bad files */
    uint64_t listed_size; /* that the list says there are; UINT64_MAX: it says nothing */

    /* Of a bad file with digests of pieces in the list. */
    size_t pieces;                      /* that the list knows; 0: the ranges say nothing */
    size_t bad_pieces;                  /* of those that are still there */
    const struct mapproc_range *ranges; /* where they are, in rising order, neighbours joined */
    size_t range_count;
    uint64_t ranges_left_out; /* beyond the 16384 that are told */
    uint64_t bad_bytes;       /* in all of them */
    size_t reread_good;       /* bad pieces that were right when read again from the device */
    size_t reread_bad;        /* bad pieces that were still not */
    int time_kept;            /* size and time are what they were: the content changed by itself */
};

/* All of a list. */
struct mapproc_verify_summary {
    uint64_t files[8];         /* by verdict, of which there may be more one day */
    uint64_t bad_lines;        /* that cannot be understood */
    uint64_t first_bad_line;   /* counted from 1; 0: none */
    uint64_t damaged_manifest; /* places where the list itself is damaged */
    int all_good;              /* there is at least one file, all are good, and so is the list */
    uint64_t reserved[4];
};

/* As mapproc_checksum_report, in the order of the list. */
typedef int (*mapproc_verify_report)(void *user, const struct mapproc_verify_result *result);

enum mapproc_verify_flags {
    MAPPROC_VERIFY_ALLOW_OUTSIDE = 1, /* follow names that lead out of the working directory */
    MAPPROC_VERIFY_FROM_DISK = 2,     /* drop files from the page cache first: read the medium */
};

/*
 * Checks the files that a list names, from the working directory, as `mapproc verify` does: a
 * manifest, or a list of xxhsum, of the GNU and BSD tools, openssl, rhash or hashdeep.
 *
 * list     path of the list; "-" is standard input. It may be hostile.
 * flags    of enum mapproc_verify_flags, or 0.
 * report   called for every file; may be NULL.
 * summary  filled if the call returns MAPPROC_OK; may be NULL.
 *
 * Returns MAPPROC_OK if the list was read to its end, whatever the verdicts are; MAPPROC_BAD_DATA
 * or MAPPROC_FAILED if it could not be; else as mapproc_checksum_files().
 */
MAPPROC_API int mapproc_verify_list(const char *list, unsigned flags,
                                    const struct mapproc_options *options,
                                    mapproc_verify_report report, void *user,
                                    struct mapproc_verify_summary *summary,
                                    struct mapproc_error *error);

/* ---- compressing ---- */

enum mapproc_member_form {
    MAPPROC_FORM_GZIP, /* one member a chunk, which states its size */
    MAPPROC_FORM_BGZF, /* members of 65280 bytes of data, as bgzip makes them */
};

/* Level that stores. */
#define MAPPROC_LEVEL_STORE (-1)

/* How to compress. Zeros, and NULL in place of it, ask for the defaults. The bytes that are made
 * depend on these options, the data, the chunk size in struct mapproc_options (3840 KiB if that is
 * 0) and the version of the codec; not on threads, memory or machine. */
struct mapproc_compress_options {
    int level; /* 1 (fast) to 12 (small); 0: 6; MAPPROC_LEVEL_STORE */
    enum mapproc_member_form form;
    const char *codec;   /* "libdeflate", "isal" or "zlib"; NULL: the best one for the level */
    const char *chunker; /* as in struct mapproc_chunk_job. Not for buffers */
    int verify;          /* inflate all again and compare, before it is written */

    /* Of mapproc_compress_file() only. */
    int force;                 /* replace files that exist */
    int remove_input;          /* once its output is on the disk; implies verify */
    const char *index_path;    /* write an index there, as bgzip -i does; NULL: none */
    const char *manifest_path; /* write the digests of the input there, for verify; NULL: none */

    uint64_t reserved[4]; /* zeros */
};

/* What has been compressed or inflated. Filled in if all is good, and what can be if not. */
struct mapproc_compress_result {
    uint64_t size;        /* bytes of data */
    uint64_t compressed;  /* bytes of gzip */
    uint64_t members;     /* end mark not counted */
    uint64_t bad_members; /* found by inflating */
    uint64_t reserved[4];
};

/*
 * Compresses the file `input` ("-" is standard input) to the file `output`, which gets its name,
 * and the mode, owner, times and attributes of the input, when it is complete and on the disk, and
 * the input is still what it was. Nothing is left of it after a failure.
 *
 * compress, options  NULL for the defaults
 * result             may be NULL
 *
 * MAPPROC_OK; MAPPROC_BAD_DATA if the input is missing or changed while it was read;
 * MAPPROC_REFUSED if the output exists, or for options that make no sense; MAPPROC_FAILED for
 * errors of reading, writing and memory; MAPPROC_CANCELLED.
 */
MAPPROC_API int mapproc_compress_file(const char *input, const char *output,
                                      const struct mapproc_compress_options *compress,
                                      const struct mapproc_options *options,
                                      struct mapproc_compress_result *result,
                                      struct mapproc_error *error);

/*
 * The same from one open descriptor to another: files, pipes or sockets. A file is read from its
 * position to its end, where the position is left. Both stay open, and are the caller's; nobody
 * else may use them meanwhile. What was written before a failure stays.
 */
MAPPROC_API int mapproc_compress_fd(int input, int output,
                                    const struct mapproc_compress_options *compress,
                                    const struct mapproc_options *options,
                                    struct mapproc_compress_result *result,
                                    struct mapproc_error *error);

/* The room that mapproc_compress_buffer() needs for `length` bytes with these options, whatever the
 * data; hardly more than `length`. 0 if the options make no sense or it does not fit a size_t. */
MAPPROC_API size_t mapproc_compress_bound(size_t length,
                                          const struct mapproc_compress_options *compress,
                                          const struct mapproc_options *options);

/*
 * Compresses `length` bytes at `data` (NULL is allowed for 0) to `out`, which has room for
 * `capacity`; they must not overlap. *size gets the bytes made, the same that
 * mapproc_compress_file() makes. A buffer of one chunk is compressed by the calling thread, more by
 * all cores. Takes no memory but some 1 MiB for each thread, whatever the bound in the options.
 *
 * MAPPROC_REFUSED if `capacity` is below mapproc_compress_bound(), or for options that make no
 * sense; MAPPROC_FAILED without memory or threads; MAPPROC_CANCELLED. What is in `out` then is
 * undefined.
 */
MAPPROC_API int mapproc_compress_buffer(const void *data, size_t length, void *out, size_t capacity,
                                        size_t *size,
                                        const struct mapproc_compress_options *compress,
                                        const struct mapproc_options *options,
                                        struct mapproc_error *error);

/* ---- inflating ---- */

/* How to inflate. Zeros, and NULL in place of it, ask for the defaults. */
struct mapproc_decompress_options {
    uint64_t max_output; /* bytes; what would become larger is MAPPROC_REFUSED. 0: anything */

    /* Leave holes for bad members, and write all others. MAPPROC_BAD_DATA is returned all the
     * same, with the output in its place. Not for buffers. */
    int keep_going;

    /* Of mapproc_decompress_file() only. */
    int force;        /* replace files that exist */
    int remove_input; /* once its output is on the disk, if all is good */

    uint64_t reserved[4]; /* zeros */
};

/*
 * Inflates the gzip file `input` to `output`, as mapproc_compress_file() compresses; with `output`
 * NULL the data is only checked. Members that tell their sizes (of mapproc, bgzip, pgzip and some
 * others) are inflated on all cores, all others in order. Every CRC and size is checked:
 * MAPPROC_BAD_DATA says which member is bad, and where. Long runs of zeros become holes.
 */
MAPPROC_API int mapproc_decompress_file(const char *input, const char *output,
                                        const struct mapproc_decompress_options *decompress,
                                        const struct mapproc_options *options,
                                        struct mapproc_compress_result *result,
                                        struct mapproc_error *error);

/* The same from one open descriptor to another, as mapproc_compress_fd(). What was written before
 * the bad place stays. */
MAPPROC_API int mapproc_decompress_fd(int input, int output,
                                      const struct mapproc_decompress_options *decompress,
                                      const struct mapproc_options *options,
                                      struct mapproc_compress_result *result,
                                      struct mapproc_error *error);

/*
 * Inflates `length` bytes of gzip at `data` to `out`, which has room for `capacity`; they must not
 * overlap. *size gets the bytes made. Data for which there is no room is MAPPROC_REFUSED, before or
 * after some of it has been written to `out`; else as mapproc_decompress_file(). Takes `length`
 * bytes of memory more.
 */
MAPPROC_API int mapproc_decompress_buffer(const void *data, size_t length, void *out,
                                          size_t capacity, size_t *size,
                                          const struct mapproc_options *options,
                                          struct mapproc_error *error);

/*
 * Reads up to `length` bytes of the data of the file `path`, from `offset` on, into `buffer`: of a
 * gzip file the inflated data, of any other the bytes as they are. *got gets how many there were:
 * fewer only where the data ends. Of a gzip file only the members are inflated that have some of
 * the bytes, if they tell their sizes or there is a PATH.gzi; else all from the beginning.
 *
 * MAPPROC_BAD_DATA if the file is missing, changed, or bad in that place; MAPPROC_FAILED;
 * MAPPROC_CANCELLED; MAPPROC_REFUSED for options that make no sense. *got then says nothing.
 */
MAPPROC_API int mapproc_read_range(const char *path, uint64_t offset, void *buffer, size_t length,
                                   size_t *got, const struct mapproc_options *options,
                                   struct mapproc_error *error);

/* ---- jobs of your own ---- */

/* A chunk of a file. Valid during the call only. */
struct mapproc_chunk_view {
    uint64_t number;     /* counted from 0 */
    uint64_t offset;     /* of its first byte in the file */
    size_t length;       /* bytes, at least 1 */
    const uint8_t *data; /* its bytes, not to be changed */
    void *scratch;       /* scratch_size bytes for what you find out, 64-byte aligned */
    int hole;            /* nothing is stored there: all zeros, and was not read */
};

/* What to do with the chunks of a file. Fill it in from zeros. Both functions get `user` as it was
 * given to mapproc_process_chunks(). */
struct mapproc_chunk_job {
    /*
     * How the file is cut: "fixed" (or NULL), "lines", "records:size=100", "cdc", "sparse", with
     * options as `mapproc checksum --chunker help` lists them; or "./mine.so", a shared object. A
     * chunk has about as many bytes as the options say, or 1 MiB; where it ends depends on the file
     * and these settings only, not on threads or memory.
     */
    const char *chunker;

    size_t scratch_size; /* bytes of scratch for each chunk, zeros at first, to 1 GiB */

    /* So much more of it for each KiB of the chunk, or part of one. */
    size_t scratch_per_kib;

    /*
     * Looks at a chunk: at any time, in any order, on any worker thread, several at once; so it
     * writes to the scratch only, or to what is made for several threads. It may allocate, lock and
     * wait. What it allocates is lost if the job ends before the chunk is committed. 0 to go on;
     * a negative code ends the job there. May be NULL.
     */
    int (*process)(void *user, const struct mapproc_chunk_view *chunk);

    /*
     * Takes the result of a chunk, in the order of the file, never two at once, so that it may
     * change what `user` points to. Everything before it has been committed. 0 to go on; 1 if that
     * is enough; a negative code ends the job. May be NULL.
     */
    int (*commit)(void *user, const struct mapproc_chunk_view *chunk);

    uint64_t reserved[4]; /* zeros */
};

/*
 * Runs a job of yours over the chunks of the file `path` ("-" is standard input), on all cores.
 *
 * MAPPROC_OK if all was committed, or as much as was enough, and the file did not change meanwhile;
 * MAPPROC_BAD_DATA if it is missing or did change (what was committed is then worth nothing);
 * MAPPROC_REFUSED for options or a chunker that make no sense; MAPPROC_FAILED; MAPPROC_CANCELLED;
 * or the negative code of the first function, in the order of the file, that returned one: then
 * `error->what` is empty.
 */
MAPPROC_API int mapproc_process_chunks(const char *path, const struct mapproc_chunk_job *job,
                                       void *user, const struct mapproc_options *options,
                                       struct mapproc_error *error);

#ifdef __cplusplus
}
#endif

#endif
