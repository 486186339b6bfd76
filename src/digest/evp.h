/* SPDX-License-Identifier: MIT */
/* evp.h - the digests that libcrypto computes. */
#ifndef MAPPROC_DIGEST_EVP_H
#define MAPPROC_DIGEST_EVP_H

#include "digest/digest.h"

/* Number `index` of them, counted from 0; NULL past the last. */
const struct mapproc_digest *mapproc_evp_digest_at(size_t index);

#endif
