/* SPDX-License-Identifier: MIT */
/* verify.c - checking files against lists, down to the bytes that are not what they were.
 *
 * The list is read as far as the pipeline wants orders. One run of the pipeline takes entries of
 * one kind: whether digests have to see the bytes in order decides how it spreads its work. Where
 * the kind changes the run is let come to its end and another one started. After some changes all
 * runs are of the kind that can do both.
 *
 * 32 digits without a tag can be an XXH128 or an MD5. The likelier algorithm is tried first, on a
 * file alone; if that fails, the other; and what was right once is taken for the rest of the list.
 * Where several files have left the doubt, both are computed in one reading until one is right: a
 * run for each file would be slow if none of them is there.
 */
#include "jobs/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "jobs/digest_run.h"
#include "jobs/verify_entry.h"
#include "pipeline/cancel.h"

enum {
    CHANGES_MAX = 8, /* of kind, after which it does not change any more */
    ALONE_MAX = 8,   /* runs for one entry */
};

struct verify {
    const struct mapproc_verify_settings *settings;
    const struct mapproc_verify_client *client;
    const struct mapproc_options *options;

    /* Calls of the client come from whoever reads a list and from whoever reports. */
    pthread_mutex_t lock;

    /* The planner's. */
    int list_fd;
    struct mapproc_list_reader reader;
    const struct mapproc_digest *untagged; /* once it is known */
    struct mapproc_verify_entry *waiting;  /* for a run of its kind, or for another try */
    struct mapproc_verify_entry *ahead;    /* the one after it, if that has been read */
    bool serial;                           /* the kind of this run */
    unsigned changes;
    bool alone; /* this run is for one entry */
    bool taken; /* and has it */
    unsigned alone_runs;

    /* The report's. */
    struct mapproc_verify_entry *again;   /* failed by one algorithm, to be tried by another */
    const struct mapproc_digest *settled; /* what was right where there was a doubt; locked */
};

/* ---- reading the list ---- */

static int open_list(struct verify *verify, struct mapproc_error *error)
{
    const char *path = verify->settings->list;
    const struct mapproc_cancel *cancel = verify->options != NULL ? verify->options->cancel : NULL;
    int result;

    verify->list_fd = STDIN_FILENO;
    if (strcmp(path, "-") != 0)
        verify->list_fd =
            openat(verify->settings->list_at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (verify->list_fd < 0)
        return mapproc_error_set(error, mapproc_error_code_from_errno(errno), errno, path,
                                 "cannot open");
    result = mapproc_list_reader_open(&verify->reader, verify->list_fd,
                                      cancel != NULL ? mapproc_cancel_fd(cancel) : -1, path, error);
    if (result != MAPPROC_OK && verify->list_fd != STDIN_FILENO)
        (void)close(verify->list_fd);
    return result;
}

static void close_list(struct verify *verify)
{
    mapproc_list_reader_close(&verify->reader);
    if (verify->list_fd != STDIN_FILENO)
        (void)close(verify->list_fd);
}

static void tell_bad_line(struct verify *verify, const struct mapproc_list_item *item)
{
    (void)pthread_mutex_lock(&verify->lock);
    verify->client->bad_line(verify->client->user, item);
    (void)pthread_mutex_unlock(&verify->lock);
}

static struct mapproc_verify_entry *
make_entry(struct verify *verify, const struct mapproc_list_item *item, struct mapproc_error *error)
{
    struct mapproc_verify_entry *entry;

    (void)pthread_mutex_lock(&verify->lock);
    if (verify->settled != NULL)
        verify->untagged = verify->settled;
    (void)pthread_mutex_unlock(&verify->lock);
    entry = mapproc_verify_entry_make(item, verify->untagged);
    if (entry != NULL && verify->alone_runs >= ALONE_MAX)
        mapproc_verify_entry_take_others(entry);
    if (entry == NULL)
        (void)mapproc_error_set(error, MAPPROC_FAILED, ENOMEM, verify->settings->list,
                                "cannot keep an entry");
    return entry;
}

/*
 * Makes verify->waiting the next entry of the list: a line or, of a manifest, all lines about one
 * file. The first line beyond them is kept in verify->ahead. 1, 0 at the end of the list, or
 * a negative code.
 */
static int read_entry(struct verify *verify, struct mapproc_error *error)
{
    struct mapproc_list_item item;
    int result;

    verify->waiting = verify->ahead;
    verify->ahead = NULL;
    while (verify->waiting == NULL || verify->waiting->in_manifest) {
        result = mapproc_list_reader_next(&verify->reader, &item, error);
        if (result < 0)
            return result;
        if (result == 0)
            return verify->waiting != NULL;
        if (item.kind != MAPPROC_LIST_ENTRY) {
            tell_bad_line(verify, &item);
        } else if (verify->waiting == NULL) {
            verify->waiting = make_entry(verify, &item, error);
            if (verify->waiting == NULL)
                return MAPPROC_FAILED;
        } else if (!mapproc_verify_entry_join(verify->waiting, &item)) {
            verify->ahead = make_entry(verify, &item, error);
            return verify->ahead != NULL ? 1 : MAPPROC_FAILED;
        }
    }
    return 1;
}

/* ---- the orders of one run ---- */

static bool is_serial(const struct mapproc_verify_entry *entry)
{
    return mapproc_digests_any_serial(entry->digests, entry->digest_count);
}

/* Whether the waiting entry belongs into this run. */
static bool fits(const struct verify *verify)
{
    const struct mapproc_verify_entry *entry = verify->waiting;

    if (entry->refusal.code != MAPPROC_OK)
        return true;
    if (verify->alone || entry->other_count > 0)
        return verify->alone && !verify->taken;
    return verify->serial == is_serial(entry) || (verify->serial && verify->changes >= CHANGES_MAX);
}

static int next_order(void *user, struct mapproc_digest_order *order, struct mapproc_error *error)
{
    struct verify *verify = user;
    struct mapproc_verify_entry *entry;
    int result = 1;

    if (verify->alone && verify->taken)
        return 0;
    if (verify->waiting == NULL)
        result = read_entry(verify, error);
    if (result <= 0 || !fits(verify))
        return result < 0 ? result : 0;
    entry = verify->waiting;
    verify->waiting = NULL;
    verify->taken = true;
    *order = (struct mapproc_digest_order){
        .path = entry->name,
        .digests = entry->digests,
        .digest_count = entry->digest_count,
        .piece_size = mapproc_verify_entry_piece_size(entry),
        .user = entry,
        .reach = verify->settings->allow_outside ? MAPPROC_REACH_REGULAR : MAPPROC_REACH_CONFINED,
        .failure = &entry->refusal,
    };
    return 1;
}

static void drop(void *user, const struct mapproc_digest_order *order)
{
    (void)user;
    mapproc_verify_entry_free(order->user);
}

static enum mapproc_verdict judge_error(const struct mapproc_error *error)
{
    if (error->code == MAPPROC_REFUSED)
        return MAPPROC_VERDICT_REFUSED;
    if (error->code == MAPPROC_BAD_DATA &&
        (error->system_error == ENOENT || error->system_error == ENOTDIR))
        return MAPPROC_VERDICT_MISSING;
    return MAPPROC_VERDICT_FAILED;
}

static int deliver(struct verify *verify, const struct mapproc_verified *verified)
{
    int answer;

    (void)pthread_mutex_lock(&verify->lock);
    answer = verify->client->report(verify->client->user, verified);
    (void)pthread_mutex_unlock(&verify->lock);
    return answer;
}

/* Whether another algorithm is to be tried; then the entry is kept for it. */
static bool try_another(struct verify *verify, struct mapproc_verify_entry *entry)
{
    if (entry->other_count == 0)
        return false;
    entry->digests[0] = entry->others[--entry->other_count];
    entry->either = true; /* it is what is left of several */
    verify->again = entry;
    return true;
}

static void settle(struct verify *verify, const struct mapproc_digest *digest)
{
    (void)pthread_mutex_lock(&verify->lock);
    verify->settled = digest;
    (void)pthread_mutex_unlock(&verify->lock);
}

static int report(void *user, const struct mapproc_digest_result *result)
{
    struct verify *verify = user;
    struct mapproc_verify_entry *entry = result->order->user;
    struct mapproc_verified verified = {
        .line = entry->line,
        .name = entry->name,
        .error = result->error,
        .size = result->size,
        .has_listed_size = entry->has_size,
        .listed_size = entry->size,
    };
    struct mapproc_range_list bad;
    int answer;

    mapproc_range_list_init(&bad, MAPPROC_VERIFY_RANGES_KEPT);
    if (result->error != NULL) {
        verified.verdict = judge_error(result->error);
    } else if (mapproc_verify_entry_matches(entry, result, &verified.digest)) {
        verified.verdict = MAPPROC_VERDICT_GOOD;
        if (verify->alone || entry->either)
            settle(verify, verified.digest);
    } else if (try_another(verify, entry)) {
        return MAPPROC_OK;
    } else {
        verified.verdict = MAPPROC_VERDICT_BAD;
        mapproc_verify_entry_examine(entry, result, &bad, &verified);
    }
    answer = deliver(verify, &verified);
    mapproc_range_list_free(&bad);
    mapproc_verify_entry_free(entry);
    return answer;
}

/* ---- the runs ---- */

/* Chooses the kind of the next run by the entry that waits for it. */
static void choose_kind(struct verify *verify)
{
    const struct mapproc_verify_entry *entry = verify->waiting;
    bool serial = entry->refusal.code == MAPPROC_OK && is_serial(entry);

    if (serial != verify->serial && verify->changes < CHANGES_MAX)
        verify->changes++;
    verify->serial = serial || verify->changes >= CHANGES_MAX;
    verify->taken = false;
}

/* Runs the waiting entry and those behind it that fit. */
static int run_once(struct verify *verify, struct mapproc_error *error)
{
    const struct mapproc_digest_client client = {
        .user = verify, .next = next_order, .report = report, .drop = drop};
    struct mapproc_digest_settings settings = {.from_disk = verify->settings->from_disk};
    int result;

    verify->alone = verify->waiting->other_count > 0 || verify->again != NULL;
    verify->again = NULL;
    verify->alone_runs += verify->alone;
    choose_kind(verify);
    settings.serial = verify->serial;
    result = mapproc_digest_run(&client, &settings, verify->options, error);
    verify->waiting = verify->again != NULL ? verify->again : verify->waiting;
    return result;
}

int mapproc_verify_run(const struct mapproc_verify_settings *settings,
                       const struct mapproc_verify_client *client,
                       const struct mapproc_options *options, struct mapproc_error *error)
{
    struct verify verify = {
        .settings = settings,
        .client = client,
        .options = options,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .untagged = settings->untagged,
    };
    int result = open_list(&verify, error);

    if (result != MAPPROC_OK)
        return result;
    while (result == MAPPROC_OK) {
        if (verify.waiting == NULL)
            result = read_entry(&verify, error);
        if (verify.waiting == NULL || result < 0)
            break;
        result = run_once(&verify, error);
    }
    mapproc_verify_entry_free(verify.waiting);
    mapproc_verify_entry_free(verify.ahead);
    close_list(&verify);
    (void)pthread_mutex_destroy(&verify.lock);
    return result < 0 ? result : MAPPROC_OK;
}
