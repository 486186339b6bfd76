/* SPDX-License-Identifier: MIT */
/* tree.h - a tree in the working directory, what a walk finds in it, and what find(1) does. */
#ifndef MAPPROC_TESTS_TREE_H
#define MAPPROC_TESTS_TREE_H

/* Include cmocka_all.h first. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input/walk.h"

/* Bytes that grow. */
struct text {
    char *bytes;
    size_t length, size;
};

static inline void text_add(struct text *text, const char *bytes, size_t length)
{
    if (text->length + length > text->size) {
        text->size = 2 * (text->length + length);
        text->bytes = realloc(text->bytes, text->size);
        assert_non_null(text->bytes);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static inline void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

/* What a command prints. */
static inline struct text text_of_command(const char *command)
{
    struct text text = {0};
    FILE *pipe = popen(command, "r");
    char buffer[4096];
    size_t n;

    assert_non_null(pipe);
    while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0)
        text_add(&text, buffer, n);
    assert_int_equal(pclose(pipe), 0);
    return text;
}

/* What a walk delivers, each kind in its order. */
struct walked {
    struct text files;   /* paths with a NUL behind each */
    struct text skipped; /* "PATH TEXT\n" */
    struct text errors;  /* "PATH TEXT (ERRNO)\n" */
    size_t file_count, error_count;
};

static inline void walked_add(struct walked *walked, struct mapproc_entry *entry)
{
    char line[1024];

    switch (entry->kind) {
    case MAPPROC_ENTRY_FILE:
        text_add(&walked->files, entry->path, strlen(entry->path) + 1);
        walked->file_count++;
        break;
    case MAPPROC_ENTRY_SKIPPED:
        (void)snprintf(line, sizeof(line), "%.500s %s\n", entry->path,
                       mapproc_skip_text(entry->skip));
        text_add(&walked->skipped, line, strlen(line));
        break;
    case MAPPROC_ENTRY_ERROR:
        assert_ptr_equal(entry->error.path, entry->path);
        (void)snprintf(line, sizeof(line), "%.500s %s (%s)\n", entry->path, entry->error.what,
                       strerrorname_np(entry->error.system_error));
        text_add(&walked->errors, line, strlen(line));
        walked->error_count++;
        break;
    case MAPPROC_ENTRY_END:
        fail();
    }
    free(entry->path);
}

static inline struct walked walk_roots(const struct mapproc_walk_options *options,
                                       const char *const *roots, size_t count)
{
    struct mapproc_walk *walk = mapproc_walk_create(options, NULL);
    struct walked walked = {0};
    struct mapproc_entry entry;

    assert_non_null(walk);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mapproc_walk_add_root(walk, roots[i], NULL), MAPPROC_OK);
    for (;;) {
        assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
        if (entry.kind == MAPPROC_ENTRY_END)
            break;
        walked_add(&walked, &entry);
    }
    mapproc_walk_destroy(walk);
    return walked;
}

static inline struct walked walk_root(const struct mapproc_walk_options *options, const char *root)
{
    return walk_roots(options, &root, 1);
}

static inline void walked_free(struct walked *walked)
{
    text_free(&walked->files);
    text_free(&walked->skipped);
    text_free(&walked->errors);
}

/* The texts are the same; shows where they part if not. */
static inline void assert_same_text(const struct text *got, const struct text *expected)
{
    size_t i = 0;

    while (i < got->length && i < expected->length && got->bytes[i] == expected->bytes[i])
        i++;
    if (i == got->length && i == expected->length)
        return;
    fail_msg("differs at byte %zu: got \"%.60s\" of %zu bytes, expected \"%.60s\" of %zu", i,
             i < got->length ? got->bytes + i : "", got->length,
             i < expected->length ? expected->bytes + i : "", expected->length);
}

static inline void assert_text(const struct text *got, const char *expected)
{
    struct text text = {0};
    struct text ended = {0};

    text_add(&text, expected, strlen(expected));
    text_add(&ended, got->bytes != NULL ? got->bytes : "", got->length);
    text_add(&ended, "", 1); /* to be shown as a string */
    ended.length--;
    assert_same_text(&ended, &text);
    text_free(&text);
    text_free(&ended);
}

/* The files of the walk are those that the command prints, in the order of sort. */
static inline void assert_files_of(const struct walked *walked, const char *find_command)
{
    char command[1024];
    struct text expected;

    (void)snprintf(command, sizeof(command), "{ %s; } | LC_ALL=C sort -z", find_command);
    expected = text_of_command(command);
    assert_same_text(&walked->files, &expected);
    text_free(&expected);
}

static inline void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static inline void make_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0755), 0);
}

static inline void run_command(const char *command)
{
    assert_int_equal(system(command), 0);
}

#endif
