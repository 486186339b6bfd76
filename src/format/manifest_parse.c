/* SPDX-License-Identifier: MIT */
/* manifest_parse.c - the words of one manifest line (see manifest.h for what they mean). */
#include "format/manifest_parse.h"

#include <string.h>

#include "base/hex.h"
#include "base/size_text.h"
#include "format/manifest.h"

enum { NANOSECOND_DIGITS = 9 };

enum mapproc_manifest_word mapproc_manifest_word(const char *text, const char **fields)
{
    static const struct {
        const char *text;
        enum mapproc_manifest_word word;
    } words[] = {
        {"manifest ", MAPPROC_WORD_MANIFEST},
        {"file ", MAPPROC_WORD_FILE},
        {"pieces ", MAPPROC_WORD_PIECES},
        {"end ", MAPPROC_WORD_END},
    };

    if (strncmp(text, MAPPROC_MANIFEST_MARK, strlen(MAPPROC_MANIFEST_MARK)) != 0)
        return MAPPROC_WORD_NONE;
    text += strlen(MAPPROC_MANIFEST_MARK);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i].text);

        if (strncmp(text, words[i].text, length) == 0) {
            *fields = text + length;
            return words[i].word;
        }
    }
    return MAPPROC_WORD_NONE;
}

/* Takes the next word: *length bytes at what it returns. NULL at the end. */
static const char *next_word(const char **fields, size_t *length)
{
    const char *word = *fields;

    if (*word == '\0')
        return NULL;
    *length = strcspn(word, " ");
    *fields = word + *length + (word[*length] == ' ');
    return word;
}

/* If the word is NAME=VALUE, moves it to the value. */
static bool has_name(const char **word, size_t *length, const char *name)
{
    size_t prefix = strlen(name);

    if (*length <= prefix || strncmp(*word, name, prefix) != 0 || (*word)[prefix] != '=')
        return false;
    *word += prefix + 1;
    *length -= prefix + 1;
    return true;
}

/* Whether the text from `text` to `end` is nothing but a number. */
static bool is_number(const char *text, const char *end, uint64_t *number)
{
    return mapproc_digits_parse(&text, number) && text == end;
}

static bool put_algorithm(const char *word, size_t length, char *algorithm)
{
    if (length == 0 || length >= MAPPROC_TAG_MAX)
        return false;
    memcpy(algorithm, word, length);
    algorithm[length] = '\0';
    return true;
}

enum mapproc_list_fault mapproc_manifest_parse_head(const char *fields,
                                                    struct mapproc_manifest_head *head)
{
    const char *word;
    size_t length;
    uint64_t version;

    *head = (struct mapproc_manifest_head){.only_digest = "", .piece_digest = ""};
    word = next_word(&fields, &length);
    if (word == NULL || !is_number(word, word + length, &version))
        return MAPPROC_FAULT_FIELDS;
    if (version != MAPPROC_MANIFEST_VERSION)
        return MAPPROC_FAULT_VERSION;
    while ((word = next_word(&fields, &length)) != NULL) {
        if (has_name(&word, &length, "digests")) {
            if (memchr(word, ',', length) == NULL &&
                !put_algorithm(word, length, head->only_digest))
                return MAPPROC_FAULT_FIELDS;
        } else if (has_name(&word, &length, "pieces")) {
            if (!put_algorithm(word, length, head->piece_digest))
                return MAPPROC_FAULT_FIELDS;
        }
    }
    return MAPPROC_FAULT_NONE;
}

/* Reads "[-]SECONDS.NNNNNNNNN". */
static bool parse_mtime(const char *word, size_t length, struct timespec *mtime)
{
    static const uint64_t most = INT64_MAX;
    const char *point = memchr(word, '.', length);
    bool negative = length > 0 && *word == '-';
    uint64_t seconds, nanoseconds;

    if (point == NULL || word + length - point != 1 + NANOSECOND_DIGITS ||
        !is_number(word + negative, point, &seconds) || seconds > most + negative ||
        !is_number(point + 1, word + length, &nanoseconds))
        return false;
    mtime->tv_sec = (time_t)(negative ? 0 - seconds : seconds);
    mtime->tv_nsec = (long)nanoseconds;
    return true;
}

enum mapproc_list_fault mapproc_manifest_parse_file(const char *fields,
                                                    struct mapproc_manifest_facts *facts)
{
    bool has_size = false;
    const char *word;
    size_t length;

    *facts = (struct mapproc_manifest_facts){.pieces = 0};
    while ((word = next_word(&fields, &length)) != NULL) {
        if (has_name(&word, &length, "size")) {
            has_size = is_number(word, word + length, &facts->size);
            if (!has_size)
                return MAPPROC_FAULT_FIELDS;
        } else if (has_name(&word, &length, "mtime")) {
            facts->has_mtime = parse_mtime(word, length, &facts->mtime);
            if (!facts->has_mtime)
                return MAPPROC_FAULT_FIELDS;
        } else if (has_name(&word, &length, "pieces")) {
            if (!is_number(word, word + length, &facts->pieces))
                return MAPPROC_FAULT_FIELDS;
        }
    }
    if (!has_size)
        return MAPPROC_FAULT_FIELDS;
    return facts->pieces > MAPPROC_PIECES_MAX ? MAPPROC_FAULT_TOO_MANY_PIECES : MAPPROC_FAULT_NONE;
}

/* Adds one piece whose digest has `digits` digits at `word`. */
static enum mapproc_list_fault add_piece(const char *word, size_t digits, uint64_t length,
                                         uint64_t size, struct mapproc_piece_list *list,
                                         bool *no_memory)
{
    uint8_t digest[MAPPROC_DIGEST_MAX];

    if (mapproc_hex_span(word) != digits || digits % 2 != 0 || digits < 8 ||
        digits > 2 * sizeof(digest))
        return MAPPROC_FAULT_FIELDS;
    if (list->count == 0)
        mapproc_piece_list_clear(list, digits / 2);
    if (digits != 2 * list->digest_size || length == 0 || length > size - list->end)
        return MAPPROC_FAULT_PIECES;
    if (list->count == MAPPROC_PIECES_MAX)
        return MAPPROC_FAULT_TOO_MANY_PIECES;
    mapproc_hex_parse(word, digits / 2, digest);
    *no_memory = mapproc_piece_list_add(list, length, digest, NULL) != MAPPROC_OK;
    return MAPPROC_FAULT_NONE;
}

enum mapproc_list_fault mapproc_manifest_parse_pieces(const char *fields, uint64_t size,
                                                      struct mapproc_piece_list *list,
                                                      bool *no_memory)
{
    uint64_t numbers[2] = {0}; /* the offset of the first, the length of each */
    const char *word;
    size_t digits;

    *no_memory = false;
    for (size_t i = 0; i < 2; i++) {
        word = next_word(&fields, &digits);
        if (word == NULL || !is_number(word, word + digits, &numbers[i]))
            return MAPPROC_FAULT_FIELDS;
    }
    if (numbers[0] != list->end)
        return MAPPROC_FAULT_PIECES;
    while ((word = next_word(&fields, &digits)) != NULL) {
        enum mapproc_list_fault fault = add_piece(word, digits, numbers[1], size, list, no_memory);

        if (fault != MAPPROC_FAULT_NONE || *no_memory)
            return fault;
    }
    return MAPPROC_FAULT_NONE;
}

enum mapproc_list_fault mapproc_manifest_parse_end(const char *fields,
                                                   uint8_t digest[MAPPROC_TEXT_DIGEST_SIZE])
{
    const char *word;
    size_t length;

    while ((word = next_word(&fields, &length)) != NULL) {
        if (!has_name(&word, &length, "xxh128"))
            continue;
        if (length != 2 * MAPPROC_TEXT_DIGEST_SIZE || mapproc_hex_span(word) != length)
            return MAPPROC_FAULT_FIELDS;
        mapproc_hex_parse(word, MAPPROC_TEXT_DIGEST_SIZE, digest);
        return MAPPROC_FAULT_NONE;
    }
    return MAPPROC_FAULT_FIELDS;
}
