/* SPDX-License-Identifier: MIT */
/* list_index.h - whether the index beside a file has all of its members. */
#ifndef MAPPROC_CLI_LIST_INDEX_H
#define MAPPROC_CLI_LIST_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "format/gzi_index.h"
#include "jobs/member_walk.h"

/* An index held against the members as they come. */
struct cli_list_index_check {
    struct mapproc_gzi_index index;
    size_t next; /* entry that the next member may be */
    bool there;
    bool wrong;
};

/* Reads PATH.gzi, if there is such a file. */
void cli_list_index_open(struct cli_list_index_check *check, const char *path, uint64_t size);
void cli_list_index_take(struct cli_list_index_check *check, const struct mapproc_member *member);
/* Whether it is the index of a file with just these members. Frees it. */
bool cli_list_index_close(struct cli_list_index_check *check);

#endif
