/* SPDX-License-Identifier: MIT */
/* test_input.c - sources that change, mappings that are cut, and whose SIGBUS it is. */
#include "cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file_time.h"
#include "input/fault_guard.h"
#include "input/mapping.h"
#include "input/source.h"
#include "scratch_file.h"

enum { PAGE = 4096, PAGES = 16, SIZE = PAGES * PAGE };

static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX];
static char other_path[SCRATCH_PATH_MAX];

static void write_file(const char *name, char byte, size_t size)
{
    char *data = malloc(size + 1);

    assert_non_null(data);
    memset(data, byte, size + 1);
    assert_true(scratch_write(name, data, size));
    free(data);
}

/* ---- the guard ---- */

struct touch {
    const volatile uint8_t *data;
    size_t length;
    size_t touched; /* bytes read before a fault, if any */
};

static void touch_all(void *argument)
{
    struct touch *touch = argument;

    for (touch->touched = 0; touch->touched < touch->length; touch->touched++)
        (void)touch->data[touch->touched];
}

static void fault_is_caught_and_located(void **state)
{
    struct mapproc_source source;
    struct mapproc_mapping mapping;
    struct mapproc_error error;
    struct touch touch;
    size_t fault = 0;

    (void)state;
    write_file(path, 'a', SIZE);
    assert_int_equal(mapproc_fault_guard_install(&error), MAPPROC_OK);
    assert_int_equal(mapproc_source_open(&source, path, &error), MAPPROC_OK);
    assert_int_equal(mapproc_mapping_open(&mapping, &source, 0, SIZE, false, &error), MAPPROC_OK);
    touch = (struct touch){.data = mapping.address, .length = SIZE};
    assert_true(mapproc_fault_guard_run(mapping.address, SIZE, touch_all, &touch, &fault));
    assert_int_equal(touch.touched, SIZE);

    assert_int_equal(truncate(path, 5 * PAGE - 7), 0);
    for (int round = 0; round < 3; round++) { /* the guard works again after a fault */
        assert_false(mapproc_fault_guard_run(mapping.address, SIZE, touch_all, &touch, &fault));
        assert_int_equal(fault, 5 * PAGE);
        assert_int_equal(touch.touched, 5 * PAGE);
    }
    assert_int_equal(mapproc_source_explain_fault(&source, fault, SIZE - fault, &error),
                     MAPPROC_BAD_DATA);
    assert_string_equal(error.path, path);
    assert_int_equal(error.offset, 5 * PAGE - 7);
    assert_int_equal(error.length, SIZE - (5 * PAGE - 7));
    mapproc_mapping_populate(mapping.address, SIZE); /* fails inside, harmlessly */
    mapproc_mapping_close(&mapping);
    mapproc_source_close(&source);
}

static void *fault_often(void *argument)
{
    const uint8_t *data = argument;

    for (int round = 0; round < 500; round++) {
        struct touch touch = {.data = data, .length = SIZE};
        size_t fault = 0;

        if (mapproc_fault_guard_run(data, SIZE, touch_all, &touch, &fault) || fault != PAGE)
            return argument;
    }
    return NULL;
}

static void threads_fault_side_by_side(void **state)
{
    struct mapproc_source source;
    struct mapproc_mapping mapping;
    pthread_t threads[4];

    (void)state;
    write_file(path, 'a', SIZE);
    assert_int_equal(mapproc_fault_guard_install(NULL), MAPPROC_OK);
    assert_int_equal(mapproc_source_open(&source, path, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_mapping_open(&mapping, &source, 0, SIZE, false, NULL), MAPPROC_OK);
    assert_int_equal(truncate(path, PAGE), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, fault_often, (void *)(uintptr_t)mapping.address), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    mapproc_mapping_close(&mapping);
    mapproc_source_close(&source);
}

/* A page that raises SIGBUS when it is touched. Only in children: it is never unmapped. */
static volatile uint8_t *map_missing_page(void)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

    return page;
}

static void previous_handler(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    (void)context;
    _exit(77);
}

static void touch_foreign_page(void *argument)
{
    volatile uint8_t *page = argument;

    (void)*page;
}

static void nothing(void *argument)
{
    (void)argument;
}

enum foreign {
    FOREIGN_TOUCH,          /* outside of any guarded run */
    FOREIGN_TOUCH_IN_GUARD, /* in a guarded run, but beside its range */
    FOREIGN_TOUCH_AFTER,    /* in the range of a run that is over */
    FOREIGN_SENT,           /* by kill() */
};

/* In a child: provokes a SIGBUS that is none of ours. Does not return if it kills. */
static void provoke(enum foreign kind)
{
    volatile uint8_t *page = map_missing_page();
    static uint8_t elsewhere[PAGE];
    size_t fault;

    if (kind == FOREIGN_SENT) {
        (void)kill(getpid(), SIGBUS);
    } else if (kind == FOREIGN_TOUCH_IN_GUARD) {
        (void)mapproc_fault_guard_run(elsewhere, sizeof(elsewhere), touch_foreign_page,
                                      (void *)(uintptr_t)page, &fault);
    } else {
        if (kind == FOREIGN_TOUCH_AFTER)
            (void)mapproc_fault_guard_run((const void *)(uintptr_t)page, PAGE, nothing, NULL,
                                          &fault);
        (void)*page;
    }
}

static int run_foreign(enum foreign kind, bool with_previous)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = previous_handler};

        if (!with_previous) {
            action.sa_flags = 0;
            action.sa_handler = SIG_DFL;
        }
        if (sigaction(SIGBUS, &action, NULL) != 0 ||
            mapproc_fault_guard_install(NULL) != MAPPROC_OK)
            _exit(1);
        provoke(kind);
        _exit(2);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void foreign_sigbus_is_left_alone(void **state)
{
    (void)state;
    for (int kind = FOREIGN_TOUCH; kind <= FOREIGN_SENT; kind++) {
        int status = run_foreign((enum foreign)kind, true);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 77);
        status = run_foreign((enum foreign)kind, false);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGBUS);
    }
}

/* ---- sources ---- */

static void open_source(struct mapproc_source *source)
{
    assert_int_equal(mapproc_source_open(source, path, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_source_check_unchanged(source, NULL), MAPPROC_OK);
}

static void expect_changed(struct mapproc_source *source, const char *how)
{
    struct mapproc_error error = {0};

    assert_int_equal(mapproc_source_check_unchanged(source, &error), MAPPROC_BAD_DATA);
    assert_string_equal(error.path, path);
    if (strstr(error.what, how) == NULL)
        fail_msg("'%s' does not say '%s'", error.what, how);
    mapproc_source_close(source);
}

static void every_change_is_noticed(void **state)
{
    struct mapproc_source source;

    (void)state;
    write_file(path, 'a', SIZE);
    let_file_time_pass(scratch.path);
    open_source(&source);
    assert_int_equal(truncate(path, SIZE - 1), 0);
    expect_changed(&source, "cut from 65536 to 65535 bytes");

    open_source(&source);
    assert_int_equal(truncate(path, SIZE), 0);
    expect_changed(&source, "grew from 65535 to 65536 bytes");

    open_source(&source);
    let_file_time_pass(scratch.path);
    write_file(path, 'b', SIZE);
    expect_changed(&source, "modification time");

    open_source(&source);
    let_file_time_pass(scratch.path);
    assert_int_equal(chmod(path, 0640), 0);
    expect_changed(&source, "status change time");

    open_source(&source);
    write_file(other_path, 'a', SIZE);
    assert_int_equal(rename(other_path, path), 0);
    expect_changed(&source, "another file took its name");

    open_source(&source);
    assert_int_equal(unlink(path), 0);
    expect_changed(&source, "name was removed");
}

static void reading_does_not_count_as_change(void **state)
{
    struct mapproc_source source;
    char data[SIZE];

    (void)state;
    write_file(path, 'a', SIZE);
    open_source(&source);
    assert_int_equal(mapproc_source_read_at(&source, 0, data, SIZE, NULL), MAPPROC_OK);
    let_file_time_pass(scratch.path);
    assert_int_equal(mapproc_source_check_unchanged(&source, NULL), MAPPROC_OK);
    mapproc_source_close(&source);
}

static void reading_at_an_offset(void **state)
{
    struct mapproc_source source;
    struct mapproc_error error;
    char data[100];

    (void)state;
    assert_true(scratch_write(path, "0123456789", 10));
    open_source(&source);
    assert_int_equal(source.kind, MAPPROC_SOURCE_EXTENT);
    assert_int_equal(source.size, 10);
    assert_int_equal(mapproc_source_read_at(&source, 3, data, 7, &error), MAPPROC_OK);
    assert_memory_equal(data, "3456789", 7);
    assert_int_equal(mapproc_source_read_at(&source, 3, data, 8, &error), MAPPROC_BAD_DATA);
    assert_int_equal(error.offset, 10);
    assert_int_equal(error.length, 1);
    assert_int_equal(truncate(path, 4), 0);
    assert_int_equal(mapproc_source_read_at(&source, 3, data, 7, &error), MAPPROC_BAD_DATA);
    assert_non_null(strstr(error.what, "cut from 10 to 4 bytes"));
    assert_int_equal(error.offset, 4);
    assert_int_equal(error.length, 6);
    mapproc_source_close(&source);
}

static void names_that_cannot_be_opened(void **state)
{
    struct mapproc_source source;
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_source_open(&source, "/nonexistent/x", &error), MAPPROC_BAD_DATA);
    assert_int_equal(error.system_error, ENOENT);
    mapproc_source_close(&source);
    assert_int_equal(mapproc_source_open(&source, scratch.path, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EISDIR);
    mapproc_source_close(&source);
}

static void kinds_are_told_apart(void **state)
{
    struct mapproc_source source;

    (void)state;
    assert_int_equal(mapproc_source_open(&source, "/proc/self/status", NULL), MAPPROC_OK);
    assert_int_equal(source.kind, MAPPROC_SOURCE_STREAM);
    assert_int_equal(mapproc_source_check_unchanged(&source, NULL), MAPPROC_OK);
    mapproc_source_close(&source);

    assert_int_equal(mapproc_source_open(&source, "/dev/null", NULL), MAPPROC_OK);
    assert_int_equal(source.kind, MAPPROC_SOURCE_STREAM);
    assert_true(source.waits);
    mapproc_source_close(&source);

    write_file(path, 'a', 0);
    open_source(&source);
    assert_int_equal(source.kind, MAPPROC_SOURCE_STREAM);
    assert_true(source.steady);
    mapproc_source_close(&source);
}

static void *write_slowly(void *argument)
{
    int fd = open(argument, O_WRONLY | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < 5; i++) {
        (void)usleep(5000);
        if (write(fd, "abcd", 4) != 4)
            break;
    }
    (void)close(fd);
    return NULL;
}

static void streams_are_read_to_their_end(void **state)
{
    struct mapproc_source source;
    pthread_t writer;
    char data[64];
    size_t got = 0;
    int wake_fd = eventfd(0, EFD_CLOEXEC);

    (void)state;
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    /* Nobody has the other end open yet: neither opening nor reading may take that for the end. */
    assert_int_equal(mapproc_source_open(&source, path, NULL), MAPPROC_OK);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, path), 0);
    assert_int_equal(mapproc_source_read_next(&source, wake_fd, data, 12, &got, NULL), MAPPROC_OK);
    assert_int_equal(got, 12);
    assert_memory_equal(data, "abcdabcdabcd", 12);
    assert_int_equal(mapproc_source_read_next(&source, wake_fd, data, 64, &got, NULL), MAPPROC_OK);
    assert_int_equal(got, 8);
    assert_int_equal(pthread_join(writer, NULL), 0);
    mapproc_source_close(&source);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(close(wake_fd), 0);
}

static void silent_streams_can_be_left(void **state)
{
    struct mapproc_source source;
    const uint64_t one = 1;
    char data[8];
    size_t got = 0;
    int wake_fd = eventfd(0, EFD_CLOEXEC);

    (void)state;
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(mapproc_source_open(&source, path, NULL), MAPPROC_OK);
    assert_int_equal(write(wake_fd, &one, sizeof(one)), sizeof(one));
    assert_int_equal(mapproc_source_read_next(&source, wake_fd, data, sizeof(data), &got, NULL),
                     MAPPROC_CANCELLED);
    mapproc_source_close(&source);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(close(wake_fd), 0);
}

static void windows_are_aligned(void **state)
{
    static const uint64_t offsets[] = {0, 1, 4096, (2 << 20) - 1, 2 << 20, (5 << 20) + 17};
    struct mapproc_source source;
    struct mapproc_mapping mapping;
    enum { LARGE = 8 << 20 };

    (void)state;
    write_file(path, 'a', LARGE);
    open_source(&source);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_int_equal(mapproc_mapping_open(&mapping, &source, offsets[i], LARGE, false, NULL),
                         MAPPROC_OK);
        assert_int_equal(mapping.offset % MAPPROC_MAPPING_ALIGNMENT, 0);
        assert_true(mapping.offset <= offsets[i]);
        assert_int_equal(mapping.offset + mapping.length, LARGE);
        assert_int_equal((uintptr_t)mapping.address % MAPPROC_MAPPING_ALIGNMENT, 0);
        assert_int_equal(*mapproc_mapping_at(&mapping, offsets[i]), 'a');
        mapproc_mapping_close(&mapping);
    }
    mapproc_source_close(&source);
}

static int set_up(void **state)
{
    (void)state;
    if (!scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "file", path);
    (void)scratch_path(&scratch, "other", other_path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other_path);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_is_caught_and_located),
        cmocka_unit_test(threads_fault_side_by_side),
        cmocka_unit_test(foreign_sigbus_is_left_alone),
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(reading_does_not_count_as_change),
        cmocka_unit_test(reading_at_an_offset),
        cmocka_unit_test(names_that_cannot_be_opened),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(streams_are_read_to_their_end),
        cmocka_unit_test(silent_streams_can_be_left),
        cmocka_unit_test(windows_are_aligned),
    };

    return cmocka_run_group_tests_name("input", tests, set_up, tear_down);
}
