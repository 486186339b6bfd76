/* SPDX-License-Identifier: MIT */
/* directory_names.c - the names in one directory, sorted as their paths are. */
#include "input/directory_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

enum {
    READ_SIZE = 64 * 1024,
    LIST_SIZE_KEPT = 1024 * 1024, /* bytes kept from one directory to the next, at most */
};

struct mapproc_directory_reader {
    char *list;  /* the names of a directory as they come: structs of mapproc_listed_name */
    size_t size; /* bytes */
    size_t used; /* bytes */
    size_t count;
    _Alignas(struct dirent64) char buffer[READ_SIZE];
};

struct mapproc_directory_reader *mapproc_directory_reader_create(void)
{
    struct mapproc_directory_reader *reader = malloc(sizeof(*reader));

    if (reader != NULL) {
        reader->list = NULL;
        reader->size = 0;
    }
    return reader;
}

void mapproc_directory_reader_destroy(struct mapproc_directory_reader *reader)
{
    if (reader != NULL)
        free(reader->list);
    free(reader);
}

/* Makes room for `size` more bytes of names. */
static bool make_room(struct mapproc_directory_reader *reader, size_t size)
{
    size_t needed, doubled;
    char *larger;

    if (!mapproc_add_size(reader->used, size, &needed) ||
        !mapproc_multiply_size(needed, 2, &doubled))
        return false;
    if (needed <= reader->size)
        return true;
    larger = realloc(reader->list, doubled);
    if (larger == NULL)
        return false;
    reader->list = larger;
    reader->size = doubled;
    return true;
}

static bool is_known(unsigned char type)
{
    switch (type) {
    case DT_REG:
    case DT_DIR:
    case DT_LNK:
    case DT_FIFO:
    case DT_SOCK:
    case DT_CHR:
    case DT_BLK:
        return true;
    default:
        return false;
    }
}

/* Adds what the file system tells of one name to the list. False if there is no memory. */
static bool add_name(struct mapproc_directory_reader *reader, int fd, const struct dirent64 *found)
{
    size_t length = strlen(found->d_name);
    struct mapproc_listed_name *name;
    unsigned char type = found->d_type, system_error = 0;

    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
        return true;
    if (!make_room(reader, sizeof(*name) + length + 2))
        return false;
    if (!is_known(type)) {
        struct stat status;

        if (fstatat(fd, found->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            type = (unsigned char)IFTODT(status.st_mode);
        } else {
            type = DT_UNKNOWN;
            system_error = (unsigned char)errno;
        }
    }
    name = (struct mapproc_listed_name *)(reader->list + reader->used);
    name->type = type;
    name->system_error = system_error;
    memcpy(name->text, found->d_name, length);
    if (type == DT_DIR)
        name->text[length++] = '/';
    name->text[length++] = '\0';
    reader->used += sizeof(*name) + length;
    reader->count++;
    return true;
}

/* Reads all names into the list. Returns 0 or an errno. */
static int read_names(struct mapproc_directory_reader *reader, int fd)
{
    for (;;) {
        ssize_t n = getdents64(fd, reader->buffer, sizeof(reader->buffer));

        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        for (ssize_t i = 0; i < n;) {
            const struct dirent64 *found = (const struct dirent64 *)(reader->buffer + i);

            if (!add_name(reader, fd, found))
                return ENOMEM;
            i += found->d_reclen;
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct mapproc_listed_name *const *left = a, *const *right = b;

    return strcmp((*left)->text, (*right)->text);
}

/* A file system may tell a name twice while others are renamed. */
static void drop_twins(struct mapproc_directory_names *names)
{
    size_t kept = 1;

    for (size_t i = 1; i < names->count; i++)
        if (strcmp(names->sorted[kept - 1]->text, names->sorted[i]->text) != 0)
            names->sorted[kept++] = names->sorted[i];
    if (names->count > 0)
        names->count = kept;
}

/* Makes the sorted names of the list, in a block of just their size. False without memory. */
static bool sort_names(const struct mapproc_directory_reader *reader,
                       struct mapproc_directory_names *names)
{
    size_t pointers, size;
    char *text;

    if (reader->count == 0)
        return true;
    if (!mapproc_multiply_size(reader->count, sizeof(*names->sorted), &pointers) ||
        !mapproc_add_size(pointers, reader->used, &size) || (names->sorted = malloc(size)) == NULL)
        return false;
    text = (char *)names->sorted + pointers;
    memcpy(text, reader->list, reader->used);
    for (names->count = 0; names->count < reader->count; names->count++) {
        const struct mapproc_listed_name *name = (const struct mapproc_listed_name *)text;

        names->sorted[names->count] = name;
        text += sizeof(*name) + strlen(name->text) + 1;
    }
    qsort(names->sorted, names->count, sizeof(*names->sorted), compare_names);
    drop_twins(names);
    return true;
}

int mapproc_directory_reader_read(struct mapproc_directory_reader *reader, int fd,
                                  struct mapproc_directory_names *names)
{
    int result;

    *names = (struct mapproc_directory_names){0};
    reader->used = 0;
    reader->count = 0;
    result = read_names(reader, fd);
    if (result != ENOMEM && !sort_names(reader, names))
        result = ENOMEM;
    if (reader->size > LIST_SIZE_KEPT) {
        free(reader->list);
        reader->list = NULL;
        reader->size = 0;
    }
    return result;
}

void mapproc_directory_names_free(struct mapproc_directory_names *names)
{
    free(names->sorted);
    *names = (struct mapproc_directory_names){0};
}
