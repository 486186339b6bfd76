/* SPDX-License-Identifier: MIT */
/* survey.h - finding out how much a job will have to do, beside the job. */
#ifndef MAPPROC_CLI_SURVEY_H
#define MAPPROC_CLI_SURVEY_H

#include "cli/inputs.h"
#include "progress/progress.h"

/*
 * A job opens its files one by one, and so would know its total only at its end. Each of these
 * looks for the same files a second time, in a thread of its own, and tells `progress` how many
 * there are and how large; but only once the job has been running for a second, so that it costs a
 * short one nothing. What cannot be known, such as the size of a pipe, ends the survey without a
 * result. All that is given must live until cli_survey_stop(). One survey at a time.
 */

/* The files of a command line. A few operands are looked at at once. */
void cli_survey_inputs(struct mapproc_progress *progress, const struct cli_inputs *inputs);

/* The files that `count` lists of digests name, from the directory we are in. The lists' own names
 * are looked up from `directory`. */
void cli_survey_lists(struct mapproc_progress *progress, int directory, const char *const *lists,
                      size_t count);

/* Ends the survey that is under way, if any. */
void cli_survey_stop(void);

#endif
