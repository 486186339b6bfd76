/* SPDX-License-Identifier: MIT */
/* cmocka_all.h - cmocka with the headers it wants before it, and skips that say why. */
#ifndef MAPPROC_TESTS_CMOCKA_ALL_H
#define MAPPROC_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Ends the test as skipped, and says why in a line that scripts/test shows. */
#define skip_because(reason)                                                                       \
    do {                                                                                           \
        print_message("skipped: %s: %s\n", __func__, reason);                                      \
        skip();                                                                                    \
    } while (0)

#endif
