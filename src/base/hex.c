/* SPDX-License-Identifier: MIT */
/* hex.c - bytes as hexadecimal digits. */
#include "base/hex.h"

char *mapproc_hex_format(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    return text;
}

/* The value of a digit, or 16. */
static unsigned digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    if (digit >= 'a' && digit <= 'f')
        return (unsigned)(digit - 'a' + 10);
    if (digit >= 'A' && digit <= 'F')
        return (unsigned)(digit - 'A' + 10);
    return 16;
}

size_t mapproc_hex_span(const char *text)
{
    size_t n = 0;

    while (digit_value(text[n]) < 16)
        n++;
    return n;
}

void mapproc_hex_parse(const char *text, size_t count, uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
}
