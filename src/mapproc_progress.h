/* SPDX-License-Identifier: MIT */
/* mapproc_progress.h - the layout of the segment in which a running job tells how far it has come.
 *
 * A job publishes its progress in a file of shared memory, MAPPROC_PROGRESS_DIRECTORY "/mapproc-"
 * PID
 * "-" 16 hexadecimal digits, mode 0600, which is there for as long as the job runs. Whoever may
 * open it (the job's user, and root) can read it, by read() or through a mapping, and can write to
 * its struct mapproc_progress_control. All numbers are in the byte order of the machine.
 *
 *     0                        struct mapproc_progress_header, written once
 *     header.control_offset    struct mapproc_progress_control, written by whoever controls the job
 *     header.published_offset  uint64_t, the number of the latest snapshot
 *     header.snapshot_offset   two snapshots, of header.snapshot_size bytes each; a snapshot is
 *                              a struct mapproc_progress_snapshot and header.worker_capacity times
 * a struct mapproc_progress_worker, of header.worker_size bytes each
 *
 * The job writes snapshot number n in place n % 2 and then sets the published number to n, some 20
 * times a second, and never waits for a reader. A reader that wants one that is whole
 *
 *     1. reads the published number n (atomically, with acquire order; 0: nothing is there yet),
 *     2. copies the snapshot in place n % 2,
 *     3. reads the published number again (after an acquire fence). If it is still n, and so is
 *        snapshot.number, all that was copied belongs together; if not, it tries again.
 *
 * A job that is killed leaves its last snapshot whole. Whether it is still alive tell the header's
 * pid, pid_start and boot_id. What is in a segment may be wrong in any way, because others may have
 * written to it: believe no size, and no text.
 */
#ifndef MAPPROC_PROGRESS_H
#define MAPPROC_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#define MAPPROC_PROGRESS_DIRECTORY "/dev/shm"
#define MAPPROC_PROGRESS_PREFIX    "mapproc-"
#define MAPPROC_PROGRESS_MAGIC     "MAPPROC\n" /* 8 bytes, without the NUL */
#define MAPPROC_PROGRESS_ABI       1u /* changes when a field moves or changes its meaning */
#define MAPPROC_PROGRESS_ORDER     0x01020304u

/* What a job is doing. */
enum mapproc_progress_state {
    MAPPROC_PROGRESS_PLANNING = 1,  /* at work, and does not know yet how much there is to do */
    MAPPROC_PROGRESS_RUNNING = 2,   /* at work */
    MAPPROC_PROGRESS_PAUSED = 3,    /* on demand, using no CPU */
    MAPPROC_PROGRESS_FINISHING = 4, /* all sources are done; results are being written */
    MAPPROC_PROGRESS_DONE = 5,      /* ended, exit status 0 */
    MAPPROC_PROGRESS_FAILED = 6,    /* ended, another exit status */
    MAPPROC_PROGRESS_CANCELLED = 7, /* ended on demand, or by a signal */
};

/* What a worker is doing. */
enum mapproc_progress_worker_state {
    MAPPROC_WORKER_ABSENT = 0,
    MAPPROC_WORKER_IDLE = 1,    /* waits for work */
    MAPPROC_WORKER_BUSY = 2,    /* reads, processes or commits a chunk */
    MAPPROC_WORKER_LIMITED = 3, /* waits because of the limit of the rate */
    MAPPROC_WORKER_PAUSED = 4,  /* waits because the job is paused */
};

/* Bits of snapshot.flags. */
#define MAPPROC_PROGRESS_TOTAL_KNOWN 1u /* total_bytes and total_files are all there will be */

/* Written once, before the first snapshot. Sizes and offsets are in bytes, from the beginning of
 * the segment. Texts end with a NUL and may have any other bytes. Unnamed bytes are 0. */
struct mapproc_progress_header {
    uint8_t magic[8];          /* MAPPROC_PROGRESS_MAGIC; written last */
    uint32_t abi;              /* MAPPROC_PROGRESS_ABI */
    uint32_t byte_order;       /* MAPPROC_PROGRESS_ORDER */
    uint64_t segment_size;     /* of the whole file */
    uint32_t header_size;      /* of this struct */
    uint32_t control_offset;   /* multiple of 64 */
    uint32_t published_offset; /* multiple of 64 */
    uint32_t snapshot_offset;  /* of the first one, multiple of 64 */
    uint32_t snapshot_size;    /* of one with all its workers, multiple of 64 */
    uint32_t worker_offset;    /* of the first worker, from the beginning of a snapshot */
    uint32_t worker_size;      /* distance from one worker to the next */
    uint32_t worker_capacity;  /* workers that there is room for */
    uint64_t pid_namespace;    /* inode of the owner's /proc/self/ns/pid; 0: not known */
    uint64_t pid_start;        /* when the owner started: field 22 of its /proc/PID/stat, ticks */
    uint32_t pid;              /* of the owner, in its own namespace */
    uint32_t reserved;
    uint64_t started_ns;      /* CLOCK_MONOTONIC, nanoseconds */
    uint64_t started_unix_ns; /* nanoseconds since 1970 */
    char boot_id[40];         /* /proc/sys/kernel/random/boot_id; empty: not known */
    char verb[24];            /* "checksum" */
    char name[72];            /* that the user gave the job, or empty */
};

/* What the job should do. Written by anybody, each field at once and at any time; looked at by the
 * job with every snapshot. Each is a wish, not an event: to write it twice does no harm. */
struct mapproc_progress_control {
    uint64_t pause;      /* MAPPROC_CONTROL_PAUSE, or 0 to go on; anything else is ignored */
    uint64_t cancel;     /* MAPPROC_CONTROL_CANCEL ends the job; anything else is ignored */
    uint64_t limit_rate; /* bytes of sources per second; 0: no limit. Clamped to the two below */
    uint64_t reserved[5];
};

#define MAPPROC_CONTROL_PAUSE  UINT64_C(0x0001657375617001)
#define MAPPROC_CONTROL_CANCEL UINT64_C(0x016c65636e616301)
#define MAPPROC_LIMIT_RATE_MIN UINT64_C(1024) /* bytes per second */
#define MAPPROC_LIMIT_RATE_MAX (UINT64_C(1) << 50)

/* Written by the job. Bytes and files are those of sources, unless said otherwise. None of the
 * counters but the totals ever goes down. */
struct mapproc_progress_snapshot {
    uint64_t number;       /* from 1 */
    uint64_t updated_ns;   /* when this was written: CLOCK_MONOTONIC, nanoseconds */
    uint64_t total_bytes;  /* to be done, as far as known; grows while sources are found, shrinks by
                              what is left of a source that fails. At the end it is done_bytes. */
    uint64_t done_bytes;   /* processed */
    uint64_t total_files;  /* as total_bytes */
    uint64_t done_files;   /* reported, good or bad */
    uint64_t output_bytes; /* made so far by jobs that make any; else 0 */
    uint64_t errors;       /* sources that failed, or turned out to be bad */
    uint64_t limit_rate;   /* bytes per second; 0: no limit */
    uint64_t paused_ns;    /* how long the job has been paused altogether, nanoseconds */
    uint32_t state;        /* enum mapproc_progress_state */
    uint32_t flags;        /* MAPPROC_PROGRESS_TOTAL_KNOWN */
    int32_t exit_status;   /* of the program, once the state is DONE or FAILED; else -1 */
    uint32_t worker_count; /* of the workers that follow; at most header.worker_capacity */
    uint64_t reserved[4];
    char current[384]; /* the source opened last, ended by a NUL; of a name that is too long "..."
                          and its end; empty before the first */
};

/* One cache line a worker. */
struct mapproc_progress_worker {
    uint64_t bytes;  /* of sources, processed by this worker */
    uint64_t offset; /* where in its source it is; valid while it is not idle */
    uint64_t source; /* number of that source, counted from 0 in the order of the sources */
    int32_t node;    /* NUMA node, -1: not known */
    int32_t cpu;     /* on which it took its latest chunk, -1: not known */
    uint32_t state;  /* enum mapproc_progress_worker_state */
    uint32_t reserved[7];
};

#ifdef __cplusplus
#define MAPPROC_PROGRESS_ASSERT(condition) static_assert(condition, #condition)
#else
#define MAPPROC_PROGRESS_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define MAPPROC_PROGRESS_AT(type, field, at)                                                       \
    MAPPROC_PROGRESS_ASSERT(offsetof(struct mapproc_progress_##type, field) == (at))

MAPPROC_PROGRESS_AT(header, magic, 0);
MAPPROC_PROGRESS_AT(header, abi, 8);
MAPPROC_PROGRESS_AT(header, byte_order, 12);
MAPPROC_PROGRESS_AT(header, segment_size, 16);
MAPPROC_PROGRESS_AT(header, header_size, 24);
MAPPROC_PROGRESS_AT(header, control_offset, 28);
MAPPROC_PROGRESS_AT(header, published_offset, 32);
MAPPROC_PROGRESS_AT(header, snapshot_offset, 36);
MAPPROC_PROGRESS_AT(header, snapshot_size, 40);
MAPPROC_PROGRESS_AT(header, worker_offset, 44);
MAPPROC_PROGRESS_AT(header, worker_size, 48);
MAPPROC_PROGRESS_AT(header, worker_capacity, 52);
MAPPROC_PROGRESS_AT(header, pid_namespace, 56);
MAPPROC_PROGRESS_AT(header, pid_start, 64);
MAPPROC_PROGRESS_AT(header, pid, 72);
MAPPROC_PROGRESS_AT(header, started_ns, 80);
MAPPROC_PROGRESS_AT(header, started_unix_ns, 88);
MAPPROC_PROGRESS_AT(header, boot_id, 96);
MAPPROC_PROGRESS_AT(header, verb, 136);
MAPPROC_PROGRESS_AT(header, name, 160);
MAPPROC_PROGRESS_ASSERT(sizeof(struct mapproc_progress_header) == 232);
MAPPROC_PROGRESS_AT(control, pause, 0);
MAPPROC_PROGRESS_AT(control, cancel, 8);
MAPPROC_PROGRESS_AT(control, limit_rate, 16);
MAPPROC_PROGRESS_ASSERT(sizeof(struct mapproc_progress_control) == 64);
MAPPROC_PROGRESS_AT(snapshot, number, 0);
MAPPROC_PROGRESS_AT(snapshot, updated_ns, 8);
MAPPROC_PROGRESS_AT(snapshot, total_bytes, 16);
MAPPROC_PROGRESS_AT(snapshot, done_bytes, 24);
MAPPROC_PROGRESS_AT(snapshot, total_files, 32);
MAPPROC_PROGRESS_AT(snapshot, done_files, 40);
MAPPROC_PROGRESS_AT(snapshot, output_bytes, 48);
MAPPROC_PROGRESS_AT(snapshot, errors, 56);
MAPPROC_PROGRESS_AT(snapshot, limit_rate, 64);
MAPPROC_PROGRESS_AT(snapshot, paused_ns, 72);
MAPPROC_PROGRESS_AT(snapshot, state, 80);
MAPPROC_PROGRESS_AT(snapshot, flags, 84);
MAPPROC_PROGRESS_AT(snapshot, exit_status, 88);
MAPPROC_PROGRESS_AT(snapshot, worker_count, 92);
MAPPROC_PROGRESS_AT(snapshot, current, 128);
MAPPROC_PROGRESS_ASSERT(sizeof(struct mapproc_progress_snapshot) == 512);
MAPPROC_PROGRESS_AT(worker, bytes, 0);
MAPPROC_PROGRESS_AT(worker, offset, 8);
MAPPROC_PROGRESS_AT(worker, source, 16);
MAPPROC_PROGRESS_AT(worker, node, 24);
MAPPROC_PROGRESS_AT(worker, cpu, 28);
MAPPROC_PROGRESS_AT(worker, state, 32);
MAPPROC_PROGRESS_ASSERT(sizeof(struct mapproc_progress_worker) == 64);

#endif
