/* SPDX-License-Identifier: MIT */
/* test_atomic_faults.c - output files when each system call fails in turn, or is the last. */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "output/atomic_file.h"
#include "output_faults.h"
#include "scratch_file.h"

static struct scratch_directory scratch;
static struct mapproc_error error;

/* Names in the working directory that begin with a dot, "." and ".." not counted, and all others.
 */
static void count_names(int *temporaries, int *others)
{
    DIR *directory = opendir(".");
    struct dirent *found;

    *temporaries = *others = 0;
    assert_non_null(directory);
    while ((found = readdir(directory)) != NULL) {
        if (strncmp(found->d_name, ".out.mapproc-", 13) == 0 && strlen(found->d_name) == 29)
            *temporaries += 1;
        else if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            *others += 1;
    }
    assert_int_equal(closedir(directory), 0);
}

static bool has_content(const char *expected)
{
    char content[64] = {0};
    int fd = open("out", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, content, sizeof(content) - 1) : -1;

    if (fd >= 0)
        assert_int_equal(close(fd), 0);
    return n >= 0 && strcmp(content, expected) == 0;
}

static bool is_absent(void)
{
    struct stat status;

    return lstat("out", &status) != 0;
}

/* Writes "new text" to out, in two goes, under the faults. */
static int write_out(bool force, const struct output_faults *faults)
{
    struct mapproc_atomic_file file;
    int result;

    error = (struct mapproc_error){0};
    output_faults_arm(faults);
    result = mapproc_atomic_file_open(&file, "out", force, &error);
    if (result == MAPPROC_OK) {
        result = mapproc_atomic_file_write(&file, "new ", 4, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_write(&file, "text", 4, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_commit(&file, &error);
        else
            mapproc_atomic_file_abort(&file);
    }
    output_faults_disarm();
    return result;
}

static void assert_nothing_left(int others)
{
    int temporaries, there;

    count_names(&temporaries, &there);
    assert_int_equal(temporaries, 0);
    assert_int_equal(there, others);
}

static void put_old(void)
{
    assert_true(scratch_write("out", "old", 3));
}

static void the_order_makes_it_durable(void **state)
{
    (void)state;
    assert_int_equal(write_out(false, &(struct output_faults){0}), MAPPROC_OK);
    /* The open is of the umask. */
    assert_string_equal(output_faults.trace, "fstatat openat openat write write open close fchmod "
                                             "fsync close renameat2 fsync close ");
    assert_int_equal(write_out(true, &(struct output_faults){0}), MAPPROC_OK);
    assert_string_equal(output_faults.trace, "fstatat openat openat write write fstatat fchmod "
                                             "fsync close renameat2 fsync close ");
}

/* Failures that are no reason to lose the data. See the order above for the numbers. */
static bool is_forgiven(enum output_call call, int number, bool force)
{
    switch (call) {
    case CALL_FCHMOD:
        return true;
    case CALL_FSTATAT: /* of what is replaced, when its permissions are wanted */
        return number != 1;
    case CALL_OPEN: /* of /proc/self/status */
        return number == 6;
    case CALL_CLOSE: /* of anything but the file */
        return number != (force ? 9 : 10);
    default:
        return false;
    }
}

static void each_call_may_fail(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS};

    (void)state;
    for (int force = 0; force < 2; force++) {
        for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
            int n = 1;

            for (;; n++) {
                const struct output_faults faults = {.fail_at = n, .fail_with = errors[e]};
                int result;

                if (force)
                    put_old();
                result = write_out(force, &faults);
                if (output_faults.calls < n)
                    break; /* all have failed once */
                assert_nothing_left(is_absent() ? 0 : 1);
                if (result == MAPPROC_OK) {
                    assert_true(is_forgiven(output_faults.last, n, force));
                    assert_true(has_content("new text"));
                } else {
                    assert_false(is_forgiven(output_faults.last, n, force));
                    assert_int_equal(result, MAPPROC_FAILED);
                    assert_int_equal(error.code, MAPPROC_FAILED);
                    assert_int_equal(error.system_error, errors[e]);
                    assert_string_equal(error.path, "out");
                    if (strstr(output_faults.trace, "renameat2 fsync ") != NULL) {
                        assert_non_null(strstr(error.what, "may not survive a crash"));
                        assert_true(has_content("new text"));
                    } else {
                        assert_true(force ? has_content("old") : is_absent());
                    }
                }
                (void)unlink("out");
            }
            assert_int_equal(n, force ? 13 : 14);
            assert_int_equal(unlink("out"), 0);
        }
    }
}

/* ---- with holes, pieces and the metadata of another file ---- */

static int note_count;

static void count_note(void *user, const char *path, const char *text)
{
    (void)user;
    (void)path;
    assert_non_null(strstr(text, "cannot keep its "));
    note_count++;
}

/* Writes "new", a hole, "text" and another hole to out, with the metadata of the file "model". */
static int write_like_model(const struct output_faults *faults)
{
    const struct iovec pieces[2] = {{"te", 2}, {"xt", 2}};
    struct mapproc_atomic_file file;
    int model = open("model", O_RDONLY | O_CLOEXEC);
    int result;

    assert_true(model >= 0);
    error = (struct mapproc_error){0};
    note_count = 0;
    output_faults_arm(faults);
    result = mapproc_atomic_file_open(&file, "out", false, &error);
    if (result == MAPPROC_OK) {
        mapproc_atomic_file_keep_metadata(&file, model, count_note, NULL);
        result = mapproc_atomic_file_write(&file, "new", 3, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_skip(&file, 5, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_writev(&file, pieces, 2, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_skip(&file, 4, &error);
        if (result == MAPPROC_OK)
            result = mapproc_atomic_file_commit(&file, &error);
        else
            mapproc_atomic_file_abort(&file);
    }
    output_faults_disarm();
    assert_int_equal(close(model), 0);
    return result;
}

static bool is_like_model(void)
{
    char content[64] = {0};
    int fd = open("out", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, content, sizeof(content)) : -1;

    if (fd >= 0)
        assert_int_equal(close(fd), 0);
    return n == 16 && memcmp(content, "new\0\0\0\0\0text\0\0\0\0", 16) == 0;
}

static void put_model(void)
{
    assert_true(scratch_write("model", "old", 3));
    assert_int_equal(chmod("model", 0664), 0);
    (void)setxattr("model", "user.name", "value", 5, 0);
}

static void metadata_comes_in_an_order_that_keeps_it(void **state)
{
    struct stat status;

    (void)state;
    put_model();
    if (geteuid() == 0)
        assert_int_equal(chown("model", 12345, 23456), 0);
    assert_int_equal(write_like_model(&(struct output_faults){0}), MAPPROC_OK);
    assert_true(is_like_model());
    if (geteuid() == 0)
        assert_non_null(strstr(output_faults.trace, " fchown fchown "));
    if (getxattr("model", "user.name", NULL, 0) < 0)
        skip_because("this file system has no user attributes");
    assert_non_null(
        strstr(output_faults.trace, "fstatat openat openat write lseek writev ftruncate "));
    assert_non_null(strstr(output_faults.trace,
                           " flistxattr fgetxattr fsetxattr fgetxattr fremovexattr fchmod "
                           "futimens fsync close renameat2 fsync close "));
    assert_int_equal(stat("out", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0664);
}

/* What is lost of the metadata is told, and gives nobody more than the input did. */
static void metadata_may_fail_and_opens_nothing(void **state)
{
    static const enum output_call calls[] = {CALL_FCHOWN,      CALL_FLISTXATTR, CALL_FGETXATTR,
                                             CALL_FSETXATTR,   CALL_FCHMOD,     CALL_FUTIMENS,
                                             CALL_FREMOVEXATTR};

    (void)state;
    put_model();
    if (geteuid() != 0 || getxattr("model", "user.name", NULL, 0) < 0 ||
        chown("model", 12345, 23456) != 0)
        skip_because("needs root and a file system with user attributes");
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct output_faults faults = {0};
        bool group_is_doubtful =
            calls[i] == CALL_FCHOWN || calls[i] == CALL_FGETXATTR || calls[i] == CALL_FREMOVEXATTR;
        struct stat status;

        faults.call_errors[calls[i]] = EPERM;
        assert_int_equal(write_like_model(&faults), MAPPROC_OK);
        assert_true(is_like_model());
        assert_true(note_count > 0);
        assert_int_equal(stat("out", &status), 0);
        assert_int_equal(status.st_mode & 07777, calls[i] == CALL_FCHMOD ? 0600
                                                 : group_is_doubtful     ? 0644
                                                                         : 0664);
        assert_int_equal(unlink("out"), 0);
    }
}

static void holes_and_pieces_may_fail(void **state)
{
    static const enum output_call calls[] = {CALL_LSEEK, CALL_WRITEV, CALL_FTRUNCATE};

    (void)state;
    put_model();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct output_faults faults = {0};

        faults.call_errors[calls[i]] = ENOSPC;
        assert_int_equal(write_like_model(&faults), MAPPROC_FAILED);
        assert_int_equal(error.system_error, ENOSPC);
        assert_string_equal(error.what, "cannot write");
        assert_nothing_left(1);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_like_model(&(struct output_faults){
                             .write_most = 1, .interruptions = i == 0 ? EINTR : EAGAIN}),
                         MAPPROC_OK);
        assert_true(is_like_model());
        assert_int_equal(unlink("out"), 0);
    }
}

/* The first failure of fsync is final, although a second call would be told that all is well. */
static void a_failed_fsync_is_believed(void **state)
{
    struct output_faults faults = {0};

    (void)state;
    put_model();
    for (int i = 0; i < 2; i++) {
        faults.call_errors[CALL_FSYNC] = i == 0 ? EIO : ENOSPC;
        assert_int_equal(write_like_model(&faults), MAPPROC_FAILED);
        assert_int_equal(error.system_error, i == 0 ? EIO : ENOSPC);
        assert_null(strstr(output_faults.trace, "renameat2"));
        assert_null(strstr(strstr(output_faults.trace, "fsync ") + 1, "fsync "));
        assert_nothing_left(1);
    }
}

static void a_failed_write_is_not_committed(void **state)
{
    const struct output_faults faults = {.fail_at = 4, .fail_with = ENOSPC};
    struct mapproc_atomic_file file;

    (void)state;
    output_faults_arm(&faults);
    assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "abc", 3, NULL), MAPPROC_FAILED);
    assert_int_equal(output_faults.last, CALL_WRITE);
    assert_int_equal(mapproc_atomic_file_write(&file, "def", 3, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOSPC);
    assert_int_equal(mapproc_atomic_file_commit(&file, &error), MAPPROC_FAILED);
    output_faults_disarm();
    assert_int_equal(error.system_error, ENOSPC);
    assert_nothing_left(0);
}

static void writes_go_on_after_interruptions(void **state)
{
    static const int interruptions[] = {0, EINTR, EAGAIN};

    (void)state;
    for (int i = 0; i < 3; i++) {
        const struct output_faults faults = {.write_most = 1, .interruptions = interruptions[i]};

        assert_int_equal(write_out(false, &faults), MAPPROC_OK);
        assert_true(has_content("new text"));
        assert_int_equal(unlink("out"), 0);
    }
}

static void *read_slowly(void *argument)
{
    int fd = *(int *)argument;
    size_t total = 0;
    char buffer[4096];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        total += (size_t)n;
        (void)usleep(500);
    }
    return total == 300000 ? NULL : argument;
}

static void a_full_pipe_is_waited_for(void **state)
{
    static char data[300000];
    struct mapproc_atomic_file file;
    pthread_t thread;
    void *wrong;
    int fds[2];
    char path[32];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &fds[0]), 0);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
    assert_int_equal(mapproc_atomic_file_open(&file, path, false, NULL), MAPPROC_OK);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(fcntl(file.fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(mapproc_atomic_file_write(&file, data, sizeof(data), NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_int_equal(close(fds[0]), 0);
}

static void put_theirs(enum output_call call)
{
    if (call == CALL_RENAMEAT2)
        assert_true(scratch_write("out", "theirs", 6));
}

/* File systems without RENAME_NOREPLACE, and those without links, too. */
static void old_file_systems_do_not_overwrite_either(void **state)
{
    static const int no_rename[] = {EINVAL, ENOSYS};
    static const int no_link[] = {0, EPERM, EOPNOTSUPP};

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) {
            struct output_faults faults = {
                .call_errors = {[CALL_RENAMEAT2] = no_rename[i], [CALL_LINKAT] = no_link[j]}};

            assert_int_equal(write_out(false, &faults), MAPPROC_OK);
            assert_true(has_content("new text"));
            assert_nothing_left(1);
            assert_int_equal(unlink("out"), 0);

            faults.at_call = put_theirs;
            assert_int_equal(write_out(false, &faults), MAPPROC_REFUSED);
            assert_int_equal(error.system_error, EEXIST);
            assert_true(has_content("theirs"));
            assert_nothing_left(1);
            assert_int_equal(unlink("out"), 0);
        }
}

static void directories_need_not_know_fsync(void **state)
{
    static const int errors[] = {EINVAL, EOPNOTSUPP};

    (void)state;
    for (int i = 0; i < 2; i++) {
        /* The calls of a new file: the twelfth is the fsync of the directory. */
        const struct output_faults faults = {.fail_at = 12, .fail_with = errors[i]};

        assert_int_equal(write_out(false, &faults), MAPPROC_OK);
        assert_int_equal(output_faults.last, CALL_FSYNC);
        assert_int_equal(unlink("out"), 0);
    }
}

static void short_names_are_tried(void **state)
{
    const struct output_faults faults = {.fail_at = 3, .fail_with = ENAMETOOLONG};
    struct mapproc_atomic_file file;
    char name[101];

    (void)state;
    memset(name, 'n', 100);
    name[100] = '\0';
    output_faults_arm(&faults);
    assert_int_equal(mapproc_atomic_file_open(&file, name, false, NULL), MAPPROC_OK);
    output_faults_disarm();
    assert_int_equal(output_faults.last, CALL_OPENAT);
    assert_int_equal(strlen(file.temporary), 32 + 26);
    mapproc_atomic_file_abort(&file);
    assert_nothing_left(0);
}

static void a_taken_temporary_is_left_alone(void **state)
{
    const struct output_faults once = {.fail_at = 3, .fail_with = EEXIST};
    const struct output_faults ever = {.call_errors = {[CALL_OPENAT] = EEXIST}};

    (void)state;
    assert_int_equal(write_out(false, &once), MAPPROC_OK);
    assert_null(strstr(output_faults.trace, "unlinkat"));
    assert_int_equal(unlink("out"), 0);
    assert_int_equal(write_out(false, &ever), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EEXIST);
    assert_null(strstr(output_faults.trace, "unlinkat"));
    assert_nothing_left(0);
}

/* SIGKILL before each call: the target is what it was, or complete; one temporary may be left. */
static void killed_at_each_call(void **state)
{
    (void)state;
    for (int force = 0; force < 2; force++) {
        bool survived = false;

        for (int n = 1; !survived; n++) {
            const struct output_faults faults = {.kill_before = n};
            int status, temporaries, others;
            pid_t child;

            if (force)
                put_old();
            child = fork();
            assert_true(child >= 0);
            if (child == 0)
                _exit(write_out(force, &faults) == MAPPROC_OK ? 0 : 1);
            assert_int_equal(waitpid(child, &status, 0), child);
            survived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            assert_true(survived || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
            count_names(&temporaries, &others);
            if (has_content("new text"))
                assert_int_equal(temporaries, 0);
            else
                assert_true(force ? has_content("old") : is_absent());
            assert_true(temporaries <= 1);
            assert_true(!survived || has_content("new text"));
            assert_int_equal(system("find . -mindepth 1 -delete"), 0);
        }
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
    output_faults_disarm();
    return chdir(scratch.path) == 0 ? system("find . -mindepth 1 -delete") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_order_makes_it_durable, clear),
        cmocka_unit_test_teardown(each_call_may_fail, clear),
        cmocka_unit_test_teardown(metadata_comes_in_an_order_that_keeps_it, clear),
        cmocka_unit_test_teardown(metadata_may_fail_and_opens_nothing, clear),
        cmocka_unit_test_teardown(holes_and_pieces_may_fail, clear),
        cmocka_unit_test_teardown(a_failed_fsync_is_believed, clear),
        cmocka_unit_test_teardown(a_failed_write_is_not_committed, clear),
        cmocka_unit_test_teardown(writes_go_on_after_interruptions, clear),
        cmocka_unit_test_teardown(a_full_pipe_is_waited_for, clear),
        cmocka_unit_test_teardown(old_file_systems_do_not_overwrite_either, clear),
        cmocka_unit_test_teardown(directories_need_not_know_fsync, clear),
        cmocka_unit_test_teardown(short_names_are_tried, clear),
        cmocka_unit_test_teardown(a_taken_temporary_is_left_alone, clear),
        cmocka_unit_test_teardown(killed_at_each_call, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
