/* SPDX-License-Identifier: MIT */
/* json_off.c - json.h for a program built without JSON: refuses --json, and prints nothing. */
#include <stddef.h>

#include "cli/json.h"

const char *cli_json_apply(bool *json)
{
    *json = false;
    return "is not in this program: it was built without jansson";
}

void cli_json_begin(struct cli_json *json)
{
    *json = (struct cli_json){.failed = true};
}

void cli_json_text(struct cli_json *json, const char *key, const char *text)
{
    (void)json;
    (void)key;
    (void)text;
}

void cli_json_name(struct cli_json *json, const char *key, const char *name)
{
    (void)json;
    (void)key;
    (void)name;
}

void cli_json_unsigned(struct cli_json *json, const char *key, uint64_t number)
{
    (void)json;
    (void)key;
    (void)number;
}

void cli_json_real(struct cli_json *json, const char *key, double number)
{
    (void)json;
    (void)key;
    (void)number;
}

void cli_json_boolean(struct cli_json *json, const char *key, bool truth)
{
    (void)json;
    (void)key;
    (void)truth;
}

void cli_json_null(struct cli_json *json, const char *key)
{
    (void)json;
    (void)key;
}

void cli_json_error(struct cli_json *json, const struct mapproc_error *error)
{
    (void)json;
    (void)error;
}

void cli_json_open_object(struct cli_json *json, const char *key)
{
    (void)json;
    (void)key;
}

void cli_json_open_array(struct cli_json *json, const char *key)
{
    (void)json;
    (void)key;
}

void cli_json_close(struct cli_json *json)
{
    (void)json;
}

bool cli_json_print(struct cli_json *json)
{
    (void)json;
    return true;
}
