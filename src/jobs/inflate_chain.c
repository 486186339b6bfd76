/* SPDX-License-Identifier: MIT */
/* inflate_chain.c - which members may follow which in a compressed file, and how it may end. */
#include "jobs/inflate_chain.h"

#include "format/gzip_member.h"

/* Whether a member with this header may stand before the end mark of that length. */
static bool belongs(const struct mapproc_gzip_header *header, size_t wanted)
{
    if (wanted == MAPPROC_GZIP_OURS_END)
        return header->kind == MAPPROC_GZIP_IG && header->exact;
    return header->kind == MAPPROC_GZIP_BGZF;
}

const char *mapproc_inflate_chain_take(struct mapproc_inflate_chain *chain,
                                       const struct mapproc_gzip_header *header, size_t end_mark)
{
    chain->members++;
    if (chain->wanted != 0 && end_mark != chain->wanted && !belongs(header, chain->wanted))
        return mapproc_gzip_damaged;
    if (end_mark != 0 && (chain->wanted == 0 || end_mark == chain->wanted)) {
        chain->end_marks++;
        chain->wanted = 0;
        return NULL;
    }
    if (chain->wanted == 0)
        chain->wanted = mapproc_gzip_end_wanted(header);
    return mapproc_gzip_watch_add(&chain->watch, header);
}

void mapproc_inflate_chain_pass(struct mapproc_inflate_chain *chain)
{
    chain->members++;
}

const char *mapproc_inflate_chain_end(const struct mapproc_inflate_chain *chain)
{
    if (chain->wanted != 0)
        return "ends without its end mark: may be cut short";
    return mapproc_gzip_watch_end(&chain->watch);
}

bool mapproc_inflate_chain_is_strict(const struct mapproc_gzip_header *header)
{
    return (header->kind == MAPPROC_GZIP_IG && header->exact) || header->kind == MAPPROC_GZIP_BGZF;
}
