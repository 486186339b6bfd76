/* SPDX-License-Identifier: MIT */
/* budget.h - how many threads, chunks and windows fit into the memory that a job may hold. */
#ifndef MAPPROC_PIPELINE_BUDGET_H
#define MAPPROC_PIPELINE_BUDGET_H

#include "mapproc.h"
#include "memory/limits.h"
#include "pipeline/job.h"

/* What a run wants, before anybody has looked whether it fits. */
struct mapproc_budget_request {
    const struct mapproc_job *job;
    void *context;                       /* for job->scratch_size() */
    const struct mapproc_limits *limits; /* of the machine and the cgroup */
    unsigned threads;                    /* 0: at most `default_threads` */
    unsigned default_threads;
    unsigned nodes;    /* scratch arenas */
    bool maps;         /* chunks may be mapped: windows are needed */
    size_t chunk_size; /* bytes of the largest chunk; 0: what fits, at most what the job wants */
    size_t views;      /* bytes that a chunker which reads has to see at one time */
    size_t scans;      /* what comes of its scanning ahead, for each worker */
    uint64_t memory;   /* bytes that the job may hold; 0: mapproc_budget_default_memory() or more */
};

/* What it gets. Sizes in bytes. */
struct mapproc_budget {
    uint64_t memory; /* all of the below never come to more */
    unsigned workers;
    unsigned in_flight; /* chunks from planning to release */
    size_t chunk_size;  /* of the largest chunk */
    size_t window_size; /* of a mapping; a whole chunk fits wherever it starts */
    size_t mapped;      /* all windows that are open at one time */
    size_t scratch;     /* one arena's share of what the chunks in flight need */
};

/* The memory that a job holds at most unless told otherwise: never more than 240 MiB, an eighth of
 * the machine, or half of what the cgroup allows, which counts the page cache too. */
uint64_t mapproc_budget_default_memory(const struct mapproc_limits *limits);

/*
 * Fills *budget: the largest chunks, windows and numbers of chunks in flight, in this order, that
 * fit. With threads left open there are fewer of them before anything is refused. Where only the
 * default of the memory is too little for what was asked, it grows to the least that works.
 *
 * MAPPROC_REFUSED, saying what is the least, if the memory asked for is too little.
 */
int mapproc_budget_make(struct mapproc_budget *budget, const struct mapproc_budget_request *request,
                        struct mapproc_error *error);

#endif
