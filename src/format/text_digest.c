/* SPDX-License-Identifier: MIT */
/* text_digest.c - the digest of text that comes line by line: XXH128. */
#include "format/text_digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest/digest.h"

enum { GATHERED_MAX = 32 * 1024 };

/* Text is gathered, because a partial costs about the same for a line as for many. */
struct mapproc_text_digest {
    const struct mapproc_digest *algorithm;
    void *state;
    void *partial;
    uint64_t digested; /* bytes */
    size_t gathered;   /* bytes behind them */
    char text[GATHERED_MAX];
};

static void *allocate_aligned(size_t size)
{
    size_t rest = size % MAPPROC_DIGEST_ALIGNMENT;

    return aligned_alloc(MAPPROC_DIGEST_ALIGNMENT,
                         rest == 0 ? size : size - rest + MAPPROC_DIGEST_ALIGNMENT);
}

struct mapproc_text_digest *mapproc_text_digest_create(void)
{
    struct mapproc_text_digest *digest = malloc(sizeof(*digest));

    if (digest == NULL)
        return NULL;
    digest->algorithm = mapproc_digest_find("xxh128");
    assert(digest->algorithm->size == MAPPROC_TEXT_DIGEST_SIZE);
    digest->state = allocate_aligned(digest->algorithm->state_size);
    digest->partial = allocate_aligned(digest->algorithm->partial_size(GATHERED_MAX));
    if (digest->state == NULL || digest->partial == NULL) {
        mapproc_text_digest_free(digest);
        return NULL;
    }
    mapproc_text_digest_restart(digest);
    return digest;
}

void mapproc_text_digest_free(struct mapproc_text_digest *digest)
{
    if (digest != NULL) {
        free(digest->partial);
        free(digest->state);
        free(digest);
    }
}

void mapproc_text_digest_restart(struct mapproc_text_digest *digest)
{
    (void)digest->algorithm->init(digest->algorithm, digest->state); /* allocates nothing */
    digest->digested = 0;
    digest->gathered = 0;
}

static void fold_gathered(struct mapproc_text_digest *digest)
{
    digest->algorithm->partial_init(digest->partial, digest->digested);
    digest->algorithm->partial_update(digest->partial, digest->text, digest->gathered);
    digest->algorithm->fold(digest->state, digest->partial);
    digest->digested += digest->gathered;
    digest->gathered = 0;
}

void mapproc_text_digest_add(struct mapproc_text_digest *digest, const char *text, size_t length)
{
    while (length > 0) {
        size_t room = GATHERED_MAX - digest->gathered;
        size_t n = length < room ? length : room;

        memcpy(digest->text + digest->gathered, text, n);
        digest->gathered += n;
        text += n;
        length -= n;
        if (digest->gathered == GATHERED_MAX)
            fold_gathered(digest);
    }
}

void mapproc_text_digest_finish(struct mapproc_text_digest *digest, uint8_t *bytes)
{
    if (digest->gathered > 0)
        fold_gathered(digest);
    (void)digest->algorithm->finish(digest->state, bytes); /* fails for libcrypto alone */
}
