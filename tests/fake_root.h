/* SPDX-License-Identifier: MIT */
/* fake_root.h - a directory that stands for / with files of /proc and /sys as a test wants them. */
#ifndef MAPPROC_TESTS_FAKE_ROOT_H
#define MAPPROC_TESTS_FAKE_ROOT_H

/* Needs cmocka's assertions: include cmocka_all.h first. */
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch_file.h"

struct fake_root {
    struct scratch_directory directory;
};

static inline void fake_root_make(struct fake_root *root)
{
    assert_true(scratch_directory_make(&root->directory));
}

static inline int fake_root_remove_one(const char *path, const struct stat *status, int type,
                                       struct FTW *position)
{
    (void)status;
    (void)type;
    (void)position;
    return remove(path);
}

/* Removes the directory and all that is in it. */
static inline void fake_root_destroy(const struct fake_root *root)
{
    assert_int_equal(nftw(root->directory.path, fake_root_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of a file in the fake root, with the directories it needs; into PATH_MAX bytes. */
static inline char *fake_root_path(const struct fake_root *root, const char *name, char *path)
{
    size_t top = strlen(root->directory.path);

    assert_in_range(snprintf(path, PATH_MAX, "%s%s", root->directory.path, name), 1, PATH_MAX - 1);
    for (char *slash = strchr(path + top + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(path, F_OK) != 0)
            assert_int_equal(mkdir(path, 0700), 0);
        *slash = '/';
    }
    return path;
}

static inline void fake_root_put_bytes(const struct fake_root *root, const char *name,
                                       const void *data, size_t size)
{
    char path[PATH_MAX];

    /* A new file each time: some file systems write one to the device that was cut and rewritten.
     */
    (void)unlink(fake_root_path(root, name, path));
    assert_true(scratch_write(path, data, size));
}

static inline void fake_root_put(const struct fake_root *root, const char *name, const char *text)
{
    fake_root_put_bytes(root, name, text, strlen(text));
}

#endif
