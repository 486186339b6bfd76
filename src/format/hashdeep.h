/* SPDX-License-Identifier: MIT */
/* hashdeep.h - lines of hashdeep's lists: headers that name columns, and rows of them. */
#ifndef MAPPROC_FORMAT_HASHDEEP_H
#define MAPPROC_FORMAT_HASHDEEP_H

#include "format/checklist_parse.h"

/*
 * Reads a line that begins with "%%%%". `text` ends with a NUL and holds no other. After a header
 * that is not known no rows are, until another one.
 */
enum mapproc_list_fault mapproc_hashdeep_header(struct mapproc_checklist_dialect *dialect,
                                                const char *text);

/*
 * Reads a row below the headers into *line: its size, digests and name. `name` has room for the
 * whole text. Names are not escaped in this form.
 */
enum mapproc_list_fault mapproc_hashdeep_row(const struct mapproc_checklist_dialect *dialect,
                                             const char *text, char *name,
                                             struct mapproc_checklist_line *line);

#endif
