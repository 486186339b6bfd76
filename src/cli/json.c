/* SPDX-License-Identifier: MIT */
/* json.c - what --json prints, by means of jansson. */
#include "cli/json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/output.h"

enum { KEY_MAX = 64 };

const char *cli_json_apply(bool *json)
{
    *json = true;
    return NULL;
}

void cli_json_begin(struct cli_json *json)
{
    *json = (struct cli_json){.depth = 1};
    json->open[0] = json_object();
    json->failed = json->open[0] == NULL;
}

/* Adds a value, which may be NULL for want of memory, to the innermost object or array. */
static void add(struct cli_json *json, const char *key, json_t *value)
{
    json_t *parent = json->open[json->depth - 1];
    int result;

    if (json->failed) {
        json_decref(value);
        return;
    }
    /* Both take the value even when they fail. */
    result = key != NULL ? json_object_set_new(parent, key, value)
                         : json_array_append_new(parent, value);
    json->failed = result != 0;
}

/*
 * A copy of `text` with each byte that is not UTF-8 replaced, to be freed; NULL without memory.
 * *exact tells whether there was none.
 */
static char *make_valid(const char *text, bool *exact)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const size_t wide = sizeof(replacement) - 1;
    size_t length = strlen(text), size;
    char *valid, *end;

    *exact = true;
    if (__builtin_mul_overflow(length, wide, &size) || size == SIZE_MAX ||
        (valid = malloc(size + 1)) == NULL)
        return NULL;
    end = valid;
    while (*text != '\0') {
        uint32_t code;
        size_t n = mapproc_utf8_decode(text, &code);

        if (n > 0) {
            memcpy(end, text, n);
            end += n;
            text += n;
        } else {
            memcpy(end, replacement, wide);
            end += wide;
            text++;
            *exact = false;
        }
    }
    *end = '\0';
    return valid;
}

static void add_text(struct cli_json *json, const char *key, const char *text, bool *exact)
{
    char *valid = make_valid(text, exact);

    add(json, key, valid != NULL ? json_string(valid) : NULL);
    free(valid);
}

void cli_json_text(struct cli_json *json, const char *key, const char *text)
{
    bool exact;

    if (text == NULL)
        cli_json_null(json, key);
    else
        add_text(json, key, text, &exact);
}

static char *make_hex(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(name);
    char *hex = calloc(length + 1, 2);

    for (size_t i = 0; hex != NULL && i < length; i++) {
        hex[2 * i] = digits[(unsigned char)name[i] >> 4];
        hex[2 * i + 1] = digits[(unsigned char)name[i] & 15];
    }
    return hex;
}

void cli_json_name(struct cli_json *json, const char *key, const char *name)
{
    char hex_key[KEY_MAX];
    char *hex;
    bool exact;

    add_text(json, key, name, &exact);
    if (exact)
        return;
    (void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
    hex = make_hex(name);
    add(json, hex_key, hex != NULL ? json_string(hex) : NULL);
    free(hex);
}

void cli_json_unsigned(struct cli_json *json, const char *key, uint64_t number)
{
    if (number > INT64_MAX)
        cli_json_null(json, key);
    else
        add(json, key, json_integer((json_int_t)number));
}

void cli_json_real(struct cli_json *json, const char *key, double number)
{
    if (isfinite(number))
        add(json, key, json_real(number));
    else
        cli_json_null(json, key);
}

void cli_json_boolean(struct cli_json *json, const char *key, bool truth)
{
    add(json, key, json_boolean(truth));
}

void cli_json_null(struct cli_json *json, const char *key)
{
    add(json, key, json_null());
}

void cli_json_error(struct cli_json *json, const struct mapproc_error *error)
{
    cli_json_text(json, "error", error->what);
    cli_json_text(json, "kind",
                  error->code == MAPPROC_BAD_DATA  ? "data"
                  : error->code == MAPPROC_REFUSED ? "refused"
                                                   : "machine");
    if (error->system_error != 0)
        cli_json_text(json, "reason", strerror(error->system_error));
    if (error->length > 0) {
        cli_json_unsigned(json, "offset", error->offset);
        cli_json_unsigned(json, "length", error->length);
    }
}

/* Opens what has been created, or counts a level that is missing, so that closing fits. */
static void open_level(struct cli_json *json, const char *key, json_t *value)
{
    add(json, key, value);
    if (json->depth == CLI_JSON_DEPTH) {
        json->failed = true;
        return;
    }
    json->open[json->depth++] = value;
}

void cli_json_open_object(struct cli_json *json, const char *key)
{
    open_level(json, key, json_object());
}

void cli_json_open_array(struct cli_json *json, const char *key)
{
    open_level(json, key, json_array());
}

void cli_json_close(struct cli_json *json)
{
    if (json->depth > 1)
        json->depth--;
}

bool cli_json_print(struct cli_json *json)
{
    char *line = NULL;
    bool written;

    if (!json->failed)
        /* ASCII, so that no name can send anything to a terminal. */
        line = json_dumps(json->open[0], JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    json_decref(json->open[0]);
    json->open[0] = NULL;
    if (line == NULL) {
        cli_output_fail(ENOMEM);
        return false;
    }
    written = cli_output_write(line, strlen(line), false) && cli_output_write("\n", 1, true);
    free(line);
    return written;
}
