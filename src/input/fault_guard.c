/* SPDX-License-Identifier: MIT */
/* fault_guard.c - running code over a mapping whose file may be cut at any moment.
 *
 * A touch of a mapped page that its file no longer has, or that the device cannot deliver, is
 * answered with SIGBUS in the thread that touched it. The handler looks whether that thread is in a
 * guarded run and whether the address is in the range of the run; if so it jumps back to where the
 * run began. Everything the handler reads is the thread's own.
 *
 * Every other SIGBUS is foreign: it goes to the handler that was installed before ours, or kills
 * the process as it would have done without us.
 */
#include "input/fault_guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

struct guard {
    sigjmp_buf resume;
    uintptr_t begin;
    size_t length; /* 0: this thread is in no guarded run */
    size_t fault;
    bool forwarding; /* this thread is in the handler, on its way to the previous one */
};

/* Initial-exec: the first touch must not allocate, because it can be in the handler. */
static _Thread_local struct guard guard __attribute__((tls_model("initial-exec")));

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous; /* written just before our handler is put in place */

static void forward(int signal_number, siginfo_t *info, void *context)
{
    /* Coming here from itself means that the previous handler calls ours: nobody wants it. */
    if (!guard.forwarding && previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        guard.forwarding = true;
        if (previous.sa_flags & SA_SIGINFO)
            previous.sa_sigaction(signal_number, info, context);
        else
            previous.sa_handler(signal_number);
        guard.forwarding = false;
        return;
    }
    if (previous.sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    /* As if we were not here: on return the instruction, or whoever sent it, does it again. */
    struct sigaction action = {.sa_handler = SIG_DFL};

    (void)sigaction(signal_number, &action, NULL);
    if (info->si_code <= 0) /* sent by kill(): no instruction will repeat it */
        (void)raise(signal_number);
}

static void handle(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;

    if (info->si_code > 0 && address - guard.begin < guard.length) {
        guard.fault = address - guard.begin;
        guard.length = 0;
        siglongjmp(guard.resume, 1);
    }
    forward(signal_number, info, context);
}

int mapproc_fault_guard_install(struct mapproc_error *error)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    struct sigaction current;
    int result = MAPPROC_OK;

    (void)sigemptyset(&action.sa_mask);
    (void)pthread_mutex_lock(&install_lock);
    if (sigaction(SIGBUS, NULL, &current) != 0) {
        result = mapproc_error_set(error, MAPPROC_FAILED, errno, NULL, "cannot ask for SIGBUS");
    } else if (!(current.sa_flags & SA_SIGINFO) || current.sa_sigaction != handle) {
        previous = current;
        if (sigaction(SIGBUS, &action, NULL) != 0)
            result = mapproc_error_set(error, MAPPROC_FAILED, errno, NULL, "cannot catch SIGBUS");
    }
    (void)pthread_mutex_unlock(&install_lock);
    return result;
}

bool mapproc_fault_guard_run(const void *begin, size_t length, void (*body)(void *argument),
                             void *argument, size_t *fault)
{
    /* The signal mask is saved because the jump leaves the handler with SIGBUS blocked. */
    if (sigsetjmp(guard.resume, 1) != 0) {
        *fault = guard.fault;
        return false;
    }
    guard.begin = (uintptr_t)begin;
    /* The handler runs in this thread: what it must see needs an order, not a lock. */
    atomic_signal_fence(memory_order_seq_cst);
    guard.length = length;
    atomic_signal_fence(memory_order_seq_cst);
    body(argument);
    atomic_signal_fence(memory_order_seq_cst);
    guard.length = 0;
    return true;
}
