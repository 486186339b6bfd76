/* SPDX-License-Identifier: MIT */
/* test_walk.c - the walk of directory trees against find and sort, and trees that misbehave. */
#include "cmocka_all.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "input/directory_names.h"
#include "input/source.h"
#include "random.h"
#include "scratch_file.h"
#include "tree.h"

static const struct mapproc_walk_options everything;
static struct scratch_directory scratch;

/* ---- file systems that tell little, or lie ---- */

static enum { TELL_ALL, HIDE_TYPES, TELL_TWICE, FAIL_LATE } telling;
static bool told;            /* TELL_TWICE: once already. FAIL_LATE: there were names */
static const char *vanished; /* name that fstatat() does not find */

ssize_t __real_getdents64(int fd, void *buffer, size_t size);
ssize_t __wrap_getdents64(int fd, void *buffer, size_t size);
int __real_fstatat(int fd, const char *path, struct stat *status, int flags);
int __wrap_fstatat(int fd, const char *path, struct stat *status, int flags);

ssize_t __wrap_getdents64(int fd, void *buffer, size_t size)
{
    ssize_t n = __real_getdents64(fd, buffer, size);

    switch (telling) {
    case TELL_ALL:
        break;
    case HIDE_TYPES:
        for (ssize_t i = 0; i < n;) {
            struct dirent64 *found = (struct dirent64 *)((char *)buffer + i);

            found->d_type = DT_UNKNOWN;
            i += found->d_reclen;
        }
        break;
    case TELL_TWICE:
        if (n == 0 && !told) {
            told = true;
            assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
            return __real_getdents64(fd, buffer, size);
        }
        told = told && n > 0;
        break;
    case FAIL_LATE:
        if (n == 0 && told) {
            errno = EIO;
            n = -1;
        }
        told = n > 0;
        break;
    }
    return n;
}

int __wrap_fstatat(int fd, const char *path, struct stat *status, int flags)
{
    if (vanished != NULL && strcmp(path, vanished) == 0) {
        errno = ENOENT;
        return -1;
    }
    return __real_fstatat(fd, path, status, flags);
}

/* ---- trees ---- */

/* Names of bytes around '/', of quoting and of terminals, and some that are no UTF-8. */
static void make_name(struct test_random *random, char *name)
{
    static const char bytes[] = "aab0..--!*?[\\ \n\r\t'\"$\x01\x1b\x7f\x80\xff\xc3";
    size_t length = 1 + test_random_below(random, 4);

    for (size_t i = 0; i < length; i++)
        name[i] = bytes[test_random_below(random, sizeof(bytes) - 1)];
    name[length] = '\0';
}

/* Fills the directory `path`, all on their way possibly taken already. */
static void fill_directory(struct test_random *random, const char *path, int depth)
{
    size_t count = test_random_below(random, 12);

    for (size_t i = 0; i < count; i++) {
        char name[8], below[256];
        uint64_t kind = test_random_below(random, 10);

        make_name(random, name);
        (void)snprintf(below, sizeof(below), "%s/%s", path, name);
        if (kind < 4) {
            if (depth < 6 && mkdir(below, 0755) == 0)
                fill_directory(random, below, depth + 1);
        } else if (kind < 5) {
            (void)!symlink(i % 2 == 0 ? "." : "/etc/passwd", below);
        } else if (kind < 6) {
            (void)mkfifo(below, 0600);
        } else {
            int fd = open(below, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

            if (fd >= 0)
                (void)close(fd);
        }
    }
}

static void files_come_in_the_order_of_sorted_paths(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 30; round++) {
        struct walked walked;

        make_directory("tree");
        fill_directory(&random, "tree", 0);
        walked = walk_root(&everything, "tree");
        assert_files_of(&walked, "find tree -type f -print0");
        assert_int_equal(walked.error_count, 0);
        for (telling = HIDE_TYPES; telling <= TELL_TWICE; telling++) {
            struct walked again = walk_root(&everything, "tree");

            assert_same_text(&again.files, &walked.files);
            assert_same_text(&again.skipped, &walked.skipped);
            walked_free(&again);
        }
        telling = TELL_ALL;
        walked_free(&walked);
        run_command("rm -rf tree");
    }
}

static void names_around_the_slash_are_in_order(void **state)
{
    struct walked walked;

    (void)state;
    run_command(
        "mkdir -p t/a t/a- t/a.b t/a0 && touch t/a/x t/a-/x t/a.b/x t/a0/x t/a! t/a.c t/a1");
    walked = walk_root(&everything, "t");
    assert_files_of(&walked, "printf 't/%s\\0' a! a-/x a.b/x a.c a/x a0/x a1");
    walked_free(&walked);
}

static void roots_are_named_as_find_names_them(void **state)
{
    static const char *const roots[] = {
        "t", "t/", "t///", "./t", ".", "..", "t/..", "./", "/etc/alternatives", "link/", "t/b/.."};

    (void)state;
    run_command("mkdir -p here/t/b && cd here && touch f t/a t/b/c && ln -s t link");
    assert_int_equal(chdir("here"), 0);
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        struct walked walked = walk_root(&everything, roots[i]);
        char command[256];

        (void)snprintf(command, sizeof(command), "find '%s' -type f -print0", roots[i]);
        assert_files_of(&walked, command);
        walked_free(&walked);
    }
    assert_int_equal(chdir(".."), 0);
}

static void roots_may_be_anything(void **state)
{
    static const char *const roots[] = {"link", "t/b/c", "fifo", "-", "t", "link2", "t/b"};
    static const char expected[] = "link/a\0link/b/c\0t/b/c\0fifo\0-\0t/a\0t/b/c\0link2\0t/b/c";
    const struct text text = {.bytes = (char *)(uintptr_t)expected, .length = sizeof(expected)};
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b && touch t/a t/b/c && ln -s t link && ln -s fifo link2 && "
                "mkfifo fifo");
    walked = walk_roots(&everything, roots, sizeof(roots) / sizeof(roots[0]));
    assert_same_text(&walked.files, &text);
    assert_int_equal(walked.error_count, 0);
    walked_free(&walked);
}

static void roots_come_in_turn(void **state)
{
    struct mapproc_walk *walk = mapproc_walk_create(&everything, NULL);
    struct mapproc_entry entry;

    (void)state;
    run_command("mkdir -p t && touch t/a");
    assert_non_null(walk);
    for (int i = 0; i < 100; i++) { /* roots may be added after the end */
        assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
        assert_int_equal(entry.kind, MAPPROC_ENTRY_END);
        for (int j = 0; j < i; j++)
            assert_int_equal(mapproc_walk_add_root(walk, j % 2 == 0 ? "t" : "t/a", NULL),
                             MAPPROC_OK);
        for (int j = 0; j < i; j++) {
            assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
            assert_string_equal(entry.path, "t/a");
            free(entry.path);
        }
    }
    assert_int_equal(mapproc_walk_add_root(walk, "t", NULL), MAPPROC_OK);
    mapproc_walk_destroy(walk); /* with a root left */
}

/* ---- what is left out ---- */

static void what_is_no_file_is_skipped(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "t/socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct walked walked;

    (void)state;
    run_command("mkdir t && mkfifo t/fifo && ln -s . t/loop && ln -s /etc/passwd t/link && "
                "ln -s none t/dangling && touch t/file");
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(close(fd), 0);
    for (telling = TELL_ALL; telling <= HIDE_TYPES; telling++) {
        walked = walk_root(&everything, "t");
        assert_files_of(&walked, "printf 't/file\\0'");
        assert_text(&walked.skipped, "t/dangling is a symbolic link\n"
                                     "t/fifo is a FIFO\n"
                                     "t/link is a symbolic link\n"
                                     "t/loop is a symbolic link\n"
                                     "t/socket is a socket\n");
        assert_int_equal(walked.error_count, 0);
        walked_free(&walked);
    }
    telling = TELL_ALL;
}

static void devices_are_skipped(void **state)
{
    struct walked walked;

    (void)state;
    make_directory("t");
    if (mknod("t/zero", S_IFCHR | 0600, makedev(1, 5)) != 0 ||
        mknod("t/ram", S_IFBLK | 0600, makedev(1, 0)) != 0)
        skip_because("only root can make devices");
    walked = walk_root(&everything, "t");
    assert_text(&walked.skipped, "t/ram is a block device\nt/zero is a character device\n");
    assert_int_equal(walked.file_count, 0);
    walked_free(&walked);
}

static void what_matches_is_excluded(void **state)
{
    /* The pattern, and the same for find. */
    static const char *const cases[][2] = {
        {"*.o", "-name '*.o'"},
        {"b", "-name b"},
        {"b/c", "-path t/b/c"},
        {"*/c", "-path 't/*/c'"},
        {"b/*", "-path 't/b/*'"},
        {"d/", "-type d -name d"},
        {"b/d//", "-type d -path t/b/d"},
        {".*", "-mindepth 1 -name '.*'"},
        {"*", "-mindepth 1 -name '*'"},
        {"t", "-name t -mindepth 1"}, /* not the root, nor its name in the path */
        {"t/b", "-false"},
        {"/", "-false"},
        {"", "-false"},
        {"[ab]", "-name '[ab]'"},
        {"\\*", "-name '\\*'"},
    };

    (void)state;
    run_command("mkdir -p t/b/d t/d t/.git/c t/t && cd t && touch a a.o b/a.o b/c b/d/c d/b .x "
                "'*' d/d");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mapproc_walk_options options = {.excludes = &cases[i][0], .exclude_count = 1};
        static const char *const roots[] = {"t", "t/"};
        char command[256];

        for (int j = 0; j < 2; j++) {
            struct walked walked = walk_root(&options, roots[j]);

            (void)snprintf(command, sizeof(command), "find t %s -prune -o -type f -print0 2>&-",
                           cases[i][1]);
            assert_files_of(&walked, command);
            walked_free(&walked);
        }
    }
}

static void exclusions_are_told_and_add_up(void **state)
{
    static const char *const patterns[] = {"x*", "none", "b/"};
    const struct mapproc_walk_options options = {.excludes = patterns, .exclude_count = 3};
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b/c t/xd && touch t/b/c/f t/xd/f t/x t/y && ln -s . t/xl");
    walked = walk_root(&options, "t");
    assert_text(&walked.skipped, "t/b is excluded\nt/x is excluded\nt/xd is excluded\n"
                                 "t/xl is excluded\n");
    assert_files_of(&walked, "printf 't/y\\0'");
    walked_free(&walked);
}

/* ---- mounts ---- */

static bool mounted;

static int clear(void **state)
{
    (void)state;
    while (mounted && umount2("t/b/mount", MNT_DETACH) == 0)
        ;
    mounted = false;
    if (chdir(scratch.path) != 0)
        return -1;
    return system("chmod -R u+rwx . && find . -mindepth 1 -delete");
}

static void a_directory_in_itself_is_a_loop(void **state)
{
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b/mount && touch t/b/c t/z");
    mounted = mount("t", "t/b/mount", NULL, MS_BIND, NULL) == 0;
    if (!mounted)
        skip_because("bind mounts are not permitted");
    walked = walk_root(&everything, "t");
    assert_text(&walked.skipped, "t/b/mount is one of the directories above it\n");
    assert_files_of(&walked, "printf 't/%s\\0' b/c z");
    walked_free(&walked);
}

static void other_file_systems_can_be_left_out(void **state)
{
    const struct mapproc_walk_options options = {.one_file_system = true};
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b/mount && touch t/b/c t/z");
    mounted = mount("none", "t/b/mount", "tmpfs", 0, "size=1m") == 0;
    if (!mounted)
        skip_because("mounts are not permitted");
    run_command("mkdir t/b/mount/d && touch t/b/mount/d/f");
    walked = walk_root(&options, "t");
    assert_files_of(&walked, "find t -xdev -type f -print0");
    assert_text(&walked.skipped, "t/b/mount is on another file system\n");
    walked_free(&walked);
    walked = walk_root(&everything, "t");
    assert_files_of(&walked, "find t -type f -print0");
    assert_int_equal(walked.file_count, 3);
    walked_free(&walked);
    walked = walk_root(&options, "t/b/mount"); /* it is the root's file system that counts */
    assert_files_of(&walked, "printf 't/b/mount/d/f\\0'");
    walked_free(&walked);
}

/* ---- what cannot be read ---- */

static void unreadable_directories_are_errors(void **state)
{
    bool root = geteuid() == 0;
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b t/c t/d/e && touch t/a t/b/f t/c/f t/d/f && chmod 0 t/c && "
                "chmod 444 t/d");
    assert_int_equal(chmod(".", 0755), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    walked = walk_root(&everything, "t");
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_files_of(&walked, "printf 't/%s\\0' a b/f d/f");
    assert_text(&walked.errors, "t/c cannot open the directory (EACCES)\n"
                                "t/d/e cannot open the directory (EACCES)\n");
    walked_free(&walked);
    assert_int_equal(chmod("t/c", 0755), 0);
    assert_int_equal(chmod("t/d", 0755), 0);
}

static void missing_roots_are_errors(void **state)
{
    static const char *const roots[] = {"missing", "", "file/x", "file"};
    struct walked walked;

    (void)state;
    make_file("file");
    walked = walk_roots(&everything, roots, sizeof(roots) / sizeof(roots[0]));
    assert_text(&walked.errors, "missing cannot open (ENOENT)\n"
                                " cannot open (ENOENT)\n"
                                "file/x cannot open (ENOTDIR)\n");
    assert_files_of(&walked, "printf 'file\\0'");
    walked_free(&walked);
}

static void vanished_names_are_errors(void **state)
{
    struct mapproc_walk *walk = mapproc_walk_create(&everything, NULL);
    struct mapproc_entry entry;
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b t/c && touch t/a t/b/f t/d");
    assert_non_null(walk);
    assert_int_equal(mapproc_walk_add_root(walk, "t", NULL), MAPPROC_OK);
    assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
    assert_string_equal(entry.path, "t/a");
    free(entry.path);
    run_command("rm -r t/b && rmdir t/c && ln -s / t/c"); /* nobody follows that */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
        assert_int_equal(entry.kind, MAPPROC_ENTRY_ERROR);
        assert_string_equal(entry.path, i == 0 ? "t/b" : "t/c");
        assert_int_equal(entry.error.code, MAPPROC_BAD_DATA);
        assert_int_equal(entry.error.system_error, i == 0 ? ENOENT : ENOTDIR);
        free(entry.path);
    }
    assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
    assert_string_equal(entry.path, "t/d");
    free(entry.path);
    mapproc_walk_destroy(walk);

    telling = HIDE_TYPES;
    vanished = "d";
    walked = walk_root(&everything, "t");
    telling = TELL_ALL;
    vanished = NULL;
    assert_text(&walked.errors, "t/d cannot stat (ENOENT)\n");
    assert_files_of(&walked, "printf 't/a\\0'");
    walked_free(&walked);
}

static void a_directory_that_breaks_off_is_an_error(void **state)
{
    struct walked walked;

    (void)state;
    run_command("mkdir -p t/b && touch t/a t/b/f t/z");
    telling = FAIL_LATE;
    walked = walk_root(&everything, "t");
    telling = TELL_ALL;
    assert_files_of(&walked, "find t -type f -print0"); /* all that it has told */
    assert_text(&walked.errors, "t cannot read the directory (EIO)\n"
                                "t/b cannot read the directory (EIO)\n");
    walked_free(&walked);
}

/* ---- directory_names.c ---- */

static void wide_directories_are_read_whole(void **state)
{
    struct walked walked;

    (void)state;
    make_directory("t");
    for (int i = 0; i < 20000; i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "t/%d-%0*d", i * 7919 % 20011, 20 + i % 60, 0);
        make_file(path);
    }
    walked = walk_root(&everything, "t");
    assert_files_of(&walked, "find t -type f -print0");
    assert_int_equal(walked.file_count, 20000);
    walked_free(&walked);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(files_come_in_the_order_of_sorted_paths, clear),
        cmocka_unit_test_teardown(names_around_the_slash_are_in_order, clear),
        cmocka_unit_test_teardown(roots_are_named_as_find_names_them, clear),
        cmocka_unit_test_teardown(roots_may_be_anything, clear),
        cmocka_unit_test_teardown(roots_come_in_turn, clear),
        cmocka_unit_test_teardown(what_is_no_file_is_skipped, clear),
        cmocka_unit_test_teardown(devices_are_skipped, clear),
        cmocka_unit_test_teardown(what_matches_is_excluded, clear),
        cmocka_unit_test_teardown(exclusions_are_told_and_add_up, clear),
        cmocka_unit_test_teardown(a_directory_in_itself_is_a_loop, clear),
        cmocka_unit_test_teardown(other_file_systems_can_be_left_out, clear),
        cmocka_unit_test_teardown(unreadable_directories_are_errors, clear),
        cmocka_unit_test_teardown(missing_roots_are_errors, clear),
        cmocka_unit_test_teardown(vanished_names_are_errors, clear),
        cmocka_unit_test_teardown(a_directory_that_breaks_off_is_an_error, clear),
        cmocka_unit_test_teardown(wide_directories_are_read_whole, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
