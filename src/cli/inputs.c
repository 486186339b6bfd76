/* SPDX-License-Identifier: MIT */
/* inputs.c - the files that a command line names: operands, trees, lists of names. */
#include "cli/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/message.h"
#include "cli/output.h"

static const char *const standard_input[] = {"-"};
static const char *const here[] = {"."};

int cli_inputs_open(struct cli_inputs *inputs, const struct cli_input_options *options,
                    const char *verb, const char *const *operands, size_t count, bool verbose,
                    int cancel_fd)
{
    const struct mapproc_walk_options walk_options = {
        .excludes = options->excludes,
        .exclude_count = options->exclude_count,
        .one_file_system = options->one_file_system,
    };
    struct mapproc_error error;

    *inputs = (struct cli_inputs){
        .options = options, .operands = operands, .count = count, .verbose = verbose};
    if (!options->recursive && (options->exclude_count > 0 || options->one_file_system))
        return cli_print_usage_error(verb, options->exclude_count > 0 ? "--exclude" : "-x",
                                     "has a meaning only with -r");
    if (options->nul_separated && options->files_from == NULL)
        return cli_print_usage_error(verb, "-0", "has a meaning only with --files-from");
    if (options->files_from != NULL && count > 0)
        return cli_print_usage_error(verb, operands[0],
                                     "operands cannot be combined with --files-from");
    if (options->files_from != NULL) {
        inputs->list = mapproc_name_list_open(
            options->files_from, options->nul_separated ? '\0' : '\n', cancel_fd, &error);
        if (inputs->list == NULL)
            goto fail;
    } else if (count == 0) {
        inputs->operands = options->recursive ? here : standard_input;
        inputs->count = 1;
    }
    if (options->recursive) {
        inputs->walk = mapproc_walk_create(&walk_options, &error);
        if (inputs->walk == NULL)
            goto fail;
    }
    return CLI_OK;

fail:
    cli_inputs_close(inputs);
    cli_print_error(&error);
    return cli_status_from_code(error.code);
}

void cli_inputs_close(struct cli_inputs *inputs)
{
    mapproc_walk_destroy(inputs->walk);
    mapproc_name_list_close(inputs->list);
    inputs->walk = NULL;
    inputs->list = NULL;
}

/* Whether the output would replace this input, which then is told. */
static bool is_replaced(const char *path)
{
    struct mapproc_error error;

    if (!cli_output_replaces(path))
        return false;
    (void)mapproc_error_set(&error, MAPPROC_REFUSED, 0, path,
                            "is an input and would be replaced by the output");
    cli_print_error(&error);
    return true;
}

int cli_inputs_check(const struct cli_inputs *inputs)
{
    for (size_t i = 0; inputs->list == NULL && i < inputs->count; i++)
        if (is_replaced(inputs->operands[i]))
            return CLI_USAGE;
    return CLI_OK;
}

/* The length of the part of an operand that a mirrored tree leaves out. */
static size_t left_out(const char *operand)
{
    const char *slash = strrchr(operand, '/');
    const char *last = slash != NULL ? slash + 1 : operand;

    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return strlen(operand);
    return (size_t)(last - operand);
}

/* The next name in the list. MAPPROC_OK with *entry filled, or a negative code. */
static int next_listed(struct cli_inputs *inputs, struct mapproc_entry *entry,
                       struct mapproc_error *error)
{
    int result = mapproc_name_list_next(inputs->list, entry, error);

    if (result != MAPPROC_OK || entry->kind != MAPPROC_ENTRY_FILE || !is_replaced(entry->path))
        return result;
    free(entry->path);
    *error = (struct mapproc_error){.code = MAPPROC_REFUSED};
    return error->code;
}

/* The next of what the user named. MAPPROC_OK with *entry filled, or a negative code. */
static int next_named(struct cli_inputs *inputs, struct mapproc_entry *entry,
                      struct mapproc_error *error)
{
    inputs->root = 0;
    if (inputs->list != NULL)
        return next_listed(inputs, entry, error);
    *entry = (struct mapproc_entry){.kind = MAPPROC_ENTRY_END};
    if (inputs->next == inputs->count)
        return MAPPROC_OK;
    entry->kind = MAPPROC_ENTRY_FILE;
    entry->path = strdup(inputs->operands[inputs->next]);
    if (entry->path == NULL)
        return mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot keep a file name");
    inputs->root = left_out(entry->path);
    inputs->next++;
    return MAPPROC_OK;
}

/* The next in the tree that is being walked or, when that ends, in the tree of the next name. */
static int next_walked(struct cli_inputs *inputs, struct mapproc_entry *entry,
                       struct mapproc_error *error)
{
    for (;;) {
        int result = mapproc_walk_next(inputs->walk, entry, error);

        if (result != MAPPROC_OK || entry->kind != MAPPROC_ENTRY_END)
            return result;
        result = next_named(inputs, entry, error);
        if (result != MAPPROC_OK || entry->kind != MAPPROC_ENTRY_FILE)
            return result;
        result = mapproc_walk_add_root(inputs->walk, entry->path, error);
        free(entry->path);
        if (result != MAPPROC_OK)
            return result;
    }
}

int cli_inputs_next(struct cli_inputs *inputs, struct mapproc_entry *entry,
                    struct mapproc_error *error)
{
    for (;;) {
        int result = inputs->walk != NULL ? next_walked(inputs, entry, error)
                                          : next_named(inputs, entry, error);
        const char *note;

        if (result != MAPPROC_OK)
            return result;
        if (entry->kind == MAPPROC_ENTRY_END)
            return 0;
        inputs->mirrored = inputs->root;
        while (entry->path != NULL && entry->path[inputs->mirrored] == '/')
            inputs->mirrored++;
        if (entry->kind == MAPPROC_ENTRY_FILE && inputs->walk != NULL &&
            cli_output_is_at(entry->path))
            note = "is the output";
        else if (entry->kind == MAPPROC_ENTRY_SKIPPED)
            note = mapproc_skip_text(entry->skip);
        else
            return 1;
        if (inputs->verbose)
            cli_print_note(entry->path, note);
        free(entry->path);
    }
}
