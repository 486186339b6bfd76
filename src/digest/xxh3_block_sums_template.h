/* SPDX-License-Identifier: MIT */
/* xxh3_block_sums_template.h - the block-sum kernel for one vector width; included once for each.
 *
 * The including file defines, and this file undefines:
 *   KERNEL_NAME           the function's name
 *   KERNEL_TARGET         its function attribute, or nothing
 *   VECTOR                a vector type of 64-bit integers
 *   MULTIPLY_LOW32(a, b)  the 64-bit products of the low halves of each lane
 *
 * A lane receives its own product and its neighbour's data. The two are summed apart, and the
 * neighbours change places once a block instead of once a stripe.
 */
KERNEL_TARGET static void KERNEL_NAME(const uint8_t *data, size_t blocks, uint64_t *sums,
                                      const uint8_t *secret)
{
    enum { VECTORS = STRIPE / sizeof(VECTOR), LANES = MAPPROC_XXH3_LANES };

    for (size_t block = 0; block < blocks; block++) {
        VECTOR products[VECTORS] = {{0}};
        VECTOR inputs[VECTORS] = {{0}};
        uint64_t neighbours[LANES];

        for (size_t stripe = 0; stripe < STRIPES; stripe++) {
            for (size_t v = 0; v < VECTORS; v++) {
                VECTOR input, key;

                memcpy(&input, data + v * sizeof(VECTOR), sizeof(VECTOR));
                memcpy(&key, secret + 8 * stripe + v * sizeof(VECTOR), sizeof(VECTOR));
                key ^= input;
                products[v] += MULTIPLY_LOW32(key, key >> 32);
                inputs[v] += input;
            }
            data += STRIPE;
        }
        memcpy(sums, products, STRIPE);
        memcpy(neighbours, inputs, STRIPE);
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += neighbours[lane ^ 1];
        sums += LANES;
    }
}

#undef KERNEL_NAME
#undef KERNEL_TARGET
#undef VECTOR
#undef MULTIPLY_LOW32
