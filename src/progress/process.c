/* SPDX-License-Identifier: MIT */
/* process.c - which process wrote a segment, and whether it is still there. */
#include "progress/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/size_text.h"
#include "base/text_file.h"

enum {
    STAT_MAX = 4096,
    START_FIELD = 22, /* of /proc/PID/stat, counted from 1 */
    STATE_FIELD = 3,
};

/* A process as /proc tells. */
struct process {
    char state;
    uint64_t start;
};

/* Reads /proc/`who`/stat. 0 or an errno. */
static int read_process(const char *who, struct process *process)
{
    char path[64], *text;
    const char *field;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", who);
    text = mapproc_text_file_read(path, STAT_MAX);
    if (text == NULL)
        return errno;
    /* Behind the name of the program, which may have any bytes in it. */
    field = strrchr(text, ')');
    for (int i = STATE_FIELD; field != NULL && i <= START_FIELD; i++) {
        field = strchr(field, ' ');
        if (field == NULL)
            break;
        field++;
        if (i == STATE_FIELD)
            process->state = *field;
    }
    if (field == NULL || !mapproc_digits_parse(&field, &process->start)) {
        free(text);
        return EPROTO;
    }
    free(text);
    return 0;
}

static void read_boot_id(char *text, size_t size)
{
    char *boot_id = mapproc_text_file_read("/proc/sys/kernel/random/boot_id", size - 1);

    memset(text, 0, size);
    if (boot_id == NULL)
        return;
    boot_id[strcspn(boot_id, "\n")] = '\0';
    memcpy(text, boot_id, strlen(boot_id));
    free(boot_id);
}

static uint64_t pid_namespace(void)
{
    struct stat status;

    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

void mapproc_process_identify(struct mapproc_progress_header *header)
{
    struct process self;

    header->pid = (uint32_t)getpid();
    header->pid_start = read_process("self", &self) == 0 ? self.start : 0;
    header->pid_namespace = pid_namespace();
    read_boot_id(header->boot_id, sizeof(header->boot_id));
}

enum mapproc_life mapproc_process_life(const struct mapproc_progress_header *header)
{
    char boot_id[sizeof(header->boot_id)], who[16];
    uint64_t here = pid_namespace();
    struct process process;
    int error;

    read_boot_id(boot_id, sizeof(boot_id));
    if (boot_id[0] != '\0' && header->boot_id[0] != '\0' &&
        strncmp(boot_id, header->boot_id, sizeof(boot_id)) != 0)
        return MAPPROC_LIFE_DEAD;
    if (here == 0 || header->pid_start == 0 || here != header->pid_namespace)
        return MAPPROC_LIFE_UNKNOWN;
    (void)snprintf(who, sizeof(who), "%u", (unsigned)header->pid);
    error = read_process(who, &process);
    if (error != 0)
        /* /proc is there, or there would be no namespace. It may hide the processes of others. */
        return error == ENOENT || error == ESRCH ? MAPPROC_LIFE_DEAD : MAPPROC_LIFE_UNKNOWN;
    if (process.start != header->pid_start || process.state == 'Z' || process.state == 'X')
        return MAPPROC_LIFE_DEAD;
    return process.state == 'T' || process.state == 't' ? MAPPROC_LIFE_STOPPED
                                                        : MAPPROC_LIFE_RUNNING;
}

uint64_t mapproc_process_clock(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}
