/* SPDX-License-Identifier: MIT */
/* test_deflate_run.c - compressed files against zlib: round trips, members, indexes, same bytes. */
#include "cmocka_all.h"

#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "codec/codec.h"
#include "codec/stored.h"
#include "gunzip_member.h"
#include "jobs/deflate_run.h"
#include "random.h"
#include "scratch_file.h"

enum {
    LARGEST = 2 << 20, /* bytes of data */
    CHUNK = 64 << 10,
    BLOCK = 65280,
    BUFFER = 2 * LARGEST,
};

static struct test_random rng;
static struct scratch_directory scratch;
static char input_path[SCRATCH_PATH_MAX], output_path[SCRATCH_PATH_MAX];
static char index_path[SCRATCH_PATH_MAX];
static uint8_t *data, *output, *inflated;

/* ---- data ---- */

static void fill_random(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)test_random_next(&rng);
}

/* Words out of a few: what compresses well, but for stretches of noise and of zeros. */
static void fill_mixed(uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint64_t kind = test_random_below(&rng, 40);
        size_t n = 1 + test_random_below(&rng, kind < 38 ? 12 : 100000);

        if (n > size - at)
            n = size - at;
        if (kind == 38)
            fill_random(bytes + at, n);
        else if (kind == 39)
            memset(bytes + at, 0, n);
        else
            memset(bytes + at, 'a' + (int)kind % 7, n);
        at += n;
    }
}

/* ---- one run ---- */

struct call {
    struct mapproc_deflate_settings settings;
    struct mapproc_options options;
    const char *path;
    const char *index_path;
    bool careful; /* do not force it */
    bool ordered;
    bool reported;
    struct mapproc_deflate_result result;
    struct mapproc_error error;
    uint8_t digest[MAPPROC_DIGEST_MAX];
};

static int next_order(void *user, struct mapproc_deflate_order *order, struct mapproc_error *error)
{
    struct call *call = user;

    (void)error;
    if (call->ordered)
        return 0;
    call->ordered = true;
    *order = (struct mapproc_deflate_order){
        .path = call->path,
        .target = {.path = output_path, .index_path = call->index_path},
        .reach = MAPPROC_REACH_ALL,
        .user = call,
    };
    return 1;
}

static int report(void *user, const struct mapproc_deflate_result *result)
{
    struct call *call = user;

    call->reported = true;
    call->result = *result;
    if (result->error != NULL)
        call->error = *result->error;
    if (result->digest != NULL)
        memcpy(call->digest, result->digest, mapproc_deflate_digest()->size);
    return MAPPROC_OK;
}

/* Runs it, which must report something. */
static void run_call(struct call *call)
{
    const struct mapproc_deflate_client client = {
        .user = call, .next = next_order, .report = report};
    struct mapproc_error error;

    if (call->path == NULL)
        call->path = input_path;
    call->settings.force = !call->careful;
    assert_int_equal(mapproc_deflate_run(&client, &call->settings, &call->options, &error),
                     MAPPROC_OK);
    assert_true(call->reported);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, room, file);
    assert_true(size < room);
    assert_int_equal(fclose(file), 0);
    return size;
}

/* Runs it, which must succeed. Returns the size of the output, which is then in `output`. */
static size_t compress_with(struct call *call)
{
    size_t size;

    run_call(call);
    if (call->result.error != NULL)
        fail_msg("%s", call->error.what);
    size = read_file(output_path, output, BUFFER);
    assert_int_equal(call->result.compressed, size);
    return size;
}

/* ---- the oracle ---- */

/* The size that a member's header states, by the words of the formats' descriptions. */
static size_t stated_size(const uint8_t *member, enum mapproc_member_form form)
{
    static const uint8_t start[2][12] = {
        {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 8, 0},
        {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0},
    };

    assert_memory_equal(member, start[form == MAPPROC_FORM_BGZF], 12);
    if (form == MAPPROC_FORM_BGZF) {
        assert_memory_equal(member + 12, "BC\2\0", 4);
        return (member[16] | (size_t)member[17] << 8) + 1;
    }
    assert_memory_equal(member + 12, "IG\4\0", 4);
    return member[16] | (size_t)member[17] << 8 | (size_t)member[18] << 16 |
           (size_t)member[19] << 24;
}

static uint64_t index_word(const uint8_t *index, size_t number)
{
    uint64_t word;

    memcpy(&word, index + 8 * number, sizeof(word));
    return le64toh(word);
}

/* Goes through all of `output`, which must be members of `piece` bytes and give back the data. */
static void check_output(const struct call *call, size_t output_size, size_t size, size_t piece)
{
    enum mapproc_member_form form = call->settings.form;
    static uint8_t index[BUFFER / 16];
    size_t index_size = call->index_path != NULL ? read_file(index_path, index, sizeof(index)) : 0;
    size_t at = 0, raw = 0, members = 0;

    while (raw < size) {
        size_t expected = size - raw < piece ? size - raw : piece, made, used;

        used = gunzip_member(output + at, output_size - at, inflated, BUFFER, &made);
        assert_int_equal(used, stated_size(output + at, form));
        assert_int_equal(made, expected);
        assert_memory_equal(inflated, data + raw, made);
        if (index_size > 0 && members > 0) {
            assert_int_equal(index_word(index, 2 * members - 1), at);
            assert_int_equal(index_word(index, 2 * members), raw);
        }
        /* Nothing gets larger than by being stored. */
        assert_true(used <= made + made / 65535 * 5 + 5 + 28);
        at += used;
        raw += made;
        members++;
    }
    assert_int_equal(call->result.members, members);
    if (call->index_path != NULL) {
        assert_int_equal(index_word(index, 0), members > 0 ? members - 1 : 0);
        assert_int_equal(index_size, 8 + 16 * (members > 0 ? members - 1 : 0));
    }
    assert_int_equal(output_size - at, form == MAPPROC_FORM_BGZF ? 28 : 30);
    assert_int_equal(stated_size(output + at, form), output_size - at);
    assert_int_equal(gunzip_member(output + at, output_size - at, inflated, BUFFER, &raw),
                     output_size - at);
    assert_int_equal(raw, 0);
}

/* ---- tests ---- */

static void test_round_trips(void **state)
{
    static const size_t sizes[] = {0,         1,         2,         100,           CHUNK - 1,
                                   CHUNK,     CHUNK + 1, BLOCK - 1, BLOCK,         BLOCK + 1,
                                   2 * CHUNK, 2 * BLOCK, 700001,    3 * CHUNK + 1, 5 * BLOCK - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int form = 0; form < 2; form++) {
            struct call call = {
                .settings = {.form = (enum mapproc_member_form)form,
                             .level = (int)test_random_below(&rng, 10),
                             .verify = test_random_below(&rng, 2) == 0,
                             .digest = true},
                .options = {.chunk_size = form == MAPPROC_FORM_GZIP ? CHUNK : 2 * BLOCK + 77,
                            .threads = 2},
                .index_path = index_path,
            };
            XXH128_canonical_t expected;
            size_t size;

            fill_mixed(data, sizes[i]);
            assert_true(scratch_write(input_path, data, sizes[i]));
            size = compress_with(&call);
            check_output(&call, size, sizes[i], form == MAPPROC_FORM_GZIP ? CHUNK : BLOCK);
            assert_int_equal(call.result.size, sizes[i]);
            XXH128_canonicalFromHash(&expected, XXH3_128bits(data, sizes[i]));
            assert_memory_equal(call.digest, &expected, sizeof(expected));
        }
    }
}

static void test_all_codecs_and_levels(void **state)
{
    const struct mapproc_codec *codec;
    const size_t size = 150001;

    (void)state;
    fill_mixed(data, size);
    memset(data, 'x', CHUNK); /* a chunk, at least, that gets much smaller */
    assert_true(scratch_write(input_path, data, size));
    for (size_t i = 0; i == 0 || mapproc_codec_at(i - 1) != NULL; i++) {
        codec = i > 0 ? mapproc_codec_at(i - 1) : NULL; /* the default ones */
        for (int level = 0; level <= MAPPROC_LEVEL_MAX; level++) {
            struct call call = {.settings = {.level = level, .codec = codec, .verify = true},
                                .options = {.chunk_size = CHUNK}};
            size_t made = compress_with(&call);

            check_output(&call, made, size, CHUNK);
            assert_true(level == 0 || made < size - CHUNK / 2);
        }
    }
}

static void *write_pipe(void *argument)
{
    int fd = open(argument, O_WRONLY);

    if (fd >= 0) {
        for (size_t at = 0; at < 700001;) {
            ssize_t n = write(fd, data + at, 700001 - at);

            if (n <= 0)
                break;
            at += (size_t)n;
        }
        (void)close(fd);
    }
    return NULL;
}

/* The data again, with holes where there are zeros, in whole pages. */
static void write_sparse(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    for (size_t at = 0; at < size; at += 4096) {
        size_t n = size - at < 4096 ? size - at : 4096, i = 0;

        while (i < n && data[at + i] == 0)
            i++;
        if (i < n)
            assert_int_equal(pwrite(fd, data + at, n, (off_t)at), n);
    }
    assert_int_equal(close(fd), 0);
}

/* Threads, ways to read, pipes, holes: nothing of that may show in the output. */
static void test_same_bytes(void **state)
{
    static const struct mapproc_options ways[] = {
        {.threads = 1},
        {.threads = 2},
        {.threads = 7},
        {.threads = 2, .io = MAPPROC_IO_MMAP},
        {.threads = 3, .io = MAPPROC_IO_READ},
        {.threads = 2, .numa = MAPPROC_NUMA_OFF},
        {.threads = 2, .memory = 64 << 20},
    };
    const size_t size = 700001;
    char sparse[SCRATCH_PATH_MAX], fifo[SCRATCH_PATH_MAX];
    uint8_t *expected = malloc(BUFFER);

    (void)state;
    assert_non_null(expected);
    fill_mixed(data, size);
    memset(data + 100000, 0, 260000);      /* three whole chunks and more of zeros */
    memset(data + size - 50000, 0, 50000); /* and the rest, which is no whole chunk */
    assert_true(scratch_write(input_path, data, size));
    write_sparse(scratch_path(&scratch, "sparse", sparse), size);
    assert_int_equal(mkfifo(scratch_path(&scratch, "fifo", fifo), 0600), 0);
    for (int form = 0; form < 2; form++) {
        const char *const paths[] = {input_path, sparse, fifo};
        size_t expected_size = 0;

        for (size_t i = 0; i < 3 * sizeof(ways) / sizeof(ways[0]); i++) {
            struct call call = {
                .settings = {.form = (enum mapproc_member_form)form, .level = 6, .digest = true},
                .options = ways[i / 3],
                .path = paths[i % 3]};
            pthread_t writer;
            size_t made;

            call.options.chunk_size = CHUNK;
            if (call.path == fifo)
                assert_int_equal(pthread_create(&writer, NULL, write_pipe, fifo), 0);
            made = compress_with(&call);
            if (call.path == fifo)
                assert_int_equal(pthread_join(writer, NULL), 0);
            if (i == 0) {
                check_output(&call, made, size, form == MAPPROC_FORM_GZIP ? CHUNK : BLOCK);
                memcpy(expected, output, made);
                expected_size = made;
            }
            assert_int_equal(made, expected_size);
            assert_memory_equal(output, expected, made);
        }
    }
    free(expected);
}

/* A codec that makes deflate streams of something else. */
static void *broken_new(int level)
{
    (void)level;
    return malloc(1);
}

static size_t broken_compress(void *compressor, const uint8_t *bytes, size_t length, uint8_t *out,
                              size_t capacity)
{
    static const uint8_t empty[] = {3, 0}; /* one block of no bytes */

    (void)compressor;
    (void)bytes;
    if (length < 1000 || capacity < sizeof(empty))
        return 0;
    memcpy(out, empty, sizeof(empty));
    return sizeof(empty);
}

/* A codec that makes what is right and longer than it needs to be. */
static size_t wasteful_compress(void *compressor, const uint8_t *bytes, size_t length, uint8_t *out,
                                size_t capacity)
{
    static const uint8_t nothing[] = {0, 0, 0, 0xff, 0xff}; /* a stored block of no bytes */

    (void)compressor;
    assert_true(capacity >= sizeof(nothing) + mapproc_stored_size(length));
    memcpy(out, nothing, sizeof(nothing));
    return sizeof(nothing) + mapproc_stored_write(bytes, length, out + sizeof(nothing));
}

static void test_never_larger_than_stored(void **state)
{
    const struct mapproc_codec wasteful = {.name = "wasteful",
                                           .level_min = 1,
                                           .level_max = 9,
                                           .compressor_new = broken_new,
                                           .compressor_free = free,
                                           .compress = wasteful_compress};
    struct call call = {.settings = {.level = 6, .codec = &wasteful},
                        .options = {.chunk_size = CHUNK}};

    (void)state;
    memset(data, 'x', 30000);
    assert_true(scratch_write(input_path, data, 30000));
    assert_int_equal(compress_with(&call), 20 + 5 + 30000 + 8 + 30);
}

static void test_verify(void **state)
{
    const struct mapproc_codec broken = {.name = "broken",
                                         .level_min = 1,
                                         .level_max = 9,
                                         .compressor_new = broken_new,
                                         .compressor_free = free,
                                         .compress = broken_compress};

    (void)state;
    memset(data, 'x', 300000);
    assert_true(scratch_write(input_path, data, 300000));
    for (int remove = 0; remove < 2; remove++) {
        struct call call = {.settings = {.level = 6,
                                         .codec = &broken,
                                         .verify = remove == 0,
                                         .remove = remove == 1},
                            .options = {.chunk_size = CHUNK}};

        (void)unlink(output_path);
        run_call(&call);
        assert_non_null(call.result.error);
        assert_int_equal(call.error.code, MAPPROC_FAILED);
        assert_string_equal(call.error.path, input_path);
        assert_non_null(strstr(call.error.what, "does not give back"));
        assert_int_equal(access(output_path, F_OK), -1);
        assert_int_equal(access(input_path, F_OK), 0);
    }
}

static void expect_refused(struct call *call, const char *what)
{
    run_call(call);
    assert_non_null(call->result.error);
    assert_int_equal(call->error.code, MAPPROC_REFUSED);
    assert_non_null(strstr(call->error.what, what));
}

/* What is refused changes nothing. */
static void test_refusals(void **state)
{
    struct call existing = {.careful = true};
    struct call linked = {.settings = {.remove = true}, .careful = true};
    struct call own = {.path = output_path};
    struct stat status;
    char other[SCRATCH_PATH_MAX];

    (void)state;
    assert_true(scratch_write(input_path, "data", 4));
    assert_true(scratch_write(output_path, "old", 3));
    expect_refused(&existing, "will not replace");
    expect_refused(&own, "its own output");
    assert_int_equal(read_file(output_path, output, BUFFER), 3);
    assert_int_equal(unlink(output_path), 0);
    assert_int_equal(link(input_path, scratch_path(&scratch, "other", other)), 0);
    expect_refused(&linked, "other names");
    assert_int_equal(access(output_path, F_OK), -1);
    assert_int_equal(read_file(input_path, output, BUFFER), 4);
    /* Forced, it is removed. */
    linked = (struct call){.settings = {.remove = true}};
    run_call(&linked);
    assert_null(linked.result.error);
    assert_int_equal(access(input_path, F_OK), -1);
    assert_int_equal(stat(other, &status), 0);
    assert_int_equal(status.st_nlink, 1);
    assert_true(read_file(output_path, output, BUFFER) > 30);
}

static int make_files(void **state)
{
    (void)state;
    test_random_seed(&rng);
    data = malloc(LARGEST);
    output = malloc(BUFFER);
    inflated = malloc(BUFFER);
    if (data == NULL || output == NULL || inflated == NULL || !scratch_directory_make(&scratch))
        return -1;
    (void)scratch_path(&scratch, "input", input_path);
    (void)scratch_path(&scratch, "output", output_path);
    (void)scratch_path(&scratch, "index", index_path);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {"input", "output", "index", "sparse", "fifo", "other"};
    char path[SCRATCH_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(scratch_path(&scratch, names[i], path));
    free(data);
    free(output);
    free(inflated);
    return rmdir(scratch.path); /* nothing else may be left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_all_codecs_and_levels),
        cmocka_unit_test(test_same_bytes),  cmocka_unit_test(test_never_larger_than_stored),
        cmocka_unit_test(test_verify),      cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
