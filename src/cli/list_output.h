/* SPDX-License-Identifier: MIT */
/* list_output.h - what mapproc list prints: tables for people, or JSON. */
#ifndef MAPPROC_CLI_LIST_OUTPUT_H
#define MAPPROC_CLI_LIST_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/member_walk.h"

enum cli_list_index {
    CLI_LIST_INDEX_NONE,
    CLI_LIST_INDEX_GOOD,  /* it has every member with data, each at its place */
    CLI_LIST_INDEX_WRONG, /* it is of another file, or no index */
};

enum cli_list_check {
    CLI_LIST_NOT_CHECKED,
    CLI_LIST_CHECK_GOOD,
    CLI_LIST_CHECK_BAD,
};

/* What was found out about a file. */
struct cli_list_file {
    const char *path;
    struct mapproc_member_summary summary;
    enum cli_list_index index;
    enum cli_list_check check;
    const struct mapproc_error *error; /* NULL if all is well */
};

/* One user at a time. */
struct cli_list_output {
    bool json;
    bool verbose; /* a line a member */
    bool check;   /* a column for it */
    bool begun;   /* the table's head has been printed */
    bool in_file; /* the head of the members has been printed */
    uint64_t files;
    struct mapproc_member_summary total;
};

/* Prints a member, if it is `verbose`. False if the output failed. */
bool cli_list_output_member(struct cli_list_output *output, const char *path,
                            const struct mapproc_member *member);

/* Prints a file: of a table a row, if the file was seen whole. False if the output failed. */
bool cli_list_output_file(struct cli_list_output *output, const struct cli_list_file *file);

/* Prints the sums of several files. False if the output failed. */
bool cli_list_output_end(struct cli_list_output *output);

#endif
