/* SPDX-License-Identifier: MIT */
/* test_limiter.c - limits of the rate and pauses, by a clock of our own and by the real one. */
#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "mapproc_progress.h"
#include "progress/limiter.h"
#include "progress/process.h"

enum { MEBIBYTE = 1 << 20 };

static const double credit = 0.1;   /* seconds that may be made up for */
static const double ahead = 0.002;  /* seconds that are not worth a sleep */
static const double exact = 0.0001; /* seconds */

/* ---- a clock of our own ---- */

static bool is_simulated;
static uint64_t now_ns;

uint64_t __real_mapproc_process_clock(void);
uint64_t __wrap_mapproc_process_clock(void);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *time);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *time);

uint64_t __wrap_mapproc_process_clock(void)
{
    return is_simulated ? now_ns : __real_mapproc_process_clock();
}

/* Nobody wakes a simulated wait. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *time)
{
    if (!is_simulated)
        return __real_pthread_cond_timedwait(condition, mutex, time);
    assert_true((uint64_t)time->tv_sec * UINT64_C(1000000000) + (uint64_t)time->tv_nsec > now_ns);
    now_ns = (uint64_t)time->tv_sec * UINT64_C(1000000000) + (uint64_t)time->tv_nsec;
    return ETIMEDOUT;
}

static double seconds(void)
{
    return (double)now_ns / 1e9;
}

static void pass(double time)
{
    now_ns += (uint64_t)(time * 1e9);
}

static const uint64_t rates[] = {1024, MEBIBYTE, 50 * MEBIBYTE + 1, UINT64_C(10) << 30};

enum { RATES = sizeof(rates) / sizeof(rates[0]), STEP = 256 << 10, STEPS = 1000 };

static const atomic_bool going_on;

static void begin(struct mapproc_limiter *limiter, uint64_t rate)
{
    is_simulated = true;
    now_ns = UINT64_C(12345678901234);
    mapproc_limiter_init(limiter);
    mapproc_limiter_set_rate(limiter, rate);
    assert_true(mapproc_limiter_step(limiter) > 0);
}

static void end(struct mapproc_limiter *limiter)
{
    mapproc_limiter_destroy(limiter);
    is_simulated = false;
}

/* Takes steps one after the other, each of which ends when all since `start` are due: at once if
 * that is over. */
static void take_steps(struct mapproc_limiter *limiter, uint64_t rate, double start)
{
    double begun = seconds();

    for (int n = 1; n <= STEPS; n++) {
        double due = start + (double)n * STEP / (double)rate;

        due = due > begun ? due : begun;
        mapproc_limiter_wait(limiter, STEP, &going_on, NULL);
        assert_true(seconds() > due - ahead - exact);
        assert_true(seconds() < due + exact);
    }
}

static void steps_are_taken_when_they_are_due(void **state)
{
    struct mapproc_limiter limiter;

    (void)state;
    for (size_t i = 0; i < RATES; i++) {
        begin(&limiter, rates[i]);
        take_steps(&limiter, rates[i], seconds());
        end(&limiter);
    }
}

static void little_is_made_up_for(void **state)
{
    struct mapproc_limiter limiter;

    (void)state;
    for (size_t i = 0; i < RATES; i++) {
        begin(&limiter, rates[i]);
        pass(100);
        take_steps(&limiter, rates[i], seconds() - credit);
        end(&limiter);
    }
}

static void another_rate_counts_from_now(void **state)
{
    struct mapproc_limiter limiter;

    (void)state;
    for (size_t i = 0; i + 1 < RATES; i++) {
        begin(&limiter, rates[i]);
        take_steps(&limiter, rates[i], seconds());
        mapproc_limiter_set_rate(&limiter, rates[i + 1]);
        take_steps(&limiter, rates[i + 1], seconds());
        end(&limiter);
    }
}

static void a_pause_is_not_made_up_for(void **state)
{
    struct mapproc_limiter limiter;
    uint64_t rate, paused_ns;
    double start;
    bool paused;

    (void)state;
    begin(&limiter, MEBIBYTE);
    start = seconds();
    take_steps(&limiter, MEBIBYTE, start);
    mapproc_limiter_pause(&limiter, true);
    pass(1000);
    mapproc_limiter_look(&limiter, &paused, &rate, &paused_ns);
    assert_true(paused);
    assert_int_equal(rate, MEBIBYTE);
    assert_in_range(paused_ns, UINT64_C(1000000000000) - 1000, UINT64_C(1000000000000));
    mapproc_limiter_pause(&limiter, false);
    /* As if it had not been: what was due is due, and nothing else. */
    take_steps(&limiter, MEBIBYTE, start + 1000 + (double)STEPS * STEP / MEBIBYTE);
    mapproc_limiter_look(&limiter, &paused, &rate, &paused_ns);
    assert_false(paused);
    assert_in_range(paused_ns, UINT64_C(1000000000000) - 1000, UINT64_C(1000000000000));
    end(&limiter);
}

static void rates_are_clamped(void **state)
{
    struct mapproc_limiter limiter;
    const atomic_bool stopping = true;
    uint64_t rate, paused_ns;
    bool paused;

    (void)state;
    mapproc_limiter_init(&limiter);
    mapproc_limiter_set_rate(&limiter, 1);
    mapproc_limiter_look(&limiter, &paused, &rate, &paused_ns);
    assert_int_equal(rate, MAPPROC_LIMIT_RATE_MIN);
    mapproc_limiter_set_rate(&limiter, UINT64_MAX);
    mapproc_limiter_look(&limiter, &paused, &rate, &paused_ns);
    assert_int_equal(rate, MAPPROC_LIMIT_RATE_MAX);
    /* Absurd amounts neither overflow nor wait, because of stopping. */
    for (int i = 0; i < 4; i++)
        mapproc_limiter_wait(&limiter, UINT64_MAX / 3, &stopping, NULL);
    mapproc_limiter_set_rate(&limiter, 0);
    assert_int_equal(mapproc_limiter_step(&limiter), 0);
    mapproc_limiter_destroy(&limiter);
}

/* ---- several threads, by the real clock ---- */

enum { CROWD = 4, PATIENCE = 200 /* seconds, of something that never comes */ };

struct crowd {
    struct mapproc_limiter limiter;
    pthread_t threads[CROWD];
    atomic_uint states[CROWD];
    atomic_uint count; /* of those that have begun */
    atomic_bool stopping;
    _Atomic uint64_t done;
    uint64_t step;
};

static void *work(void *argument)
{
    struct crowd *crowd = argument;
    atomic_uint *state = &crowd->states[atomic_fetch_add(&crowd->count, 1)];

    while (!atomic_load(&crowd->stopping)) {
        if (mapproc_limiter_step(&crowd->limiter) != 0)
            mapproc_limiter_wait(&crowd->limiter, crowd->step, &crowd->stopping, state);
        (void)atomic_fetch_add(&crowd->done, crowd->step);
    }
    return NULL;
}

static void start_crowd(struct crowd *crowd, uint64_t rate, uint64_t step)
{
    mapproc_limiter_init(&crowd->limiter);
    mapproc_limiter_set_rate(&crowd->limiter, rate);
    atomic_init(&crowd->stopping, false);
    atomic_init(&crowd->done, 0);
    atomic_init(&crowd->count, 0);
    crowd->step = step;
    for (int i = 0; i < CROWD; i++) {
        atomic_init(&crowd->states[i], MAPPROC_WORKER_ABSENT);
        assert_int_equal(pthread_create(&crowd->threads[i], NULL, work, crowd), 0);
    }
}

static void stop_crowd(struct crowd *crowd)
{
    atomic_store(&crowd->stopping, true);
    mapproc_limiter_wake(&crowd->limiter);
    for (int i = 0; i < CROWD; i++)
        (void)pthread_join(crowd->threads[i], NULL);
    mapproc_limiter_destroy(&crowd->limiter);
}

/* Waits until the crowd has done `bytes`. False if it does not. */
static bool await_done(struct crowd *crowd, uint64_t bytes)
{
    for (int ms = 0; atomic_load(&crowd->done) < bytes; ms++) {
        if (ms == PATIENCE * 1000)
            return false;
        (void)usleep(1000);
    }
    return true;
}

/* Waits until each of the crowd is in a state. False if it is not. */
static bool await_states(struct crowd *crowd, unsigned wanted)
{
    for (int ms = 0; ms < PATIENCE * 1000; ms++) {
        unsigned found = 0;

        for (int i = 0; i < CROWD; i++)
            found += atomic_load(&crowd->states[i]) == wanted;
        if (found == CROWD)
            return true;
        (void)usleep(1000);
    }
    return false;
}

/* Lets the crowd do so much more; whether that was no more than the rate allows in the time that it
 * took, whatever the machine does meanwhile: what is due, what may be made up for, and steps that
 * were allowed before, but are told only now. */
static bool keeps_rate(struct crowd *crowd, uint64_t rate, uint64_t bytes)
{
    uint64_t begun = mapproc_process_clock(), before = atomic_load(&crowd->done), done, ended;

    if (!await_done(crowd, before + bytes))
        return false;
    done = atomic_load(&crowd->done) - before;
    ended = mapproc_process_clock();
    print_message("%.3f of the rate\n",
                  (double)done / ((double)(ended - begun) / 1e9) / (double)rate);
    return (double)done <= (double)rate * ((double)(ended - begun) / 1e9 + credit + ahead) +
                               (double)(CROWD * crowd->step);
}

static void a_crowd_keeps_the_rate(void **state)
{
    static struct crowd crowd;
    bool kept;

    (void)state;
    start_crowd(&crowd, 50 * MEBIBYTE, 64 << 10);
    kept = keeps_rate(&crowd, 50 * MEBIBYTE, 50 * MEBIBYTE);
    stop_crowd(&crowd);
    assert_true(kept);
}

static void a_crowd_takes_another_rate_at_once(void **state)
{
    static struct crowd crowd;
    bool waiting, kept;

    (void)state;
    /* Each step would take more than an hour. */
    start_crowd(&crowd, 1024, 4 * MEBIBYTE);
    waiting = await_states(&crowd, MAPPROC_WORKER_LIMITED);
    mapproc_limiter_set_rate(&crowd.limiter, 200 * MEBIBYTE);
    kept = keeps_rate(&crowd, 200 * MEBIBYTE, 100 * MEBIBYTE);
    stop_crowd(&crowd);
    assert_true(waiting);
    assert_true(kept);
}

static void a_crowd_pauses(void **state)
{
    static struct crowd crowd;
    const struct timespec while_ = {.tv_nsec = 300 * 1000000L};
    uint64_t before, after, rate, paused_ns;
    bool all_begun, all_paused, paused, kept;

    (void)state;
    start_crowd(&crowd, 20 * MEBIBYTE, 64 << 10);
    all_begun = await_done(&crowd, MEBIBYTE);
    mapproc_limiter_pause(&crowd.limiter, true);
    all_paused = await_states(&crowd, MAPPROC_WORKER_PAUSED);
    before = atomic_load(&crowd.done);
    (void)nanosleep(&while_, NULL); /* so that there is something to be seen if it is not so */
    after = atomic_load(&crowd.done);
    mapproc_limiter_look(&crowd.limiter, &paused, &rate, &paused_ns);
    mapproc_limiter_pause(&crowd.limiter, false);
    kept = keeps_rate(&crowd, 20 * MEBIBYTE, 10 * MEBIBYTE);
    /* A pause ends with the run. */
    mapproc_limiter_pause(&crowd.limiter, true);
    stop_crowd(&crowd);
    assert_true(all_begun);
    assert_true(all_paused);
    assert_int_equal(before, after);
    assert_true(paused);
    assert_true(paused_ns >= 300 * 1000000u);
    assert_true(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_taken_when_they_are_due),
        cmocka_unit_test(little_is_made_up_for),
        cmocka_unit_test(another_rate_counts_from_now),
        cmocka_unit_test(a_pause_is_not_made_up_for),
        cmocka_unit_test(rates_are_clamped),
        cmocka_unit_test(a_crowd_keeps_the_rate),
        cmocka_unit_test(a_crowd_takes_another_rate_at_once),
        cmocka_unit_test(a_crowd_pauses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
