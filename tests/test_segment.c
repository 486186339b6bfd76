/* SPDX-License-Identifier: MIT */
/* test_segment.c - the segment: what is written is what is read, whatever others do to it. */
#include "cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "progress/segment.h"
#include "progress/segment_reader.h"
#include "random.h"
#include "scratch_file.h"
#include "segment_image.h"

#define HOUR (UINT64_C(3600) * 1000000000) /* ns */

static struct scratch_directory scratch;

static void create(struct mapproc_segment *segment, const char *name)
{
    struct mapproc_error error;

    assert_int_equal(
        mapproc_segment_create(segment, scratch.path, "checksum", name, IMAGE_WORKERS, &error),
        MAPPROC_OK);
}

static const char *name_of(const struct mapproc_segment *segment)
{
    return strrchr(segment->path, '/') + 1;
}

static int open_it(struct mapproc_segment_reader *reader, const struct mapproc_segment *segment,
                   struct mapproc_error *error)
{
    return mapproc_segment_open(reader, scratch.path, name_of(segment), true, error);
}

static size_t count_names(void)
{
    struct mapproc_segment_name *names;
    size_t count;

    assert_int_equal(mapproc_segments_list(scratch.path, &names, &count, NULL), MAPPROC_OK);
    free(names);
    return count;
}

static void what_is_written_is_read(void **state)
{
    struct mapproc_segment segment;
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view = {.workers = NULL};
    struct mapproc_error error;
    struct image image;
    struct stat status;

    (void)state;
    create(&segment, "my job");
    assert_int_equal(stat(segment.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true((uint64_t)status.st_blocks * 512 >= segment.header.segment_size);
    assert_int_equal(open_it(&reader, &segment, &error), MAPPROC_OK);
    assert_string_equal(reader.header.verb, "checksum");
    assert_string_equal(reader.header.name, "my job");
    assert_int_equal(reader.header.pid, getpid());
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.snapshot.number, 0);
    for (uint64_t n = 1; n < 10; n++) {
        fill_image(&image, n * 1000);
        image.snapshot.updated_ns += HOUR; /* however long it takes to come to the reading */
        assert_true(mapproc_segment_publish(&segment, &image.snapshot));
        assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
        assert_int_equal(view.snapshot.number, n);
        assert_int_equal(view.snapshot.done_bytes, n * 1000);
        assert_true(image_agrees(&view.snapshot, view.workers));
        assert_int_equal(view.life, MAPPROC_LIFE_RUNNING);
        assert_false(view.ended);
        assert_false(view.silent);
    }
    image.snapshot.updated_ns = 1;
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_true(view.silent);
    image.snapshot.state = MAPPROC_PROGRESS_DONE;
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    mapproc_segment_remove(&segment);
    assert_int_equal(count_names(), 0);
    /* Who has it open still sees how it ended. */
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_true(view.ended);
    mapproc_segment_view_free(&view);
    mapproc_segment_close(&reader);
}

static void long_names_are_cut(void **state)
{
    struct mapproc_segment segment;
    struct mapproc_segment_reader reader;
    struct mapproc_error error;
    char name[500];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    create(&segment, name);
    assert_int_equal(open_it(&reader, &segment, &error), MAPPROC_OK);
    assert_int_equal(strlen(reader.header.name), sizeof(reader.header.name) - 1);
    mapproc_segment_close(&reader);
    mapproc_segment_remove(&segment);
}

static void wishes_arrive(void **state)
{
    struct mapproc_progress_control control = {.limit_rate = 5};
    struct mapproc_segment segment;
    struct mapproc_segment_reader reader;
    struct mapproc_error error;

    (void)state;
    create(&segment, NULL);
    assert_true(mapproc_segment_write_control(&segment, &control));
    assert_int_equal(open_it(&reader, &segment, &error), MAPPROC_OK);
    assert_int_equal(mapproc_segment_control(&reader,
                                             offsetof(struct mapproc_progress_control, pause),
                                             MAPPROC_CONTROL_PAUSE, &error),
                     MAPPROC_OK);
    assert_true(mapproc_segment_read_control(&segment, &control));
    assert_true(control.pause == MAPPROC_CONTROL_PAUSE);
    assert_true(control.limit_rate == 5);
    assert_true(control.cancel == 0);
    mapproc_segment_close(&reader);
    mapproc_segment_remove(&segment);
}

/* ---- damage ---- */

static void a_damaged_segment_is_mended(void **state)
{
    struct mapproc_segment segment;
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view = {.workers = NULL};
    struct mapproc_progress_control control = {.limit_rate = 5};
    struct mapproc_error error;
    struct image image;

    (void)state;
    create(&segment, NULL);
    assert_true(mapproc_segment_write_control(&segment, &control));
    fill_image(&image, 1);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    assert_int_equal(open_it(&reader, &segment, &error), MAPPROC_OK);

    assert_int_equal(truncate(segment.path, 0), 0);
    assert_false(mapproc_segment_read_control(&segment, &control));
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_BAD_DATA);
    fill_image(&image, 2);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_true(image_agrees(&view.snapshot, view.workers));
    /* The zeros that were there in between are no wish for a rate without a limit. */
    memset(&control, 0, sizeof(control));
    assert_true(mapproc_segment_read_control(&segment, &control));
    assert_int_equal(control.limit_rate, 5);

    assert_int_equal(pwrite(reader.fd, "garbage", 7, 3), 7);
    assert_false(mapproc_segment_read_control(&segment, &control));
    fill_image(&image, 3);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    assert_true(mapproc_segment_read_control(&segment, &control));

    /* Under the name is another file now: it is not ours to remove. */
    assert_int_equal(unlink(segment.path), 0);
    assert_true(scratch_write(segment.path, "other", 5));
    {
        char path[MAPPROC_SEGMENT_PATH_MAX];

        memcpy(path, segment.path, sizeof(path));
        mapproc_segment_remove(&segment);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(unlink(path), 0);
    }
    mapproc_segment_view_free(&view);
    mapproc_segment_close(&reader);
}

/* A good segment's bytes with some of them changed: it is refused, or it is read; no more. */
static void hostile_bytes_do_no_harm(void **state)
{
    enum { ROUNDS = 3000, SIZE_MAX_TRIED = 4096 };
    struct mapproc_segment segment;
    struct test_random random;
    struct image image;
    uint8_t good[SIZE_MAX_TRIED], bad[SIZE_MAX_TRIED];
    char path[SCRATCH_PATH_MAX];
    ssize_t size;
    unsigned accepted = 0, refused = 0;

    (void)state;
    test_random_seed(&random);
    create(&segment, "job");
    fill_image(&image, 7);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    size = pread(segment.fd, good, sizeof(good), 0);
    assert_true(size > 0 && (size_t)size < sizeof(good));
    mapproc_segment_remove(&segment);
    scratch_path(&scratch, "mapproc-1-0123456789abcdef", path);
    for (int i = 0; i < ROUNDS; i++) {
        struct mapproc_segment_reader reader;
        struct mapproc_segment_view view = {.workers = NULL};
        struct mapproc_error error;
        size_t length = (size_t)size;

        memcpy(bad, good, sizeof(bad));
        switch (test_random_below(&random, 4)) {
        case 0: /* all of it is noise */
            for (size_t j = 0; j < length; j++)
                bad[j] = (uint8_t)test_random_next(&random);
            break;
        case 1: /* cut */
            length = (size_t)test_random_below(&random, length);
            break;
        default: /* some fields, of the header mostly, are absurd */
            for (uint64_t n = 1 + test_random_below(&random, 4); n > 0; n--) {
                size_t at = (size_t)(test_random_below(&random, 2) == 0
                                         ? test_random_below(&random, 14) * 4
                                         : test_random_below(&random, length / 4) * 4);
                uint32_t value =
                    (uint32_t)(test_random_next(&random) >> test_random_below(&random, 64));

                memcpy(bad + at, &value, sizeof(value));
            }
        }
        assert_true(scratch_write(path, bad, length));
        if (mapproc_segment_open(&reader, scratch.path, "mapproc-1-0123456789abcdef", false,
                                 &error) != MAPPROC_OK) {
            refused++;
            assert_true(error.what[0] != '\0');
            continue;
        }
        if (mapproc_segment_read(&reader, &view, &error) == MAPPROC_OK)
            accepted++;
        for (uint32_t w = 0; w < view.snapshot.worker_count; w++)
            (void)view.workers[w].bytes;
        mapproc_segment_view_free(&view);
        mapproc_segment_close(&reader);
    }
    print_message("%u accepted, %u refused\n", accepted, refused);
    assert_true(accepted > 0 && refused > 0);
    assert_int_equal(unlink(path), 0);
}

static void refuse(const char *name, int code, const char *what)
{
    struct mapproc_segment_reader reader;
    struct mapproc_error error = {.code = MAPPROC_OK};

    assert_int_equal(mapproc_segment_open(&reader, scratch.path, name, false, &error), code);
    assert_non_null(strstr(error.what, what));
}

static void what_is_no_segment_is_refused(void **state)
{
    const char *name = "mapproc-77-0123456789abcdef";
    char path[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path(&scratch, name, path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    refuse(name, MAPPROC_BAD_DATA, "not the segment");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse(name, MAPPROC_BAD_DATA, "not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refuse(name, MAPPROC_BAD_DATA, "not");
    assert_int_equal(rmdir(path), 0);
    assert_true(scratch_write(path, "", 0));
    refuse(name, MAPPROC_BAD_DATA, "too short");
    assert_int_equal(chmod(path, 0666), 0);
    refuse(name, MAPPROC_REFUSED, "open to others");
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
        refuse(name, MAPPROC_BAD_DATA, "too short"); /* root may look */
    }
    assert_int_equal(mapproc_segments_clean(scratch.path, NULL, NULL), 0);
    assert_int_equal(unlink(path), 0);
    refuse(name, MAPPROC_BAD_DATA, "cannot be opened");
}

static void only_names_of_segments_are_listed(void **state)
{
    static const char *const names[] = {"mapproc-1-0123456789abcde",
                                        "mapproc-1-0123456789abcdefa",
                                        "mapproc--0123456789abcdef",
                                        "mapproc-1-0123456789abcdeF",
                                        "mapproc-12345678901-0123456789abcdef",
                                        "sem.x"};
    char path[SCRATCH_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(scratch_write(scratch_path(&scratch, names[i], path), "", 0));
    assert_int_equal(count_names(), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(unlink(scratch_path(&scratch, names[i], path)), 0);
}

/* ---- the dead ---- */

/* Runs a child that makes a segment, tells its name, and then does something. */
static pid_t start_child(char *path, bool dies_mid_way)
{
    int fds[2];
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct mapproc_segment segment;
        struct mapproc_error error;
        struct image image;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        if (mapproc_segment_create(&segment, scratch.path, "verify", NULL, IMAGE_WORKERS, &error) !=
            MAPPROC_OK)
            _exit(1);
        for (uint64_t n = 1; n < 20; n++) {
            fill_image(&image, n);
            (void)mapproc_segment_publish(&segment, &image.snapshot);
        }
        /* Half of the next snapshot is there, its number is not. */
        fill_image(&image, 999);
        image.snapshot.number = 20;
        if (dies_mid_way && pwrite(segment.fd, &image, sizeof(image) / 2,
                                   (off_t)segment.header.snapshot_offset) < 0)
            _exit(1);
        if (write(fds[1], segment.path, sizeof(segment.path)) < 0)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(fds[0], path, MAPPROC_SEGMENT_PATH_MAX), MAPPROC_SEGMENT_PATH_MAX);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return child;
}

static void the_dead_are_told_from_the_living(void **state)
{
    char path[MAPPROC_SEGMENT_PATH_MAX];
    pid_t child = start_child(path, true);
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view = {.workers = NULL};
    struct mapproc_segment segment;
    struct mapproc_error error;
    siginfo_t info;

    (void)state;
    assert_int_equal(
        mapproc_segment_open(&reader, scratch.path, strrchr(path, '/') + 1, false, &error),
        MAPPROC_OK);
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.life, MAPPROC_LIFE_RUNNING);
    assert_int_equal(mapproc_segments_clean(scratch.path, NULL, NULL), 0);
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT), 0);
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.life, MAPPROC_LIFE_STOPPED);
    assert_int_equal(kill(child, SIGKILL), 0);
    /* Still a zombie: nobody has waited for it. */
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.life, MAPPROC_LIFE_DEAD);
    assert_int_equal(view.snapshot.done_bytes, 19);
    assert_true(image_agrees(&view.snapshot, view.workers));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.life, MAPPROC_LIFE_DEAD);
    assert_false(view.ended);
    mapproc_segment_view_free(&view);
    mapproc_segment_close(&reader);
    /* The next job of the same user clears it away. */
    assert_int_equal(count_names(), 1);
    create(&segment, NULL);
    assert_int_equal(count_names(), 1);
    assert_int_equal(access(path, F_OK), -1);
    mapproc_segment_remove(&segment);
}

static void a_number_that_is_used_again_is_another_process(void **state)
{
    struct mapproc_progress_header header = {.pid = 0};

    (void)state;
    mapproc_process_identify(&header);
    assert_int_equal(mapproc_process_life(&header), MAPPROC_LIFE_RUNNING);
    header.pid_start ^= 1;
    assert_int_equal(mapproc_process_life(&header), MAPPROC_LIFE_DEAD);
    header.pid_start ^= 1;
    header.boot_id[0] ^= 1;
    assert_int_equal(mapproc_process_life(&header), MAPPROC_LIFE_DEAD);
    header.boot_id[0] ^= 1;
    header.pid_namespace ^= 1; /* in another container it is nobody we know */
    assert_int_equal(mapproc_process_life(&header), MAPPROC_LIFE_UNKNOWN);
}

static void another_users_segment_is_left_alone(void **state)
{
    char path[MAPPROC_SEGMENT_PATH_MAX];
    pid_t child;

    (void)state;
    if (geteuid() != 0)
        skip_because("only root can give files away");
    child = start_child(path, false);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(mapproc_segments_clean(scratch.path, NULL, NULL), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
}

static void a_job_that_is_ended_by_a_signal_says_so(void **state)
{
    struct mapproc_segment segment;
    struct mapproc_segment_reader reader;
    struct mapproc_segment_view view = {.workers = NULL};
    struct mapproc_error error;
    struct image image;

    (void)state;
    create(&segment, NULL);
    fill_image(&image, 5);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot));
    assert_int_equal(open_it(&reader, &segment, &error), MAPPROC_OK);
    mapproc_segment_abandon(&segment);
    assert_int_equal(count_names(), 0);
    fill_image(&image, 6);
    assert_true(mapproc_segment_publish(&segment, &image.snapshot)); /* too late, and no error */
    assert_int_equal(mapproc_segment_read(&reader, &view, &error), MAPPROC_OK);
    assert_int_equal(view.snapshot.state, MAPPROC_PROGRESS_CANCELLED);
    assert_int_equal(view.snapshot.done_bytes, 5);
    mapproc_segment_view_free(&view);
    mapproc_segment_close(&reader);
    mapproc_segment_remove(&segment);
}

static void no_directory_is_no_harm(void **state)
{
    struct mapproc_segment segment;
    struct mapproc_error error;

    (void)state;
    assert_int_equal(mapproc_segment_create(&segment, "/nonexistent", "x", NULL, 1, &error),
                     MAPPROC_FAILED);
    assert_int_equal(error.system_error, ENOENT);
    assert_int_equal(segment.fd, -1);
    mapproc_segment_remove(&segment);
    mapproc_segment_abandon(&segment);
}

static int make_directory(void **state)
{
    (void)state;
    return scratch_directory_make(&scratch) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(scratch.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(wishes_arrive),
        cmocka_unit_test(a_damaged_segment_is_mended),
        cmocka_unit_test(hostile_bytes_do_no_harm),
        cmocka_unit_test(what_is_no_segment_is_refused),
        cmocka_unit_test(only_names_of_segments_are_listed),
        cmocka_unit_test(the_dead_are_told_from_the_living),
        cmocka_unit_test(a_number_that_is_used_again_is_another_process),
        cmocka_unit_test(another_users_segment_is_left_alone),
        cmocka_unit_test(a_job_that_is_ended_by_a_signal_says_so),
        cmocka_unit_test(no_directory_is_no_harm),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
