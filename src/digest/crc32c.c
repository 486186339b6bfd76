/* SPDX-License-Identifier: MIT */
/* crc32c.c - CRC-32C on one core without a library.
 *
 * x86-64 has an instruction for it since SSE4.2: eight bytes a cycle, but the result comes three
 * cycles later. So three streams side by side are digested in the time of one and then combined.
 * Anywhere else it is eight table look-ups for eight bytes ("slicing-by-8": Kounavis and Berry,
 * "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008).
 */
#include "digest/crc32c.h"

#include <pthread.h>
#include <string.h>

#include "digest/crc_combine.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie");

enum { SLICES = 8 };

/* table[s][b]: what byte b shifts to when s more bytes follow it. */
static uint32_t table[SLICES][256];

static void fill_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (mapproc_crc32c_polynomial.reflected & -(crc & 1));
        table[0][byte] = crc;
    }
    for (int slice = 1; slice < SLICES; slice++)
        for (int byte = 0; byte < 256; byte++)
            table[slice][byte] =
                table[slice - 1][byte] >> 8 ^ table[0][table[slice - 1][byte] & 0xff];
}

static uint32_t extend_by_slicing(uint32_t crc, const uint8_t *data, size_t length)
{
    crc = ~crc;
    for (; length >= SLICES; data += SLICES, length -= SLICES) {
        uint64_t word;
        uint32_t next = 0;

        memcpy(&word, data, sizeof(word));
        word ^= crc;
        for (int i = 0; i < SLICES; i++)
            next ^= table[SLICES - 1 - i][word >> 8 * i & 0xff];
        crc = next;
    }
    for (; length > 0; data++, length--)
        crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xff];
    return ~crc;
}

static const struct mapproc_crc32c_kernel by_slicing = {"slicing-by-8", extend_by_slicing};

static const struct mapproc_crc32c_kernel *kernel_by_slicing(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fill_table);
    return &by_slicing;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/* One step of a stream: eight bytes. */
__attribute__((target("sse4.2"))) static inline uint64_t step(uint64_t crc, const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof(word));
    return _mm_crc32_u64(crc, word);
}

__attribute__((target("sse4.2"))) static uint32_t
extend_by_instruction(uint32_t initial, const uint8_t *data, size_t length)
{
    /* Long streams make combining rare, short ones serve what is left. */
    static const struct {
        size_t length; /* bytes of one stream: 2^power */
        unsigned power;
    } streams[] = {{1 << 14, 14}, {1 << 10, 10}};
    const struct mapproc_crc_polynomial *polynomial = &mapproc_crc32c_polynomial;
    uint64_t crc = ~initial; /* the instruction's 64-bit form keeps the upper half zero */

    for (size_t s = 0; s < sizeof(streams) / sizeof(streams[0]); s++) {
        size_t stream = streams[s].length;
        uint32_t shift = polynomial->powers[streams[s].power];

        for (; length >= 3 * stream; data += 3 * stream, length -= 3 * stream) {
            uint64_t second = 0, third = 0;

            for (size_t i = 0; i < stream; i += sizeof(uint64_t)) {
                crc = step(crc, data + i);
                second = step(second, data + stream + i);
                third = step(third, data + 2 * stream + i);
            }
            crc = mapproc_crc_combine(polynomial, (uint32_t)crc, (uint32_t)second, shift);
            crc = mapproc_crc_combine(polynomial, (uint32_t)crc, (uint32_t)third, shift);
        }
    }
    for (; length >= sizeof(uint64_t); data += sizeof(uint64_t), length -= sizeof(uint64_t))
        crc = step(crc, data);
    for (; length > 0; data++, length--)
        crc = _mm_crc32_u8((uint32_t)crc, *data);
    return ~(uint32_t)crc;
}

static const struct mapproc_crc32c_kernel by_instruction = {"sse4.2", extend_by_instruction};

const struct mapproc_crc32c_kernel *mapproc_crc32c_kernel_at(enum mapproc_cpu_level level)
{
    /* Whatever has AVX2 has SSE4.2. The CPUs between the two, of 2008 to 2012, are not worth a
     * level of their own. */
    return level >= MAPPROC_CPU_AVX2 ? &by_instruction : kernel_by_slicing();
}

#else

const struct mapproc_crc32c_kernel *mapproc_crc32c_kernel_at(enum mapproc_cpu_level level)
{
    (void)level;
    return kernel_by_slicing();
}

#endif
