/* SPDX-License-Identifier: MIT */
/* chunker_plugin.c - chunkers that come in shared objects of their own.
 *
 * The number of the ABI is read before anything else: it says whether the rest is where we think.
 */
#include "pipeline/chunker_plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"

/* Whoever changes the struct changes its number, too. */
_Static_assert(MAPPROC_CHUNKER_ABI == 2 && sizeof(struct mapproc_chunker) == 13 * sizeof(void *),
               "a struct mapproc_chunker of another size needs another MAPPROC_CHUNKER_ABI");

static bool is_name(const char *text)
{
    size_t length = text != NULL ? strnlen(text, MAPPROC_CHUNKER_NAME_MAX) : 0;

    return length > 0 && length < MAPPROC_CHUNKER_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

static bool are_options(const struct mapproc_chunker_option *options)
{
    size_t count = 0;

    for (; options != NULL && options->name != NULL; options++)
        if (++count > MAPPROC_CHUNKER_OPTIONS_MAX || !is_name(options->name) ||
            options->help == NULL || options->least > options->most)
            return false;
    return true;
}

int mapproc_chunker_check(const struct mapproc_chunker *chunker, struct mapproc_error *error)
{
    const char *missing = NULL;

    if (chunker->abi != MAPPROC_CHUNKER_ABI)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "its chunker is made for version %u of the interface, this is %d",
                                 chunker->abi, MAPPROC_CHUNKER_ABI);
    if (!is_name(chunker->name))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "its chunker has no name, or one of other characters than "
                                 "a-z 0-9 - and _");
    if (chunker->summary == NULL)
        missing = "summary";
    if (chunker->next == NULL)
        missing = "next()";
    if (chunker->init == NULL)
        missing = "init()";
    if (missing != NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "its chunker '%s' has no %s",
                                 chunker->name, missing);
    if (chunker->state_size > MAPPROC_CHUNKER_STATE_MAX)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "its chunker '%s' wants %zu bytes of state; there are %d",
                                 chunker->name, chunker->state_size, MAPPROC_CHUNKER_STATE_MAX);
    if (!are_options(chunker->options))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "its chunker '%s' has a table of options that makes no sense",
                                 chunker->name);
    return MAPPROC_OK;
}

/* dlerror() begins with the path, which the user sees anyway. */
static const char *load_error(const char *path)
{
    const char *text = dlerror();
    size_t length = strlen(path);

    if (text == NULL)
        return "no reason given";
    if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        text += length + 2;
    return text;
}

int mapproc_chunker_plugin_open(const char *path, size_t length,
                                const struct mapproc_chunker **chunker, void **object,
                                struct mapproc_error *error)
{
    char copy[PATH_MAX];
    int result;

    if (length >= sizeof(copy))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "its path is too long");
    memcpy(copy, path, length);
    copy[length] = '\0';
    *object = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    if (*object == NULL)
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "cannot be loaded: %s",
                                 load_error(copy));
    *chunker = dlsym(*object, MAPPROC_CHUNKER_SYMBOL);
    result = *chunker != NULL ? mapproc_chunker_check(*chunker, error)
                              : mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                                  "defines no " MAPPROC_CHUNKER_SYMBOL);
    if (result == MAPPROC_OK)
        return MAPPROC_OK;
    mapproc_chunker_plugin_close(*object);
    *object = NULL;
    *chunker = NULL;
    return result;
}

void mapproc_chunker_plugin_close(void *object)
{
    if (object != NULL)
        (void)dlclose(object);
}
