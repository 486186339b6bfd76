/* SPDX-License-Identifier: MIT */
/* test_list_reader.c - lists from pipes and files of any size and content, in bounded memory. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "format/list_reader.h"
#include "random.h"
#include "scratch_file.h"

#include "list_fixture.h"

enum { FUZZ_ROUNDS = 100000 };

#define DIGEST_TEXT "00112233445566778899aabbccddeeff"

static struct test_random rng;

/* ---- lines ---- */

/* A pipe that another process writes the text to, in steps of random sizes. */
static int open_pipe(const struct list_text *text, size_t step_max, pid_t *writer)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    *writer = fork();
    assert_true(*writer >= 0);
    if (*writer == 0) {
        for (size_t done = 0; done < text->length;) {
            size_t n = 1 + test_random_below(&rng, step_max);

            if (n > text->length - done)
                n = text->length - done;
            if (write(fds[1], text->bytes + done, n) != (ssize_t)n)
                _exit(1);
            done += n;
        }
        _exit(0);
    }
    assert_int_equal(close(fds[1]), 0);
    return fds[0];
}

/* Compares every line with what memchr() finds. */
static void check_lines(const struct list_text *text, int fd)
{
    struct mapproc_line_reader reader;
    struct mapproc_line line;
    size_t offset = 0, number = 0;
    int code;

    assert_int_equal(mapproc_line_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
    while ((code = mapproc_line_reader_next(&reader, &line, NULL)) == 1) {
        const char *start = text->bytes + offset, *end;
        size_t length = text->length - offset;

        assert_true(offset < text->length);
        end = memchr(start, '\n', length);
        if (end != NULL)
            length = (size_t)(end - start);
        assert_int_equal(line.number, ++number);
        assert_int_equal(line.offset, offset);
        assert_int_equal(line.ended, end != NULL);
        assert_int_equal(line.too_long, length > MAPPROC_LINE_MAX);
        offset += length + (end != NULL);
        if (line.too_long)
            length = 0;
        else if (length > 0 && start[length - 1] == '\r')
            length--;
        assert_int_equal(line.length, length);
        assert_memory_equal(line.text, start, length);
        assert_int_equal(line.text[length], '\0');
    }
    assert_int_equal(code, 0);
    assert_int_equal(mapproc_line_reader_next(&reader, &line, NULL), 0);
    assert_int_equal(offset, text->length);
    mapproc_line_reader_close(&reader);
}

static void lines_are_what_they_are(void **state)
{
    struct list_text text = {0};

    (void)state;
    for (int round = 0; round < 60; round++) {
        static char bytes[300000];
        bool long_lines = round % 3 == 0;
        pid_t writer;
        int fd, status;

        text.length = 0;
        for (uint64_t n = test_random_below(&rng, long_lines ? 6 : 2000); n > 0; n--) {
            size_t length = test_random_below(&rng, 60);

            if (long_lines && test_random_below(&rng, 2) != 0)
                length = MAPPROC_LINE_MAX - 2 + test_random_below(&rng, 5);
            else if (long_lines)
                length = test_random_below(&rng, sizeof(bytes));
            memset(bytes, (int)test_random_below(&rng, 256), length);
            for (size_t i = 0; i < length && i < 100; i++)
                bytes[test_random_below(&rng, length)] = (char)test_random_next(&rng);
            list_text_add(&text, bytes, length);
            if (test_random_below(&rng, 3) == 0)
                list_text_print(&text, "\r");
            if (n > 1 || test_random_below(&rng, 2) != 0)
                list_text_print(&text, "\n");
        }
        fd = list_text_open(text.bytes, text.length);
        check_lines(&text, fd);
        assert_int_equal(close(fd), 0);
        fd = open_pipe(&text, long_lines ? 200000 : 100, &writer);
        check_lines(&text, fd);
        assert_int_equal(close(fd), 0);
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_int_equal(status, 0);
    }
    list_text_free(&text);
}

static void reading_fails_and_ends_as_it_should(void **state)
{
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fds[2], cancel;
    struct mapproc_line_reader reader;
    struct mapproc_error error;
    struct mapproc_line line;

    (void)state;
    assert_int_equal(mapproc_line_reader_open(&reader, directory, -1, "list", &error), MAPPROC_OK);
    assert_int_equal(mapproc_line_reader_next(&reader, &line, &error), MAPPROC_FAILED);
    assert_int_equal(error.system_error, EISDIR);
    assert_string_equal(error.path, "list");
    mapproc_line_reader_close(&reader);
    assert_int_equal(close(directory), 0);

    /* A pipe that stays silent can still be left. */
    cancel = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(fds[1], "a\nb", 3), 3);
    assert_int_equal(mapproc_line_reader_open(&reader, fds[0], cancel, "list", &error), MAPPROC_OK);
    assert_int_equal(mapproc_line_reader_next(&reader, &line, &error), 1);
    assert_string_equal(line.text, "a");
    assert_int_equal(eventfd_write(cancel, 1), 0);
    assert_int_equal(mapproc_line_reader_next(&reader, &line, &error), MAPPROC_CANCELLED);
    mapproc_line_reader_close(&reader);
    assert_int_equal(close(cancel), 0);

    /* One that would not block is waited for. */
    assert_int_equal(mapproc_line_reader_open(&reader, fds[0], -1, "list", &error), MAPPROC_OK);
    if (fork() == 0) {
        (void)usleep(20000);
        _exit(write(fds[1], "c\n", 2) != 2);
    }
    assert_int_equal(mapproc_line_reader_next(&reader, &line, &error), 1);
    assert_string_equal(line.text, "c");
    assert_true(wait(NULL) > 0);
    mapproc_line_reader_close(&reader);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
}

/* ---- lists ---- */

static void a_list_from_another_system_is_read(void **state)
{
    static const char text[] = "\xef\xbb\xbf" DIGEST_TEXT "  a\r\n"
                               "\r\n"
                               "# remark\r\n"
                               "\xef\xbb\xbf" DIGEST_TEXT "  b\r\n"
                               "XXH128 (c) = " DIGEST_TEXT "\r\n" DIGEST_TEXT "  d\r";
    static const char *const names[] = {"a", "c", "d"};
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    int fd = list_text_open(text, strlen(text));
    size_t count = 0;

    (void)state;
    assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
    while (mapproc_list_reader_next(&reader, &item, NULL) == 1) {
        if (item.kind == MAPPROC_LIST_ENTRY) {
            assert_in_range(count, 0, 2);
            assert_string_equal(item.entry->name, names[count++]);
            assert_null(item.facts);
        } else { /* the mark belongs to a list's start */
            assert_int_equal(item.kind, MAPPROC_LIST_BAD_LINE);
            assert_int_equal(item.line, 4);
            assert_int_equal(item.offset, 3 + 37 + 2 + 10);
        }
    }
    assert_int_equal(reader.entries, 3);
    assert_int_equal(reader.bad_lines, 1);
    assert_int_equal(reader.bad_manifests, 0);
    mapproc_list_reader_close(&reader);
    assert_int_equal(close(fd), 0);
}

/* One space in the list before, two in the manifest, one in the list behind it. */
static void each_list_has_its_own_spaces(void **state)
{
    static const char text[] =
        DIGEST_TEXT " first\n" DIGEST_TEXT " *star\n"
                    "# mapproc manifest 1 digests=xxh128\n" DIGEST_TEXT "  a\n"
                    "# mapproc end xxh128=" DIGEST_TEXT "\n" DIGEST_TEXT " b\n" DIGEST_TEXT "  c\n";
    static const char *const names[] = {"first", "*star", "a", "b", " c"};
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    int fd = list_text_open(text, strlen(text));
    size_t count = 0;

    (void)state;
    assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
    while (mapproc_list_reader_next(&reader, &item, NULL) == 1)
        if (item.kind == MAPPROC_LIST_ENTRY)
            assert_string_equal(item.entry->name, names[count++]);
    assert_int_equal(count, 5);
    assert_int_equal(reader.bad_lines, 0);
    mapproc_list_reader_close(&reader);
    assert_int_equal(close(fd), 0);
}

static long peak_kib(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void count_items(int fd, uint64_t *entries, uint64_t *bad_lines)
{
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    int code;

    assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
    while ((code = mapproc_list_reader_next(&reader, &item, NULL)) == 1)
        continue;
    assert_int_equal(code, 0);
    *entries = reader.entries;
    *bad_lines = reader.bad_lines;
    mapproc_list_reader_close(&reader);
}

static void a_line_of_a_gigabyte_is_one_bad_line(void **state)
{
    static const char entry[] = DIGEST_TEXT "  a\n";
    struct scratch_directory directory;
    char path[SCRATCH_PATH_MAX];
    uint64_t entries, bad_lines;
    long before = peak_kib();
    int fd;

    (void)state;
    assert_true(scratch_directory_make(&directory));
    fd = open(scratch_path(&directory, "list", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, entry, strlen(entry), 0), strlen(entry));
    assert_int_equal(pwrite(fd, "\n", 1, 1 << 30), 1);
    assert_int_equal(pwrite(fd, entry, strlen(entry), (1 << 30) + 1), strlen(entry));
    count_items(fd, &entries, &bad_lines);
    assert_int_equal(entries, 2);
    assert_int_equal(bad_lines, 1);
    assert_in_range(peak_kib() - before, 0, 32 * 1024);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory.path), 0);
}

static void a_million_lines_of_garbage_are_a_million_bad_lines(void **state)
{
    enum { LINES = 1000000 };
    uint64_t entries, bad_lines;
    long before;
    int fds[2], status;
    pid_t writer;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        FILE *file = fdopen(fds[1], "w");

        for (int i = 0; i < LINES; i++) {
            /* Never blank and never a comment. */
            (void)fputc('g' + (int)test_random_below(&rng, 10), file);
            for (uint64_t n = test_random_below(&rng, 30); n > 0; n--) {
                int byte = (int)test_random_below(&rng, 256);

                (void)fputc(byte == '\n' ? 'x' : byte, file);
            }
            (void)fputc('\n', file);
        }
        _exit(fclose(file) != 0);
    }
    assert_int_equal(close(fds[1]), 0);
    before = peak_kib();
    count_items(fds[0], &entries, &bad_lines);
    assert_in_range(peak_kib() - before, 0, 32 * 1024);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    assert_int_equal(entries, 0);
    assert_int_equal(bad_lines, LINES);
}

/* Makes a few small changes, or cuts the text. */
static void damage(struct list_text *text)
{
    for (uint64_t n = 1 + test_random_below(&rng, 4); n > 0; n--) {
        size_t at = test_random_below(&rng, text->length);
        size_t from = test_random_below(&rng, text->length), length;

        switch (test_random_below(&rng, 4)) {
        case 0:
            text->bytes[at] = (char)test_random_next(&rng);
            break;
        case 1:
            text->bytes[at] = " =\n\r0\\#,("[test_random_below(&rng, 9)];
            break;
        case 2: /* a part of it comes a second time, over another */
            length = test_random_below(&rng, text->length - (at > from ? at : from));
            memmove(text->bytes + at, text->bytes + from, length);
            break;
        default:
            if (test_random_below(&rng, 4) == 0)
                text->length = 1 + at;
            break;
        }
    }
}

/* What is told of a file's pieces covers it. */
static void check_item(const struct mapproc_list_item *item, const struct list_text *text)
{
    uint64_t end = 0;

    assert_int_equal(item->kind == MAPPROC_LIST_ENTRY, item->fault == MAPPROC_FAULT_NONE);
    assert_true(item->line > 0 && item->offset < text->length);
    if (item->kind != MAPPROC_LIST_ENTRY || item->facts == NULL)
        return;
    assert_int_equal(item->pieces->count, item->facts->pieces);
    for (size_t i = 0; i < item->pieces->count; i++) {
        assert_true(item->pieces->pieces[i].offset == end);
        assert_true(item->pieces->pieces[i].length > 0);
        end += item->pieces->pieces[i].length;
    }
    assert_true(item->pieces->count == 0 || end == item->facts->size);
}

/* What is read is sound whatever was put in. */
static void nothing_upsets_the_reader(void **state)
{
    static const char *const lists[] = {
        "# mapproc manifest 1 digests=xxh128 pieces=xxh32 piece-size=auto\n"
        "# mapproc file size=10 mtime=1700000000.123456789 pieces=3\n"
        "# mapproc pieces 0 4 00112233 44556677\n"
        "# mapproc pieces 8 2 8899aabb\n" DIGEST_TEXT "  name\n"
        "# mapproc file size=6\n"
        "\\" DIGEST_TEXT "  new\\nline\n"
        "# mapproc end xxh128=" DIGEST_TEXT "\n"
        "# mapproc manifest 1 digests=md5,sha256\n"
        "# mapproc file size=1\n"
        "MD5 (a) = " DIGEST_TEXT "\n"
        "SHA256 (a) = " DIGEST_TEXT DIGEST_TEXT "\n",
        "%%%% HASHDEEP-1.0\n"
        "%%%% size,md5,filename\n"
        "## Invoked from: /\n"
        "6," DIGEST_TEXT ",/a\n"
        "4," DIGEST_TEXT ",/a offset 4-7\n",
        DIGEST_TEXT " one space\n"
                    "\n"
                    "XXH3_0011223344556677  a\n"
                    "SHA2-256(a)= " DIGEST_TEXT "\n",
    };
    uint64_t with_facts = 0, bad_lines = 0, bad_manifests = 0;
    struct list_text text = {0};

    (void)state;
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
        struct mapproc_list_reader reader;
        struct mapproc_list_item item;
        int fd, code;

        text.length = 0;
        list_text_print(&text, lists[test_random_below(&rng, 4) % 3]);
        damage(&text);
        fd = list_text_open(text.bytes, text.length);
        assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
        while ((code = mapproc_list_reader_next(&reader, &item, NULL)) == 1) {
            check_item(&item, &text);
            with_facts += item.facts != NULL;
        }
        assert_int_equal(code, 0);
        bad_lines += reader.bad_lines;
        bad_manifests += reader.bad_manifests;
        mapproc_list_reader_close(&reader);
        assert_int_equal(close(fd), 0);
    }
    /* All kinds of things were met. */
    assert_true(with_facts > FUZZ_ROUNDS / 10 && bad_lines > FUZZ_ROUNDS / 10 &&
                bad_manifests > FUZZ_ROUNDS / 10);
    list_text_free(&text);
}

static int seed(void **state)
{
    (void)state;
    test_random_seed(&rng);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_what_they_are),
        cmocka_unit_test(reading_fails_and_ends_as_it_should),
        cmocka_unit_test(a_list_from_another_system_is_read),
        cmocka_unit_test(each_list_has_its_own_spaces),
        cmocka_unit_test(a_line_of_a_gigabyte_is_one_bad_line),
        cmocka_unit_test(a_million_lines_of_garbage_are_a_million_bad_lines),
        cmocka_unit_test(nothing_upsets_the_reader),
    };

    return cmocka_run_group_tests_name("list_reader", tests, seed, NULL);
}
