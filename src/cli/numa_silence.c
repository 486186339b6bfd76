/* SPDX-License-Identifier: MIT */
/* numa_silence.c - keeps libnuma from printing.
 *
 * libnuma tells on standard error what it does not like about the machine, even before main(). Its
 * two functions that do so are weak symbols, so that a program can have its own; a library must
 * not, because it would silence the program that uses it.
 */
#include <numa.h>

__attribute__((visibility("default"))) void numa_error(char *where)
{
    (void)where;
}

__attribute__((visibility("default"))) void numa_warn(int number, char *format, ...)
{
    (void)number;
    (void)format;
}
