/* SPDX-License-Identifier: MIT */
/* text_sink.h - where the writers of formats send their text. */
#ifndef MAPPROC_FORMAT_TEXT_SINK_H
#define MAPPROC_FORMAT_TEXT_SINK_H

#include <stddef.h>

#include "mapproc.h"

struct mapproc_text_sink {
    /*
     * Takes all of the text, whole lines. Returns MAPPROC_OK, or fills *error (which may be NULL)
     * and returns a negative code, which then is what the writer returns.
     */
    int (*write)(void *user, const char *text, size_t length, struct mapproc_error *error);
    void *user;
};

#endif
