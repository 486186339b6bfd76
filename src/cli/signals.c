/* SPDX-License-Identifier: MIT */
/* signals.c - ending a job when the user or the system asks for it. */
#include "cli/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "output/temporaries.h"

enum { PATIENCE_NS = 150 * 1000 * 1000 };

/* Written before the handlers are installed, then only read by them. */
static struct mapproc_cancel *token;
static timer_t deadline;
static bool have_deadline;

static volatile sig_atomic_t caught;

static void die_by(int signal_number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;

    mapproc_temporaries_remove();
    (void)sigaction(signal_number, &action, NULL);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, signal_number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(signal_number);
}

static void request(int signal_number)
{
    const struct itimerspec patience = {.it_value.tv_nsec = PATIENCE_NS};

    if (caught != 0) /* asked twice */
        die_by(signal_number);
    caught = signal_number;
    mapproc_cancel_request(token);
    if (have_deadline)
        (void)timer_settime(deadline, 0, &patience, NULL);
}

static void lose_patience(int signal_number)
{
    die_by(caught != 0 ? caught : signal_number); /* or somebody else has sent it */
}

void cli_signals_cancel(struct mapproc_cancel *cancel)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct sigaction action = {.sa_handler = lose_patience};

    token = cancel;
    (void)sigemptyset(&action.sa_mask);
    if (timer_create(CLOCK_MONOTONIC, &event, &deadline) == 0)
        have_deadline = sigaction(SIGALRM, &action, NULL) == 0;
    action.sa_handler = request;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;

        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

void cli_signals_protect_output(void)
{
    static const int signals[] = {SIGPIPE, SIGQUIT, SIGXCPU};
    struct sigaction action = {.sa_handler = die_by};

    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;

        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(signals[i], &action, NULL);
    }
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that is too large is an error to be told */
}

void cli_signals_die_if_cancelled(void)
{
    if (caught == 0)
        return;
    (void)fflush(stdout);
    die_by(caught);
}
