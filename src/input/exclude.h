/* SPDX-License-Identifier: MIT */
/* exclude.h - the patterns of what a walk leaves out. */
#ifndef MAPPROC_INPUT_EXCLUDE_H
#define MAPPROC_INPUT_EXCLUDE_H

#include <stdbool.h>
#include <stddef.h>

struct mapproc_exclude_pattern {
    char *glob; /* without the slashes at its end */
    bool only_directories;
};

struct mapproc_excludes {
    struct mapproc_exclude_pattern *patterns;
    size_t count;
};

/* Takes copies of the patterns; see mapproc_walk_options. False if there is no memory. */
bool mapproc_excludes_init(struct mapproc_excludes *excludes, const char *const *patterns,
                           size_t count);

/* Also after a failed init, and for a struct of zeros. */
void mapproc_excludes_destroy(struct mapproc_excludes *excludes);

/* Whether an entry of that name, at that path below its root, is to be left out. */
bool mapproc_excludes_match(const struct mapproc_excludes *excludes, const char *name,
                            const char *path, bool is_directory);

#endif
