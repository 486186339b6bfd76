/* SPDX-License-Identifier: MIT */
/* random.h - random numbers for tests that a failing run can be repeated with. */
#ifndef MAPPROC_TESTS_RANDOM_H
#define MAPPROC_TESTS_RANDOM_H

/* Needs print_message(): include cmocka_all.h first. */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* SplitMix64: any seed is good, and so is the next one. Not thread-safe: one struct a thread. */
struct test_random {
    uint64_t state;
};

static inline uint64_t test_random_next(struct test_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number from 0 to limit - 1. `limit` is not 0. Slightly uneven, which is no matter here. */
static inline uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_next(random) % limit;
}

/* Seeds from MAPPROC_TEST_SEED, else from time and process number, and prints the seed. */
static inline void test_random_seed(struct test_random *random)
{
    const char *text = getenv("MAPPROC_TEST_SEED");

    if (text != NULL && *text != '\0') {
        random->state = strtoull(text, NULL, 0);
    } else {
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        random->state = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
        random->state ^= (uint64_t)getpid() << 48;
    }
    print_message("MAPPROC_TEST_SEED=%" PRIu64 "\n", random->state);
}

#endif
