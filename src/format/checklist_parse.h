/* SPDX-License-Identifier: MIT */
/* checklist_parse.h - one line of a checklist, as any of the usual tools writes it.
 *
 *     <hex>  <name>             GNU tools, xxhsum, b3sum; "<hex> *<name>" is the same
 *     <hex> <name>              "BSD reversed"
 *     XXH3_<hex>  <name>        xxhsum -H3 since 0.8.2
 *     <TAG> (<name>) = <hex>    BSD: the GNU tools and xxhsum with --tag, rhash --bsd
 *     <TAG>_LE (<name>) = <hex> xxhsum --tag --little-endian: the digest's bytes in reverse
 *     <TAG>(<name>)= <hex>      openssl dgst
 *     %%%% HASHDEEP-1.0, %%%% size,md5,sha256,filename, 4,<hex>,<hex>,<name>     hashdeep
 *     # comment, ; comment
 *
 * A backslash before all the rest of a line says that in its name \\, \n and \r stand for
 * a backslash, a newline and a carriage return. Blanks before a line do not count, nor does the
 * case of hexadecimal digits.
 *
 * One space or two is for the first such line of a list to choose: if lines could change between
 * them, a name beginning with a space or an asterisk could be read in two ways (coreutils has the
 * same rule).
 */
#ifndef MAPPROC_FORMAT_CHECKLIST_PARSE_H
#define MAPPROC_FORMAT_CHECKLIST_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "format/list_fault.h"

enum {
    MAPPROC_TAG_MAX = 32,         /* bytes of the longest algorithm tag, with its NUL */
    MAPPROC_LINE_DIGESTS_MAX = 8, /* digests on one line: only hashdeep writes more than one */
};

struct mapproc_checklist_digest {
    char tag[MAPPROC_TAG_MAX]; /* the algorithm as the line or header has it, without _LE; "" : none
                                */
    uint8_t bytes[MAPPROC_DIGEST_MAX]; /* in canonical order, also where little_endian */
    size_t size;                       /* bytes, 4 to 64 */
    bool little_endian;                /* it was in reverse on the line */
};

/* What the lines above say about a line. All zeros before the first line of a list. */
struct mapproc_checklist_dialect {
    enum {
        MAPPROC_SPACES_UNKNOWN,
        MAPPROC_SPACES_TWO,
        MAPPROC_SPACES_ONE,
    } spaces;
    enum {
        MAPPROC_HASHDEEP_NO,
        MAPPROC_HASHDEEP_STARTED, /* its first header line was there */
        MAPPROC_HASHDEEP_ROWS,    /* and the second */
    } hashdeep;
    size_t columns; /* of digests */
    char tags[MAPPROC_LINE_DIGESTS_MAX][MAPPROC_TAG_MAX];
};

enum mapproc_checklist_kind {
    MAPPROC_CHECKLIST_ENTRY,
    MAPPROC_CHECKLIST_COMMENT, /* the headers of hashdeep, too */
    MAPPROC_CHECKLIST_BLANK,
    MAPPROC_CHECKLIST_BAD,
};

struct mapproc_checklist_line {
    enum mapproc_checklist_kind kind;
    enum mapproc_list_fault fault; /* of a bad line */

    /* The rest is of an entry only. */
    const char *name; /* the caller's buffer; not empty, any bytes but NUL */
    size_t name_length;
    bool has_size;
    uint64_t size; /* of the file, in bytes */
    size_t digest_count;
    struct mapproc_checklist_digest digests[MAPPROC_LINE_DIGESTS_MAX];
};

/*
 * Reads one line of `length` bytes, without what ends it and with a NUL behind it. `name` has room
 * for length + 1 bytes. What the line says about those below it is noted in *dialect.
 */
void mapproc_checklist_parse(struct mapproc_checklist_dialect *dialect, const char *text,
                             size_t length, char *name, struct mapproc_checklist_line *line);

#endif
