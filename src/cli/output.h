/* SPDX-License-Identifier: MIT */
/* output.h - standard output, whose first error is remembered and told once. */
#ifndef MAPPROC_CLI_OUTPUT_H
#define MAPPROC_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes `length` bytes, and with `flush` does not keep them waiting. False if that failed, now or
 * before. */
bool cli_output_write(const char *text, size_t length, bool flush);

/* Makes an error, an errno value, that of the output: what should have been written is lost. */
void cli_output_fail(int error);

/* Writes what is still waiting. Returns `status`, or CLI_FAILED after telling what went wrong with
 * any write. To be called once, at the end. */
int cli_output_finish(int status);

#endif
