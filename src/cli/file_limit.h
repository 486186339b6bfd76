/* SPDX-License-Identifier: MIT */
/* file_limit.h - how many files the process may have open. */
#ifndef MAPPROC_CLI_FILE_LIMIT_H
#define MAPPROC_CLI_FILE_LIMIT_H

/*
 * Lets the process have as many as it may ask for, which is much more than the usual 1,024. For
 * verbs that have several files open for each of many inputs. Nothing here waits with select(),
 * which is why the usual limit is so low.
 */
void cli_file_limit_raise(void);

#endif
