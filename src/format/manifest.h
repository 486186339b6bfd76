/* SPDX-License-Identifier: MIT */
/* manifest.h - manifests: checklists that also tell the digests of each file's pieces.
 *
 *     # mapproc manifest 1 digests=xxh128 pieces=xxh128 piece-size=auto
 *     # mapproc file size=10485760 mtime=1700000000.123456789 pieces=3
 *     # mapproc pieces 0 4194304 <hex> <hex>
 *     # mapproc pieces 8388608 2097152 <hex>
 *     6bba86c7e069f56d5a10b435f1c8e49c  disk.img
 *     # mapproc file size=6 mtime=1700000001.000000000
 *     5c7401c0ec22eeeeeaf06c6480b2cd11  small.txt
 *     # mapproc end xxh128=<hex>
 *
 * To the GNU tools and to xxhsum this is a list of two files and some comments. To mapproc the
 * lines that begin with "# mapproc " and one of the words below are part of the manifest; any other
 * comment and any other word is a comment. Words are separated by one space each. Of NAME=VALUE
 * words the order is free, and those not known are passed over, so that later writers can add some;
 * what an old reader must not pass over gets a new version.
 *
 * manifest VERSION NAME=VALUE...   begins a manifest, which ends at its `end` line
 *     digests    the algorithms of the digest lines, separated by commas. If it is only one, digest
 *                lines without a tag are of this algorithm: nobody has to guess by its length.
 *     pieces     the algorithm of the piece digests, if there are any
 *     piece-size `auto` (see mapproc_manifest_piece_size()) or a size in bytes: for people only
 *
 * file NAME=VALUE...   begins the block of one file: this line, its `pieces` lines, then its digest
 *                      line, or several with one and the same name. The block counts if it is there
 *                      up to the line feed of its first digest line.
 *     size       of the file, in bytes
 *     mtime      when it was last modified: seconds since 1970 and nine digits of nanoseconds.
 *                Before 1970 the seconds are negative, and the nanoseconds are still added. Left
 * out where there is none (a pipe). pieces     how many piece digests follow; left out where there
 * are none. A file of only one piece has none if a digest line says the same.
 *
 * pieces OFFSET LENGTH HEX...   digests of adjacent pieces of LENGTH bytes each, from OFFSET on.
 *                      They cover the file from its first byte to its last, in order and without
 *                      gaps, or none of the block's piece digests counts. To be of use, LENGTH is
 *                      a multiple of 1024 but for the last piece. The last one is shorter
 *                      than the others if it must, so it has a line of its own.
 *
 * end xxh128=HEX   the XXH128 of all lines from the `manifest` line to the one above this, each
 *                      without a carriage return at its end and with a line feed. So a copy in
 *                      which line ends were converted is still whole; anything else that was
 * changed or lost shows. It is no signature: whoever can change the manifest can write a new end.
 *
 * A manifest is written block by block as files are finished. Without its end, all of its blocks
 * are as good as ever, and the reader says that the end is missing. Manifests can be put together
 * with cat, with other lists, too: each part stays what it is.
 *
 * Names are those of the digest lines, escaped as there. Lines that mapproc writes stay below 4
 * KiB, but for long names; it reads up to MAPPROC_LINE_MAX.
 */
#ifndef MAPPROC_FORMAT_MANIFEST_H
#define MAPPROC_FORMAT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "digest/digest.h"
#include "format/piece_list.h"
#include "format/text_sink.h"

enum {
    MAPPROC_MANIFEST_VERSION = 1,
    MAPPROC_MANIFEST_DIGESTS_MAX = 8,       /* algorithms of one manifest */
    MAPPROC_MANIFEST_PIECE_MIN = 64 * 1024, /* bytes, of pieces whose size is chosen here */
    MAPPROC_MANIFEST_NAME_MAX = 32 * 1024,  /* bytes of the longest name, without its NUL */
};

/* How lines of a manifest begin; the word and its arguments follow. */
#define MAPPROC_MANIFEST_MARK "# mapproc "

/*
 * The size of a file's pieces where the user does not choose it: the smallest power of two that is
 * at least 64 KiB, at least `chunk_size`, and large enough for MAPPROC_PIECES_WANTED pieces. If the
 * chunk size is a power of two, too, a piece is one or more whole chunks.
 */
uint64_t mapproc_manifest_piece_size(uint64_t file_size, uint64_t chunk_size);

struct mapproc_manifest_options {
    const struct mapproc_digest *const *digests; /* of the files; borrowed for the open call */
    size_t digest_count;                         /* 1 to MAPPROC_MANIFEST_DIGESTS_MAX */
    const struct mapproc_digest *piece_digest;   /* NULL: there will be no pieces */
    uint64_t piece_size;                         /* bytes; 0: chosen for each file */
    bool bsd_form; /* digest lines with a tag; always so with several digests */
};

struct mapproc_manifest_file {
    const char *name; /* not empty */
    uint64_t size;    /* bytes */
    bool has_mtime;
    struct timespec mtime;
    const uint8_t *const *digests; /* one for each algorithm, in the order of the options */
    const struct mapproc_piece_list *pieces; /* they cover the file; NULL or empty: none */
};

/* Not thread-safe: one user at a time. */
struct mapproc_manifest_writer {
    struct mapproc_text_sink sink;
    struct mapproc_text_digest *digest; /* of all lines so far */
    const struct mapproc_digest *digests[MAPPROC_MANIFEST_DIGESTS_MAX];
    size_t digest_count;
    const struct mapproc_digest *piece_digest;
    bool bsd_form;
};

/*
 * Begins a manifest: writes its first line to the sink, which is copied. The digests live as long
 * as the writer. Returns MAPPROC_OK, MAPPROC_REFUSED (the number of digests), MAPPROC_FAILED
 * without memory, or what the sink returned; after an error there is nothing to free.
 */
int mapproc_manifest_open(struct mapproc_manifest_writer *writer,
                          const struct mapproc_manifest_options *options,
                          const struct mapproc_text_sink *sink, struct mapproc_error *error);

/*
 * Writes one file's block. Returns MAPPROC_OK; MAPPROC_REFUSED, with nothing written, if the name
 * is empty or too long or the pieces do not fit the file; MAPPROC_FAILED without memory; or what
 * the sink returned.
 */
int mapproc_manifest_add(struct mapproc_manifest_writer *writer,
                         const struct mapproc_manifest_file *file, struct mapproc_error *error);

/* Writes the last line. Returns MAPPROC_OK or what the sink returned. */
int mapproc_manifest_end(struct mapproc_manifest_writer *writer, struct mapproc_error *error);

/* Frees the writer's memory, with or without an end written. */
void mapproc_manifest_free(struct mapproc_manifest_writer *writer);

#endif
