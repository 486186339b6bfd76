/* SPDX-License-Identifier: MIT */
/* test_evp.c - digests of libcrypto when it refuses, fails, or is left in the middle.
 *
 * Linked with --wrap for the calls below, so that they can fail and be counted.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "digest/digest.h"
#include "input/fault_guard.h"
#include "mapproc.h"
#include "random.h"
#include "scratch_file.h"

enum { SIZE = 3 << 20 };

static struct test_random rng;
static struct scratch_directory scratch;
static char path[SCRATCH_PATH_MAX], cut_path[SCRATCH_PATH_MAX];
static uint8_t *data;

/* ---- libcrypto, a little worse ---- */

static atomic_int contexts;          /* made and not freed */
static atomic_int fetches;           /* since the test began */
static atomic_bool refuse_fetches;   /* as a libcrypto without the algorithm does */
static atomic_bool refuse_contexts;  /* as without memory */
static atomic_int updates_to_refuse; /* the last of so many is refused; 0: none */
static atomic_bool refuse_finals;
static atomic_bool cut_at_update; /* before the next update the file is cut */

EVP_MD *__real_EVP_MD_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_MD *__wrap_EVP_MD_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_MD *__wrap_EVP_MD_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties)
{
    (void)atomic_fetch_add(&fetches, 1);
    return __real_EVP_MD_fetch(library, atomic_load(&refuse_fetches) ? "no such digest" : name,
                               properties);
}

EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
    if (atomic_load(&refuse_contexts))
        return NULL;
    (void)atomic_fetch_add(&contexts, 1);
    return __real_EVP_MD_CTX_new();
}

void __real_EVP_MD_CTX_free(EVP_MD_CTX *context);
void __wrap_EVP_MD_CTX_free(EVP_MD_CTX *context);
void __wrap_EVP_MD_CTX_free(EVP_MD_CTX *context)
{
    assert_non_null(context);
    (void)atomic_fetch_sub(&contexts, 1);
    __real_EVP_MD_CTX_free(context);
}

int __real_EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t length);
int __wrap_EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t length);
int __wrap_EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t length)
{
    if (atomic_load(&updates_to_refuse) > 0 && atomic_fetch_sub(&updates_to_refuse, 1) == 1)
        return 0;
    if (atomic_exchange(&cut_at_update, false))
        assert_int_equal(truncate(cut_path, 0), 0);
    return __real_EVP_DigestUpdate(context, bytes, length);
}

int __real_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *size)
{
    return atomic_load(&refuse_finals) ? 0 : __real_EVP_DigestFinal_ex(context, digest, size);
}

/* ---- jobs ---- */

struct seen {
    int good;
    int bad;
    struct mapproc_error error; /* the last */
    uint8_t digest[MAPPROC_DIGEST_MAX];
    int answer; /* what the report returns */
};

static int take_report(void *user, const struct mapproc_checksum *checksum)
{
    struct seen *seen = user;

    if (checksum->error == NULL) {
        seen->good++;
        memcpy(seen->digest, checksum->digests[0].bytes, checksum->digests[0].size);
    } else {
        seen->bad++;
        seen->error = *checksum->error;
    }
    return seen->answer;
}

/* Digests the files, by small chunks of mappings, with two threads. */
static int run_job(const char *algorithm, const char *const *paths, size_t count, struct seen *seen,
                   struct mapproc_error *error)
{
    const struct mapproc_options options = {
        .threads = 2, .chunk_size = 64 << 10, .io = MAPPROC_IO_MMAP};

    return mapproc_checksum_files(paths, count, algorithm, &options, take_report, seen, error);
}

/* With `properties` in force for the default context. */
static void check_works(const char *algorithm, const EVP_MD *type, const char *properties)
{
    const char *const paths[] = {path};
    struct mapproc_error error;
    struct seen seen = {0};
    uint8_t expected[EVP_MAX_MD_SIZE];
    unsigned size;
    int result;

    assert_int_equal(EVP_Digest(data, SIZE, expected, &size, type, NULL), 1);
    assert_int_equal(EVP_set_default_properties(NULL, properties), 1);
    result = run_job(algorithm, paths, 1, &seen, &error);
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    assert_int_equal(result, MAPPROC_OK);
    assert_int_equal(seen.good, 1);
    assert_memory_equal(seen.digest, expected, size);
}

/* ---- tests ---- */

static void refused_algorithm_is_one_error(void **state)
{
    const char *const paths[] = {path, path, path};
    struct mapproc_error error;
    struct seen seen = {0};

    (void)state;
    /* What the thread's list of errors had before stays, and nothing comes to it. */
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 77);
    atomic_store(&refuse_fetches, true);
    assert_int_equal(run_job("md5", paths, 3, &seen, &error), MAPPROC_REFUSED);
    atomic_store(&refuse_fetches, false);
    assert_int_equal(error.code, MAPPROC_REFUSED);
    assert_null(error.path);
    assert_string_equal(error.what, "md5 is not available in this libcrypto: unsupported");
    assert_int_equal(seen.good + seen.bad, 0);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 77);
    assert_int_equal(ERR_get_error(), 0);
    /* It was not for ever. */
    check_works("md5", EVP_md5(), "");
}

static void algorithm_is_fetched_once(void **state)
{
    const char *paths[100];
    struct mapproc_error error;
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++)
        paths[i] = path;
    atomic_store(&fetches, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(run_job("sha1", paths, 100, &seen, &error), MAPPROC_OK);
    assert_int_equal(seen.good, 500);
    assert_int_equal(atomic_load(&fetches), 1);
}

/* What others set for the default context is not ours. */
static void properties_of_the_process_do_not_matter(void **state)
{
    (void)state;
    assert_null(__real_EVP_MD_fetch(NULL, "BLAKE2B-512", "fips=yes"));
    ERR_clear_error();
    atomic_store(&fetches, 0);
    check_works("blake2b", EVP_blake2b512(), "fips=yes");
    assert_int_equal(atomic_load(&fetches), 1); /* it was not there from before */
}

static void no_memory_for_a_context(void **state)
{
    const char *const paths[] = {path, path};
    struct mapproc_error error;
    struct seen seen = {0};

    (void)state;
    atomic_store(&refuse_contexts, true);
    assert_int_equal(run_job("sha256", paths, 2, &seen, &error), MAPPROC_OK);
    atomic_store(&refuse_contexts, false);
    assert_int_equal(seen.bad, 2);
    assert_int_equal(seen.error.code, MAPPROC_FAILED);
    assert_int_equal(seen.error.system_error, ENOMEM);
    assert_ptr_equal(seen.error.path, path);
    check_works("sha256", EVP_sha256(), "");
}

static void failed_work_gives_no_digest(void **state)
{
    const char *const paths[] = {path, path};
    struct mapproc_error error;

    (void)state;
    for (int which = 0; which < 2; which++) {
        struct seen seen = {0};

        if (which == 0)
            atomic_store(&updates_to_refuse, 7);
        else
            atomic_store(&refuse_finals, true);
        assert_int_equal(run_job("sha512", paths, 2, &seen, &error), MAPPROC_OK);
        atomic_store(&refuse_finals, false);
        assert_int_equal(seen.good, which == 0 ? 1 : 0);
        assert_int_equal(seen.bad, which == 0 ? 1 : 2);
        assert_int_equal(seen.error.code, MAPPROC_FAILED);
        assert_ptr_equal(seen.error.path, path);
        assert_non_null(strstr(seen.error.what, "sha512"));
    }
}

static void every_context_is_freed(void **state)
{
    const char *const paths[] = {path, "/no/such/file", cut_path, path, path};
    struct mapproc_error error;
    const struct mapproc_digest *digest;

    (void)state;
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        struct seen seen = {0};

        if (digest->release == NULL)
            continue;
        /* The cut is met in the middle of an update, which is abandoned. */
        assert_true(scratch_write(cut_path, data, SIZE));
        atomic_store(&cut_at_update, true);
        assert_int_equal(run_job(digest->name, paths + 2, 1, &seen, &error), MAPPROC_OK);
        assert_int_equal(seen.bad, 1);
        assert_int_equal(seen.error.code, MAPPROC_BAD_DATA);
        assert_int_equal(run_job(digest->name, paths, 5, &seen, &error), MAPPROC_OK);
        assert_int_equal(seen.good, 4); /* the cut file is an empty one by now */
        assert_int_equal(seen.bad, 2);
        /* The first report ends the job; what is under way is discarded. */
        seen.answer = MAPPROC_CANCELLED;
        assert_int_equal(run_job(digest->name, paths, 5, &seen, &error), MAPPROC_CANCELLED);
        assert_int_equal(atomic_load(&contexts), 0);
    }
}

struct update_call {
    const struct mapproc_digest *digest;
    void *state;
    const uint8_t *bytes;
    size_t length;
};

static void call_update(void *argument)
{
    const struct update_call *call = argument;

    call->digest->update(call->state, call->bytes, call->length);
}

/* Whatever the byte at which an update is abandoned, the state can be released. */
static void abandoned_state_is_released(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const struct mapproc_digest *digest;
    uint8_t *mapping;
    size_t fault;
    int fd;

    (void)state;
    assert_true(scratch_write(cut_path, data, page));
    fd = open(cut_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    mapping = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(mapping, MAP_FAILED);
    assert_int_equal(mapproc_fault_guard_install(NULL), MAPPROC_OK);
    for (size_t i = 0; (digest = mapproc_digest_at(i)) != NULL; i++) {
        if (digest->release == NULL)
            continue;
        for (size_t before = 0; before <= 300; before++) {
            _Alignas(MAPPROC_DIGEST_ALIGNMENT) uint8_t memory[64];
            struct update_call call = {digest, memory, mapping + page - before, before + 1};

            assert_in_range(digest->state_size, 1, sizeof(memory));
            assert_true(digest->init(digest, memory));
            assert_false(mapproc_fault_guard_run(mapping, 2 * page, call_update, &call, &fault));
            assert_int_equal(fault, page);
            digest->release(memory);
        }
    }
    assert_int_equal(atomic_load(&contexts), 0);
    assert_int_equal(munmap(mapping, 2 * page), 0);
    assert_int_equal(close(fd), 0);
}

static int set_up(void **state)
{
    (void)state;
    test_random_seed(&rng);
    data = malloc(SIZE);
    if (data == NULL || !scratch_directory_make(&scratch))
        return -1;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)test_random_next(&rng);
    (void)scratch_path(&scratch, "cut", cut_path);
    return scratch_write(scratch_path(&scratch, "good", path), data, SIZE) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(data);
    (void)unlink(path);
    (void)unlink(cut_path);
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_algorithm_is_one_error),
        cmocka_unit_test(algorithm_is_fetched_once),
        cmocka_unit_test(properties_of_the_process_do_not_matter),
        cmocka_unit_test(no_memory_for_a_context),
        cmocka_unit_test(failed_work_gives_no_digest),
        cmocka_unit_test(every_context_is_freed),
        cmocka_unit_test(abandoned_state_is_released),
    };

    return cmocka_run_group_tests_name("evp", tests, set_up, tear_down);
}
