/* SPDX-License-Identifier: MIT */
/* chunker_plugin.h - chunkers that come in shared objects of their own. */
#ifndef MAPPROC_PIPELINE_CHUNKER_PLUGIN_H
#define MAPPROC_PIPELINE_CHUNKER_PLUGIN_H

#include "chunkers/chunker.h"
#include "mapproc.h"

/*
 * Loads the shared object whose path are the first `length` bytes of `path`, which have a slash,
 * and looks over the chunker in it. *object gets what keeps it loaded, for the close.
 * MAPPROC_REFUSED, saying what is wrong with it; then nothing stays loaded. Thread-safe.
 */
int mapproc_chunker_plugin_open(const char *path, size_t length,
                                const struct mapproc_chunker **chunker, void **object,
                                struct mapproc_error *error);

/* NULL is allowed. */
void mapproc_chunker_plugin_close(void *object);

/* Looks over a chunker from elsewhere: MAPPROC_REFUSED, saying what is wrong with it. */
int mapproc_chunker_check(const struct mapproc_chunker *chunker, struct mapproc_error *error);

#endif
