/* SPDX-License-Identifier: MIT */
/* checklist.c - lines of the checklists that xxhsum -c and the GNU tools read. */
#include "format/checklist.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hex.h"

static const char special[] = "\\\n\r";
static const char special_letters[] = "\\nr";

static char *put_text(char *to, const char *text)
{
    size_t length = strlen(text);

    memcpy(to, text, length);
    return to + length;
}

static char *put_name(char *to, const char *name, bool escape)
{
    if (!escape)
        return put_text(to, name);
    for (; *name != '\0'; name++) {
        const char *found = strchr(special, *name);

        if (found != NULL) {
            *to++ = '\\';
            *to++ = special_letters[found - special];
        } else {
            *to++ = *name;
        }
    }
    return to;
}

char *mapproc_checklist_line(const struct mapproc_checklist_entry *entry, size_t *length)
{
    /* The longest line: every byte of the name escaped, and "\TAG (name) = hex\n" around it. */
    size_t room = strlen(entry->name);
    bool escape = !entry->nul_ended && strpbrk(entry->name, special) != NULL;
    char *line, *end;

    if (!mapproc_multiply_size(room, 2, &room) ||
        !mapproc_add_size(room, strlen(entry->tag) + 2 * entry->digest_size + 16, &room))
        return NULL;
    line = malloc(room);
    if (line == NULL)
        return NULL;
    end = line;
    if (escape)
        *end++ = '\\';
    if (entry->bsd_form) {
        end = put_text(end, entry->tag);
        end = put_text(end, " (");
        end = put_name(end, entry->name, escape);
        end = put_text(end, ") = ");
        end = mapproc_hex_format(entry->digest, entry->digest_size, end);
    } else {
        end = mapproc_hex_format(entry->digest, entry->digest_size, end);
        end = put_text(end, "  ");
        end = put_name(end, entry->name, escape);
    }
    *end++ = entry->nul_ended ? '\0' : '\n';
    *end = '\0';
    *length = (size_t)(end - line);
    return line;
}
