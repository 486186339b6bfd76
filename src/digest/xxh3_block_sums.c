/* SPDX-License-Identifier: MIT */
/* xxh3_block_sums.c - the part of XXH3 that can be computed in any order.
 *
 * Within a block, stripe s gives each lane i, with d = the lane's eight bytes of data and
 * k = d XOR the secret's eight bytes at 8 * s + 8 * i,
 *
 *     acc[i] += low32(k) * high32(k)        acc[i XOR 1] += d
 *
 * (XXH3 as specified in xxHash's doc/xxhash_spec.md). Nothing of it depends on acc, so a block's
 * sum from zero can be made anywhere, at any time, and be added later.
 */
#include "digest/xxh3_block_sums.h"

#include <stdatomic.h>
#include <string.h>

enum { STRIPE = 64, STRIPES = MAPPROC_XXH3_BLOCK / STRIPE };

#if defined(__x86_64__)
#include <immintrin.h>

/* The vector types of immintrin.h are signed; sums and shifts here are not. */
typedef uint64_t vector128 __attribute__((vector_size(16)));
typedef uint64_t vector256 __attribute__((vector_size(32)));
typedef uint64_t vector512 __attribute__((vector_size(64)));

#define KERNEL_NAME          block_sums_baseline
#define KERNEL_TARGET        /* SSE2 is part of x86-64 */
#define VECTOR               vector128
#define MULTIPLY_LOW32(a, b) (vector128) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
#include "digest/xxh3_block_sums_template.h"

#define KERNEL_NAME          block_sums_avx2
#define KERNEL_TARGET        __attribute__((target("avx2")))
#define VECTOR               vector256
#define MULTIPLY_LOW32(a, b) (vector256) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#include "digest/xxh3_block_sums_template.h"

#define KERNEL_NAME          block_sums_avx512
#define KERNEL_TARGET        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR               vector512
#define MULTIPLY_LOW32(a, b) (vector512) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#include "digest/xxh3_block_sums_template.h"

static mapproc_xxh3_block_sums_function *const kernels[MAPPROC_CPU_LEVELS] = {
    [MAPPROC_CPU_BASELINE] = block_sums_baseline,
    [MAPPROC_CPU_AVX2] = block_sums_avx2,
    [MAPPROC_CPU_AVX512] = block_sums_avx512,
};

#else /* any other CPU: two lanes at a time, and the compiler finds NEON or what there is */

typedef uint64_t vector128 __attribute__((vector_size(16)));

#define KERNEL_NAME block_sums_baseline
#define KERNEL_TARGET
#define VECTOR               vector128
#define MULTIPLY_LOW32(a, b) (((a)&0xffffffff) * ((b)&0xffffffff))
#include "digest/xxh3_block_sums_template.h"

static mapproc_xxh3_block_sums_function *const kernels[MAPPROC_CPU_LEVELS] = {
    [MAPPROC_CPU_BASELINE] = block_sums_baseline,
    [MAPPROC_CPU_AVX2] = block_sums_baseline,
    [MAPPROC_CPU_AVX512] = block_sums_baseline,
};

#endif

mapproc_xxh3_block_sums_function *mapproc_xxh3_block_sums_at(enum mapproc_cpu_level level)
{
    return kernels[level];
}

mapproc_xxh3_block_sums_function *mapproc_xxh3_block_sums_select(void)
{
    static _Atomic(mapproc_xxh3_block_sums_function *) selected;
    mapproc_xxh3_block_sums_function *kernel =
        atomic_load_explicit(&selected, memory_order_relaxed);
    enum mapproc_cpu_level level;

    if (kernel == NULL) {
        /* A nonsensical MAPPROC_CPU is refused where a job starts; here it means the best level. */
        (void)mapproc_cpu_level_select(&level, NULL);
        kernel = kernels[level];
        atomic_store_explicit(&selected, kernel, memory_order_relaxed);
    }
    return kernel;
}
