/* SPDX-License-Identifier: MIT */
/* output.c - where results go, standard output or a file; the first error is told once. */
#include "cli/output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/progress_bar.h"
#include "cli/signals.h"
#include "output/atomic_file.h"

enum { BUFFER_SIZE = 64 << 10 }; /* bytes of a file that wait to be written */

static struct mapproc_error first_error; /* code MAPPROC_OK while all is well */
static struct mapproc_atomic_file file = MAPPROC_ATOMIC_FILE_CLOSED;
static bool to_file;
static char buffer[BUFFER_SIZE];
static size_t waiting; /* bytes in it */

int cli_output_open(const char *path)
{
    struct mapproc_error error;

    cli_signals_protect_output();
    if (mapproc_atomic_file_open(&file, path, true, &error) != MAPPROC_OK) {
        cli_print_error(&error);
        return cli_status_from_code(error.code);
    }
    to_file = true;
    return CLI_OK;
}

bool cli_output_is_terminal(void)
{
    return !to_file && isatty(STDOUT_FILENO) == 1;
}

bool cli_output_replaces(const char *path)
{
    return to_file && mapproc_atomic_file_replaces(&file, path);
}

/* The last component of the name of the file that standard output is; "" if it is none. */
static const char *name_of_standard_output(void)
{
    static char name[NAME_MAX + 1];
    static bool looked;
    char target[PATH_MAX];
    struct stat status;
    ssize_t length;
    const char *slash;

    if (looked)
        return name;
    looked = true;
    if (fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode))
        return name;
    length = readlink("/proc/self/fd/1", target, sizeof(target) - 1);
    if (length <= 0)
        return name;
    target[length] = '\0';
    slash = strrchr(target, '/');
    if (slash != NULL && strlen(slash + 1) < sizeof(name))
        memcpy(name, slash + 1, strlen(slash + 1) + 1);
    return name;
}

/* Compares the names first: that costs no system call for each file of a tree. */
static bool is_standard_output(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = name_of_standard_output();
    struct stat own, other;

    return *name != '\0' && strcmp(slash != NULL ? slash + 1 : path, name) == 0 &&
           fstat(STDOUT_FILENO, &own) == 0 && lstat(path, &other) == 0 &&
           own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

bool cli_output_is_at(const char *path)
{
    return to_file ? mapproc_atomic_file_is_at(&file, path) : is_standard_output(path);
}

void cli_output_fail(int error)
{
    if (first_error.code == MAPPROC_OK)
        first_error = (struct mapproc_error){
            .code = MAPPROC_FAILED, .system_error = error, .what = "cannot write"};
}

static void write_to_standard_output(const char *text, size_t length, bool flush)
{
    cli_bar_hold();
    errno = 0;
    if (fwrite(text, 1, length, stdout) != length || (flush && fflush(stdout) != 0))
        cli_output_fail(errno != 0 ? errno : EIO);
    cli_bar_let_go();
}

static bool write_to_file(const char *text, size_t length)
{
    return length == 0 ||
           mapproc_atomic_file_write(&file, text, length, &first_error) == MAPPROC_OK;
}

static void buffer_for_file(const char *text, size_t length, bool flush)
{
    if (flush || length > BUFFER_SIZE - waiting) {
        if (!write_to_file(buffer, waiting))
            return;
        waiting = 0;
    }
    if (flush || length > BUFFER_SIZE) {
        (void)write_to_file(text, length);
        return;
    }
    memcpy(buffer + waiting, text, length);
    waiting += length;
}

bool cli_output_write(const char *text, size_t length, bool flush)
{
    if (first_error.code == MAPPROC_OK) {
        if (to_file)
            buffer_for_file(text, length, flush);
        else
            write_to_standard_output(text, length, flush);
    }
    return first_error.code == MAPPROC_OK;
}

void cli_output_discard(void)
{
    mapproc_atomic_file_abort(&file);
    to_file = false;
}

static void finish_file(void)
{
    if (first_error.code == MAPPROC_OK && write_to_file(buffer, waiting))
        (void)mapproc_atomic_file_commit(&file, &first_error);
    mapproc_atomic_file_abort(&file); /* nothing, unless one of them failed */
}

int cli_output_finish(int status)
{
    if (to_file)
        finish_file();
    errno = 0;
    if (first_error.code == MAPPROC_OK && (fflush(stdout) != 0 || ferror(stdout)))
        cli_output_fail(errno != 0 ? errno : EIO);
    if (first_error.code == MAPPROC_OK)
        return status;
    cli_signals_die_if_cancelled(); /* a write that a signal has interrupted is no error */
    cli_print_error(&first_error);
    return CLI_FAILED;
}
