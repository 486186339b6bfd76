/* SPDX-License-Identifier: MIT */
/* chunking.c - a chunker with its options, as NAME:key=value,... or ./mine.so:key=value,... asks.
 */
#include "pipeline/chunking.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/size_text.h"
#include "pipeline/chunker_plugin.h"

enum { KEY_MAX = 32, VALUE_MAX = 32 }; /* bytes, each with its NUL */

void mapproc_chunking_init(struct mapproc_chunking *chunking, const struct mapproc_chunker *chunker)
{
    const struct mapproc_chunker_option *option = chunker->options;

    *chunking = (struct mapproc_chunking){.chunker = chunker};
    for (size_t i = 0; option != NULL && option[i].name != NULL; i++)
        chunking->options[i] = option[i].usual;
}

/* Whether text from a command line can be shown as it is. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* "fixed, lines and so on", cut if there is no room. */
static void list_names(char *text, size_t size)
{
    const struct mapproc_chunker *chunker;
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s",
                                   i == 0                              ? ""
                                   : mapproc_chunker_at(i + 1) == NULL ? " and "
                                                                       : ", ",
                                   chunker->name);
}

/* Copies a part of a text, if it fits. */
static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static int find_chunker(struct mapproc_chunking *chunking, const char *text, size_t length,
                        struct mapproc_error *error)
{
    char name[MAPPROC_CHUNKER_NAME_MAX], names[128];
    const struct mapproc_chunker *chunker;

    if (memchr(text, '/', length) != NULL)
        return mapproc_chunker_plugin_open(text, length, &chunking->chunker, &chunking->object,
                                           error);
    chunker = copy_part(name, sizeof(name), text, length) ? mapproc_chunker_find(name) : NULL;
    chunking->chunker = chunker;
    if (chunker != NULL)
        return MAPPROC_OK;
    list_names(names, sizeof(names));
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                             "there is no such chunker; there are %s, and ./FILE.so", names);
}

static bool parse_value(const char *text, uint64_t *value)
{
    int end = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return strlen(text) <= 18 && text[2] != '\0' && text[2] != '-' && text[2] != '+' &&
               sscanf(text + 2, "%" SCNx64 "%n", value, &end) == 1 && text[2 + end] == '\0';
    return mapproc_size_parse(text, value);
}

/* Takes key=value of `length` bytes. */
static int set_option(struct mapproc_chunking *chunking, const char *text, size_t length,
                      struct mapproc_error *error)
{
    const struct mapproc_chunker *chunker = chunking->chunker;
    const struct mapproc_chunker_option *option = chunker->options;
    const char *equals = memchr(text, '=', length);
    size_t key_length = equals != NULL ? (size_t)(equals - text) : length;
    char key[KEY_MAX], value[VALUE_MAX];
    size_t i = 0;

    if (!copy_part(key, sizeof(key), text, key_length) || !is_plain(key))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunker '%s' has no such option", chunker->name);
    while (option != NULL && option[i].name != NULL && strcmp(option[i].name, key) != 0)
        i++;
    if (option == NULL || option[i].name == NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunker '%s' has no option '%s'", chunker->name, key);
    if (equals == NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "%s needs a value: %s=NUMBER",
                                 key, key);
    if (!copy_part(value, sizeof(value), equals + 1, length - key_length - 1) ||
        !parse_value(value, &chunking->options[i]) || chunking->options[i] < option[i].least ||
        chunking->options[i] > option[i].most)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "%s must be a number or size from %" PRIu64 " to %" PRIu64, key,
                                 option[i].least, option[i].most);
    return MAPPROC_OK;
}

/* Takes all options, separated by commas. */
static int set_options(struct mapproc_chunking *chunking, const char *text,
                       struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    for (;;) {
        size_t length = strcspn(text, ",");

        result = set_option(chunking, text, length, error);
        if (result != MAPPROC_OK || text[length] == '\0')
            return result;
        text += length + 1;
    }
}

int mapproc_chunking_open(struct mapproc_chunking *chunking, const char *text,
                          struct mapproc_error *error)
{
    const char *slash = strrchr(text, '/');
    const char *name_end = slash != NULL ? slash : text;
    size_t length;
    int result;

    /* The value of an option may not have a slash, so the last one is in the path. */
    name_end += strcspn(name_end, ":");
    length = (size_t)(name_end - text);
    *chunking = (struct mapproc_chunking){.chunker = NULL};
    result = find_chunker(chunking, text, length, error);
    if (result != MAPPROC_OK)
        return result;
    for (size_t i = 0;
         chunking->chunker->options != NULL && chunking->chunker->options[i].name != NULL; i++)
        chunking->options[i] = chunking->chunker->options[i].usual;
    if (*name_end == ':')
        result = set_options(chunking, name_end + 1, error);
    if (result != MAPPROC_OK)
        mapproc_chunking_close(chunking);
    return result;
}

void mapproc_chunking_close(struct mapproc_chunking *chunking)
{
    mapproc_chunker_plugin_close(chunking->object);
    *chunking = (struct mapproc_chunking){.chunker = NULL};
}

int mapproc_chunking_most(const struct mapproc_chunking *chunking, size_t chunk_size, size_t *most,
                          struct mapproc_error *error)
{
    const struct mapproc_chunker *chunker = chunking->chunker;
    _Alignas(16) unsigned char state[MAPPROC_CHUNKER_STATE_MAX];
    const struct mapproc_chunker_settings settings = {
        /* Whatever it is, if it is left to the job: that will not be 0. */
        .chunk_size = chunk_size != 0 || chunker->most != NULL ? chunk_size : 1,
        .options = chunking->options,
    };
    const char *wrong = chunker->init(state, &settings);

    *most = 0;
    if (wrong != NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "the chunker '%s': %s",
                                 chunker->name, wrong);
    if (chunker->most == NULL)
        return MAPPROC_OK;
    *most = chunker->most(state);
    if (*most == 0 || *most > MAPPROC_CHUNKER_MOST)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "the chunker '%s' wants chunks of up to %zu bytes; 1G is the most",
                                 chunker->name, *most);
    return MAPPROC_OK;
}
