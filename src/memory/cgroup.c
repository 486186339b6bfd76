/* SPDX-License-Identifier: MIT */
/* cgroup.c - the directories of the cgroups that this process is in. */

/*
 * Two files tell. /proc/self/cgroup has a line for each hierarchy, version 2 with no controllers:
 *
 *     4:memory:/user/alice            number : controllers, with commas : path in the hierarchy
 *     0::/user/alice
 *
 * /proc/self/mountinfo has a line for each mount; here one of version 1 that shows /user and what
 * is below it, but not what is above:
 *
 *     35 31 0:32 /user /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
 *      .  .  .   root  mount point           options     optional   type   source super options
 *
 * So /user/alice is the directory /sys/fs/cgroup/memory/alice. In a container the two may disagree:
 * a path may start at the container's own cgroup ("/", or "/.." for what is above) where the root
 * does not, or the other way round. What such a mount shows is then most likely the container's own
 * cgroup, and its mount point is all that is visited.
 */
#include "memory/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_file.h"

enum {
    TEXT_MAX = 16 << 20, /* bytes of a file: some machines have very many mounts */
    MOUNTS_MAX = 32,     /* of one hierarchy; more than one is rare */
};

/* A mount of a hierarchy. The strings are in the text of mountinfo. */
struct mount {
    char *root;
    char *point;
    char *type;
    char *options;
};

struct hierarchy {
    const char *path; /* of this process; NULL if it is in none */
    unsigned mount_count;
    struct mount mounts[MOUNTS_MAX];
};

static const struct {
    const char *type;
    const char *controller; /* "" for version 2, which has all in one */
} kinds[MAPPROC_CGROUP_KINDS] = {
    [MAPPROC_CGROUP_V2] = {"cgroup2", ""},
    [MAPPROC_CGROUP_V1_CPU] = {"cgroup", "cpu"},
    [MAPPROC_CGROUP_V1_MEMORY] = {"cgroup", "memory"},
};

/* Whether the word is on the list, which has commas between its words. "" is on an empty one. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (;;) {
        size_t n = strcspn(list, ",");

        if (n == length && memcmp(list, word, n) == 0)
            return true;
        if (list[n] == '\0')
            return false;
        list += n + 1;
    }
}

static char *read_file(const char *root, const char *path)
{
    char whole[PATH_MAX];
    int length = snprintf(whole, sizeof(whole), "%s%s", root, path);

    if (length < 0 || (size_t)length >= sizeof(whole))
        return NULL;
    return mapproc_text_file_read(whole, TEXT_MAX);
}

/* Finds the paths in the text of /proc/self/cgroup, into which they then point. */
static void find_paths(struct hierarchy *hierarchies, char *text)
{
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        char *number = strsep(&line, ":");
        char *controllers = strsep(&line, ":");

        if (line == NULL || *line != '/')
            continue;
        for (int kind = 0; kind < MAPPROC_CGROUP_KINDS; kind++) {
            bool version_2 = strcmp(number, "0") == 0;

            if (version_2 == (kind == MAPPROC_CGROUP_V2) &&
                has_word(controllers, kinds[kind].controller))
                hierarchies[kind].path = line;
        }
    }
}

/* Replaces what mountinfo writes as \040 by the byte it stands for, in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Takes a line of mountinfo apart. False if it is none. */
static bool parse_mount(char *line, struct mount *mount)
{
    char *word;

    for (int i = 0; i < 3; i++)
        (void)strsep(&line, " ");
    mount->root = strsep(&line, " ");
    mount->point = strsep(&line, " ");
    do
        word = strsep(&line, " ");
    while (word != NULL && strcmp(word, "-") != 0);
    mount->type = strsep(&line, " ");
    (void)strsep(&line, " ");
    mount->options = strsep(&line, " ");
    if (mount->options == NULL || *mount->point != '/')
        return false;
    unescape(mount->root);
    unescape(mount->point);
    return true;
}

/* Finds the mounts in the text of /proc/self/mountinfo, into which they then point. */
static void find_mounts(struct hierarchy *hierarchies, char *text)
{
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        struct mount mount;

        if (!parse_mount(line, &mount))
            continue;
        for (int kind = 0; kind < MAPPROC_CGROUP_KINDS; kind++) {
            struct hierarchy *hierarchy = &hierarchies[kind];

            if (strcmp(mount.type, kinds[kind].type) == 0 &&
                (kind == MAPPROC_CGROUP_V2 || has_word(mount.options, kinds[kind].controller)) &&
                hierarchy->mount_count < MOUNTS_MAX)
                hierarchy->mounts[hierarchy->mount_count++] = mount;
        }
    }
}

static bool has_parent_reference(const char *path)
{
    for (; (path = strstr(path, "/..")) != NULL; path += 3)
        if (path[3] == '/' || path[3] == '\0')
            return true;
    return false;
}

/* The part of a path in the hierarchy that is below the root of a mount; NULL if it is not there.
 */
static const char *find_below(const char *path, const char *mount_root)
{
    size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);

    if (strncmp(path, mount_root, length) != 0)
        return NULL;
    path += length;
    return (*path == '/' || *path == '\0') && !has_parent_reference(path) ? path : NULL;
}

struct walk {
    const char *root;
    mapproc_cgroup_visit visit;
    void *user;
};

/* Visits a directory below a mount point and all between the two, upwards, both included. */
static void visit_levels(const struct walk *walk, enum mapproc_cgroup_kind kind, const char *point,
                         const char *below)
{
    size_t top = strlen(walk->root) + strlen(point), length;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s%s", walk->root, point, below);

    if (n < 0 || (size_t)n >= sizeof(path))
        return;
    length = (size_t)n;
    for (;;) {
        while (length > top && path[length - 1] == '/')
            length--;
        path[length] = '\0';
        walk->visit(walk->user, kind, path);
        if (length == top)
            return;
        while (length > top && path[length - 1] != '/')
            length--;
    }
}

static void visit_hierarchy(const struct walk *walk, enum mapproc_cgroup_kind kind,
                            const struct hierarchy *hierarchy)
{
    bool found = false;

    if (hierarchy->path == NULL)
        return;
    for (unsigned i = 0; i < hierarchy->mount_count; i++) {
        const struct mount *mount = &hierarchy->mounts[i];
        const char *below = find_below(hierarchy->path, mount->root);

        if (below == NULL)
            continue;
        visit_levels(walk, kind, mount->point, below);
        found = true;
    }
    for (unsigned i = 0; !found && i < hierarchy->mount_count; i++)
        visit_levels(walk, kind, hierarchy->mounts[i].point, "");
}

void mapproc_cgroup_walk(const char *root, mapproc_cgroup_visit visit, void *user)
{
    const struct walk walk = {.root = root, .visit = visit, .user = user};
    struct hierarchy hierarchies[MAPPROC_CGROUP_KINDS] = {{.path = NULL}};
    char *paths = read_file(root, "/proc/self/cgroup");
    char *mounts = read_file(root, "/proc/self/mountinfo");

    if (paths != NULL && mounts != NULL) {
        find_paths(hierarchies, paths);
        find_mounts(hierarchies, mounts);
        for (int kind = 0; kind < MAPPROC_CGROUP_KINDS; kind++)
            visit_hierarchy(&walk, (enum mapproc_cgroup_kind)kind, &hierarchies[kind]);
    }
    free(mounts);
    free(paths);
}
