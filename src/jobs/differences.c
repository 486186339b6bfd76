/* SPDX-License-Identifier: MIT */
/* differences.c - the ranges in which two blocks of bytes differ. */
#include "jobs/differences.h"

#include <stdbool.h>
#include <string.h>

enum {
    BLOCK = 4096, /* bytes that memcmp() is asked about: its loops are the widest there are */
    WORD = sizeof(uint64_t),
};

/* In which bits the words at `a` and `b` differ. */
static uint64_t word_difference(const uint8_t *a, const uint8_t *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x ^ y;
}

static bool has_zero_byte(uint64_t word)
{
    return ((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080)) != 0;
}

/* The position of the first byte from `at` on that differs, or `length`. */
static size_t skip_equal(const uint8_t *a, const uint8_t *b, size_t at, size_t length)
{
    while (length - at >= BLOCK && memcmp(a + at, b + at, BLOCK) == 0)
        at += BLOCK;
    while (length - at >= WORD && word_difference(a + at, b + at) == 0)
        at += WORD;
    while (at < length && a[at] == b[at])
        at++;
    return at;
}

/* The position of the first byte from `at` on that is equal, or `length`. */
static size_t skip_different(const uint8_t *a, const uint8_t *b, size_t at, size_t length)
{
    while (length - at >= WORD && !has_zero_byte(word_difference(a + at, b + at)))
        at += WORD;
    while (at < length && a[at] != b[at])
        at++;
    return at;
}

void mapproc_differences_add(struct mapproc_range_list *list, uint64_t offset, const uint8_t *a,
                             const uint8_t *b, size_t length)
{
    size_t at = skip_equal(a, b, 0, length);

    while (at < length) {
        size_t end = skip_different(a, b, at, length);

        (void)mapproc_range_list_add(list, offset + at, end - at, NULL);
        at = skip_equal(a, b, end, length);
    }
}
