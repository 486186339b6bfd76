/* SPDX-License-Identifier: MIT */
/* inflater.h - inflating a raw deflate stream of any length, piece by piece.
 *
 * By ISA-L where the build has it, else by zlib: inflater_isal.c or inflater_zlib.c is compiled.
 */
#ifndef MAPPROC_CODEC_INFLATER_H
#define MAPPROC_CODEC_INFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mapproc_inflater_status {
    MAPPROC_INFLATER_MORE, /* all input is used up, or the output is full: call again */
    MAPPROC_INFLATER_END,  /* the stream has ended; what is left of the input is behind it */
    MAPPROC_INFLATER_BAD,  /* not deflate */
};

/* One thread at a time. */
struct mapproc_inflater;

/* NULL without memory (some 100 KiB). Free it with the other, which takes NULL too. */
struct mapproc_inflater *mapproc_inflater_new(void);
void mapproc_inflater_free(struct mapproc_inflater *inflater);

/* Gets ready for the beginning of another stream, whatever became of the last. */
void mapproc_inflater_reset(struct mapproc_inflater *inflater);

/*
 * Inflates from *in (length *in_left) to *out (room *out_left), and moves all four on. Uses exactly
 * the bytes of the stream: at END, *in is the first byte behind it. Never reads or writes beyond
 * the buffers, whatever the data. MORE with input left means that the output is full; after MORE
 * with room left, a stream that has no more input is cut short. Bytes that it was given and used
 * need not be given again. After END and BAD only a reset helps: until then the answer stays.
 */
enum mapproc_inflater_status mapproc_inflater_run(struct mapproc_inflater *inflater,
                                                  const uint8_t **in, size_t *in_left,
                                                  uint8_t **out, size_t *out_left);

/*
 * At END: the bits behind the last code that fill up the stream's last byte. A compressor leaves
 * them 0, and no checksum covers them. (Nor the padding before the length of a stored block, of
 * which nothing is told.)
 */
unsigned mapproc_inflater_padding(const struct mapproc_inflater *inflater);

/* Whether it also takes streams with codes that are not complete. No compressor makes them, and
 * gzip refuses them. */
bool mapproc_inflater_takes_incomplete(void);

/* Which library that is, and its version as in struct mapproc_codec. */
const char *mapproc_inflater_name(void);
const char *mapproc_inflater_version(void);

#endif
