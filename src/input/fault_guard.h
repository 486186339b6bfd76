/* SPDX-License-Identifier: MIT */
/* fault_guard.h - running code over a mapping whose file may be cut at any moment. */
#ifndef MAPPROC_INPUT_FAULT_GUARD_H
#define MAPPROC_INPUT_FAULT_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "mapproc.h"

/*
 * Makes sure that the process has our SIGBUS handler. Call it before the first guarded run of each
 * job. The handler that was there before gets every SIGBUS that is not ours. Thread-safe.
 */
int mapproc_fault_guard_install(struct mapproc_error *error);

/*
 * Calls body(argument) in this thread. If it touches one of the `length` bytes at `begin` and the
 * kernel answers with SIGBUS, the call is abandoned: returns false with the distance of the first
 * such byte from `begin` in *fault. Otherwise returns true.
 *
 * Because it can be abandoned anywhere, `body` must not hold a lock, allocate, or leave anything
 * half done that matters. Runs cannot be nested. Thread-safe: each thread has its own guard.
 */
bool mapproc_fault_guard_run(const void *begin, size_t length, void (*body)(void *argument),
                             void *argument, size_t *fault);

#endif
