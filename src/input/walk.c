/* SPDX-License-Identifier: MIT */
/* walk.c - the files of directory trees, one at a time. */
/*
 * The directories between the root and here are a stack of levels. The names of a directory are
 * read in one go when it is entered. Names are opened relative to the open directory that they
 * were read from and never through a symbolic link, and a level that has to be opened again must
 * be the directory that it was: whoever moves directories meanwhile cannot lead the walk elsewhere.
 */
#include "input/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "input/exclude.h"
#include "input/level_stack.h"
#include "input/long_path.h"

enum {
    OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
    FIRST_CAPACITY = 32,
};

struct mapproc_walk {
    struct mapproc_excludes excludes;
    bool one_file_system;

    char **roots; /* those from `next_root` on are still to be walked */
    size_t root_count, root_capacity, next_root;

    struct mapproc_level_stack stack;
    char *path; /* of what is looked at; always begins with the prefixes of all levels */
    size_t path_size;
    struct mapproc_directory_reader *reader;
};

static int set_no_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot walk the tree");
}

/* ---- the path ---- */

/* Makes room for `size` bytes, which is little more than MAPPROC_PATH_LIMIT at most. */
static bool reserve_path(struct mapproc_walk *walk, size_t size)
{
    char *larger;

    if (size <= walk->path_size)
        return true;
    larger = realloc(walk->path, 2 * size);
    if (larger == NULL)
        return false;
    walk->path = larger;
    walk->path_size = 2 * size;
    return true;
}

/* ---- entries ---- */

/* Gives the entry a copy of the current path. */
static int deliver(const struct mapproc_walk *walk, enum mapproc_entry_kind kind,
                   struct mapproc_entry *entry, struct mapproc_error *error)
{
    size_t size = strlen(walk->path) + 1;

    entry->path = malloc(size);
    if (entry->path == NULL)
        return set_no_memory(error);
    memcpy(entry->path, walk->path, size);
    entry->kind = kind;
    return MAPPROC_OK;
}

static int deliver_skipped(const struct mapproc_walk *walk, enum mapproc_skip skip,
                           struct mapproc_entry *entry, struct mapproc_error *error)
{
    entry->skip = skip;
    return deliver(walk, MAPPROC_ENTRY_SKIPPED, entry, error);
}

static int deliver_error(const struct mapproc_walk *walk, int system_error, const char *what,
                         struct mapproc_entry *entry, struct mapproc_error *error)
{
    int result = deliver(walk, MAPPROC_ENTRY_ERROR, entry, error);

    if (result == MAPPROC_OK)
        (void)mapproc_error_set(&entry->error, mapproc_error_code_from_errno(system_error),
                                system_error, entry->path, "%s", what);
    return result;
}

/* ---- levels ---- */

/*
 * Goes up one level. Delivers an error if the directory there cannot be found again and there is
 * something left in it; that is then left out.
 */
static int leave_level(struct mapproc_walk *walk, struct mapproc_entry *entry,
                       struct mapproc_error *error)
{
    bool found = mapproc_level_stack_pop(&walk->stack, walk->path);
    struct mapproc_level *level = mapproc_level_stack_top(&walk->stack);
    int system_error = errno, result;

    if (found || level->next == level->names.count)
        return MAPPROC_OK;
    level->next = level->names.count;
    if (level->prefix_length > 1)
        walk->path[level->prefix_length - 1] = '\0';
    result = deliver_error(walk, system_error, "cannot go back to the directory for the rest of it",
                           entry, error);
    walk->path[level->prefix_length - 1] = '/';
    return result;
}

/*
 * Enters the directory at the current path, open as `fd`, which is taken over. Delivers an error
 * if not all of it can be read.
 */
static int enter_directory(struct mapproc_walk *walk, int fd, const struct stat *status,
                           struct mapproc_entry *entry, struct mapproc_error *error)
{
    size_t length = strlen(walk->path);
    struct mapproc_level *level = mapproc_level_stack_push(&walk->stack, fd, status, length);
    int system_error, result = MAPPROC_OK;

    if (level == NULL || !reserve_path(walk, length + 2))
        return set_no_memory(error);
    system_error = mapproc_directory_reader_read(walk->reader, fd, &level->names);
    if (system_error == ENOMEM)
        return set_no_memory(error);
    if (system_error != 0)
        result = deliver_error(walk, system_error, "cannot read the directory", entry, error);
    if (length > 0 && walk->path[length - 1] != '/')
        walk->path[level->prefix_length++] = '/';
    return result;
}

/* ---- what is found ---- */

static bool is_elsewhere(const struct mapproc_walk *walk, const struct stat *status)
{
    return walk->one_file_system && status->st_dev != walk->stack.levels[0].device;
}

/* The current path leads to a directory of that name in the lowest level. */
static int visit_directory(struct mapproc_walk *walk, const char *name, struct mapproc_entry *entry,
                           struct mapproc_error *error)
{
    int parent = mapproc_level_stack_top(&walk->stack)->fd;
    struct stat status;
    int fd;

    /* Before it is opened, which may be forbidden, or mount it. */
    if (walk->one_file_system) {
        if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
            return deliver_error(walk, errno, "cannot stat", entry, error);
        if (is_elsewhere(walk, &status))
            return deliver_skipped(walk, MAPPROC_SKIP_OTHER_FILE_SYSTEM, entry, error);
    }
    fd = openat(parent, name, OPEN_FLAGS | O_NOFOLLOW);
    if (fd < 0)
        return deliver_error(walk, errno, "cannot open the directory", entry, error);
    if (fstat(fd, &status) != 0) {
        int system_error = errno;

        (void)close(fd);
        return deliver_error(walk, system_error, "cannot stat", entry, error);
    }
    if (is_elsewhere(walk, &status)) {
        (void)close(fd);
        return deliver_skipped(walk, MAPPROC_SKIP_OTHER_FILE_SYSTEM, entry, error);
    }
    if (mapproc_level_stack_has(&walk->stack, &status)) {
        (void)close(fd);
        return deliver_skipped(walk, MAPPROC_SKIP_LOOP, entry, error);
    }
    return enter_directory(walk, fd, &status, entry, error);
}

/* Looks at the next name in the lowest level. */
static int visit_name(struct mapproc_walk *walk, struct mapproc_entry *entry,
                      struct mapproc_error *error)
{
    struct mapproc_level *level = mapproc_level_stack_top(&walk->stack);
    const struct mapproc_listed_name *name = level->names.sorted[level->next++];
    bool is_directory = name->type == DT_DIR;
    size_t length = strlen(name->text) - is_directory;
    char *end;

    if (!reserve_path(walk, level->prefix_length + length + 1))
        return set_no_memory(error);
    end = walk->path + level->prefix_length;
    memcpy(end, name->text, length);
    end[length] = '\0';
    if (mapproc_excludes_match(&walk->excludes, end,
                               walk->path + walk->stack.levels[0].prefix_length, is_directory))
        return deliver_skipped(walk, MAPPROC_SKIP_EXCLUDED, entry, error);
    if (level->prefix_length + length > MAPPROC_PATH_LIMIT)
        return deliver_error(walk, ENAMETOOLONG, "cannot open", entry, error);
    switch (name->type) {
    case DT_REG:
        return deliver(walk, MAPPROC_ENTRY_FILE, entry, error);
    case DT_DIR:
        return visit_directory(walk, end, entry, error);
    case DT_LNK:
        return deliver_skipped(walk, MAPPROC_SKIP_SYMLINK, entry, error);
    case DT_FIFO:
        return deliver_skipped(walk, MAPPROC_SKIP_FIFO, entry, error);
    case DT_SOCK:
        return deliver_skipped(walk, MAPPROC_SKIP_SOCKET, entry, error);
    case DT_CHR:
        return deliver_skipped(walk, MAPPROC_SKIP_CHARACTER_DEVICE, entry, error);
    case DT_BLK:
        return deliver_skipped(walk, MAPPROC_SKIP_BLOCK_DEVICE, entry, error);
    default:
        return deliver_error(walk, name->system_error, "cannot stat", entry, error);
    }
}

/* Looks at a root. */
static int visit_root(struct mapproc_walk *walk, const char *root, struct mapproc_entry *entry,
                      struct mapproc_error *error)
{
    size_t length = strlen(root);
    struct stat status;
    int fd;

    if (length > MAPPROC_PATH_LIMIT)
        length = MAPPROC_PATH_LIMIT + 1; /* enough to say which one */
    if (!reserve_path(walk, length + 1))
        return set_no_memory(error);
    memcpy(walk->path, root, length);
    walk->path[length] = '\0';
    if (strcmp(root, "-") == 0)
        return deliver(walk, MAPPROC_ENTRY_FILE, entry, error);
    if (length > MAPPROC_PATH_LIMIT)
        return deliver_error(walk, ENAMETOOLONG, "cannot open", entry, error);
    if (mapproc_long_path_stat(root, &status) != 0)
        return deliver_error(walk, errno, "cannot open", entry, error);
    if (!S_ISDIR(status.st_mode))
        return deliver(walk, MAPPROC_ENTRY_FILE, entry, error);
    fd = mapproc_long_path_open(root, OPEN_FLAGS);
    if (fd < 0)
        return deliver_error(walk, errno, "cannot open the directory", entry, error);
    if (fstat(fd, &status) != 0) {
        int system_error = errno;

        (void)close(fd);
        return deliver_error(walk, system_error, "cannot stat", entry, error);
    }
    return enter_directory(walk, fd, &status, entry, error);
}

/* ---- the whole ---- */

struct mapproc_walk *mapproc_walk_create(const struct mapproc_walk_options *options,
                                         struct mapproc_error *error)
{
    struct mapproc_walk *walk = calloc(1, sizeof(*walk));

    if (walk != NULL) {
        walk->one_file_system = options->one_file_system;
        walk->reader = mapproc_directory_reader_create();
        mapproc_level_stack_init(&walk->stack);
        if (walk->reader != NULL &&
            mapproc_excludes_init(&walk->excludes, options->excludes, options->exclude_count))
            return walk;
    }
    mapproc_walk_destroy(walk);
    (void)set_no_memory(error);
    return NULL;
}

void mapproc_walk_destroy(struct mapproc_walk *walk)
{
    if (walk == NULL)
        return;
    for (size_t i = walk->next_root; i < walk->root_count; i++)
        free(walk->roots[i]);
    mapproc_excludes_destroy(&walk->excludes);
    mapproc_directory_reader_destroy(walk->reader);
    mapproc_level_stack_destroy(&walk->stack);
    free(walk->roots);
    free(walk->path);
    free(walk);
}

int mapproc_walk_add_root(struct mapproc_walk *walk, const char *path, struct mapproc_error *error)
{
    char *copy;

    if (walk->next_root == walk->root_count)
        walk->next_root = walk->root_count = 0;
    if (walk->root_count == walk->root_capacity) {
        size_t capacity = walk->root_capacity > 0 ? 2 * walk->root_capacity : FIRST_CAPACITY;
        char **larger = reallocarray(walk->roots, capacity, sizeof(*larger));

        if (larger == NULL)
            return set_no_memory(error);
        walk->roots = larger;
        walk->root_capacity = capacity;
    }
    copy = strdup(path);
    if (copy == NULL)
        return set_no_memory(error);
    walk->roots[walk->root_count++] = copy;
    return MAPPROC_OK;
}

int mapproc_walk_next(struct mapproc_walk *walk, struct mapproc_entry *entry,
                      struct mapproc_error *error)
{
    int result = MAPPROC_OK;

    *entry = (struct mapproc_entry){.kind = MAPPROC_ENTRY_END};
    while (result == MAPPROC_OK && entry->kind == MAPPROC_ENTRY_END) {
        const struct mapproc_level *level = mapproc_level_stack_top(&walk->stack);

        if (level != NULL && level->next < level->names.count) {
            result = visit_name(walk, entry, error);
        } else if (level != NULL) {
            result = leave_level(walk, entry, error);
        } else if (walk->next_root < walk->root_count) {
            char *root = walk->roots[walk->next_root++];

            result = visit_root(walk, root, entry, error);
            free(root);
        } else {
            break;
        }
    }
    return result;
}
