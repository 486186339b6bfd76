/* SPDX-License-Identifier: MIT */
/* isal_version.h - the version of ISA-L that this was built with, as text. */
#ifndef MAPPROC_CODEC_ISAL_VERSION_H
#define MAPPROC_CODEC_ISAL_VERSION_H

#include <isa-l.h>

#define MAPPROC_TEXT_OF_VALUE(macro) #macro
#define MAPPROC_TEXT_OF(macro)       MAPPROC_TEXT_OF_VALUE(macro)

#define MAPPROC_ISAL_VERSION                                                                       \
    MAPPROC_TEXT_OF(ISAL_MAJOR_VERSION)                                                            \
    "." MAPPROC_TEXT_OF(ISAL_MINOR_VERSION) "." MAPPROC_TEXT_OF(ISAL_PATCH_VERSION)

#endif
