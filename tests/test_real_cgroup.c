/* SPDX-License-Identifier: MIT */
/* test_real_cgroup.c - the limits of a cgroup of version 1 that the kernel made. */
#include "cmocka_all.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/limits.h"

/* Writes to a file that must exist. */
static bool put(const char *directory, const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *file;
    bool written;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "re+");
    if (file == NULL)
        return false;
    written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

/* Enters the cgroups, and says by its exit status whether it finds their limits. */
static void look_from_within(const char *cpu, const char *memory)
{
    struct mapproc_limits limits;
    char from[2][PATH_MAX];

    if (!put(cpu, "cgroup.procs", "0") || !put(memory, "cgroup.procs", "0"))
        _exit(2);
    mapproc_limits_find(&limits, "");
    (void)snprintf(from[0], sizeof(from[0]), "%s/cpu.cfs_quota_us", cpu);
    (void)snprintf(from[1], sizeof(from[1]), "%s/memory.limit_in_bytes", memory);
    _exit(limits.cpu_quota == 500 && limits.memory == 64 << 20 &&
                  strcmp(limits.cpu_quota_from, from[0]) == 0 &&
                  strcmp(limits.memory_from, from[1]) == 0
              ? 0
              : 1);
}

static void a_real_cgroup(void **state)
{
    char cpu[64], memory[64];
    int status;
    pid_t child;

    (void)state;
    (void)snprintf(cpu, sizeof(cpu), "/sys/fs/cgroup/cpu/mapproc-test-%d", (int)getpid());
    (void)snprintf(memory, sizeof(memory), "/sys/fs/cgroup/memory/mapproc-test-%d", (int)getpid());
    if (mkdir(cpu, 0700) != 0)
        skip_because("no cgroup of version 1 can be made for cpu");
    if (mkdir(memory, 0700) != 0) {
        (void)rmdir(cpu);
        skip_because("no cgroup of version 1 can be made for memory");
    }
    child = -1;
    if (put(cpu, "cpu.cfs_period_us", "100000") && put(cpu, "cpu.cfs_quota_us", "50000") &&
        put(memory, "memory.limit_in_bytes", "64M"))
        child = fork();
    if (child == 0)
        look_from_within(cpu, memory);
    status = -1;
    if (child > 0)
        (void)waitpid(child, &status, 0);
    (void)rmdir(cpu);
    (void)rmdir(memory);
    assert_true(child > 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_cgroup),
    };

    return cmocka_run_group_tests_name("real_cgroup", tests, NULL, NULL);
}
