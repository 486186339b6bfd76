/* SPDX-License-Identifier: MIT */
/* zeros.c - finding bytes that are all zero. */
#include "base/zeros.h"

#include <stdint.h>
#include <string.h>

enum { FIRST_LOOK = 16 }; /* bytes: what is not zero mostly shows here */

bool mapproc_is_zero(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    size_t look = length < FIRST_LOOK ? length : FIRST_LOOK;

    for (size_t i = 0; i < look; i++)
        if (bytes[i] != 0)
            return false;
    /* The first bytes are zero, and if each byte equals the one `look` before it, so are all. */
    return memcmp(bytes, bytes + look, length - look) == 0;
}
