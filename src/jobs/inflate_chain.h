/* SPDX-License-Identifier: MIT */
/* inflate_chain.h - which members may follow which in a compressed file, and how it may end. */
#ifndef MAPPROC_JOBS_INFLATE_CHAIN_H
#define MAPPROC_JOBS_INFLATE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "format/gzip_header.h"

/*
 * What is known at a border between members. Zero at the beginning of a file.
 *
 * Members that mapproc wrote, and BGZF, are followed by more of the same until their end mark, so
 * that neither a damaged header nor a lost end goes unnoticed. Behind the mark anything may begin:
 * files are put together with cat. Everything else may be followed by anything.
 */
struct mapproc_inflate_chain {
    uint64_t members;   /* taken so far, end marks included */
    uint64_t end_marks; /* of them */
    size_t wanted;      /* bytes of the end mark that must come; 0: none */
    struct mapproc_gzip_watch watch;
};

/* Takes the header of the next member; `end_mark` is what mapproc_gzip_end_at_start() says of it.
 * NULL, or what is wrong with it. */
const char *mapproc_inflate_chain_take(struct mapproc_inflate_chain *chain,
                                       const struct mapproc_gzip_header *header, size_t end_mark);

/* Takes a member whose header cannot be read. */
void mapproc_inflate_chain_pass(struct mapproc_inflate_chain *chain);

/* At the end of the file: NULL, or what is wrong with that. */
const char *mapproc_inflate_chain_end(const struct mapproc_inflate_chain *chain);

/* Whether damage that no checksum covers can be told from what a compressor writes: mapproc and
 * those that make BGZF leave the bits zero that deflate does not use. */
bool mapproc_inflate_chain_is_strict(const struct mapproc_gzip_header *header);

#endif
