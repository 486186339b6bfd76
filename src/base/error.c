/* SPDX-License-Identifier: MIT */
/* error.c - filling a struct mapproc_error. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int mapproc_error_set(struct mapproc_error *error, int code, int system_error, const char *path,
                      const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;

        *error = (struct mapproc_error){.code = code, .system_error = system_error, .path = path};
        va_start(arguments, format);
        (void)vsnprintf(error->what, sizeof(error->what), format, arguments);
        va_end(arguments);
    }
    return code;
}

void mapproc_error_set_range(struct mapproc_error *error, uint64_t offset, uint64_t length)
{
    if (error != NULL) {
        error->offset = offset;
        error->length = length;
    }
}

int mapproc_error_code_from_errno(int system_error)
{
    switch (system_error) {
    case ENOENT:
    case ENOTDIR:
        return MAPPROC_BAD_DATA;
    default:
        return MAPPROC_FAILED;
    }
}
