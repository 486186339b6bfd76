/* SPDX-License-Identifier: MIT */
/* checked.h - arithmetic on sizes that cannot wrap unnoticed. */
#ifndef MAPPROC_BASE_CHECKED_H
#define MAPPROC_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each stores the result and returns true, or returns false if it does not fit. */
static inline bool mapproc_add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool mapproc_multiply_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline bool mapproc_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool mapproc_multiply_u64(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline bool mapproc_is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* `alignment` is a power of two. Rounding down always fits. */
static inline uint64_t mapproc_round_down(uint64_t n, uint64_t alignment)
{
    return n & ~(alignment - 1);
}

/* `alignment` is a power of two; false if the result does not fit. */
static inline bool mapproc_round_up_size(size_t n, size_t alignment, size_t *rounded)
{
    if (!mapproc_add_size(n, alignment - 1, rounded))
        return false;
    *rounded &= ~(alignment - 1);
    return true;
}

static inline uint64_t mapproc_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
