/* SPDX-License-Identifier: MIT */
/* zeros.h - finding bytes that are all zero. */
#ifndef MAPPROC_BASE_ZEROS_H
#define MAPPROC_BASE_ZEROS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all bytes are zero; true for none. As fast as memory, and at once for most data. */
bool mapproc_is_zero(const void *data, size_t length);

#endif
