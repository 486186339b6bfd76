/* SPDX-License-Identifier: MIT */
/* output.h - where results go, standard output or a file; the first error is told once. */
#ifndef MAPPROC_CLI_OUTPUT_H
#define MAPPROC_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Sends what is written from now on to the file `path`, which appears under its name, or replaces
 * what has it, only when the output is finished. `path` is borrowed until then. CLI_OK, or an exit
 * status after a message.
 */
int cli_output_open(const char *path);

/* Whether it goes to a terminal, which must not get names raw. */
bool cli_output_is_terminal(void);

/* As mapproc_atomic_file_replaces(); false for standard output. */
bool cli_output_replaces(const char *path);

/* As mapproc_atomic_file_is_at(), also for a file that standard output was redirected to, as long
 * as it has the name that it had at the first call. One thread at a time. */
bool cli_output_is_at(const char *path);

/* Writes `length` bytes, and with `flush` does not keep them waiting. False if that failed, now or
 * before. */
bool cli_output_write(const char *text, size_t length, bool flush);

/* Makes an error, an errno value, that of the output: what should have been written is lost. */
void cli_output_fail(int error);

/* The run has failed as a whole: what was written to a file is of no use, and the file's name keeps
 * leading to where it did. Does nothing to standard output. */
void cli_output_discard(void);

/* Writes what is still waiting. Returns `status`, or CLI_FAILED after telling what went wrong with
 * any write. To be called once, at the end. */
int cli_output_finish(int status);

#endif
