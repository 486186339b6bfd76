/* SPDX-License-Identifier: MIT */
/* test_library.c - the library's pieces, lists, and jobs of others, as another program calls them.
 */
#include "cmocka_all.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "mapproc.h"
#include "random.h"
#include "scratch_file.h"

enum { SIZE = 2500003, PIECE = 64 << 10 };

static struct test_random rng;
static struct scratch_directory scratch;
static char before[4096]; /* the directory we were in */
static uint8_t *data;     /* SIZE bytes */
static const char *const names[] = {"input"};
static const struct mapproc_options small_chunks = {.threads = 3, .chunk_size = 10000};

/* ---- pieces ---- */

static int check_pieces(void *user, const struct mapproc_checksum *checksum)
{
    XXH128_canonical_t expected;

    ++*(unsigned *)user;
    assert_null(checksum->error);
    assert_true(checksum->size == SIZE);
    assert_int_equal(checksum->digest_count, 2);
    XXH128_canonicalFromHash(&expected, XXH3_128bits(data, SIZE));
    assert_memory_equal(checksum->digests[0].bytes, &expected, sizeof(expected));
    assert_string_equal(checksum->digests[1].algorithm, "sha256");
    assert_true(checksum->piece_size == PIECE);
    assert_true(checksum->piece_count == (SIZE + PIECE - 1) / PIECE);
    assert_string_equal(checksum->piece_algorithm, "xxh128");
    assert_int_equal(checksum->piece_digest_size, sizeof(expected));
    for (size_t i = 0; i < checksum->piece_count; i++) {
        size_t begin = i * PIECE, left = SIZE - begin;

        XXH128_canonicalFromHash(&expected,
                                 XXH3_128bits(data + begin, left < PIECE ? left : PIECE));
        assert_memory_equal(checksum->piece_digests + i * sizeof(expected), &expected,
                            sizeof(expected));
    }
    return MAPPROC_OK;
}

static void pieces_have_digests_of_their_own(void **state)
{
    unsigned reports = 0;

    (void)state;
    assert_int_equal(mapproc_checksum_pieces(names, 1, "xxh128,sha256", PIECE, &small_chunks,
                                             check_pieces, &reports, NULL),
                     MAPPROC_OK);
    assert_int_equal(reports, 1);
}

static int count_error(void *user, const struct mapproc_checksum *checksum)
{
    *(unsigned *)user += checksum->error != NULL;
    return MAPPROC_OK;
}

static void odd_pieces_are_refused(void **state)
{
    unsigned errors = 0;

    (void)state;
    assert_int_equal(
        mapproc_checksum_pieces(names, 1, NULL, 1000, NULL, count_error, &errors, NULL),
        MAPPROC_OK);
    assert_int_equal(errors, 1);
}

/* ---- lists ---- */

struct verdicts {
    unsigned count;
    enum mapproc_verdict verdict;
    struct mapproc_range range; /* the only one */
    char name[32];
};

static int note_verdict(void *user, const struct mapproc_verify_result *result)
{
    struct verdicts *verdicts = user;

    verdicts->count++;
    verdicts->verdict = result->verdict;
    (void)snprintf(verdicts->name, sizeof(verdicts->name), "%s", result->name);
    if (result->range_count == 1)
        verdicts->range = result->ranges[0];
    return MAPPROC_OK;
}

static void write_list(const char *path, const char *text)
{
    assert_true(scratch_write(path, text, strlen(text)));
}

static void a_list_is_checked(void **state)
{
    XXH128_canonical_t digest;
    struct mapproc_verify_summary summary;
    struct verdicts verdicts = {0};
    char text[256];
    size_t length = 0;

    (void)state;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(data, SIZE));
    for (size_t i = 0; i < sizeof(digest); i++)
        length += (size_t)snprintf(text + length, 3, "%02x", digest.digest[i]);
    (void)snprintf(text + length, sizeof(text) - length, "  input\n");
    write_list("list", text);
    assert_int_equal(mapproc_verify_list("list", 0, NULL, note_verdict, &verdicts, &summary, NULL),
                     MAPPROC_OK);
    assert_true(summary.all_good);
    assert_true(summary.files[MAPPROC_VERDICT_GOOD] == 1);
    assert_int_equal(verdicts.verdict, MAPPROC_VERDICT_GOOD);
    assert_string_equal(verdicts.name, "input");

    text[0] = text[0] == '0' ? '1' : '0';
    strcat(text, "no line of a list\n00112233445566778899aabbccddeeff  missing\n");
    write_list("list", text);
    assert_int_equal(mapproc_verify_list("list", 0, NULL, NULL, NULL, &summary, NULL), MAPPROC_OK);
    assert_false(summary.all_good);
    assert_true(summary.files[MAPPROC_VERDICT_BAD] == 1);
    assert_true(summary.files[MAPPROC_VERDICT_MISSING] == 1);
    assert_true(summary.bad_lines == 1 && summary.first_bad_line == 2);

    write_list("list", "");
    assert_int_equal(mapproc_verify_list("list", 0, NULL, NULL, NULL, &summary, NULL), MAPPROC_OK);
    assert_false(summary.all_good);
    assert_int_equal(mapproc_verify_list("nolist", 0, NULL, NULL, NULL, NULL, NULL),
                     MAPPROC_BAD_DATA);
    assert_int_equal(mapproc_verify_list("list", 64, NULL, NULL, NULL, NULL, NULL),
                     MAPPROC_REFUSED);
    (void)unlink("list");
}

static void names_that_lead_out_are_refused(void **state)
{
    struct mapproc_verify_summary summary;

    (void)state;
    write_list("list", "00112233445566778899aabbccddeeff  ../no/such/file\n");
    assert_int_equal(mapproc_verify_list("list", 0, NULL, NULL, NULL, &summary, NULL), MAPPROC_OK);
    assert_true(summary.files[MAPPROC_VERDICT_REFUSED] == 1);
    assert_int_equal(
        mapproc_verify_list("list", MAPPROC_VERIFY_ALLOW_OUTSIDE, NULL, NULL, NULL, &summary, NULL),
        MAPPROC_OK);
    assert_true(summary.files[MAPPROC_VERDICT_MISSING] == 1);
    (void)unlink("list");
}

static void a_manifest_tells_which_bytes_are_bad(void **state)
{
    const struct mapproc_compress_options how = {.manifest_path = "list"};
    const struct mapproc_options options = {.chunk_size = PIECE};
    struct mapproc_verify_summary summary;
    struct verdicts verdicts = {0};
    uint8_t byte = (uint8_t)~data[10 * PIECE + 7];
    int fd = open("input", O_RDWR | O_CLOEXEC);

    (void)state;
    assert_int_equal(mapproc_compress_file("input", "input.gz", &how, &options, NULL, NULL),
                     MAPPROC_OK);
    assert_int_equal(pwrite(fd, &byte, 1, 10 * PIECE + 7), 1);
    assert_int_equal(mapproc_verify_list("list", 0, NULL, note_verdict, &verdicts, &summary, NULL),
                     MAPPROC_OK);
    assert_int_equal(verdicts.verdict, MAPPROC_VERDICT_BAD);
    assert_true(verdicts.range.offset == (uint64_t)10 * PIECE);
    assert_true(verdicts.range.length == PIECE);
    assert_false(summary.all_good);
    assert_int_equal(pwrite(fd, data + 10 * PIECE + 7, 1, 10 * PIECE + 7), 1);
    (void)close(fd);
    (void)unlink("list");
    (void)unlink("input.gz");
}

/* ---- jobs of others ---- */

/* What a job has seen. */
struct seen {
    atomic_uint processed;
    uint64_t end; /* of what was committed */
    uint64_t number;
    uint64_t sum; /* of all bytes */
    unsigned bad; /* things that are not as they should be */
    uint64_t holes;
    uint64_t fail_at; /* process() fails there */
    uint64_t enough_at, refuse_at;
    bool ends_with_newline;
};

enum { NEVER = INT32_MAX };

static const struct seen all = {.fail_at = NEVER, .enough_at = NEVER, .refuse_at = NEVER};

static int process(void *user, const struct mapproc_chunk_view *chunk)
{
    struct seen *seen = user;
    uint64_t *sum = chunk->scratch;

    if (*sum != 0 || (uintptr_t)sum % 64 != 0)
        return -77;
    for (size_t i = 0; i < chunk->length; i++)
        *sum += chunk->data[i];
    ((uint8_t *)chunk->scratch)[8 + chunk->length - 1] = 1; /* the last byte that there must be */
    atomic_fetch_add(&seen->processed, 1);
    return chunk->number >= seen->fail_at ? -50 - (int)chunk->number : 0;
}

static int commit(void *user, const struct mapproc_chunk_view *chunk)
{
    struct seen *seen = user;

    seen->bad += chunk->number != seen->number++;
    seen->bad += chunk->offset != seen->end;
    seen->bad += chunk->data[0] != (chunk->hole ? 0 : data[chunk->offset]);
    seen->end += chunk->length;
    seen->sum += *(const uint64_t *)chunk->scratch;
    seen->holes += chunk->hole ? chunk->length : 0;
    seen->ends_with_newline &= chunk->data[chunk->length - 1] == '\n' || seen->end == SIZE;
    if (chunk->number == seen->refuse_at)
        return -99;
    return chunk->number == seen->enough_at;
}

static const struct mapproc_chunk_job summing = {
    .scratch_size = 8, .scratch_per_kib = 1024, .process = process, .commit = commit};

static uint64_t sum_of(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += bytes[i];
    return sum;
}

static void every_chunk_is_seen_once_and_in_order(void **state)
{
    static const char *const chunkers[] = {NULL, "fixed", "lines", "records:size=1000", "cdc"};

    (void)state;
    for (size_t i = 0; i < sizeof(chunkers) / sizeof(chunkers[0]); i++) {
        for (unsigned threads = 1; threads < 6; threads += 2) {
            const struct mapproc_options options = {.threads = threads, .chunk_size = 20000};
            struct mapproc_chunk_job job = summing;
            struct seen seen = all;

            seen.ends_with_newline = true;
            job.chunker = chunkers[i];
            assert_int_equal(mapproc_process_chunks("input", &job, &seen, &options, NULL),
                             MAPPROC_OK);
            assert_int_equal(seen.bad, 0);
            assert_true(seen.end == SIZE);
            assert_true(seen.sum == sum_of(data, SIZE));
            assert_true(atomic_load(&seen.processed) == seen.number);
            assert_true(i != 2 || seen.ends_with_newline);
        }
    }
}

static void the_first_answer_in_order_ends_a_job(void **state)
{
    struct mapproc_error error;
    struct seen seen = all;

    (void)state;
    seen.fail_at = 20;
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &small_chunks, &error), -70);
    assert_true(seen.number == 20);
    assert_int_equal(error.code, -70);
    assert_int_equal(error.what[0], '\0');
    seen = all;
    seen.refuse_at = 30;
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &small_chunks, NULL), -99);
    assert_true(seen.number == 31);
    seen = all;
    seen.enough_at = 40;
    seen.fail_at = 41; /* which nobody wants to know */
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &small_chunks, NULL),
                     MAPPROC_OK);
    assert_true(seen.number == 41);
}

static void either_function_may_be_left_out(void **state)
{
    struct mapproc_chunk_job job = summing;
    struct seen seen = all;

    (void)state;
    job.commit = NULL;
    assert_int_equal(mapproc_process_chunks("input", &job, &seen, &small_chunks, NULL), MAPPROC_OK);
    assert_true(atomic_load(&seen.processed) == (SIZE + 9999) / 10000);
    job = summing;
    job.process = NULL;
    seen = all;
    assert_int_equal(mapproc_process_chunks("input", &job, &seen, &small_chunks, NULL), MAPPROC_OK);
    assert_true(seen.end == SIZE && seen.bad == 0 && seen.sum == 0);
}

static void holes_are_zeros_that_are_not_read(void **state)
{
    struct seen seen = all;
    int fd = open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(pwrite(fd, data, 100, 0), 100);
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    assert_int_equal(mapproc_process_chunks("sparse", &summing, &seen, NULL, NULL), MAPPROC_OK);
    assert_true(seen.end == (uint64_t)64 << 20);
    assert_true(seen.sum == sum_of(data, 100));
    assert_int_equal(seen.bad, 0);
    if (lseek(fd, 1 << 20, SEEK_DATA) < 0) /* the file system has holes */
        assert_true(seen.holes > (uint64_t)60 << 20);
    (void)close(fd);
    (void)unlink("sparse");
}

static void nonsense_is_refused(void **state)
{
    struct mapproc_chunk_job job = summing;
    struct mapproc_options options = {.io = (enum mapproc_io)9};
    struct mapproc_error error;
    struct seen seen = all;

    (void)state;
    job.chunker = "nosuch";
    assert_int_equal(mapproc_process_chunks("input", &job, &seen, NULL, &error), MAPPROC_REFUSED);
    assert_int_not_equal(error.what[0], '\0');
    job = summing;
    job.reserved[3] = 1;
    assert_int_equal(mapproc_process_chunks("input", &job, &seen, NULL, NULL), MAPPROC_REFUSED);
    job = summing;
    job.scratch_per_kib = SIZE_MAX / 2;
    assert_int_equal(mapproc_process_chunks("input", &job, &seen, NULL, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &options, NULL),
                     MAPPROC_REFUSED);
    options = (struct mapproc_options){.chunk_size = SIZE_MAX};
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &options, NULL),
                     MAPPROC_REFUSED);
    assert_int_equal(mapproc_process_chunks("missing", &summing, &seen, NULL, &error),
                     MAPPROC_BAD_DATA);
    assert_string_equal(error.path, "missing");
}

/* ---- watching ---- */

struct watched {
    unsigned calls;
    atomic_uint inside;
    uint64_t done, total;
    struct mapproc_cancel *cancel;
    atomic_bool cancelled;
};

static void watch(void *user, uint64_t done, uint64_t total)
{
    struct watched *watched = user;

    assert_int_equal(atomic_fetch_add(&watched->inside, 1), 0);
    assert_true(done >= watched->done);
    watched->calls++;
    watched->done = done;
    watched->total = total;
    if (watched->cancel != NULL)
        mapproc_cancel_request(watched->cancel);
    atomic_store(&watched->cancelled, true);
    atomic_fetch_sub(&watched->inside, 1);
}

static void a_job_can_be_watched(void **state)
{
    struct watched watched = {0};
    const struct mapproc_options options = {
        .threads = 2, .chunk_size = 10000, .watch = watch, .watch_user = &watched};
    struct seen seen = all;

    (void)state;
    assert_int_equal(mapproc_process_chunks("input", &summing, &seen, &options, NULL), MAPPROC_OK);
    assert_true(watched.calls >= 1);
    assert_true(watched.done == SIZE);
    assert_true(watched.total == SIZE);
}

/* Does not go on before the watcher has been there, and then, in 2442 chunks, leaves a minute for
 * his word to come round. */
static int wait_for_watcher(void *user, const struct mapproc_chunk_view *chunk)
{
    struct watched *watched = user;

    (void)chunk;
    while (!atomic_load(&watched->cancelled))
        (void)usleep(1000);
    (void)usleep(25000);
    return 0;
}

static void whoever_watches_can_end_it(void **state)
{
    const struct mapproc_chunk_job job = {.process = wait_for_watcher};
    struct watched watched = {.cancel = mapproc_cancel_create()};
    const struct mapproc_options options = {.threads = 1,
                                            .chunk_size = 1024,
                                            .cancel = watched.cancel,
                                            .watch = watch,
                                            .watch_user = &watched};

    (void)state;
    assert_non_null(watched.cancel);
    assert_int_equal(mapproc_process_chunks("input", &job, &watched, &options, NULL),
                     MAPPROC_CANCELLED);
    mapproc_cancel_free(watched.cancel);
}

/* ---- the set-up ---- */

static int prepare(void **state)
{
    (void)state;
    test_random_seed(&rng);
    data = malloc(SIZE);
    if (data == NULL || !scratch_directory_make(&scratch) || getcwd(before, sizeof(before)) == NULL)
        return -1;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = test_random_below(&rng, 40) == 0 ? '\n' : (uint8_t)test_random_next(&rng);
    return chdir(scratch.path) == 0 && scratch_write("input", data, SIZE) ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    (void)unlink("input");
    (void)!chdir(before);
    (void)rmdir(scratch.path);
    free(data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_digests_of_their_own),
        cmocka_unit_test(odd_pieces_are_refused),
        cmocka_unit_test(a_list_is_checked),
        cmocka_unit_test(names_that_lead_out_are_refused),
        cmocka_unit_test(a_manifest_tells_which_bytes_are_bad),
        cmocka_unit_test(every_chunk_is_seen_once_and_in_order),
        cmocka_unit_test(the_first_answer_in_order_ends_a_job),
        cmocka_unit_test(either_function_may_be_left_out),
        cmocka_unit_test(holes_are_zeros_that_are_not_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_job_can_be_watched),
        cmocka_unit_test(whoever_watches_can_end_it),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
