/* SPDX-License-Identifier: MIT */
/* xxh_serial.c - XXH64 and XXH32 through libxxhash: each byte needs the state left by the one
 * before.
 */
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* for the sizes of the states */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "digest/digest.h"

static bool xxh64_init(const struct mapproc_digest *digest, void *state)
{
    (void)digest;
    (void)XXH64_reset(state, 0);
    return true;
}

static void xxh64_update(void *state, const void *data, size_t length)
{
    (void)XXH64_update(state, data, length);
}

static bool xxh64_finish(void *state, uint8_t *digest)
{
    XXH64_canonical_t canonical;

    XXH64_canonicalFromHash(&canonical, XXH64_digest(state));
    memcpy(digest, canonical.digest, sizeof(canonical.digest));
    return true;
}

static bool xxh32_init(const struct mapproc_digest *digest, void *state)
{
    (void)digest;
    (void)XXH32_reset(state, 0);
    return true;
}

static void xxh32_update(void *state, const void *data, size_t length)
{
    (void)XXH32_update(state, data, length);
}

static bool xxh32_finish(void *state, uint8_t *digest)
{
    XXH32_canonical_t canonical;

    XXH32_canonicalFromHash(&canonical, XXH32_digest(state));
    memcpy(digest, canonical.digest, sizeof(canonical.digest));
    return true;
}

#define TEXT_OF_VALUE(macro) #macro
#define TEXT_OF(macro)       TEXT_OF_VALUE(macro)

/* The header-inline build: what counts is the version that was compiled in. */
static const char *xxh_kernel(void)
{
    return "libxxhash " TEXT_OF(XXH_VERSION_MAJOR) "." TEXT_OF(XXH_VERSION_MINOR) "." TEXT_OF(
        XXH_VERSION_RELEASE);
}

extern const struct mapproc_digest mapproc_digest_xxh64;
const struct mapproc_digest mapproc_digest_xxh64 = {
    .name = "xxh64",
    .tag = "XXH64",
    .size = sizeof(XXH64_canonical_t),
    .kernel = xxh_kernel,
    .state_size = sizeof(XXH64_state_t),
    .init = xxh64_init,
    .update = xxh64_update,
    .finish = xxh64_finish,
};

extern const struct mapproc_digest mapproc_digest_xxh32;
const struct mapproc_digest mapproc_digest_xxh32 = {
    .name = "xxh32",
    .tag = "XXH32",
    .size = sizeof(XXH32_canonical_t),
    .kernel = xxh_kernel,
    .state_size = sizeof(XXH32_state_t),
    .init = xxh32_init,
    .update = xxh32_update,
    .finish = xxh32_finish,
};
