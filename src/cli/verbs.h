/* SPDX-License-Identifier: MIT */
/* verbs.h - the verbs of the program, each defined in its own cmd_*.c. */
#ifndef MAPPROC_CLI_VERBS_H
#define MAPPROC_CLI_VERBS_H

#include "cli/options.h"

extern const struct cli_verb cli_verb_bench;
extern const struct cli_verb cli_verb_cat;
extern const struct cli_verb cli_verb_checksum;
extern const struct cli_verb cli_verb_chunks;
extern const struct cli_verb cli_verb_compare;
extern const struct cli_verb cli_verb_compress;
extern const struct cli_verb cli_verb_decompress;
extern const struct cli_verb cli_verb_ctl;
extern const struct cli_verb cli_verb_info;
extern const struct cli_verb cli_verb_list;
extern const struct cli_verb cli_verb_verify;
extern const struct cli_verb cli_verb_watch;

#endif
