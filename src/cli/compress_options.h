/* SPDX-License-Identifier: MIT */
/* compress_options.h - the options of mapproc compress. */
#ifndef MAPPROC_CLI_COMPRESS_OPTIONS_H
#define MAPPROC_CLI_COMPRESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/chunker_option.h"
#include "cli/compress_targets.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "jobs/deflate_run.h"

struct cli_compress_settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct mapproc_deflate_settings deflate;
    struct cli_compress_targets targets;
    struct cli_input_options inputs;
    struct cli_chunker chunker;
    bool json;
};

extern const struct cli_option cli_compress_options[];

/* Finds out, with all options read, what -o names and what does not go together. CLI_OK, or
 * CLI_USAGE after a message. */
int cli_compress_options_check(struct cli_compress_settings *settings, size_t operands);

#endif
