/* SPDX-License-Identifier: MIT */
/* checklist.h - lines of the checklists that xxhsum -c and the GNU tools read.
 *
 *     <hex>  <name>            GNU form
 *     <TAG> (<name>) = <hex>   BSD form
 *
 * If the name has a backslash, newline or carriage return, these are written as \\, \n and \r and
 * the line begins with a backslash (coreutils manual, "cksum output modes"; xxhsum since 0.8.2).
 */
#ifndef MAPPROC_FORMAT_CHECKLIST_H
#define MAPPROC_FORMAT_CHECKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line's content. */
struct mapproc_checklist_entry {
    const char *name;
    const char *tag; /* "XXH128" */
    const uint8_t *digest;
    size_t digest_size; /* bytes */
    bool bsd_form;
    bool nul_ended; /* ends with a NUL and not with a newline, and then the name is as it is */
};

/*
 * Returns the line with its end and a NUL behind it, and its length without the NUL. The caller
 * frees it. NULL without memory.
 */
char *mapproc_checklist_line(const struct mapproc_checklist_entry *entry, size_t *length);

#endif
