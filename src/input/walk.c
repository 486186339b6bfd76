/* SPDX-License-Identifier: MIT */
/*
 * walk.c - the files of directory trees, one at a time.
 *
 * The directories between the root and here are a stack of levels. The names of a directory are
 * read in one go when it is entered. Only the deepest levels have their directory open; when the
 * walk comes back to one that was closed, it is opened again as ".." of the one below, and must be
 * the directory that it was. Names are opened relative to the open directory and never through a
 * symbolic link, so that whoever moves directories meanwhile cannot lead the walk elsewhere.
 */
#include "input/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "input/directory_names.h"
#include "input/exclude.h"
#include "input/long_path.h"

enum {
    OPEN_LEVELS = 16,
    OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
    BUCKETS = 1024, /* power of two */
    FIRST_CAPACITY = 32,
    PATH_SIZE = MAPPROC_PATH_LIMIT + NAME_MAX + 2, /* the longest that is refused, '/' and NUL */
};

#define NO_LEVEL SIZE_MAX

/* A directory that the walk is in. */
struct level {
    int fd; /* -1 while it is not open */
    dev_t device;
    ino_t inode;
    size_t same_bucket;   /* index of the next higher level in its bucket, or NO_LEVEL */
    size_t prefix_length; /* bytes of its path, with the '/' behind it */
    struct mapproc_directory_names names;
    size_t next; /* index of the name to be delivered next */
};

struct mapproc_walk {
    struct mapproc_excludes excludes;
    bool one_file_system;

    char **roots; /* those from `next_root` on are still to be walked */
    size_t root_count, root_capacity, next_root;

    struct level *levels; /* from the root down */
    size_t depth, capacity;
    size_t buckets[BUCKETS]; /* deepest level by inode: is a directory one of those above it? */

    char *path; /* of what is looked at; always begins with the prefixes of all levels */
    size_t path_size;
    struct mapproc_directory_reader *reader;
};

static int set_no_memory(struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot walk the tree");
}

/* ---- the path ---- */

static bool reserve_path(struct mapproc_walk *walk, size_t size)
{
    size_t larger_size = mapproc_min_u64(PATH_SIZE, 2 * size);
    char *larger;

    if (size <= walk->path_size)
        return true;
    larger = realloc(walk->path, larger_size);
    if (larger == NULL)
        return false;
    walk->path = larger;
    walk->path_size = larger_size;
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

static size_t *bucket_of(struct mapproc_walk *walk, ino_t inode)
{
    return &walk->buckets[(inode ^ (inode >> 10)) & (BUCKETS - 1)];
}

static bool is_above(struct mapproc_walk *walk, const struct stat *status)
{
    for (size_t i = *bucket_of(walk, status->st_ino); i != NO_LEVEL;
         i = walk->levels[i].same_bucket)
        if (walk->levels[i].inode == status->st_ino && walk->levels[i].device == status->st_dev)
            return true;
    return false;
}

static void close_level(struct level *level)
{
    if (level->fd >= 0)
        (void)close(level->fd); /* opened for reading: there is nothing left to fail */
    level->fd = -1;
}

/* Adds a level below the others; it owns `fd` from now on. False if there is no memory. */
static bool push_level(struct mapproc_walk *walk, int fd, const struct stat *status,
                       size_t prefix_length)
{
    size_t *bucket = bucket_of(walk, status->st_ino);

    if (walk->depth == walk->capacity) {
        size_t capacity = walk->capacity > 0 ? 2 * walk->capacity : FIRST_CAPACITY;
        struct level *larger = reallocarray(walk->levels, capacity, sizeof(*larger));

        if (larger == NULL) {
            (void)close(fd);
            return false;
        }
        walk->levels = larger;
        walk->capacity = capacity;
    }
    if (walk->depth >= OPEN_LEVELS)
        close_level(&walk->levels[walk->depth - OPEN_LEVELS]);
    walk->levels[walk->depth] = (struct level){
        .fd = fd,
        .device = status->st_dev,
        .inode = status->st_ino,
        .same_bucket = *bucket,
        .prefix_length = prefix_length,
    };
    *bucket = walk->depth++;
    return true;
}

/* Takes the lowest level away and leaves its descriptor to the caller. */
static int pop_level(struct mapproc_walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];

    *bucket_of(walk, level->inode) = level->same_bucket;
    mapproc_directory_names_free(&level->names);
    return level->fd;
}

/* Takes over `fd` if it is the directory of the level. */
static bool adopt(struct level *level, int fd)
{
    struct stat status;

    if (fd < 0)
        return false;
    if (fstat(fd, &status) != 0 || status.st_dev != level->device ||
        status.st_ino != level->inode) {
        (void)close(fd);
        errno = ESTALE;
        return false;
    }
    level->fd = fd;
    return true;
}

/* Opens a level's directory again: from `below`, which was in it, or by its path. */
static bool reopen_level(struct mapproc_walk *walk, struct level *level, int below)
{
    if (below >= 0 && adopt(level, openat(below, "..", OPEN_FLAGS)))
        return true;
    walk->path[level->prefix_length] = '\0';
    return adopt(level, mapproc_long_path_open(walk->path, OPEN_FLAGS));
}

/*
 * Goes up one level. Delivers an error if the directory there cannot be found again and there is
 * something left in it; that is then left out.
 */
static int leave_level(struct mapproc_walk *walk, struct mapproc_entry *entry,
                       struct mapproc_error *error)
{
    int below = pop_level(walk);
    struct level *level = walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;
    int result = MAPPROC_OK;

    if (level != NULL && level->fd < 0 && !reopen_level(walk, level, below) &&
        level->next < level->names.count) {
        int system_error = errno;

        level->next = level->names.count;
        if (level->prefix_length > 1)
            walk->path[level->prefix_length - 1] = '\0';
        result =
            deliver_error(walk, system_error,
                          "cannot go back to the directory and walk the rest of it", entry, error);
        walk->path[level->prefix_length - 1] = '/';
    }
    if (below >= 0)
        (void)close(below);
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
    struct level *level;
    int system_error, result = MAPPROC_OK;

    if (!push_level(walk, fd, status, length) || !reserve_path(walk, length + 2))
        return set_no_memory(error);
    level = &walk->levels[walk->depth - 1];
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
    return walk->one_file_system && status->st_dev != walk->levels[0].device;
}

/* The current path leads to a directory of that name in the lowest level. */
static int visit_directory(struct mapproc_walk *walk, const char *name, struct mapproc_entry *entry,
                           struct mapproc_error *error)
{
    int parent = walk->levels[walk->depth - 1].fd;
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
    if (is_above(walk, &status)) {
        (void)close(fd);
        return deliver_skipped(walk, MAPPROC_SKIP_LOOP, entry, error);
    }
    return enter_directory(walk, fd, &status, entry, error);
}

/* Looks at the next name in the lowest level. */
static int visit_name(struct mapproc_walk *walk, struct mapproc_entry *entry,
                      struct mapproc_error *error)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const struct mapproc_listed_name *name = level->names.sorted[level->next++];
    bool is_directory = name->type == DT_DIR;
    size_t length = strlen(name->text) - is_directory;
    char *end;

    if (!reserve_path(walk, level->prefix_length + length + 1))
        return set_no_memory(error);
    end = walk->path + level->prefix_length;
    memcpy(end, name->text, length);
    end[length] = '\0';
    if (mapproc_excludes_match(&walk->excludes, end, walk->path + walk->levels[0].prefix_length,
                               is_directory))
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
        for (size_t i = 0; i < BUCKETS; i++)
            walk->buckets[i] = NO_LEVEL;
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
    while (walk->depth > 0) {
        int fd = pop_level(walk);

        if (fd >= 0)
            (void)close(fd);
    }
    for (size_t i = walk->next_root; i < walk->root_count; i++)
        free(walk->roots[i]);
    mapproc_excludes_destroy(&walk->excludes);
    mapproc_directory_reader_destroy(walk->reader);
    free(walk->levels);
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
        if (walk->depth > 0) {
            const struct level *level = &walk->levels[walk->depth - 1];

            if (level->next < level->names.count)
                result = visit_name(walk, entry, error);
            else
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
