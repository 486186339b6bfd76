/* SPDX-License-Identifier: MIT */
/* poison.h - telling AddressSanitizer which memory an allocator has given out. */
#ifndef MAPPROC_MEMORY_POISON_H
#define MAPPROC_MEMORY_POISON_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAPPROC_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MAPPROC_ASAN 1
#endif
#ifndef MAPPROC_ASAN
#define MAPPROC_ASAN 0
#endif

#if MAPPROC_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

#endif
