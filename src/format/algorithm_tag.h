/* SPDX-License-Identifier: MIT */
/* algorithm_tag.h - finding the digest that a checklist's tag means, whoever wrote it. */
#ifndef MAPPROC_FORMAT_ALGORITHM_TAG_H
#define MAPPROC_FORMAT_ALGORITHM_TAG_H

#include <stddef.h>

#include "digest/digest.h"

/*
 * The digest of `size` bytes that the tag names, or NULL. Case, blanks, '-' and '_' make no
 * difference, a length in bits may follow, and SHA-2 may be named by its family: "SHA256",
 * "sha-256", openssl's "SHA2-256" and "BLAKE2B-512" are all understood. A tag whose digests have
 * another size ("BLAKE2b-256", of which only the 512-bit digest is known) is not.
 */
const struct mapproc_digest *mapproc_digest_by_tag(const char *tag, size_t size);

/*
 * Digest number `index`, counted from 0, of those that a digest of `size` bytes without a tag can
 * be; NULL past the last. If there are several, the list does not tell which it is.
 */
const struct mapproc_digest *mapproc_digest_by_size(size_t size, size_t index);

#endif
