/* SPDX-License-Identifier: MIT */
/* cmd_list.c - mapproc list: what is in gzip files of any kind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/decompress_targets.h"
#include "cli/input_options.h"
#include "cli/inputs.h"
#include "cli/json.h"
#include "cli/list_index.h"
#include "cli/list_output.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "jobs/inflate_run.h"
#include "pipeline/cancel.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct cli_input_options inputs;
    bool check;
    bool json;
};

/* A run of the verb. */
struct run {
    struct settings *settings;
    struct cli_inputs inputs;
    struct cli_list_output output;
    int wake_fd;
    int status; /* the highest of all files */
};

/* ---- options ---- */

static const char *apply_check(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->check = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->json);
}

static const struct cli_option options[] = {
    {"check", '\0', NULL, "inflate everything and check every CRC", apply_check},
    {"json", '\0', NULL, "print one JSON object a file, with -v also one a member", apply_json},
    {"recursive", 'r', NULL, "take all compressed files below directories",
     cli_input_apply_recursive},
    {"exclude", '\0', "GLOB", "leave out what matches, below directories", cli_input_apply_exclude},
    {"one-file-system", 'x', NULL, "stay on the file system of each directory named",
     cli_input_apply_one_file_system},
    {"files-from", '\0', "LIST", "take the names in LIST, one a line; - is standard input",
     cli_input_apply_files_from},
    {"null", '\0', NULL, "names in LIST end with NUL", cli_input_apply_null},
    {NULL, '\0', NULL, NULL, NULL},
};

/* ---- the check of a whole file ---- */

struct check {
    const char *path;
    struct mapproc_error *error;
    bool ordered;
    int result;
};

static int next_order(void *user, struct mapproc_inflate_order *order, struct mapproc_error *error)
{
    struct check *check = user;

    (void)error;
    if (check->ordered)
        return 0;
    check->ordered = true;
    *order = (struct mapproc_inflate_order){
        .path = check->path, .reach = MAPPROC_REACH_ALL, .test_only = true, .length = UINT64_MAX};
    return 1;
}

static int report(void *user, const struct mapproc_inflate_outcome *outcome)
{
    struct check *check = user;

    if (outcome->error != NULL) {
        *check->error = *outcome->error;
        check->result = outcome->error->code;
    }
    return MAPPROC_OK;
}

static void drop(void *user, const struct mapproc_inflate_order *order)
{
    (void)user;
    (void)order;
}

/* Inflates all of it on all cores. */
static int check_file(const struct run *run, const char *path, struct mapproc_error *error)
{
    struct check check = {.path = path, .error = error};
    const struct mapproc_inflate_client client = {
        .user = &check, .next = next_order, .report = report, .drop = drop};
    int result = mapproc_inflate_run(&client, &run->settings->common.job, error);

    return result != MAPPROC_OK ? result : check.result;
}

/* ---- one file ---- */

/* What the walk through a file gives its members to. */
struct listing {
    struct run *run;
    const char *path;
    struct cli_list_index_check index;
};

static int take_member(void *user, const struct mapproc_member *member, struct mapproc_error *error)
{
    struct listing *listing = user;

    cli_list_index_take(&listing->index, member);
    if (cli_list_output_member(&listing->run->output, listing->path, member))
        return MAPPROC_OK;
    (void)mapproc_error_set(error, MAPPROC_FAILED, 0, NULL, "%s", ""); /* is told at the end */
    return MAPPROC_FAILED;
}

/* What a walk that ended with `result` says about the data. */
static enum cli_list_check find_check(const struct run *run, const struct cli_list_file *file,
                                      int result)
{
    if (result == MAPPROC_OK && file->summary.not_inflated == 0)
        return CLI_LIST_CHECK_GOOD;
    if (result == MAPPROC_BAD_DATA && run->settings->check && !file->summary.whole)
        return CLI_LIST_CHECK_BAD;
    return CLI_LIST_NOT_CHECKED;
}

/* Finds out all about a file. */
static int look_at(struct run *run, struct cli_list_file *file, struct mapproc_error *error)
{
    struct listing listing = {.run = run, .path = file->path};
    struct mapproc_source source;
    int result = mapproc_source_open(&source, file->path, error);
    bool inflate_all;

    if (result == MAPPROC_OK) {
        /* What cannot be opened a second time is checked at once. */
        inflate_all = run->settings->check && !source.owns_fd;
        cli_list_index_open(&listing.index, file->path, source.size);
        result = mapproc_member_walk(&source, run->wake_fd, inflate_all, take_member, &listing,
                                     &file->summary, error);
        if (cli_list_index_close(&listing.index))
            file->index = CLI_LIST_INDEX_GOOD;
        else if (listing.index.there)
            file->index = CLI_LIST_INDEX_WRONG;
    }
    mapproc_source_close(&source);
    file->check = find_check(run, file, result);
    if (result == MAPPROC_OK && run->settings->check && file->check == CLI_LIST_NOT_CHECKED) {
        result = check_file(run, file->path, error);
        if (result == MAPPROC_OK || result == MAPPROC_BAD_DATA)
            file->check = result == MAPPROC_OK ? CLI_LIST_CHECK_GOOD : CLI_LIST_CHECK_BAD;
    }
    return result;
}

/* Lists a file, or tells why it cannot be. False if there is no going on. */
static bool list_entry(struct run *run, const struct mapproc_entry *entry)
{
    struct mapproc_error error = entry->error;
    struct cli_list_file file = {.path = entry->path};
    int result = entry->kind == MAPPROC_ENTRY_ERROR ? error.code : look_at(run, &file, &error);

    if (result == MAPPROC_CANCELLED)
        return false;
    if (result != MAPPROC_OK) {
        int status = cli_status_from_code(result);

        if (error.what[0] == '\0')
            return false;
        if (status > run->status)
            run->status = status;
        file.error = &error;
        cli_print_error(&error);
    }
    return cli_list_output_file(&run->output, &file);
}

/* ---- the run ---- */

/* The next input that is not skipped. As cli_inputs_next(). */
static int next_input(struct run *run, struct mapproc_entry *entry, struct mapproc_error *error)
{
    for (;;) {
        int result = cli_inputs_next(&run->inputs, entry, error);

        if (result <= 0 || entry->kind == MAPPROC_ENTRY_ERROR || run->inputs.walk == NULL ||
            cli_decompress_has_suffix(entry->path))
            return result;
        free(entry->path);
    }
}

static int list_inputs(struct run *run)
{
    struct mapproc_error error;
    struct mapproc_entry entry;
    bool good = true;
    int result = 0;

    while (good && (result = next_input(run, &entry, &error)) > 0) {
        good = list_entry(run, &entry);
        free(entry.path);
    }
    cli_signals_die_if_cancelled();
    if (result < 0) {
        if (error.what[0] != '\0')
            cli_print_error(&error);
        return cli_status_from_code(result);
    }
    if (good)
        (void)cli_list_output_end(&run->output);
    return run->status;
}

static void note(void *user, const char *path, const char *text)
{
    (void)user;
    cli_print_note(path, text);
}

static int run_verb(int argc, char **argv)
{
    struct settings settings = {.common.inputs = &settings.inputs};
    struct run run = {.settings = &settings};
    int operands;
    int status = cli_parse_options(&cli_verb_list, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_list);
        return CLI_OK;
    }
    run.output = (struct cli_list_output){
        .json = settings.json, .verbose = settings.common.verbose, .check = settings.check};
    settings.common.job.note = settings.common.verbose ? note : NULL;
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.common.job.cancel == NULL) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    run.wake_fd = mapproc_cancel_fd(settings.common.job.cancel);
    status =
        cli_inputs_open(&run.inputs, &settings.inputs, "list", (const char *const *)argv + operands,
                        (size_t)(argc - operands), settings.common.verbose, run.wake_fd);
    if (status != CLI_OK)
        return status;
    status = list_inputs(&run);
    cli_inputs_close(&run.inputs);
    return status;
}

const struct cli_verb cli_verb_list = {
    .name = "list",
    .operands = "[FILE]...",
    .summary = "Tell what is in each FILE.gz: members, sizes, index, end mark.",
    .details =
        "Sizes are in bytes and right for any number of members and any size. Members that tell\n"
        "their sizes (of mapproc, bgzip, pgzip, crabz, MiGz) are not inflated: their word is "
        "taken\n"
        "unless --check is given. All others are inflated, and checked in passing. With -v there\n"
        "is a line a member.\n"
        "\n"
        "Format is ig (mapproc, pgzip, crabz), mz (MiGz), bgzf, gzip (all others), or mixed. "
        "Index\n"
        "tells about FILE.gzi: good if it has each member with data at its place, else wrong. End\n"
        "mark: files of mapproc and bgzip must end with one, or they may have been cut short.\n"
        "Ratio is raw size to compressed size.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is corrupt, cut short, not gzip or missing, 2 wrong\n"
        "usage or refused, 3 the machine failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
