/* SPDX-License-Identifier: MIT */
/* utf8.h - telling characters from bytes that only look like them. */
#ifndef MAPPROC_BASE_UTF8_H
#define MAPPROC_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length in bytes of the UTF-8 character that the string `text`, which is not empty, begins
 * with, its number in *code. 0, and *code undefined, if the first byte begins none: an overlong
 * form, a surrogate, a value past U+10FFFF, a character that is cut, or no UTF-8 at all.
 */
size_t mapproc_utf8_decode(const char *text, uint32_t *code);

#endif
