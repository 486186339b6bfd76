/* SPDX-License-Identifier: MIT */
/* cmocka_all.h - cmocka with the headers that it wants to find before it, in its order. */
#ifndef MAPPROC_TESTS_CMOCKA_ALL_H
#define MAPPROC_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
