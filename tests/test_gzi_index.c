/* SPDX-License-Identifier: MIT */
/* test_gzi_index.c - indexes against those of bgzip, and against files they do not belong to. */
#include "cmocka_all.h"

#include <sys/stat.h>

#include "format/gzi_index.h"
#include "format/gzip_member.h"
#include "random.h"
#include "scratch_file.h"

static struct scratch_directory scratch;
static struct mapproc_error error;

/* ---- helpers ---- */

static bool have_bgzip(void)
{
    return system("command -v bgzip > /dev/null") == 0;
}

/* Reads a file whole. */
static uint8_t *slurp(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    uint8_t *bytes;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *size = (size_t)status.st_size;
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *size), *size);
    assert_int_equal(close(fd), 0);
    return bytes;
}

static uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (int i = 7; i >= 0; i--)
        number = number << 8 | bytes[i];
    return number;
}

static void put_u64(uint8_t *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

/* Reads the index "index" for a file of that many bytes. */
static int read_index(struct mapproc_gzi_index *index, uint64_t compressed_size)
{
    struct mapproc_source source;
    int result;

    error = (struct mapproc_error){0};
    mapproc_gzi_init(index);
    assert_int_equal(mapproc_source_open(&source, "index", NULL), MAPPROC_OK);
    result = mapproc_gzi_read(index, &source, compressed_size, &error);
    mapproc_source_close(&source);
    return result;
}

/* Whether the index that is there belongs to the file "file". */
static int check_index(const struct mapproc_gzi_index *index, uint64_t raw)
{
    struct mapproc_source source;
    int result;

    error = (struct mapproc_error){0};
    assert_int_equal(mapproc_source_open(&source, "file", NULL), MAPPROC_OK);
    result = mapproc_gzi_check(index, &source, raw, &error);
    mapproc_source_close(&source);
    return result;
}

struct memory {
    uint8_t *bytes;
    size_t size;
    size_t most; /* at which it fails */
};

static int append(void *user, const char *text, size_t length, struct mapproc_error *unused)
{
    struct memory *memory = user;

    (void)unused;
    if (memory->size + length > memory->most)
        return MAPPROC_FAILED;
    memory->bytes = realloc(memory->bytes, memory->size + length);
    assert_non_null(memory->bytes);
    memcpy(memory->bytes + memory->size, text, length);
    memory->size += length;
    return MAPPROC_OK;
}

/* Hops over the members of a BGZF file, as its specification has it, and adds those with data. */
static void index_bgzf(struct mapproc_gzi_index *index, const uint8_t *bytes, size_t size)
{
    uint64_t raw = 0;

    mapproc_gzi_init(index);
    for (size_t at = 0; at < size;) {
        size_t length = (size_t)(bytes[at + 16] | bytes[at + 17] << 8) + 1;
        const uint8_t *end = bytes + at + length;
        uint32_t data = (uint32_t)end[-4] | (uint32_t)end[-3] << 8 | (uint32_t)end[-2] << 16;

        if (data > 0)
            assert_int_equal(mapproc_gzi_add(index, at, raw, NULL), MAPPROC_OK);
        raw += data;
        at += length;
    }
}

/* A file of `count` members of ours that hold `raw` bytes each (the data is not looked at), with
 * its end mark; and its index. */
static void make_file(struct mapproc_gzi_index *index, size_t count, uint32_t size, uint64_t raw)
{
    uint8_t *bytes = calloc(1, count * size + MAPPROC_GZIP_OURS_END);

    assert_non_null(bytes);
    mapproc_gzi_init(index);
    for (size_t i = 0; i < count; i++) {
        uint8_t *member = bytes + i * size;

        mapproc_gzip_write_ours_header(member, size);
        mapproc_gzip_write_trailer(member + size - MAPPROC_GZIP_TRAILER, 0, raw);
        assert_int_equal(mapproc_gzi_add(index, i * size, i * raw, NULL), MAPPROC_OK);
    }
    memcpy(bytes + count * size, mapproc_gzip_ours_end, MAPPROC_GZIP_OURS_END);
    assert_true(scratch_write("file", bytes, count * size + MAPPROC_GZIP_OURS_END));
    free(bytes);
}

/* ---- with bgzip ---- */

static void it_is_the_same_as_that_of_bgzip(void **state)
{
    static const char *const makers[] = {
        "head -c 1 /dev/urandom",     "head -c 65280 /dev/urandom",
        "head -c 65281 /dev/urandom", "seq 200000",
        "head -c 3000000 /dev/zero",
    };

    (void)state;
    if (!have_bgzip())
        skip_because("there is no bgzip");
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        char command[256];
        uint8_t *bytes, *theirs;
        struct memory ours = {.most = SIZE_MAX};
        const struct mapproc_text_sink sink = {append, &ours};
        struct mapproc_gzi_index index, again;
        size_t size, their_size;

        (void)snprintf(command, sizeof(command),
                       "%s > file.raw && bgzip -i -I index -c file.raw > file", makers[i]);
        assert_int_equal(system(command), 0);
        bytes = slurp("file", &size);
        theirs = slurp("index", &their_size);
        index_bgzf(&index, bytes, size);
        assert_int_equal(mapproc_gzi_write(&index, &sink, NULL), MAPPROC_OK);
        assert_int_equal(ours.size, their_size);
        assert_memory_equal(ours.bytes, theirs, their_size);

        assert_int_equal(read_index(&again, size), MAPPROC_OK);
        assert_int_equal(again.count, index.count);
        if (index.count > 0)
            assert_memory_equal(again.entries, index.entries,
                                index.count * sizeof(index.entries[0]));
        assert_int_equal(check_index(&again, 0), MAPPROC_OK);
        assert_int_equal(check_index(&again, UINT64_MAX), MAPPROC_OK);

        /* Two of them, one behind the other, with an end mark between. */
        assert_int_equal(system("cat file file > two && mv two file && bgzip -r -I index file"), 0);
        mapproc_gzi_free(&again);
        assert_int_equal(read_index(&again, 2 * size), MAPPROC_OK);
        assert_int_equal(again.count, 2 * index.count + 1);
        assert_int_equal(check_index(&again, 0), MAPPROC_OK);
        mapproc_gzi_free(&again);
        mapproc_gzi_free(&index);
        free(theirs);
        free(bytes);
        free(ours.bytes);
    }
}

static void of_no_data_it_is_empty(void **state)
{
    static const char *const contents[] = {"\0\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff"};
    struct memory written = {.most = SIZE_MAX};
    const struct mapproc_text_sink sink = {append, &written};
    struct mapproc_gzi_index index;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_true(scratch_write("index", contents[i], 8));
        assert_int_equal(read_index(&index, 28), MAPPROC_OK);
        assert_int_equal(index.count, 0);
        assert_true(scratch_write("file", mapproc_gzip_bgzf_end, 28));
        assert_int_equal(check_index(&index, 0), MAPPROC_OK);
    }
    assert_int_equal(mapproc_gzi_add(&index, 0, 0, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_gzi_write(&index, &sink, NULL), MAPPROC_OK);
    assert_int_equal(written.size, 8);
    assert_memory_equal(written.bytes, contents[0], 8);
    free(written.bytes);
    if (have_bgzip()) {
        assert_int_equal(system(": > raw && bgzip -i -I index -c raw > file"), 0);
        assert_int_equal(read_index(&index, 28), MAPPROC_OK);
        assert_int_equal(index.count, 0);
        assert_int_equal(check_index(&index, 0), MAPPROC_OK);
    }
}

/* ---- what is no index ---- */

static void a_damaged_one_is_refused(void **state)
{
    static const struct {
        const char *what;
        uint64_t numbers[7];
        size_t size; /* bytes */
        bool good;
    } cases[] = {
        {"good", {3, 100, 10, 200, 20, 300, 30}, 56, true},
        {"up to the last byte", {3, 100, 10, 200, 20, 999, 30}, 56, true},
        {"members without data", {3, 100, 10, 200, 10, 300, 10}, 56, true},
        {"count too small", {2, 100, 10, 200, 20, 300, 30}, 56, false},
        {"count too large", {4, 100, 10, 200, 20, 300, 30}, 56, false},
        {"count huge", {UINT64_MAX, 100, 10, 200, 20, 300, 30}, 56, false},
        {"size wraps around", {UINT64_C(1) << 60, 100, 10, 200, 20, 300, 30}, 8, false},
        {"cut", {3, 100, 10, 200, 20, 300, 30}, 55, false},
        {"cut by an entry", {3, 100, 10, 200, 20, 300, 30}, 40, false},
        {"no count", {3}, 7, false},
        {"compressed stays", {3, 100, 10, 100, 20, 300, 30}, 56, false},
        {"compressed descends", {3, 100, 10, 99, 20, 300, 30}, 56, false},
        {"raw descends", {3, 100, 10, 200, 9, 300, 30}, 56, false},
        {"the first is there", {3, 0, 0, 200, 9, 300, 30}, 56, false},
        {"at the end", {3, 100, 10, 200, 20, 1000, 30}, 56, false},
        {"far behind", {3, 100, 10, 200, 20, UINT64_MAX, 30}, 56, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mapproc_gzi_index index;
        uint8_t bytes[56];
        int result;

        for (size_t n = 0; n < 7; n++)
            put_u64(bytes + 8 * n, cases[i].numbers[n]);
        assert_true(scratch_write("index", bytes, cases[i].size));
        result = read_index(&index, 1000);
        if (result != (cases[i].good ? MAPPROC_OK : MAPPROC_BAD_DATA))
            fail_msg("%s: %d", cases[i].what, result);
        assert_int_equal(index.count, cases[i].good ? 3 : 0);
        if (!cases[i].good)
            assert_null(index.entries);
        mapproc_gzi_free(&index);
    }
}

static void that_of_gztool_is_refused(void **state)
{
    static const char bytes[8 + 16] = "\0\0\0\0\0\0\0\0gzipindx\0\0\0\0\0\0\0\1";
    struct mapproc_gzi_index index;

    (void)state;
    assert_true(scratch_write("index", bytes, sizeof(bytes)));
    assert_int_equal(read_index(&index, 1000), MAPPROC_BAD_DATA);
    assert_non_null(strstr(error.what, "gztool"));
    assert_true(scratch_write("index", "", 0));
    assert_int_equal(read_index(&index, 1000), MAPPROC_BAD_DATA);
}

static void entries_must_ascend(void **state)
{
    struct mapproc_gzi_index index;

    (void)state;
    mapproc_gzi_init(&index);
    assert_int_equal(mapproc_gzi_add(&index, 0, 1, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_gzi_add(&index, 10, 0, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_gzi_add(&index, 10, 5, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_gzi_add(&index, 0, 0, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_gzi_add(&index, 11, 5, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_gzi_add(&index, 12, 4, NULL), MAPPROC_REFUSED);
    assert_int_equal(index.count, 2);
    mapproc_gzi_free(&index);
}

static void a_sink_may_fail(void **state)
{
    struct mapproc_gzi_index index;

    (void)state;
    make_file(&index, 1000, 40, 5);
    for (size_t most = 0; most < 8 + 999 * 16; most += 777) {
        struct memory memory = {.most = most};

        assert_int_equal(
            mapproc_gzi_write(&index, &(struct mapproc_text_sink){append, &memory}, NULL),
            MAPPROC_FAILED);
        free(memory.bytes);
    }
    mapproc_gzi_free(&index);
}

/* ---- looking up ---- */

static void members_are_found(void **state)
{
    struct mapproc_gzi_index index;
    struct test_random random;
    uint64_t raws[300], raw = 0;

    (void)state;
    test_random_seed(&random);
    for (size_t count = 0; count < 300; count += 1 + count / 8) {
        mapproc_gzi_init(&index);
        raw = 0;
        for (size_t i = 0; i < count; i++) {
            raw += test_random_below(&random, 4);
            raws[i] = raw;
            assert_int_equal(mapproc_gzi_add(&index, 100 * (i + 1), raw, NULL), MAPPROC_OK);
        }
        for (uint64_t wanted = 0; wanted <= raw + 1; wanted++) {
            size_t expected = 0, number;
            struct mapproc_gzi_entry entry = mapproc_gzi_find(&index, wanted, &number);

            while (expected < count && raws[expected] <= wanted)
                expected++;
            assert_int_equal(number, expected);
            assert_int_equal(entry.compressed, 100 * expected);
            assert_int_equal(entry.raw, expected > 0 ? raws[expected - 1] : 0);
        }
        assert_int_equal(mapproc_gzi_find(&index, UINT64_MAX, NULL).compressed, 100 * count);
        mapproc_gzi_free(&index);
    }
}

/* ---- whose index it is ---- */

static void it_belongs_to_its_own_file(void **state)
{
    static const size_t counts[] = {1, 2, 3, 17, 18, 19, 20, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct mapproc_gzi_index index;

        make_file(&index, counts[i], 50, UINT64_C(0x180000000));
        assert_int_equal(index.count, counts[i] - 1);
        for (uint64_t raw = 0; raw < counts[i]; raw += 1 + counts[i] / 50)
            assert_int_equal(check_index(&index, raw * UINT64_C(0x180000000)), MAPPROC_OK);
        mapproc_gzi_free(&index);
    }
}

static void it_does_not_belong_to_another(void **state)
{
    struct mapproc_gzi_index index, other;

    (void)state;
    make_file(&other, 1000, 50, 100);
    make_file(&index, 1000, 50, 101); /* sizes of the data differ */
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    assert_non_null(strstr(error.what, "another file"));
    assert_int_equal(check_index(&index, 0), MAPPROC_OK);
    mapproc_gzi_free(&index);
    make_file(&index, 1000, 51, 100); /* the members' sizes differ */
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    mapproc_gzi_free(&index);
    /* One too many is the end mark, as some programs write them. */
    make_file(&index, 999, 50, 100);
    assert_int_equal(check_index(&other, 0), MAPPROC_OK);
    mapproc_gzi_free(&index);
    make_file(&index, 998, 50, 100); /* there are fewer */
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    mapproc_gzi_free(&index);
    make_file(&index, 1001, 50, 100); /* or more */
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    mapproc_gzi_free(&index);
    assert_true(scratch_write("file", "", 0));
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    assert_true(scratch_write("file", "plain text", 10));
    assert_int_equal(check_index(&other, 0), MAPPROC_BAD_DATA);
    mapproc_gzi_free(&other);
}

/* The member that is wanted is always looked at, and so is the one behind it. */
static void a_lie_about_the_wanted_member_is_found(void **state)
{
    struct mapproc_gzi_index index;

    (void)state;
    make_file(&index, 1000, 50, 100);
    for (size_t i = 0; i < index.count; i += 37) {
        struct mapproc_gzi_entry before = index.entries[i];
        uint64_t raw = before.raw;

        index.entries[i].compressed++;
        assert_int_equal(check_index(&index, raw), MAPPROC_BAD_DATA);
        index.entries[i] = before;
        index.entries[i].raw++;
        assert_int_equal(check_index(&index, raw + 1), MAPPROC_BAD_DATA);
        assert_int_equal(check_index(&index, raw - 1), MAPPROC_BAD_DATA);
        index.entries[i] = before;
        assert_int_equal(check_index(&index, raw), MAPPROC_OK);
    }
    mapproc_gzi_free(&index);
}

/* Members of other writers state no size and have names of any length. */
static void members_without_sizes_have_indexes_too(void **state)
{
    struct mapproc_gzi_index index;
    uint8_t *bytes;
    size_t size;

    (void)state;
    assert_int_equal(system("seq 1000 > a && gzip -c a > one && cat one one one > file"), 0);
    bytes = slurp("one", &size);
    mapproc_gzi_init(&index);
    assert_int_equal(get_u64(bytes) & 0xffff, 0x8b1f);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(mapproc_gzi_add(&index, i * size, i * 3893, NULL), MAPPROC_OK);
    assert_int_equal(check_index(&index, 0), MAPPROC_OK);
    index.entries[1].raw--;
    assert_int_equal(check_index(&index, 0), MAPPROC_BAD_DATA);
    index.entries[1].raw++;
    index.entries[1].compressed--;
    assert_int_equal(check_index(&index, 0), MAPPROC_BAD_DATA);
    mapproc_gzi_free(&index);
    free(bytes);
}

static int enter_scratch(void **state)
{
    (void)state;
    return scratch_directory_make(&scratch) && chdir(scratch.path) == 0 ? 0 : -1;
}

static int leave_scratch(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(scratch.path) == 0 ? 0 : -1;
}

static int clear(void **state)
{
    (void)state;
    return chdir(scratch.path) == 0 ? system("find . -mindepth 1 -delete") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_is_the_same_as_that_of_bgzip, clear),
        cmocka_unit_test_teardown(of_no_data_it_is_empty, clear),
        cmocka_unit_test_teardown(a_damaged_one_is_refused, clear),
        cmocka_unit_test_teardown(that_of_gztool_is_refused, clear),
        cmocka_unit_test_teardown(entries_must_ascend, clear),
        cmocka_unit_test_teardown(a_sink_may_fail, clear),
        cmocka_unit_test_teardown(members_are_found, clear),
        cmocka_unit_test_teardown(it_belongs_to_its_own_file, clear),
        cmocka_unit_test_teardown(it_does_not_belong_to_another, clear),
        cmocka_unit_test_teardown(a_lie_about_the_wanted_member_is_found, clear),
        cmocka_unit_test_teardown(members_without_sizes_have_indexes_too, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
