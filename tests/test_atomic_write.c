/* SPDX-License-Identifier: MIT */
/* test_atomic_write.c - the bytes of output files: holes, pieces, pipes, and many files at once. */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/zeros.h"
#include "guarded_buffer.h"
#include "output/atomic_file.h"
#include "random.h"
#include "scratch_file.h"

enum { MOST = 1 << 20, BLOCK = MAPPROC_HOLE_MIN };

static struct scratch_directory scratch;
static struct mapproc_error error;
static uint8_t wanted[2 * MOST], got[2 * MOST + 1];

static int count_names(bool hidden)
{
    DIR *directory = opendir(".");
    struct dirent *found;
    int count = 0;

    assert_non_null(directory);
    while ((found = readdir(directory)) != NULL)
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            count += (found->d_name[0] == '.') == hidden;
    assert_int_equal(closedir(directory), 0);
    return count;
}

static void assert_content(const char *path, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    ssize_t n;

    assert_true(fd >= 0);
    while ((n = read(fd, got + done, sizeof(got) - done)) > 0)
        done += (size_t)n;
    assert_int_equal(close(fd), 0);
    assert_int_equal(done, size);
    assert_int_equal(memcmp(got, wanted, size), 0);
}

/* Bytes of the file that are stored. */
static uint64_t stored(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

static off_t find_first_hole(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t hole;

    assert_true(fd >= 0);
    hole = lseek(fd, 0, SEEK_HOLE);
    assert_int_equal(close(fd), 0);
    return hole;
}

/* Whether the file system under us keeps holes at all. */
static bool holes_are_kept(void)
{
    int fd = open("probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool kept;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, MOST), 0);
    assert_int_equal(close(fd), 0);
    kept = stored("probe") < MOST / 2;
    assert_int_equal(unlink("probe"), 0);
    return kept;
}

/* ---- zeros ---- */

static void zeros_are_found(void **state)
{
    struct guarded_buffer guarded = {0};

    (void)state;
    assert_int_equal(guarded_buffer_init(&guarded, 4096), 0);
    for (size_t length = 0; length < 300; length++) {
        uint8_t *bytes = guarded.end - length;

        memset(guarded.mapping, 0xff, 4096);
        memset(bytes, 0, length);
        assert_true(mapproc_is_zero(bytes, length));
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)(1 << i % 8);
            assert_false(mapproc_is_zero(bytes, length));
            bytes[i] = 0;
        }
    }
    guarded_buffer_destroy(&guarded);
}

/* Random pieces of data and zeros, by all ways to write, come out as one copy does. */
static void any_mixture_is_the_same_bytes(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 100; round++) {
        struct mapproc_atomic_file file;
        size_t size = 0;

        assert_int_equal(mapproc_atomic_file_open(&file, "out", true, NULL), MAPPROC_OK);
        for (uint64_t n = test_random_below(&random, 12); n > 0; n--) {
            size_t most = test_random_below(&random, 2) ? 100 : 2 * MOST / 12;
            size_t length = test_random_below(&random, most);
            size_t ragged = test_random_below(&random, 4) == 0 ? length % BLOCK : 0;
            uint8_t *piece = wanted + size;
            struct iovec halves[2];
            int result;

            length -= ragged;
            halves[0] = (struct iovec){piece, length / 3};
            halves[1] = (struct iovec){piece + length / 3, length - length / 3};
            memset(piece, 0, length);
            if (test_random_below(&random, 3) > 0) /* some bytes in it */
                for (uint64_t m = test_random_below(&random, 5); length > 0 && m > 0; m--)
                    piece[test_random_below(&random, length)] = (uint8_t)m;
            if (mapproc_is_zero(piece, length) && test_random_below(&random, 2))
                result = mapproc_atomic_file_skip(&file, length, &error);
            else if (test_random_below(&random, 3) == 0)
                result = mapproc_atomic_file_writev(&file, halves, 2, &error);
            else if (test_random_below(&random, 2))
                result = mapproc_atomic_file_write_sparse(&file, piece, length, &error);
            else
                result = mapproc_atomic_file_write(&file, piece, length, &error);
            assert_int_equal(result, MAPPROC_OK);
            size += length;
        }
        assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
        assert_content("out", size);
    }
}

static void zeros_take_no_room(void **state)
{
    struct mapproc_atomic_file file;

    (void)state;
    if (!holes_are_kept())
        skip_because("this file system has no holes");
    memset(wanted, 0, sizeof(wanted));
    wanted[0] = 1; /* data, zeros, and data in the last block of the first half */
    wanted[MOST - BLOCK / 2] = 1;
    assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write_sparse(&file, wanted, MOST, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_skip(&file, MOST, NULL), MAPPROC_OK); /* at the end */
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_content("out", 2 * MOST);
    assert_true(stored("out") <= 3 * BLOCK);

    assert_int_equal(mapproc_atomic_file_open(&file, "all", false, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_skip(&file, UINT64_C(1) << 40, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "x", 1, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_true(stored("all") <= BLOCK);

    /* Holes are aligned in the file, wherever the data lies. */
    assert_int_equal(mapproc_atomic_file_open(&file, "ragged", false, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "x", 1, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write_sparse(&file, wanted + 1, MOST / 2, NULL),
                     MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_int_equal(find_first_hole("ragged"), BLOCK);
}

static void too_large_holes_are_errors(void **state)
{
    static const uint64_t lengths[] = {UINT64_MAX, (uint64_t)INT64_MAX + 1, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (int data_follows = 0; data_follows < 2; data_follows++) {
            struct mapproc_atomic_file file;
            int result;

            assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
            result = mapproc_atomic_file_skip(&file, lengths[i], &error);
            if (result == MAPPROC_OK && data_follows)
                result = mapproc_atomic_file_write(&file, "x", 1, &error);
            if (result == MAPPROC_OK) /* the file system has the last word */
                result = mapproc_atomic_file_commit(&file, &error);
            else
                assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_FAILED);
            if (result != MAPPROC_OK) {
                assert_int_equal(result, MAPPROC_FAILED);
                assert_int_equal(error.system_error, EFBIG);
                assert_int_equal(count_names(true) + count_names(false), 0);
            } else {
                assert_int_equal(unlink("out"), 0);
            }
        }
}

/* A limit is seen also where it is a hole that goes beyond it. */
static void a_limit_of_file_size_stops_holes(void **state)
{
    const struct rlimit low = {.rlim_cur = 65536, .rlim_max = RLIM_INFINITY};
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    if (setrlimit(RLIMIT_FSIZE, &low) != 0)
        skip_because("the limit cannot be set");
    for (int data_follows = 0; data_follows < 2; data_follows++) {
        struct mapproc_atomic_file file;
        int result;

        assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
        result = mapproc_atomic_file_skip(&file, 65537, &error);
        if (data_follows && result == MAPPROC_OK)
            result = mapproc_atomic_file_write(&file, "x", 1, &error);
        assert_int_equal(mapproc_atomic_file_commit(&file, &error), MAPPROC_FAILED);
        assert_int_equal(error.system_error, EFBIG);
        assert_int_equal(count_names(true) + count_names(false), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

/* ---- pieces ---- */

static void any_number_of_pieces_is_written(void **state)
{
    static struct iovec pieces[3000];

    (void)state;
    for (size_t i = 0; i < sizeof(wanted); i++)
        wanted[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t count = 0; count <= 3000; count += count < 5 ? 1 : count < 140 ? 67 : 1397) {
        struct mapproc_atomic_file file;
        size_t size = 0;

        for (size_t i = 0; i < count; i++) {
            pieces[i] = (struct iovec){wanted + size, i % 5 == 3 ? 0 : i % 300};
            size += pieces[i].iov_len;
        }
        assert_int_equal(mapproc_atomic_file_open(&file, "out", true, NULL), MAPPROC_OK);
        assert_int_equal(mapproc_atomic_file_writev(&file, pieces, count, NULL), MAPPROC_OK);
        assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
        assert_content("out", size);
    }
}

/* ---- in place ---- */

static int saved_stdout;

/* Standard output becomes this descriptor, which is closed. */
static void divert_stdout(int fd)
{
    (void)fflush(stdout);
    saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(saved_stdout >= 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    assert_int_equal(close(fd), 0);
}

static void restore_stdout(void)
{
    (void)dup2(saved_stdout, STDOUT_FILENO);
    (void)close(saved_stdout);
}

/* Everything that can be done to a file goes to standard output, in order. */
static int write_to_stdout(void)
{
    struct mapproc_atomic_file file;
    struct iovec pieces[2] = {{wanted, 10}, {wanted + 10, 20}};
    int result = mapproc_atomic_file_open_stdout(&file, "stdout", &error);

    assert_int_equal(result, MAPPROC_OK);
    assert_true(mapproc_atomic_file_is_direct(&file));
    mapproc_atomic_file_keep_metadata(&file, STDIN_FILENO, NULL, NULL); /* nothing */
    result = mapproc_atomic_file_writev(&file, pieces, 2, &error);
    if (result == MAPPROC_OK)
        result = mapproc_atomic_file_skip(&file, 100000, &error);
    if (result == MAPPROC_OK)
        result = mapproc_atomic_file_write_sparse(&file, wanted + 100030, 100000, &error);
    if (result == MAPPROC_OK)
        return mapproc_atomic_file_commit(&file, &error);
    mapproc_atomic_file_abort(&file);
    return result;
}

static void *drain(void *argument)
{
    int fd = *(int *)argument;
    static size_t done;
    ssize_t n;

    done = 0;
    while ((n = read(fd, got + done, sizeof(got) - done)) > 0)
        done += (size_t)n;
    return &done;
}

static void standard_output_gets_all_bytes(void **state)
{
    pthread_t thread;
    void *size;
    int fds[2], result;

    (void)state;
    memset(wanted, 0, sizeof(wanted));
    memset(wanted, 'a', 30);
    memset(wanted + 200000, 'b', 30);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, drain, &fds[0]), 0);
    divert_stdout(fds[1]);
    result = write_to_stdout();
    restore_stdout();
    assert_int_equal(result, MAPPROC_OK);
    assert_int_equal(pthread_join(thread, &size), 0);
    assert_int_equal(*(size_t *)size, 200030);
    assert_int_equal(memcmp(got, wanted, 200030), 0);
    assert_int_equal(close(fds[0]), 0);

    /* Of a file, what was there before stays, and so do its permissions. */
    result = open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    assert_true(result >= 0);
    divert_stdout(result);
    result = write_to_stdout();
    restore_stdout();
    assert_int_equal(result, MAPPROC_OK);
    assert_content("out", 200030);
}

static void a_broken_pipe_is_told_as_such(void **state)
{
    int fds[2], result;

    (void)state;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(close(fds[0]), 0);
    divert_stdout(fds[1]);
    result = write_to_stdout();
    restore_stdout();
    assert_int_equal(result, MAPPROC_FAILED);
    assert_int_equal(error.system_error, EPIPE);
    assert_string_equal(error.path, "stdout");
    result = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(result >= 0);
    divert_stdout(result);
    result = write_to_stdout();
    restore_stdout();
    assert_int_equal(result, MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOSPC);
}

/* ---- many at once ---- */

static void places_in_the_list_are_used_again(void **state)
{
    struct mapproc_temporary *place = NULL;

    (void)state;
    for (int round = 0; round < 3; round++) {
        struct mapproc_atomic_file file;

        assert_int_equal(mapproc_atomic_file_open(&file, "out", true, NULL), MAPPROC_OK);
        assert_non_null(file.noted);
        if (round > 0)
            assert_ptr_equal(file.noted, place);
        place = file.noted;
        if (round == 1)
            assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
        else
            mapproc_atomic_file_abort(&file);
        assert_null(file.noted);
    }
}

static void all_temporaries_go_with_a_signal(void **state)
{
    (void)state;
    for (int count = 1; count <= 100; count += 33) { /* more than one block of places */
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            static struct mapproc_atomic_file files[100], late;
            char name[100][16];

            for (int i = 0; i < count; i++) {
                (void)snprintf(name[i], sizeof(name[i]), "out%d", i);
                if (mapproc_atomic_file_open(&files[i], name[i], false, NULL) != MAPPROC_OK)
                    _exit(1);
            }
            /* The places of those that are done are used again. */
            for (int i = 0; i < count; i += 2)
                if (i % 4 == 0)
                    mapproc_atomic_file_abort(&files[i]);
                else if (mapproc_atomic_file_commit(&files[i], NULL) != MAPPROC_OK)
                    _exit(2);
            for (int i = 0; i < count; i += 4)
                if (mapproc_atomic_file_open(&files[i], name[i], false, NULL) != MAPPROC_OK)
                    _exit(3);
            if (count_names(true) != count - (count + 1) / 4)
                _exit(4);
            errno = 77;
            mapproc_temporaries_remove();
            if (errno != 77)
                _exit(5);
            /* From now on there will be no more. */
            if (mapproc_atomic_file_open(&late, "late", false, NULL) != MAPPROC_FAILED)
                _exit(6);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(count_names(true), 0);
        assert_int_equal(count_names(false), (count + 1) / 4); /* those committed */
        assert_int_equal(system("find . -mindepth 1 -delete"), 0);
    }
}

static void remove_and_die(int signal_number)
{
    (void)signal_number;
    mapproc_temporaries_remove();
    _exit(0);
}

static void *write_forever(void *argument)
{
    struct mapproc_atomic_file file;

    for (;;)
        if (mapproc_atomic_file_open(&file, argument, true, NULL) == MAPPROC_OK) {
            (void)mapproc_atomic_file_write(&file, "whole", 5, NULL);
            (void)mapproc_atomic_file_commit(&file, NULL);
        }
    return NULL;
}

/* A signal comes while several threads write: what has a name is whole, and nothing else is left.
 */
static void threads_are_interrupted_anywhere(void **state)
{
    static char names[4][8] = {"a", "b", "c", "d"};

    (void)state;
    for (int round = 0; round < 40; round++) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            const struct sigaction action = {.sa_handler = remove_and_die};
            pthread_t thread;

            (void)sigaction(SIGTERM, &action, NULL);
            for (int i = 0; i < 4; i++)
                if (pthread_create(&thread, NULL, write_forever, names[i]) != 0)
                    _exit(1);
            for (;;)
                (void)pause();
        }
        for (int i = 0; i < 4; i++)
            while (access(names[i], F_OK) != 0)
                assert_int_equal(waitpid(child, &status, WNOHANG), 0);
        (void)usleep((useconds_t)(round * 37 % 1000));
        assert_int_equal(kill(child, SIGTERM), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(count_names(true), 0);
        memcpy(wanted, "whole", 5);
        for (int i = 0; i < 4; i++)
            assert_content(names[i], 5);
        assert_int_equal(system("find . -mindepth 1 -delete"), 0);
    }
}

static int enter_scratch(void **state)
{
    (void)state;
    return scratch_directory_make(&scratch) && chdir(scratch.path) == 0 ? 0 : -1;
}

static int leave_scratch(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(scratch.path) == 0 ? 0 : -1;
}

static int clear(void **state)
{
    (void)state;
    return chdir(scratch.path) == 0 ? system("find . -mindepth 1 -delete") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(zeros_are_found, clear),
        cmocka_unit_test_teardown(any_mixture_is_the_same_bytes, clear),
        cmocka_unit_test_teardown(zeros_take_no_room, clear),
        cmocka_unit_test_teardown(too_large_holes_are_errors, clear),
        cmocka_unit_test_teardown(a_limit_of_file_size_stops_holes, clear),
        cmocka_unit_test_teardown(any_number_of_pieces_is_written, clear),
        cmocka_unit_test_teardown(standard_output_gets_all_bytes, clear),
        cmocka_unit_test_teardown(a_broken_pipe_is_told_as_such, clear),
        cmocka_unit_test_teardown(places_in_the_list_are_used_again, clear),
        cmocka_unit_test_teardown(all_temporaries_go_with_a_signal, clear),
        cmocka_unit_test_teardown(threads_are_interrupted_anywhere, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
