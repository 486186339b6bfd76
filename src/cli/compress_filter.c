/* SPDX-License-Identifier: MIT */
/* compress_filter.c - which files compress does not take unless it is told to. */
#include "cli/compress_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/compressed_names.h"
#include "cli/message.h"

bool cli_compress_filter_skips(struct cli_compress_filter *filter, const char *path)
{
    const struct cli_compress_settings *settings = filter->settings;
    bool in_tree = settings->inputs.recursive;
    bool explicit = settings->targets.to_stdout || strcmp(path, "-") == 0 ||
                    (settings->targets.output != NULL && !settings->targets.is_directory);
    const char *suffix = cli_compressed_suffix(path);
    char text[64];

    if (in_tree && cli_is_temporary_name(path)) {
        if (settings->common.verbose)
            cli_print_note(path, "is an output that is not complete: skipped");
        return true;
    }
    /* In trees even -f does not take them, or the outputs of the last time would be among them. */
    if (suffix == NULL || (!in_tree && (explicit || settings->deflate.force)))
        return false;
    filter->skipped += in_tree;
    if (in_tree && !settings->common.verbose)
        return true;
    (void)snprintf(text, sizeof(text), "is compressed, as %s says: skipped%s", suffix,
                   in_tree ? "" : " (-f takes it)");
    cli_print_note(path, text);
    return true;
}

int cli_compress_filter_check(const struct cli_compress_filter *filter, const char *path,
                              struct mapproc_error *error)
{
    const struct cli_compress_settings *settings = filter->settings;
    struct stat status;
    const char *what;

    if (settings->deflate.force || settings->targets.to_stdout || strcmp(path, "-") == 0 ||
        lstat(path, &status) != 0 || S_ISREG(status.st_mode)) /* what is wrong is told later */
        return MAPPROC_OK;
    what = S_ISLNK(status.st_mode)   ? "is a symbolic link: -f follows it"
           : S_ISDIR(status.st_mode) ? "is a directory: -r takes what is in it"
                                     : "is no regular file: -c or -f reads it";
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, path, "%s", what);
}

void cli_compress_filter_end(const struct cli_compress_filter *filter)
{
    char text[96];

    if (filter->skipped == 0 || filter->settings->common.verbose)
        return;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s skipped, as their names say: -v tells which",
                   filter->skipped,
                   filter->skipped == 1 ? "compressed file was" : "compressed files were");
    cli_print_note(NULL, text);
}
