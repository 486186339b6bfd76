/* SPDX-License-Identifier: MIT */
/* test_limits.c - limits of cgroups, in files that are made. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>

#include "fake_root.h"
#include "memory/limits.h"
#include "random.h"

enum { FILES_MAX = 16 };

struct fake_file {
    const char *path;
    const char *text;
};

/* A machine of files, and what is to be found there. Paths begin after the fake root. */
struct limits_case {
    const char *name;
    uint64_t cpu_quota;
    const char *cpu_quota_from;
    uint64_t memory;
    const char *memory_from;
    struct fake_file files[FILES_MAX];
};

#define CGROUPS "/proc/self/cgroup"
#define MOUNTS  "/proc/self/mountinfo"

/* Lines of mountinfo. */
#define ROOT_MOUNT "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
#define V2_MOUNT   "31 27 0:28 / /cg rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_CPU     "32 27 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_CPUSET  "33 27 0:30 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
#define V1_MEMORY  "34 27 0:31 / /cg/memory rw shared:5 - cgroup cgroup rw,memory\n"
#define V2_HYBRID  "35 27 0:32 / /cg/unified rw - cgroup2 cgroup2 rw\n"

#define V1_UNLIMITED "9223372036854771712\n"

static const struct limits_case cases[] = {
    {.name = "nothing at all"},
    {
        .name = "version 2: the tightest of all levels",
        .cpu_quota = 1500,
        .cpu_quota_from = "/cg/a/cpu.max",
        .memory = 1000000,
        .memory_from = "/cg/a/b c/memory.high",
        .files =
            {
                {CGROUPS, "0::/a/b c\n"},
                {MOUNTS, ROOT_MOUNT V2_MOUNT},
                {"/cg/a/b c/cpu.max", "max 100000\n"},
                {"/cg/a/b c/memory.max", "3000000\n"},
                {"/cg/a/b c/memory.high", "1000000\n"},
                {"/cg/a/cpu.max", "150000 100000\n"},
                {"/cg/a/memory.max", "2000000\n"},
                {"/cg/a/memory.high", "max\n"},
                {"/cg/cpu.max", "400000 200000\n"},
            },
    },
    {
        .name = "version 2: memory.max below memory.high",
        .memory = 2000000,
        .memory_from = "/cg/a/memory.max",
        .files =
            {
                {CGROUPS, "0::/a\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/a/memory.max", "2000000\n"},
                {"/cg/a/memory.high", "2000001\n"},
            },
    },
    {
        .name = "version 2 in its own namespace, limited at the mount point",
        .cpu_quota = 1,
        .cpu_quota_from = "/cg/cpu.max",
        .memory = 1,
        .memory_from = "/cg/memory.max",
        .files =
            {
                {CGROUPS, "0::/\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/cpu.max", "1 1000000\n"},
                {"/cg/memory.max", "0\n"},
            },
    },
    {
        .name = "version 1: each controller has its own hierarchy",
        .cpu_quota = 500,
        .cpu_quota_from = "/cg/cpu,cpuacct/a/cpu.cfs_quota_us",
        .memory = 67108864,
        .memory_from = "/cg/memory/m/n/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "4:cpuacct,cpu:/a\n3:memory:/m/n\n1:name=systemd:/x\n12:cpuset:/s\n"},
                {MOUNTS, ROOT_MOUNT V1_CPUSET V1_CPU V1_MEMORY},
                {"/cg/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n"},
                {"/cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
                {"/cg/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
                {"/cg/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
                {"/cg/cpuset/a/cpu.cfs_quota_us", "1000\n"}, /* no place for it */
                {"/cg/cpuset/a/cpu.cfs_period_us", "100000\n"},
                {"/cg/memory/m/n/memory.limit_in_bytes", "67108864\n"},
                {"/cg/memory/m/memory.limit_in_bytes", "268435456\n"},
                {"/cg/memory/memory.limit_in_bytes", V1_UNLIMITED},
                {"/cg/memory/s/memory.limit_in_bytes", "4096\n"}, /* somebody else's */
            },
    },
    {
        .name = "version 1 without limits",
        .files =
            {
                {CGROUPS, "4:cpu,cpuacct:/\n3:memory:/\n"},
                {MOUNTS, V1_CPU V1_MEMORY},
                {"/cg/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
                {"/cg/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
                {"/cg/memory/memory.limit_in_bytes", V1_UNLIMITED},
            },
    },
    {
        .name = "both versions: memory by 1, CPUs by 2",
        .cpu_quota = 2500,
        .cpu_quota_from = "/cg/unified/u/cpu.max",
        .memory = 5000000,
        .memory_from = "/cg/memory/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "3:memory:/m\n0::/u\n"},
                {MOUNTS, V1_MEMORY V2_HYBRID},
                {"/cg/unified/u/cpu.max", "250000 100000\n"},
                {"/cg/memory/m/memory.limit_in_bytes", "5000001\n"},
                {"/cg/memory/memory.limit_in_bytes", "5000000\n"},
            },
    },
    {
        .name = "both versions: the second is empty",
        .memory = 5000000,
        .memory_from = "/cg/memory/m/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "3:memory:/m\n0::/\n"},
                {MOUNTS, V1_MEMORY V2_HYBRID},
                {"/cg/memory/m/memory.limit_in_bytes", "5000000\n"},
                {"/cg/unified/cgroup.procs", "1\n"},
            },
    },
    {
        .name = "a container that sees its part of the hierarchy as all of it",
        .memory = 7000000,
        .memory_from = "/cg/memory/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "3:memory:/docker/0123\n"},
                {MOUNTS, "34 27 0:31 /docker/0123 /cg/memory ro - cgroup cgroup rw,memory\n"},
                {"/cg/memory/memory.limit_in_bytes", "7000000\n"},
                {"/cg/memory/docker/0123/memory.limit_in_bytes", "4096\n"},
            },
    },
    {
        .name = "a cgroup within such a container",
        .memory = 6000000,
        .memory_from = "/cg/memory/in/ner/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "3:memory:/docker/0123/in/ner\n"},
                {MOUNTS, "34 27 0:31 /docker/0123 /cg/memory ro - cgroup cgroup rw,memory\n"},
                {"/cg/memory/in/ner/memory.limit_in_bytes", "6000000\n"},
                {"/cg/memory/in/memory.limit_in_bytes", "8000000\n"},
                {"/cg/memory/memory.limit_in_bytes", "7000000\n"},
            },
    },
    {
        .name = "a root that only begins like the path",
        .memory = 7000000,
        .memory_from = "/cg/memory/memory.limit_in_bytes",
        .files =
            {
                {CGROUPS, "3:memory:/docker/0123\n"},
                {MOUNTS, "34 27 0:31 /docker/01 /cg/memory ro - cgroup cgroup rw,memory\n"},
                {"/cg/memory/memory.limit_in_bytes", "7000000\n"},
                {"/cg/memory23/memory.limit_in_bytes", "4096\n"},
            },
    },
    {
        .name = "the host's mount seen from a namespace",
        .memory = 7000000,
        .memory_from = "/cg/memory.max",
        .files =
            {
                {CGROUPS, "0::/\n"},
                {MOUNTS, "34 27 0:31 /../.. /cg rw - cgroup2 cgroup2 rw\n"},
                {"/cg/memory.max", "7000000\n"},
            },
    },
    {
        .name = "a process that has left its namespace's root",
        .memory = 7000000,
        .memory_from = "/cg/memory.max",
        .files =
            {
                {CGROUPS, "0::/../other\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/memory.max", "7000000\n"},
                {"/other/memory.max", "4096\n"},
            },
    },
    {
        .name = "a mount that shows what the process left",
        .memory = 6000000,
        .memory_from = "/cg/other/memory.max",
        .files =
            {
                {CGROUPS, "0::/../other\n"},
                {MOUNTS, "34 27 0:31 /.. /cg rw - cgroup2 cgroup2 rw\n"},
                {"/cg/other/memory.max", "6000000\n"},
                {"/cg/memory.max", "7000000\n"},
            },
    },
    {
        .name = "names that only look like the parent's",
        .memory = 7000000,
        .memory_from = "/cg/..a/b../...memory/memory.max",
        .files =
            {
                {CGROUPS, "0::/..a/b../...memory\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/..a/b../...memory/memory.max", "7000000\n"},
            },
    },
    {
        .name = "more than one mount: those that show the process count",
        .memory = 6000000,
        .memory_from = "/second/b/memory.max",
        .files =
            {
                {CGROUPS, "0::/a/b\n"},
                {MOUNTS, "1 1 0:1 /c /first rw - cgroup2 cgroup2 rw\n"
                         "2 1 0:1 /a /second rw - cgroup2 cgroup2 rw\n"
                         "3 1 0:1 /a/b /third rw - cgroup2 cgroup2 rw\n"},
                {"/first/memory.max", "4096\n"},
                {"/second/b/memory.max", "6000000\n"},
                {"/second/memory.max", "7000000\n"},
                {"/third/memory.max", "6000000\n"},
            },
    },
    {
        .name = "blanks and backslashes in names",
        .memory = 7000000,
        .memory_from = "/c g\\\t/x:y\\040z/memory.max",
        .files =
            {
                {CGROUPS, "0::/a b/x:y\\040z\n"},
                {MOUNTS, "34 27 0:31 /a\\040b /c\\040g\\134\\011 rw - cgroup2 cgroup2 rw\n"},
                {"/c g\\\t/x:y\\040z/memory.max", "7000000\n"},
            },
    },
    {
        .name = "a source without a name",
        .memory = 7000000,
        .memory_from = "/cg/memory.max",
        .files =
            {
                {CGROUPS, "0::/\n"},
                {MOUNTS, "34 27 0:31 / /cg rw - cgroup2  rw\n"},
                {"/cg/memory.max", "7000000\n"},
            },
    },
    {
        .name = "a cgroup that was removed: those above it still hold",
        .memory = 7000000,
        .memory_from = "/cg/a/memory.max",
        .files =
            {
                {CGROUPS, "0::/a/b (deleted)\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/a/memory.max", "7000000\n"},
            },
    },
    {
        .name = "values that make no sense, version 2",
        .files =
            {
                {CGROUPS, "0::/a/b/c/d/e\n"},
                {MOUNTS, V2_MOUNT},
                {"/cg/a/b/c/d/e/cpu.max", "-5 100000\n"},
                {"/cg/a/b/c/d/e/memory.max", "-4096\n"},
                {"/cg/a/b/c/d/cpu.max", "1000 0\n"},
                {"/cg/a/b/c/d/memory.max", "18446744073709551616\n"},
                {"/cg/a/b/c/cpu.max", "18446744073709551615 1\n"},
                {"/cg/a/b/c/memory.max", "4096 bytes\n"},
                {"/cg/a/b/cpu.max", "1000 100000 5\n"},
                {"/cg/a/b/memory.max", "\n"},
                {"/cg/a/cpu.max", "0 100000\n"},
                {"/cg/a/memory.max", "4K\n"},
                {"/cg/cpu.max", "1000max\n"},
                {"/cg/memory.max", "0x1000\n"},
            },
    },
    {
        .name = "values that make no sense, version 1",
        .files =
            {
                {CGROUPS, "4:cpu:/a/b\n3:memory:/a\n"},
                {MOUNTS, V1_CPU V1_MEMORY},
                {"/cg/cpu,cpuacct/a/b/cpu.cfs_quota_us", "1000\n"},
                {"/cg/cpu,cpuacct/a/cpu.cfs_quota_us", "1000\n"},
                {"/cg/cpu,cpuacct/a/cpu.cfs_period_us", "0\n"},
                {"/cg/cpu,cpuacct/cpu.cfs_quota_us", "-1000\n"},
                {"/cg/cpu,cpuacct/cpu.cfs_period_us", "-100000\n"},
                {"/cg/memory/a/memory.limit_in_bytes", "-1\n"},
                {"/cg/memory/memory.limit_in_bytes", "18446744073709551615\n"},
            },
    },
    {
        .name = "lines that make no sense",
        .memory = 7000000,
        .memory_from = "/cg/d/memory.max",
        .files =
            {
                {CGROUPS, "0::/d\n\n:\n::\n:::\n0:\n0::\n0::relative\nx::/x\n1::/"
                          "x\n3:memory\n0:memory:/c\n"},
                {MOUNTS, "\n-\n - cgroup2\n1 2 3 / /cg rw - cgroup2\n"
                         "1 2 3 / /cg/c rw cgroup2 cgroup2 rw\n1 2 3   rw - cgroup2 x rw\n"
                         "1 2 3 / /cg/c rw - cgroup2\n- - - - - - - - - -\n" V1_MEMORY V2_MOUNT},
                {"/cg/d/memory.max", "7000000"},
                {"/cg/c/memory.max", "4096\n"},
                {"/cg/x/memory.max", "4096\n"},
                {"/cg/memory/memory.limit_in_bytes", "4096\n"},
            },
    },
};

static void expect_from(const char *case_name, const char *what, const struct fake_root *root,
                        const char *expected, const char *from)
{
    char path[PATH_MAX] = "";

    if (expected != NULL)
        (void)snprintf(path, sizeof(path), "%s%s", root->directory.path, expected);
    if (strcmp(path, from) != 0)
        fail_msg("%s: %s is from '%s', expected '%s'", case_name, what, from, path);
}

static void expect_number(const char *case_name, const char *what, uint64_t expected,
                          uint64_t number)
{
    if (number != expected)
        fail_msg("%s: %s is %llu, expected %llu", case_name, what, (unsigned long long)number,
                 (unsigned long long)expected);
}

static void limits_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct limits_case *expected = &cases[i];
        struct mapproc_limits limits;
        struct fake_root root;

        fake_root_make(&root);
        for (const struct fake_file *file = expected->files; file->path != NULL; file++)
            fake_root_put(&root, file->path, file->text);
        memset(&limits, 0xa5, sizeof(limits));
        mapproc_limits_find(&limits, root.directory.path);
        expect_number(expected->name, "quota", expected->cpu_quota, limits.cpu_quota);
        expect_number(expected->name, "memory", expected->memory, limits.memory);
        expect_from(expected->name, "quota", &root, expected->cpu_quota_from,
                    limits.cpu_quota_from);
        expect_from(expected->name, "memory", &root, expected->memory_from, limits.memory_from);
        assert_true(limits.machine_memory ==
                    (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
        fake_root_destroy(&root);
    }
}

static void memory_of_the_machine(void **state)
{
    struct mapproc_limits limits;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    fake_root_put(&root, "/proc/meminfo", "XMemTotal: 1 kB\nMemTotal:       24684084 kB\n");
    mapproc_limits_find(&limits, root.directory.path);
    assert_true(limits.machine_memory == UINT64_C(24684084) * 1024);
    fake_root_destroy(&root);
}

/* They would be looked up wherever the program happens to run. */
static void relative_mount_points_do_not_count(void **state)
{
    struct mapproc_limits limits;
    struct fake_root root;
    char path[SCRATCH_PATH_MAX + 1];

    (void)state;
    fake_root_make(&root);
    (void)snprintf(path, sizeof(path), "%s/", root.directory.path);
    fake_root_put(&root, CGROUPS, "0::/\n");
    fake_root_put(&root, MOUNTS, "31 27 0:28 / cg rw - cgroup2 cgroup2 rw\n");
    fake_root_put(&root, "/cg/memory.max", "4096\n");
    mapproc_limits_find(&limits, path);
    assert_true(limits.memory == 0);
    fake_root_put(&root, MOUNTS, V2_MOUNT);
    mapproc_limits_find(&limits, path);
    assert_true(limits.memory == 4096);
    fake_root_destroy(&root);
}

/* A cgroup so deep that its path has no room in the answer, and one with no room in any path. */
static void long_paths_are_cut(void **state)
{
    static char cgroup[3 * PATH_MAX], name[3 * PATH_MAX + 64];
    const char part[] = "/0123456789012345678901234567890123456789";
    struct mapproc_limits limits;
    struct fake_root root;

    (void)state;
    fake_root_make(&root);
    fake_root_put(&root, MOUNTS, V2_MOUNT);
    strcpy(cgroup, "0::");
    while (strlen(cgroup) < 800)
        strcat(cgroup, part);
    fake_root_put(&root, CGROUPS, cgroup);
    (void)snprintf(name, sizeof(name), "/cg%s/memory.max", cgroup + 3);
    fake_root_put(&root, name, "4096\n");
    mapproc_limits_find(&limits, root.directory.path);
    assert_true(limits.memory == 4096);
    assert_int_equal(strlen(limits.memory_from), MAPPROC_LIMIT_FROM_MAX - 1);
    assert_memory_equal(limits.memory_from, root.directory.path, strlen(root.directory.path));
    assert_string_equal(limits.memory_from + MAPPROC_LIMIT_FROM_MAX - 4, "...");

    while (strlen(cgroup) < 2 * PATH_MAX)
        strcat(cgroup, part);
    fake_root_put(&root, CGROUPS, cgroup);
    mapproc_limits_find(&limits, root.directory.path);
    assert_true(limits.memory == 0);
    fake_root_destroy(&root);
}

/* Directories, FIFOs that nobody writes to and links to themselves in place of files. */
static void odd_files_are_no_limits(void **state)
{
    struct mapproc_limits limits;
    struct fake_root root;
    char path[PATH_MAX];

    (void)state;
    fake_root_make(&root);
    fake_root_put(&root, CGROUPS, "0::/a\n");
    fake_root_put(&root, MOUNTS, V2_MOUNT);
    assert_int_equal(mkdir(fake_root_path(&root, "/cg/memory.max", path), 0700), 0);
    assert_int_equal(mkfifo(fake_root_path(&root, "/cg/cpu.max", path), 0600), 0);
    assert_int_equal(symlink("memory.max", fake_root_path(&root, "/cg/a/memory.max", path)), 0);
    mapproc_limits_find(&limits, root.directory.path);
    assert_true(limits.memory == 0);
    assert_true(limits.cpu_quota == 0);
    assert_int_equal(unlink(fake_root_path(&root, CGROUPS, path)), 0);
    assert_int_equal(mkfifo(fake_root_path(&root, CGROUPS, path), 0600), 0);
    mapproc_limits_find(&limits, root.directory.path);
    assert_true(limits.memory == 0);
    fake_root_destroy(&root);
}

/* Damages bytes of sound files at random. Whatever comes out of it must be in order. */
static void damage_does_no_harm(void **state)
{
    static const char bytes[] = "\0\n /\\,:-.0123456789max\xff";
    struct test_random random;
    struct fake_root root;

    (void)state;
    test_random_seed(&random);
    fake_root_make(&root);
    fake_root_put(&root, "/cg/memory/a/memory.limit_in_bytes", "7000000\n");
    fake_root_put(&root, "/cg/a/memory.max", "6000000\n");
    for (int round = 0; round < 1500; round++) {
        char texts[2][512] = {"3:memory,cpu:/a/b\n0::/a/b/../c\n",
                              V1_MEMORY "1 2 3 /a\\040 /cg/\\057 rw - cgroup2 x rw,cpu\n"};
        struct mapproc_limits limits;

        for (uint64_t damage = test_random_below(&random, 12); damage > 0; damage--) {
            char *text = texts[test_random_below(&random, 2)];

            text[test_random_below(&random, 160)] =
                bytes[test_random_below(&random, sizeof(bytes) - 1)];
        }
        fake_root_put_bytes(&root, CGROUPS, texts[0], 160);
        fake_root_put_bytes(&root, MOUNTS, texts[1], 160);
        mapproc_limits_find(&limits, root.directory.path);
        assert_true(limits.memory == 0 || limits.memory == 6000000 || limits.memory == 7000000);
        assert_int_equal(limits.memory != 0, limits.memory_from[0] != '\0');
        assert_true(limits.cpu_quota == 0);
    }
    fake_root_destroy(&root);
}

static void threads_follow_the_quota(void **state)
{
    static const struct {
        uint64_t quota;
        unsigned cpus, threads;
    } expected[] = {
        {0, 1, 1},    {0, 8, 8},    {1, 8, 1},      {500, 8, 1},
        {1000, 8, 1}, {1001, 8, 2}, {1500, 8, 2},   {2000, 8, 2},
        {7999, 8, 8}, {8001, 8, 8}, {100000, 8, 8}, {UINT64_MAX, 8, 8},
        {1000, 0, 1}, {0, 0, 1},    {1500, 1, 1},   {UINT64_MAX, UINT32_MAX, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct mapproc_limits limits = {.cpu_quota = expected[i].quota};

        assert_int_equal(mapproc_limits_default_threads(&limits, expected[i].cpus),
                         expected[i].threads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_found),
        cmocka_unit_test(memory_of_the_machine),
        cmocka_unit_test(relative_mount_points_do_not_count),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(odd_files_are_no_limits),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(threads_follow_the_quota),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
