/* SPDX-License-Identifier: MIT */
/* temporaries.h - all temporary files of the process, for the signal that ends it. */
#ifndef MAPPROC_OUTPUT_TEMPORARIES_H
#define MAPPROC_OUTPUT_TEMPORARIES_H

/* A place in the list. It is never freed, only used again. */
struct mapproc_temporary;

/*
 * Notes a file that is about to be created: `name` (at most NAME_MAX bytes) in the open
 * `directory`. NULL without memory, and when the process is about to end. Thread-safe,
 * takes no lock.
 */
struct mapproc_temporary *mapproc_temporary_add(int directory, const char *name);

/* The attempt to create it is over. The same thread as before. */
void mapproc_temporary_created(struct mapproc_temporary *temporary);

/* Forgets it, once it is gone or has another name, and before `directory` is closed. NULL is
 * allowed. Thread-safe. */
void mapproc_temporary_forget(struct mapproc_temporary *temporary);

/*
 * Removes all files that are noted, and lets no more be: for a signal handler that is about to end
 * the process, whatever the threads are doing. Waits for those that are just creating one, but not
 * longer than some 0.1 s. Async-signal-safe. Keeps errno.
 */
void mapproc_temporaries_remove(void);

#endif
