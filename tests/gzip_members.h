/* SPDX-License-Identifier: MIT */
/* gzip_members.h - gzip members for tests, made by zlib and by hand from the descriptions. */
#ifndef MAPPROC_TESTS_GZIP_MEMBERS_H
#define MAPPROC_TESTS_GZIP_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum form { FORM_PLAIN, FORM_OURS, FORM_IG, FORM_MZ, FORM_BGZF, FORMS };

/* A file in memory, and where its members begin. */
struct made_file {
    uint8_t *bytes;
    size_t size;
    size_t room;
    size_t begins[64]; /* of members, the end mark included, and at the end */
    size_t count;
};

static inline void made_reserve(struct made_file *file, size_t more)
{
    if (file->size + more > file->room) {
        file->room = 2 * (file->size + more);
        file->bytes = realloc(file->bytes, file->room);
        if (file->bytes == NULL)
            abort();
    }
}

static inline void made_put(struct made_file *file, const void *bytes, size_t size)
{
    made_reserve(file, size);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

/* Little-endian. */
static inline void made_set(uint8_t *at, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static inline void made_put_number(struct made_file *file, uint64_t number, unsigned bytes)
{
    uint8_t text[8];

    made_set(text, number, bytes);
    made_put(file, text, bytes);
}

/* Appends a raw deflate stream. */
static inline void made_deflate(struct made_file *file, const uint8_t *data, size_t size, int level)
{
    z_stream stream = {0};

    if (deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    made_reserve(file, deflateBound(&stream, size));
    stream.next_in = (uint8_t *)(uintptr_t)data;
    stream.avail_in = (unsigned)size;
    stream.next_out = file->bytes + file->size;
    stream.avail_out = (unsigned)(file->room - file->size);
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    file->size += stream.total_out;
    (void)deflateEnd(&stream);
}

/* Appends the header of a member; the size in it is filled in later. */
static inline void made_header(struct made_file *file, enum form form)
{
    static const uint8_t starts[FORMS][18] = {
        [FORM_PLAIN] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3},
        [FORM_OURS] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 8, 0, 'I', 'G', 4, 0},
        [FORM_IG] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 'I', 'G', 4, 0},
        [FORM_MZ] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 8, 0, 'M', 'Z', 4, 0},
        [FORM_BGZF] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 'B', 'C', 2, 0},
    };

    made_put(file, starts[form], form == FORM_PLAIN ? 10 : 16);
    made_put_number(file, 0, form == FORM_PLAIN ? 0 : form == FORM_BGZF ? 2 : 4);
}

/* Sets the size in the header of the member that begins at `begin` and ends the file. */
static inline void made_state_size(struct made_file *file, size_t begin, enum form form)
{
    size_t size = file->size - begin;

    if (form == FORM_BGZF)
        made_set(file->bytes + begin + 16, size - 1, 2);
    else if (form == FORM_MZ)
        made_set(file->bytes + begin + 16, size - 28, 4);
    else if (form != FORM_PLAIN)
        made_set(file->bytes + begin + 16, size, 4);
}

/* Appends a member. */
static inline void made_member(struct made_file *file, enum form form, const uint8_t *data,
                               size_t size, int level)
{
    size_t begin = file->size;

    file->begins[file->count++] = begin;
    made_header(file, form);
    made_deflate(file, data, size, level);
    made_put_number(file, crc32_z(0, data, size), 4);
    made_put_number(file, size, 4);
    made_state_size(file, begin, form);
    file->begins[file->count] = file->size;
}

static inline bool form_has_mark(enum form form)
{
    return form == FORM_OURS || form == FORM_BGZF;
}

/* Appends the end mark of the form, if it has one. */
static inline void made_mark(struct made_file *file, enum form form)
{
    if (form_has_mark(form))
        made_member(file, form, (const uint8_t *)"", 0, 6);
}

/* A whole file, of members with `each` bytes of data. To be freed. */
static inline struct made_file made_file(enum form form, const uint8_t *data, size_t size,
                                         size_t each, int level)
{
    struct made_file file = {0};

    for (size_t at = 0; at < size; at += each)
        made_member(&file, form, data + at, size - at < each ? size - at : each, level);
    made_mark(&file, form);
    return file;
}

static inline void made_free(struct made_file *file)
{
    free(file->bytes);
    *file = (struct made_file){0};
}

#endif
