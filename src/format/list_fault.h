/* SPDX-License-Identifier: MIT */
/* list_fault.h - what can be wrong with a line of a checklist or manifest. */
#ifndef MAPPROC_FORMAT_LIST_FAULT_H
#define MAPPROC_FORMAT_LIST_FAULT_H

enum mapproc_list_fault {
    MAPPROC_FAULT_NONE,

    /* Of a line, whatever the list: what the GNU tools call improperly formatted. */
    MAPPROC_FAULT_NUL,       /* a NUL byte in it */
    MAPPROC_FAULT_TOO_LONG,  /* longer than MAPPROC_LINE_MAX */
    MAPPROC_FAULT_NO_DIGEST, /* in no known form: neither digest nor tag where they should be */
    MAPPROC_FAULT_DIGEST,    /* the digest is not hexadecimal, or of an impossible length */
    MAPPROC_FAULT_NO_NAME,   /* the name is empty or missing */
    MAPPROC_FAULT_ESCAPE,    /* a backslash in an escaped name that escapes nothing */
    MAPPROC_FAULT_MIXED,     /* one space where the lines above have two, or the other way round */
    MAPPROC_FAULT_HEADER,    /* a header of hashdeep in a version or with columns not known */
    MAPPROC_FAULT_ROW,       /* not the columns that the header of hashdeep told */
    MAPPROC_FAULT_PIECE_ROW, /* hashdeep -p: about a piece of a file, not about the file */

    /* Of the comment lines that make a list a manifest. */
    MAPPROC_FAULT_NO_HEADER,       /* manifest lines that no manifest header stands above */
    MAPPROC_FAULT_VERSION,         /* a manifest of a version not known */
    MAPPROC_FAULT_FIELDS,          /* a manifest line that cannot be read */
    MAPPROC_FAULT_PIECES,          /* piece digests that do not cover the file piece by piece */
    MAPPROC_FAULT_TOO_MANY_PIECES, /* more than MAPPROC_PIECES_MAX */
    MAPPROC_FAULT_UNFINISHED,      /* a file's comment lines without its digest line */
    MAPPROC_FAULT_CUT,             /* the manifest's last line is missing */
    MAPPROC_FAULT_ALTERED,         /* the manifest's last line does not fit the lines above it */
};

/* One clause in English about the line. A constant string. */
const char *mapproc_list_fault_text(enum mapproc_list_fault fault);

#endif
