/* SPDX-License-Identifier: MIT */
/* cgroup.h - the directories of the cgroups that this process is in. */
#ifndef MAPPROC_MEMORY_CGROUP_H
#define MAPPROC_MEMORY_CGROUP_H

/* The hierarchies that limit what we use. On one machine there may be some of each version. */
enum mapproc_cgroup_kind {
    MAPPROC_CGROUP_V2,
    MAPPROC_CGROUP_V1_CPU,
    MAPPROC_CGROUP_V1_MEMORY,
    MAPPROC_CGROUP_KINDS,
};

/* Takes a directory; the string is valid during the call only. */
typedef void (*mapproc_cgroup_visit)(void *user, enum mapproc_cgroup_kind kind,
                                     const char *directory);

/*
 * Visits, in every hierarchy, the directory of the cgroup that this process is in and those of the
 * levels above it, as far up as they are mounted. Directories need not exist, and one may be
 * visited twice. What cannot be found out is left out.
 *
 * `root` is put before the paths of /proc and /sys: "", but for tests.
 */
void mapproc_cgroup_walk(const char *root, mapproc_cgroup_visit visit, void *user);

#endif
