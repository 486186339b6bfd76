/* SPDX-License-Identifier: MIT */
/* cancel.h - the token by which a job is asked to stop. */
#ifndef MAPPROC_PIPELINE_CANCEL_H
#define MAPPROC_PIPELINE_CANCEL_H

#include "mapproc.h"

/* A descriptor that becomes, and stays, readable once the token is requested. For poll(). */
int mapproc_cancel_fd(const struct mapproc_cancel *cancel);

#endif
