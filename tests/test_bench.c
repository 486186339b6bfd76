/* SPDX-License-Identifier: MIT */
/* test_bench.c - the measuring core: turns, rounds, medians, teams of threads, stopping. Time
 * passes only where it is spent. */
#include "cmocka_all.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/measure.h"
#include "random.h"

enum { EVENTS_MAX = 4096, ROWS_MAX = 16, REASON_MAX = 64 };

/* What happened, in order. One thread at a time writes: teams here that record have one thread, and
 * that one must not assert anything, as assertions jump out of the test. */
static struct {
    char events[EVENTS_MAX];
    size_t count;
    uint64_t units[EVENTS_MAX];
} happened;

struct seen_row {
    struct mapproc_bench_row row;
    char skipped[REASON_MAX];
};

/* What the callbacks were given. */
struct listener {
    struct seen_row rows[ROWS_MAX];
    size_t count;
    int answer; /* of the row function */
    unsigned last_round, rounds;
};

static int take_row(void *user, const struct mapproc_bench_row *row)
{
    struct listener *listener = user;
    struct seen_row *seen = &listener->rows[listener->count++];

    assert_true(listener->count <= ROWS_MAX);
    seen->row = *row;
    if (row->skipped != NULL)
        (void)snprintf(seen->skipped, sizeof(seen->skipped), "%s", row->skipped);
    return listener->answer;
}

static void take_progress(void *user, const char *group, const char *test, unsigned round,
                          unsigned rounds)
{
    struct listener *listener = user;

    assert_string_equal(group, "group");
    assert_string_equal(test, "test");
    listener->last_round = round;
    listener->rounds = rounds;
}

static void note_event(char event, uint64_t units)
{
    if (happened.count + 1 == EVENTS_MAX)
        return;
    happened.events[happened.count] = event;
    happened.units[happened.count++] = units;
    happened.events[happened.count] = '\0';
}

static atomic_ullong now_ns = 1000;

int __real_clock_gettime(clockid_t id, struct timespec *time);
int __wrap_clock_gettime(clockid_t id, struct timespec *time);

int __wrap_clock_gettime(clockid_t id, struct timespec *time)
{
    unsigned long long now = atomic_load(&now_ns);

    if (id != CLOCK_MONOTONIC)
        return __real_clock_gettime(id, time);
    *time = (struct timespec){.tv_sec = (time_t)(now / 1000000000),
                              .tv_nsec = (long)(now % 1000000000)};
    return 0;
}

/* Takes so long. */
static void spend(double seconds)
{
    (void)atomic_fetch_add(&now_ns, (unsigned long long)(seconds * 1e9 + 0.5));
}

static bool is_about(double value, double expected)
{
    return value > 0.999 * expected && value < 1.001 * expected;
}

/* A subject whose name is one letter. */
struct fake {
    char letter;
    double seconds; /* a unit takes */
    int result;     /* of the work, from call number `fails_at` on, counted from 1 */
    unsigned fails_at;
    struct mapproc_cancel *cancels;
    unsigned calls;
};

static int work(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct fake *fake = context;

    note_event(fake->letter, units);
    fake->calls++;
    spend(fake->seconds * (double)units);
    if (fake->fails_at == 0 || fake->calls < fake->fails_at)
        return MAPPROC_OK;
    if (fake->cancels != NULL)
        mapproc_cancel_request(fake->cancels);
    if (fake->result != MAPPROC_OK)
        (void)mapproc_error_set(&worker->error, fake->result, EIO, NULL, "fake failed");
    return fake->result;
}

static int prepare(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    (void)error;
    note_event('(', 0);
    assert_ptr_equal(subject->prepare, prepare);
    return MAPPROC_OK;
}

static int prepare_in_vain(struct mapproc_bench_subject *subject, struct mapproc_error *error)
{
    (void)error;
    note_event('x', 0);
    mapproc_bench_skip(subject, "in %s", "vain");
    return MAPPROC_OK;
}

/* ---- numbers ---- */

/* The median by its definition: no more than half of the values are on either side. */
static void check_median(const double *values, unsigned count, double median)
{
    unsigned below = 0, above = 0;

    for (unsigned i = 0; i < count; i++) {
        below += values[i] < median;
        above += values[i] > median;
    }
    assert_true(below <= count / 2);
    assert_true(above <= count / 2);
}

static void summaries_are_right(void **state)
{
    double even[] = {4, 1, 3, 2}, odd[] = {9, 7, 8}, one[] = {5};
    struct mapproc_bench_summary summary;
    struct test_random random;

    (void)state;
    summary = mapproc_bench_summarize(even, 4);
    assert_true(summary.median == 2.5 && summary.least == 1 && summary.most == 4);
    assert_int_equal(summary.rounds, 4);
    summary = mapproc_bench_summarize(odd, 3);
    assert_true(summary.median == 8 && summary.least == 7 && summary.most == 9);
    summary = mapproc_bench_summarize(one, 1);
    assert_true(summary.median == 5 && summary.least == 5 && summary.most == 5);
    test_random_seed(&random);
    for (unsigned round = 0; round < 2000; round++) {
        double values[40], copy[40], least = 1e9, most = 0;
        unsigned count = 1 + (unsigned)test_random_below(&random, 40);

        for (unsigned i = 0; i < count; i++) {
            values[i] = 1 + (double)test_random_below(&random, round % 2 ? 10 : 1000000);
            least = values[i] < least ? values[i] : least;
            most = values[i] > most ? values[i] : most;
        }
        memcpy(copy, values, sizeof(copy));
        summary = mapproc_bench_summarize(copy, count);
        assert_true(summary.least == least && summary.most == most);
        check_median(values, count, summary.median);
    }
}

static void ratios_say_how_much_better(void **state)
{
    (void)state;
    assert_true(mapproc_bench_ratio(MAPPROC_BENCH_NS, 5, 10) == 2);
    assert_true(mapproc_bench_ratio(MAPPROC_BENCH_GB_S, 5, 10) == 0.5);
    assert_string_equal(mapproc_bench_unit_name(MAPPROC_BENCH_NS), "ns");
    assert_string_equal(mapproc_bench_unit_name(MAPPROC_BENCH_GB_S), "GB/s");
}

static void thread_counts_double_and_end_at_the_most(void **state)
{
    static const unsigned expected[][6] = {
        {1}, {1, 2}, {1, 2, 3}, {1, 2, 4}, {1, 2, 4, 5}, {1, 2, 4, 6}, {1, 2, 4, 7}, {1, 2, 4, 8},
    };

    (void)state;
    for (unsigned most = 1; most <= 8; most++) {
        unsigned threads = 0;

        for (unsigned i = 0; i < 6; i++) {
            threads = mapproc_bench_next_threads(threads, most);
            assert_int_equal(threads, expected[most - 1][i]);
            if (threads == 0)
                break;
        }
    }
}

/* ---- sets ---- */

struct bench {
    struct mapproc_bench_team team; /* of one thread */
    struct mapproc_cancel *cancel;
    struct listener listener;
    struct mapproc_bench_options options;
    struct fake fakes[3];
    struct mapproc_bench_subject subjects[3];
    struct mapproc_bench_set set;
};

static void set_up(struct bench *bench)
{
    static const char *const names[] = {"A", "B", "C"};

    memset(bench, 0, sizeof(*bench));
    memset(&happened, 0, sizeof(happened));
    bench->cancel = mapproc_cancel_create();
    assert_non_null(bench->cancel);
    assert_int_equal(mapproc_bench_team_start(&bench->team, 1, NULL, 0, bench->cancel, NULL),
                     MAPPROC_OK);
    bench->options.job.cancel = bench->cancel;
    bench->options.row = take_row;
    bench->options.progress = take_progress;
    bench->options.user = &bench->listener;
    for (unsigned i = 0; i < 3; i++) {
        bench->fakes[i].letter = names[i][0];
        bench->subjects[i] = (struct mapproc_bench_subject){
            .test = "test",
            .name = names[i],
            .size = 1000 + i,
            .baseline = &bench->subjects[0],
            .team = &bench->team,
            .work = work,
            .context = &bench->fakes[i],
            .amount = 1,
            .units = 1,
        };
    }
    bench->set = (struct mapproc_bench_set){
        .group = "group", .subjects = bench->subjects, .count = 3, .rounds = 4, .run_time = 0.1};
}

static void tear_down(struct bench *bench)
{
    mapproc_bench_team_stop(&bench->team);
    mapproc_cancel_free(bench->cancel);
}

static void subjects_take_turns(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_OK);
    assert_string_equal(happened.events, "ABCABCABCABCABC");
    assert_int_equal(bench.listener.last_round, 4);
    assert_int_equal(bench.listener.rounds, 4);
    assert_int_equal(bench.listener.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct mapproc_bench_row *row = &bench.listener.rows[i].row;

        assert_string_equal(row->group, "group");
        assert_string_equal(row->test, "test");
        assert_string_equal(row->subject, bench.subjects[i].name);
        assert_int_equal(row->threads, 1);
        assert_int_equal(row->size, 1000 + i);
        assert_null(row->skipped);
        assert_int_equal(row->value.rounds, 4);
        assert_true(row->value.least > 0);
        assert_true(row->value.least <= row->value.median);
        assert_true(row->value.median <= row->value.most);
        assert_true(row->ratio == bench.listener.rows[0].row.value.median / row->value.median);
    }
    tear_down(&bench);
}

static void rounds_of_the_options_win(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    bench.options.rounds = 1;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_OK);
    assert_string_equal(happened.events, "ABCABC");
    assert_int_equal(bench.listener.rows[0].row.value.rounds, 1);
    tear_down(&bench);
}

static void values_are_times_and_rates(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    for (unsigned i = 0; i < 3; i++) {
        bench.fakes[i].seconds = 0.001;
        bench.subjects[i].units = 2;
        bench.subjects[i].amount = 1000;
    }
    bench.subjects[1].unit = MAPPROC_BENCH_GB_S;
    bench.subjects[2].baseline = NULL;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_OK);
    /* 2000 operations, or bytes, in 2 ms. */
    assert_true(is_about(bench.listener.rows[0].row.value.least, 1000));
    assert_true(is_about(bench.listener.rows[0].row.value.most, 1000));
    assert_true(is_about(bench.listener.rows[1].row.value.least, 0.001));
    assert_true(is_about(bench.listener.rows[1].row.value.most, 0.001));
    assert_true(bench.listener.rows[2].row.ratio == 0);
    tear_down(&bench);
}

static void work_grows_until_it_lasts(void **state)
{
    struct mapproc_error error;
    struct bench bench;
    uint64_t units;

    (void)state;
    set_up(&bench);
    bench.set.count = 1;
    bench.subjects[0].units = 0;
    bench.fakes[0].seconds = 0.0001;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_OK);
    assert_true(happened.count > 4);
    assert_int_equal(happened.units[0], 1);
    /* Half of the 0.1 s at least, and not more than it has to be. */
    units = happened.units[happened.count - 1];
    assert_in_range(units, 500, 1001);
    /* No round counts that is not of this length. */
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(happened.units[happened.count - i], units);
    tear_down(&bench);
}

static void what_is_skipped_says_why(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    bench.subjects[0].prepare = prepare_in_vain;
    bench.subjects[1].prepare = prepare;
    mapproc_bench_skip(&bench.subjects[2], "%d reasons", 2);
    bench.subjects[2].team = NULL;
    bench.subjects[2].threads = 7;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_OK);
    assert_string_equal(happened.events, "x(B(B(B(B(B");
    assert_int_equal(bench.listener.count, 3);
    assert_string_equal(bench.listener.rows[0].skipped, "in vain");
    assert_null(bench.listener.rows[1].row.skipped);
    assert_true(bench.listener.rows[1].row.ratio == 0); /* its baseline is not there */
    assert_string_equal(bench.listener.rows[2].skipped, "2 reasons");
    assert_int_equal(bench.listener.rows[2].row.threads, 7);
    tear_down(&bench);
}

static void a_stop_ends_it_at_once(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    bench.fakes[1].fails_at = 3; /* B in round 2 */
    bench.fakes[1].cancels = bench.cancel;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_CANCELLED);
    assert_string_equal(happened.events, "ABCABCAB");
    assert_int_equal(bench.listener.count, 0);
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_CANCELLED);
    assert_string_equal(happened.events, "ABCABCAB");
    tear_down(&bench);
}

static void failures_are_passed_on(void **state)
{
    struct mapproc_error error;
    struct bench bench;

    (void)state;
    set_up(&bench);
    bench.fakes[2].fails_at = 2;
    bench.fakes[2].result = MAPPROC_BAD_DATA;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_BAD_DATA);
    assert_string_equal(error.what, "fake failed");
    assert_int_equal(error.system_error, EIO);
    assert_int_equal(bench.listener.count, 0);
    tear_down(&bench);
    set_up(&bench);
    bench.listener.answer = MAPPROC_FAILED;
    assert_int_equal(mapproc_bench_measure(&bench.set, &bench.options, &error), MAPPROC_FAILED);
    assert_string_equal(error.what, "");
    assert_int_equal(bench.listener.count, 1);
    tear_down(&bench);
}

/* ---- teams ---- */

enum { TEAM = 5 };

struct meeting {
    atomic_uint present;
    atomic_uint calls[TEAM]; /* times their units */
    unsigned absent;         /* index of the thread that fails; TEAM: none */
};

/* Ends only if all threads are in it at the same time. */
static int meet(struct mapproc_bench_worker *worker, void *context, uint64_t units)
{
    struct meeting *meeting = context;

    atomic_fetch_add(&meeting->calls[worker->index], (unsigned)units);
    atomic_fetch_add(&meeting->present, 1);
    while (atomic_load(&meeting->present) < TEAM)
        (void)sched_yield();
    if (worker->index < meeting->absent)
        return MAPPROC_OK;
    return mapproc_error_set(&worker->error, MAPPROC_FAILED, (int)worker->index, NULL, "absent");
}

static void a_team_works_together(void **state)
{
    struct mapproc_bench_team team;
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_bench_team_start(&team, TEAM, NULL, 0, NULL, &error), MAPPROC_OK);
    for (unsigned round = 1; round <= 100; round++) {
        struct meeting meeting = {.absent = TEAM};
        double seconds = -1;

        assert_int_equal(mapproc_bench_team_run(&team, meet, &meeting, 42, &seconds, &error),
                         MAPPROC_OK);
        assert_true(seconds >= 0);
        for (unsigned i = 0; i < TEAM; i++)
            assert_int_equal(atomic_load(&meeting.calls[i]), 42);
    }
    mapproc_bench_team_stop(&team);
}

static void a_team_tells_its_first_failure(void **state)
{
    struct meeting meeting = {.absent = 3};
    struct mapproc_bench_team team;
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_bench_team_start(&team, TEAM, NULL, 0, NULL, &error), MAPPROC_OK);
    assert_int_equal(mapproc_bench_team_run(&team, meet, &meeting, 42, NULL, &error),
                     MAPPROC_FAILED);
    assert_string_equal(error.what, "absent");
    assert_int_equal(error.system_error, 3);
    mapproc_bench_team_stop(&team);
}

static void a_team_is_timed_from_first_to_last(void **state)
{
    struct fake fake = {.letter = 'T', .seconds = 0.001};
    struct mapproc_bench_team team;
    struct mapproc_error error;
    double seconds;

    (void)state;
    memset(&happened, 0, sizeof(happened));
    assert_int_equal(mapproc_bench_team_start(&team, 1, NULL, 0, NULL, &error), MAPPROC_OK);
    assert_int_equal(mapproc_bench_team_run(&team, work, &fake, 5, &seconds, &error), MAPPROC_OK);
    assert_true(is_about(seconds, 0.005));
    mapproc_bench_team_stop(&team);
}

static void a_team_that_cannot_start_leaves_nothing(void **state)
{
    struct mapproc_bench_team team;
    struct mapproc_error error;
    cpu_set_t none;

    (void)state;
    CPU_ZERO(&none); /* no thread can be created on no CPU */
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(mapproc_bench_team_start(&team, TEAM, &none, sizeof(none), NULL, &error),
                         MAPPROC_FAILED);
        assert_int_equal(error.system_error, EINVAL);
    }
}

/* Address space for some of the threads' stacks, not for all. */
static void a_team_ends_those_that_could_start(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip_because("sanitizers need all the address space");
#else
    struct mapproc_bench_team team;
    struct mapproc_error error;
    struct rlimit before, little;
    pthread_attr_t attributes;
    size_t stack = 0;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    (void)fclose(file);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_getstacksize(&attributes, &stack), 0);
    (void)pthread_attr_destroy(&attributes);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    little = before;
    little.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + 60 * stack;
    assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
    assert_int_equal(mapproc_bench_team_start(&team, 100, NULL, 0, NULL, &error), MAPPROC_FAILED);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(error.system_error, EAGAIN);
#endif
}

static void a_team_runs_where_it_is_told(void **state)
{
    struct mapproc_bench_team team;
    struct mapproc_error error;
    cpu_set_t usable, one, got;
    int cpu = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(usable), &usable), 0);
    while (!CPU_ISSET(cpu, &usable))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(mapproc_bench_team_start(&team, 3, &one, sizeof(one), NULL, &error),
                     MAPPROC_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_getaffinity_np(team.workers[i].thread, sizeof(got), &got), 0);
        assert_true(CPU_EQUAL(&got, &one));
    }
    mapproc_bench_team_stop(&team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries_are_right),
        cmocka_unit_test(ratios_say_how_much_better),
        cmocka_unit_test(thread_counts_double_and_end_at_the_most),
        cmocka_unit_test(subjects_take_turns),
        cmocka_unit_test(rounds_of_the_options_win),
        cmocka_unit_test(values_are_times_and_rates),
        cmocka_unit_test(work_grows_until_it_lasts),
        cmocka_unit_test(what_is_skipped_says_why),
        cmocka_unit_test(a_stop_ends_it_at_once),
        cmocka_unit_test(failures_are_passed_on),
        cmocka_unit_test(a_team_works_together),
        cmocka_unit_test(a_team_tells_its_first_failure),
        cmocka_unit_test(a_team_is_timed_from_first_to_last),
        cmocka_unit_test(a_team_that_cannot_start_leaves_nothing),
        cmocka_unit_test(a_team_ends_those_that_could_start),
        cmocka_unit_test(a_team_runs_where_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
