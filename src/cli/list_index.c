/* SPDX-License-Identifier: MIT */
/* list_index.c - whether the index beside a file has all of its members. */
#include "cli/list_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_list_index_open(struct cli_list_index_check *check, const char *path, uint64_t size)
{
    struct mapproc_source source;
    char *name;

    *check = (struct cli_list_index_check){0};
    mapproc_gzi_init(&check->index);
    if (strcmp(path, "-") == 0)
        return;
    if (asprintf(&name, "%s.gzi", path) < 0)
        return; /* as if there were none */
    check->there = access(name, F_OK) == 0;
    if (check->there) {
        check->wrong = mapproc_source_open_regular(&source, name, NULL) != MAPPROC_OK ||
                       mapproc_gzi_read(&check->index, &source, size, NULL) != MAPPROC_OK;
        mapproc_source_close(&source);
    }
    free(name);
}

void cli_list_index_take(struct cli_list_index_check *check, const struct mapproc_member *member)
{
    const struct mapproc_gzi_index *index = &check->index;

    if (!check->there || check->wrong)
        return;
    if (check->next < index->count && index->entries[check->next].compressed == member->offset) {
        check->wrong = index->entries[check->next].raw != member->raw_offset;
        check->next++;
    } else {
        check->wrong = member->offset != 0 && member->raw_size > 0;
    }
}

bool cli_list_index_close(struct cli_list_index_check *check)
{
    bool good = check->there && !check->wrong && check->next == check->index.count;

    mapproc_gzi_free(&check->index);
    return good;
}
