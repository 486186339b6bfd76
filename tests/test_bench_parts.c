/* SPDX-License-Identifier: MIT */
/* test_bench_parts.c - what measurements are made of: scans, sizes, files, and all groups. */
#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench/bench.h"
#include "bench/file_cache.h"
#include "bench/file_made.h"
#include "bench/file_scan.h"
#include "bench/machine.h"
#include "bench/region.h"
#include "bench/scan.h"
#include "guarded_buffer.h"
#include "random.h"
#include "scratch_file.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

/* ---- scans ---- */

/* Byte by byte: each goes into the place that it has in its word. */
static uint64_t slow_scan(const unsigned char *bytes, size_t length)
{
    unsigned char word[8] = {0};
    uint64_t value;

    for (size_t i = 0; i < length; i++)
        word[i % 8] ^= bytes[i];
    memcpy(&value, word, sizeof(value));
    return value;
}

static void a_scan_reads_every_byte_and_no_other(void **state)
{
    enum { SIZE = 1000 };
    struct guarded_buffer buffer = {0};
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    assert_int_equal(guarded_buffer_init(&buffer, SIZE), 0);
    for (size_t i = 1; i <= SIZE; i++)
        buffer.end[-(ptrdiff_t)i] = (uint8_t)test_random_next(&random);
    for (size_t length = 0; length <= SIZE; length++)
        assert_true(mapproc_bench_scan(buffer.end - length, length) ==
                    slow_scan(buffer.end - length, length));
    guarded_buffer_destroy(&buffer);
}

/* ---- regions ---- */

static void parts_of_a_region_are_all_of_it(void **state)
{
    static const size_t sizes[] = {64, 640, 4096, 100032, 12345 * 64};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        unsigned char origin[1];
        const struct mapproc_bench_region all = {.memory = origin, .size = sizes[s]};

        for (unsigned threads = 1; threads < 70; threads++) {
            size_t next = 0;

            for (unsigned i = 0; i < threads; i++) {
                struct mapproc_bench_region part = mapproc_bench_region_part(&all, i, threads);
                size_t begin = (size_t)((uintptr_t)part.memory - (uintptr_t)origin);

                assert_int_equal(begin, next);
                assert_int_equal(begin % 64, 0);
                assert_true(part.size <= sizes[s] / threads + 64);
                next = begin + part.size;
            }
            assert_int_equal(next, sizes[s]);
        }
    }
}

static void a_region_is_filled_to_its_end(void **state)
{
    enum { SIZE = 3 * MIB + 64 };
    struct mapproc_bench_region region;
    struct mapproc_bench_team team;
    struct mapproc_error error;
    size_t zeros = 0;

    (void)state;
    assert_int_equal(mapproc_bench_region_open(&region, SIZE, &error), MAPPROC_OK);
    assert_int_equal(mapproc_bench_team_start(&team, 3, NULL, 0, NULL, &error), MAPPROC_OK);
    assert_int_equal(mapproc_bench_region_fill(&region, &team, &error), MAPPROC_OK);
    mapproc_bench_team_stop(&team);
    for (size_t i = 0; i < SIZE; i += 8) {
        uint64_t word;

        memcpy(&word, region.memory + i, sizeof(word));
        zeros += word == 0;
    }
    assert_int_equal(zeros, 0);
    mapproc_bench_region_close(&region);
}

static void memory_is_bound_or_the_refusal_told(void **state)
{
    static const int first[] = {0}, absent[] = {900};
    struct mapproc_bench_region region;
    struct mapproc_error error;
    int refusal;

    (void)state;
    assert_int_equal(mapproc_bench_region_open(&region, MIB, &error), MAPPROC_OK);
    refusal = mapproc_bench_region_bind(&region, first, 1);
    assert_true(refusal == 0 || refusal == EPERM || refusal == ENOSYS || refusal == EINVAL);
    assert_int_not_equal(mapproc_bench_region_bind(&region, absent, 1), 0);
    memset(region.memory, 1, region.size);
    mapproc_bench_region_close(&region);
}

/* ---- sizes ---- */

static void sizes_fit_the_memory(void **state)
{
    static const struct {
        uint64_t all, asked, bound, size; /* size 0: refused */
    } cases[] = {
        {4000, 0, 0, 100},    /* the usual one, twice */
        {600, 0, 0, 75},      /* less memory */
        {80, 0, 0, 20},       /* not below the least */
        {40, 0, 0, 20},       /* with all there is */
        {39, 0, 0, 0},        /* not enough */
        {600, 90, 0, 90},     /* asked for */
        {4000, 5, 0, 20},     /* less than the least */
        {4000, 5000, 0, 700}, /* more than the most */
        {600, 90, 150, 75},   /* asked for, within a bound */
        {4000, 0, 4000, 100}, /* the bound is far */
        {4000, 0, 40, 20},    /* just enough */
        {4000, 0, 39, 0},     /* not enough */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mapproc_bench_machine machine = {
            .memory = cases[i].bound != 0 ? cases[i].bound : cases[i].all / 4,
            .most = cases[i].bound != 0 ? cases[i].bound : cases[i].all};
        const struct mapproc_bench_options options = {.size = cases[i].asked,
                                                      .job.memory = cases[i].bound};
        const struct mapproc_bench_sizes sizes = {
            .group = "this", .usual = 100, .least = 20, .most = 700, .count = 2};
        struct mapproc_error error;
        uint64_t size;
        int result = mapproc_bench_choose_size(&machine, &options, &sizes, &size, &error);

        if (cases[i].size == 0) {
            assert_int_equal(result, MAPPROC_REFUSED);
            assert_string_equal(error.what, "this needs at least 40 B of memory");
            continue;
        }
        assert_int_equal(result, MAPPROC_OK);
        assert_int_equal(size, cases[i].size);
    }
}

static void a_machine_follows_the_options(void **state)
{
    struct mapproc_bench_options options = {.job = {.threads = 7, .memory = 12345}};
    struct mapproc_bench_machine machine;
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_bench_machine_open(&machine, &options, &error), MAPPROC_OK);
    assert_int_equal(machine.threads, 7);
    assert_int_equal(machine.memory, 12345);
    assert_int_equal(machine.most, 12345);
    mapproc_bench_machine_close(&machine);
    options = (struct mapproc_bench_options){.job.numa = MAPPROC_NUMA_OFF};
    assert_int_equal(mapproc_bench_machine_open(&machine, &options, &error), MAPPROC_OK);
    assert_int_equal(machine.topology.node_count, 1);
    assert_int_equal(CPU_COUNT_S(machine.topology.cpu_set_size, machine.cpus),
                     machine.topology.cpu_count);
    assert_in_range(machine.threads, 1, machine.topology.cpu_count);
    assert_true(machine.memory > MIB);
    mapproc_bench_machine_close(&machine);
    options = (struct mapproc_bench_options){.job.cpus = "nonsense"};
    assert_int_equal(mapproc_bench_machine_open(&machine, &options, &error), MAPPROC_REFUSED);
}

/* ---- files ---- */

static struct scratch_directory directory;

static int make_directory(void **state)
{
    (void)state;
    return scratch_directory_make(&directory) && setenv("TMPDIR", directory.path, 1) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory.path);
}

static unsigned files_in_directory(void)
{
    DIR *stream = opendir(directory.path);
    unsigned count = 0;

    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    (void)closedir(stream);
    return count - 2; /* "." and ".." */
}

static void a_made_file_has_no_name(void **state)
{
    enum { SIZE = 3 * MIB + 5 };
    unsigned char buffer[4096];
    struct mapproc_source source;
    struct mapproc_error error;
    struct stat status;

    (void)state;
    assert_int_equal(mapproc_file_made_open(&source, SIZE, NULL, &error), MAPPROC_OK);
    assert_int_equal(files_in_directory(), 0);
    assert_int_equal(fstat(source.fd, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_size, SIZE);
    assert_int_equal(source.size, SIZE);
    assert_int_equal(mapproc_source_read_at(&source, SIZE - 4096, buffer, 4096, &error),
                     MAPPROC_OK);
    for (size_t i = 0; i + 8 <= sizeof(buffer); i += 8) { /* as far as words go, it is noise */
        uint64_t word;

        memcpy(&word, buffer + i, sizeof(word));
        assert_true(word != 0);
    }
    mapproc_source_close(&source);
}

static void a_file_that_cannot_be_made_is_an_error(void **state)
{
    struct mapproc_cancel *cancel = mapproc_cancel_create();
    struct rlimit before, small;
    struct mapproc_source source;
    struct mapproc_error error;

    (void)state;
    assert_non_null(cancel);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = MIB;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(mapproc_file_made_open(&source, MIB + 1, NULL, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EFBIG); /* and no death by SIGXFSZ */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    mapproc_cancel_request(cancel);
    assert_int_equal(mapproc_file_made_open(&source, MIB, cancel, &error), MAPPROC_CANCELLED);
    mapproc_cancel_free(cancel);
    assert_int_equal(files_in_directory(), 0);
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    assert_int_equal(mapproc_file_made_open(&source, MIB, NULL, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOENT);
    assert_string_equal(error.path, "/nonexistent");
    assert_int_equal(setenv("TMPDIR", directory.path, 1), 0);
}

/* Reads the file in each way with each number of threads; all must answer this, but mappings
 * `mapped`. */
static void read_in_all_ways(const struct mapproc_source *source, uint64_t size, int expected,
                             int mapped)
{
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct mapproc_bench_subject subject = {0};
        struct mapproc_bench_team team;
        struct mapproc_file_scan scan;
        struct mapproc_error error;
        const struct mapproc_file_method *method;

        assert_int_equal(mapproc_bench_team_start(&team, threads, NULL, 0, NULL, &error),
                         MAPPROC_OK);
        assert_int_equal(mapproc_file_scan_open(&scan, source, size, threads, &error), MAPPROC_OK);
        for (size_t i = 0; (method = mapproc_file_method_at(i)) != NULL; i++) {
            int answer = method->maps ? mapped : expected;

            mapproc_file_scan_try(&scan, method, &subject);
            for (int again = 0; again < 2; again++)
                assert_int_equal(
                    mapproc_bench_team_run(&team, method->work, &scan, 1, NULL, &error), answer);
            if (answer != MAPPROC_OK)
                assert_non_null(strstr(error.what, "cut"));
        }
        mapproc_bench_team_stop(&team);
        mapproc_file_scan_close(&scan);
    }
}

/* Bytes that this process has got from read() and its like so far; 0 if the kernel does not tell.
 */
static uint64_t bytes_read(void)
{
    FILE *file = fopen("/proc/self/io", "r");
    unsigned long long count = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "rchar: %llu", &count) != 1)
        count = 0;
    (void)fclose(file);
    return count;
}

static void every_byte_is_read_once(void **state)
{
    enum { SLACK = 64 * KIB }; /* what fread() may read too much */
    static const uint64_t sizes[] = {13 * MIB + 77, 300 * KIB + 1, 1};
    struct mapproc_source source;
    struct mapproc_error error;
    uint64_t own = bytes_read();

    (void)state;
    own = bytes_read() - own; /* what finding out costs */
    if (own == 0)
        skip_because("the kernel does not count what is read");
    assert_int_equal(mapproc_file_made_open(&source, sizes[0], NULL, &error), MAPPROC_OK);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (unsigned threads = 1; threads <= 5; threads++) {
            struct mapproc_bench_team team;
            struct mapproc_file_scan scan;
            const struct mapproc_file_method *method;

            assert_int_equal(mapproc_bench_team_start(&team, threads, NULL, 0, NULL, &error),
                             MAPPROC_OK);
            assert_int_equal(mapproc_file_scan_open(&scan, &source, sizes[s], threads, &error),
                             MAPPROC_OK);
            for (size_t i = 0; (method = mapproc_file_method_at(i)) != NULL; i++) {
                uint64_t before = bytes_read(), expected = method->maps ? 0 : sizes[s];

                assert_int_equal(
                    mapproc_bench_team_run(&team, method->work, &scan, 1, NULL, &error),
                    MAPPROC_OK);
                assert_in_range(bytes_read() - before, expected, expected + own + SLACK);
            }
            mapproc_bench_team_stop(&team);
            mapproc_file_scan_close(&scan);
        }
    }
    mapproc_source_close(&source);
}

static void a_file_that_is_cut_is_an_error_in_every_way(void **state)
{
    enum { SIZE = 13 * MIB + 77 };
    char path[SCRATCH_PATH_MAX];
    struct mapproc_source source;
    struct mapproc_error error;
    unsigned char *data = calloc(1, SIZE);

    (void)state;
    assert_non_null(data);
    assert_true(scratch_write(scratch_path(&directory, "cut", path), data, SIZE));
    free(data);
    assert_int_equal(mapproc_bench_check_file(path, &error), MAPPROC_OK);
    assert_int_equal(mapproc_source_open(&source, path, &error), MAPPROC_OK);
    read_in_all_ways(&source, SIZE, MAPPROC_OK, MAPPROC_OK);
    read_in_all_ways(&source, 100 * KIB, MAPPROC_OK, MAPPROC_OK);
    read_in_all_ways(&source, 1, MAPPROC_OK, MAPPROC_OK);
    /* A page that is still there in part is still mapped. */
    assert_int_equal(truncate(path, SIZE - 1), 0);
    read_in_all_ways(&source, SIZE, MAPPROC_BAD_DATA, MAPPROC_OK);
    assert_int_equal(truncate(path, SIZE - 5000), 0);
    read_in_all_ways(&source, SIZE, MAPPROC_BAD_DATA, MAPPROC_BAD_DATA);
    assert_int_equal(truncate(path, 0), 0);
    read_in_all_ways(&source, SIZE, MAPPROC_BAD_DATA, MAPPROC_BAD_DATA);
    mapproc_source_close(&source);
    assert_int_equal(mapproc_bench_check_file(path, &error), MAPPROC_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mapproc_bench_check_file(path, &error), MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_bench_check_file("/", &error), MAPPROC_FAILED);
    assert_int_equal(mapproc_bench_check_file("/dev/null", &error), MAPPROC_REFUSED);
}

/* Keeps all of the file in the page cache as long as it lives, if the kernel lets us: it may take
 * back what nobody uses at any time. */
static void *lock_file(const struct mapproc_source *source, size_t size)
{
    void *locked = mmap(NULL, size, PROT_READ, MAP_SHARED, source->fd, 0);

    /* The call itself: sanitizers make a function of that name that does nothing. */
    if (locked != MAP_FAILED && syscall(SYS_mlock, locked, size) == 0)
        return locked;
    if (locked != MAP_FAILED)
        (void)munmap(locked, size);
    return NULL;
}

static void a_dropped_file_is_not_in_the_cache(void **state)
{
    enum { SIZE = 4 * MIB };
    struct mapproc_source source;
    struct mapproc_error error;
    void *locked;
    const char *why;
    double part;

    (void)state;
    assert_int_equal(mapproc_file_made_open(&source, SIZE, NULL, &error), MAPPROC_OK);
    if (!mapproc_file_cache_part(&source, SIZE, &part)) {
        mapproc_source_close(&source);
        skip_because("the kernel does not tell what is cached");
    }
    locked = lock_file(&source, SIZE);
    if (locked != NULL) {
        assert_true(mapproc_file_cache_part(&source, SIZE, &part));
        assert_true(part == 1);
        (void)munmap(locked, SIZE);
    } else {
        print_message("skipped: %s: what is in the cache cannot be kept there\n", __func__);
    }
    why = mapproc_file_cache_drop(&source, SIZE);
    assert_true(mapproc_file_cache_part(&source, SIZE, &part));
    if (why != NULL)
        print_message("skipped: %s: %s\n", __func__, why);
    else
        assert_true(part <= 0.01);
    mapproc_source_close(&source);
}

/* ---- groups ---- */

struct rows {
    const char *group;
    unsigned measured, skipped, bad;
};

static int count_row(void *user, const struct mapproc_bench_row *row)
{
    struct rows *rows = user;

    if (strcmp(row->group, rows->group) != 0 || row->threads < 1 || row->threads > 3 ||
        row->size == 0)
        rows->bad++;
    if (row->skipped != NULL)
        rows->skipped++;
    else
        rows->measured++;
    if (row->skipped == NULL && !(row->value.least > 0 && row->value.least <= row->value.median &&
                                  row->value.median <= row->value.most && row->ratio >= 0))
        rows->bad++;
    return MAPPROC_OK;
}

static void every_group_runs_with_an_odd_number_of_threads(void **state)
{
    const struct mapproc_bench_group *group;

    (void)state;
    for (size_t i = 0; (group = mapproc_bench_group_at(i)) != NULL; i++) {
        struct rows rows = {.group = group->name};
        const struct mapproc_bench_options options = {.job.threads = 3,
                                                      .rounds = 2,
                                                      .size = MIB,
                                                      .cold = true,
                                                      .row = count_row,
                                                      .user = &rows};
        struct mapproc_error error;

        assert_ptr_equal(mapproc_bench_group_find(group->name), group);
        assert_int_equal(group->run(&options, &error), MAPPROC_OK);
        assert_int_equal(rows.bad, 0);
        assert_true(rows.measured > 0);
    }
    assert_null(mapproc_bench_group_find("all"));
    assert_int_equal(files_in_directory(), 0);
}

/* Cuts the file when the group looks what is in the page cache for the time `look`. What is left of
 * it is then there, and what was cut is not. */
static struct {
    const char *path; /* NULL: cut nothing */
    off_t size;
    unsigned look, looks;
} cut;

int __real_mincore(void *address, size_t length, unsigned char *states);
int __wrap_mincore(void *address, size_t length, unsigned char *states);
int __wrap_mincore(void *address, size_t length, unsigned char *states)
{
    if (cut.path != NULL && ++cut.looks == cut.look)
        assert_int_equal(truncate(cut.path, cut.size), 0);
    return __real_mincore(address, length, states);
}

/* Not a file that is left out because it does not stay in the cache. */
static void a_file_cut_at_a_look_at_the_cache_is_an_error(void **state)
{
    enum { SIZE = 2 * MIB };
    static const struct {
        unsigned look;
        off_t size;
        bool cold;
    } cases[] = {{1, MIB, false}, {1, 0, false}, {1, MIB, true}, {2, MIB, true}, {3, MIB, true}};
    char path[SCRATCH_PATH_MAX];
    unsigned char *data = calloc(1, SIZE);

    (void)state;
    assert_non_null(data);
    (void)scratch_path(&directory, "looked-at", path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows rows = {.group = "file"};
        const struct mapproc_bench_options options = {.job.threads = 2,
                                                      .rounds = 2,
                                                      .file = path,
                                                      .cold = cases[i].cold,
                                                      .row = count_row,
                                                      .user = &rows};
        struct mapproc_error error;

        assert_true(scratch_write(path, data, SIZE));
        cut.path = path;
        cut.look = cases[i].look;
        cut.looks = 0;
        cut.size = cases[i].size;
        assert_int_equal(mapproc_bench_group_find("file")->run(&options, &error), MAPPROC_BAD_DATA);
        cut.path = NULL;
        assert_true(cut.looks >= cases[i].look);
        assert_non_null(strstr(error.what, "changed while it was read: cut from"));
        /* The rows of the hot file come before it is made cold. */
        assert_true(rows.measured == 0 || cases[i].look > 1);
        assert_int_equal(rows.skipped, 0);
    }
    free(data);
    assert_int_equal(unlink(path), 0);
}

/* The group compares the digests of all rounds itself. */
static void chunks_are_folded_in_order_whoever_made_them(void **state)
{
    struct rows rows = {.group = "digest"};
    const struct mapproc_bench_options options = {
        .job.threads = 3, .rounds = 30, .size = 5 * MIB, .row = count_row, .user = &rows};
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_bench_group_find("digest")->run(&options, &error), MAPPROC_OK);
    assert_int_equal(rows.bad, 0);
    assert_int_equal(rows.skipped, 0);
}

static void every_group_stops_before_it_starts(void **state)
{
    const struct mapproc_bench_group *group;
    struct mapproc_cancel *cancel = mapproc_cancel_create();

    (void)state;
    assert_non_null(cancel);
    mapproc_cancel_request(cancel);
    for (size_t i = 0; (group = mapproc_bench_group_at(i)) != NULL; i++) {
        struct rows rows = {.group = group->name};
        const struct mapproc_bench_options options = {
            .job.threads = 2, .job.cancel = cancel, .size = MIB, .row = count_row, .user = &rows};
        struct mapproc_error error;

        assert_int_equal(group->run(&options, &error), MAPPROC_CANCELLED);
        assert_int_equal(rows.measured, 0);
    }
    mapproc_cancel_free(cancel);
    assert_int_equal(files_in_directory(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_reads_every_byte_and_no_other),
        cmocka_unit_test(parts_of_a_region_are_all_of_it),
        cmocka_unit_test(a_region_is_filled_to_its_end),
        cmocka_unit_test(memory_is_bound_or_the_refusal_told),
        cmocka_unit_test(sizes_fit_the_memory),
        cmocka_unit_test(a_machine_follows_the_options),
        cmocka_unit_test(a_made_file_has_no_name),
        cmocka_unit_test(a_file_that_cannot_be_made_is_an_error),
        cmocka_unit_test(every_byte_is_read_once),
        cmocka_unit_test(a_file_that_is_cut_is_an_error_in_every_way),
        cmocka_unit_test(a_dropped_file_is_not_in_the_cache),
        cmocka_unit_test(every_group_runs_with_an_odd_number_of_threads),
        cmocka_unit_test(a_file_cut_at_a_look_at_the_cache_is_an_error),
        cmocka_unit_test(chunks_are_folded_in_order_whoever_made_them),
        cmocka_unit_test(every_group_stops_before_it_starts),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
