/* SPDX-License-Identifier: MIT */
/* output_metadata.c - who may do what with a finished output file, and what else is kept of it. */
#include "output/output_metadata.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text_file.h"

enum {
    STATUS_MAX = 64 * 1024,
    NEW_MODE = 0666,
    PERMISSIONS = 0777,
    VALUE_MAX =
        64 * 1024, /* bytes; the kernel allows no more, in a value or in the list of names */
};

static const char acl_name[] = "system.posix_acl_access";

static void tell(const struct mapproc_metadata_note *note, const char *what, int system_error)
{
    char text[160], reason[96];

    if (note->note == NULL)
        return;
    (void)snprintf(text, sizeof(text), "cannot keep its %s: %s", what,
                   strerror_r(system_error, reason, sizeof(reason)));
    note->note(note->user, note->path, text);
}

/* ---- files that are like no other, or like the one they replace ---- */

/* The process's umask. There is no call that only asks for it. */
static mode_t find_umask(void)
{
    static const char key[] = "\nUmask:\t";
    char *text = mapproc_text_file_read("/proc/self/status", STATUS_MAX);
    const char *found = text != NULL ? strstr(text, key) : NULL;
    mode_t mask;

    if (found != NULL) {
        mask = (mode_t)strtoul(found + strlen(key), NULL, 8) & PERMISSIONS;
    } else {
        mask = umask(077); /* for a moment, to the safe side, also for other threads */
        (void)umask(mask);
    }
    free(text);
    return mask;
}

/* The file stays with fewer permissions where that fails, which is no reason to lose the data. */
void mapproc_metadata_set_new(int fd)
{
    (void)!fchmod(fd, NEW_MODE & ~find_umask());
}

/* The mode with no more rights for the group than everybody has. */
static mode_t without_group(mode_t mode)
{
    return mode & (~(mode_t)(S_ISGID | S_IRWXG) | (mode & S_IRWXO) << 3);
}

void mapproc_metadata_set_old(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & PERMISSIONS;
    struct stat new;

    if (fstat(fd, &new) != 0)
        return;
    if (new.st_uid != old->st_uid)
        (void)!fchown(fd, old->st_uid, (gid_t)-1);
    /* A group that could not be kept must not get more than everybody. */
    if (new.st_gid != old->st_gid && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode = without_group(mode);
    (void)!fchmod(fd, mode);
}

/* ---- copies ---- */

/* Which of them are those of the source. */
struct kept {
    bool owner;
    bool group;
    bool acl; /* also if there is none */
};

static void copy_owner(int fd, const struct stat *old, struct kept *kept,
                       const struct mapproc_metadata_note *note)
{
    struct stat new;

    if (fstat(fd, &new) != 0) {
        tell(note, "owner and group", errno);
        return;
    }
    kept->group = new.st_gid == old->st_gid || fchown(fd, (uid_t)-1, old->st_gid) == 0;
    if (!kept->group)
        tell(note, "group", errno);
    kept->owner = new.st_uid == old->st_uid || fchown(fd, old->st_uid, (gid_t)-1) == 0;
    if (!kept->owner)
        tell(note, "owner", errno);
}

static bool is_absent(int system_error)
{
    return system_error == ENODATA || system_error == EOPNOTSUPP;
}

/*
 * Gives the file the source's ACL; or takes it away the one that it got from its directory, whose
 * entries the permissions of the group would bring to life.
 */
static void copy_acl(int fd, int source, char *value, struct kept *kept,
                     const struct mapproc_metadata_note *note)
{
    ssize_t length = fgetxattr(source, acl_name, value, VALUE_MAX);

    if (length >= 0)
        kept->acl = fsetxattr(fd, acl_name, value, (size_t)length, 0) == 0;
    else if (is_absent(errno))
        kept->acl = fremovexattr(fd, acl_name) == 0 || is_absent(errno);
    if (!kept->acl)
        tell(note, "access control list", errno);
}

/* Whether an attribute is of the content, which is another now, or of a place in the tree. */
static bool is_left_behind(const char *name, const struct kept *kept)
{
    static const char *const own[] = {
        "security.ima",
        "security.evm",
        "system.posix_acl_access",
        "system.posix_acl_default",
    };
    static const char *const own_spaces[] = {"trusted.overlay.", "user.overlay."};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(own_spaces) / sizeof(own_spaces[0]); i++)
        if (strncmp(name, own_spaces[i], strlen(own_spaces[i])) == 0)
            return true;
    return strcmp(name, "security.capability") == 0 && !kept->owner;
}

/* Returns 0 or an errno. */
static int copy_attribute(int fd, int source, const char *name, char *value)
{
    ssize_t length = fgetxattr(source, name, value, VALUE_MAX);

    if (length < 0)
        return errno == ENODATA ? 0 : errno; /* it was removed meanwhile */
    return fsetxattr(fd, name, value, (size_t)length, 0) == 0 ? 0 : errno;
}

/* `names` and `value` have room for VALUE_MAX bytes. */
static void copy_attributes(int fd, int source, char *names, char *value, const struct kept *kept,
                            const struct mapproc_metadata_note *note)
{
    ssize_t length = flistxattr(source, names, VALUE_MAX);
    int system_error = length < 0 && errno != EOPNOTSUPP ? errno : 0;
    const char *name = names;

    while (length > 0 && name < names + length) {
        if (!is_left_behind(name, kept)) {
            int failed = copy_attribute(fd, source, name, value);

            if (system_error == 0)
                system_error = failed;
        }
        name += strlen(name) + 1;
    }
    if (system_error != 0)
        tell(note, "extended attributes", system_error);
}

static void copy_mode(int fd, const struct stat *old, const struct kept *kept,
                      const struct mapproc_metadata_note *note)
{
    mode_t mode = old->st_mode & PERMISSIONS;

    if (kept->owner)
        mode |= old->st_mode & S_ISUID;
    if (kept->group && kept->acl)
        mode |= old->st_mode & S_ISGID;
    else
        mode = without_group(mode);
    if (fchmod(fd, mode) != 0)
        tell(note, "permissions", errno);
}

void mapproc_metadata_copy(int fd, int source, const struct mapproc_metadata_note *note)
{
    struct kept kept = {0};
    char *room = malloc((size_t)2 * VALUE_MAX);
    struct timespec times[2];
    struct stat old;

    if (fstat(source, &old) != 0) {
        tell(note, "owner, permissions and times", errno);
        free(room);
        return;
    }
    copy_owner(fd, &old, &kept, note);
    /* Attributes before the permissions: these may take the right to write from us. The owner
     * before both: a new one takes setuid and capabilities away. */
    if (room != NULL) {
        copy_attributes(fd, source, room, room + VALUE_MAX, &kept, note);
        copy_acl(fd, source, room, &kept, note);
    } else {
        tell(note, "extended attributes", ENOMEM);
    }
    copy_mode(fd, &old, &kept, note);
    times[0] = old.st_atim;
    times[1] = old.st_mtim;
    if (futimens(fd, times) != 0)
        tell(note, "times", errno);
    free(room);
}
