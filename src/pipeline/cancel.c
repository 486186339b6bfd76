/* SPDX-License-Identifier: MIT */
/* cancel.c - the token by which a job is asked to stop. */
#include "pipeline/cancel.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Nothing but an eventfd, because that is all a signal handler can use and poll() can wait for. */
struct mapproc_cancel {
    int fd;
};

struct mapproc_cancel *mapproc_cancel_create(void)
{
    struct mapproc_cancel *cancel = malloc(sizeof(*cancel));

    if (cancel == NULL)
        return NULL;
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->fd < 0) {
        int eventfd_error = errno;

        free(cancel);
        errno = eventfd_error;
        return NULL;
    }
    return cancel;
}

void mapproc_cancel_free(struct mapproc_cancel *cancel)
{
    if (cancel == NULL)
        return;
    (void)close(cancel->fd);
    free(cancel);
}

void mapproc_cancel_request(struct mapproc_cancel *cancel)
{
    int saved_errno = errno;
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then it is readable already. */
    ssize_t written = write(cancel->fd, &one, sizeof(one));

    (void)written;
    errno = saved_errno;
}

int mapproc_cancel_fd(const struct mapproc_cancel *cancel)
{
    return cancel->fd;
}
