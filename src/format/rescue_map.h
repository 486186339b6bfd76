/* SPDX-License-Identifier: MIT */
/* rescue_map.h - mapfiles of GNU ddrescue: which ranges of a file are good, bad or unread.
 *
 *     # Mapfile. Created by mapproc
 *     # current_pos  current_status  current_pass
 *     0x00000000     ?               1
 *     #      pos        size  status
 *     0x00000000  0x00400000  +
 *     0x00400000  0x00100000  -
 *
 * The ranges cover the file from its first byte to its last without a gap (manual of ddrescue,
 * "Mapfile structure"). ddrescue can then copy just the bad ranges from another copy of the file.
 */
#ifndef MAPPROC_FORMAT_RESCUE_MAP_H
#define MAPPROC_FORMAT_RESCUE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "format/text_sink.h"

/* ddrescue's own letters. */
enum mapproc_rescue_state {
    MAPPROC_RESCUE_GOOD = '+',
    MAPPROC_RESCUE_BAD = '-',
    MAPPROC_RESCUE_UNREAD = '?',
};

struct mapproc_rescue_range {
    uint64_t offset;
    uint64_t length;
    enum mapproc_rescue_state state;
};

/*
 * Writes the map of a file of `size` bytes. The ranges are in ascending order, do not overlap and
 * end within the file; neighbours of one state are joined, gaps are unread. A file of no bytes has
 * a map without ranges. Returns MAPPROC_OK, MAPPROC_REFUSED (nothing is written then) if the ranges
 * are not as they should be, or what the sink returned.
 */
int mapproc_rescue_map_write(const struct mapproc_rescue_range *ranges, size_t count, uint64_t size,
                             const struct mapproc_text_sink *sink, struct mapproc_error *error);

#endif
