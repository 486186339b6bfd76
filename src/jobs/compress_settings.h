/* SPDX-License-Identifier: MIT */
/* compress_settings.h - what the library's options for compressing come to. */
#ifndef MAPPROC_JOBS_COMPRESS_SETTINGS_H
#define MAPPROC_JOBS_COMPRESS_SETTINGS_H

#include "jobs/deflate_run.h"
#include "mapproc.h"

/*
 * Fills in *settings as `compress` says, which may be NULL; its chunker is not looked at.
 * MAPPROC_REFUSED for a level, a form or a codec that there is not.
 */
int mapproc_compress_settings_make(struct mapproc_deflate_settings *settings,
                                   const struct mapproc_compress_options *compress,
                                   struct mapproc_error *error);

#endif
