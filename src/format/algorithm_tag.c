/* SPDX-License-Identifier: MIT */
/* algorithm_tag.c - finding the digest that a checklist's tag means, whoever wrote it. */
#include "format/algorithm_tag.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The tag in lower case without what makes no difference, cut to fit. */
static void simplify(const char *tag, char *simple, size_t size)
{
    static const char family[] = "sha2-";
    size_t length = 0;

    if (strncasecmp(tag, family, strlen(family)) == 0) {
        length = strlen("sha");
        memcpy(simple, family, length);
        tag += strlen(family);
    }
    for (; *tag != '\0' && length + 1 < size; tag++) {
        if (strchr("-_ ", *tag) == NULL)
            simple[length++] = (char)(*tag >= 'A' && *tag <= 'Z' ? *tag - 'A' + 'a' : *tag);
    }
    simple[length] = '\0';
}

const struct mapproc_digest *mapproc_digest_by_tag(const char *tag, size_t size)
{
    const struct mapproc_digest *digest;
    char wanted[48], known[sizeof(wanted)], known_with_bits[sizeof(known) + 24];

    simplify(tag, wanted, sizeof(wanted));
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        simplify(digest->tag, known, sizeof(known));
        (void)snprintf(known_with_bits, sizeof(known_with_bits), "%s%zu", known, 8 * digest->size);
        if (digest->size == size &&
            (strcmp(wanted, known) == 0 || strcmp(wanted, known_with_bits) == 0))
            return digest;
    }
    return NULL;
}

const struct mapproc_digest *mapproc_digest_by_size(size_t size, size_t index)
{
    const struct mapproc_digest *digest;

    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++)
        if (digest->size == size && !digest->always_tagged && index-- == 0)
            return digest;
    return NULL;
}
