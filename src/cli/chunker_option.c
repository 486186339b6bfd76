/* SPDX-License-Identifier: MIT */
/* chunker_option.c - the option --chunker of the verbs that have it. */
#include "cli/chunker_option.h"

#include <stdio.h>
#include <string.h>

#include "mapproc.h"

const char *cli_chunker_apply(struct cli_chunker *chunker, const char *value)
{
    static struct mapproc_error error;

    if (strcmp(value, "help") == 0) {
        chunker->help = true;
        return NULL;
    }
    cli_chunker_close(chunker);
    return mapproc_chunking_open(&chunker->chunking, value, &error) == MAPPROC_OK ? NULL
                                                                                  : error.what;
}

const struct mapproc_chunking *cli_chunker_chosen(const struct cli_chunker *chunker)
{
    return chunker->chunking.chunker != NULL ? &chunker->chunking : NULL;
}

void cli_chunker_close(struct cli_chunker *chunker)
{
    if (chunker->chunking.chunker != NULL)
        mapproc_chunking_close(&chunker->chunking);
}

void cli_chunkers_print(void)
{
    const struct mapproc_chunker *chunker;

    (void)printf("Chunkers, for --chunker=NAME or --chunker=NAME:key=value,...\n");
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++) {
        const struct mapproc_chunker_option *option = chunker->options;

        (void)printf("\n  %-10s %s\n", chunker->name, chunker->summary);
        for (; option != NULL && option->name != NULL; option++)
            (void)printf("    %-8s %s\n", option->name, option->help);
    }
    (void)printf("\nNumbers may be sizes (64K) or hexadecimal (0x1e). A name with a slash is a "
                 "shared object that\nhas a chunker of its own: --chunker=./mine.so, see "
                 "mapproc/chunker.h.\n");
}
