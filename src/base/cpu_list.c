/* SPDX-License-Identifier: MIT */
/* cpu_list.c - sets of CPUs, or of nodes, as people and the kernel write them: "0-3,8". */
#include "base/cpu_list.h"

#include <limits.h>
#include <stdio.h>

#include "base/size_text.h"

struct range {
    uint64_t first;
    uint64_t last; /* not less than first */
    uint64_t stride;
};

/* A number below UINT64_MAX, which stands for none. */
static bool parse_number(const char **text, uint64_t *number)
{
    return mapproc_digits_parse(text, number) && *number != UINT64_MAX;
}

/* Reads "first", "first-last" or "first-last:stride" and moves *text behind it. */
static bool parse_range(const char **text, struct range *range)
{
    range->stride = 1;
    if (!parse_number(text, &range->first))
        return false;
    range->last = range->first;
    if (**text != '-')
        return true;
    ++*text;
    if (!parse_number(text, &range->last) || range->last < range->first)
        return false;
    if (**text != ':')
        return true;
    ++*text;
    return parse_number(text, &range->stride) && range->stride > 0;
}

bool mapproc_cpu_list_parse(const char *text, cpu_set_t *set, size_t size, uint64_t *beyond)
{
    const uint64_t capacity = (uint64_t)size * CHAR_BIT;
    uint64_t lowest_beyond = UINT64_MAX;

    CPU_ZERO_S(size, set);
    while (*text != '\0') {
        struct range range;

        if (!parse_range(&text, &range))
            return false;
        for (uint64_t n = range.first;; n += range.stride) {
            if (n >= capacity) {
                if (n < lowest_beyond)
                    lowest_beyond = n;
                break;
            }
            CPU_SET_S(n, size, set);
            if (range.stride > range.last - n)
                break;
        }
        if (*text == '\0')
            break;
        if (*text != ',' || text[1] == '\0')
            return false;
        text++;
    }
    if (beyond != NULL)
        *beyond = lowest_beyond;
    return true;
}

size_t mapproc_cpu_list_format(const cpu_set_t *set, size_t size, char *text, size_t text_size)
{
    const size_t capacity = size * CHAR_BIT;
    size_t length = 0;

    if (text_size > 0)
        text[0] = '\0';
    for (size_t n = 0; n < capacity; n++) {
        size_t first = n;
        bool fits = length < text_size;
        char last[24] = "";

        if (!CPU_ISSET_S(n, size, set))
            continue;
        while (n + 1 < capacity && CPU_ISSET_S(n + 1, size, set))
            n++;
        if (n > first)
            (void)snprintf(last, sizeof(last), "-%zu", n);
        length += (size_t)snprintf(fits ? text + length : NULL, fits ? text_size - length : 0,
                                   "%s%zu%s", length > 0 ? "," : "", first, last);
    }
    return length;
}
