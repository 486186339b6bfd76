/* SPDX-License-Identifier: MIT */
/* taken_names.c - outputs of a run, no two of which may be the same. */
#include "cli/taken_names.h"

#include <stdbool.h>
#include <stdlib.h>

/* Moves on over slashes and "." components, which lead nowhere. */
static const char *skip_nothing(const char *name)
{
    for (;;) {
        if (name[0] == '/')
            name++;
        else if (name[0] == '.' && name[1] == '/')
            name += 2;
        else
            return name;
    }
}

/* FNV-1a, never zero, of the name without what leads nowhere. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    if (name[0] != '/')
        name = skip_nothing(name);
    while (*name != '\0') {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
        name = *name == '/' ? skip_nothing(name) : name + 1;
    }
    return hash != 0 ? hash : 1;
}

/* The place of a hash in a table, which is never full and has a power of two of places. */
static uint64_t *find_place(uint64_t *table, size_t room, uint64_t hash)
{
    size_t place = (size_t)hash & (room - 1);

    while (table[place] != 0 && table[place] != hash)
        place = (place + 1) & (room - 1);
    return &table[place];
}

static bool grow(struct cli_taken_names *names)
{
    size_t room = names->room > 0 ? 2 * names->room : 1024;
    uint64_t *table = calloc(room, sizeof(*table));

    if (table == NULL)
        return false;
    for (size_t i = 0; i < names->room; i++)
        if (names->table[i] != 0)
            *find_place(table, room, names->table[i]) = names->table[i];
    free(names->table);
    names->table = table;
    names->room = room;
    return true;
}

int cli_taken_names_add(struct cli_taken_names *names, const char *name)
{
    uint64_t hash = hash_name(name);
    uint64_t *place;

    if (names->count >= names->room / 2 && !grow(names))
        return -1;
    place = find_place(names->table, names->room, hash);
    if (*place == hash)
        return 0;
    *place = hash;
    names->count++;
    return 1;
}

void cli_taken_names_free(struct cli_taken_names *names)
{
    free(names->table);
    *names = (struct cli_taken_names){.table = NULL};
}
