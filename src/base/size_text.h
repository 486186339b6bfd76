/* SPDX-License-Identifier: MIT */
/* size_text.h - sizes and counts as people write and read them. */
#ifndef MAPPROC_BASE_SIZE_TEXT_H
#define MAPPROC_BASE_SIZE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads decimal digits and moves *text behind them. Returns false, and leaves both alone, if there
 * are none or their number does not fit 64 bits.
 */
bool mapproc_digits_parse(const char **text, uint64_t *number);

/*
 * Reads a size in bytes: decimal digits, then optionally K, M, G, T, P or E (powers of 1024; lower
 * case, and a following "iB" or "B", are accepted too). The whole text must be used. Returns false,
 * and leaves *size alone, if it is not such a size or does not fit 64 bits.
 */
bool mapproc_size_parse(const char *text, uint64_t *size);

/* Reads a plain decimal number from `least` to `most`, with nothing around it. */
bool mapproc_number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number);

enum { MAPPROC_SIZE_TEXT_MAX = 16 }; /* bytes that hold any formatted size, with its NUL */

/*
 * Writes a size for people: "999 B", "1.5 KiB", "4.0 GiB". Returns `text`, which holds at least
 * MAPPROC_SIZE_TEXT_MAX bytes.
 */
char *mapproc_size_format(uint64_t size, char *text);

#endif
