/* SPDX-License-Identifier: MIT */
/* watch_screen.c - showing a job on the whole screen.
 *
 *     checksum 4711 'nightly'                                  running     0:01:12
 *     'disk.img'
 *
 *     [############################>                                  ] 63.0 %
 *     2.5 GiB of 4.0 GiB    2 of 3 files    1 bad
 *     1.2 GiB/s now    1.1 GiB/s average    limit 2.0 GiB/s    0:03 left
 *     the rate of the last minutes, one column a second
 *
 *     node  worker  cpu  state         bytes         rate   source   at
 *        0       0    3  busy        1.3 GiB  602.1 MiB/s        0   2.4 GiB
 *
 *     p pause   c cancel   q quit
 *
 * Everything is composed from the view, which is bounded; texts of others are quoted, and cut to
 * the width. Nothing needs colour. Without UTF-8 there are other characters.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include <curses.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/quote.h"
#include "base/size_text.h"
#include "cli/watch.h"

enum {
    HISTORY = 256, /* seconds of rates */
    LINE_MAX_BYTES = 2048,
    LEVELS = 8,     /* of a cell of the sparkline */
    HEAD_LINES = 9, /* before the workers */
    RATES_MAX = 4096,
};

static SCREEN *screen;
static bool utf8;
static bool asks; /* whether the job should really be cancelled */
static char notice[128];

static double history[HISTORY];
static size_t history_count;
static uint64_t history_ns, history_done;

/* For the rates of the workers: what they had done when the current second began, and the rates of
 * the one before. */
static uint64_t worker_bytes[RATES_MAX];
static double worker_rates[RATES_MAX];
static uint64_t worker_ns;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    interrupted = signal_number;
}

static bool begin(void)
{
    struct sigaction action = {.sa_handler = interrupt};

    if (isatty(STDIN_FILENO) != 1)
        return false;
    (void)setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    screen = newterm(NULL, stdout, stdin); /* initscr() would end the program if it cannot */
    if (screen == NULL)
        return false;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)cbreak();
    (void)noecho();
    (void)nonl();
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    (void)curs_set(0);
    return true;
}

static void end(void)
{
    if (screen == NULL)
        return;
    (void)endwin();
    delscreen(screen);
    screen = NULL;
    if (interrupted != 0) {
        (void)signal(interrupted, SIG_DFL);
        (void)raise(interrupted);
    }
}

/* ---- figures over time ---- */

static void add_history(const struct cli_job *job)
{
    const struct mapproc_progress_snapshot *snapshot = &job->view.snapshot;
    uint64_t ns = snapshot->updated_ns - history_ns;

    if (history_ns != 0 && (snapshot->updated_ns <= history_ns || ns < UINT64_C(1000000000)))
        return;
    if (history_ns != 0 && snapshot->done_bytes >= history_done) {
        if (history_count == HISTORY)
            memmove(history, history + 1, --history_count * sizeof(*history));
        history[history_count++] =
            (double)(snapshot->done_bytes - history_done) / ((double)ns / 1e9);
    }
    history_ns = snapshot->updated_ns;
    history_done = snapshot->done_bytes;
}

static void rate_workers(const struct cli_job *job)
{
    const struct mapproc_segment_view *view = &job->view;
    uint64_t ns = view->snapshot.updated_ns - worker_ns;

    if (worker_ns != 0 && (view->snapshot.updated_ns <= worker_ns || ns < UINT64_C(1000000000)))
        return;
    for (uint32_t i = 0; i < view->snapshot.worker_count && i < RATES_MAX; i++) {
        uint64_t bytes = view->workers[i].bytes;

        worker_rates[i] = worker_ns != 0 && bytes >= worker_bytes[i]
                              ? (double)(bytes - worker_bytes[i]) / ((double)ns / 1e9)
                              : -1;
        worker_bytes[i] = bytes;
    }
    worker_ns = view->snapshot.updated_ns;
}

/* ---- drawing ---- */

/* Cuts a text to so many columns, because curses would go on in the next line. */
static void cut(char *text, int columns)
{
    mbstate_t state;
    wchar_t character;
    int used = 0;

    memset(&state, 0, sizeof(state));
    while (*text != '\0') {
        size_t length = mbrtowc(&character, text, MB_CUR_MAX, &state);
        int width = length <= MB_CUR_MAX ? wcwidth(character) : -1;

        if (width < 0) { /* nothing that this terminal could show */
            memset(&state, 0, sizeof(state));
            *text = '?';
            length = 1;
            width = 1;
        }
        if (used + width > columns)
            *text = '\0';
        else
            text += length;
        used += width;
    }
}

/* Puts a text at the beginning of a line. */
static void put(int line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(int line, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;

    if (line >= LINES)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    cut(text, COLS);
    (void)mvaddstr(line, 0, text);
}

static void put_right(int line, const char *text)
{
    int column = COLS - (int)strlen(text);

    if (line < LINES && column > 0)
        (void)mvaddstr(line, column, text);
}

static void draw_title(const struct cli_job *job)
{
    char name[CLI_JOB_TEXT_MAX], time[CLI_DURATION_MAX], right[96];
    char quoted[4 * sizeof(job->view.snapshot.current) + 16] = "";
    const char *state = cli_state_name(job->view.snapshot.state);

    if (job->view.life == MAPPROC_LIFE_STOPPED)
        state = "stopped by a signal";
    else if (job->view.silent)
        state = "silent";
    (void)attron(A_BOLD);
    put(0, "%s", cli_job_name(job, name));
    (void)snprintf(right, sizeof(right), "  %s  %s", state,
                   cli_duration_format(job->figures.elapsed, time));
    put_right(0, right);
    (void)attroff(A_BOLD);
    if (job->view.snapshot.current[0] != '\0')
        (void)mapproc_quote_name(job->view.snapshot.current, quoted, sizeof(quoted));
    put(1, "%s", quoted);
}

static void draw_bar(const struct cli_job *job)
{
    char percent[CLI_PERCENT_MAX];
    int cells = COLS - 11, filled;

    if (job->figures.percent < 0) {
        put(3, "the total is not known yet");
        return;
    }
    if (cells < 1)
        cells = 1;
    filled = (int)((double)cells * job->figures.percent / 100);
    (void)mvaddch(3, 0, '[');
    for (int i = 0; i < cells; i++) {
        if (i < filled)
            (void)addstr(utf8 ? "\u2588" : "#");
        else
            (void)addch(' ');
    }
    (void)printw("] %s", cli_percent_format(job->figures.percent, percent));
}

static void draw_amounts(const struct cli_job *job)
{
    const struct mapproc_progress_snapshot *snapshot = &job->view.snapshot;
    char done[MAPPROC_SIZE_TEXT_MAX], total[MAPPROC_SIZE_TEXT_MAX], output[MAPPROC_SIZE_TEXT_MAX];
    char ratio[64] = "", errors[48] = "";
    bool known = job->figures.percent >= 0;

    if (job->figures.ratio >= 0)
        (void)snprintf(ratio, sizeof(ratio), "    output %s, ratio %.3f",
                       mapproc_size_format(snapshot->output_bytes, output), job->figures.ratio);
    if (snapshot->errors > 0)
        (void)snprintf(errors, sizeof(errors), "    %llu bad",
                       (unsigned long long)snapshot->errors);
    if (known)
        put(4, "%s of %s    %llu of %llu files%s%s",
            mapproc_size_format(snapshot->done_bytes, done),
            mapproc_size_format(snapshot->total_bytes, total),
            (unsigned long long)snapshot->done_files, (unsigned long long)snapshot->total_files,
            errors, ratio);
    else
        put(4, "%s    %llu files%s%s", mapproc_size_format(snapshot->done_bytes, done),
            (unsigned long long)snapshot->done_files, errors, ratio);
}

static void draw_rates(const struct cli_job *job)
{
    char now[MAPPROC_SIZE_TEXT_MAX + 2], average[MAPPROC_SIZE_TEXT_MAX + 2];
    char limit[MAPPROC_SIZE_TEXT_MAX], limited[48] = "", left[CLI_DURATION_MAX], time[64] = "";

    if (job->view.snapshot.limit_rate != 0)
        (void)snprintf(limited, sizeof(limited), "    limit %s/s",
                       mapproc_size_format(job->view.snapshot.limit_rate, limit));
    if (job->figures.left >= 0)
        (void)snprintf(time, sizeof(time), "    %s left",
                       cli_duration_format(job->figures.left, left));
    put(5, "%s now    %s average%s%s", cli_rate_format(job->figures.rate, now),
        cli_rate_format(job->figures.average, average), limited, time);
}

static void draw_sparkline(void)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char plain[] = "_.,-=+*#";
    size_t width = COLS > 0 ? (size_t)COLS : 0;
    size_t count = history_count < width ? history_count : width;
    const double *rates = history + history_count - count;
    double most = 1;

    if (LINES <= 6)
        return;
    for (size_t i = 0; i < count; i++)
        most = rates[i] > most ? rates[i] : most;
    (void)move(6, 0);
    for (size_t i = 0; i < count; i++) {
        int level = (int)(rates[i] / most * LEVELS);

        if (level > LEVELS - 1)
            level = LEVELS - 1;
        if (utf8)
            (void)addstr(blocks[level]);
        else
            (void)addch((chtype)plain[level]);
    }
}

/* The workers in the order of their nodes. */
static const struct mapproc_segment_view *sorted_view;

static int compare_workers(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    int32_t node_a = sorted_view->workers[first].node, node_b = sorted_view->workers[second].node;

    if (node_a != node_b)
        return node_a < node_b ? -1 : 1;
    return first < second ? -1 : 1;
}

static void draw_worker(int line, const struct mapproc_segment_view *view, uint32_t number)
{
    const struct mapproc_progress_worker *worker = &view->workers[number];
    char bytes[MAPPROC_SIZE_TEXT_MAX], rate[MAPPROC_SIZE_TEXT_MAX + 2], at[MAPPROC_SIZE_TEXT_MAX];

    put(line, "%4d  %6u  %3d  %-8s %11s %13s %8llu  %s", (int)worker->node, (unsigned)number,
        (int)worker->cpu, cli_worker_state_name(worker->state),
        mapproc_size_format(worker->bytes, bytes),
        cli_rate_format(number < RATES_MAX ? worker_rates[number] : -1, rate),
        (unsigned long long)worker->source, mapproc_size_format(worker->offset, at));
}

static void draw_workers(const struct cli_job *job)
{
    const struct mapproc_segment_view *view = &job->view;
    uint32_t count = view->snapshot.worker_count;
    uint32_t *order = calloc((size_t)count + 1, sizeof(*order));
    int room = LINES - HEAD_LINES - 2;

    if (order == NULL || room <= 0) {
        free(order);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    sorted_view = view;
    qsort(order, count, sizeof(*order), compare_workers);
    (void)attron(A_UNDERLINE);
    put(HEAD_LINES - 1, "node  worker  cpu  state          bytes          rate   source  at");
    (void)attroff(A_UNDERLINE);
    for (uint32_t i = 0; i < count && (int)i < room; i++) {
        if ((int)i == room - 1 && i + 1 < count)
            put(HEAD_LINES + (int)i, "... and %u more", (unsigned)(count - i));
        else
            draw_worker(HEAD_LINES + (int)i, view, order[i]);
    }
    free(order);
}

static void draw_keys(const struct cli_job *job)
{
    bool paused = job->view.snapshot.state == MAPPROC_PROGRESS_PAUSED;

    if (LINES < 2)
        return;
    (void)attron(A_REVERSE);
    if (asks)
        put(LINES - 1, " Cancel this job? y: yes, any other key: no ");
    else if (notice[0] != '\0')
        put(LINES - 1, " %s ", notice);
    else
        put(LINES - 1, " p %s   c cancel   q quit ", paused ? "resume" : "pause");
    (void)attroff(A_REVERSE);
}

static bool show(const struct cli_job *job)
{
    add_history(job);
    rate_workers(job);
    (void)erase();
    draw_title(job);
    draw_bar(job);
    draw_amounts(job);
    draw_rates(job);
    draw_sparkline();
    draw_workers(job);
    draw_keys(job);
    (void)refresh();
    return true;
}

/* ---- keys ---- */

static void wish(const struct cli_job *job, size_t field, uint64_t value)
{
    struct mapproc_error error;

    if (mapproc_segment_control(&job->reader, field, value, &error) != MAPPROC_OK)
        (void)snprintf(notice, sizeof(notice), "The job cannot be told: %.80s", error.what);
}

static enum cli_watch_wish take_key(const struct cli_job *job, int key)
{
    bool paused = job->view.snapshot.state == MAPPROC_PROGRESS_PAUSED;

    if (key == KEY_RESIZE) /* the next drawing is of the new size */
        return CLI_WATCH_ON;
    notice[0] = '\0';
    if (asks) {
        asks = false;
        if (key == 'y' || key == 'Y')
            wish(job, offsetof(struct mapproc_progress_control, cancel), MAPPROC_CONTROL_CANCEL);
        return CLI_WATCH_ON;
    }
    switch (key) {
    case 'p':
        wish(job, offsetof(struct mapproc_progress_control, pause),
             paused ? 0 : MAPPROC_CONTROL_PAUSE);
        return CLI_WATCH_ON;
    case 'c':
        asks = true;
        return CLI_WATCH_ON;
    case 'q':
        return CLI_WATCH_QUIT;
    default:
        return CLI_WATCH_ON;
    }
}

static enum cli_watch_wish wait_for_key(const struct cli_job *job, double seconds)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int key;

    (void)poll(&input, 1, (int)(seconds * 1000)); /* a signal, such as SIGWINCH, ends it early */
    if (interrupted != 0 || (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        return CLI_WATCH_QUIT;
    while ((key = getch()) != ERR)
        if (take_key(job, key) == CLI_WATCH_QUIT)
            return CLI_WATCH_QUIT;
    return CLI_WATCH_ON;
}

static const struct cli_watch_view view = {
    .begin = begin, .show = show, .wait = wait_for_key, .end = end};

const struct cli_watch_view *const cli_watch_screen = &view;
