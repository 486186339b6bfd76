/* SPDX-License-Identifier: MIT */
/* cmd_verify.c - mapproc verify: checks files against lists, and names the bytes that are bad. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/job_progress.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/survey.h"
#include "cli/verbs.h"
#include "cli/verify_extra.h"
#include "cli/verify_output.h"
#include "jobs/digest_run.h"
#include "jobs/verify.h"
#include "progress/progress.h"

struct settings {
    struct cli_common common; /* first: see cli_parse_options() */
    struct cli_verify_output output;
    struct mapproc_verify_settings verify;
    const char *directory;
    const char *extra;
    bool strict;
    bool warn;
    bool ignore_missing;
};

/* A run of the verb, over all its lists. */
struct run {
    struct settings *settings;
    struct cli_verify_counts counts;
    struct cli_name_set *listed; /* with --extra */
    const char *list;            /* the one that is checked */
    uint64_t list_entries;       /* of it, so far */
    int status;
};

/* ---- options ---- */

static const char *apply_algorithm(void *settings, const char *value)
{
    static char wrong[sizeof(((struct mapproc_error *)NULL)->what)];
    const struct mapproc_digest *digests[MAPPROC_RUN_DIGESTS_MAX];
    struct settings *mine = settings;
    struct mapproc_error error;
    size_t count;

    if (mapproc_digests_select(value, digests, &count, &error) != MAPPROC_OK) {
        (void)snprintf(wrong, sizeof(wrong), "%s", error.what);
        return wrong;
    }
    if (count > 1)
        return "must be one algorithm";
    mine->verify.untagged = digests[0];
    return NULL;
}

static const char *apply_directory(void *settings, const char *value)
{
    ((struct settings *)settings)->directory = value;
    return NULL;
}

static const char *apply_quiet(void *settings, const char *value)
{
    struct settings *mine = settings;

    (void)value;
    mine->output.quiet = true;
    mine->common.verbose = false;
    return NULL;
}

static const char *apply_status(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->output.status_only = true;
    return NULL;
}

static const char *apply_strict(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->strict = true;
    return NULL;
}

static const char *apply_warn(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->warn = true;
    return NULL;
}

static const char *apply_ignore_missing(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->ignore_missing = true;
    return NULL;
}

static const char *apply_json(void *settings, const char *value)
{
    (void)value;
    return cli_json_apply(&((struct settings *)settings)->output.json);
}

static const char *apply_map(void *settings, const char *value)
{
    ((struct settings *)settings)->output.map_path = value;
    return NULL;
}

static const char *apply_extra(void *settings, const char *value)
{
    ((struct settings *)settings)->extra = value;
    return NULL;
}

static const char *apply_allow_outside(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->verify.allow_outside = true;
    return NULL;
}

static const char *apply_from_disk(void *settings, const char *value)
{
    (void)value;
    ((struct settings *)settings)->verify.from_disk = true;
    return NULL;
}

static const struct cli_option options[] = {
    {"algorithm", 'a', "NAME", "of digests without a tag, where their length leaves a doubt",
     apply_algorithm},
    {"directory", 'C', "DIR", "look for the files in DIR", apply_directory},
    {"quiet", 'q', NULL, "print nothing for files that are good", apply_quiet},
    {"status", '\0', NULL, "print nothing but errors: the exit status tells", apply_status},
    {"strict", '\0', NULL, "fail for lines that cannot be understood", apply_strict},
    {"warn", 'w', NULL, "warn about each line that cannot be understood", apply_warn},
    {"ignore-missing", '\0', NULL, "pass over files that are not there", apply_ignore_missing},
    {"json", '\0', NULL, "print one JSON object a file", apply_json},
    {"map", '\0', "FILE", "write a ddrescue mapfile; for lists of one file", apply_map},
    {"extra", '\0', "DIR", "also name the files in DIR, but for the lists, that no list has",
     apply_extra},
    {"allow-outside", '\0', NULL, "follow names that lead out of the directory",
     apply_allow_outside},
    {"from-disk", '\0', NULL, "drop files from the page cache first: read the medium",
     apply_from_disk},
    {NULL, '\0', NULL, NULL, NULL},
};

/* ---- the run ---- */

static void raise_status(struct run *run, int status)
{
    if (status > run->status)
        run->status = status;
}

/* What a verdict does to the exit status. */
static int status_of(const struct mapproc_verified *verified)
{
    if (verified->verdict == MAPPROC_VERDICT_GOOD)
        return CLI_OK;
    if (verified->error != NULL && verified->error->system_error == EISDIR)
        return CLI_BAD_DATA; /* a list cannot make the machine look broken */
    return verified->error != NULL ? cli_status_from_code(verified->error->code) : CLI_BAD_DATA;
}

static int report(void *user, const struct mapproc_verified *verified)
{
    struct run *run = user;

    run->list_entries++;
    if (run->listed != NULL && !cli_name_set_add(run->listed, verified->name)) {
        cli_output_fail(ENOMEM);
        return MAPPROC_FAILED;
    }
    if (verified->verdict == MAPPROC_VERDICT_MISSING && run->settings->ignore_missing)
        return MAPPROC_OK;
    raise_status(run, status_of(verified));
    if (verified->verdict != MAPPROC_VERDICT_GOOD && verified->error == NULL)
        mapproc_progress_add_errors(run->settings->common.job.progress, 1);
    cli_verify_count(&run->counts, verified);
    return cli_verify_output_add(&run->settings->output, verified);
}

static void bad_line(void *user, const struct mapproc_list_item *item)
{
    struct run *run = user;
    bool manifest = item->kind == MAPPROC_LIST_BAD_MANIFEST;
    char text[192];

    if (manifest) {
        /* Other tools would see nothing of it; what is still whole is checked all the same. */
        run->counts.bad_manifests++;
        raise_status(run, CLI_BAD_DATA);
    } else {
        run->counts.bad_lines++;
        if (run->settings->strict)
            raise_status(run, CLI_BAD_DATA);
    }
    if (run->settings->output.status_only || (!manifest && !run->settings->warn))
        return;
    (void)snprintf(text, sizeof(text), "line %llu: %s", (unsigned long long)item->line,
                   mapproc_list_fault_text(item->fault));
    cli_print_note(run->list, text);
}

static void note(void *user, const char *path, const char *text)
{
    (void)user;
    cli_print_note(path, text);
}

/* Checks one list. False if the run as a whole is over. */
static bool check_list(struct run *run, const char *list)
{
    const struct mapproc_verify_client client = {
        .user = run, .report = report, .bad_line = bad_line};
    struct mapproc_error error = {.code = MAPPROC_OK};
    uint64_t checked = run->counts.checked;
    int result;

    run->list = list;
    run->list_entries = 0;
    run->settings->verify.list = list;
    result =
        mapproc_verify_run(&run->settings->verify, &client, &run->settings->common.job, &error);
    cli_signals_die_if_cancelled();
    if (result != MAPPROC_OK) {
        raise_status(run, cli_status_from_code(result));
        if (error.what[0] == '\0') /* the output failed, and that is told at the end */
            return false;
        cli_print_error(&error);
        return error.path == list; /* one list less */
    }
    if (run->list_entries == 0) {
        cli_print_note(list, "no line of a checklist found");
        raise_status(run, CLI_BAD_DATA);
    } else if (run->counts.checked == checked && run->settings->ignore_missing) {
        cli_print_note(list, "no file was verified");
        raise_status(run, CLI_BAD_DATA);
    }
    return true;
}

/* The lists themselves are often kept beside the files; no list has them. */
static bool ignore_lists(const struct run *run, const char *const *lists, size_t count)
{
    struct stat status;

    for (size_t i = 0; i < count; i++)
        if (fstatat(run->settings->verify.list_at, lists[i], &status, 0) == 0 &&
            !cli_name_set_ignore(run->listed, &status))
            return false;
    return true;
}

static int check_lists(struct run *run, const char *const *lists, size_t count)
{
    struct settings *settings = run->settings;
    bool go_on = true;

    for (size_t i = 0; i < count && go_on; i++)
        go_on = check_list(run, lists[i]);
    if (go_on && settings->extra != NULL) {
        uint64_t extra;

        if (!ignore_lists(run, lists, count))
            cli_output_fail(ENOMEM);
        raise_status(run, cli_verify_find_extra(run->listed, settings->extra, &settings->output,
                                                settings->common.verbose, &extra));
        run->counts.extra = extra;
    }
    if (go_on)
        raise_status(run, cli_verify_output_end(&run->settings->output));
    if (!settings->output.status_only)
        cli_verify_print_warnings(&run->counts);
    if (settings->common.verbose)
        cli_verify_print_summary(&run->counts);
    return run->status;
}

/* Goes to the directory of the files; the lists are still found from where we were. */
static int change_directory(struct settings *settings)
{
    struct mapproc_error error = {.path = settings->directory, .what = "cannot go there"};

    settings->verify.list_at = AT_FDCWD;
    if (settings->directory == NULL)
        return CLI_OK;
    settings->verify.list_at = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (settings->verify.list_at >= 0 && chdir(settings->directory) == 0)
        return CLI_OK;
    error.system_error = errno;
    cli_print_error(&error);
    return errno == ENOENT || errno == ENOTDIR ? CLI_USAGE : CLI_FAILED;
}

static int run_verb(int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    struct settings settings = {0};
    struct run run = {.settings = &settings};
    const char *const *lists = standard_input;
    size_t count = 1;
    int operands;
    int status = cli_parse_options(&cli_verb_verify, argc, argv, &settings, &operands);

    if (status != CLI_OK)
        return status;
    if (settings.common.help) {
        cli_print_verb_help(&cli_verb_verify);
        return CLI_OK;
    }
    if (operands < argc) {
        lists = (const char *const *)argv + operands;
        count = (size_t)(argc - operands);
    }
    settings.common.job.cancel = mapproc_cancel_create();
    if (settings.extra != NULL)
        run.listed = cli_name_set_create();
    if (settings.common.job.cancel == NULL || (settings.extra != NULL && run.listed == NULL)) {
        (void)fprintf(stderr, "mapproc: cannot start (%s)\n", strerror(errno));
        return CLI_FAILED;
    }
    cli_signals_cancel(settings.common.job.cancel);
    if (settings.common.verbose || settings.verify.from_disk)
        settings.common.job.note = note;
    status = cli_verify_output_begin(&settings.output); /* its file is named from here */
    if (status == CLI_OK)
        status = change_directory(&settings);
    if (status == CLI_OK)
        status = cli_progress_begin(&cli_verb_verify, &settings.common, true);
    if (status == CLI_OK) {
        cli_survey_lists(settings.common.job.progress, settings.verify.list_at, lists, count);
        status = check_lists(&run, lists, count);
        cli_survey_stop();
    }
    cli_verify_output_close(&settings.output);
    cli_name_set_free(run.listed);
    return status;
}

const struct cli_verb cli_verb_verify = {
    .name = "verify",
    .operands = "[LIST]...",
    .summary = "Check files against lists of digests, and name the bytes that are bad.",
    .details =
        "Without LIST, or when LIST is -, read standard input. Lists are those of mapproc (with\n"
        "--manifest they tell which bytes of a file are bad), xxhsum, the GNU and BSD tools,\n"
        "openssl, rhash and hashdeep. A name that leads out of the directory we are in is "
        "refused.\n"
        "What is bad is read again past the page cache before the medium is accused.\n"
        "\n"
        "Exit status: 0 all good, 1 a file is bad or missing or a list has no entry, 2 wrong "
        "usage\n"
        "or a name was refused, 3 the machine failed (I/O error, no permission, no memory).\n",
    .options = options,
    .run = run_verb,
};
