/* SPDX-License-Identifier: MIT */
/* watch_screen_off.c - watch.h for a program built without ncurses. */
#include "cli/watch.h"

const struct cli_watch_view *const cli_watch_screen = NULL;
