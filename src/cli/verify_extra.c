/* SPDX-License-Identifier: MIT */
/* verify_extra.c - files that a directory has and no list names. */
#include "cli/verify_extra.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/inputs.h"
#include "cli/message.h"

struct cli_name_set {
    void *root;           /* of tsearch(3) */
    struct stat *ignored; /* device and inode of each count */
    size_t ignored_count;
};

struct cli_name_set *cli_name_set_create(void)
{
    return calloc(1, sizeof(struct cli_name_set));
}

void cli_name_set_free(struct cli_name_set *set)
{
    if (set == NULL)
        return;
    tdestroy(set->root, free);
    free(set->ignored);
    free(set);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* What the name is without "./" before it. */
static const char *normalize(const char *name)
{
    while (name[0] == '.' && name[1] == '/')
        name += 1 + strspn(name + 1, "/");
    return name;
}

bool cli_name_set_add(struct cli_name_set *set, const char *name)
{
    char *copy = strdup(normalize(name));
    char *const *found = copy != NULL ? tsearch(copy, &set->root, compare) : NULL;

    if (found == NULL || *found != copy)
        free(copy);
    return found != NULL;
}

bool cli_name_set_has(const struct cli_name_set *set, const char *name)
{
    return tfind(normalize(name), &set->root, compare) != NULL;
}

bool cli_name_set_ignore(struct cli_name_set *set, const struct stat *status)
{
    size_t count = set->ignored_count + 1;
    struct stat *ignored = reallocarray(set->ignored, count, sizeof(*ignored));

    if (ignored == NULL)
        return false;
    ignored[set->ignored_count] = *status;
    set->ignored = ignored;
    set->ignored_count = count;
    return true;
}

static bool is_ignored(const struct cli_name_set *set, const char *path)
{
    struct stat status;

    if (set->ignored_count == 0 || lstat(path, &status) != 0)
        return false;
    for (size_t i = 0; i < set->ignored_count; i++)
        if (set->ignored[i].st_dev == status.st_dev && set->ignored[i].st_ino == status.st_ino)
            return true;
    return false;
}

int cli_verify_find_extra(const struct cli_name_set *listed, const char *directory,
                          struct cli_verify_output *output, bool verbose, uint64_t *count)
{
    const struct cli_input_options options = {.recursive = true};
    struct cli_inputs inputs;
    struct mapproc_entry entry;
    struct mapproc_error error;
    int status = cli_inputs_open(&inputs, &options, "verify", &directory, 1, verbose, -1);
    int result = 0;

    *count = 0;
    if (status != CLI_OK)
        return status;
    while ((result = cli_inputs_next(&inputs, &entry, &error)) > 0) {
        if (entry.kind == MAPPROC_ENTRY_ERROR) {
            cli_print_error(&entry.error);
            status = CLI_FAILED;
        } else if (!cli_name_set_has(listed, entry.path) && !is_ignored(listed, entry.path) &&
                   !mapproc_atomic_file_is_at(&output->map, entry.path)) {
            ++*count;
            status = status < CLI_BAD_DATA ? CLI_BAD_DATA : status;
            if (cli_verify_output_extra(output, entry.path) != MAPPROC_OK)
                status = CLI_FAILED;
        }
        free(entry.path);
    }
    if (result < 0) {
        cli_print_error(&error);
        status = CLI_FAILED;
    }
    cli_inputs_close(&inputs);
    return status;
}
