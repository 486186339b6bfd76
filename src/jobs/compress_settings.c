/* SPDX-License-Identifier: MIT */
/* compress_settings.c - what the library's options for compressing come to. */
#include "jobs/compress_settings.h"

#include "base/error.h"
#include "jobs/library_call.h"

static int refuse(struct mapproc_error *error, const char *what)
{
    return mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL, "%s", what);
}

static int choose_level(int wanted, int *level, struct mapproc_error *error)
{
    if (wanted < MAPPROC_LEVEL_STORE || wanted > MAPPROC_LEVEL_MAX)
        return refuse(error, "the level must be from 1 to 12, 0 or MAPPROC_LEVEL_STORE");
    if (wanted == 0)
        *level = MAPPROC_LEVEL_DEFAULT;
    else
        *level = wanted == MAPPROC_LEVEL_STORE ? 0 : wanted;
    return MAPPROC_OK;
}

int mapproc_compress_settings_make(struct mapproc_deflate_settings *settings,
                                   const struct mapproc_compress_options *compress,
                                   struct mapproc_error *error)
{
    static const struct mapproc_compress_options defaults;
    int result;

    if (compress == NULL)
        compress = &defaults;
    *settings = (struct mapproc_deflate_settings){
        .form = compress->form,
        .verify = compress->verify != 0,
        .force = compress->force != 0,
        .remove = compress->remove_input != 0,
        .digest = compress->manifest_path != NULL,
    };
    if ((unsigned)compress->form > MAPPROC_FORM_BGZF)
        return refuse(error, "there is no such form of members");
    result = choose_level(compress->level, &settings->level, error);
    if (result != MAPPROC_OK)
        return result;
    if (compress->codec != NULL) {
        settings->codec = mapproc_codec_find(compress->codec);
        if (settings->codec == NULL)
            return refuse(error, "there is no such codec here");
    }
    return mapproc_library_check_reserved(
        compress->reserved, sizeof(compress->reserved) / sizeof(compress->reserved[0]), error);
}
