/* SPDX-License-Identifier: MIT */
/* file_time.h - waiting until the clock that stamps files has gone on. */
#ifndef MAPPROC_TESTS_FILE_TIME_H
#define MAPPROC_TESTS_FILE_TIME_H

/* Needs cmocka's assertions: include cmocka_all.h first. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * Whatever is changed in this directory from now on gets other times than what was changed before.
 * How long that takes depends on the file system (from a tick of the kernel to two seconds), and on
 * a machine that is busy: so the file system itself is asked.
 */
static inline void let_file_time_pass(const char *directory)
{
    struct stat first, now;
    char path[300];
    int fd;

    (void)snprintf(path, sizeof(path), "%.250s/file-time-probe", directory);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, NULL), 0);
    assert_int_equal(fstat(fd, &first), 0);
    do {
        assert_int_equal(usleep(1000), 0);
        assert_int_equal(futimens(fd, NULL), 0);
        assert_int_equal(fstat(fd, &now), 0);
    } while (now.st_mtim.tv_sec == first.st_mtim.tv_sec &&
             now.st_mtim.tv_nsec == first.st_mtim.tv_nsec);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
}

#endif
