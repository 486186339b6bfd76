/* SPDX-License-Identifier: MIT */
/* size_text.c - sizes and counts as people write and read them. */
#include "base/size_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

static const char size_units[] = "KMGTPE";

bool mapproc_digits_parse(const char **text, uint64_t *number)
{
    const char *p = *text;
    uint64_t value = 0;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (!mapproc_multiply_u64(value, 10, &value) ||
            !mapproc_add_u64(value, (uint64_t)(*p - '0'), &value))
            return false;
    }
    *text = p;
    *number = value;
    return true;
}

bool mapproc_size_parse(const char *text, uint64_t *size)
{
    uint64_t value;

    if (!mapproc_digits_parse(&text, &value))
        return false;
    if (*text != '\0') {
        char upper = (char)(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
        const char *unit = strchr(size_units, upper);

        if (unit != NULL) {
            for (ptrdiff_t i = 0; i <= unit - size_units; i++)
                if (!mapproc_multiply_u64(value, 1024, &value))
                    return false;
            text++;
            if (strcasecmp(text, "iB") == 0)
                text += 2;
        }
        if (strcasecmp(text, "B") == 0)
            text++;
        if (*text != '\0')
            return false;
    }
    *size = value;
    return true;
}

bool mapproc_number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    uint64_t value;

    if (!mapproc_digits_parse(&text, &value) || *text != '\0' || value < least || value > most)
        return false;
    *number = value;
    return true;
}

char *mapproc_size_format(uint64_t size, char *text)
{
    double value = (double)size;
    size_t unit = 0;

    if (size < 1024) {
        (void)snprintf(text, MAPPROC_SIZE_TEXT_MAX, "%u B", (unsigned)size);
        return text;
    }
    for (value /= 1024; value >= 1023.95 && unit + 1 < strlen(size_units); unit++)
        value /= 1024;
    (void)snprintf(text, MAPPROC_SIZE_TEXT_MAX, "%.1f %ciB", value, size_units[unit]);
    return text;
}
