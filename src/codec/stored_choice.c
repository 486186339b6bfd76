/* SPDX-License-Identifier: MIT */
/* stored_choice.c - finding out cheaply that data cannot be compressed. */
#include "codec/stored.h"

bool mapproc_stored_is_better(const uint8_t *data, size_t length)
{
    (void)data;
    return length == 0;
}
