/* SPDX-License-Identifier: MIT */
/* text_digest.h - the digest of text that comes line by line: XXH128. */
#ifndef MAPPROC_FORMAT_TEXT_DIGEST_H
#define MAPPROC_FORMAT_TEXT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { MAPPROC_TEXT_DIGEST_SIZE = 16 }; /* bytes */

struct mapproc_text_digest;

/* Returns a new one, or NULL without memory. Not thread-safe: one user at a time. */
struct mapproc_text_digest *mapproc_text_digest_create(void);
/* NULL is allowed. */
void mapproc_text_digest_free(struct mapproc_text_digest *digest);

/* Starts anew, as after its creation. */
void mapproc_text_digest_restart(struct mapproc_text_digest *digest);
void mapproc_text_digest_add(struct mapproc_text_digest *digest, const char *text, size_t length);
/* Writes MAPPROC_TEXT_DIGEST_SIZE bytes. After it comes a restart, or nothing. */
void mapproc_text_digest_finish(struct mapproc_text_digest *digest, uint8_t *bytes);

#endif
