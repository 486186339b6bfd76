/* SPDX-License-Identifier: MIT */
/* test_list_tools.c - lists that other tools write are read, and manifests are checked by them. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "format/list_reader.h"
#include "format/manifest.h"
#include "random.h"
#include "scratch_file.h"

#include "list_fixture.h"

enum { ARGUMENTS_MAX = 40 };

static const char content[] = "hello\n";

/* Digests of the content, from the reference values of each algorithm's own tools. */
static const struct {
    const char *algorithm; /* as tags are compared here: in lower case, without '-' */
    const char *hex;
} known[] = {
    {"crc32", "363a3020"},
    {"crc32c", "353dd8be"},
    {"xxh32", "946b5bf9"},
    {"xxh64", "e4c191d091bd8853"},
    {"xxh3", "99fc819aaba2462a"},
    {"xxh128", "6bba86c7e069f56d5a10b435f1c8e49c"},
    {"md5", "b1946ac92492d2347c6235b4d2611184"},
    {"sha1", "f572d396fae9206628714fb2ce00f72e94f2258f"},
    {"sha256", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
    {"sha3256", "b314e28493eae9dab57ac4f0c6d887bddbbeb810e900d818395ace558e96516d"},
    {"sha512", "e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931"
               "f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629"},
    {"blake2b", "f60ce482e5cc1229f39d71313171a8d9f4ca3a87d066bf4b205effb528192a75"
                "f14f3271e2c1a90e1de53f275b4d4793eef2f5e31ea90d2ce29d2e481c36435f"},
    {"blake2b256", "93becc6e9882211c3ec3708c95bcd69baab7bb59c7f4bc84ce637b88a534b783"},
    {"sm3", "f7a87a195b0cc0052b9d598482212ceb07e4ea60e8d139a5dfeff36c24abf2b3"},
};

/* The first ones, which every form of list can hold; and those that not every tool can take. */
static const char *const names[] = {
    "plain.txt",      "with  two spaces", " space in front",  "*star",
    "# remark",       "; remark",         "p (x) = 00112233", "end)",
    "ends with =",    "comma,comma",      "\xff\xfe",         "\x1b[31mred",
    "tab\there",      "cr\rinside",       "back\\slash",      "new\nline",
    "ends with cr\r", "\\n\\\n",
};
enum {
    NAMES = sizeof(names) / sizeof(names[0]),
    PLAIN_NAMES = 13,
    RHASH_NAMES = 14, /* it takes a backslash for a slash */
    ONE_LINE_NAMES = 15,
};

static struct scratch_directory directory;
static int start; /* the directory before */

/* Runs a tool in the directory of the files; what it prints goes to the file "output". */
static int run_tool(const char *const *arguments)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int fd = open("output", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int null = open("/dev/null", O_WRONLY);

        if (fd < 0 || null < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
            _exit(126);
        (void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- what tools write ---- */

struct tool {
    const char *title;
    const char *arguments[12];
    const char *algorithms[4]; /* in the order of the output */
    size_t names;              /* how many of them the form can hold */
    bool tagged;               /* what is read has a tag */
    bool sized;                /* and a size */
};

static const struct tool tools[] = {
    {"xxhsum -H0", {"xxhsum", "-H0"}, {"xxh32"}, ONE_LINE_NAMES, false, false},
    {"xxhsum -H1", {"xxhsum", "-H1"}, {"xxh64"}, ONE_LINE_NAMES, false, false},
    {"xxhsum -H2", {"xxhsum", "-H2"}, {"xxh128"}, ONE_LINE_NAMES, false, false},
    {"xxhsum -H3", {"xxhsum", "-H3"}, {"xxh3"}, ONE_LINE_NAMES, true, false},
    {"xxhsum -H0 --tag", {"xxhsum", "-H0", "--tag"}, {"xxh32"}, ONE_LINE_NAMES, true, false},
    {"xxhsum -H2 --tag", {"xxhsum", "-H2", "--tag"}, {"xxh128"}, ONE_LINE_NAMES, true, false},
    {"xxhsum -H0 --tag --little-endian",
     {"xxhsum", "-H0", "--tag", "--little-endian"},
     {"xxh32"},
     ONE_LINE_NAMES,
     true,
     false},
    {"xxhsum -H1 --tag --little-endian",
     {"xxhsum", "-H1", "--tag", "--little-endian"},
     {"xxh64"},
     ONE_LINE_NAMES,
     true,
     false},
    {"xxhsum -H2 --tag --little-endian",
     {"xxhsum", "-H2", "--tag", "--little-endian"},
     {"xxh128"},
     ONE_LINE_NAMES,
     true,
     false},
    {"md5sum", {"md5sum"}, {"md5"}, NAMES, false, false},
    {"md5sum -b", {"md5sum", "-b"}, {"md5"}, NAMES, false, false},
    {"md5sum --tag", {"md5sum", "--tag"}, {"md5"}, NAMES, true, false},
    {"sha1sum", {"sha1sum"}, {"sha1"}, NAMES, false, false},
    {"sha256sum", {"sha256sum"}, {"sha256"}, NAMES, false, false},
    {"sha512sum", {"sha512sum"}, {"sha512"}, NAMES, false, false},
    {"b2sum", {"b2sum"}, {"blake2b"}, NAMES, false, false},
    {"b2sum --tag", {"b2sum", "--tag"}, {"blake2b"}, NAMES, true, false},
    {"b2sum -l 256 --tag", {"b2sum", "-l", "256", "--tag"}, {"blake2b256"}, NAMES, true, false},
    {"cksum -a md5", {"cksum", "-a", "md5"}, {"md5"}, NAMES, true, false},
    {"cksum -a sha256", {"cksum", "-a", "sha256"}, {"sha256"}, NAMES, true, false},
    {"cksum -a sha512", {"cksum", "-a", "sha512"}, {"sha512"}, NAMES, true, false},
    {"cksum -a sm3", {"cksum", "-a", "sm3"}, {"sm3"}, NAMES, true, false},
    {"cksum -a sha256 --untagged",
     {"cksum", "-a", "sha256", "--untagged"},
     {"sha256"},
     NAMES,
     false,
     false},
    {"openssl dgst -sha256",
     {"openssl", "dgst", "-sha256"},
     {"sha256"},
     ONE_LINE_NAMES,
     true,
     false},
    {"openssl dgst -md5", {"openssl", "dgst", "-md5"}, {"md5"}, ONE_LINE_NAMES, true, false},
    {"openssl dgst -sha3-256",
     {"openssl", "dgst", "-sha3-256"},
     {"sha3256"},
     ONE_LINE_NAMES,
     true,
     false},
    {"openssl dgst -blake2b512",
     {"openssl", "dgst", "-blake2b512"},
     {"blake2b"},
     ONE_LINE_NAMES,
     true,
     false},
    {"openssl dgst -md5 -r", {"openssl", "dgst", "-md5", "-r"}, {"md5"}, PLAIN_NAMES, false, false},
    {"rhash --bsd",
     {"rhash", "--bsd", "--crc32", "--md5", "--sha256"},
     {"crc32", "md5", "sha256"},
     RHASH_NAMES,
     true,
     false},
    {"rhash --bsd, more",
     {"rhash", "--bsd", "--sha3-256", "--crc32c", "--blake2b"},
     {"sha3256", "crc32c", "blake2b"},
     RHASH_NAMES,
     true,
     false},
    {"rhash --sha256", {"rhash", "--sha256"}, {"sha256"}, RHASH_NAMES, false, false},
    {"hashdeep -l", {"hashdeep", "-l", "-j0"}, {"md5", "sha256"}, ONE_LINE_NAMES, true, true},
    {"hashdeep -l -c sha1",
     {"hashdeep", "-l", "-j0", "-c", "sha1"},
     {"sha1"},
     ONE_LINE_NAMES,
     true,
     true},
};

/* The tag in lower case without '-', and without what openssl puts into it. */
static void simplify(const char *tag, char *simple)
{
    if (strcmp(tag, "SHA2-256") == 0)
        tag = "SHA256";
    if (strcmp(tag, "BLAKE2B-512") == 0)
        tag = "BLAKE2b";
    for (; *tag != '\0'; tag++)
        if (*tag != '-')
            *simple++ = (char)(*tag >= 'A' && *tag <= 'Z' ? *tag - 'A' + 'a' : *tag);
    *simple = '\0';
}

static void check_digest(const struct mapproc_checklist_digest *digest, const char *algorithm,
                         bool tagged)
{
    char hex[2 * MAPPROC_DIGEST_MAX + 1] = "", simple[MAPPROC_TAG_MAX];

    simplify(digest->tag, simple);
    assert_string_equal(simple, tagged ? algorithm : "");
    for (size_t i = 0; i < digest->size; i++)
        (void)sprintf(hex + 2 * i, "%02x", digest->bytes[i]);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].algorithm, algorithm) == 0) {
            assert_string_equal(hex, known[i].hex);
            return;
        }
    }
    fail_msg("no reference value of %s", algorithm);
}

static void output_of_the_tool_is_read(void **state)
{
    const struct tool *tool = *state;
    const char *arguments[ARGUMENTS_MAX] = {NULL};
    size_t count = 0, digests = 0, found[NAMES] = {0};
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    int fd, code;

    while (tool->arguments[count] != NULL) {
        arguments[count] = tool->arguments[count];
        count++;
    }
    for (size_t i = 0; i < tool->names; i++)
        arguments[count++] = names[i];
    while (tool->algorithms[digests] != NULL)
        digests++;
    code = run_tool(arguments);
    if (code == 127) {
        print_message("skipped: %s: not installed\n", tool->title);
        skip();
    }
    assert_int_equal(code, 0);
    fd = open("output", O_RDONLY | O_CLOEXEC);
    assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "output", NULL), MAPPROC_OK);
    while ((code = mapproc_list_reader_next(&reader, &item, NULL)) == 1) {
        size_t index = 0;

        if (item.kind != MAPPROC_LIST_ENTRY)
            fail_msg("line %" PRIu64 " of '%s' %s", item.line, tool->title,
                     mapproc_list_fault_text(item.fault));
        while (index < tool->names && strcmp(names[index], item.entry->name) != 0)
            index++;
        if (index == tool->names)
            fail_msg("'%s' names '%s'", tool->title, item.entry->name);
        assert_int_equal(item.entry->has_size, tool->sized);
        if (tool->sized)
            assert_int_equal(item.entry->size, strlen(content));
        for (size_t i = 0; i < item.entry->digest_count; i++) {
            const struct mapproc_checklist_digest *digest = &item.entry->digests[i];

            /* rhash has an order of its own: the size tells which one it is. */
            for (size_t k = 0; k < digests; k++) {
                char simple[MAPPROC_TAG_MAX];

                simplify(digest->tag, simple);
                if (!tool->tagged || strcmp(simple, tool->algorithms[k]) == 0) {
                    check_digest(digest, tool->algorithms[k], tool->tagged);
                    found[index] |= (size_t)1 << k;
                }
            }
        }
    }
    assert_int_equal(code, 0);
    for (size_t i = 0; i < tool->names; i++)
        if (found[i] != ((size_t)1 << digests) - 1)
            fail_msg("'%s': digests of '%s' are missing", tool->title, names[i]);
    mapproc_list_reader_close(&reader);
    assert_int_equal(close(fd), 0);
}

/* ---- what tools check ---- */

/* Stand for algorithms that need not be there yet. */
static const struct mapproc_digest md5 = {.name = "md5", .tag = "MD5", .size = 16};
static const struct mapproc_digest sha256 = {.name = "sha256", .tag = "SHA256", .size = 32};

struct check {
    const char *title;
    const char *arguments[4];
    const char *algorithms[3];
    bool bsd_form;
    size_t names; /* xxhsum reads no escapes before 0.8.2 */
};

static const struct check checks[] = {
    {"xxhsum -c", {"xxhsum", "-c"}, {"xxh128"}, false, PLAIN_NAMES},
    {"xxhsum -c, tagged", {"xxhsum", "-c"}, {"xxh128"}, true, PLAIN_NAMES},
    {"xxhsum -c, XXH3", {"xxhsum", "-c"}, {"xxh3"}, false, PLAIN_NAMES},
    {"xxhsum -c, several", {"xxhsum", "-c"}, {"xxh128", "sha256", "md5"}, false, PLAIN_NAMES},
    {"sha256sum -c", {"sha256sum", "-c"}, {"sha256"}, false, NAMES},
    {"sha256sum -c --strict", {"sha256sum", "-c", "--strict"}, {"sha256"}, true, NAMES},
    {"sha256sum -c, several", {"sha256sum", "-c"}, {"xxh128", "sha256"}, false, NAMES},
    {"md5sum -c --strict", {"md5sum", "-c", "--strict"}, {"md5"}, false, NAMES},
    {"md5sum -c, several", {"md5sum", "-c"}, {"md5", "xxh128"}, false, NAMES},
    {"cksum -c", {"cksum", "-c"}, {"sha256", "md5"}, false, NAMES},
};

static const struct mapproc_digest *find_digest(const char *name)
{
    if (strcmp(name, md5.name) == 0)
        return &md5;
    if (strcmp(name, sha256.name) == 0)
        return &sha256;
    return mapproc_digest_find(name);
}

static const uint8_t *known_bytes(const char *algorithm, uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].algorithm, algorithm) == 0) {
            for (size_t k = 0; known[i].hex[2 * k] != '\0'; k++)
                assert_int_equal(sscanf(known[i].hex + 2 * k, "%2hhx", &bytes[k]), 1);
            return bytes;
        }
    }
    fail_msg("no reference value of %s", algorithm);
    return NULL;
}

/* Writes the file "manifest" of the files, whose pieces are made up. */
static void write_manifest(const struct check *check)
{
    const struct mapproc_digest *digests[3];
    uint8_t bytes[3][MAPPROC_DIGEST_MAX];
    const uint8_t *file_digests[3];
    struct list_text text = {0};
    struct mapproc_text_sink sink = {list_text_write, &text};
    struct mapproc_manifest_options options = {
        .digests = digests,
        .piece_digest = mapproc_digest_find("xxh128"),
        .bsd_form = check->bsd_form,
    };
    struct mapproc_manifest_writer writer;
    struct mapproc_piece_list pieces;

    for (size_t i = 0; i < 3 && check->algorithms[i] != NULL; i++) {
        digests[i] = find_digest(check->algorithms[i]);
        assert_non_null(digests[i]);
        file_digests[i] = known_bytes(check->algorithms[i], bytes[i]);
        options.digest_count++;
    }
    mapproc_piece_list_init(&pieces, 16);
    for (size_t i = 0; i < strlen(content); i++)
        assert_int_equal(mapproc_piece_list_add(&pieces, 1, bytes[0], NULL), MAPPROC_OK);
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_OK);
    for (size_t i = 0; i < check->names; i++) {
        struct mapproc_manifest_file file = {
            .name = names[i],
            .size = strlen(content),
            .has_mtime = true,
            .mtime = {1700000000, 5},
            .digests = file_digests,
            .pieces = &pieces,
        };

        assert_int_equal(mapproc_manifest_add(&writer, &file, NULL), MAPPROC_OK);
    }
    assert_int_equal(mapproc_manifest_end(&writer, NULL), MAPPROC_OK);
    mapproc_manifest_free(&writer);
    mapproc_piece_list_free(&pieces);
    assert_true(scratch_write("manifest", text.bytes, text.length));
    list_text_free(&text);
}

/* How many lines of "output" say OK. */
static size_t count_ok(void)
{
    FILE *file = fopen("output", "re");
    char line[1000];
    size_t count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, ": OK") != NULL;
    assert_int_equal(fclose(file), 0);
    return count;
}

static void the_tool_checks_a_manifest(void **state)
{
    const struct check *check = *state;
    const char *arguments[6] = {NULL};
    size_t count = 0;
    int code;

    while (check->arguments[count] != NULL) {
        arguments[count] = check->arguments[count];
        count++;
    }
    arguments[count] = "manifest";
    write_manifest(check);
    code = run_tool(arguments);
    if (code == 127) {
        print_message("skipped: %s: not installed\n", check->title);
        skip();
    }
    assert_int_equal(code, 0);
    /* cksum checks several algorithms in one run. */
    assert_int_equal(count_ok(),
                     check->names * (strcmp(check->arguments[0], "cksum") == 0 ? 2 : 1));

    assert_true(scratch_write(names[3], "Hello\n", strlen(content)));
    assert_int_not_equal(run_tool(arguments), 0);
    assert_true(scratch_write(names[3], content, strlen(content)));
}

static int make_files(void **state)
{
    (void)state;
    start = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (start < 0 || !scratch_directory_make(&directory) || chdir(directory.path) != 0)
        return -1;
    for (size_t i = 0; i < NAMES; i++)
        if (!scratch_write(names[i], content, strlen(content)))
            return -1;
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++)
        (void)unlink(names[i]);
    (void)unlink("output");
    (void)unlink("manifest");
    return fchdir(start) == 0 && rmdir(directory.path) == 0 && close(start) == 0 ? 0 : -1;
}

int main(void)
{
    enum {
        TOOLS = sizeof(tools) / sizeof(tools[0]),
        CHECKS = sizeof(checks) / sizeof(checks[0]),
    };
    struct CMUnitTest tests[TOOLS + CHECKS];

    for (size_t i = 0; i < TOOLS; i++)
        tests[i] = (struct CMUnitTest){
            .name = tools[i].title,
            .test_func = output_of_the_tool_is_read,
            .initial_state = (void *)(uintptr_t)&tools[i],
        };
    for (size_t i = 0; i < CHECKS; i++)
        tests[TOOLS + i] = (struct CMUnitTest){
            .name = checks[i].title,
            .test_func = the_tool_checks_a_manifest,
            .initial_state = (void *)(uintptr_t)&checks[i],
        };
    return cmocka_run_group_tests_name("list_tools", tests, make_files, remove_files);
}
