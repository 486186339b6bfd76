/* SPDX-License-Identifier: MIT */
/* test_crc.c - CRCs: published vectors, our own kernels, and combination. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "crc_reference.h"
#include "digest/crc32c.h"
#include "digest/crc_combine.h"
#include "digest/crc_kernels.h"
#include "guarded_buffer.h"
#include "random.h"

enum { LARGE = 1 << 20 };

static struct test_random rng;
static struct guarded_buffer buffer;

/* Calls check for every kernel of CRC-32C that this CPU can run: those of our own and the chosen.
 */
static void for_each_crc32c(void (*check)(const char *name,
                                          uint32_t (*extend)(uint32_t, const uint8_t *, size_t)))
{
    enum mapproc_cpu_level best;

    assert_int_equal(unsetenv("MAPPROC_CPU"), 0);
    assert_int_equal(mapproc_cpu_level_select(&best, NULL), MAPPROC_OK);
    for (int level = 0; level <= (int)best; level++) {
        const struct mapproc_crc32c_kernel *kernel =
            mapproc_crc32c_kernel_at((enum mapproc_cpu_level)level);

        check(kernel->name, kernel->extend);
    }
    check(mapproc_crc32c_kernel(), mapproc_crc32c_extend);
}

static void check_vectors(const char *name, uint32_t (*extend)(uint32_t, const uint8_t *, size_t))
{
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    uint8_t data[32];

    print_message("%s\n", name);
    assert_int_equal(extend(0, (const uint8_t *)"123456789", 9), 0xe3069283);
    assert_int_equal(extend(0, data, 0), 0);
    /* RFC 3720, B.4, which shows the bytes as they are sent: the lowest first. */
    memset(data, 0, sizeof(data));
    assert_int_equal(extend(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    assert_int_equal(extend(0, data, sizeof(data)), 0x62a8ab43);
    for (uint8_t i = 0; i < sizeof(data); i++)
        data[i] = i;
    assert_int_equal(extend(0, data, sizeof(data)), 0x46dd794e);
    for (uint8_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(31 - i);
    assert_int_equal(extend(0, data, sizeof(data)), 0x113fdb5c);
    assert_int_equal(extend(0, read_command, sizeof(read_command)), 0xd9963a56);
}

static void published_vectors(void **state)
{
    (void)state;
    for_each_crc32c(check_vectors);
    assert_int_equal(mapproc_crc32_extend(0, (const uint8_t *)"123456789", 9), 0xcbf43926);
    assert_int_equal(crc_reference(CRC32_REFLECTED, 0, (const uint8_t *)"123456789", 9),
                     0xcbf43926);
    assert_int_equal(crc_reference(CRC32C_REFLECTED, 0, (const uint8_t *)"123456789", 9),
                     0xe3069283);
}

static void check_size(const char *name, uint32_t (*extend)(uint32_t, const uint8_t *, size_t),
                       size_t size)
{
    const uint8_t *data = buffer.end - size;
    uint32_t before = (uint32_t)test_random_next(&rng);

    if (extend(before, data, size) != crc_reference(CRC32C_REFLECTED, before, data, size))
        fail_msg("%s of %zu bytes after %08x is wrong", name, size, before);
}

static void check_sizes(const char *name, uint32_t (*extend)(uint32_t, const uint8_t *, size_t))
{
    /* Where streams side by side begin, in units of three streams. */
    static const size_t borders[] = {3 << 10, 6 << 10, 3 << 14, (3 << 14) + (3 << 10), 6 << 14};

    for (size_t size = 0; size <= 700; size++)
        check_size(name, extend, size);
    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++)
        for (size_t size = borders[i] - 9; size <= borders[i] + 9; size++)
            check_size(name, extend, size);
    for (int round = 0; round < 50; round++)
        check_size(name, extend, test_random_below(&rng, LARGE + 1));
}

static void kernels_on_all_sizes(void **state)
{
    (void)state;
    for_each_crc32c(check_sizes);
}

/* A length with a random number of bits, to `bits`. */
static uint64_t random_length(unsigned bits)
{
    return test_random_next(&rng) >> (64 - 1 - test_random_below(&rng, bits));
}

static void crc32_combines_as_zlib_does(void **state)
{
    const struct mapproc_crc_polynomial *crc32_polynomial = &mapproc_crc32_polynomial;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        uint32_t first = (uint32_t)test_random_next(&rng);
        uint32_t second = (uint32_t)test_random_next(&rng);
        uint64_t length = random_length(63);
        uint32_t shift = mapproc_crc_shift(crc32_polynomial, length);

        assert_int_equal(mapproc_crc_combine(crc32_polynomial, first, second, shift),
                         crc32_combine64(first, second, (z_off64_t)length));
    }
}

static void combined_is_as_in_one_piece(void **state)
{
    static const struct mapproc_crc_polynomial *const polynomials[] = {&mapproc_crc32_polynomial,
                                                                       &mapproc_crc32c_polynomial};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct mapproc_crc_polynomial *polynomial = polynomials[i];

        for (int round = 0; round < 300; round++) {
            size_t size = (size_t)random_length(20);
            size_t cut = test_random_below(&rng, size + 1);
            const uint8_t *data = buffer.end - size;
            uint32_t first = crc_reference(polynomial->reflected, 0, data, cut);
            uint32_t second = crc_reference(polynomial->reflected, 0, data + cut, size - cut);

            assert_int_equal(mapproc_crc_combine(polynomial, first, second,
                                                 mapproc_crc_shift(polynomial, size - cut)),
                             crc_reference(polynomial->reflected, 0, data, size));
        }
    }
}

/* Each power is what twice as many bytes shift by: shifting by one and again by the same. */
static void powers_are_squares(void **state)
{
    static const struct {
        const struct mapproc_crc_polynomial *polynomial;
        uint32_t reflected;
    } cases[] = {{&mapproc_crc32_polynomial, CRC32_REFLECTED},
                 {&mapproc_crc32c_polynomial, CRC32C_REFLECTED}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct mapproc_crc_polynomial *polynomial = cases[i].polynomial;
        const uint32_t *powers = polynomial->powers;

        assert_int_equal(polynomial->reflected, cases[i].reflected);
        assert_int_equal(powers[0], UINT32_C(1) << 23); /* x^8 */
        for (int k = 0; k < 64; k++) {
            assert_int_equal(mapproc_crc_shift(polynomial, UINT64_C(1) << k), powers[k]);
            if (k > 0)
                assert_int_equal(mapproc_crc_combine(polynomial, powers[k - 1], 0, powers[k - 1]),
                                 powers[k]);
        }
        assert_int_equal(mapproc_crc_shift(polynomial, 0), UINT32_C(1) << 31); /* 1 */
    }
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    mapproc_crc_kernels_prepare();
    if (guarded_buffer_init(&buffer, LARGE) != 0)
        return -1;
    for (uint8_t *p = buffer.end - LARGE; p < buffer.end; p++)
        *p = (uint8_t)test_random_next(&rng);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_buffer_destroy(&buffer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(kernels_on_all_sizes),
        cmocka_unit_test(crc32_combines_as_zlib_does),
        cmocka_unit_test(combined_is_as_in_one_piece),
        cmocka_unit_test(powers_are_squares),
    };

    return cmocka_run_group_tests_name("crc", tests, set_up, tear_down);
}
