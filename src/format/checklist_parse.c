/* SPDX-License-Identifier: MIT */
/* checklist_parse.c - one line of a checklist, as any of the usual tools writes it. */
#include "format/checklist_parse.h"

#include <string.h>

#include "base/hex.h"
#include "format/hashdeep.h"

enum { DIGEST_MIN = 4 }; /* bytes of the shortest digest: CRC-32, XXH32 */

static const char blanks[] = " \t";

/*
 * Whether a digest without a tag may have that many digits: 32, 64, 128, 160, 192, 224, 256, 384 or
 * 512 bits. Others are numbers that mean something else, such as POSIX cksum's.
 */
static bool is_bare_length(size_t digits)
{
    static const size_t lengths[] = {8, 16, 32, 40, 48, 56, 64, 96, 128};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        if (digits == lengths[i])
            return true;
    return false;
}

static void reverse(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[count - 1 - i];
        bytes[count - 1 - i] = byte;
    }
}

/* Copies the name of `length` bytes and undoes its escapes. */
static enum mapproc_list_fault put_name(struct mapproc_checklist_line *line, const char *text,
                                        size_t length, bool escaped, char *name)
{
    char *to = name;

    if (length == 0)
        return MAPPROC_FAULT_NO_NAME;
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];

        if (escaped && byte == '\\') {
            if (++i == length)
                return MAPPROC_FAULT_ESCAPE;
            switch (text[i]) {
            case '\\':
                break;
            case 'n':
                byte = '\n';
                break;
            case 'r':
                byte = '\r';
                break;
            default:
                return MAPPROC_FAULT_ESCAPE;
            }
        }
        *to++ = byte;
    }
    *to = '\0';
    line->name_length = (size_t)(to - name);
    return MAPPROC_FAULT_NONE;
}

/*
 * Reads what stands behind the digest of a line, from the space on: one space or two, and the name.
 */
static enum mapproc_list_fault parse_behind_digest(struct mapproc_checklist_dialect *dialect,
                                                   const char *text, const char *end, bool escaped,
                                                   char *name, struct mapproc_checklist_line *line)
{
    bool two = (text[1] == ' ' || text[1] == '*') && dialect->spaces != MAPPROC_SPACES_ONE;
    enum mapproc_list_fault fault;

    text += two ? 2 : 1;
    fault = put_name(line, text, (size_t)(end - text), escaped, name);
    if (fault != MAPPROC_FAULT_NONE)
        return fault;
    if (!two && dialect->spaces == MAPPROC_SPACES_TWO)
        return MAPPROC_FAULT_MIXED;
    dialect->spaces = two ? MAPPROC_SPACES_TWO : MAPPROC_SPACES_ONE;
    return MAPPROC_FAULT_NONE;
}

/* How long the tag is that the text begins with, or 0. */
static size_t tag_length(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/";
    size_t length = strspn(text, allowed);

    return length < MAPPROC_TAG_MAX ? length : 0;
}

/* Takes the tag over; an ending _LE, which only xxhsum writes, becomes a flag. */
static void put_tag(struct mapproc_checklist_digest *digest, const char *tag, size_t length)
{
    digest->little_endian =
        length > 6 && strncmp(tag, "XXH", 3) == 0 && strncmp(tag + length - 3, "_LE", 3) == 0;
    if (digest->little_endian)
        length -= 3;
    memcpy(digest->tag, tag, length);
    digest->tag[length] = '\0';
}

/* Reads "TAG (name) = hex" with as many or few blanks as rhash and openssl write. */
static enum mapproc_list_fault parse_tagged(const char *text, const char *end, bool escaped,
                                            char *name, struct mapproc_checklist_line *line)
{
    struct mapproc_checklist_digest *digest = &line->digests[0];
    size_t length = tag_length(text), digits;
    const char *open = text + length + strspn(text + length, blanks);
    const char *close, *hex;

    if (length == 0 || *open != '(')
        return MAPPROC_FAULT_NO_DIGEST;
    /* Names may have parentheses; what is behind the name has none. */
    close = memrchr(open, ')', (size_t)(end - open));
    if (close == NULL)
        return MAPPROC_FAULT_NO_DIGEST;
    hex = close + 1;
    hex += strspn(hex, blanks);
    if (*hex++ != '=')
        return MAPPROC_FAULT_NO_DIGEST;
    hex += strspn(hex, blanks);
    digits = mapproc_hex_span(hex);
    if (hex + digits != end || digits % 2 != 0 || digits < 2 * DIGEST_MIN ||
        digits > 2 * sizeof(digest->bytes))
        return MAPPROC_FAULT_DIGEST;
    digest->size = digits / 2;
    mapproc_hex_parse(hex, digest->size, digest->bytes);
    put_tag(digest, text, length);
    if (digest->little_endian)
        reverse(digest->bytes, digest->size);
    return put_name(line, open + 1, (size_t)(close - open - 1), escaped, name);
}

/* Reads a line with one digest, in whatever form. */
static enum mapproc_list_fault parse_entry(struct mapproc_checklist_dialect *dialect,
                                           const char *text, const char *end, char *name,
                                           struct mapproc_checklist_line *line)
{
    static const char xxh3_prefix[] = "XXH3_";
    struct mapproc_checklist_digest *digest = &line->digests[0];
    bool escaped = *text == '\\', xxh3;
    const char *hex;
    size_t digits;

    text += escaped;
    xxh3 = strncmp(text, xxh3_prefix, strlen(xxh3_prefix)) == 0;
    hex = text + (xxh3 ? strlen(xxh3_prefix) : 0);
    digits = mapproc_hex_span(hex);
    line->digest_count = 1;
    /* This form goes first: "deadbeef  (x) = 00000000" is about a file "(x) = 00000000". */
    if (hex[digits] != ' ' || !(xxh3 ? digits == 16 : is_bare_length(digits)))
        return parse_tagged(text, end, escaped, name, line);
    digest->size = digits / 2;
    mapproc_hex_parse(hex, digest->size, digest->bytes);
    put_tag(digest, xxh3_prefix, xxh3 ? strlen("XXH3") : 0);
    return parse_behind_digest(dialect, hex + digits, end, escaped, name, line);
}

void mapproc_checklist_parse(struct mapproc_checklist_dialect *dialect, const char *text,
                             size_t length, char *name, struct mapproc_checklist_line *line)
{
    static const char hashdeep_mark[] = "%%%%";
    const char *end = text + length;

    line->kind = MAPPROC_CHECKLIST_ENTRY;
    line->fault = MAPPROC_FAULT_NONE;
    line->name = name;
    line->has_size = false;
    line->digest_count = 0;
    text += strspn(text, blanks);
    if (memchr(text, '\0', (size_t)(end - text)) != NULL) {
        line->fault = MAPPROC_FAULT_NUL;
    } else if (text == end) {
        line->kind = MAPPROC_CHECKLIST_BLANK;
    } else if (*text == '#' || *text == ';') {
        line->kind = MAPPROC_CHECKLIST_COMMENT;
    } else if (strncmp(text, hashdeep_mark, strlen(hashdeep_mark)) == 0) {
        line->kind = MAPPROC_CHECKLIST_COMMENT;
        line->fault = mapproc_hashdeep_header(dialect, text);
    } else if (dialect->hashdeep != MAPPROC_HASHDEEP_NO) {
        line->fault = mapproc_hashdeep_row(dialect, text, name, line);
    } else {
        line->fault = parse_entry(dialect, text, end, name, line);
    }
    if (line->fault != MAPPROC_FAULT_NONE)
        line->kind = MAPPROC_CHECKLIST_BAD;
}
