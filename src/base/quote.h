/* SPDX-License-Identifier: MIT */
/* quote.h - names of any bytes, made safe for a terminal and for a shell. */
#ifndef MAPPROC_BASE_QUOTE_H
#define MAPPROC_BASE_QUOTE_H

#include <stddef.h>

/*
 * Writes `name` as a shell word that prints on one line whatever its bytes: 'plain', and control
 * characters or bytes that are not UTF-8 as $'\033', the form GNU tools use in messages. Works like
 * snprintf: never writes more than `size` bytes (NUL included, cut at the end if it must) and
 * returns the length that the whole would have had, without the NUL.
 */
size_t mapproc_quote_name(const char *name, char *quoted, size_t size);

#endif
