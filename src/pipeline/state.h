/* SPDX-License-Identifier: MIT */
/* state.h - what the parts of the pipeline share; private to src/pipeline. */
#ifndef MAPPROC_PIPELINE_STATE_H
#define MAPPROC_PIPELINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "chunkers/chunker.h"
#include "input/mapping.h"
#include "memory/buddy.h"
#include "memory/magazine.h"
#include "memory/placement.h"
#include "memory/slab.h"
#include "pipeline/budget.h"
#include "pipeline/chunking.h"
#include "pipeline/io_choice.h"
#include "pipeline/job.h"
#include "pipeline/queue.h"
#include "pipeline/route.h"
#include "pipeline/scanner.h"
#include "pipeline/view.h"
#include "progress/progress.h"

enum {
    /* Bytes between two looks at the cancellation, and what one populate call brings in. */
    MAPPROC_STEP_MAPPED = 1 << 20,
    /* Bytes per pread(): the buffer must stay in the cache between the copy and its use. */
    MAPPROC_STEP_READ = 256 << 10,
    /* Smaller files are read: mapping and unmapping them costs more than the copy. */
    MAPPROC_MAP_MIN = 1 << 20,
    /* Sources between open and report, so that a slow first one cannot pile up the others. */
    MAPPROC_ITEMS_MAX = 4096,
    /* The same for what their results keep in memory, bytes. */
    MAPPROC_HELD_SIZE = 4 << 20,
};

struct mapproc_pipeline;

/* A mapping shared by the chunks in it. */
struct mapproc_window {
    struct mapproc_mapping mapping;
    unsigned users; /* chunks, and the lane while it is its current one: under the lock */
};

/* What a worker has to do for a chunk. */
enum mapproc_task {
    MAPPROC_TASK_OPEN,   /* open the source; if it is small, process it at once */
    MAPPROC_TASK_EXTENT, /* process a range of an extent */
    MAPPROC_TASK_STREAM, /* read the next bytes of a stream and process them */
    MAPPROC_TASK_SCAN,   /* look for candidates of borders */
};

/* A chunk with what the job need not see. Owned by the worker that has it, except as noted. */
struct mapproc_work {
    struct mapproc_chunk chunk; /* first, so that one can be had from the other */
    enum mapproc_task task;
    unsigned node;  /* index of its queue */
    unsigned arena; /* index of the arena of its scratch: its node's, if that had any */
    struct mapproc_window *window;    /* NULL if not mapped */
    struct mapproc_scan_block *block; /* of a scan: what it is to fill */
    void *buffer;                     /* for the chunk's bytes if they are read and kept, or NULL */
    struct mapproc_work *next;        /* in a queue or among the done: under the lock */
    struct mapproc_worker *holder;    /* whose hands it is in, while it is in any */
    uint64_t counted;                 /* bytes of it that count as done */
};

/* A source with what the job need not see. */
struct mapproc_lane {
    struct mapproc_item item; /* first, so that one can be had from the other */
    struct mapproc_pipeline *pipeline;
    uint64_t index; /* among the sources */
    bool has_stdin; /* it is the one that reads standard input */
    bool announced; /* its progress is told of */
    uint64_t total; /* bytes that it is to have, as told; of a stream 0 at first */

    /* The planner's, written by the opening worker before `cuttable` is set. */
    uint64_t planned;     /* bytes cut into chunks so far */
    uint64_t next_number; /* of the next chunk */
    struct mapproc_window *window;
    uint64_t stretch_end;           /* of the hole or the data in which the last chunk began */
    bool in_hole;                   /* which of the two */
    struct mapproc_cut cut;         /* of the next chunk, if the job has decided on it */
    bool is_cut;                    /* it has */
    struct mapproc_error cut_error; /* why it could not */
    uint64_t looked;      /* 1 + number of the stretch for which looked_node holds (route.c) */
    unsigned looked_node; /* its chunks go there */
    uint64_t border;      /* of the chunker, behind which it was not asked yet; of a stream it is
                             that of whoever has the ticket */
    struct mapproc_chunker_source chunker_source;
    _Alignas(16) unsigned char chunker_state[MAPPROC_CHUNKER_STATE_MAX];

    /* Under the pipeline's lock. */
    struct mapproc_io_choice io_choice;
    bool cuttable;              /* in the list of active lanes: the planner may cut it */
    bool ended;                 /* no chunk will be planned any more */
    bool enough;                /* none will be committed any more, because the job says so */
    bool ticket_out;            /* a stream's next read is planned or under way, or a scan will tell
                                   where the next chunk of an extent ends */
    bool committing;            /* some worker is in its commits */
    bool completing;            /* some worker checks and closes it */
    bool finished;              /* ready to be reported */
    unsigned in_flight;         /* its chunks from planning to release */
    uint64_t counted;           /* bytes of the chunks released that count as done */
    uint64_t next_commit;       /* number of the chunk to be committed next */
    struct mapproc_work *done;  /* processed and not yet committed, by rising number */
    struct mapproc_error error; /* code MAPPROC_OK while all is well; the lowest offset wins */
    struct mapproc_lane *next_active;
    struct mapproc_lane *next_lane; /* in the order of the sources */
};

struct mapproc_worker {
    struct mapproc_pipeline *pipeline;
    unsigned number; /* counted from 0 */
    unsigned node;   /* index in topology.nodes */
    pthread_t thread;
    struct mapproc_magazine works; /* descriptors at hand without a lock */
    struct mapproc_magazine lanes;
    void *buffer;                       /* MAPPROC_STEP_READ bytes of its node */
    uint64_t bytes;                     /* processed */
    uint64_t taken;                     /* of them, from the queues of other nodes */
    struct mapproc_progress_line *line; /* where it tells what it does, or NULL */
};

struct mapproc_pipeline {
    /* Fixed before the first worker starts. */
    const struct mapproc_job *job;
    void *context;
    struct mapproc_chunking chunking;
    const struct mapproc_options *options;
    struct mapproc_progress *progress; /* or NULL */
    struct mapproc_topology topology;
    struct mapproc_budget budget;
    struct mapproc_placement placement;
    struct mapproc_routes routes;
    unsigned worker_count;
    struct mapproc_worker *workers;
    struct mapproc_buddy *arenas; /* one a node with CPUs */
    struct mapproc_slab works;
    struct mapproc_slab lanes;
    struct mapproc_slab windows;
    struct mapproc_scanner scanner;
    struct mapproc_view extent_view; /* the planner's, if the chunker reads */
    struct mapproc_view stream_view; /* that of whoever reads a stream: then one at a time does */
    int wake_fd; /* readable once the run is stopping: wakes readers of streams */
    int done_fd; /* readable once the last worker has left */

    atomic_bool stopping; /* written under the lock, read anywhere */
    pthread_mutex_t note_lock;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct mapproc_queues queues;
    unsigned running;   /* workers */
    unsigned in_flight; /* chunks from planning to release */
    unsigned opening;   /* of them, those that open a source */
    size_t mapped;      /* bytes of all open windows */
    size_t held;        /* bytes of results that wait for their turn to be reported */
    uint64_t releases;  /* chunks released so far: tells whether an arena may have room since */
    bool planning;      /* some worker is the planner */
    bool stdin_busy;    /* a lane reads standard input, which two at once would tear apart */
    bool starved;       /* no memory to plan with until a chunk is released */
    bool exhausted;     /* the job has no more sources */
    bool reporting;     /* some worker is in reports */
    struct mapproc_lane *active_first;             /* lanes to cut, in the order of the sources */
    struct mapproc_lane *lanes_first, *lanes_last; /* open to not yet reported */
    unsigned lane_count;
    uint64_t planned_lanes;         /* the planner's: sources taken from the job so far */
    struct mapproc_lane *held_lane; /* the planner's: the next source, if it has to wait */
    struct mapproc_error error;     /* what ended the run early */
};

static inline struct mapproc_lane *mapproc_lane_of(const struct mapproc_work *work)
{
    return (struct mapproc_lane *)work->chunk.item;
}

static inline bool mapproc_lane_is_stream(const struct mapproc_lane *lane)
{
    return lane->item.source.kind == MAPPROC_SOURCE_STREAM;
}

/* Ends the run with *reason, unless it is ending already. Called with the lock held. */
void mapproc_pipeline_stop(struct mapproc_pipeline *pipeline, const struct mapproc_error *reason);

static inline bool mapproc_pipeline_stopping(const struct mapproc_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->stopping, memory_order_relaxed);
}

/* Tells the user something harmless. Called without the lock. */
void mapproc_pipeline_note(struct mapproc_pipeline *pipeline, const char *path, const char *text);

#endif
