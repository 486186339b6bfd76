/* SPDX-License-Identifier: MIT */
/* chunk_set.c - digests of chunks that were seen, with a number each, in bounded memory.
 *
 * A hash table with linear probing, at most three quarters full. The place of a digest depends on
 * keys drawn at random, so that no file can be made to fill one corner of the table.
 */
#include "jobs/chunk_set.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "jobs/chunk_run.h"

enum { CAPACITY_LEAST = 1024 };

#define EMPTY UINT64_MAX

struct mapproc_chunk_entry {
    uint64_t digest[2];
    uint64_t number; /* EMPTY: there is none here */
};

void mapproc_chunk_set_init(struct mapproc_chunk_set *set, uint64_t memory)
{
    *set = (struct mapproc_chunk_set){.memory = memory};
    if (getrandom(set->keys, sizeof(set->keys), GRND_NONBLOCK) != (ssize_t)sizeof(set->keys)) {
        set->keys[0] = (uint64_t)time(NULL) * UINT64_C(0x9e3779b97f4a7c15);
        set->keys[1] = (uint64_t)(uintptr_t)set * UINT64_C(0xbf58476d1ce4e5b9);
    }
}

void mapproc_chunk_set_free(struct mapproc_chunk_set *set)
{
    free(set->entries);
    *set = (struct mapproc_chunk_set){.memory = 0};
}

/* The largest capacity that a set may grow to: while it does, half as much is there as well. */
static uint64_t most_capacity(uint64_t memory)
{
    uint64_t capacity = CAPACITY_LEAST;

    while (capacity * 3 * sizeof(struct mapproc_chunk_entry) <= memory)
        capacity *= 2;
    return capacity;
}

uint64_t mapproc_chunk_set_room(uint64_t memory)
{
    return most_capacity(memory) / 4 * 3;
}

/* The place of a digest, or the empty one that it would have. There is one. */
static size_t find_place(const struct mapproc_chunk_set *set, const uint64_t digest[2])
{
    uint64_t mixed = (digest[0] ^ set->keys[0]) * (set->keys[1] | 1);
    size_t place;

    mixed = (mixed ^ (mixed >> 32) ^ digest[1]) * (set->keys[0] | 1);
    place = (size_t)(mixed ^ (mixed >> 29)) & (set->capacity - 1);
    while (set->entries[place].number != EMPTY && (set->entries[place].digest[0] != digest[0] ||
                                                   set->entries[place].digest[1] != digest[1]))
        place = (place + 1) & (set->capacity - 1);
    return place;
}

/* False without memory, or if there may not be more. */
static bool grow(struct mapproc_chunk_set *set)
{
    struct mapproc_chunk_set larger = *set;

    larger.capacity = set->capacity != 0 ? 2 * set->capacity : CAPACITY_LEAST;
    if (larger.capacity > most_capacity(set->memory))
        return false;
    larger.entries = malloc(larger.capacity * sizeof(*larger.entries));
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < larger.capacity; i++)
        larger.entries[i].number = EMPTY;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->entries[i].number != EMPTY)
            larger.entries[find_place(&larger, set->entries[i].digest)] = set->entries[i];
    free(set->entries);
    *set = larger;
    return true;
}

enum mapproc_chunk_answer mapproc_chunk_set_add(struct mapproc_chunk_set *set,
                                                const uint8_t *digest, uint64_t number)
{
    struct mapproc_chunk_entry entry = {.number = number};
    bool full = set->count >= set->capacity / 4 * 3;
    size_t place;

    memcpy(entry.digest, digest, MAPPROC_CHUNK_DIGEST_SIZE);
    if (set->capacity != 0) {
        place = find_place(set, entry.digest);
        if (set->entries[place].number != EMPTY)
            return MAPPROC_CHUNK_FOUND;
    }
    if (full && !grow(set))
        return MAPPROC_CHUNK_NO_ROOM;
    set->entries[find_place(set, entry.digest)] = entry;
    set->count++;
    return MAPPROC_CHUNK_ADDED;
}

bool mapproc_chunk_set_find(const struct mapproc_chunk_set *set, const uint8_t *digest,
                            uint64_t *number)
{
    uint64_t words[2];
    size_t place;

    if (set->capacity == 0)
        return false;
    memcpy(words, digest, MAPPROC_CHUNK_DIGEST_SIZE);
    place = find_place(set, words);
    *number = set->entries[place].number;
    return *number != EMPTY;
}
