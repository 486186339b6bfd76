/* SPDX-License-Identifier: MIT */
/* hashdeep.c - lines of hashdeep's lists: headers that name columns, and rows of them. */
#include "format/hashdeep.h"

#include <string.h>

#include "base/hex.h"
#include "base/size_text.h"

static const char mark[] = "%%%% ";
static const char first_line[] = "HASHDEEP-1.0";

/* "size,md5,sha256,filename": the columns between the first and the last are algorithms. */
static bool parse_columns(struct mapproc_checklist_dialect *dialect, const char *text)
{
    static const char first[] = "size,", last[] = "filename";

    dialect->columns = 0;
    if (strncmp(text, first, strlen(first)) != 0)
        return false;
    for (text += strlen(first); strcmp(text, last) != 0;) {
        size_t length = strcspn(text, ",");

        if (length == 0 || length >= MAPPROC_TAG_MAX || text[length] != ',' ||
            dialect->columns == MAPPROC_LINE_DIGESTS_MAX)
            return false;
        memcpy(dialect->tags[dialect->columns], text, length);
        dialect->tags[dialect->columns++][length] = '\0';
        text += length + 1;
    }
    return dialect->columns > 0;
}

enum mapproc_list_fault mapproc_hashdeep_header(struct mapproc_checklist_dialect *dialect,
                                                const char *text)
{
    bool started = dialect->hashdeep == MAPPROC_HASHDEEP_STARTED;

    dialect->hashdeep = MAPPROC_HASHDEEP_NO;
    if (strncmp(text, mark, strlen(mark)) != 0)
        return MAPPROC_FAULT_HEADER;
    text += strlen(mark);
    if (strcmp(text, first_line) == 0)
        dialect->hashdeep = MAPPROC_HASHDEEP_STARTED;
    else if (started && parse_columns(dialect, text))
        dialect->hashdeep = MAPPROC_HASHDEEP_ROWS;
    return dialect->hashdeep == MAPPROC_HASHDEEP_NO ? MAPPROC_FAULT_HEADER : MAPPROC_FAULT_NONE;
}

/* Moves *text behind a digest and its comma. */
static bool parse_digest(const char **text, const char *tag,
                         struct mapproc_checklist_digest *digest)
{
    size_t digits = mapproc_hex_span(*text);

    if (digits < 8 || digits > 2 * sizeof(digest->bytes) || digits % 2 != 0 ||
        (*text)[digits] != ',')
        return false;
    memcpy(digest->tag, tag, sizeof(digest->tag));
    digest->size = digits / 2;
    digest->little_endian = false;
    mapproc_hex_parse(*text, digest->size, digest->bytes);
    *text += digits + 1;
    return true;
}

/* Whether the name is that of a piece: "NAME offset FIRST-LAST", with as many bytes as `size`. */
static bool is_piece(const char *name, uint64_t size)
{
    static const char word[] = " offset ";
    const char *found = NULL;
    uint64_t first, last;

    for (const char *next = name; (next = strstr(next, word)) != NULL; next++)
        found = next;
    if (found == NULL)
        return false;
    found += strlen(word);
    return mapproc_digits_parse(&found, &first) && *found++ == '-' &&
           mapproc_digits_parse(&found, &last) && *found == '\0' && last >= first &&
           last - first == size - 1;
}

enum mapproc_list_fault mapproc_hashdeep_row(const struct mapproc_checklist_dialect *dialect,
                                             const char *text, char *name,
                                             struct mapproc_checklist_line *line)
{
    if (dialect->hashdeep != MAPPROC_HASHDEEP_ROWS || !mapproc_digits_parse(&text, &line->size) ||
        *text++ != ',')
        return MAPPROC_FAULT_ROW;
    line->has_size = true;
    for (size_t i = 0; i < dialect->columns; i++)
        if (!parse_digest(&text, dialect->tags[i], &line->digests[i]))
            return MAPPROC_FAULT_ROW;
    line->digest_count = dialect->columns;
    if (*text == '\0')
        return MAPPROC_FAULT_NO_NAME;
    if (is_piece(text, line->size))
        return MAPPROC_FAULT_PIECE_ROW;
    line->name_length = strlen(text);
    memcpy(name, text, line->name_length + 1);
    return MAPPROC_FAULT_NONE;
}
