/* SPDX-License-Identifier: MIT */
/* name_list.c - the names in a file, one at a time. */
#include "input/name_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "input/source.h"

enum {
    READ_SIZE = 64 * 1024,
    FIRST_SIZE = 256, /* of `name` */
};

struct mapproc_name_list {
    struct mapproc_source source;
    int wake_fd;
    char separator;
    bool at_end;
    uint64_t number; /* of the name being read, from 1 */

    char *name; /* what has come of it, `length` bytes of `size` */
    size_t length, size;
    bool too_long; /* there was more of it */

    size_t next, end; /* what is still to be taken from the buffer */
    char buffer[READ_SIZE];
};

static int set_no_memory(const struct mapproc_name_list *list, struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, list->source.path,
                             "cannot read the list of names");
}

struct mapproc_name_list *mapproc_name_list_open(const char *path, char separator, int wake_fd,
                                                 struct mapproc_error *error)
{
    struct mapproc_name_list *list = malloc(sizeof(*list));

    if (list == NULL) {
        (void)mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, path,
                                "cannot read the list of names");
        return NULL;
    }
    memset(list, 0, offsetof(struct mapproc_name_list, buffer));
    list->wake_fd = wake_fd;
    list->separator = separator;
    list->number = 1;
    if (mapproc_source_open(&list->source, path, error) != MAPPROC_OK) {
        mapproc_name_list_close(list);
        return NULL;
    }
    return list;
}

void mapproc_name_list_close(struct mapproc_name_list *list)
{
    if (list == NULL)
        return;
    mapproc_source_close(&list->source);
    free(list->name);
    free(list);
}

/* Fills the buffer with what there is, waiting for the first byte. */
static int read_more(struct mapproc_name_list *list, struct mapproc_error *error)
{
    bool wait = list->source.waits;

    for (;;) {
        ssize_t n;

        if (wait) {
            int result = mapproc_source_wait_readable(&list->source, list->wake_fd, error);

            if (result != MAPPROC_OK)
                return result;
        }
        n = read(list->source.fd, list->buffer, sizeof(list->buffer));
        if (n >= 0) {
            list->next = 0;
            list->end = (size_t)n;
            list->at_end = n == 0;
            return MAPPROC_OK;
        }
        if (errno == EAGAIN)
            wait = true;
        else if (errno != EINTR)
            return mapproc_error_set(error, MAPPROC_FAILED, errno, list->source.path,
                                     "cannot read the list of names");
    }
}

/* Adds bytes to the name, up to its limit. False if there is no memory. */
static bool add_to_name(struct mapproc_name_list *list, const char *bytes, size_t length)
{
    if (length > MAPPROC_PATH_LIMIT - list->length) {
        length = MAPPROC_PATH_LIMIT - list->length;
        list->too_long = true;
    }
    if (list->length + length >= list->size) {
        size_t size = list->size > 0 ? 2 * list->size : FIRST_SIZE;
        char *larger;

        while (size <= list->length + length)
            size *= 2;
        larger = realloc(list->name, size);
        if (larger == NULL)
            return false;
        list->name = larger;
        list->size = size;
    }
    memcpy(list->name + list->length, bytes, length);
    list->length += length;
    list->name[list->length] = '\0';
    return true;
}

/* Reads up to and with the next separator. */
static int read_name(struct mapproc_name_list *list, struct mapproc_error *error)
{
    bool complete = false;

    list->length = 0;
    list->too_long = false;
    while (!complete) {
        const char *start = list->buffer + list->next;
        const char *separator;
        size_t length = list->end - list->next;

        if (length == 0) {
            int result = read_more(list, error);

            if (result != MAPPROC_OK)
                return result;
            if (list->at_end)
                return MAPPROC_OK;
            continue;
        }
        separator = memchr(start, list->separator, length);
        complete = separator != NULL;
        if (complete)
            length = (size_t)(separator - start);
        if (!add_to_name(list, start, length))
            return set_no_memory(list, error);
        list->next += length + complete;
    }
    return MAPPROC_OK;
}

/* What is wrong with the name that was read, or NULL. */
static const char *find_fault(const struct mapproc_name_list *list)
{
    if (list->length == 0)
        return "the name is empty";
    if (list->too_long)
        return "the name is too long";
    if (memchr(list->name, '\0', list->length) != NULL)
        return "the name has a NUL byte in it";
    if (strcmp(list->name, "-") == 0 && !list->source.owns_fd)
        return "the list itself is standard input";
    return NULL;
}

int mapproc_name_list_next(struct mapproc_name_list *list, struct mapproc_entry *entry,
                           struct mapproc_error *error)
{
    const char *fault;
    uint64_t number;
    int result;

    *entry = (struct mapproc_entry){.kind = MAPPROC_ENTRY_END};
    if (list->at_end)
        return MAPPROC_OK;
    result = read_name(list, error);
    if (result != MAPPROC_OK) {
        list->at_end = true;
        return result;
    }
    if (list->at_end && list->length == 0)
        return MAPPROC_OK;
    number = list->number++;
    fault = find_fault(list);
    entry->path = strdup(fault == NULL ? list->name : list->source.path);
    if (entry->path == NULL)
        return set_no_memory(list, error);
    entry->kind = fault == NULL ? MAPPROC_ENTRY_FILE : MAPPROC_ENTRY_ERROR;
    if (fault != NULL)
        (void)mapproc_error_set(&entry->error, MAPPROC_REFUSED, 0, entry->path,
                                "%s %" PRIu64 ": %s", list->separator == '\n' ? "line" : "name",
                                number, fault);
    return MAPPROC_OK;
}
