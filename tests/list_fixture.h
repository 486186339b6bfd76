/* SPDX-License-Identifier: MIT */
/* list_fixture.h - lists in memory for tests: growing text, readers on it, random names. */
#ifndef MAPPROC_TESTS_LIST_FIXTURE_H
#define MAPPROC_TESTS_LIST_FIXTURE_H

/* Include cmocka_all.h and random.h first. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/text_sink.h"

struct list_text {
    char *bytes;
    size_t length;
    size_t capacity;
};

static inline void list_text_add(struct list_text *text, const void *bytes, size_t length)
{
    if (text->length + length > text->capacity) {
        text->capacity = 2 * (text->length + length);
        text->bytes = realloc(text->bytes, text->capacity);
        assert_non_null(text->bytes);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static inline void list_text_print(struct list_text *text, const char *string)
{
    list_text_add(text, string, strlen(string));
}

static inline void list_text_free(struct list_text *text)
{
    free(text->bytes);
    *text = (struct list_text){0};
}

static inline int list_text_write(void *user, const char *bytes, size_t length,
                                  struct mapproc_error *error)
{
    (void)error;
    list_text_add(user, bytes, length);
    return MAPPROC_OK;
}

/* A descriptor that reads these bytes. */
static inline int list_text_open(const void *bytes, size_t length)
{
    int fd = memfd_create("list", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, 0), length);
    return fd;
}

/* A name of 1 to `most` random bytes, many of them special, with a NUL behind it. */
static inline size_t list_random_name(struct test_random *random, char *name, size_t most)
{
    static const char special[] = "\\\\\n\r \t*()=#;,/-\"'%\x1b\x7f\xff\x80nr";
    size_t length = 1 + test_random_below(random, most);
    bool wild = test_random_below(random, 2) != 0;

    for (size_t i = 0; i < length; i++)
        name[i] = wild ? (char)(1 + test_random_below(random, 255))
                       : special[test_random_below(random, sizeof(special) - 1)];
    name[length] = '\0';
    return length;
}

#endif
