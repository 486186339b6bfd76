/* SPDX-License-Identifier: MIT */
/* path_entry.c - the words for what is skipped. */
#include "input/path_entry.h"

const char *mapproc_skip_text(enum mapproc_skip skip)
{
    static const char *const texts[] = {
        [MAPPROC_SKIP_SYMLINK] = "is a symbolic link",
        [MAPPROC_SKIP_FIFO] = "is a FIFO",
        [MAPPROC_SKIP_SOCKET] = "is a socket",
        [MAPPROC_SKIP_CHARACTER_DEVICE] = "is a character device",
        [MAPPROC_SKIP_BLOCK_DEVICE] = "is a block device",
        [MAPPROC_SKIP_OTHER_FILE_SYSTEM] = "is on another file system",
        [MAPPROC_SKIP_EXCLUDED] = "is excluded",
        [MAPPROC_SKIP_LOOP] = "is one of the directories above it",
    };

    return texts[skip];
}
