/* SPDX-License-Identifier: MIT */
/* checksum_output.h - results of mapproc checksum, in each of the forms that they can have. */
#ifndef MAPPROC_CLI_CHECKSUM_OUTPUT_H
#define MAPPROC_CLI_CHECKSUM_OUTPUT_H

#include <stdbool.h>

#include "format/manifest.h"
#include "jobs/digest_run.h"

struct cli_checksum_output {
    /* Chosen by the options. */
    bool tag;
    bool nul_ended;
    bool json;
    bool manifest;
    uint64_t piece_size; /* of a manifest, as in struct mapproc_digest_order */

    /* The rest is private. */
    const struct mapproc_digest *const *digests;
    size_t digest_count;
    bool to_terminal;
    struct mapproc_manifest_writer writer;
};

/* Begins the output of these digests, which stay borrowed. CLI_OK or an exit status after
 * a message. */
int cli_checksum_output_begin(struct cli_checksum_output *output,
                              const struct mapproc_digest *const *digests, size_t digest_count);

/* Puts out one result; of an error, what the form has a place for. MAPPROC_OK, or a negative code
 * if the output has failed, which is told when it is finished. */
int cli_checksum_output_add(struct cli_checksum_output *output,
                            const struct mapproc_digest_result *result);

/* Ends the output. `complete`: the run came to its end. */
void cli_checksum_output_end(struct cli_checksum_output *output, bool complete);

#endif
