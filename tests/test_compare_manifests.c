/* SPDX-License-Identifier: MIT */
/* test_compare_manifests.c - two lists of digests, against what was really changed between them. */
#include "cmocka_all.h"

#include <stdio.h>

#include "format/manifest.h"
#include "jobs/compare.h"
#include "jobs/compare_manifests.h"
#include "random.h"
#include "scratch_file.h"

enum { PIECE = 65536, FILES_MAX = 40, PIECES_MOST = 60 };

static struct test_random rng;
static struct scratch_directory scratch;
static char path_a[SCRATCH_PATH_MAX], path_b[SCRATCH_PATH_MAX];

/* ---- lists ---- */

/* A file that exists only as its digests. */
struct file {
    char name[32];
    bool listed;
    uint64_t size;
    uint8_t whole[16];
    uint8_t pieces[PIECES_MOST][16];
};

static int append(void *user, const char *text, size_t length, struct mapproc_error *error)
{
    (void)error;
    return fwrite(text, 1, length, user) == length ? MAPPROC_OK : MAPPROC_FAILED;
}

static size_t piece_count(const struct file *file, uint64_t piece)
{
    return (size_t)((file->size + piece - 1) / piece);
}

/* Adds a file to a manifest. One of a single piece has none, as mapproc writes it. */
static void add_file(struct mapproc_manifest_writer *writer, const struct file *file,
                     uint64_t piece)
{
    const uint8_t *digests[] = {file->whole};
    struct mapproc_piece_list pieces;
    const struct mapproc_manifest_file entry = {
        .name = file->name, .size = file->size, .digests = digests, .pieces = &pieces};
    struct mapproc_error error = {.code = MAPPROC_OK};

    mapproc_piece_list_init(&pieces, 16);
    for (size_t i = 0; piece != 0 && i < piece_count(file, piece) && file->size > piece; i++) {
        uint64_t left = file->size - i * piece;

        assert_int_equal(
            mapproc_piece_list_add(&pieces, left < piece ? left : piece, file->pieces[i], NULL),
            MAPPROC_OK);
    }
    if (mapproc_manifest_add(writer, &entry, &error) != MAPPROC_OK)
        fail_msg("%s", error.what);
    mapproc_piece_list_free(&pieces);
}

/* Writes a manifest of those files that are listed, with pieces of that size, or none for 0. */
static void write_manifest(const char *path, const struct file *files, size_t count, uint64_t piece,
                           const char *algorithm)
{
    const struct mapproc_digest *digests[] = {mapproc_digest_find(algorithm)};
    const struct mapproc_manifest_options options = {
        .digests = digests,
        .digest_count = 1,
        .piece_digest = mapproc_digest_find("xxh128"),
        .piece_size = piece,
    };
    FILE *stream = fopen(path, "we");
    const struct mapproc_text_sink sink = {.user = stream, .write = append};
    struct mapproc_manifest_writer writer;

    assert_non_null(stream);
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_OK);
    for (size_t i = 0; i < count; i++)
        if (files[i].listed)
            add_file(&writer, &files[i], piece);
    assert_int_equal(mapproc_manifest_end(&writer, NULL), MAPPROC_OK);
    mapproc_manifest_free(&writer);
    assert_int_equal(fclose(stream), 0);
}

static void write_text(const char *path, const char *text)
{
    assert_true(scratch_write(path, text, strlen(text)));
}

static void change(uint8_t digest[16])
{
    digest[test_random_below(&rng, 16)] ^= (uint8_t)(1 + test_random_below(&rng, 255));
}

static void make_file(struct file *file, size_t number, uint64_t size)
{
    *file = (struct file){.listed = true, .size = size};
    (void)snprintf(file->name, sizeof(file->name), "%s%zu\n'", number % 3 == 0 ? "-" : "file ",
                   number);
    for (size_t i = 0; i < sizeof(file->whole); i++)
        file->whole[i] = (uint8_t)test_random_next(&rng);
    for (size_t i = 0; i < sizeof(file->pieces); i++)
        ((uint8_t *)file->pieces)[i] = (uint8_t)test_random_next(&rng);
}

/* ---- what is reported ---- */

struct seen {
    size_t count, problems;
    struct mapproc_listed_comparison comparisons[2 * FILES_MAX]; /* names and lists are gone */
    char names[2 * FILES_MAX][32];
    struct mapproc_range ranges[2 * FILES_MAX][PIECES_MOST];
    size_t range_counts[2 * FILES_MAX];
    uint64_t bytes[2 * FILES_MAX];
    char problem[100];
    int answer;
};

static int note_report(void *user, const struct mapproc_listed_comparison *comparison)
{
    struct seen *seen = user;
    size_t i = seen->count++;
    const struct mapproc_range_list *differing = comparison->differing;

    assert_true(i < 2 * FILES_MAX);
    seen->comparisons[i] = *comparison;
    (void)snprintf(seen->names[i], sizeof(seen->names[i]), "%s", comparison->name);
    seen->range_counts[i] = differing->count;
    seen->bytes[i] = differing->bytes;
    if (differing->kept > 0)
        memcpy(seen->ranges[i], differing->ranges,
               (differing->kept < PIECES_MOST ? differing->kept : PIECES_MOST) *
                   sizeof(*differing->ranges));
    return seen->answer;
}

static void note_problem(void *user, const char *path, uint64_t line, const char *what)
{
    struct seen *seen = user;

    seen->problems++;
    (void)snprintf(seen->problem, sizeof(seen->problem), "%c %u %s", path[strlen(path) - 1],
                   (unsigned)line, what);
}

static int compare(struct seen *seen, struct mapproc_error *error)
{
    const struct mapproc_manifests_client client = {
        .user = seen, .report = note_report, .problem = note_problem};

    return mapproc_compare_manifests(path_a, path_b, NULL, &client, error);
}

static void compare_well(struct seen *seen)
{
    struct mapproc_error error = {.code = MAPPROC_OK};

    memset(seen, 0, sizeof(*seen));
    if (compare(seen, &error) != MAPPROC_OK)
        fail_msg("%s", error.what);
}

/* ---- tests ---- */

/* Makes of a file of list A that of list B; what is expected then. */
static enum mapproc_file_verdict make_other(const struct file *a, struct file *b)
{
    *b = *a;
    switch (test_random_below(&rng, 6)) {
    case 0:
        b->listed = false;
        return MAPPROC_FILE_ONLY_IN_A;
    case 1: /* of the same size */
        if (a->size == 0)
            break;
        for (uint64_t i = 0; i <= test_random_below(&rng, 12); i++)
            change(b->pieces[test_random_below(&rng, piece_count(a, PIECE))]);
        change(b->whole);
        return MAPPROC_FILE_DIFFERENT;
    case 2: /* cut or grown; whatever piece has another length has another digest */
        b->size = test_random_below(&rng, PIECES_MOST * PIECE);
        if (b->size == a->size)
            break;
        for (size_t i = 0; i < PIECES_MOST; i++)
            if ((i + 1) * PIECE > a->size || (i + 1) * PIECE > b->size)
                change(b->pieces[i]);
        change(b->whole);
        return MAPPROC_FILE_DIFFERENT;
    default:
        break;
    }
    return MAPPROC_FILE_SAME;
}

/* The ranges that differ, found piece by piece in the digests themselves. */
static void expect_ranges(const struct seen *seen, size_t report, const struct file *a,
                          const struct file *b)
{
    uint64_t common = a->size < b->size ? a->size : b->size, bytes = 0;
    const struct mapproc_listed_comparison *comparison = &seen->comparisons[report];
    bool one_piece[2] = {a->size <= PIECE, b->size <= PIECE};
    size_t count = 0;
    bool open = false;

    if (one_piece[0] && one_piece[1]) { /* the digest of the file is that of its piece */
        assert_int_equal(comparison->pieces, MAPPROC_PIECES_COMPARED);
        assert_true(seen->bytes[report] == (a->size == b->size ? a->size : 0));
        assert_true(comparison->untold.length == (a->size == b->size ? 0 : common));
        return;
    }
    if ((one_piece[0] || one_piece[1]) && common > 0) {
        assert_int_equal(comparison->pieces, MAPPROC_PIECES_MISSING);
        assert_int_equal(seen->range_counts[report], 0);
        return;
    }
    assert_int_equal(comparison->pieces, MAPPROC_PIECES_COMPARED);
    for (size_t i = 0; i * PIECE < common; i++) {
        uint64_t begin = i * PIECE, end = begin + PIECE;
        uint64_t end_a = end < a->size ? end : a->size, end_b = end < b->size ? end : b->size;

        if (end_a != end_b) {
            assert_true(comparison->untold.offset == begin);
            assert_true(comparison->untold.length == common - begin);
            break;
        }
        if (memcmp(a->pieces[i], b->pieces[i], 16) == 0) {
            open = false;
            continue;
        }
        count += !open;
        open = true;
        bytes += end_a - begin;
        assert_true(seen->ranges[report][count - 1].offset <= begin);
        assert_true(seen->ranges[report][count - 1].offset +
                        seen->ranges[report][count - 1].length >=
                    end_a);
    }
    assert_int_equal(seen->range_counts[report], count);
    assert_true(seen->bytes[report] == bytes);
}

static void what_was_changed_is_reported(void **state)
{
    static struct file a[FILES_MAX], b[FILES_MAX];
    static struct seen seen;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        size_t count = test_random_below(&rng, FILES_MAX), only_b = 0, report = 0;
        enum mapproc_file_verdict verdicts[FILES_MAX];

        for (size_t i = 0; i < count; i++) {
            make_file(&a[i], i, test_random_below(&rng, PIECES_MOST * PIECE) >> (i % 8));
            verdicts[i] = make_other(&a[i], &b[i]);
            if (test_random_below(&rng, 10) == 0) {
                a[i].listed = false;
                verdicts[i] = MAPPROC_FILE_ONLY_IN_B;
            }
        }
        write_manifest(path_a, a, count, PIECE, "xxh128");
        write_manifest(path_b, b, count, PIECE, "xxh128");
        compare_well(&seen);
        assert_int_equal(seen.problems, 0);
        for (size_t i = 0; i < count; i++) {
            if (!a[i].listed) {
                only_b += b[i].listed;
                continue;
            }
            assert_string_equal(seen.names[report], a[i].name);
            assert_int_equal(seen.comparisons[report].verdict, verdicts[i]);
            assert_true(seen.comparisons[report].sizes[0].bytes == a[i].size);
            if (verdicts[i] == MAPPROC_FILE_DIFFERENT)
                expect_ranges(&seen, report, &a[i], &b[i]);
            report++;
        }
        assert_int_equal(seen.count, report + only_b);
        for (size_t i = 0; i < count; i++) {
            if (a[i].listed || !b[i].listed)
                continue;
            assert_string_equal(seen.names[report], b[i].name);
            assert_int_equal(seen.comparisons[report].verdict, MAPPROC_FILE_ONLY_IN_B);
            report++;
        }
    }
}

static void pieces_of_other_sizes_are_not_compared(void **state)
{
    static struct file a, b;
    static struct seen seen;

    (void)state;
    make_file(&a, 1, 10 * PIECE + 5);
    b = a;
    write_manifest(path_a, &a, 1, PIECE, "xxh128");
    write_manifest(path_b, &b, 1, 2 * PIECE, "xxh128");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
    change(b.whole);
    write_manifest(path_b, &b, 1, 2 * PIECE, "xxh128");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_DIFFERENT);
    assert_int_equal(seen.comparisons[0].pieces, MAPPROC_PIECES_SIZES);
    assert_int_equal(seen.range_counts[0], 0);
    b.size = 20 * PIECE;
    write_manifest(path_b, &b, 1, PIECE / 2, "xxh128");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].pieces, MAPPROC_PIECES_SIZES);
    b.size = 3 * PIECE; /* shorter than one piece of a */
    write_manifest(path_a, &a, 1, 8 * PIECE, "xxh128");
    write_manifest(path_b, &b, 1, PIECE, "xxh128");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].pieces, MAPPROC_PIECES_SIZES);
    write_manifest(path_b, &b, 1, 0, "xxh128");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].pieces, MAPPROC_PIECES_MISSING);
}

/* Where only the pieces have an algorithm in common, they decide. */
static void pieces_decide_between_algorithms(void **state)
{
    static struct file a, b;
    static struct seen seen;

    (void)state;
    make_file(&a, 1, 10 * PIECE + 5);
    b = a;
    write_manifest(path_a, &a, 1, PIECE, "xxh128");
    write_manifest(path_b, &b, 1, PIECE, "md5");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
    change(b.pieces[10]);
    write_manifest(path_b, &b, 1, PIECE, "md5");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_DIFFERENT);
    assert_int_equal(seen.ranges[0][0].offset, 10 * PIECE);
    assert_int_equal(seen.ranges[0][0].length, 5);
    write_manifest(path_b, &b, 1, 2 * PIECE, "md5");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_UNKNOWN);
    write_manifest(path_b, &b, 1, 0, "md5");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_UNKNOWN);
    b.size = 4;
    write_manifest(path_b, &b, 1, 0, "md5");
    compare_well(&seen);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_DIFFERENT);
}

#define MD5_A  "d41d8cd98f00b204e9800998ecf8427e"
#define MD5_B  "e41d8cd98f00b204e9800998ecf8427e"
#define SHA1_A "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define SHA1_B "ea39a3ee5e6b4b0d3255bfef95601890afd80709"

static void other_lists_are_compared_by_name(void **state)
{
    static struct seen seen;

    (void)state;
    write_text(path_a, MD5_A "  one\n" MD5_A "  two\nMD5 (three) = " MD5_A "\n" MD5_A "  four\n");
    write_text(path_b, "# a comment\nMD5 (three) = " MD5_A "\n" MD5_B "  two\n" SHA1_A
                       "  four\n" MD5_A "  one\n" MD5_A "  five\n");
    compare_well(&seen);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.problems, 0);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
    assert_int_equal(seen.comparisons[1].verdict, MAPPROC_FILE_DIFFERENT);
    assert_int_equal(seen.comparisons[1].pieces, MAPPROC_PIECES_MISSING);
    assert_int_equal(seen.comparisons[2].verdict, MAPPROC_FILE_SAME);
    assert_int_equal(seen.comparisons[3].verdict, MAPPROC_FILE_UNKNOWN);
    assert_int_equal(seen.comparisons[4].verdict, MAPPROC_FILE_ONLY_IN_B);
    assert_string_equal(seen.names[4], "five");
}

/* Several digests of a file on lines that follow one another; any that differs is enough. */
static void several_algorithms_are_one_file(void **state)
{
    static struct seen seen;

    (void)state;
    write_text(path_a, "MD5 (one) = " MD5_A "\nSHA1 (one) = " SHA1_A "\nMD5 (two) = " MD5_A
                       "\nSHA1 (two) = " SHA1_A "\n");
    write_text(path_b, "SHA1 (one) = " SHA1_A "\nMD5 (one) = " MD5_A "\nMD5 (two) = " MD5_A
                       "\nSHA1 (two) = " SHA1_B "\n");
    compare_well(&seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
    assert_int_equal(seen.comparisons[1].verdict, MAPPROC_FILE_DIFFERENT);
}

static void repeated_names_must_agree(void **state)
{
    static struct seen seen;

    (void)state;
    write_text(path_a, MD5_A "  one\n");
    write_text(path_b, MD5_A "  one\n" MD5_A "  two\n" MD5_A "  one\n");
    compare_well(&seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.problems, 0);
    write_text(path_b, MD5_A "  one\n" MD5_A "  two\n" MD5_B "  one\n");
    compare_well(&seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.problems, 1);
    assert_string_equal(seen.problem, "b 3 contradicts a line above it about the same file");
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
    write_text(path_b, MD5_A "  one\n" MD5_B "  one\n");
    compare_well(&seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.problems, 1);
    assert_string_equal(seen.problem, "b 2 contradicts a line above it about the same file");
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
}

static void bad_lines_are_problems(void **state)
{
    static struct file file;
    static struct seen seen;
    char text[8192];
    FILE *stream;
    size_t length;

    (void)state;
    write_text(path_a, MD5_A "  one\n");
    write_text(path_b, "no digest\n" MD5_A "  one\n");
    compare_well(&seen);
    assert_int_equal(seen.problems, 1);
    assert_string_equal(seen.problem, "b 1 has no digest in a known form");
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);

    /* A manifest whose last line is gone. */
    make_file(&file, 1, 3 * PIECE);
    write_manifest(path_a, &file, 1, PIECE, "xxh128");
    write_manifest(path_b, &file, 1, PIECE, "xxh128");
    stream = fopen(path_b, "re");
    assert_non_null(stream);
    length = fread(text, 1, sizeof(text) - 1, stream);
    assert_int_equal(fclose(stream), 0);
    text[length] = '\0';
    *strstr(text, "# mapproc end") = '\0';
    write_text(path_b, text);
    compare_well(&seen);
    assert_int_equal(seen.problems, 1);
    assert_string_equal(seen.problem, "b 1 begins a manifest whose end is missing");
    assert_int_equal(seen.comparisons[0].verdict, MAPPROC_FILE_SAME);
}

static void lists_that_are_none_are_errors(void **state)
{
    const struct mapproc_manifests_client client = {.report = NULL};
    static struct seen seen;
    struct mapproc_error error;

    (void)state;
    for (size_t side = 0; side < 2; side++) {
        const char *bad = side == 0 ? path_a : path_b;

        write_text(path_a, MD5_A "  one\n");
        write_text(path_b, MD5_A "  one\n");
        write_text(bad, "");
        assert_int_equal(compare(&seen, &error), MAPPROC_BAD_DATA);
        assert_ptr_equal(error.path, bad);
        write_text(bad, "# nothing but a comment\n");
        assert_int_equal(compare(&seen, &error), MAPPROC_BAD_DATA);
        assert_int_equal(unlink(bad), 0);
        assert_int_equal(compare(&seen, &error), MAPPROC_BAD_DATA);
        assert_ptr_equal(error.path, bad);
    }
    assert_int_equal(mapproc_compare_manifests("-", "-", NULL, &client, &error), MAPPROC_REFUSED);
    write_text(path_a, MD5_A "  one\n");
    assert_int_equal(mapproc_compare_manifests(path_a, scratch.path, NULL, &client, &error),
                     MAPPROC_FAILED);
}

static void a_report_can_end_it(void **state)
{
    static struct seen seen;
    struct mapproc_error error;

    (void)state;
    write_text(path_a, MD5_A "  one\n" MD5_A "  two\n");
    write_text(path_b, MD5_A "  one\n" MD5_A "  two\n");
    memset(&seen, 0, sizeof(seen));
    seen.answer = MAPPROC_FAILED;
    assert_int_equal(compare(&seen, &error), MAPPROC_FAILED);
    assert_int_equal(seen.count, 1);
    assert_string_equal(error.what, "");
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    if (!scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "a", path_a);
    (void)scratch_path(&scratch, "b", path_b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path_a);
    (void)unlink(path_b);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_changed_is_reported),
        cmocka_unit_test(pieces_of_other_sizes_are_not_compared),
        cmocka_unit_test(pieces_decide_between_algorithms),
        cmocka_unit_test(other_lists_are_compared_by_name),
        cmocka_unit_test(several_algorithms_are_one_file),
        cmocka_unit_test(repeated_names_must_agree),
        cmocka_unit_test(bad_lines_are_problems),
        cmocka_unit_test(lists_that_are_none_are_errors),
        cmocka_unit_test(a_report_can_end_it),
    };

    return cmocka_run_group_tests_name("compare_manifests", tests, set_up, tear_down);
}
