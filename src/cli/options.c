/* SPDX-License-Identifier: MIT */
/* options.c - the command line: one table an option list, from which it is read and explained. */
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/size_text.h"
#include "cli/malloc_stats.h"
#include "cli/message.h"

enum {
    OPTIONS_MAX = 40,  /* of one verb */
    LONG_VALUE = 1000, /* getopt_long() answers this plus the index of the option */
    NUMBER_MAX = 8,    /* digits of an option that is a number */
    LEFT_MAX = 64,     /* bytes of the name of an option as the help prints it */
    HELP_COLUMN = 27,  /* where explanations start */
    HELP_WIDTH = 100,  /* columns of a line of help */
};

static const char *apply_help(void *settings, const char *value)
{
    struct cli_common *common = settings;

    (void)value;
    common->help = true;
    return NULL;
}

static const char *apply_quiet(void *settings, const char *value)
{
    struct cli_common *common = settings;

    (void)value;
    common->verbose = false;
    return NULL;
}

static const char *apply_verbose(void *settings, const char *value)
{
    struct cli_common *common = settings;

    (void)value;
    common->verbose = true;
    return NULL;
}

static const char *apply_threads(void *settings, const char *value)
{
    struct cli_common *common = settings;
    uint64_t threads;

    if (!mapproc_number_parse(value, 1, 4096, &threads))
        return "must be a number from 1 to 4096";
    common->job.threads = (unsigned)threads;
    return NULL;
}

static const char *apply_chunk_size(void *settings, const char *value)
{
    struct cli_common *common = settings;
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size < 1024 || size > 1 << 30)
        return "must be a size from 1K to 1G";
    common->job.chunk_size = (size_t)size;
    return NULL;
}

static const char *apply_cpus(void *settings, const char *value)
{
    struct cli_common *common = settings;

    common->job.cpus = value;
    return NULL;
}

static const char *apply_memory(void *settings, const char *value)
{
    struct cli_common *common = settings;
    uint64_t size;

    if (!mapproc_size_parse(value, &size) || size == 0)
        return "must be a size";
    common->job.memory = size;
    return NULL;
}

static const char *apply_malloc_stats(void *settings, const char *value)
{
    (void)settings;
    (void)value;
    cli_malloc_stats_request();
    return NULL;
}

/* The index of a word among `count` of them, or -1. */
static int find_word(const char *const words[], size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return (int)i;
    return -1;
}

static const char *apply_numa(void *settings, const char *value)
{
    static const char *const names[] = {
        [MAPPROC_NUMA_AUTO] = "auto",
        [MAPPROC_NUMA_BIND] = "bind",
        [MAPPROC_NUMA_INTERLEAVE] = "interleave",
        [MAPPROC_NUMA_OFF] = "off",
    };
    struct cli_common *common = settings;
    int policy = find_word(names, sizeof(names) / sizeof(names[0]), value);

    if (policy < 0)
        return "must be auto, bind, interleave or off";
    common->job.numa = (enum mapproc_numa)policy;
    return NULL;
}

static const char *apply_io(void *settings, const char *value)
{
    static const char *const names[] = {
        [MAPPROC_IO_AUTO] = "auto",
        [MAPPROC_IO_MMAP] = "mmap",
        [MAPPROC_IO_READ] = "read",
    };
    struct cli_common *common = settings;
    int io = find_word(names, sizeof(names) / sizeof(names[0]), value);

    if (io < 0)
        return "must be auto, mmap or read";
    common->job.io = (enum mapproc_io)io;
    return NULL;
}

bool cli_rate_parse(const char *text, uint64_t *rate)
{
    size_t length = strlen(text);
    char number[32];

    if (length > 2 && strcmp(text + length - 2, "/s") == 0)
        length -= 2;
    if (length >= sizeof(number))
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    return mapproc_size_parse(number, rate) && *rate >= MAPPROC_LIMIT_RATE_MIN &&
           *rate <= MAPPROC_LIMIT_RATE_MAX;
}

static const char *apply_limit_rate(void *settings, const char *value)
{
    struct cli_common *common = settings;

    return cli_rate_parse(value, &common->limit_rate) ? NULL : "must be a size of at least 1K";
}

static const char *apply_progress(void *settings, const char *value)
{
    static const char *const names[] = {
        [CLI_BAR_AUTO] = "auto",
        [CLI_BAR_ALWAYS] = "always",
        [CLI_BAR_NEVER] = "never",
    };
    struct cli_common *common = settings;
    int when = find_word(names, sizeof(names) / sizeof(names[0]), value);

    if (when < 0)
        return "must be auto, always or never";
    common->bar = (enum cli_bar_when)when;
    return NULL;
}

static const char *apply_job_name(void *settings, const char *value)
{
    struct cli_common *common = settings;

    if (value[0] == '\0' || value[strspn(value, "0123456789")] == '\0')
        return "must not be a number, or empty";
    if (strlen(value) >= sizeof(((struct mapproc_progress_header *)NULL)->name))
        return "must have less than 72 bytes";
    common->job_name = value;
    return NULL;
}

static const char *apply_no_publish(void *settings, const char *value)
{
    struct cli_common *common = settings;

    (void)value;
    common->no_publish = true;
    return NULL;
}

const struct cli_option cli_common_options[] = {
    {"threads", 'j', "N", "worker threads (default: one per usable CPU)", apply_threads},
    {"cpus", '\0', "LIST", "use these CPUs only, such as 0-3,8", apply_cpus},
    {"numa", '\0', "POLICY", "auto, bind, interleave or off (default auto)", apply_numa},
    {"memory", '\0', "SIZE", "bytes to hold at most (default 240M or less)", apply_memory},
    {"chunk-size", '\0', "SIZE", "bytes per unit of work, 1K to 1G (default 1M or less)",
     apply_chunk_size},
    {"io", '\0', "HOW", "auto, mmap or read (default auto)", apply_io},
    {"limit-rate", '\0', "SIZE", "do not read more bytes than SIZE per second", apply_limit_rate},
    {"progress", '\0', "WHEN", "a bar on standard error: auto, always or never (default auto)",
     apply_progress},
    {"job-name", '\0', "NAME", "what the job is called by watch and ctl", apply_job_name},
    {"no-publish", '\0', NULL, "do not let watch and ctl see the job", apply_no_publish},
    {"quiet", 'q', NULL, "print nothing but results and errors (the default): undoes -v",
     apply_quiet},
    {"verbose", 'v', NULL, "also print notes and a summary to standard error", apply_verbose},
    {"malloc-stats", '\0', NULL, "at the end print the allocator's statistics to standard error",
     apply_malloc_stats},
    {"help", 'h', NULL, "print this help", apply_help},
    {NULL, '\0', NULL, NULL, NULL},
};

/* All options of a verb, its own first, in the form that getopt_long() takes. */
struct parser {
    const struct cli_option *options[OPTIONS_MAX];
    int count;
    struct option longs[OPTIONS_MAX + 1];
    int long_count;
    char shorts[2 * OPTIONS_MAX + 2 + 10];

    /* The digits of a number so far, which getopt_long() delivers one by one. */
    char number[NUMBER_MAX + 1];
    int number_index; /* of the argument that they are in */
};

static const char digits[] = "0123456789";

static void add_options(struct parser *parser, const struct cli_option *options)
{
    for (; options->name != NULL && parser->count < OPTIONS_MAX; options++) {
        if (options->letter != CLI_NUMBER)
            parser->longs[parser->long_count++] = (struct option){
                .name = options->name,
                .has_arg = options->argument != NULL ? required_argument : no_argument,
                .val = LONG_VALUE + parser->count,
            };
        if (options->letter == CLI_NUMBER) {
            (void)strcat(parser->shorts, digits);
        } else if (options->letter != '\0') {
            size_t length = strlen(parser->shorts);

            parser->shorts[length] = options->letter;
            if (options->argument != NULL)
                parser->shorts[length + 1] = ':';
        }
        parser->options[parser->count++] = options;
    }
}

static const struct cli_option *find_option(const struct parser *parser, int value)
{
    for (int i = 0; i < parser->count; i++)
        if (value == LONG_VALUE + i || (value != '\0' && value == parser->options[i]->letter))
            return parser->options[i];
    if (value > '\0' && value < LONG_VALUE && strchr(digits, value) != NULL)
        return find_option(parser, CLI_NUMBER);
    return NULL;
}

/* What getopt_long() did not like: a letter in a group, or the whole argument. */
static int print_parse_error(const struct cli_verb *verb, const struct parser *parser, int answer,
                             const char *argument)
{
    const struct cli_option *option = find_option(parser, optopt);
    char text[128];

    if (optopt != 0 && optopt < LONG_VALUE) /* a letter; negative if it is not ASCII */
        (void)snprintf(text, sizeof(text), "-%c", (unsigned char)optopt);
    else
        (void)snprintf(text, sizeof(text), "%s", argument);
    if (answer == ':')
        return cli_print_usage_error(verb->name, text, "needs an argument");
    if (option != NULL)
        return cli_print_usage_error(verb->name, text, "takes no argument");
    return cli_print_usage_error(verb->name, text,
                                 optopt != 0 ? "unknown option" : "unknown or ambiguous option");
}

/* Adds a digit to the number, which goes on if it is in the same argument: -12 is one, -1 -2 are
 * two. Returns the number, with as many digits as there is room for. */
static const char *add_digit(struct parser *parser, int digit, int index)
{
    size_t length = parser->number_index == index ? strlen(parser->number) : 0;

    if (length < NUMBER_MAX)
        parser->number[length++] = (char)digit;
    parser->number[length] = '\0';
    parser->number_index = index;
    return parser->number;
}

/* Applies an option. NULL, or what is wrong. */
static const char *apply(struct parser *parser, const struct cli_option *option, int answer,
                         int index, void *settings)
{
    if (option->letter == CLI_NUMBER)
        return option->apply(settings, add_digit(parser, answer, index));
    parser->number_index = 0;
    return option->apply(settings, optarg);
}

static int print_wrong_value(const struct cli_verb *verb, const struct parser *parser,
                             const struct cli_option *option, const char *wrong)
{
    char text[256];

    if (option->letter == CLI_NUMBER)
        (void)snprintf(text, sizeof(text), "-%s", parser->number);
    else
        (void)snprintf(text, sizeof(text), "--%s%s%s", option->name, optarg != NULL ? "=" : "",
                       optarg != NULL ? optarg : "");
    return cli_print_usage_error(verb->name, text, wrong);
}

int cli_parse_options(const struct cli_verb *verb, int argc, char **argv, void *settings,
                      int *operands)
{
    struct parser parser = {.shorts = ":"}; /* ':' makes a missing argument answer ':' */

    add_options(&parser, verb->options);
    add_options(&parser, cli_common_options);
    opterr = 0;
    optind = 1;
    for (;;) {
        int index = optind; /* of the argument, or of one before it that is none */
        int answer = getopt_long(argc, argv, parser.shorts, parser.longs, NULL);
        const struct cli_option *option = find_option(&parser, answer);
        const char *wrong;

        if (answer == -1)
            break;
        if (option == NULL)
            return print_parse_error(verb, &parser, answer, argv[optind - 1]);
        wrong = apply(&parser, option, answer, index, settings);
        if (wrong != NULL)
            return print_wrong_value(verb, &parser, option, wrong);
    }
    *operands = optind;
    return CLI_OK;
}

/* Prints a text that starts in HELP_COLUMN, broken between words into lines of HELP_WIDTH. */
static void print_explanation(const char *text)
{
    size_t room = HELP_WIDTH - HELP_COLUMN;

    while (strlen(text) > room) {
        size_t length = room;

        while (length > 0 && text[length] != ' ')
            length--;
        if (length == 0) /* one long word */
            break;
        (void)printf("%.*s\n%*s", (int)length, text, HELP_COLUMN, "");
        text += length + 1;
    }
    (void)printf("%s\n", text);
}

static bool has_option(const struct cli_option *options, const char *name)
{
    for (; options->name != NULL; options++)
        if (strcmp(options->name, name) == 0)
            return true;
    return false;
}

/* What an option is called, in the `left` column. */
static void write_name(const struct cli_option *option, char left[LEFT_MAX])
{
    (void)snprintf(left, LEFT_MAX, "    ");
    if (option->letter != '\0' && option->letter != CLI_NUMBER)
        (void)snprintf(left, LEFT_MAX, "-%c, ", option->letter);
    (void)snprintf(left + 4, LEFT_MAX - 4, "%s%s%s%s", option->letter == CLI_NUMBER ? "" : "--",
                   option->name, option->argument != NULL ? "=" : "",
                   option->argument != NULL ? option->argument : "");
}

/* Explains options, but for those that a verb has `instead`. */
static void print_options(const struct cli_option *options, const struct cli_option *instead)
{
    for (; options->name != NULL; options++) {
        char left[LEFT_MAX];

        if (instead != NULL && has_option(instead, options->name))
            continue;
        write_name(options, left);
        (void)printf("  %-*s ", HELP_COLUMN - 3, left);
        print_explanation(options->help);
    }
}

void cli_print_verb_help(const struct cli_verb *verb)
{
    (void)printf("Usage: mapproc %s [OPTION]... %s\n%s\n\n%s\nOptions:\n", verb->name,
                 verb->operands, verb->summary, verb->details);
    print_options(verb->options, NULL);
    print_options(cli_common_options, verb->options);
}
