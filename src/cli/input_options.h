/* SPDX-License-Identifier: MIT */
/* input_options.h - the options of all verbs that take files, trees and lists of names. */
#ifndef MAPPROC_CLI_INPUT_OPTIONS_H
#define MAPPROC_CLI_INPUT_OPTIONS_H

/* For a verb's table of options. Each takes its value into what `inputs` of the struct cli_common
 * at the beginning of the settings points to, which the verb has set. */
const char *cli_input_apply_recursive(void *settings, const char *value);
const char *cli_input_apply_exclude(void *settings, const char *value);
const char *cli_input_apply_one_file_system(void *settings, const char *value);
const char *cli_input_apply_files_from(void *settings, const char *value);
const char *cli_input_apply_null(void *settings, const char *value);

#endif
