/* SPDX-License-Identifier: MIT */
/* test_digest_run.c - several digests, pieces and holes in one reading, against libxxhash and co.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>

#include "crc_reference.h"
#include "format/manifest.h"
#include "jobs/digest_run.h"
#include "random.h"
#include "scratch_file.h"

enum { LARGEST = 6 << 20, ROUNDS = 60 };

static struct test_random rng;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX], sparse[SCRATCH_PATH_MAX];
static uint8_t *data; /* LARGEST bytes */

static void put_big_endian(uint32_t word, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(word >> (24 - 8 * i));
}

static void fill_expected(const char *name, const uint8_t *bytes, size_t size, uint8_t *digest)
{
    if (strcmp(name, "xxh128") == 0)
        XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits(bytes, size));
    else if (strcmp(name, "xxh3") == 0)
        XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH3_64bits(bytes, size));
    else if (strcmp(name, "xxh64") == 0)
        XXH64_canonicalFromHash((XXH64_canonical_t *)digest, XXH64(bytes, size, 0));
    else if (strcmp(name, "xxh32") == 0)
        XXH32_canonicalFromHash((XXH32_canonical_t *)digest, XXH32(bytes, size, 0));
    else if (strcmp(name, "crc32") == 0)
        put_big_endian((uint32_t)crc32_z(0, bytes, size), digest);
    else if (strcmp(name, "crc32c") == 0)
        put_big_endian(crc_reference(CRC32C_REFLECTED, 0, bytes, size), digest);
    else if (EVP_Digest(bytes, size, digest, NULL,
                        EVP_get_digestbyname(strcmp(name, "blake2b") == 0 ? "blake2b512" : name),
                        NULL) != 1)
        fail_msg("no oracle for '%s'", name);
}

/* ---- one source through the job ---- */

struct expectation {
    const char *path;
    size_t size;
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    size_t digest_count;
    uint64_t piece_size; /* as ordered */
    uint64_t chunk_size;
    bool stream; /* its size is not known before */
    bool pipe;
    size_t orders; /* how often it is ordered */
    size_t ordered;
    size_t reported;
};

static int next_order(void *user, struct mapproc_digest_order *order, struct mapproc_error *error)
{
    struct expectation *expectation = user;

    (void)error;
    if (expectation->ordered == expectation->orders)
        return 0;
    expectation->ordered++;
    *order = (struct mapproc_digest_order){
        .path = expectation->path,
        .digests = expectation->digests,
        .digest_count = expectation->digest_count,
        .piece_size = expectation->piece_size,
        .user = expectation,
    };
    return 1;
}

static void check_pieces(const struct expectation *expectation,
                         const struct mapproc_digest_result *result)
{
    uint64_t piece_size = expectation->piece_size;
    const struct mapproc_piece_list *pieces = result->pieces;
    size_t at = 0;

    if (piece_size == 0) {
        assert_null(pieces);
        return;
    }
    if (piece_size == MAPPROC_PIECE_SIZE_AUTO)
        piece_size = mapproc_manifest_piece_size(expectation->stream ? 0 : expectation->size,
                                                 expectation->chunk_size);
    assert_non_null(pieces);
    assert_true(result->piece_size == piece_size);
    assert_int_equal(pieces->count, (expectation->size + piece_size - 1) / piece_size);
    assert_true(pieces->end == expectation->size);
    for (size_t i = 0; i < pieces->count; i++) {
        size_t left = expectation->size - at;
        size_t length = left < piece_size ? left : (size_t)piece_size;
        uint8_t digest[MAPPROC_DIGEST_MAX];

        assert_true(pieces->pieces[i].offset == at);
        assert_true(pieces->pieces[i].length == length);
        fill_expected("xxh128", data + at, length, digest);
        assert_memory_equal(mapproc_piece_digest(pieces, i), digest, 16);
        at += length;
    }
}

static int check_result(void *user, const struct mapproc_digest_result *result)
{
    struct expectation *expectation = user;

    expectation->reported++;
    assert_ptr_equal(result->order->user, expectation);
    if (result->error != NULL)
        fail_msg("%s", result->error->what);
    assert_true(result->size == expectation->size);
    assert_int_equal(result->has_mtime, !expectation->pipe);
    for (size_t i = 0; i < expectation->digest_count; i++) {
        const struct mapproc_digest *digest = expectation->digests[i];
        uint8_t expected[MAPPROC_DIGEST_MAX];

        fill_expected(digest->name, data, expectation->size, expected);
        if (memcmp(result->digests[i], expected, digest->size) != 0)
            fail_msg("%s of %zu bytes, pieces of %llu, chunks of %llu, is wrong", digest->name,
                     expectation->size, (unsigned long long)expectation->piece_size,
                     (unsigned long long)expectation->chunk_size);
    }
    check_pieces(expectation, result);
    return MAPPROC_OK;
}

static void run(struct expectation *expectation, const struct mapproc_options *options)
{
    const struct mapproc_digest_client client = {
        .user = expectation, .next = next_order, .report = check_result};
    const struct mapproc_digest_settings settings = {
        .serial = mapproc_digests_any_serial(expectation->digests, expectation->digest_count) ||
                  test_random_below(&rng, 4) == 0, /* which any order may run under */
        .from_disk = test_random_below(&rng, 16) == 0,
    };
    struct mapproc_error error = {.what = ""};

    if (mapproc_digest_run(&client, &settings, options, &error) != MAPPROC_OK)
        fail_msg("%s", error.what);
    assert_int_equal(expectation->reported, expectation->orders);
}

/* A few digests, some of them parallel, in random order. */
static void choose_digests(struct expectation *expectation)
{
    size_t all = 0, first;

    while (mapproc_digest_at(all) != NULL)
        all++;
    first = test_random_below(&rng, all);
    expectation->digest_count = 1 + test_random_below(&rng, 5);
    for (size_t i = 0; i < expectation->digest_count; i++)
        expectation->digests[i] = mapproc_digest_at((first + i * 5) % all);
}

static uint64_t choose_piece_size(void)
{
    switch (test_random_below(&rng, 5)) {
    case 0:
        return 0;
    case 1:
        return MAPPROC_PIECE_SIZE_AUTO;
    case 2:
        return UINT64_C(4096) << test_random_below(&rng, 12);
    case 3:
        return MAPPROC_PIECE_ALIGNMENT * (1 + test_random_below(&rng, LARGEST / 1024));
    default:
        return MAPPROC_PIECE_ALIGNMENT * (4 + test_random_below(&rng, 60));
    }
}

static struct mapproc_options choose_options(void)
{
    static const size_t chunk_sizes[] = {1024, 1500, 4096, 65536, 100000, 1 << 20};

    return (struct mapproc_options){
        .threads = 1 + (unsigned)test_random_below(&rng, 7),
        .chunk_size =
            chunk_sizes[test_random_below(&rng, sizeof(chunk_sizes) / sizeof(chunk_sizes[0]))],
        .io = (enum mapproc_io)test_random_below(&rng, 3),
    };
}

static size_t choose_size(void)
{
    size_t size = test_random_below(&rng, LARGEST + 1) >> test_random_below(&rng, 12);

    switch (test_random_below(&rng, 4)) {
    case 0:
        return size & ~(size_t)4095;
    case 1:
        return size == 0 ? 0 : (size & ~(size_t)1023) + 1;
    default:
        return size;
    }
}

static void digests_and_pieces_are_right(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const struct mapproc_options options = choose_options();
        struct expectation expectation = {
            .path = path,
            .size = choose_size(),
            .piece_size = choose_piece_size(),
            .chunk_size = options.chunk_size,
            .orders = 1 + test_random_below(&rng, 3),
        };

        expectation.stream = expectation.size == 0;
        choose_digests(&expectation);
        assert_true(scratch_write(path, data, expectation.size));
        run(&expectation, &options);
    }
}

struct feeder {
    int fd;
    size_t size;
};

static void *feed(void *argument)
{
    const struct feeder *feeder = argument;

    for (size_t done = 0; done < feeder->size;) {
        size_t step = 1 + (done * 7919) % 70000;
        ssize_t n =
            write(feeder->fd, data + done, step < feeder->size - done ? step : feeder->size - done);

        if (n < 0)
            break;
        done += (size_t)n;
    }
    (void)close(feeder->fd);
    return NULL;
}

static void pipes_have_the_same(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 3; round++) {
        const struct mapproc_options options = choose_options();
        struct expectation expectation = {
            .size = choose_size(),
            .piece_size = choose_piece_size(),
            .chunk_size = options.chunk_size,
            .stream = true,
            .pipe = true,
            .orders = 1,
        };
        struct feeder feeder = {.size = expectation.size};
        pthread_t thread;
        char name[32];
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        (void)snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
        expectation.path = name;
        feeder.fd = ends[1];
        choose_digests(&expectation);
        assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
        run(&expectation, &options);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void)close(ends[0]);
    }
}

/* Makes runs of zeros in the data, and a file that has holes there. */
static void make_holes(size_t size)
{
    int fd = open(sparse, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    for (size_t at = 0; at < size;) {
        size_t n = 1 + (test_random_below(&rng, size) >> test_random_below(&rng, 9));

        n = n < size - at ? n : size - at;
        if (test_random_below(&rng, 2) == 0)
            memset(data + at, 0, n);
        else
            assert_true(pwrite(fd, data + at, n, (off_t)at) == (ssize_t)n);
        at += n;
    }
    (void)close(fd);
}

static void holes_are_zeros(void **state)
{
    uint8_t *whole = malloc(LARGEST);
    int with_holes = 0;

    (void)state;
    assert_non_null(whole);
    memcpy(whole, data, LARGEST);
    for (int round = 0; round < ROUNDS; round++) {
        const struct mapproc_options options = choose_options();
        struct expectation expectation = {
            .path = sparse,
            .size = 1 + choose_size(),
            .piece_size = choose_piece_size(),
            .chunk_size = options.chunk_size,
            .orders = 1,
        };
        struct stat status;

        if (expectation.size > LARGEST)
            continue;
        make_holes(expectation.size);
        assert_int_equal(stat(sparse, &status), 0);
        with_holes += (size_t)status.st_blocks * 512 < expectation.size;
        choose_digests(&expectation);
        run(&expectation, &options);
        memcpy(data, whole, LARGEST);
    }
    free(whole);
    if (with_holes == 0)
        skip(); /* the file system has none */
}

static void zeros_are_what_update_makes_of_zeros(void **state)
{
    enum { MOST = 300000 };
    static const uint8_t zeros[MOST];
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t d = 0; (digest = mapproc_digest_at(d)) != NULL; d++) {
        if (digest->fold == NULL) {
            assert_null(digest->partial_zeros);
            continue;
        }
        assert_non_null(digest->partial_zeros);
        for (int round = 0; round < 150; round++) {
            size_t before = test_random_below(&rng, round % 3 == 0 ? 3 : 5000);
            size_t length = test_random_below(&rng, MOST) >> test_random_below(&rng, 18);
            size_t after = test_random_below(&rng, 3000);
            /* Three chunks: data, zeros, data. */
            const size_t lengths[] = {before, length, after};
            size_t offset = 0;
            uint8_t found[2][MAPPROC_DIGEST_MAX];

            for (int way = 0; way < 2; way++) {
                void *running = aligned_alloc(64, (digest->state_size + 63) & ~(size_t)63);

                assert_non_null(running);
                assert_true(digest->init(digest, running));
                offset = 0;
                for (int c = 0; c < 3; c++) {
                    size_t room = (digest->partial_size(lengths[c]) + 127) & ~(size_t)63;
                    void *partial = aligned_alloc(64, room);

                    assert_non_null(partial);
                    memset(partial, way == 0 ? 0xa5 : 0x5a, room);
                    digest->partial_init(partial, offset);
                    if (c != 1)
                        digest->partial_update(partial, data + offset, lengths[c]);
                    else if (way == 0)
                        digest->partial_update(partial, zeros, length);
                    else
                        digest->partial_zeros(partial, length);
                    digest->fold(running, partial);
                    free(partial);
                    offset += lengths[c];
                }
                assert_true(digest->finish(running, found[way]));
                if (digest->release != NULL)
                    digest->release(running);
                free(running);
            }
            if (memcmp(found[0], found[1], digest->size) != 0)
                fail_msg("%s: %zu zeros at offset %zu", digest->name, length, before);
        }
    }
}

/* ---- what is refused ---- */

static int take_error(void *user, const struct mapproc_digest_result *result)
{
    struct expectation *expectation = user;

    assert_non_null(result->error);
    assert_null(result->digests);
    assert_int_equal(result->error->code, MAPPROC_REFUSED);
    expectation->reported++;
    return MAPPROC_OK;
}

static void pieces_that_cannot_be_are_refused(void **state)
{
    static const uint64_t sizes[] = {1, 1023, 1025, 100000, UINT64_MAX - 1};
    const struct mapproc_digest_settings settings = {0};

    (void)state;
    assert_true(scratch_write(path, data, LARGEST));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct expectation expectation = {.path = path,
                                          .digests = {mapproc_digest_at(0)},
                                          .digest_count = 1,
                                          .piece_size = sizes[i],
                                          .orders = 1};
        const struct mapproc_digest_client client = {
            .user = &expectation, .next = next_order, .report = take_error};

        assert_int_equal(mapproc_digest_run(&client, &settings, NULL, NULL), MAPPROC_OK);
        assert_int_equal(expectation.reported, 1);
    }
}

static void lists_of_algorithms_are_read(void **state)
{
    static const char *const wrong[] = {"",       ",",           "md5,",    ",md5", "md5,md5",
                                        "md5 ",   "MD5",         "md5,sha", "xxh",  "xxh1288",
                                        "\x1b[m", "xxh128,,md5", " md5"};
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    struct mapproc_error error;
    size_t count;

    (void)state;
    assert_int_equal(mapproc_digests_select(NULL, digests, &count, NULL), MAPPROC_OK);
    assert_int_equal(count, 1);
    assert_ptr_equal(digests[0], mapproc_digest_find("xxh128"));
    assert_int_equal(mapproc_digests_select("sha256,xxh3,crc32c", digests, &count, NULL),
                     MAPPROC_OK);
    assert_int_equal(count, 3);
    assert_string_equal(digests[0]->name, "sha256");
    assert_string_equal(digests[1]->name, "xxh3");
    assert_string_equal(digests[2]->name, "crc32c");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(mapproc_digests_select(wrong[i], digests, &count, &error),
                         MAPPROC_REFUSED);
        assert_null(strchr(error.what, '\x1b'));
    }
}

static int set_up(void **state)
{
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    size_t count;

    (void)state;
    test_random_seed(&rng);
    data = malloc(LARGEST);
    if (data == NULL || !scratch_directory_make(&scratch))
        return -1;
    for (size_t i = 0; i < LARGEST; i++)
        data[i] = (uint8_t)test_random_next(&rng);
    (void)scratch_path(&scratch, "file", path);
    (void)scratch_path(&scratch, "sparse", sparse);
    return mapproc_digests_select("md5,sha1,sha256,sha512,sha3-256,blake2b", digests, &count, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    free(data);
    (void)unlink(path);
    (void)unlink(sparse);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_and_pieces_are_right),
        cmocka_unit_test(pipes_have_the_same),
        cmocka_unit_test(holes_are_zeros),
        cmocka_unit_test(zeros_are_what_update_makes_of_zeros),
        cmocka_unit_test(pieces_that_cannot_be_are_refused),
        cmocka_unit_test(lists_of_algorithms_are_read),
    };

    return cmocka_run_group_tests_name("digest_run", tests, set_up, tear_down);
}
