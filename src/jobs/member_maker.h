/* SPDX-License-Identifier: MIT */
/* member_maker.h - making finished gzip members of bytes in memory. */
#ifndef MAPPROC_JOBS_MEMBER_MAKER_H
#define MAPPROC_JOBS_MEMBER_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "codec/inflater.h"
#include "mapproc.h"

/* How to make them. Shared by all threads. */
struct mapproc_member_rule {
    enum mapproc_member_form form;
    const struct mapproc_codec *codec; /* NULL: nothing is compressed */
    int codec_level;                   /* in the codec's own range */
    bool verify;                       /* inflate each member again, and compare */
};

/* What one thread makes them with. All NULL at first; made by the thread when it needs them. */
struct mapproc_member_tools {
    void *compressor;
    struct mapproc_inflater *inflater;
    uint8_t *inflated; /* some of what it gives back */
};

/* Members made of a piece of data. */
struct mapproc_members {
    const uint8_t *bytes;
    size_t size;
};

/* Bytes of scratch that mapproc_members_make() needs for `length` bytes: hardly more than those. */
size_t mapproc_members_scratch(const struct mapproc_member_rule *rule, size_t length);

/*
 * Makes the members of `length` bytes, not 0 and at most MAPPROC_CODEC_DATA_MAX, in `scratch`,
 * where they stay. What would not get smaller is stored. The bytes depend on the rule and the data
 * only. mapproc_crc_kernels_prepare() must have been called.
 *
 * MAPPROC_FAILED: no memory for the tools, or, with `verify`, what was compressed does not give
 * back the data: a fault of this program, its libraries, or the machine. Thread-safe with tools of
 * one's own.
 */
int mapproc_members_make(const struct mapproc_member_rule *rule, struct mapproc_member_tools *tools,
                         const uint8_t *data, size_t length, uint8_t *scratch,
                         struct mapproc_members *members, struct mapproc_error *error);

/* The size of the BGZF member that `member` begins with, as its header states it. */
size_t mapproc_members_bgzf_size(const uint8_t *member);

/* Frees what the tools have. */
void mapproc_member_tools_free(const struct mapproc_member_rule *rule,
                               struct mapproc_member_tools *tools);

#endif
