/* SPDX-License-Identifier: MIT */
/* input_options.c - the options of all verbs that take files, trees and lists of names. */
#include "cli/input_options.h"

#include "cli/inputs.h"
#include "cli/options.h"

static struct cli_input_options *inputs_of(void *settings)
{
    return ((struct cli_common *)settings)->inputs;
}

const char *cli_input_apply_recursive(void *settings, const char *value)
{
    (void)value;
    inputs_of(settings)->recursive = true;
    return NULL;
}

const char *cli_input_apply_exclude(void *settings, const char *value)
{
    struct cli_input_options *inputs = inputs_of(settings);

    if (inputs->exclude_count == CLI_EXCLUDES_MAX)
        return "is one pattern too many";
    inputs->excludes[inputs->exclude_count++] = value;
    return NULL;
}

const char *cli_input_apply_one_file_system(void *settings, const char *value)
{
    (void)value;
    inputs_of(settings)->one_file_system = true;
    return NULL;
}

const char *cli_input_apply_files_from(void *settings, const char *value)
{
    inputs_of(settings)->files_from = value;
    return NULL;
}

const char *cli_input_apply_null(void *settings, const char *value)
{
    (void)value;
    inputs_of(settings)->nul_separated = true;
    return NULL;
}
