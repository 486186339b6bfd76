/* SPDX-License-Identifier: MIT */
/* gzip_header.h - reading the headers of gzip members (RFC 1952) and the sizes that some state.
 *
 * Three kinds of members tell in a subfield of FEXTRA where they end, so that a reader can hop from
 * one to the next. All values are u32 LE but for BGZF's:
 *
 *     IG   mgzip, pgzip (Python), gzp, crabz (Rust), mapproc   size of the whole member
 *     MZ   MiGz (Java)                                         size of the deflate data only
 *     BC   BGZF (bgzip, htslib; SAM specification 4.1)         u16 LE, size of the member less one
 *
 * What mapproc writes, and only it, has a header of a single form, 20 bytes; BGZF as htslib writes
 * it also has one, 18 bytes. No checksum covers them. So a header that differs in one bit of its
 * first 16 bytes from one of the two is taken for a damaged one, not for some other kind.
 */
#ifndef MAPPROC_FORMAT_GZIP_HEADER_H
#define MAPPROC_FORMAT_GZIP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAPPROC_GZIP_LOOK = 16,       /* bytes that are looked at before anything is said to be good */
    MAPPROC_GZIP_TRAILER = 8,     /* bytes behind the deflate data: CRC-32 and size */
    MAPPROC_GZIP_MEMBER_MIN = 20, /* bytes of the smallest member that there can be */
};

enum mapproc_gzip_kind {
    MAPPROC_GZIP_PLAIN, /* states no size */
    MAPPROC_GZIP_IG,
    MAPPROC_GZIP_MZ,
    MAPPROC_GZIP_BGZF,
};

enum mapproc_gzip_result {
    MAPPROC_GZIP_GOOD, /* the header is all there */
    MAPPROC_GZIP_MORE, /* so far it is good; at the end of the file: it is cut short */
    MAPPROC_GZIP_BAD,  /* see `reason` */
};

/* What a header says. Only where the result is GOOD, but for `reason`. */
struct mapproc_gzip_header {
    uint64_t length; /* bytes of the header; the deflate data follows */
    enum mapproc_gzip_kind kind;
    /*
     * Bytes of the whole member, header and trailer included, as it states; 0: it does not. At
     * least `length` + 2 + 8, else the header is BAD. A hint: only the deflate stream decides.
     */
    uint64_t stated_size;
    /* The one form that mapproc (kind IG) or htslib (kind BGZF) writes. A file whose first member
     * is exact, or is BGZF at all, must end with the end mark of its kind. */
    bool exact;
    /*
     * Exact BGZF but for the compression level in XFL (2 or 4): Go's writers make such members at
     * their best and fastest levels; so does one flipped bit. See mapproc_gzip_watch_add().
     */
    bool doubtful;
    const char *reason; /* where BAD: a constant string, "not gzip"; else NULL */
};

/* What MAPPROC_GZIP_BAD says where one bit is wrong. */
extern const char mapproc_gzip_damaged[]; /* "its header is damaged" */

/*
 * Reads the header that `data` begins with. MORE if it goes on behind the `length` bytes, or if
 * they are fewer than MAPPROC_GZIP_LOOK and not bad. Touches nothing beyond them. Headers may be of
 * any length (a name has no limit): where the buffer cannot grow, use a parser. Thread-safe.
 */
enum mapproc_gzip_result mapproc_gzip_header_parse(const uint8_t *data, size_t length,
                                                   struct mapproc_gzip_header *header);

enum { MAPPROC_DEFLATE_EXPANSION = 1032 }; /* bytes a byte of deflate can make: 258 of two bits */

/* Whether the member's trailer has the size of its data, and not only that modulo 2^32: a size is
 * stated, and there cannot be more. Ours are chunks, which are smaller than that. */
bool mapproc_gzip_tells_raw_size(const struct mapproc_gzip_header *header);

/* Reads a header piece by piece, in memory that does not grow with it. Fields are private. */
struct mapproc_gzip_parser {
    struct mapproc_gzip_header header; /* what is known by now */
    unsigned part;
    uint8_t flags;          /* FLG */
    uint8_t number[10];     /* the first bytes of a part */
    unsigned number_length; /* of them that have come */
    uint32_t extra_left;    /* bytes of FEXTRA behind this subfield */
    uint32_t field_left;    /* bytes of the subfield still to come */
    uint32_t field_length;
    uint32_t field_id;
    bool broken_extra;  /* subfields do not fill FEXTRA: none of them means anything */
    unsigned seen[3];   /* subfields with a size of each kind; at most 2 */
    uint32_t values[3]; /* what they say */
    uint32_t crc;       /* of the header so far, if it has one itself */
};

void mapproc_gzip_parser_init(struct mapproc_gzip_parser *parser);

/*
 * Takes the next bytes of the header. MORE: all of them belong to it (*used is `length`), or it has
 * not begun because they are fewer than MAPPROC_GZIP_LOOK (*used is 0): then give them again with
 * more behind. GOOD: *used bytes belonged to it, *header tells of all. BAD: *header has the reason.
 */
enum mapproc_gzip_result mapproc_gzip_parser_feed(struct mapproc_gzip_parser *parser,
                                                  const uint8_t *data, size_t length, size_t *used,
                                                  struct mapproc_gzip_header *header);

/*
 * Watches over the doubtful headers of a file: they are believed if all its members agree, and
 * there are at least two but for empty ones. Zero before the first.
 */
struct mapproc_gzip_watch {
    uint64_t doubtful;
    uint64_t sure;
};

/*
 * Takes the header of the next member with data; not those of end marks. NULL, or, if it does not
 * go with those before, mapproc_gzip_damaged. Members may come in any order.
 */
const char *mapproc_gzip_watch_add(struct mapproc_gzip_watch *watch,
                                   const struct mapproc_gzip_header *header);

/* At the end of the file. NULL, or mapproc_gzip_damaged if the only member was doubtful. */
const char *mapproc_gzip_watch_end(const struct mapproc_gzip_watch *watch);

#endif
