/* SPDX-License-Identifier: MIT */
/* checksum_file.c - the least a program needs to print digests with libmapproc.
 *
 *     cc checksum_file.c -lmapproc -o checksum_file && ./checksum_file bigfile.bin
 */
#include <mapproc.h>
#include <stdio.h>
#include <string.h>

/* Called once per file, in order, from a worker thread. */
static int print_checksum(void *user, const struct mapproc_checksum *checksum)
{
    int *failures = user;

    if (checksum->error != NULL) {
        fprintf(stderr, "%s: %s", checksum->path, checksum->error->what);
        if (checksum->error->system_error != 0)
            fprintf(stderr, " (%s)", strerror(checksum->error->system_error));
        fputc('\n', stderr);
        ++*failures;
        return MAPPROC_OK; /* go on with the other files */
    }
    for (size_t i = 0; i < checksum->digests[0].size; i++)
        printf("%02x", checksum->digests[0].bytes[i]);
    printf("  %s\n", checksum->path);
    return MAPPROC_OK;
}

int main(int argc, char **argv)
{
    struct mapproc_error error;
    int failures = 0;

    if (mapproc_checksum_files((const char *const *)argv + 1, (size_t)(argc - 1), "xxh128", NULL,
                               print_checksum, &failures, &error) != MAPPROC_OK) {
        fprintf(stderr, "%s\n", error.what);
        return 1;
    }
    return failures == 0 ? 0 : 1;
}
