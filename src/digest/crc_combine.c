/* SPDX-License-Identifier: MIT */
/* crc_combine.c - the CRC of two pieces from the CRCs of each.
 *
 * A reflected CRC is a polynomial over GF(2), its highest bit the coefficient of x^0. Appending n
 * bytes multiplies what was there by x^(8n) and adds, that is XORs, what came; the inversions
 * before and after, which all CRCs here have, cancel each other out.
 */
#include "digest/crc_combine.h"

const struct mapproc_crc_polynomial mapproc_crc32_polynomial = {
    .reflected = 0xedb88320,
    .powers =
        {
            0x00800000, 0x00008000, 0xedb88320, 0xb1e6b092, 0xa06a2517, 0xed627dae, 0x88d14467,
            0xd7bbfe6a, 0xec447f11, 0x8e7ea170, 0x6427800e, 0x4d47bae0, 0x09fe548f, 0x83852d0f,
            0x30362f1a, 0x7b5a9cc3, 0x31fec169, 0x9fec022a, 0x6c8dedc4, 0x15d6874d, 0x5fde7a4e,
            0xbad90e37, 0x2e4e5eef, 0x4eaba214, 0xa8a472c0, 0x429a969e, 0x148d302a, 0xc40ba6d0,
            0xc4e22c3c, 0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0xedb88320,
            0xb1e6b092, 0xa06a2517, 0xed627dae, 0x88d14467, 0xd7bbfe6a, 0xec447f11, 0x8e7ea170,
            0x6427800e, 0x4d47bae0, 0x09fe548f, 0x83852d0f, 0x30362f1a, 0x7b5a9cc3, 0x31fec169,
            0x9fec022a, 0x6c8dedc4, 0x15d6874d, 0x5fde7a4e, 0xbad90e37, 0x2e4e5eef, 0x4eaba214,
            0xa8a472c0, 0x429a969e, 0x148d302a, 0xc40ba6d0, 0xc4e22c3c, 0x40000000, 0x20000000,
            0x08000000,
        },
};

const struct mapproc_crc_polynomial mapproc_crc32c_polynomial = {
    .reflected = 0x82f63b78,
    .powers =
        {
            0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955,
            0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564,
            0xbf455269, 0xe2ea32dc, 0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915,
            0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42,
            0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c,
            0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16,
            0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc, 0xfe7740e6, 0xf946610b,
            0x3c204f8f, 0x538586e3, 0x59726915, 0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe,
            0xe94ca9bc, 0x05b74f3f, 0xa51e1f42, 0x40000000, 0x20000000, 0x08000000, 0x00800000,
            0x00008000,
        },
};

/* The product modulo the polynomial. Without branches: the bits of a CRC cannot be foreseen. */
static uint32_t multiply(uint32_t reflected, uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (int bit = 31; bit >= 0; bit--) {
        product ^= b & -(a >> bit & 1);
        b = b >> 1 ^ (reflected & -(b & 1));
    }
    return product;
}

uint32_t mapproc_crc_shift(const struct mapproc_crc_polynomial *polynomial, uint64_t length)
{
    uint32_t shift = UINT32_C(1) << 31; /* x^0 */

    for (const uint32_t *power = polynomial->powers; length != 0; length >>= 1, power++)
        if (length & 1)
            shift = multiply(polynomial->reflected, shift, *power);
    return shift;
}

uint32_t mapproc_crc_combine(const struct mapproc_crc_polynomial *polynomial, uint32_t first,
                             uint32_t second, uint32_t shift)
{
    return multiply(polynomial->reflected, first, shift) ^ second;
}
