/* SPDX-License-Identifier: MIT */
/* gzi_index.c - .gzi files: where the members of a compressed file begin. */
#include "format/gzi_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

enum {
    COUNT_SIZE = 8,
    ENTRY_SIZE = 16,
    FIRST_ROOM = 64, /* entries */
    AT_ONCE = 256,   /* entries that are read or written by one call */
};

void mapproc_gzi_init(struct mapproc_gzi_index *index)
{
    *index = (struct mapproc_gzi_index){0};
}

void mapproc_gzi_free(struct mapproc_gzi_index *index)
{
    free(index->entries);
    mapproc_gzi_init(index);
}

struct mapproc_gzi_entry mapproc_gzi_entry_at(const struct mapproc_gzi_index *index, size_t number)
{
    return number == 0 ? (struct mapproc_gzi_entry){0} : index->entries[number - 1];
}

/* Whether an entry may come behind all others. */
static bool is_behind(const struct mapproc_gzi_index *index, uint64_t compressed, uint64_t raw)
{
    struct mapproc_gzi_entry last = mapproc_gzi_entry_at(index, index->count);

    return compressed > last.compressed && raw >= last.raw;
}

static bool make_room(struct mapproc_gzi_index *index)
{
    size_t capacity = index->capacity > 0 ? index->capacity : FIRST_ROOM / 2;
    struct mapproc_gzi_entry *entries;

    if (index->count < index->capacity)
        return true;
    if (!mapproc_multiply_size(capacity, 2, &capacity))
        return false;
    entries = reallocarray(index->entries, capacity, sizeof(*entries));
    if (entries == NULL)
        return false;
    index->entries = entries;
    index->capacity = capacity;
    return true;
}

int mapproc_gzi_add(struct mapproc_gzi_index *index, uint64_t compressed, uint64_t raw,
                    struct mapproc_error *error)
{
    if (index->count == 0 && compressed == 0 && raw == 0)
        return MAPPROC_OK;
    if (!is_behind(index, compressed, raw))
        return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                 "an entry of the index is out of order");
    if (!make_room(index))
        return mapproc_error_set(error, MAPPROC_FAILED, 0, NULL, "not enough memory for the index");
    index->entries[index->count++] =
        (struct mapproc_gzi_entry){.compressed = compressed, .raw = raw};
    return MAPPROC_OK;
}

/* ---- the file ---- */

static void put_u64(uint8_t *bytes, uint64_t number)
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < 8; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

int mapproc_gzi_write(const struct mapproc_gzi_index *index, const struct mapproc_text_sink *sink,
                      struct mapproc_error *error)
{
    uint8_t bytes[AT_ONCE * ENTRY_SIZE];
    size_t filled = COUNT_SIZE;
    int result = MAPPROC_OK;

    put_u64(bytes, index->count);
    for (size_t i = 0; i < index->count && result == MAPPROC_OK; i++) {
        if (filled + ENTRY_SIZE > sizeof(bytes)) {
            result = sink->write(sink->user, (const char *)bytes, filled, error);
            filled = 0;
        }
        put_u64(bytes + filled, index->entries[i].compressed);
        put_u64(bytes + filled + 8, index->entries[i].raw);
        filled += ENTRY_SIZE;
    }
    if (result == MAPPROC_OK)
        result = sink->write(sink->user, (const char *)bytes, filled, error);
    return result;
}

static int refuse(const struct mapproc_source *file, const char *why, struct mapproc_error *error)
{
    return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, file->path, "is not a good index: %s",
                             why);
}

/* Reads the count and holds it against the size of the file. */
static int read_count(const struct mapproc_source *file, size_t *count, struct mapproc_error *error)
{
    static const char gztool[] = "gzipindx"; /* behind eight zero bytes */
    uint8_t bytes[COUNT_SIZE + ENTRY_SIZE];
    size_t length = (size_t)mapproc_min_u64(file->size, sizeof(bytes));
    uint64_t number;
    int result;

    if (file->kind != MAPPROC_SOURCE_EXTENT || file->size < COUNT_SIZE)
        return refuse(file, "it is too short", error);
    result = mapproc_source_read_at(file, 0, bytes, length, error);
    if (result != MAPPROC_OK)
        return result;
    number = get_u64(bytes);
    if (number == UINT64_MAX && file->size == COUNT_SIZE)
        number = 0;
    if (number == 0 && length >= COUNT_SIZE + sizeof(gztool) - 1 &&
        memcmp(bytes + COUNT_SIZE, gztool, sizeof(gztool) - 1) == 0)
        return refuse(file, "it is one of gztool", error);
    if ((file->size - COUNT_SIZE) % ENTRY_SIZE != 0 ||
        (file->size - COUNT_SIZE) / ENTRY_SIZE != number || number > SIZE_MAX / ENTRY_SIZE)
        return refuse(file, "its size is not that of its count", error);
    *count = (size_t)number;
    return MAPPROC_OK;
}

/* Takes entries out of `bytes`; there is room for them. */
static int take_entries(struct mapproc_gzi_index *index, const uint8_t *bytes, size_t count,
                        const struct mapproc_source *file, uint64_t compressed_size,
                        struct mapproc_error *error)
{
    for (size_t i = 0; i < count; i++, bytes += ENTRY_SIZE) {
        struct mapproc_gzi_entry entry = {get_u64(bytes), get_u64(bytes + 8)};

        if (!is_behind(index, entry.compressed, entry.raw))
            return refuse(file, "its offsets do not ascend", error);
        if (entry.compressed >= compressed_size)
            return refuse(file, "its offsets lead behind the end of the compressed file", error);
        index->entries[index->count++] = entry;
    }
    return MAPPROC_OK;
}

static int read_entries(struct mapproc_gzi_index *index, const struct mapproc_source *file,
                        uint64_t compressed_size, struct mapproc_error *error)
{
    uint8_t bytes[AT_ONCE * ENTRY_SIZE];
    uint64_t offset = COUNT_SIZE;
    int result = MAPPROC_OK;

    while (index->count < index->capacity && result == MAPPROC_OK) {
        size_t part = index->capacity - index->count;

        if (part > AT_ONCE)
            part = AT_ONCE;
        result = mapproc_source_read_at(file, offset, bytes, part * ENTRY_SIZE, error);
        if (result == MAPPROC_OK)
            result = take_entries(index, bytes, part, file, compressed_size, error);
        offset += part * ENTRY_SIZE;
    }
    return result;
}

int mapproc_gzi_read(struct mapproc_gzi_index *index, const struct mapproc_source *file,
                     uint64_t compressed_size, struct mapproc_error *error)
{
    size_t count = 0;
    int result = read_count(file, &count, error);

    if (result != MAPPROC_OK || count == 0)
        return result;
    index->entries = malloc(count * sizeof(*index->entries));
    if (index->entries == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, 0, file->path,
                                 "not enough memory for the index");
    index->capacity = count;
    result = read_entries(index, file, compressed_size, error);
    if (result != MAPPROC_OK)
        mapproc_gzi_free(index);
    return result;
}

struct mapproc_gzi_entry mapproc_gzi_find(const struct mapproc_gzi_index *index, uint64_t raw,
                                          size_t *number)
{
    size_t low = 0, high = index->count; /* the entry is one of low to high */

    while (low < high) {
        size_t middle = high - (high - low) / 2;

        if (mapproc_gzi_entry_at(index, middle).raw <= raw)
            low = middle;
        else
            high = middle - 1;
    }
    if (number != NULL)
        *number = low;
    return mapproc_gzi_entry_at(index, low);
}
