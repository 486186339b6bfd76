/* SPDX-License-Identifier: MIT */
/* deflate_extras.h - what goes beside a compressed file: its index, and a manifest of its source.
 */
#ifndef MAPPROC_JOBS_DEFLATE_EXTRAS_H
#define MAPPROC_JOBS_DEFLATE_EXTRAS_H

#include "format/gzi_index.h"
#include "input/source.h"
#include "jobs/raw_digest.h"
#include "mapproc.h"
#include "output/atomic_file.h"

/* Writes the index to `file`, which was opened, and commits it; or aborts it. */
int mapproc_deflate_write_index(const struct mapproc_gzi_index *index,
                                struct mapproc_atomic_file *file, struct mapproc_error *error);

/* The same for the manifest of the source, of `size` bytes and with a finished digest, under
 * `name`. */
int mapproc_deflate_write_manifest(const struct mapproc_raw_digest *digest,
                                   const struct mapproc_source *source, uint64_t size,
                                   const char *name, struct mapproc_atomic_file *file,
                                   struct mapproc_error *error);

#endif
