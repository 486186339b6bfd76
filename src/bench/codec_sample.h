/* SPDX-License-Identifier: MIT */
/* codec_sample.h - the data that codecs are measured with: of a file, or made up. */
#ifndef MAPPROC_BENCH_CODEC_SAMPLE_H
#define MAPPROC_BENCH_CODEC_SAMPLE_H

#include "bench/bench.h"
#include "bench/region.h"

/*
 * Fills a region of at most `size` bytes, to be closed with mapproc_bench_region_close(), but not
 * after a failure. Of options.file, which is smaller or of which that are pieces spread over all of
 * it; or without one of a log and of records in binary, made up, the same every time. Errors as of
 * a group's run function.
 */
int mapproc_bench_codec_sample(struct mapproc_bench_region *sample,
                               const struct mapproc_bench_options *options, size_t size,
                               struct mapproc_error *error);

#endif
