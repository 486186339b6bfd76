/* SPDX-License-Identifier: MIT */
/* test_walk_faults.c - walks of trees that are deep or change meanwhile, and without memory. */
#include "cmocka_all.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "input/source.h"
#include "random.h"
#include "scratch_file.h"
#include "tree.h"

static const struct mapproc_walk_options everything;
static struct scratch_directory scratch;

/* ---- memory that runs out ---- */

static int allocations_left = -1; /* until one fails; < 0: never */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static bool may_allocate(void)
{
    if (allocations_left > 0)
        allocations_left--;
    if (allocations_left == 0)
        errno = ENOMEM;
    return allocations_left != 0;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return may_allocate() ? __real_reallocarray(memory, count, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

/* Walks t with one pattern, giving up at the first failure. Returns what the walk returned. */
static int walk_in_need(size_t *files)
{
    static const char *const pattern = "none";
    const struct mapproc_walk_options options = {.excludes = &pattern, .exclude_count = 1};
    struct mapproc_error error = {0};
    struct mapproc_walk *walk = mapproc_walk_create(&options, &error);
    struct mapproc_entry entry;
    int result;

    *files = 0;
    if (walk == NULL)
        return error.code;
    result = mapproc_walk_add_root(walk, "t", &error);
    while (result == MAPPROC_OK) {
        result = mapproc_walk_next(walk, &entry, &error);
        if (result != MAPPROC_OK || entry.kind == MAPPROC_ENTRY_END)
            break;
        free(entry.path);
        *files += 1;
    }
    if (result != MAPPROC_OK)
        assert_int_equal(error.system_error, ENOMEM);
    mapproc_walk_destroy(walk);
    return result;
}

static void every_lack_of_memory_ends_the_walk(void **state)
{
    size_t files;
    int result, n = 0;

    (void)state;
    run_command("d=t; for i in $(seq 40); do mkdir $d; touch $d/f $d/g; d=$d/d; done");
    do {
        allocations_left = ++n;
        result = walk_in_need(&files);
        allocations_left = -1;
        assert_int_equal(result, result == MAPPROC_OK ? MAPPROC_OK : MAPPROC_FAILED);
    } while (result != MAPPROC_OK);
    assert_int_equal(files, 80);
    assert_true(n > 120); /* a walk allocates for each file and each directory */
}

/* ---- depth ---- */

static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    assert_int_equal(closedir(directory), 0);
    return count;
}

/* Makes `depth` directories of that name in one another; every `step`th has the files "a" and "z".
 */
static void make_deep_tree(const char *name, int depth, int step)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(here >= 0);
    for (int i = 0; i < depth; i++) {
        make_directory(name);
        assert_int_equal(chdir(name), 0);
        if (i % step == step - 1) {
            make_file("a");
            make_file("z");
        }
    }
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(close(here), 0);
}

static void paths_of_any_length_are_walked_and_opened(void **state)
{
    struct walked walked;
    const char *longest = NULL;
    size_t length = 0;

    (void)state;
    make_deep_tree("d", 3000, 7);
    walked = walk_root(&everything, "d");
    assert_files_of(&walked, "find d -type f -print0");
    assert_int_equal(walked.error_count, 0);
    for (const char *p = walked.files.bytes; p < walked.files.bytes + walked.files.length;
         p += strlen(p) + 1) {
        struct mapproc_source source;

        if (strlen(p) > length) {
            longest = p;
            length = strlen(p);
        }
        if ((p - walked.files.bytes) % 5 != 0)
            continue;
        assert_int_equal(mapproc_source_open(&source, p, NULL), MAPPROC_OK);
        assert_int_equal(mapproc_source_check_unchanged(&source, NULL), MAPPROC_OK);
        mapproc_source_close(&source);
    }
    /* Roots of such lengths, "d/d/.../d" and "d/d/.../d/" in turn. */
    assert_true(length > PATH_MAX + 100);
    for (size_t cut = PATH_MAX - 3; cut < PATH_MAX + 4; cut++) {
        char *root = strndup(longest, cut);
        struct walked below = walk_root(&everything, root);

        assert_true(below.file_count > 100);
        assert_int_equal(below.error_count, 0);
        assert_int_equal(strncmp(below.files.bytes, root, cut), 0);
        walked_free(&below);
        free(root);
    }
    walked_free(&walked);
}

static void descriptors_are_few_at_any_depth(void **state)
{
    struct mapproc_walk *walk = mapproc_walk_create(&everything, NULL);
    size_t files = 0, before = count_descriptors();
    struct mapproc_entry entry;

    (void)state;
    make_deep_tree("d", 10000, 50);
    assert_non_null(walk);
    assert_int_equal(mapproc_walk_add_root(walk, "d", NULL), MAPPROC_OK);
    for (;;) {
        assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
        if (entry.kind == MAPPROC_ENTRY_END)
            break;
        assert_int_equal(entry.kind, MAPPROC_ENTRY_FILE);
        assert_true(count_descriptors() <= before + 20);
        free(entry.path);
        files++;
    }
    assert_int_equal(files, 400);
    mapproc_walk_destroy(walk);
    assert_int_equal(count_descriptors(), before);
}

static void paths_beyond_the_limit_are_one_error(void **state)
{
    char name[201];
    struct walked walked;

    (void)state;
    memset(name, 'n', 200);
    name[200] = '\0';
    make_deep_tree(name, MAPPROC_PATH_LIMIT / 201 + 20, 100);
    walked = walk_root(&everything, ".");
    assert_int_equal(walked.error_count, 1);
    assert_non_null(memmem(walked.errors.bytes, walked.errors.length, " (ENAMETOOLONG)", 15));
    assert_int_equal(walked.file_count, 2 * (MAPPROC_PATH_LIMIT / 201 / 100));
    walked_free(&walked);
}

/* ---- trees that are moved ---- */

/* Walks t, a chain of 30 directories called d with files, and runs `command` at the deepest. */
static struct walked walk_and_move(const char *command)
{
    struct mapproc_walk *walk = mapproc_walk_create(&everything, NULL);
    struct walked walked = {0};
    struct mapproc_entry entry;

    run_command("d=t; for i in $(seq 30); do mkdir $d; touch $d/a $d/z; d=$d/d; done");
    assert_non_null(walk);
    assert_int_equal(mapproc_walk_add_root(walk, "t", NULL), MAPPROC_OK);
    for (;;) {
        assert_int_equal(mapproc_walk_next(walk, &entry, NULL), MAPPROC_OK);
        if (entry.kind == MAPPROC_ENTRY_END)
            break;
        walked_add(&walked, &entry);
        if (walked.file_count == 30)
            run_command(command);
    }
    mapproc_walk_destroy(walk);
    return walked;
}

static void directories_moved_meanwhile_are_found_again(void **state)
{
    struct walked walked;

    (void)state;
    walked = walk_and_move("mv t/d/d/d/d moved; mv t/d/d away; mkdir t/d/d t/d/d/d");
    assert_int_equal(walked.file_count, 60 - 2);
    assert_text(&walked.errors,
                "t/d/d/d cannot go back to the directory for the rest of it (ESTALE)\n"
                "t/d/d cannot go back to the directory for the rest of it (ESTALE)\n");
    walked_free(&walked);
    run_command("rm -rf t moved away");

    walked = walk_and_move("mv t/d/d/d/d moved"); /* its parent is where it was */
    assert_int_equal(walked.file_count, 60);
    assert_int_equal(walked.error_count, 0);
    walked_free(&walked);
    run_command("rm -rf t moved");

    walked = walk_and_move("mv t u"); /* what is open stays open, and leads up */
    assert_int_equal(walked.file_count, 60);
    assert_int_equal(walked.error_count, 0);
    walked_free(&walked);
    run_command("rm -rf u");

    walked = walk_and_move("rm -rf t; ln -s / t"); /* still leads up, and never through the link */
    assert_files_of(&walked,
                    "d=t/; for i in $(seq 30); do printf '%s\\0' ${d}a ${d}z; d=${d}d/; done");
    walked_free(&walked);
}

/* ---- trees that change ---- */

static atomic_bool stop;

/* Makes, moves and removes directories and files around those that stay. */
static void *change_tree(void *argument)
{
    struct test_random *random = argument;

    while (!atomic_load(&stop)) {
        unsigned a = (unsigned)test_random_below(random, 10);
        unsigned b = (unsigned)test_random_below(random, 10);
        char from[64], to[64];

        (void)snprintf(from, sizeof(from), "t/%u/x%u", a, b);
        (void)snprintf(to, sizeof(to), "t/%u/x%u", b, a);
        switch (test_random_below(random, 5)) {
        case 0:
            (void)mkdir(from, 0755);
            break;
        case 1:
            (void)rename(from, to);
            break;
        case 2:
            (void)remove(from);
            break;
        case 3:
            (void)!symlink("/", from);
            break;
        default:
            (void)mknod(from, S_IFREG | 0600, 0);
            break;
        }
    }
    return NULL;
}

static bool stays(const char *path)
{
    return path[strlen(path) - 2] == 's'; /* "t/3/s5" */
}

static void what_stays_is_found_while_all_else_changes(void **state)
{
    struct test_random random;
    pthread_t thread;

    (void)state;
    test_random_seed(&random);
    run_command("mkdir t && cd t && mkdir 0 1 2 3 4 5 6 7 8 9 && "
                "for i in *; do for j in 0 1 2 3 4 5 6 7 8 9; do touch $i/s$j; done; done");
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, change_tree, &random), 0);
    for (int round = 0; round < 300; round++) {
        struct walked walked = walk_root(&everything, "t");
        const char *previous = "";
        int found = 0;

        for (const char *p = walked.files.bytes; p < walked.files.bytes + walked.files.length;
             p += strlen(p) + 1) {
            if (strcmp(previous, p) >= 0)
                fail_msg("'%s' comes after '%s'", p, previous);
            previous = p;
            found += stays(p);
        }
        assert_int_equal(found, 100);
        for (const char *p = walked.errors.bytes; p != NULL && p[1] != '\0';) {
            const char *end =
                memchr(p, '\n', (size_t)(walked.errors.bytes + walked.errors.length - p));

            assert_non_null(end);
            if (memmem(p, (size_t)(end - p), "(ENOENT)", 8) == NULL &&
                memmem(p, (size_t)(end - p), "(ENOTDIR)", 9) == NULL)
                fail_msg("%.*s", (int)(end - p), p);
            p = end + 1 < walked.errors.bytes + walked.errors.length ? end + 1 : NULL;
        }
        walked_free(&walked);
    }
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static int enter_scratch(void **state)
{
    (void)state;
    /* Ten thousand directories take a disk half a minute. */
    if (access("/dev/shm", W_OK) == 0 && setenv("TMPDIR", "/dev/shm", 0) != 0)
        return -1;
    return scratch_directory_make(&scratch) && chdir(scratch.path) == 0 ? 0 : -1;
}

static int leave_scratch(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(scratch.path) == 0 ? 0 : -1;
}

static int clear(void **state)
{
    (void)state;
    return chdir(scratch.path) == 0 ? system("rm -rf -- *") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_lack_of_memory_ends_the_walk, clear),
        cmocka_unit_test_teardown(paths_of_any_length_are_walked_and_opened, clear),
        cmocka_unit_test_teardown(descriptors_are_few_at_any_depth, clear),
        cmocka_unit_test_teardown(paths_beyond_the_limit_are_one_error, clear),
        cmocka_unit_test_teardown(directories_moved_meanwhile_are_found_again, clear),
        cmocka_unit_test_teardown(what_stays_is_found_while_all_else_changes, clear),
    };

    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
