/* SPDX-License-Identifier: MIT */
/* test_heap.c - the arenas of the nodes, against what jemalloc says of the thread. */
#include "cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "memory/heap.h"

extern int mallctl(const char *name, void *old_value, size_t *old_size, void *new_value,
                   size_t new_size) __attribute__((weak));

static unsigned current_arena(void)
{
    unsigned arena = 0;
    size_t size = sizeof(arena);

    assert_int_equal(mallctl("thread.arena", &arena, &size, NULL, 0), 0);
    return arena;
}

struct visit {
    int node;
    bool entered;
    unsigned before, after;
};

static void *enter_node(void *argument)
{
    struct visit *visit = argument;

    visit->before = current_arena();
    visit->entered = mapproc_heap_enter_node(visit->node);
    visit->after = current_arena();
    free(malloc(100));
    return NULL;
}

static void visit_in_a_thread(struct visit *visit)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, enter_node, visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void each_node_has_an_arena(void **state)
{
    struct visit first = {.node = 0}, second = {.node = 3}, again = {.node = 0};

    (void)state;
    if (mallctl == NULL)
        skip_because("the allocator is not jemalloc");
    visit_in_a_thread(&first);
    visit_in_a_thread(&second);
    visit_in_a_thread(&again);
    assert_true(first.entered && second.entered && again.entered);
    assert_int_not_equal(first.after, first.before);
    assert_int_not_equal(first.after, second.after);
    assert_int_equal(first.after, again.after);
}

static void impossible_nodes_change_nothing(void **state)
{
    static const int numbers[] = {-1, 1024, INT32_MAX, INT32_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct visit visit = {.node = numbers[i]};

        if (mallctl == NULL) {
            assert_false(mapproc_heap_enter_node(numbers[i]));
            continue;
        }
        visit_in_a_thread(&visit);
        assert_false(visit.entered);
        assert_int_equal(visit.before, visit.after);
    }
}

static void the_allocator_is_named(void **state)
{
    char text[64], cut[4];

    (void)state;
    mapproc_heap_describe(text, sizeof(text));
    assert_non_null(strstr(text, mallctl != NULL ? "jemalloc " : "glibc "));
    mapproc_heap_describe(cut, sizeof(cut));
    assert_int_equal(strlen(cut), sizeof(cut) - 1);
}

static void note_text(void *argument, const char *text)
{
    bool *seen = argument;

    *seen = *seen || strstr(text, "jemalloc statistics") != NULL;
}

static void statistics_are_written(void **state)
{
    bool seen = false;

    (void)state;
    assert_int_equal(mapproc_heap_write_stats(note_text, &seen), mallctl != NULL);
    assert_int_equal(seen, mallctl != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_has_an_arena),
        cmocka_unit_test(impossible_nodes_change_nothing),
        cmocka_unit_test(the_allocator_is_named),
        cmocka_unit_test(statistics_are_written),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
