/* SPDX-License-Identifier: MIT */
/* test_output_metadata.c - what an output file keeps of its input, and what it must not. */
#include "cmocka_all.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "file_time.h"
#include "input/source.h"
#include "input/source_removal.h"
#include "output/atomic_file.h"
#include "output/directories.h"
#include "scratch_file.h"

static struct scratch_directory scratch;
static struct mapproc_error error;
static char notes[2000];

static void take_note(void *user, const char *path, const char *text)
{
    assert_string_equal(path, "out");
    assert_ptr_equal(user, &scratch);
    assert_null(strchr(text, '\n'));
    (void)strncat(notes, text, sizeof(notes) - strlen(notes) - 2);
    (void)strcat(notes, ";");
}

/* Writes "out" with the metadata of "in". */
static int copy(void)
{
    struct mapproc_atomic_file file;
    int fd = open("in", O_RDONLY | O_CLOEXEC);
    int result;

    notes[0] = '\0';
    assert_true(fd >= 0);
    result = mapproc_atomic_file_open(&file, "out", true, &error);
    assert_int_equal(result, MAPPROC_OK);
    mapproc_atomic_file_keep_metadata(&file, fd, take_note, &scratch);
    assert_int_equal(mapproc_atomic_file_write(&file, "new", 3, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_skip(&file, 100000, NULL), MAPPROC_OK);
    result = mapproc_atomic_file_commit(&file, &error);
    assert_int_equal(close(fd), 0);
    return result;
}

static struct stat status_of(const char *path)
{
    struct stat status;

    assert_int_equal(lstat(path, &status), 0);
    return status;
}

static void put(const char *path, mode_t mode)
{
    (void)unlink(path); /* which may be one that only root can write to */
    assert_true(scratch_write(path, "content", 7));
    assert_int_equal(chmod(path, mode), 0);
}

/* ---- mode and times ---- */

static void mode_and_times_are_kept(void **state)
{
    static const mode_t modes[] = {0600, 0644, 0755, 0400, 0, 0777, 04755, 02755, 06711, 01644};
    const struct timespec times[2] = {{1234567890, 123456789}, {987654321, 987654321}};
    mode_t before = umask(077);

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct stat in, out;
        int fd;

        put("in", modes[i] | 0400);
        fd = open("in", O_RDONLY | O_NOATIME | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, modes[i]), 0);
        assert_int_equal(futimens(fd, times), 0);
        assert_int_equal(close(fd), 0);
        if (geteuid() != 0 && !(modes[i] & 0400))
            continue;
        assert_int_equal(copy(), MAPPROC_OK);
        in = status_of("in");
        out = status_of("out");
        assert_string_equal(notes, "");
        assert_int_equal(out.st_mode & 07777, modes[i] & 06777); /* no sticky bit on files */
        assert_memory_equal(&out.st_mtim, &in.st_mtim, sizeof(in.st_mtim));
        assert_memory_equal(&out.st_atim, &in.st_atim, sizeof(in.st_atim));
        assert_int_equal(out.st_mtim.tv_nsec, 987654321);
        assert_int_equal(out.st_size, 100003);
        assert_int_equal(unlink("in"), 0);
    }
    (void)umask(before);
}

static void owner_and_group_are_kept(void **state)
{
    struct stat out;

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can give files away");
    put("in", 0);
    assert_int_equal(chown("in", 12345, 23456), 0);
    assert_int_equal(chmod("in", 06750), 0);
    put("out", 0666); /* what is replaced does not count */
    assert_int_equal(copy(), MAPPROC_OK);
    out = status_of("out");
    assert_string_equal(notes, "");
    assert_int_equal(out.st_uid, 12345);
    assert_int_equal(out.st_gid, 23456);
    assert_int_equal(out.st_mode & 07777, 06750);
}

/* Runs it as a user who may not give files away, with what belongs to somebody else. */
static int copy_as_nobody(mode_t mode)
{
    int status;
    pid_t child;

    put("in", 0644);
    assert_int_equal(chown("in", 12345, 23456), 0);
    assert_int_equal(chmod("in", mode), 0);
    assert_int_equal(chmod(".", 0777), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(54321, 54321, 54321) != 0 ||
            setresuid(54321, 54321, 54321) != 0)
            _exit(1);
        if (copy() != MAPPROC_OK)
            _exit(2);
        _exit(strstr(notes, "owner: ") != NULL && strstr(notes, "group: ") != NULL ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void others_files_are_not_opened_up(void **state)
{
    /* Setuid and setgid go, and the group keeps only what everybody has. */
    static const mode_t modes[][2] = {{0644, 0644}, {0664, 0644},  {0674, 0644},  {0604, 0604},
                                      {0606, 0606}, {06775, 0755}, {04755, 0755}, {02757, 0757}};

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can become two other users");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(copy_as_nobody(modes[i][0]), 0);
        assert_int_equal(status_of("out").st_mode & 07777, modes[i][1]);
        assert_int_equal(status_of("out").st_uid, 54321);
        assert_int_equal(unlink("out"), 0);
    }
}

/* ---- attributes ---- */

static bool can_have_attributes(void)
{
    put("probe", 0600);
    return setxattr("probe", "user.probe", "x", 1, 0) == 0;
}

/* Gives a file an attribute. False without room, of which ext4 with blocks of 1 KiB has little. */
static bool give(const char *path, const char *name, const void *value, size_t size)
{
    if (setxattr(path, name, value, size, 0) == 0)
        return true;
    if (errno != ENOSPC)
        fail_msg("%s: %s", name, strerror(errno));
    return false;
}

static void attributes_are_kept(void **state)
{
    static char large[4000], got[sizeof(large)];
    char name[64];
    bool room;

    (void)state;
    if (!can_have_attributes())
        skip_because("this file system has no user attributes");
    put("in", 0600);
    memset(large, 'l', sizeof(large));
    room = give("in", "user.large", large, 1500) && give("in", "user.empty", "", 0) &&
           give("in", "user.binary", "a\0b\n", 4);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "user.number %d", i);
        room = room && give("in", name, name, strlen(name));
    }
    if (!room)
        skip_because("this file system has no room for so many attributes");
    assert_int_equal(chmod("in", 0444), 0); /* attributes come before the permissions */
    assert_int_equal(copy(), MAPPROC_OK);
    assert_string_equal(notes, "");
    assert_int_equal(getxattr("out", "user.large", got, sizeof(got)), 1500);
    assert_memory_equal(got, large, 1500);
    assert_int_equal(getxattr("out", "user.empty", got, sizeof(got)), 0);
    assert_int_equal(getxattr("out", "user.binary", got, sizeof(got)), 4);
    assert_memory_equal(got, "a\0b\n", 4);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "user.number %d", i);
        assert_int_equal(getxattr("out", name, got, sizeof(got)), strlen(name));
    }
}

static void some_attributes_are_left_behind(void **state)
{
    static const char capability[20] = {0, 0, 0, 2, 0, 4};
    char got[64];

    (void)state;
    if (geteuid() != 0 || !can_have_attributes())
        skip_because("only root can make those attributes");
    put("in", 0755);
    if (setxattr("in", "security.capability", capability, sizeof(capability), 0) != 0 ||
        setxattr("in", "trusted.overlay.opaque", "y", 1, 0) != 0 ||
        setxattr("in", "trusted.other", "y", 1, 0) != 0)
        skip_because("such attributes cannot be made here");
    (void)setxattr("in", "security.ima", "\1hash", 5, 0);
    assert_int_equal(copy(), MAPPROC_OK);
    assert_true(getxattr("out", "trusted.overlay.opaque", got, sizeof(got)) < 0);
    assert_true(getxattr("out", "security.ima", got, sizeof(got)) < 0);
    assert_int_equal(getxattr("out", "trusted.other", got, sizeof(got)), 1);
    assert_int_equal(getxattr("out", "security.capability", got, sizeof(got)), 20);
}

/* ---- access control lists ---- */

/* As the kernel has it in its attribute (linux/posix_acl_xattr.h), little-endian. */
struct acl {
    uint32_t version;
    struct {
        uint16_t tag, rights;
        uint32_t id;
    } entries[5];
};

#define ACL_WITH(group, named, mask, others)                                                       \
    {                                                                                              \
        2,                                                                                         \
        {                                                                                          \
            {0x01, 6, UINT32_MAX}, {0x02, named, 12345}, {0x04, group, UINT32_MAX},                \
                {0x10, mask, UINT32_MAX}, {0x20, others, UINT32_MAX},                              \
        }                                                                                          \
    }

static const char acl_name[] = "system.posix_acl_access";

static bool can_have_acls(void)
{
    static const struct acl acl = ACL_WITH(0, 4, 4, 0);

    put("probe", 0600);
    return setxattr("probe", acl_name, &acl, sizeof(acl), 0) == 0;
}

static void lists_are_kept(void **state)
{
    static const struct acl acl = ACL_WITH(0, 6, 6, 0);
    struct acl got;

    (void)state;
    if (!can_have_acls())
        skip_because("this file system has no access control lists");
    put("in", 0600);
    assert_int_equal(setxattr("in", acl_name, &acl, sizeof(acl), 0), 0);
    assert_int_equal(status_of("in").st_mode & 0777, 0660);
    assert_int_equal(copy(), MAPPROC_OK);
    assert_string_equal(notes, "");
    assert_int_equal(getxattr("out", acl_name, &got, sizeof(got)), sizeof(got));
    assert_memory_equal(&got, &acl, sizeof(acl));
    assert_int_equal(status_of("out").st_mode & 0777, 0660);
}

/* The directory's list for new files must not come to life when the file gets its permissions. */
static void lists_of_the_directory_do_not_open_it(void **state)
{
    static const struct acl acl = ACL_WITH(7, 7, 7, 0);

    (void)state;
    if (!can_have_acls())
        skip_because("this file system has no access control lists");
    assert_int_equal(setxattr(".", "system.posix_acl_default", &acl, sizeof(acl), 0), 0);
    put("in", 0640);
    (void)removexattr("in", acl_name);
    assert_int_equal(chmod("in", 0640), 0);
    assert_int_equal(copy(), MAPPROC_OK);
    assert_string_equal(notes, "");
    assert_true(getxattr("out", acl_name, NULL, 0) < 0);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(status_of("out").st_mode & 0777, 0640);
    assert_int_equal(removexattr(".", "system.posix_acl_default"), 0);
}

/* ---- after all that: the input goes ---- */

static struct mapproc_identity identity_of(const char *path)
{
    struct mapproc_source source;
    struct mapproc_identity identity;

    assert_int_equal(mapproc_source_open(&source, path, NULL), MAPPROC_OK);
    identity = source.identity;
    mapproc_source_close(&source);
    return identity;
}

static void an_unchanged_input_is_removed(void **state)
{
    char path[SCRATCH_PATH_MAX];
    struct mapproc_identity identity;

    (void)state;
    put("in", 0644);
    identity = identity_of("in");
    assert_int_equal(mapproc_source_remove("in", &identity, &error), MAPPROC_OK);
    assert_true(access("in", F_OK) != 0);
    assert_int_equal(mapproc_source_remove("in", &identity, &error), MAPPROC_BAD_DATA);
    assert_int_equal(error.system_error, ENOENT);

    assert_int_equal(mkdir("sub", 0700), 0);
    put("sub/in", 0644);
    identity = identity_of("sub/in");
    assert_int_equal(mapproc_source_remove("sub//in", &identity, &error), MAPPROC_OK);
    assert_true(access("sub/in", F_OK) != 0);
    put("sub/in", 0644);
    identity = identity_of("sub/in");
    assert_int_equal(
        mapproc_source_remove(scratch_path(&scratch, "sub/in", path), &identity, &error),
        MAPPROC_OK);
}

static void a_changed_input_is_not_removed(void **state)
{
    const struct timespec times[2] = {{1, 0}, {2, 0}};
    struct mapproc_identity identity, other;
    int fd;

    (void)state;
    for (int what = 0; what < 6; what++) {
        put("in", 0644);
        put("else", 0644);
        identity = identity_of("in");
        other = identity_of("else");
        let_file_time_pass(".");
        fd = open("in", O_RDWR | O_APPEND | O_CLOEXEC);
        assert_true(fd >= 0);
        switch (what) {
        case 0:
            assert_int_equal(write(fd, "x", 1), 1);
            break;
        case 1:
            assert_int_equal(pwrite(fd, "C", 1, 0), 1);
            assert_int_equal(ftruncate(fd, 7), 0);
            break;
        case 2:
            assert_int_equal(futimens(fd, times), 0);
            break;
        case 3:
            assert_int_equal(fchmod(fd, 0600), 0);
            break;
        case 4:
            assert_int_equal(rename("else", "in"), 0);
            break;
        default:
            identity = other;
        }
        assert_int_equal(close(fd), 0);
        assert_int_equal(mapproc_source_remove("in", &identity, &error), MAPPROC_BAD_DATA);
        assert_non_null(strstr(error.what, "was not removed"));
        assert_int_equal(access("in", F_OK), 0);
    }
}

static void only_the_file_itself_is_removed(void **state)
{
    struct mapproc_identity identity;

    (void)state;
    put("in", 0644);
    assert_int_equal(symlink("in", "link"), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    identity = identity_of("link");
    assert_int_equal(mapproc_source_remove("link", &identity, &error), MAPPROC_REFUSED);
    assert_int_equal(mapproc_source_remove("sub", &identity, &error), MAPPROC_REFUSED);
    assert_int_equal(mapproc_source_remove("no/in", &identity, &error), MAPPROC_BAD_DATA);
    assert_int_equal(access("in", F_OK), 0);
    assert_int_equal(access("link", F_OK), 0);
}

/* ---- directories of a mirrored tree ---- */

static int make(const char *root, const char *relative, const char *model)
{
    int fd = -1;
    int result = mapproc_directories_make(root, relative, model, &fd, &error);

    if (result == MAPPROC_OK) {
        struct stat opened, there;
        char path[600];

        (void)snprintf(path, sizeof(path), "%s/%s", root, relative);
        assert_int_equal(fstat(fd, &opened), 0);
        assert_int_equal(stat(path, &there), 0);
        assert_int_equal(opened.st_ino, there.st_ino);
        assert_int_equal(close(fd), 0);
    }
    return result;
}

static void a_tree_is_mirrored(void **state)
{
    mode_t before = umask(022);

    (void)state;
    assert_int_equal(mkdir("tree", 0750), 0);
    assert_int_equal(mkdir("tree/a", 0700), 0);
    assert_int_equal(mkdir("tree/a/b", 0777), 0);
    assert_int_equal(chmod("tree/a/b", 01777), 0);
    assert_int_equal(mkdir("tree/a/b/c", 0500), 0);
    assert_int_equal(make("to", "a/b/c", "tree"), MAPPROC_OK);
    assert_int_equal(status_of("to").st_mode & 07777, 0750);
    assert_int_equal(status_of("to/a").st_mode & 07777, 0700);
    assert_int_equal(status_of("to/a/b").st_mode & 07777, 0755);
    assert_int_equal(status_of("to/a/b/c").st_mode & 07777, 0700);
    assert_int_equal(make("to", "a/b/c", "tree"), MAPPROC_OK);     /* they are there */
    assert_int_equal(make("to", "a//./x/y/", "tree"), MAPPROC_OK); /* no models of these */
    assert_int_equal(status_of("to/a/x").st_mode & 07777, 0755);
    assert_int_equal(status_of("to/a/x/y").st_mode & 07777, 0755);
    assert_int_equal(make("to", "", NULL), MAPPROC_OK);
    assert_int_equal(make("other", "", "no such model"), MAPPROC_OK);
    assert_int_equal(status_of("other").st_mode & 07777, 0755);
    (void)umask(before);
}

static void nothing_leads_out_of_a_mirror(void **state)
{
    static const char *const bad[] = {"..",   "../x",   "a/../../x", "a/..", "/etc",
                                      "link", "link/x", "a/link/x",  "file", "file/x"};
    char name[400];

    (void)state;
    assert_int_equal(make("to", "a", NULL), MAPPROC_OK);
    assert_int_equal(mkdir("outside", 0777), 0);
    assert_int_equal(symlink("../outside", "to/link"), 0);
    assert_int_equal(symlink("../../outside", "to/a/link"), 0);
    put("to/file", 0644);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(make("to", bad[i], NULL), MAPPROC_REFUSED);
        assert_string_equal(error.path, bad[i]);
        assert_true(access("outside/x", F_OK) != 0 && access("x", F_OK) != 0);
    }
    assert_int_equal(make("to", "a/...", NULL), MAPPROC_OK);
    assert_int_equal(make("to", "..a", NULL), MAPPROC_OK);
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(make("to", name, NULL), MAPPROC_REFUSED);
    assert_int_equal(make("no/to", "a", NULL), MAPPROC_FAILED);
    assert_string_equal(error.path, "no/to");
    /* The root itself may be a link: it is the user's word. */
    assert_int_equal(symlink("outside", "root"), 0);
    assert_int_equal(make("root", "x", NULL), MAPPROC_OK);
    assert_int_equal(access("outside/x", F_OK), 0);
}

static void files_are_made_in_open_directories(void **state)
{
    struct mapproc_atomic_file file;
    int fd;

    (void)state;
    assert_int_equal(mapproc_directories_make("to", "a", NULL, &fd, NULL), MAPPROC_OK);
    assert_int_equal(rename("to/a", "moved"), 0);
    assert_int_equal(mapproc_atomic_file_open_at(&file, fd, "to/a/out", false, NULL), MAPPROC_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(mapproc_atomic_file_write(&file, "x", 1, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_atomic_file_commit(&file, NULL), MAPPROC_OK);
    assert_int_equal(access("moved/out", F_OK), 0);
    fd = open("moved", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mapproc_atomic_file_open_at(&file, fd, "to/a/out", false, &error),
                     MAPPROC_REFUSED);
    assert_string_equal(error.path, "to/a/out");
    assert_int_equal(error.system_error, EEXIST);
    assert_int_equal(mapproc_atomic_file_open_at(&file, fd, "to/a/out", true, NULL), MAPPROC_OK);
    mapproc_atomic_file_abort(&file);
    assert_int_equal(close(fd), 0);
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
        cmocka_unit_test_teardown(mode_and_times_are_kept, clear),
        cmocka_unit_test_teardown(owner_and_group_are_kept, clear),
        cmocka_unit_test_teardown(others_files_are_not_opened_up, clear),
        cmocka_unit_test_teardown(attributes_are_kept, clear),
        cmocka_unit_test_teardown(some_attributes_are_left_behind, clear),
        cmocka_unit_test_teardown(lists_are_kept, clear),
        cmocka_unit_test_teardown(lists_of_the_directory_do_not_open_it, clear),
        cmocka_unit_test_teardown(an_unchanged_input_is_removed, clear),
        cmocka_unit_test_teardown(a_changed_input_is_not_removed, clear),
        cmocka_unit_test_teardown(only_the_file_itself_is_removed, clear),
        cmocka_unit_test_teardown(a_tree_is_mirrored, clear),
        cmocka_unit_test_teardown(nothing_leads_out_of_a_mirror, clear),
        cmocka_unit_test_teardown(files_are_made_in_open_directories, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
