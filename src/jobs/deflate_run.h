/* SPDX-License-Identifier: MIT */
/* deflate_run.h - compressing sources to gzip: one output a source, made on all cores. */
#ifndef MAPPROC_JOBS_DEFLATE_RUN_H
#define MAPPROC_JOBS_DEFLATE_RUN_H

#include <stdbool.h>

#include "codec/codec.h"
#include "digest/digest.h"
#include "format/piece_list.h"
#include "input/source.h"
#include "jobs/member_maker.h"
#include "mapproc.h"
#include "memory/limits.h"
#include "memory/topology.h"
#include "pipeline/budget.h"
#include "pipeline/chunking.h"

enum {
    /*
     * Bytes of a chunk unless the user says otherwise. It is part of the format, so it depends on
     * nothing: less memory means fewer threads. Large enough that what a fresh start costs (no
     * matches, another member) does not show, and a little less than 4 MiB, so that the members and
     * the digest of a chunk fit into a block of 4 MiB.
     */
    MAPPROC_DEFLATE_CHUNK_SIZE = 3840 << 10,
    MAPPROC_DEFLATE_CHUNK_SIZE_BGZF = 60 * 65280, /* whole blocks */
};

/* Where the output of one source goes. All strings are borrowed until the source is reported or
 * dropped. */
struct mapproc_deflate_target {
    const char *path; /* NULL: standard output, or `fd` */
    bool has_fd;
    int fd; /* stays open */

    /* The directory to make it in, with what is missing of it: as mapproc_directories_make(). NULL:
     * that of the path, which must be there. */
    const char *root;
    const char *relative;
    const char *model; /* may be NULL */

    const char *index_path;    /* where its .gzi goes; NULL: no index */
    const char *manifest_path; /* where the manifest of the source goes; NULL: none */
    const char *manifest_name; /* what that calls the source */
};

/* What to compress. All pointers are borrowed until the source is reported or dropped. */
struct mapproc_deflate_order {
    const char *path; /* "-" is standard input */
    struct mapproc_deflate_target target;
    enum mapproc_reach reach;            /* what the path may lead to */
    int fd;                              /* of MAPPROC_REACH_GIVEN */
    const struct mapproc_error *failure; /* as in struct mapproc_digest_order */
    void *user;                          /* of whoever ordered it */
};

/* What came of it. Valid during the report only. */
struct mapproc_deflate_result {
    const struct mapproc_deflate_order *order;
    uint64_t size;         /* bytes read */
    uint64_t compressed;   /* bytes written, with the end mark */
    uint64_t members;      /* the end mark not counted */
    const uint8_t *digest; /* of what was read, if that was wanted; NULL after an error */
    double seconds;        /* from its opening to its end */
    const struct mapproc_error *error; /* NULL if all is well */
};

/* As struct mapproc_digest_client. */
struct mapproc_deflate_client {
    void *user;
    int (*next)(void *user, struct mapproc_deflate_order *order, struct mapproc_error *error);
    int (*report)(void *user, const struct mapproc_deflate_result *result);
    void (*drop)(void *user, const struct mapproc_deflate_order *order);
};

struct mapproc_deflate_settings {
    enum mapproc_member_form form;
    int level;                               /* 0 to MAPPROC_LEVEL_MAX */
    const struct mapproc_codec *codec;       /* NULL: the one for the level */
    const struct mapproc_chunking *chunking; /* borrowed; NULL: chunks of one size */
    bool verify; /* inflate all that was compressed again, and compare */
    bool digest; /* tell the digest of what was read */
    bool force;  /* replace what is there; take sources that have several names */

    /* Remove a source when its output, and all that goes with it, is safely on the disk. Implies
     * `verify`. Not with standard input or output. */
    bool remove;
};

/* The digest of what was read, and of pieces in manifests. */
const struct mapproc_digest *mapproc_deflate_digest(void);

/* The codec that these settings lead to, and its level; NULL if nothing is compressed. */
const struct mapproc_codec *mapproc_deflate_codec(const struct mapproc_deflate_settings *settings,
                                                  int *codec_level);

/* The bytes of a chunk that these settings and options lead to. */
size_t mapproc_deflate_chunk_size(const struct mapproc_deflate_settings *settings,
                                  const struct mapproc_options *options);

/*
 * Runs all orders of a client. The bytes of an output depend on those of its source, the settings
 * and the chunk size in the options, and on nothing else.
 *
 * An output is written beside its final place, and gets its name when it is complete and on the
 * disk, if its source has not changed meanwhile. Several sources are worked on at a time, except
 * that a client which orders standard output must not order anything else in the same run. Its
 * metadata is that of the source.
 *
 * The process must ignore SIGXFSZ. Returns as mapproc_checksum_files() does.
 */
int mapproc_deflate_run(const struct mapproc_deflate_client *client,
                        const struct mapproc_deflate_settings *settings,
                        const struct mapproc_options *options, struct mapproc_error *error);

#endif
