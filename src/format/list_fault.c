/* SPDX-License-Identifier: MIT */
/* list_fault.c - what can be wrong with a line of a checklist or manifest. */
#include "format/list_fault.h"

#include <stddef.h>

static const char *const texts[] = {
    [MAPPROC_FAULT_NONE] = "nothing is wrong",
    [MAPPROC_FAULT_NUL] = "has a NUL byte",
    [MAPPROC_FAULT_TOO_LONG] = "is too long",
    [MAPPROC_FAULT_NO_DIGEST] = "has no digest in a known form",
    [MAPPROC_FAULT_DIGEST] = "has a digest of impossible digits or length",
    [MAPPROC_FAULT_NO_NAME] = "has no file name",
    [MAPPROC_FAULT_ESCAPE] = "has a file name with a wrong escape",
    [MAPPROC_FAULT_MIXED] = "has not as many spaces as the lines above it",
    [MAPPROC_FAULT_HEADER] = "is a hashdeep header of an unknown kind",
    [MAPPROC_FAULT_ROW] = "does not have the columns of the hashdeep header",
    [MAPPROC_FAULT_PIECE_ROW] = "is about a piece of a file (hashdeep -p)",
    [MAPPROC_FAULT_NO_HEADER] = "belongs to a manifest whose first line is missing",
    [MAPPROC_FAULT_VERSION] = "begins a manifest of an unknown version",
    [MAPPROC_FAULT_FIELDS] = "is a malformed line of a manifest",
    [MAPPROC_FAULT_PIECES] = "belongs to piece digests that do not cover the file",
    [MAPPROC_FAULT_TOO_MANY_PIECES] = "is about a file of too many pieces",
    [MAPPROC_FAULT_UNFINISHED] = "is about a file whose digest line is missing",
    [MAPPROC_FAULT_CUT] = "begins a manifest whose end is missing",
    [MAPPROC_FAULT_ALTERED] = "ends a manifest that was altered",
};

const char *mapproc_list_fault_text(enum mapproc_list_fault fault)
{
    size_t index = (size_t)fault;

    return index < sizeof(texts) / sizeof(texts[0]) ? texts[index] : "is bad";
}
