/* SPDX-License-Identifier: MIT */
/* crc_combine.h - the CRC of two pieces from the CRCs of each. */
#ifndef MAPPROC_DIGEST_CRC_COMBINE_H
#define MAPPROC_DIGEST_CRC_COMBINE_H

#include <stdint.h>

/* A polynomial P of degree 32, with its powers computed beforehand. */
struct mapproc_crc_polynomial {
    uint32_t reflected;  /* without x^32; the highest bit is the coefficient of x^0 */
    uint32_t powers[64]; /* x^(8 * 2^k) modulo P: what 2^k bytes shift by */
};

extern const struct mapproc_crc_polynomial mapproc_crc32_polynomial;  /* IEEE 802.3, gzip */
extern const struct mapproc_crc_polynomial mapproc_crc32c_polynomial; /* Castagnoli, RFC 3720 */

/* What `length` bytes shift by: x^(8 * length) modulo P. One multiplication (some 30 ns) for each
 * bit set in `length`. */
uint32_t mapproc_crc_shift(const struct mapproc_crc_polynomial *polynomial, uint64_t length);

/* The CRC of a piece with the CRC `first` and a piece with the CRC `second` behind it; `shift` is
 * that of the second one's length. One multiplication. */
uint32_t mapproc_crc_combine(const struct mapproc_crc_polynomial *polynomial, uint32_t first,
                             uint32_t second, uint32_t shift);

#endif
