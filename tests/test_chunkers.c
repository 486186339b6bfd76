/* SPDX-License-Identifier: MIT */
/* test_chunkers.c - the contract that every chunker has to keep, the sample plug-in included, and
 * the rule of each against a slow one. */
#include "cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "guarded_buffer.h"
#include "pipeline/chunking.h"
#include "random.h"

enum { SIZE_LIMIT = 20000, INPUTS = 10000, SCANNED_INPUTS = 500, ORACLE_INPUTS = 300 };

static struct test_random rng;
static struct guarded_buffer buffer; /* the input, up to its end */
static struct guarded_buffer shown;  /* a view of it, up to its end */
static struct mapproc_chunking plugin;

/* One chunker with its settings, and where it is. */
struct cutter {
    struct mapproc_chunking chunking;
    size_t chunk_size;
    _Alignas(16) unsigned char state[MAPPROC_CHUNKER_STATE_MAX];
};

/* A file in which holes and data change at places that look random. */
static bool find_hole(void *user, uint64_t offset, uint64_t *end)
{
    uint64_t stretch = *(const uint64_t *)user;

    *end = offset - offset % stretch + stretch;
    return offset / stretch % 2 == 1;
}

static uint64_t stretch = 1000;
static const struct mapproc_chunker_source source = {.user = &stretch, .find_hole = find_hole};

static void start(struct cutter *cutter, uint64_t offset)
{
    const struct mapproc_chunker_settings settings = {
        .chunk_size = cutter->chunk_size,
        .options = cutter->chunking.options,
        .offset = offset,
        .source = &source,
    };

    memset(cutter->state, 0xa5, sizeof(cutter->state));
    assert_null(cutter->chunking.chunker->init(cutter->state, &settings));
}

static void set(struct cutter *cutter, const char *key, uint64_t value)
{
    const struct mapproc_chunker_option *option = cutter->chunking.chunker->options;

    for (size_t i = 0; option != NULL && option[i].name != NULL; i++)
        if (strcmp(option[i].name, key) == 0)
            cutter->chunking.options[i] = value;
}

/* Options at random, such that they make sense. */
static void choose_options(struct cutter *cutter)
{
    uint64_t avg = 64 + test_random_below(&rng, 3000);

    cutter->chunk_size = 1 + test_random_below(&rng, 3000);
    stretch = 1 + test_random_below(&rng, 4000);
    set(cutter, "byte", test_random_below(&rng, 4));
    set(cutter, "limit", cutter->chunk_size + 1 + test_random_below(&rng, 3000));
    set(cutter, "size", 1 + test_random_below(&rng, 500));
    set(cutter, "header", test_random_below(&rng, 500));
    set(cutter, "min", 64 + test_random_below(&rng, avg - 63));
    set(cutter, "avg", avg);
    set(cutter, "max", avg + test_random_below(&rng, 3000));
}

/* In brackets, because cmocka has a macro of that name. */
static size_t get_skip(const struct cutter *cutter)
{
    const struct mapproc_chunker *chunker = cutter->chunking.chunker;

    return chunker->skip != NULL ? (*chunker->skip)(cutter->state) : 0;
}

static size_t get_most(const struct cutter *cutter)
{
    const struct mapproc_chunker *chunker = cutter->chunking.chunker;

    return chunker->most != NULL ? chunker->most(cutter->state) : cutter->chunk_size;
}

/* A view of the bytes [from, from + length) that ends where nothing may be touched, and has noise
 * instead of what is to be skipped. */
static const uint8_t *show(const struct cutter *cutter, const uint8_t *data, size_t from,
                           size_t length)
{
    size_t skip = get_skip(cutter);
    uint8_t *view = shown.end - length;

    if (!cutter->chunking.chunker->reads_data)
        return NULL;
    memcpy(view, data + from, length);
    for (size_t i = 0; i < skip && i < length; i++)
        view[i] = (uint8_t)test_random_next(&rng);
    return view;
}

/* The next border after `from`, found through a view that grows by `window` bytes at a time. */
static size_t next_border(struct cutter *cutter, const uint8_t *data, size_t size, size_t from,
                          size_t window)
{
    size_t seen = 0;

    for (;;) {
        size_t left = size - from, skip = get_skip(cutter), answer;
        bool at_end;

        seen = seen + window < left ? seen + window : left;
        at_end = seen == left;
        answer = cutter->chunking.chunker->next(cutter->state, show(cutter, data, from, seen), seen,
                                                at_end);
        if (answer != MAPPROC_CHUNKER_MORE) {
            assert_in_range(answer, 1, seen);
            assert_true(answer <= get_most(cutter));
            assert_true(answer > skip || from + answer == size);
            return from + answer;
        }
        assert_false(at_end);
        assert_true(seen < get_most(cutter));
    }
}

/* Bytes of few values, some of them long runs, in which there are lines, records of FASTA, and
 * borders for cdc. */
static const uint8_t *make_input(size_t size)
{
    static const uint8_t letters[] = {0, 1, 2, 3, '\n', '>', 'A', 'C'};
    uint8_t *data = buffer.end - size;
    bool noise = test_random_below(&rng, 2) == 0;

    for (size_t i = 0; i < size;) {
        size_t run = test_random_below(&rng, 50) == 0 ? test_random_below(&rng, 2000) : 1;
        uint64_t number = test_random_next(&rng);
        uint8_t letter = noise ? (uint8_t)number : letters[number % sizeof(letters)];

        for (; run > 0 && i < size; run--)
            data[i++] = letter;
    }
    return data;
}

/* Chunks cover the input exactly; the borders depend neither on the window nor on where the run
 * began, as long as it was at a border. */
static void check_contract(const struct mapproc_chunking *chunking)
{
    for (int input = 0; input < INPUTS; input++) {
        size_t size = 1 + test_random_below(&rng, 1 + test_random_below(&rng, SIZE_LIMIT));
        const uint8_t *data = make_input(size);
        struct cutter one = {.chunking = *chunking}, other;
        size_t window;

        choose_options(&one);
        window = 1 + test_random_below(&rng, 2 * one.chunk_size);
        other = one;
        start(&one, 0);
        for (size_t at = 0; at < size;) {
            size_t border = next_border(&one, data, size, at, size);

            start(&other, at);
            assert_int_equal(next_border(&other, data, size, at, window), border);
            assert_true(border > at && border <= size);
            at = border;
        }
    }
}

static void contract_holds(void **state)
{
    const struct mapproc_chunker *chunker;
    struct mapproc_chunking chunking;

    (void)state;
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++) {
        mapproc_chunking_init(&chunking, chunker);
        check_contract(&chunking);
    }
    check_contract(&plugin);
}

/* The next border as it follows from marks, of which there are two words each: place and kind. */
static size_t pick(const struct cutter *cutter, uint64_t (*marks)[2], size_t count, size_t size,
                   size_t from)
{
    const struct mapproc_chunker *chunker = cutter->chunking.chunker;
    size_t most = get_most(cutter);

    for (size_t i = 0; i < count; i++) {
        size_t length = (size_t)marks[i][0] - from;

        if (marks[i][0] <= from || length > most)
            continue;
        if (chunker->accepts(cutter->state, length, (unsigned)marks[i][1]))
            return (size_t)marks[i][0];
    }
    return size - from < most ? size : from + most;
}

/* Whatever the blocks are that are scanned, the borders picked are those of next(). */
static void check_scan(const struct mapproc_chunking *chunking)
{
    static uint64_t marks[SIZE_LIMIT][2];
    static uint32_t found[2 * SIZE_LIMIT];

    for (int input = 0; input < SCANNED_INPUTS; input++) {
        size_t size = 1 + test_random_below(&rng, SIZE_LIMIT), count = 0, n, got;
        const uint8_t *data = make_input(size);
        struct cutter cutter = {.chunking = *chunking};

        choose_options(&cutter);
        start(&cutter, 0);
        for (size_t at = 0; at < size; at += n) {
            size_t before = at < MAPPROC_CHUNKER_BEFORE ? at : MAPPROC_CHUNKER_BEFORE;
            uint8_t *copy;

            n = 1 + test_random_below(&rng, size - at);
            copy = shown.end - n;
            memcpy(copy - before, data + at - before, before + n);
            got = chunking->chunker->scan(cutter.state, copy, before, n, found, SIZE_LIMIT);
            assert_in_range(got, 0, n);
            if (got > 0) /* too little room */
                assert_true(chunking->chunker->scan(cutter.state, copy, before, n, found + got,
                                                    got - 1) >= got);
            for (size_t i = 0; i < got; i++, count++) {
                marks[count][0] = at + (found[i] >> 1) + 1;
                marks[count][1] = found[i] & 1;
            }
        }
        for (size_t at = 0; at < size;) {
            size_t border = next_border(&cutter, data, size, at, size);

            assert_int_equal(pick(&cutter, marks, count, size, at), border);
            at = border;
        }
    }
}

static void scans_find_the_same(void **state)
{
    const struct mapproc_chunker *chunker;
    struct mapproc_chunking chunking;
    size_t scanning = 0;

    (void)state;
    for (size_t i = 0; (chunker = mapproc_chunker_at(i)) != NULL; i++) {
        assert_int_equal(chunker->scan == NULL, chunker->accepts == NULL);
        if (chunker->scan == NULL)
            continue;
        scanning++;
        mapproc_chunking_init(&chunking, chunker);
        check_scan(&chunking);
    }
    assert_true(scanning >= 1);
}

static void registry_is_consistent(void **state)
{
    static const char *const names[] = {"cdc", "fixed", "lines", "records", "sparse"};
    const struct mapproc_chunker *chunker;
    size_t count = 0;

    (void)state;
    for (; (chunker = mapproc_chunker_at(count)) != NULL; count++) {
        assert_int_equal(chunker->abi, MAPPROC_CHUNKER_ABI);
        assert_ptr_equal(mapproc_chunker_find(chunker->name), chunker);
        assert_non_null(chunker->summary);
        assert_non_null(chunker->init);
        assert_non_null(chunker->next);
        assert_in_range(chunker->state_size, 0, MAPPROC_CHUNKER_STATE_MAX);
    }
    assert_true(count >= sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(mapproc_chunker_find(names[i]));
    assert_null(mapproc_chunker_find("nonsense"));
}

/* ---- the rules ---- */

static struct cutter make_cutter(const char *text, size_t chunk_size)
{
    struct cutter cutter = {.chunk_size = chunk_size};
    struct mapproc_error error;

    if (mapproc_chunking_open(&cutter.chunking, text, &error) != MAPPROC_OK)
        fail_msg("%s: %s", text, error.what);
    start(&cutter, 0);
    return cutter;
}

static size_t ask(struct cutter *cutter, const char *view, size_t length, bool at_end)
{
    return cutter->chunking.chunker->next(cutter->state, (const uint8_t *)view, length, at_end);
}

static void fixed_cuts_at_multiples(void **state)
{
    struct cutter fixed = make_cutter("fixed", 1000);
    const struct mapproc_chunker_settings nonsense = {.chunk_size = 0};

    (void)state;
    assert_non_null(fixed.chunking.chunker->init(fixed.state, &nonsense));
    start(&fixed, 0);
    assert_int_equal(ask(&fixed, NULL, 1000, false), 1000);
    assert_int_equal(ask(&fixed, NULL, 5000, true), 1000);
    assert_int_equal(ask(&fixed, NULL, 999, true), 999);
    assert_true(ask(&fixed, NULL, 999, false) == MAPPROC_CHUNKER_MORE);
}

static void lines_end_behind_newlines(void **state)
{
    struct cutter lines = make_cutter("lines:limit=8", 4);

    (void)state;
    assert_int_equal(ask(&lines, "ab\ncd\nef", 8, true), 6);
    assert_int_equal(ask(&lines, "abc\ndef\n", 8, false), 4); /* exactly the size wished for */
    assert_int_equal(ask(&lines, "ab\n", 3, true), 3);
    assert_int_equal(ask(&lines, "abcdefg\n", 8, true), 8); /* exactly the limit */
    assert_int_equal(lines.chunking.chunker->forced(lines.state), 0);
    assert_int_equal(ask(&lines, "abcdefgh\n", 9, true), 8); /* one too long */
    assert_int_equal(lines.chunking.chunker->forced(lines.state), 1);
    assert_int_equal(ask(&lines, "abcdefgh", 8, true), 8); /* the end, not a line cut */
    assert_int_equal(lines.chunking.chunker->forced(lines.state), 1);
    lines = make_cutter("lines:byte=0x3b", 1);
    assert_int_equal(ask(&lines, "\n;\n", 3, true), 2);
}

static void records_stay_whole(void **state)
{
    struct cutter records = make_cutter("records:size=300,header=50", 1000);

    (void)state;
    assert_true(ask(&records, NULL, 949, false) == MAPPROC_CHUNKER_MORE);
    assert_int_equal(ask(&records, NULL, 5000, true), 950);
    assert_int_equal(ask(&records, NULL, 5000, true), 900);
    assert_int_equal(ask(&records, NULL, 10, true), 10);
    start(&records, 950);
    assert_int_equal(ask(&records, NULL, 5000, true), 900);
    records = make_cutter("records:size=3K", 1000); /* larger than what is wished for */
    assert_int_equal(ask(&records, NULL, 5000, true), 3072);
}

static void sparse_ends_with_extents(void **state)
{
    struct cutter sparse = make_cutter("sparse", 600);

    (void)state;
    stretch = 1000;
    start(&sparse, 1900);
    assert_int_equal(ask(&sparse, NULL, 5000, true), 100);
    assert_int_equal(ask(&sparse, NULL, 4900, true), 600);
    assert_int_equal(ask(&sparse, NULL, 4300, true), 400);
    assert_int_equal(ask(&sparse, NULL, 10, true), 10);
}

static void fasta_ends_before_records(void **state)
{
    struct cutter fasta = {.chunking = plugin, .chunk_size = 4};

    (void)state;
    set(&fasta, "limit", 8);
    start(&fasta, 0);
    assert_int_equal(ask(&fasta, ">a\n>b\n>c", 8, true), 6);
    assert_int_equal(ask(&fasta, ">a\nC>G\n>c", 9, true), 7); /* not every > begins a record */
    assert_true(ask(&fasta, ">a\nCC\n", 6, false) == MAPPROC_CHUNKER_MORE);
    assert_int_equal(ask(&fasta, ">a\nCC\n>", 7, false), 6);
    assert_int_equal(ask(&fasta, ">abcdefgh\n>", 11, true), 8);
    assert_int_equal(fasta.chunking.chunker->forced(fasta.state), 1);
}

/* SplitMix64 with a state of its own: number n of the sequence that begins with the seed 0. */
static uint64_t splitmix(unsigned n)
{
    struct test_random random = {.state = 0};
    uint64_t number = 0;

    for (unsigned i = 0; i <= n; i++)
        number = test_random_next(&random);
    return number;
}

/* The rule as it stands in cdc.c, done word by word. */
static size_t slow_cdc(const uint8_t *data, size_t size, size_t at, const uint64_t *gear,
                       size_t min, size_t avg, size_t max)
{
    unsigned bits = 0;

    while (avg >> (bits + 1) != 0)
        bits++;
    for (size_t length = 1; at + length <= size; length++) {
        size_t i = at + length - 1;
        uint64_t hash = 0;
        unsigned zeros = length < avg ? bits + 2 : bits - 2;

        if (length == max)
            return length;
        if (length < min)
            continue;
        for (unsigned k = 0; k < 64; k++)
            hash += gear[data[i - k]] << k;
        if (hash >> (64 - zeros) == 0)
            return length;
    }
    return size - at;
}

static void cdc_keeps_to_its_rule(void **state)
{
    struct cutter cdc = make_cutter("cdc", 0);
    uint64_t gear[256];

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        gear[i] = splitmix(i);
    for (int input = 0; input < ORACLE_INPUTS; input++) {
        size_t size = 1 + test_random_below(&rng, SIZE_LIMIT);
        const uint8_t *data = make_input(size);
        const uint64_t *options = cdc.chunking.options;

        choose_options(&cdc);
        start(&cdc, 0);
        for (size_t at = 0; at < size;) {
            size_t length = ask(&cdc, (const char *)data + at, size - at, true);

            assert_int_equal(length,
                             slow_cdc(data, size, at, gear, options[0], options[1], options[2]));
            at += length;
        }
    }
}

/* ---- options ---- */

static void expect_refusal(const char *text, const char *why)
{
    struct mapproc_chunking chunking;
    struct mapproc_error error;
    int result = mapproc_chunking_open(&chunking, text, &error);
    size_t most;

    if (result == MAPPROC_OK) {
        result = mapproc_chunking_most(&chunking, 1000, &most, &error);
        mapproc_chunking_close(&chunking);
    }
    assert_int_equal(result, MAPPROC_REFUSED);
    if (strstr(error.what, why) == NULL)
        fail_msg("%s: '%s' does not say '%s'", text, error.what, why);
}

static void options_are_read(void **state)
{
    struct mapproc_chunking chunking;
    struct mapproc_error error;
    size_t most;

    (void)state;
    assert_int_equal(mapproc_chunking_open(&chunking, "cdc:avg=1K,max=0x2000", &error), MAPPROC_OK);
    assert_int_equal(mapproc_chunking_most(&chunking, 0, &most, &error), MAPPROC_OK);
    assert_int_equal(most, 8192);
    mapproc_chunking_close(&chunking);
    assert_int_equal(mapproc_chunking_open(&chunking, "fixed", &error), MAPPROC_OK);
    assert_int_equal(mapproc_chunking_most(&chunking, 0, &most, &error), MAPPROC_OK);
    assert_int_equal(most, 0);
    mapproc_chunking_close(&chunking);
    expect_refusal("", "there is no such chunker; there are cdc, fixed, ");
    expect_refusal("nonsense", "there is no such chunker");
    expect_refusal("cdcc", "there is no such chunker");
    expect_refusal("cdc:", "has no option ''");
    expect_refusal("cdc:avg", "avg needs a value");
    expect_refusal("cdc:avg=", "avg must be a number or size from 64 to ");
    expect_refusal("cdc:avg=1Q", "avg must be");
    expect_refusal("cdc:avg=63", "avg must be");
    expect_refusal("cdc:avg=2G", "avg must be");
    expect_refusal("cdc:avg=0x", "avg must be");
    expect_refusal("cdc:avg=0x-100", "avg must be");
    expect_refusal("cdc:avg=0x100g", "avg must be");
    expect_refusal("cdc:avg=1K,", "has no option ''");
    expect_refusal("cdc:avg=1K,mean=5", "has no option 'mean'");
    expect_refusal("cdc:\033[1m=5", "has no such option");
    expect_refusal("cdc:min=2K,avg=1K", "min <= avg <= max");
    expect_refusal("cdc:avg=4K,max=2K", "min <= avg <= max");
    expect_refusal("fixed:size=5", "has no option 'size'");
    expect_refusal("records", "needs size=");
    expect_refusal("records:size=1G,header=1", "larger than 1G");
    expect_refusal("lines:byte=256", "byte must be");
    expect_refusal("lines:limit=999", "limit must not be less");
}

/* ---- plug-ins ---- */

#define MAD TEST_MAD_DIRECTORY "/mad_"

static void bad_plugins_are_refused(void **state)
{
    (void)state;
    expect_refusal("./nothing.so", "cannot be loaded: ");
    expect_refusal(TEST_MAD_DIRECTORY, "cannot be loaded: ");
    expect_refusal("/etc/passwd", "cannot be loaded: ");
    expect_refusal(MAD "symbol.so", "defines no mapproc_chunker_plugin");
    expect_refusal(MAD "abi.so", "made for version 1 of the interface, this is 2");
    expect_refusal(MAD "name.so", "has no name");
    expect_refusal(MAD "letters.so", "has no name, or one of other characters");
    expect_refusal(MAD "init.so", "'mad' has no init()");
    expect_refusal(MAD "next.so", "'mad' has no next()");
    expect_refusal(MAD "state.so", "wants 100000 bytes of state; there are 256");
    expect_refusal(MAD "options.so", "table of options");
    expect_refusal(MAD "lies.so:how=7", "1G is the most");
    expect_refusal(MAD "lies.so:how=8", "1G is the most");
    expect_refusal(MAD "lies.so:how=9", "does not like it");
    expect_refusal(TEST_PLUGIN ":limit=10", "limit must be more");
}

static int set_up(void **state)
{
    struct mapproc_error error;

    (void)state;
    test_random_seed(&rng);
    if (mapproc_chunking_open(&plugin, TEST_PLUGIN, &error) != MAPPROC_OK) {
        print_error("%s: %s\n", TEST_PLUGIN, error.what);
        return -1;
    }
    return guarded_buffer_init(&buffer, SIZE_LIMIT) != 0 ||
                   guarded_buffer_init(&shown, SIZE_LIMIT + MAPPROC_CHUNKER_BEFORE) != 0
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_buffer_destroy(&shown);
    guarded_buffer_destroy(&buffer);
    mapproc_chunking_close(&plugin);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_is_consistent),    cmocka_unit_test(contract_holds),
        cmocka_unit_test(scans_find_the_same),       cmocka_unit_test(fixed_cuts_at_multiples),
        cmocka_unit_test(lines_end_behind_newlines), cmocka_unit_test(records_stay_whole),
        cmocka_unit_test(sparse_ends_with_extents),  cmocka_unit_test(fasta_ends_before_records),
        cmocka_unit_test(cdc_keeps_to_its_rule),     cmocka_unit_test(options_are_read),
        cmocka_unit_test(bad_plugins_are_refused),
    };

    return cmocka_run_group_tests_name("chunkers", tests, set_up, tear_down);
}
