/* SPDX-License-Identifier: MIT */
/* refuse_calls.h - system calls that fail as in a strict container. */
#ifndef MAPPROC_TESTS_REFUSE_CALLS_H
#define MAPPROC_TESTS_REFUSE_CALLS_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

enum { REFUSED_CALLS_MAX = 32 };

/*
 * From now on the calls with these numbers fail with EPERM in this thread, in those it creates, and
 * in what they execute. This is no fence: calls of another architecture's numbers are let through.
 * Returns 0, or -1 with errno set.
 */
static inline int refuse_calls(const int *numbers, size_t count)
{
    struct sock_filter code[REFUSED_CALLS_MAX + 3];
    struct sock_fprog program = {.filter = code};
    unsigned short n = 0;

    if (count > REFUSED_CALLS_MAX) {
        errno = E2BIG;
        return -1;
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (unsigned)offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        /* Jumps over what is left of these and over the answer "allow". */
        unsigned char to_refusal = (unsigned char)(count - i);

        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i],
                                                 to_refusal, 0);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program.len = n;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#endif
