/* SPDX-License-Identifier: MIT */
/* differences.h - the ranges in which two blocks of bytes differ. */
#ifndef MAPPROC_JOBS_DIFFERENCES_H
#define MAPPROC_JOBS_DIFFERENCES_H

#include "base/ranges.h"

/*
 * Adds to the list the ranges, exact to the byte, in which `length` bytes at `a` and at `b` differ;
 * the first byte has the offset `offset` there. The list is one of the caller's memory
 * (mapproc_range_list_init_in()), so that nothing can fail. Allocates nothing and takes no lock.
 * Where bytes change meanwhile, the ranges are those of some moment, and still in bounds.
 */
void mapproc_differences_add(struct mapproc_range_list *list, uint64_t offset, const uint8_t *a,
                             const uint8_t *b, size_t length);

#endif
