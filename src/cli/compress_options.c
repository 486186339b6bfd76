/* SPDX-License-Identifier: MIT */
/* compress_options.c - the options of mapproc compress. */
#include "cli/compress_options.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size_text.h"
#include "cli/input_options.h"
#include "cli/json.h"
#include "cli/message.h"

enum { NAMES_TEXT_MAX = 256 }; /* bytes of text that lists codecs */

static const char *apply_level(void *settings, const char *value)
{
    uint64_t level;

    if (!mapproc_number_parse(value, 0, MAPPROC_LEVEL_MAX, &level))
        return "must be from -0 to -12";
    ((struct cli_compress_settings *)settings)->deflate.level = (int)level;
    return NULL;
}

static const char *apply_codec(void *settings, const char *value)
{
    static char wrong[NAMES_TEXT_MAX];
    const struct mapproc_codec *codec = mapproc_codec_find(value);
    size_t length = 0;

    ((struct cli_compress_settings *)settings)->deflate.codec = codec;
    if (codec != NULL)
        return NULL;
    for (size_t i = 0; (codec = mapproc_codec_at(i)) != NULL && length < sizeof(wrong); i++)
        length += (size_t)snprintf(wrong + length, sizeof(wrong) - length, "%s%s",
                                   i == 0 ? "is no codec here: there are "
                                   : mapproc_codec_at(i + 1) != NULL ? ", "
                                                                     : " and ",
                                   codec->name);
    return wrong;
}

static const char *apply_format(void *settings, const char *value)
{
    struct cli_compress_settings *mine = settings;

    if (strcmp(value, "gzip") != 0 && strcmp(value, "bgzf") != 0)
        return "must be gzip or bgzf";
    mine->deflate.form = value[0] == 'b' ? MAPPROC_FORM_BGZF : MAPPROC_FORM_GZIP;
    return NULL;
}

static const char *apply_chunker(void *settings, const char *value)
{
    return cli_chunker_apply(&((struct cli_compress_settings *)settings)->chunker, value);
}

static const char *apply_stdout(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->targets.to_stdout = true;
    return NULL;
}

static const char *apply_output(void *settings, const char *value)
{
    if (strcmp(value, "-") == 0)
        return apply_stdout(settings, value);
    ((struct cli_compress_settings *)settings)->targets.output = value;
    return *value != '\0' ? NULL : "is no name";
}

static const char *apply_force(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->deflate.force = true;
    return NULL;
}

static const char *apply_rm(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->deflate.remove = true;
    return NULL;
}

static const char *apply_keep(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->deflate.remove = false;
    return NULL;
}

static const char *apply_index(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->targets.index = true;
    return NULL;
}

static const char *apply_manifest(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->targets.manifest = true;
    return NULL;
}

static const char *apply_verify(void *settings, const char *value)
{
    (void)value;
    ((struct cli_compress_settings *)settings)->deflate.verify = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct cli_compress_settings *)settings)->json);
}

static const char *apply_chunk_size(void *settings, const char *value)
{
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size < 1024 || size > 1 << 30)
        return "must be a size from 1K to 1G";
    ((struct cli_compress_settings *)settings)->common.job.chunk_size = (size_t)size;
    return NULL;
}

const struct cli_option cli_compress_options[] = {
    {"-0 ... -12", CLI_NUMBER, NULL, "level: 0 stores, 1 is fastest, 12 smallest (default 6)",
     apply_level},
    {"codec", '\0', "NAME", "zlib, libdeflate or isal (default: the best for the level)",
     apply_codec},
    {"format", '\0', "NAME", "gzip, or bgzf for samtools, tabix and such (default gzip)",
     apply_format},
    {"chunk-size", '\0', "SIZE",
     "bytes per gzip member, 1K to 1G (default 3840K); decides on what the output is",
     apply_chunk_size},
    {"chunker", '\0', CLI_CHUNKER_ARGUMENT, CLI_CHUNKER_HELP, apply_chunker},
    {"output", 'o', "PATH",
     "write to PATH: a file, - (as -c), or a directory for a tree or several FILEs", apply_output},
    {"stdout", 'c', NULL, "write to standard output", apply_stdout},
    {"force", 'f', NULL,
     "replace files; take links, devices, compressed files; write to a terminal", apply_force},
    {"rm", '\0', NULL, "remove each FILE once its output is verified and on the disk", apply_rm},
    {"keep", 'k', NULL, "keep each FILE (the default): undoes --rm", apply_keep},
    {"index", '\0', NULL, "also write PATH.gzi, with which any slice is found at once",
     apply_index},
    {"manifest", '\0', NULL, "also write PATH.manifest, with the digests of FILE, for verify",
     apply_manifest},
    {"verify", '\0', NULL, "inflate all that was compressed again, before it is written",
     apply_verify},
    {"json", '\0', NULL, "print one JSON object a file", apply_json},
    {"recursive", 'r', NULL, "take all files below directories", cli_input_apply_recursive},
    {"exclude", '\0', "GLOB", "leave out what matches, below directories", cli_input_apply_exclude},
    {"one-file-system", 'x', NULL, "stay on the file system of each directory named",
     cli_input_apply_one_file_system},
    {"files-from", '\0', "LIST", "take the names in LIST, one a line; - is standard input",
     cli_input_apply_files_from},
    {"null", '\0', NULL, "names in LIST end with NUL", cli_input_apply_null},
    {NULL, '\0', NULL, NULL, NULL},
};

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int cli_compress_options_check(struct cli_compress_settings *settings, size_t operands)
{
    struct cli_compress_targets *targets = &settings->targets;
    const char *output = targets->output;
    bool several = operands > 1 || settings->inputs.files_from != NULL;

    if (targets->to_stdout && output != NULL)
        return cli_print_usage_error("compress", "-c", "cannot be combined with -o");
    if (targets->to_stdout && settings->deflate.remove)
        return cli_print_usage_error("compress", "--rm", "cannot be combined with -c");
    if (targets->to_stdout && (targets->index || targets->manifest || settings->json))
        return cli_print_usage_error("compress", "-c",
                                     "cannot be combined with --index, --manifest or --json");
    if (output != NULL) {
        targets->is_directory = several || settings->inputs.recursive || is_directory(output) ||
                                output[strlen(output) - 1] == '/';
        targets->once = targets->is_directory && several;
    }
    settings->deflate.digest = settings->json || targets->manifest;
    return CLI_OK;
}
