/* SPDX-License-Identifier: MIT */
/* output_faults.h - the system calls that write a file, recorded, and made to fail or to kill. */
#ifndef MAPPROC_TESTS_OUTPUT_FAULTS_H
#define MAPPROC_TESTS_OUTPUT_FAULTS_H

#include <stddef.h>

/* The calls of the library that go through here. */
enum output_call {
    CALL_OPEN,
    CALL_OPENAT,
    CALL_WRITE,
    CALL_WRITEV,
    CALL_LSEEK,
    CALL_FTRUNCATE,
    CALL_FSTATAT,
    CALL_FCHMOD,
    CALL_FCHOWN,
    CALL_FLISTXATTR,
    CALL_FGETXATTR,
    CALL_FSETXATTR,
    CALL_FREMOVEXATTR,
    CALL_FUTIMENS,
    CALL_FSYNC,
    CALL_CLOSE,
    CALL_RENAMEAT2,
    CALL_RENAMEAT,
    CALL_LINKAT,
    CALL_UNLINKAT,
    OUTPUT_CALLS,
};

/* What happens; all zero: nothing unusual. */
extern struct output_faults {
    int armed;                     /* no counting, no faults while 0 */
    int fail_at;                   /* the number of the call, from 1, that fails; 0: none */
    int fail_with;                 /* errno */
    int kill_before;               /* the number of the call before which the process is killed */
    int call_errors[OUTPUT_CALLS]; /* errno that each call of a kind fails with; 0: none */
    size_t write_most;             /* bytes a write takes; 0: all */
    int interruptions;             /* errno that every second write fails with; 0: none */
    void (*at_call)(enum output_call call); /* runs before each call; may be NULL */

    int calls;             /* made while armed */
    enum output_call last; /* that was made to fail by fail_at */
    char trace[512];       /* their names, with a blank behind each */
} output_faults;

/* Forgets all, then begins. */
void output_faults_arm(const struct output_faults *wanted);
/* Ends it; the counts stay. */
void output_faults_disarm(void);

#endif
