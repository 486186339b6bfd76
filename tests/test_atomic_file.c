/* SPDX-License-Identifier: MIT */
/* test_atomic_file.c - output files: what they replace, what they are, and what is left over. */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "output/atomic_file.h"
#include "scratch_file.h"

static struct scratch_directory scratch;
static struct mapproc_error error;
static bool mounted;

/* ---- helpers ---- */

/* Names in a directory but "." and ".."; `hidden`: only those that begin with a dot. */
static int count_names(const char *path, bool hidden)
{
    DIR *directory = opendir(path);
    struct dirent *found;
    int count = 0;

    assert_non_null(directory);
    while ((found = readdir(directory)) != NULL)
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
            count += !hidden || found->d_name[0] == '.';
    assert_int_equal(closedir(directory), 0);
    return count;
}

static void assert_content(const char *path, const char *expected)
{
    char content[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, content, sizeof(content) - 1);

    assert_true(n >= 0);
    content[n] = '\0';
    assert_string_equal(content, expected);
    assert_int_equal(close(fd), 0);
}

static void put(const char *path, const char *content, mode_t mode)
{
    assert_true(scratch_write(path, content, strlen(content)));
    assert_int_equal(chmod(path, mode), 0);
}

/* Writes a file in one go. Returns the first result that is not MAPPROC_OK. */
static int write_file(const char *path, bool force, const char *content)
{
    struct mapproc_atomic_file file;
    int result = mapproc_atomic_file_open(&file, path, force, &error);

    if (result != MAPPROC_OK)
        return result;
    result = mapproc_atomic_file_write(&file, content, strlen(content), &error);
    if (result != MAPPROC_OK)
        mapproc_atomic_file_abort(&file);
    else
        result = mapproc_atomic_file_commit(&file, &error);
    return result;
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* ---- what becomes of it ---- */

static void a_new_file_has_the_mode_of_any(void **state)
{
    static const mode_t masks[] = {022, 077, 0, 027, 0777};
    mode_t before = umask(0);

    (void)state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        (void)umask(masks[i]);
        assert_int_equal(write_file("new", false, "content"), MAPPROC_OK);
        assert_int_equal(umask(before), masks[i]);
        assert_int_equal(mode_of("new"), 0666 & ~masks[i]);
        assert_int_equal(chmod("new", 0600), 0);
        assert_content("new", "content");
        assert_int_equal(count_names(".", false), 1);
        assert_int_equal(unlink("new"), 0);
    }
    (void)umask(before);
}

static void nothing_shows_before_commit(void **state)
{
    struct mapproc_atomic_file file;
    struct stat status;

    (void)state;
    assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "abc", 3, NULL), MAPPROC_OK);
    assert_false(exists("out"));
    assert_int_equal(count_names(".", true), 1);
    assert_int_equal(strncmp(file.temporary, ".out.mapproc-", 13), 0);
    assert_int_equal(strspn(file.temporary + 13, "0123456789abcdef"), 16);
    assert_int_equal(strlen(file.temporary), 29);
    assert_int_equal(stat(file.temporary, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, 3);
    assert_int_equal(mapproc_atomic_file_write(&file, "", 0, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "def", 3, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_content("out", "abcdef");
    assert_int_equal(count_names(".", false), 1);
    mapproc_atomic_file_abort(&file); /* too late to harm */
    assert_content("out", "abcdef");
}

static void abort_leaves_nothing(void **state)
{
    struct mapproc_atomic_file file = MAPPROC_ATOMIC_FILE_CLOSED;

    (void)state;
    mapproc_atomic_file_abort(&file); /* never opened */
    put("old", "old", 0640);
    for (int force = 0; force < 2; force++) {
        assert_int_equal(mapproc_atomic_file_open(&file, force ? "old" : "new", force, NULL),
                         MAPPROC_OK);
        assert_int_equal(mapproc_atomic_file_write(&file, "abc", 3, NULL), MAPPROC_OK);
        mapproc_atomic_file_abort(&file);
        mapproc_atomic_file_abort(&file);
        assert_int_equal(count_names(".", false), 1);
        assert_content("old", "old");
    }
}

/* ---- what is there already ---- */

static void a_file_is_replaced_only_by_force(void **state)
{
    struct mapproc_atomic_file file;

    (void)state;
    put("old", "old", 04751);
    assert_int_equal(write_file("old", false, "new"), MAPPROC_REFUSED);
    assert_int_equal(error.system_error, EEXIST);
    assert_string_equal(error.path, "old");
    assert_content("old", "old");

    assert_int_equal(mapproc_atomic_file_open(&file, "old", true, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_write(&file, "new", 3, NULL), MAPPROC_OK);
    assert_content("old", "old");
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_content("old", "new");
    assert_int_equal(mode_of("old"), 0751); /* who writes new content does not make it setuid */
    assert_int_equal(count_names(".", false), 1);
}

static void what_appears_meanwhile_is_not_overwritten(void **state)
{
    struct mapproc_atomic_file file;

    (void)state;
    assert_int_equal(mapproc_atomic_file_open(&file, "out", false, NULL), MAPPROC_OK);
    put("out", "theirs", 0600);
    assert_int_equal(mapproc_atomic_file_commit(&file, &error), MAPPROC_REFUSED);
    assert_int_equal(error.system_error, EEXIST);
    assert_content("out", "theirs");
    assert_int_equal(count_names(".", false), 1);
}

static void owner_and_group_are_kept(void **state)
{
    struct stat status;

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can give files away");
    put("old", "old", 0640);
    assert_int_equal(chown("old", 12345, 23456), 0);
    assert_int_equal(write_file("old", true, "new"), MAPPROC_OK);
    assert_int_equal(stat("old", &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(status.st_gid, 23456);
    assert_int_equal(status.st_mode & 07777, 0640);

    /* Somebody else's file in a directory of all: what was for its group is not for another. */
    assert_int_equal(chmod("old", 0664), 0);
    assert_int_equal(chmod(".", 0777), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(write_file("old", true, "newer"), MAPPROC_OK);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(stat("old", &status), 0);
    assert_int_equal(status.st_uid, 65534);
    assert_int_equal(status.st_mode & 07777, 0644);
}

static void links_stand_for_themselves(void **state)
{
    mode_t mask = umask(022);
    char to[64];

    (void)state;
    put("target", "target", 0600);
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(symlink("none", "dangling"), 0);
    for (int i = 0; i < 2; i++) {
        const char *link = i == 0 ? "link" : "dangling";

        assert_int_equal(write_file(link, false, "new"), MAPPROC_REFUSED);
        assert_int_equal(error.system_error, EEXIST);
        assert_true(readlink(link, to, sizeof(to)) > 0);
        assert_int_equal(write_file(link, true, "new"), MAPPROC_OK);
        assert_true(readlink(link, to, sizeof(to)) < 0);
        assert_content(link, "new");
        assert_int_equal(mode_of(link), 0644); /* a new file, not one like the link */
        assert_content("target", "target");
        assert_false(exists("none"));
    }
    (void)umask(mask);
}

static void what_is_no_file_is_refused(void **state)
{
    static const char *const paths[] = {"d", "d/", "to-d", ".", "..", "d/.", "", "/", "new/", "s"};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(symlink("d", "to-d"), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        for (int force = 0; force < 2; force++) {
            assert_int_equal(write_file(paths[i], force, "new"), MAPPROC_REFUSED);
            assert_string_equal(error.path, paths[i]);
        }
    assert_int_equal(count_names(".", false), 3);
    assert_int_equal(count_names("d", false), 0);
}

/* ---- what is written in place ---- */

static void devices_are_written_in_place(void **state)
{
    (void)state;
    assert_int_equal(symlink("/dev/null", "null"), 0);
    assert_int_equal(write_file("/dev/null", false, "gone"), MAPPROC_OK);
    assert_int_equal(write_file("null", false, "gone"), MAPPROC_OK);
    assert_int_equal(write_file("null", true, "gone"), MAPPROC_OK);
    assert_int_equal(count_names(".", false), 1);
    assert_int_equal(write_file("/dev/full", false, "lost"), MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOSPC);
    assert_string_equal(error.path, "/dev/full");
}

static void *read_fifo(void *argument)
{
    char *content = argument;
    int fd = open("fifo", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    while ((n = read(fd, content, 64 * 1024)) > 0)
        content += n;
    *content = '\0';
    (void)close(fd);
    return NULL;
}

static void fifos_are_written_in_place(void **state)
{
    static char written[300001], got[400000];
    pthread_t thread;

    (void)state;
    memset(written, 'w', sizeof(written) - 1);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_fifo, got), 0);
    assert_int_equal(write_file("fifo", false, written), MAPPROC_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(got, written);
    assert_int_equal(count_names(".", false), 1);
}

/* Writes to /dev/stdout while standard output is `fd`, which is closed. */
static int write_stdout(int fd)
{
    int result, saved = dup(STDOUT_FILENO);

    assert_true(fd >= 0 && saved >= 0);
    assert_int_equal(fflush(stdout), 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    assert_int_equal(close(fd), 0);
    result = write_file("/dev/stdout", false, "text");
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    assert_int_equal(close(saved), 0);
    return result;
}

static void standard_output_is_written_in_place(void **state)
{
    char text[8] = {0};
    int fds[2];

    (void)state;
    put("log", "before ", 0600);
    assert_int_equal(write_stdout(open("log", O_WRONLY | O_APPEND | O_CLOEXEC)), MAPPROC_OK);
    assert_content("log", "before text");
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write_stdout(fds[1]), MAPPROC_OK);
    assert_int_equal(read(fds[0], text, sizeof(text)), 4);
    assert_string_equal(text, "text");
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0); /* which open() cannot open */
    assert_int_equal(write_stdout(fds[1]), MAPPROC_OK);
    assert_int_equal(read(fds[0], text, sizeof(text)), 4);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(write_stdout(open("/dev/null", O_WRONLY | O_CLOEXEC)), MAPPROC_OK);
    assert_int_equal(count_names(".", false), 1);
}

/* ---- names ---- */

static void hostile_names_are_names(void **state)
{
    static const char *const names[] = {"-rf",   "new\nline", "\xff\xfe\x80", " ",    "\x1b[31m",
                                        "a'b\"", ".hidden",   "...",          "%s%n", "*"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[SCRATCH_PATH_MAX];

        (void)scratch_path(&scratch, names[i], path);
        assert_int_equal(write_file(names[i], false, "relative"), MAPPROC_OK);
        assert_int_equal(write_file(path, true, "absolute"), MAPPROC_OK);
        assert_content(names[i], "absolute");
        assert_int_equal(unlink(names[i]), 0);
    }
    assert_int_equal(count_names(".", false), 0);
}

static void long_names_fit(void **state)
{
    char name[NAME_MAX + 2];

    (void)state;
    for (size_t length = 200; length <= NAME_MAX; length++) {
        struct mapproc_atomic_file file;
        const char *rest;

        for (size_t i = 0; i < length; i++) /* of characters of three bytes */
            name[i] = "\xe2\x82\xac"[i % 3];
        memset(name + length - length % 3, 'x', length % 3);
        name[length] = '\0';
        assert_int_equal(mapproc_atomic_file_open(&file, name, false, NULL), MAPPROC_OK);
        rest = strchr(file.temporary + 1, '.');
        assert_non_null(rest);
        if (length > 230) /* with 230, one of the x is kept */
            assert_int_equal((rest - file.temporary - 1) % 3, 0); /* no character is cut */
        assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
        assert_int_equal(unlink(name), 0);
    }
    memset(name, 'x', NAME_MAX + 1);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(write_file(name, false, ""), MAPPROC_FAILED); /* before the work, not after */
    assert_int_equal(error.system_error, ENAMETOOLONG);
    assert_int_equal(count_names(".", false), 0);
}

/* ---- no room, no right ---- */

static void directories_must_be_there_and_open(void **state)
{
    (void)state;
    put("file", "", 0600);
    assert_int_equal(write_file("none/out", false, ""), MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOENT);
    assert_int_equal(write_file("file/out", false, ""), MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOTDIR);
    assert_int_equal(mkdir("d", 0555), 0);
    assert_int_equal(chmod(".", 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(write_file("d/out", false, ""), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EACCES);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(count_names("d", false), 0);
}

static void a_limit_of_file_size_is_an_error(void **state)
{
    struct rlimit before, limit;
    static char data[100000];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 65536, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    memset(data, 'd', sizeof(data) - 1);
    put("old", "old", 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(write_file("new", false, data), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EFBIG);
    assert_int_equal(write_file("old", true, data), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_content("old", "old");
    assert_int_equal(count_names(".", false), 1);
}

static void a_full_file_system_is_an_error(void **state)
{
    static char data[3 << 20];

    (void)state;
    assert_int_equal(mkdir("mount", 0755), 0);
    mounted = mount("none", "mount", "tmpfs", 0, "size=1m") == 0;
    if (!mounted)
        skip_because("mounts are not permitted");
    memset(data, 'd', sizeof(data) - 1);
    put("mount/old", "old", 0600);
    for (int force = 0; force < 2; force++) {
        const char *path = force ? "mount/old" : "mount/new";

        assert_int_equal(write_file(path, force, data), MAPPROC_FAILED);
        assert_int_equal(error.system_error, ENOSPC);
        assert_string_equal(error.path, path);
        assert_content("mount/old", "old");
        assert_int_equal(count_names("mount", false), 1);
    }
    assert_int_equal(mount("none", "mount", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(write_file("mount/new", false, ""), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EROFS);
    assert_int_equal(count_names("mount", false), 1);
}

/* ---- signals ---- */

static void remove_and_die(int signal_number)
{
    (void)signal_number;
    mapproc_temporaries_remove();
    _exit(0);
}

static void a_signal_can_clean_up_at_any_time(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            const struct sigaction action = {.sa_handler = remove_and_die};
            struct mapproc_atomic_file interrupted;

            (void)sigaction(SIGTERM, &action, NULL);
            for (;;)
                if (mapproc_atomic_file_open(&interrupted, "out", true, NULL) != MAPPROC_OK ||
                    mapproc_atomic_file_write(&interrupted, "whole", 5, NULL) != MAPPROC_OK ||
                    mapproc_atomic_file_commit(&interrupted, NULL) != MAPPROC_OK)
                    _exit(1);
        }
        while (!exists("out"))
            assert_int_equal(waitpid(child, &status, WNOHANG), 0);
        (void)usleep((useconds_t)(round * 7 % 500));
        assert_int_equal(kill(child, SIGTERM), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_content("out", "whole");
        assert_int_equal(count_names(".", false), 1);
        assert_int_equal(unlink("out"), 0);
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
    if (mounted && umount2("mount", MNT_DETACH) != 0)
        return -1;
    mounted = false;
    return chdir(scratch.path) == 0 ? system("find . -mindepth 1 -delete") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_new_file_has_the_mode_of_any, clear),
        cmocka_unit_test_teardown(nothing_shows_before_commit, clear),
        cmocka_unit_test_teardown(abort_leaves_nothing, clear),
        cmocka_unit_test_teardown(a_file_is_replaced_only_by_force, clear),
        cmocka_unit_test_teardown(what_appears_meanwhile_is_not_overwritten, clear),
        cmocka_unit_test_teardown(owner_and_group_are_kept, clear),
        cmocka_unit_test_teardown(links_stand_for_themselves, clear),
        cmocka_unit_test_teardown(what_is_no_file_is_refused, clear),
        cmocka_unit_test_teardown(devices_are_written_in_place, clear),
        cmocka_unit_test_teardown(fifos_are_written_in_place, clear),
        cmocka_unit_test_teardown(standard_output_is_written_in_place, clear),
        cmocka_unit_test_teardown(hostile_names_are_names, clear),
        cmocka_unit_test_teardown(long_names_fit, clear),
        cmocka_unit_test_teardown(directories_must_be_there_and_open, clear),
        cmocka_unit_test_teardown(a_limit_of_file_size_is_an_error, clear),
        cmocka_unit_test_teardown(a_full_file_system_is_an_error, clear),
        cmocka_unit_test_teardown(a_signal_can_clean_up_at_any_time, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
