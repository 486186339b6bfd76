/* SPDX-License-Identifier: MIT */
/* quote.c - names of any bytes, made safe for a terminal and for a shell. */
#include "base/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

struct writer {
    char *buffer;
    size_t size;   /* of the buffer */
    size_t length; /* of the whole text, even where it did not fit */
};

static void put(struct writer *writer, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++, writer->length++)
        if (writer->length + 1 < writer->size)
            writer->buffer[writer->length] = text[i];
}

/*
 * The length of the printable UTF-8 character at `s`, or 0 if there is none: a control character
 * (C0, DEL, C1), a bidirectional override that could disguise what follows, or a byte that is not
 * UTF-8 at all.
 */
static size_t printable_length(const char *s)
{
    uint32_t code;
    size_t length = mapproc_utf8_decode(s, &code);
    bool control, invisible;

    if (length == 0)
        return 0;
    control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    invisible = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
    return !control && !invisible ? length : 0;
}

/* Writes one unprintable byte as it stands inside $'...'. */
static void put_escaped(struct writer *writer, unsigned char byte)
{
    static const char named[] = "\a\b\t\n\v\f\r";
    static const char letters[] = "abtnvfr";
    const char *found = byte != 0 ? strchr(named, byte) : NULL;
    char text[4] = {'\\'};

    if (found != NULL) {
        text[1] = letters[found - named];
        put(writer, text, 2);
        return;
    }
    text[1] = (char)('0' + (byte >> 6));
    text[2] = (char)('0' + (byte >> 3 & 7));
    text[3] = (char)('0' + (byte & 7));
    put(writer, text, 4);
}

size_t mapproc_quote_name(const char *name, char *quoted, size_t size)
{
    struct writer writer = {.buffer = quoted, .size = size};
    const char *s = name;

    /* The word is a row of '...' and $'...' pieces that stand against each other. */
    put(&writer, "'", 1);
    while (*s != '\0') {
        size_t n = printable_length(s);

        if (n == 0) {
            put(&writer, "'$'", 3);
            for (; *s != '\0' && printable_length(s) == 0; s++)
                put_escaped(&writer, (unsigned char)*s);
            put(&writer, "'", 1);
            if (*s != '\0')
                put(&writer, "'", 1);
            else
                goto done;
        } else if (*s == '\'') {
            put(&writer, "'\\''", 4);
            s++;
        } else {
            put(&writer, s, n);
            s += n;
        }
    }
    put(&writer, "'", 1);
done:
    if (size > 0)
        quoted[writer.length < size ? writer.length : size - 1] = '\0';
    return writer.length;
}
