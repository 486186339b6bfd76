/* SPDX-License-Identifier: MIT */
/* utf8.c - telling characters from bytes that only look like them. */
#include "base/utf8.h"

#include <stdbool.h>

size_t mapproc_utf8_decode(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    bool surrogate;
    size_t length;

    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    if ((s[0] & 0xe0) == 0xc0)
        length = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        length = 3;
    else if ((s[0] & 0xf8) == 0xf0)
        length = 4;
    else
        return 0;
    *code = s[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) /* also the end of the string */
            return 0;
        *code = *code << 6 | (s[i] & 0x3f);
    }
    surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code >= least[length] && *code <= 0x10ffff && !surrogate ? length : 0;
}
