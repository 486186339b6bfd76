/* SPDX-License-Identifier: MIT */
/* signals.c - ending a job when the user or the system asks for it. */
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/progress_bar.h"
#include "output/temporaries.h"

enum { PATIENCE_NS = 150 * 1000 * 1000 };

/* Written before the handlers are installed, then only read by them. */
static struct mapproc_cancel *token;
static timer_t deadline;
static bool have_deadline;

static volatile sig_atomic_t caught;

static struct mapproc_progress *_Atomic told; /* or NULL */
static struct timespec started;
static const char *started_verb;

static void die_by(int signal_number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    struct mapproc_progress *progress = atomic_load(&told);
    sigset_t set;

    mapproc_temporaries_remove();
    if (progress != NULL)
        mapproc_progress_abandon(progress);
    cli_bar_wipe();
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

/* Adds a text to a line, as far as there is room. snprintf() is not for signal handlers. */
static void append(char *line, size_t size, size_t *length, const char *text)
{
    while (*text != '\0' && *length < size)
        line[(*length)++] = *text++;
}

static void report(int signal_number)
{
    struct mapproc_progress *progress = atomic_load(&told);
    int saved_errno = errno;
    char line[128], digits[24];
    size_t length = 0, place = sizeof(digits) - 1;
    struct timespec now;
    long seconds;
    ssize_t written;

    (void)signal_number;
    if (progress != NULL) {
        mapproc_progress_poke(progress);
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (long)(now.tv_sec - started.tv_sec);
    digits[place] = '\0';
    do
        digits[--place] = (char)('0' + seconds % 10);
    while ((seconds /= 10) > 0 && place > 0);
    append(line, sizeof(line), &length, "mapproc: ");
    append(line, sizeof(line), &length, started_verb);
    append(line, sizeof(line), &length, ": running for ");
    append(line, sizeof(line), &length, digits + place);
    append(line, sizeof(line), &length, " s\n");
    written = write(STDERR_FILENO, line, length);
    (void)written;
    errno = saved_errno;
}

void cli_signals_report(const char *verb)
{
    struct sigaction action = {.sa_handler = report, .sa_flags = SA_RESTART}, before;

    (void)clock_gettime(CLOCK_MONOTONIC, &started);
    started_verb = verb;
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGUSR1, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGUSR1, &action, NULL);
}

void cli_signals_tell(struct mapproc_progress *progress)
{
    atomic_store(&told, progress);
}

void cli_signals_die_if_cancelled(void)
{
    if (caught == 0)
        return;
    (void)fflush(stdout);
    die_by(caught);
}
