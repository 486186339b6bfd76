/* SPDX-License-Identifier: MIT */
/* digest_table.c - the list of all digests. */
#include <string.h>

#include "digest/digest.h"

extern const struct mapproc_digest mapproc_digest_xxh128;
extern const struct mapproc_digest mapproc_digest_xxh3;
extern const struct mapproc_digest mapproc_digest_xxh64;
extern const struct mapproc_digest mapproc_digest_xxh32;

static const struct mapproc_digest *const digests[] = {
    &mapproc_digest_xxh128, /* the first is the default */
    &mapproc_digest_xxh3,
    &mapproc_digest_xxh64,
    &mapproc_digest_xxh32,
};

const struct mapproc_digest *mapproc_digest_at(size_t index)
{
    return index < sizeof(digests) / sizeof(digests[0]) ? digests[index] : NULL;
}

const struct mapproc_digest *mapproc_digest_find(const char *name)
{
    const struct mapproc_digest *digest;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        if (strcmp(name, digest->name) == 0)
            return digest;
    return NULL;
}
