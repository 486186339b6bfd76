/* SPDX-License-Identifier: MIT */
/* exclude.c - the patterns of what a walk leaves out. */
#include "input/exclude.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

bool mapproc_excludes_init(struct mapproc_excludes *excludes, const char *const *patterns,
                           size_t count)
{
    *excludes = (struct mapproc_excludes){0};
    if (count == 0)
        return true;
    excludes->patterns = calloc(count, sizeof(*excludes->patterns));
    if (excludes->patterns == NULL)
        return false;
    for (; excludes->count < count; excludes->count++) {
        struct mapproc_exclude_pattern *pattern = &excludes->patterns[excludes->count];
        size_t length = strlen(patterns[excludes->count]);

        pattern->glob = strdup(patterns[excludes->count]);
        if (pattern->glob == NULL)
            return false;
        while (length > 1 && pattern->glob[length - 1] == '/') {
            pattern->glob[--length] = '\0';
            pattern->only_directories = true;
        }
    }
    return true;
}

void mapproc_excludes_destroy(struct mapproc_excludes *excludes)
{
    for (size_t i = 0; i < excludes->count; i++)
        free(excludes->patterns[i].glob);
    free(excludes->patterns);
    *excludes = (struct mapproc_excludes){0};
}

bool mapproc_excludes_match(const struct mapproc_excludes *excludes, const char *name,
                            const char *path, bool is_directory)
{
    for (size_t i = 0; i < excludes->count; i++) {
        const struct mapproc_exclude_pattern *pattern = &excludes->patterns[i];

        if (pattern->only_directories && !is_directory)
            continue;
        if (fnmatch(pattern->glob, name, 0) == 0 ||
            (path != name && fnmatch(pattern->glob, path, 0) == 0))
            return true;
    }
    return false;
}
