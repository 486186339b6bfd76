/* SPDX-License-Identifier: MIT */
/* death.h - for tests of what must end the process: what this build detects, and how to wait. */
#ifndef MAPPROC_TESTS_DEATH_H
#define MAPPROC_TESTS_DEATH_H

/* Needs cmocka's assertions: include cmocka_all.h first. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZED 1
#elif __has_feature(thread_sanitizer)
#define THREAD_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZED 1
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZED 1
#endif
#ifndef ADDRESS_SANITIZED
#define ADDRESS_SANITIZED 0
#endif
#ifndef THREAD_SANITIZED
#define THREAD_SANITIZED 0
#endif

#ifdef NDEBUG
#define ASSERTS_ON 0
#else
#define ASSERTS_ON 1
#endif

/* Becomes a process that dies silently, with no core file. */
static inline void prepare_to_die(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGABRT, SIG_DFL);
    (void)close(STDERR_FILENO);
}

/* Waits for a child that must be ended by an assertion or by AddressSanitizer. */
static inline void expect_death(pid_t child)
{
    int status;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (ADDRESS_SANITIZED && WIFEXITED(status)) /* the sanitizer saw it first */
        assert_int_not_equal(WEXITSTATUS(status), 0);
    else
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#endif
