/* SPDX-License-Identifier: MIT */
/* output.c - standard output, whose first error is remembered and told once. */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>

#include "cli/message.h"
#include "cli/signals.h"

static int first_error; /* errno, or 0 */

bool cli_output_write(const char *text, size_t length, bool flush)
{
    if (first_error != 0)
        return false;
    errno = 0;
    if (fwrite(text, 1, length, stdout) != length || (flush && fflush(stdout) != 0))
        first_error = errno != 0 ? errno : EIO;
    return first_error == 0;
}

void cli_output_fail(int error)
{
    if (first_error == 0)
        first_error = error;
}

int cli_output_finish(int status)
{
    struct mapproc_error error = {.code = MAPPROC_FAILED, .what = "cannot write"};

    errno = 0;
    if (first_error == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        first_error = errno != 0 ? errno : EIO;
    if (first_error == 0)
        return status;
    cli_signals_die_if_cancelled(); /* a write that a signal has interrupted is no error */
    error.system_error = first_error;
    cli_print_error(&error);
    return CLI_FAILED;
}
