/* SPDX-License-Identifier: MIT */
/* hex.h - bytes as hexadecimal digits. */
#ifndef MAPPROC_BASE_HEX_H
#define MAPPROC_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * count lower-case digits, without a NUL, and returns the place behind them. */
char *mapproc_hex_format(const uint8_t *bytes, size_t count, char *text);

/* How many hexadecimal digits of either case `text`, which ends with a NUL, begins with. */
size_t mapproc_hex_span(const char *text);

/* Reads `count` bytes from the 2 * count hexadecimal digits that `text` begins with. */
void mapproc_hex_parse(const char *text, size_t count, uint8_t *bytes);

#endif
