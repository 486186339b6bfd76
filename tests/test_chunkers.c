/* SPDX-License-Identifier: MIT */
/* test_chunkers.c - the contract that every registered chunker has to keep. */
#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "chunkers/chunker.h"
#include "guarded_buffer.h"
#include "random.h"

enum { SIZE_LIMIT = 20000, INPUTS = 2000 };

static struct test_random rng;
static struct guarded_buffer buffer;

static void start(const struct mapproc_chunker *chunker, size_t chunk_size, void *chunker_state)
{
    const struct mapproc_chunker_settings settings = {.chunk_size = chunk_size};

    memset(chunker_state, 0xa5, MAPPROC_CHUNKER_STATE_MAX);
    assert_int_equal(chunker->init(chunker_state, &settings), 0);
}

/* The next border after `from`, found through a view that grows by `window` bytes at a time. */
static size_t next_border(const struct mapproc_chunker *chunker, void *chunker_state,
                          const uint8_t *data, size_t size, size_t from, size_t window)
{
    size_t seen = 0;

    for (;;) {
        size_t left = size - from, answer;
        bool at_end;

        seen = seen + window < left ? seen + window : left;
        at_end = seen == left;
        answer =
            chunker->next(chunker_state, chunker->reads_data ? data + from : NULL, seen, at_end);
        if (answer != MAPPROC_CHUNKER_MORE) {
            assert_in_range(answer, 1, seen);
            return from + answer;
        }
        assert_false(at_end);
    }
}

/* Chunks cover the input exactly; the borders depend neither on the window nor on where the run
 * began, as long as it was at a border. */
static void contract_holds(void **state)
{
    const struct mapproc_chunker *chunker;
    _Alignas(16) unsigned char one[MAPPROC_CHUNKER_STATE_MAX], other[MAPPROC_CHUNKER_STATE_MAX];

    (void)state;
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++) {
        for (int input = 0; input < INPUTS; input++) {
            size_t size = 1 + test_random_below(&rng, SIZE_LIMIT);
            size_t chunk_size = 1 + test_random_below(&rng, 3000);
            size_t window = 1 + test_random_below(&rng, 2 * chunk_size);
            const uint8_t *data = buffer.end - size;

            start(chunker, chunk_size, one);
            for (size_t at = 0; at < size;) {
                size_t border = next_border(chunker, one, data, size, at, size);

                start(chunker, chunk_size, other);
                assert_int_equal(next_border(chunker, other, data, size, at, window), border);
                at = border;
                assert_true(at <= size);
            }
        }
    }
}

static void registry_is_consistent(void **state)
{
    const struct mapproc_chunker *chunker;
    size_t count = 0;

    (void)state;
    for (; (chunker = mapproc_chunker_at(count)) != NULL; count++) {
        assert_int_equal(chunker->abi, MAPPROC_CHUNKER_ABI);
        assert_ptr_equal(mapproc_chunker_find(chunker->name), chunker);
        assert_non_null(chunker->summary);
        assert_non_null(chunker->init);
        assert_non_null(chunker->next);
        assert_in_range(chunker->state_size, 0, MAPPROC_CHUNKER_STATE_MAX);
    }
    assert_true(count >= 1);
    assert_non_null(mapproc_chunker_find("fixed"));
    assert_null(mapproc_chunker_find("nonsense"));
}

static void fixed_cuts_at_multiples(void **state)
{
    const struct mapproc_chunker *fixed = mapproc_chunker_find("fixed");
    const struct mapproc_chunker_settings nonsense = {.chunk_size = 0};
    _Alignas(16) unsigned char chunker_state[MAPPROC_CHUNKER_STATE_MAX];

    (void)state;
    assert_int_equal(fixed->init(chunker_state, &nonsense), -1);
    start(fixed, 1000, chunker_state);
    assert_int_equal(fixed->next(chunker_state, NULL, 1000, false), 1000);
    assert_int_equal(fixed->next(chunker_state, NULL, 5000, true), 1000);
    assert_int_equal(fixed->next(chunker_state, NULL, 999, true), 999);
    assert_true(fixed->next(chunker_state, NULL, 999, false) == MAPPROC_CHUNKER_MORE);
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    if (guarded_buffer_init(&buffer, SIZE_LIMIT) != 0)
        return -1;
    for (uint8_t *p = buffer.end - SIZE_LIMIT; p < buffer.end; p++)
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
        cmocka_unit_test(registry_is_consistent),
        cmocka_unit_test(contract_holds),
        cmocka_unit_test(fixed_cuts_at_multiples),
    };

    return cmocka_run_group_tests_name("chunkers", tests, set_up, tear_down);
}
