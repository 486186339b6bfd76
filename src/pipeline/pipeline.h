/* SPDX-License-Identifier: MIT */
/* pipeline.h - running a job over its sources on all cores. */
#ifndef MAPPROC_PIPELINE_PIPELINE_H
#define MAPPROC_PIPELINE_PIPELINE_H

#include "mapproc.h"
#include "memory/limits.h"
#include "memory/topology.h"
#include "pipeline/budget.h"
#include "pipeline/chunking.h"
#include "pipeline/job.h"

enum {
    MAPPROC_CHUNK_SIZE_MIN = 1 << 10, /* bytes */
    MAPPROC_CHUNK_SIZE_MAX = 1 << 30,
    MAPPROC_CHUNK_SIZE_DEFAULT = 1 << 20,
    MAPPROC_THREADS_MAX = 4096,
};

/*
 * Finds out how a run that cuts its sources into chunks of one size would go about it: *budget gets
 * its numbers. `topology` is that of the CPUs in the options. MAPPROC_REFUSED for options that make
 * no sense or memory that is too little.
 */
int mapproc_pipeline_plan(const struct mapproc_job *job, void *context,
                          const struct mapproc_options *options,
                          const struct mapproc_topology *topology,
                          const struct mapproc_limits *limits, struct mapproc_budget *budget,
                          struct mapproc_error *error);

/* The same for a run that cuts its sources so. */
int mapproc_pipeline_plan_cut(const struct mapproc_job *job, void *context,
                              const struct mapproc_chunking *chunking,
                              const struct mapproc_options *options,
                              const struct mapproc_topology *topology,
                              const struct mapproc_limits *limits, struct mapproc_budget *budget,
                              struct mapproc_error *error);

/*
 * Runs `job` over all its sources and returns when the last one has been reported, or when a
 * report, a cancellation or the machine ended it early. `context` is passed to every operation.
 * Sources that fail are reported as such and do not make the run fail.
 */
int mapproc_pipeline_run(const struct mapproc_job *job, void *context,
                         const struct mapproc_chunker *chunker,
                         const struct mapproc_options *options, struct mapproc_error *error);

/* The same with a chunker that has options, or comes from elsewhere; borrowed. NULL: chunks of one
 * size. */
int mapproc_pipeline_run_cut(const struct mapproc_job *job, void *context,
                             const struct mapproc_chunking *chunking,
                             const struct mapproc_options *options, struct mapproc_error *error);

#endif
