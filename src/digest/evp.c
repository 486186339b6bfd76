/* SPDX-License-Identifier: MIT */
/* evp.c - the digests that libcrypto computes, through its EVP interface.
 *
 * The algorithms come from a library context of our own, with libcrypto's built-in provider. What
 * the host program or openssl.cnf chose for the default context (other providers, properties such
 * as fips=yes) is about secrets and signatures, not about damaged files, and does not decide
 * whether an md5 can be checked; neither does it for md5sum.
 *
 * No option of the whole process is set, such as OPENSSL_INIT_NO_ATEXIT: the OPENSSL_cleanup() that
 * libcrypto runs at exit leaves our context alone, so a job that still runs then keeps what it
 * uses.
 */
#include "digest/evp.h"

#include <errno.h>
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"

struct evp_digest {
    struct mapproc_digest digest; /* first: the operations get a pointer to it */
    const char *fetch_name;       /* what libcrypto calls it */
    EVP_MD **fetched;             /* set by prepare, once, under the lock */
};

struct state {
    EVP_MD_CTX *context;
    bool failed; /* libcrypto refused an update */
};

/* These live as long as the process. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static OSSL_LIB_CTX *library;

static int fetch(const struct evp_digest *row, struct mapproc_error *error)
{
    const char *reason;
    int result = MAPPROC_OK;

    (void)ERR_set_mark(); /* the thread's list of errors may be the caller's */
    *row->fetched = EVP_MD_fetch(library, row->fetch_name, NULL);
    if (*row->fetched == NULL) {
        reason = ERR_reason_error_string(ERR_peek_last_error());
        result = mapproc_error_set(error, MAPPROC_REFUSED, 0, NULL,
                                   "%s is not available in this libcrypto: %s", row->digest.name,
                                   reason != NULL ? reason : "no reason given");
    }
    (void)ERR_pop_to_mark();
    return result;
}

static int evp_prepare(const struct mapproc_digest *digest, struct mapproc_error *error)
{
    const struct evp_digest *row = (const struct evp_digest *)digest;
    int result = MAPPROC_OK;

    (void)pthread_mutex_lock(&library_lock);
    if (library == NULL && (library = OSSL_LIB_CTX_new()) == NULL)
        result = mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, NULL, "cannot start libcrypto");
    else if (*row->fetched == NULL)
        result = fetch(row, error);
    (void)pthread_mutex_unlock(&library_lock);
    return result;
}

static bool evp_init(const struct mapproc_digest *digest, void *memory)
{
    const struct evp_digest *row = (const struct evp_digest *)digest;
    struct state *state = memory;

    state->failed = false;
    state->context = EVP_MD_CTX_new();
    if (state->context == NULL)
        return false;
    if (EVP_DigestInit_ex(state->context, *row->fetched, NULL) == 1)
        return true;
    EVP_MD_CTX_free(state->context);
    return false;
}

/* Runs in the guard: for libcrypto's own digests it is arithmetic on the context's memory alone. */
static void evp_update(void *memory, const void *data, size_t length)
{
    struct state *state = memory;

    if (EVP_DigestUpdate(state->context, data, length) != 1)
        state->failed = true;
}

static bool evp_finish(void *memory, uint8_t *digest)
{
    struct state *state = memory;

    return !state->failed && EVP_DigestFinal_ex(state->context, digest, NULL) == 1;
}

static void evp_release(void *memory)
{
    struct state *state = memory;

    EVP_MD_CTX_free(state->context);
}

static const char *evp_kernel(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

#define ROW(name_, tag_, bytes, always_tagged_, fetch_name_)                                       \
    {                                                                                              \
        .digest =                                                                                  \
            {                                                                                      \
                .name = (name_),                                                                   \
                .tag = (tag_),                                                                     \
                .size = (bytes),                                                                   \
                .kernel = evp_kernel,                                                              \
                .always_tagged = (always_tagged_),                                                 \
                .prepare = evp_prepare,                                                            \
                .state_size = sizeof(struct state),                                                \
                .init = evp_init,                                                                  \
                .update = evp_update,                                                              \
                .finish = evp_finish,                                                              \
                .release = evp_release,                                                            \
            },                                                                                     \
        .fetch_name = (fetch_name_), .fetched = &(EVP_MD *){NULL},                                 \
    }

static const struct evp_digest rows[] = {
    ROW("md5", "MD5", 16, false, "MD5"),
    ROW("sha1", "SHA1", 20, false, "SHA1"),
    ROW("sha256", "SHA256", 32, false, "SHA2-256"),
    ROW("sha512", "SHA512", 64, false, "SHA2-512"),
    ROW("sha3-256", "SHA3-256", 32, true, "SHA3-256"), /* bare it would read as SHA256 */
    ROW("blake2b", "BLAKE2b", 64, false, "BLAKE2B-512"),
};

const struct mapproc_digest *mapproc_evp_digest_at(size_t index)
{
    return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index].digest : NULL;
}
