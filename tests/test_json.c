/* SPDX-License-Identifier: MIT */
/* test_json.c - lines of JSON: read back by jansson's parser, byte by byte where it matters. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "random.h"

enum { LINE_MAX_SIZE = 4096 };

/* Prints the object with standard output turned into a file, which is read into `line`. */
static void print_to(struct cli_json *json, char line[LINE_MAX_SIZE])
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    size_t length;

    assert_non_null(file);
    assert_true(saved >= 0);
    (void)fflush(stdout);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    assert_true(cli_json_print(json));
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    (void)close(saved);
    rewind(file);
    length = fread(line, 1, LINE_MAX_SIZE - 1, file);
    line[length] = '\0';
    (void)fclose(file);
    assert_true(length > 0 && line[length - 1] == '\n');
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
    for (size_t i = 0; i + 1 < length; i++)
        assert_in_range((unsigned char)line[i], 0x20, 0x7f);
}

static void fields_come_in_order(void **state)
{
    struct cli_json json;
    char line[LINE_MAX_SIZE];

    (void)state;
    cli_json_begin(&json);
    cli_json_text(&json, "text", "a\"b\\c\n");
    cli_json_text(&json, "none", NULL);
    cli_json_unsigned(&json, "zero", 0);
    cli_json_unsigned(&json, "most", INT64_MAX);
    cli_json_unsigned(&json, "more", (uint64_t)INT64_MAX + 1);
    cli_json_real(&json, "real", 0.125);
    cli_json_real(&json, "nan", NAN);
    cli_json_real(&json, "infinite", -INFINITY);
    cli_json_boolean(&json, "yes", true);
    cli_json_boolean(&json, "no", false);
    cli_json_open_array(&json, "list");
    cli_json_unsigned(&json, NULL, 1);
    cli_json_open_object(&json, NULL);
    cli_json_null(&json, "in");
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_open_object(&json, "empty");
    cli_json_close(&json);
    print_to(&json, line);
    assert_string_equal(line, "{\"text\":\"a\\\"b\\\\c\\n\",\"none\":null,\"zero\":0,"
                              "\"most\":9223372036854775807,\"more\":null,\"real\":0.125,"
                              "\"nan\":null,\"infinite\":null,\"yes\":true,\"no\":false,"
                              "\"list\":[1,{\"in\":null}],\"empty\":{}}\n");
}

static void names_of_any_bytes(void **state)
{
    static const struct {
        const char *name;
        const char *line;
    } cases[] = {
        {"plain", "{\"name\":\"plain\"}\n"},
        {"", "{\"name\":\"\"}\n"},
        {"\xc3\xa4", "{\"name\":\"\\u00E4\"}\n"},
        {"\xf0\x9f\x98\x80", "{\"name\":\"\\uD83D\\uDE00\"}\n"},
        {"\x1b[31m\x7f", "{\"name\":\"\\u001B[31m\x7f\"}\n"},
        {"a\xff"
         "b",
         "{\"name\":\"a\\uFFFDb\",\"name_hex\":\"61ff62\"}\n"},
        {"\xc3", "{\"name\":\"\\uFFFD\",\"name_hex\":\"c3\"}\n"},
        {"\xe2\x82", "{\"name\":\"\\uFFFD\\uFFFD\",\"name_hex\":\"e282\"}\n"},
        {"\xc0\xaf", "{\"name\":\"\\uFFFD\\uFFFD\",\"name_hex\":\"c0af\"}\n"},
        {"\xed\xa0\x80", "{\"name\":\"\\uFFFD\\uFFFD\\uFFFD\",\"name_hex\":\"eda080\"}\n"},
        {"\xf4\x90\x80\x80",
         "{\"name\":\"\\uFFFD\\uFFFD\\uFFFD\\uFFFD\",\"name_hex\":\"f4908080\"}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_json json;
        char line[LINE_MAX_SIZE];

        cli_json_begin(&json);
        cli_json_name(&json, "name", cases[i].name);
        print_to(&json, line);
        assert_string_equal(line, cases[i].line);
    }
}

/* Whatever the bytes, the name comes back, from "name_hex" if that is there, else from "name". */
static void random_names_come_back(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 2000; round++) {
        char name[24], bytes[2 * sizeof(name)] = "", line[LINE_MAX_SIZE];
        size_t length = (size_t)test_random_below(&random, sizeof(name) - 1);
        struct cli_json json;
        json_t *read;
        const char *hex;

        for (size_t i = 0; i < length; i++) {
            uint64_t r = test_random_next(&random);

            /* Half of them the bytes of characters, so that many are nearly right. */
            name[i] = (char)(r % 2 ? 0x80 + (r >> 8) % 0x80 : 1 + (r >> 8) % 255);
        }
        name[length] = '\0';
        cli_json_begin(&json);
        cli_json_name(&json, "name", name);
        print_to(&json, line);
        read = json_loads(line, 0, NULL);
        assert_non_null(read);
        hex = json_string_value(json_object_get(read, "name_hex"));
        if (hex != NULL) {
            assert_int_equal(strlen(hex), 2 * length);
            for (size_t i = 0; i < length; i++) {
                unsigned byte;

                assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
                bytes[i] = (char)byte;
            }
            assert_string_equal(bytes, name);
            assert_null(json_string(name));
        } else {
            assert_string_equal(json_string_value(json_object_get(read, "name")), name);
        }
        json_decref(read);
    }
}

static void too_deep_is_an_error(void **state)
{
    struct cli_json json;

    (void)state;
    cli_json_begin(&json);
    for (int i = 0; i < CLI_JSON_DEPTH; i++)
        cli_json_open_object(&json, "a");
    for (int i = 0; i < CLI_JSON_DEPTH; i++)
        cli_json_close(&json);
    cli_json_text(&json, "b", "c");
    assert_false(cli_json_print(&json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_in_order), cmocka_unit_test(names_of_any_bytes),
        cmocka_unit_test(random_names_come_back),
        cmocka_unit_test(too_deep_is_an_error), /* last: an error of the output stays */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
