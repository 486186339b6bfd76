/* SPDX-License-Identifier: MIT */
/* json.h - what --json prints: one object a line. */
#ifndef MAPPROC_CLI_JSON_H
#define MAPPROC_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "mapproc.h"

struct json_t; /* jansson's */

/*
 * One object while it is built, field by field in the order in which they are printed:
 *
 *     struct cli_json json;
 *
 *     cli_json_begin(&json);
 *     cli_json_name(&json, "name", path);
 *     cli_json_open_array(&json, "nodes");
 *     cli_json_open_object(&json, NULL);
 *     cli_json_unsigned(&json, "number", 0);
 *     cli_json_close(&json);
 *     cli_json_close(&json);
 *     written = cli_json_print(&json);
 *
 * `key` names a field of an object, and is NULL for an element of an array. No call needs to be
 * checked: without memory the object is not printed, and that becomes the error of the output. Not
 * thread-safe. The fields of the struct are private.
 */
enum { CLI_JSON_DEPTH = 8 }; /* objects and arrays in one another, the outermost included */

struct cli_json {
    struct json_t *open[CLI_JSON_DEPTH]; /* the innermost last; owned by the first */
    unsigned depth;
    bool failed; /* something could not be added */
};

/*
 * For the apply function of a verb's option --json: sets *json and returns NULL, or returns what is
 * wrong if the program was built without JSON. The functions below then print nothing.
 */
const char *cli_json_apply(bool *json);

/* Starts an object. To be ended by cli_json_print(). */
void cli_json_begin(struct cli_json *json);

/* Text with bytes that are not UTF-8 replaced by U+FFFD. NULL becomes null. */
void cli_json_text(struct cli_json *json, const char *key, const char *text);

/* A name, which may have any bytes: `key` as cli_json_text() writes it and, if that is not exact, a
 * further field `key`_hex with all of its bytes in hexadecimal. Only in an object. */
void cli_json_name(struct cli_json *json, const char *key, const char *name);

/* A number; beyond INT64_MAX, which readers of JSON do not take, null. */
void cli_json_unsigned(struct cli_json *json, const char *key, uint64_t number);

/* A number with 9 significant digits; null if it is not finite. */
void cli_json_real(struct cli_json *json, const char *key, double number);

void cli_json_boolean(struct cli_json *json, const char *key, bool truth);
void cli_json_null(struct cli_json *json, const char *key);

/* An error, as fields of the object: error (in words), kind (data, refused or machine) and, where
 * there are such, reason (the system's words), offset and length. */
void cli_json_error(struct cli_json *json, const struct mapproc_error *error);

/* What follows goes into a new object or array, until it is closed. */
void cli_json_open_object(struct cli_json *json, const char *key);
void cli_json_open_array(struct cli_json *json, const char *key);
void cli_json_close(struct cli_json *json);

/*
 * Prints the object as one line of ASCII to standard output, does not keep it waiting there, and
 * frees it. Returns false if the output failed, as cli_output_write() does.
 */
bool cli_json_print(struct cli_json *json);

#endif
