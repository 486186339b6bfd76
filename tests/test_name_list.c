/* SPDX-License-Identifier: MIT */
/* test_name_list.c - lists of names: what is a name, what is none, and lists that come slowly. */
#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "input/name_list.h"
#include "random.h"
#include "scratch_file.h"

static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX];

/* The next entry is this name; NULL: the end. */
static void assert_name(struct mapproc_name_list *list, const char *name)
{
    struct mapproc_entry entry;

    assert_int_equal(mapproc_name_list_next(list, &entry, NULL), MAPPROC_OK);
    assert_int_equal(entry.kind, name != NULL ? MAPPROC_ENTRY_FILE : MAPPROC_ENTRY_END);
    if (name != NULL)
        assert_string_equal(entry.path, name);
    free(entry.path);
}

/* The next entry is an error that says this. */
static void assert_fault(struct mapproc_name_list *list, const char *of, const char *what)
{
    struct mapproc_entry entry;

    assert_int_equal(mapproc_name_list_next(list, &entry, NULL), MAPPROC_OK);
    assert_int_equal(entry.kind, MAPPROC_ENTRY_ERROR);
    assert_int_equal(entry.error.code, MAPPROC_REFUSED);
    assert_string_equal(entry.path, of);
    assert_ptr_equal(entry.error.path, entry.path);
    assert_string_equal(entry.error.what, what);
    free(entry.path);
}

static struct mapproc_name_list *open_list(const void *data, size_t size, char separator)
{
    struct mapproc_name_list *list;

    assert_true(scratch_write(path, data, size));
    list = mapproc_name_list_open(path, separator, -1, NULL);
    assert_non_null(list);
    return list;
}

static void lines_are_names(void **state)
{
    static const char text[] = "a\n-\n b \r\n\xff\xfe\\n\n\n./-x\nlast";
    struct mapproc_name_list *list = open_list(text, sizeof(text) - 1, '\n');

    (void)state;
    assert_name(list, "a");
    assert_name(list, "-"); /* as on a command line: standard input */
    assert_name(list, " b \r");
    assert_name(list, "\xff\xfe\\n");
    assert_fault(list, path, "line 5: the name is empty");
    assert_name(list, "./-x");
    assert_name(list, "last");
    assert_name(list, NULL);
    assert_name(list, NULL);
    mapproc_name_list_close(list);
}

static void what_ends_with_nul_is_a_name(void **state)
{
    static const char text[] = "a\nb\0\0\n\0c"; /* and the NUL at its end */
    struct mapproc_name_list *list = open_list(text, sizeof(text), '\0');

    (void)state;
    assert_name(list, "a\nb");
    assert_fault(list, path, "name 2: the name is empty");
    assert_name(list, "\n");
    assert_name(list, "c");
    assert_name(list, NULL);
    mapproc_name_list_close(list);
}

static void lines_with_nul_are_errors(void **state)
{
    static const char text[] = "a\0b\nc\n\0\nd";
    struct mapproc_name_list *list = open_list(text, sizeof(text) - 1, '\n');

    (void)state;
    assert_fault(list, path, "line 1: the name has a NUL byte in it");
    assert_name(list, "c");
    assert_fault(list, path, "line 3: the name has a NUL byte in it");
    assert_name(list, "d");
    assert_name(list, NULL);
    mapproc_name_list_close(list);
}

static void empty_lists_have_no_names(void **state)
{
    struct mapproc_name_list *list = open_list("", 0, '\n');

    (void)state;
    assert_name(list, NULL);
    mapproc_name_list_close(list);
    list = open_list("\n", 1, '\n');
    assert_fault(list, path, "line 1: the name is empty");
    assert_name(list, NULL);
    mapproc_name_list_close(list);
}

static void names_have_a_limit(void **state)
{
    size_t size = 40 * MAPPROC_PATH_LIMIT;
    char *text = malloc(size);
    struct mapproc_name_list *list;
    struct rusage before, after;

    (void)state;
    assert_non_null(text);
    memset(text, 'n', size);
    text[MAPPROC_PATH_LIMIT] = '\n';         /* as long as may be */
    text[2 * MAPPROC_PATH_LIMIT + 2] = '\n'; /* one byte more */
    text[size - 2] = '\n';                   /* far more */
    list = open_list(text, size, '\n');
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    text[MAPPROC_PATH_LIMIT] = '\0';
    assert_name(list, text);
    assert_fault(list, path, "line 2: the name is too long");
    assert_fault(list, path, "line 3: the name is too long");
    assert_name(list, "n");
    assert_name(list, NULL);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024); /* KiB */
    mapproc_name_list_close(list);
    free(text);
}

static void random_bytes_are_parted_at_separators(void **state)
{
    enum { SIZE = 300000 };
    char *text = malloc(SIZE + 1);
    struct test_random random;

    (void)state;
    assert_non_null(text);
    test_random_seed(&random);
    for (int round = 0; round < 20; round++) {
        char separator = round % 2 == 0 ? '\n' : '\0';
        struct mapproc_name_list *list;
        char *line = text, *end = text + SIZE;

        for (size_t i = 0; i < SIZE; i++)
            text[i] = test_random_below(&random, 1 + (uint64_t)round * 1000) == 0
                          ? separator
                          : (char)(1 + test_random_below(&random, 255));
        if (separator == '\0')
            text[SIZE - 1] = 'x'; /* so that the last name is none that is empty */
        list = open_list(text, SIZE, separator);
        while (line < end) {
            char *next = memchr(line, separator, (size_t)(end - line));

            if (next == NULL)
                next = end;
            *next = '\0';
            if (next == line) {
                struct mapproc_entry entry;

                assert_int_equal(mapproc_name_list_next(list, &entry, NULL), MAPPROC_OK);
                assert_int_equal(entry.kind, MAPPROC_ENTRY_ERROR);
                free(entry.path);
            } else {
                assert_name(list, line);
            }
            line = next + 1;
        }
        assert_name(list, NULL);
        mapproc_name_list_close(list);
    }
    free(text);
}

/* ---- pipes ---- */

static void names_are_delivered_as_they_come(void **state)
{
    struct mapproc_name_list *list;
    int writer, wake = eventfd(0, EFD_CLOEXEC);
    struct mapproc_error error;
    struct mapproc_entry entry;

    (void)state;
    assert_true(wake >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    list = mapproc_name_list_open(path, '\n', wake, NULL);
    assert_non_null(list);
    writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_int_equal(write(writer, "a\nb\nc", 5), 5);
    assert_name(list, "a");
    assert_name(list, "b"); /* though nobody has closed the pipe */
    assert_int_equal(write(writer, "d\ne\n", 4), 4);
    assert_name(list, "cd");
    assert_name(list, "e");
    assert_int_equal(eventfd_write(wake, 1), 0);
    assert_int_equal(mapproc_name_list_next(list, &entry, &error), MAPPROC_CANCELLED);
    assert_int_equal(error.code, MAPPROC_CANCELLED);
    assert_name(list, NULL);
    mapproc_name_list_close(list);
    assert_int_equal(close(writer), 0);
    assert_int_equal(close(wake), 0);
    assert_int_equal(unlink(path), 0);
}

static void standard_input_is_a_list(void **state)
{
    static const char text[] = "a\n-\nb\n";
    struct mapproc_name_list *list;
    int saved = dup(STDIN_FILENO), fds[2];

    (void)state;
    for (int round = 0; round < 2; round++) { /* a pipe, and a file */
        if (round == 0) {
            assert_int_equal(pipe(fds), 0);
            assert_int_equal(write(fds[1], text, sizeof(text) - 1), sizeof(text) - 1);
            assert_int_equal(close(fds[1]), 0);
        } else {
            assert_true(scratch_write(path, text, sizeof(text) - 1));
            fds[0] = open(path, O_RDONLY | O_CLOEXEC);
        }
        assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
        assert_int_equal(close(fds[0]), 0);
        list = mapproc_name_list_open("-", '\n', -1, NULL);
        assert_non_null(list);
        assert_name(list, "a");
        assert_fault(list, "-", "line 2: the list itself is standard input");
        assert_name(list, "b");
        assert_name(list, NULL);
        mapproc_name_list_close(list);
    }
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(saved), 0);
}

/* A pipe that somebody else has opened, so that a read of it would block. */
static void waiting_for_standard_input_can_be_ended(void **state)
{
    int saved = dup(STDIN_FILENO), wake = eventfd(1, EFD_CLOEXEC), fds[2];
    struct mapproc_name_list *list;
    struct mapproc_entry entry;

    (void)state;
    assert_true(wake >= 0);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    list = mapproc_name_list_open("-", '\n', wake, NULL);
    assert_non_null(list);
    (void)alarm(60); /* or it would be waited for without end */
    assert_int_equal(mapproc_name_list_next(list, &entry, NULL), MAPPROC_CANCELLED);
    (void)alarm(0);
    mapproc_name_list_close(list);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(saved), 0);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(close(wake), 0);
}

/* ---- errors ---- */

static void lists_that_cannot_be_read_are_errors(void **state)
{
    struct mapproc_name_list *list;
    struct mapproc_error error;
    struct mapproc_entry entry;

    (void)state;
    assert_null(mapproc_name_list_open("/nonexistent/list", '\n', -1, &error));
    assert_int_equal(error.system_error, ENOENT);
    assert_string_equal(error.path, "/nonexistent/list");
    assert_null(mapproc_name_list_open(scratch.path, '\n', -1, &error));
    assert_int_equal(error.system_error, EISDIR);

    list = mapproc_name_list_open("/proc/self/mem", '\n', -1, NULL); /* nothing at address 0 */
    assert_non_null(list);
    assert_int_equal(mapproc_name_list_next(list, &entry, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EIO);
    assert_string_equal(error.path, "/proc/self/mem");
    assert_name(list, NULL);
    mapproc_name_list_close(list);
}

static int make_scratch(void **state)
{
    (void)state;
    if (!scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "list", path);
    return 0;
}

static int remove_scratch(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_names),
        cmocka_unit_test(what_ends_with_nul_is_a_name),
        cmocka_unit_test(lines_with_nul_are_errors),
        cmocka_unit_test(empty_lists_have_no_names),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(random_bytes_are_parted_at_separators),
        cmocka_unit_test(names_are_delivered_as_they_come),
        cmocka_unit_test(standard_input_is_a_list),
        cmocka_unit_test(waiting_for_standard_input_can_be_ended),
        cmocka_unit_test(lists_that_cannot_be_read_are_errors),
    };

    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
