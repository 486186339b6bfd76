/* SPDX-License-Identifier: MIT */
/* scan.h - the least that can be done with every byte: what all reading is measured against. */
#ifndef MAPPROC_BENCH_SCAN_H
#define MAPPROC_BENCH_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes XORed together, eight at a time; what is left over at the end counts as one word. */
static inline uint64_t mapproc_bench_scan(const void *data, size_t length)
{
    enum { LANES = 8 };
    const unsigned char *bytes = data;
    uint64_t lanes[LANES] = {0}, last = 0;

    for (; length >= sizeof(lanes); bytes += sizeof(lanes), length -= sizeof(lanes)) {
        uint64_t words[LANES];

        memcpy(words, bytes, sizeof(words));
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] ^= words[i];
    }
    for (; length >= sizeof(last); bytes += sizeof(last), length -= sizeof(last)) {
        uint64_t word;

        memcpy(&word, bytes, sizeof(word));
        last ^= word;
    }
    if (length > 0) {
        uint64_t word = 0;

        memcpy(&word, bytes, length);
        last ^= word;
    }
    for (unsigned i = 0; i < LANES; i++)
        last ^= lanes[i];
    return last;
}

/* Makes the compiler compute `value`. */
static inline void mapproc_bench_use(uint64_t value)
{
    __asm__ volatile("" : : "r"(value));
}

#endif
