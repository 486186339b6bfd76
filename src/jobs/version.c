/* SPDX-License-Identifier: MIT */
/* version.c - the version of the library. */
#include "mapproc.h"

const char *mapproc_version(void)
{
    return MAPPROC_VERSION;
}
