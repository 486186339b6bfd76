/* SPDX-License-Identifier: MIT */
/* compress_buffer.c - from memory to memory and back on all cores, with the ratio.
 *
 *     cc compress_buffer.c -lmapproc -o compress_buffer && ./compress_buffer bigfile.bin [LEVEL]
 */
#include <mapproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a file, to be freed. NULL if they cannot be had. */
static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long length = -1;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        length = ftell(file);
    if (length >= 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)length + 1);
    *size = bytes != NULL ? fread(bytes, 1, (size_t)length, file) : 0;
    if (file != NULL)
        fclose(file);
    return bytes;
}

static int give_up(const char *path, const struct mapproc_error *error)
{
    fprintf(stderr, "%s: %s\n", path, error->what);
    return 1;
}

/* Compresses, inflates and compares; `packed` has room for `bound` bytes, `again` for `size`. */
static int there_and_back(const char *path, const struct mapproc_compress_options *how,
                          const unsigned char *data, size_t size, unsigned char *packed,
                          size_t bound, unsigned char *again)
{
    struct mapproc_error error;
    size_t packed_size, size_again;

    if (mapproc_compress_buffer(data, size, packed, bound, &packed_size, how, NULL, &error) !=
        MAPPROC_OK)
        return give_up(path, &error);
    if (mapproc_decompress_buffer(packed, packed_size, again, size, &size_again, NULL, &error) !=
        MAPPROC_OK)
        return give_up(path, &error);
    if (size_again != size || memcmp(data, again, size) != 0) {
        fprintf(stderr, "%s: does not come back\n", path);
        return 1;
    }
    printf("%zu bytes, compressed %zu (%.1f %%), and back\n", size, packed_size,
           size != 0 ? 100.0 * (double)packed_size / (double)size : 100.0);
    return 0;
}

int main(int argc, char **argv)
{
    struct mapproc_compress_options how = {0}; /* zeros: the defaults */
    unsigned char *data, *packed, *again;
    size_t size, bound;
    int status = 1;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: compress_buffer FILE [LEVEL]\n");
        return 2;
    }
    if (argc == 3)
        how.level = atoi(argv[2]);
    data = read_file(argv[1], &size);
    bound = mapproc_compress_bound(size, &how, NULL);
    packed = malloc(bound + 1);
    again = malloc(size + 1);
    if (data != NULL && packed != NULL && again != NULL)
        status = there_and_back(argv[1], &how, data, size, packed, bound, again);
    else
        fprintf(stderr, "%s: cannot be read\n", argv[1]);
    free(again);
    free(packed);
    free(data);
    return status;
}
