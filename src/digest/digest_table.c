/* SPDX-License-Identifier: MIT */
/* digest_table.c - the list of all digests: those named here, then those of libcrypto. */
#include <string.h>

#include "digest/digest.h"
#include "digest/evp.h"

extern const struct mapproc_digest mapproc_digest_xxh128;
extern const struct mapproc_digest mapproc_digest_xxh3;
extern const struct mapproc_digest mapproc_digest_xxh64;
extern const struct mapproc_digest mapproc_digest_xxh32;
extern const struct mapproc_digest mapproc_digest_crc32;
extern const struct mapproc_digest mapproc_digest_crc32c;

static const struct mapproc_digest *const digests[] = {
    &mapproc_digest_xxh128, /* the first is the default */
    &mapproc_digest_xxh3,   &mapproc_digest_xxh64,  &mapproc_digest_xxh32,
    &mapproc_digest_crc32,  &mapproc_digest_crc32c,
};

const struct mapproc_digest *mapproc_digest_at(size_t index)
{
    size_t count = sizeof(digests) / sizeof(digests[0]);

    return index < count ? digests[index] : mapproc_evp_digest_at(index - count);
}

const struct mapproc_digest *mapproc_digest_find(const char *name)
{
    const struct mapproc_digest *digest;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        if (strcmp(name, digest->name) == 0)
            return digest;
    return NULL;
}
