/* SPDX-License-Identifier: MIT */
/* find_pattern.c - finds bytes in a huge file on all cores: the offsets that `grep -abo -F` tells.
 *
 *     cc find_pattern.c -lmapproc -o find_pattern && ./find_pattern 'some text' disk.img
 *
 * Each chunk gets a bit for each of its bytes: here an occurrence begins. Those that lie across a
 * border are found when the chunks are put in a row: they begin in the last bytes of what was
 * before, which are kept for that.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem() */
#endif
#include <mapproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const char *pattern;
    size_t length; /* of the pattern, at least 1 */
    uint8_t *tail; /* the last bytes so far, fewer than the pattern has; and room for as many */
    size_t tail_size;
    uint64_t free_from; /* occurrences that overlap the last one do not count */
    uint64_t found;
};

/* On any thread, in any order: all occurrences inside the chunk, into the bits of its scratch. */
static int look_for(void *user, const struct mapproc_chunk_view *chunk)
{
    const struct search *search = user;
    const uint8_t *at = chunk->data, *end = chunk->data + chunk->length;
    uint8_t *bits = chunk->scratch;

    while (at < end &&
           (at = memmem(at, (size_t)(end - at), search->pattern, search->length)) != NULL) {
        size_t offset = (size_t)(at - chunk->data);

        bits[offset / 8] |= (uint8_t)(1 << offset % 8);
        at++;
    }
    return 0;
}

static void tell(struct search *search, uint64_t offset)
{
    if (offset < search->free_from)
        return;
    printf("%llu\n", (unsigned long long)offset);
    search->free_from = offset + search->length;
    search->found++;
}

/* Finds what begins in the tail and ends in the chunk; then keeps the tail of both. */
static void look_across(struct search *search, const struct mapproc_chunk_view *chunk)
{
    size_t most = search->length - 1, size = search->tail_size;
    size_t head = chunk->length < most ? chunk->length : most;
    uint64_t begin = chunk->offset - size;

    memcpy(search->tail + size, chunk->data, head);
    for (size_t i = 0; i < size && i + search->length <= size + head; i++)
        if (memcmp(search->tail + i, search->pattern, search->length) == 0)
            tell(search, begin + i);
    if (chunk->length >= most) {
        memcpy(search->tail, chunk->data + chunk->length - most, most);
        search->tail_size = most;
    } else {
        size_t kept = size + head < most ? size + head : most;

        memmove(search->tail, search->tail + size + head - kept, kept);
        search->tail_size = kept;
    }
}

/* In the order of the file, never two at once. */
static int put_in_a_row(void *user, const struct mapproc_chunk_view *chunk)
{
    const uint8_t *bits = chunk->scratch;
    struct search *search = user;

    look_across(search, chunk);
    for (size_t i = 0; i < (chunk->length + 7) / 8; i++)
        for (unsigned bit = 0; bits[i] >> bit != 0; bit++)
            if (bits[i] >> bit & 1)
                tell(search, chunk->offset + i * 8 + bit);
    return 0;
}

int main(int argc, char **argv)
{
    const struct mapproc_chunk_job job = {
        .scratch_per_kib = 1024 / 8, .process = look_for, .commit = put_in_a_row};
    struct mapproc_options options = {0};
    struct mapproc_error error;
    struct search search = {0};
    int result;

    if ((argc != 3 && argc != 4) || argv[1][0] == '\0') {
        fprintf(stderr, "usage: find_pattern PATTERN FILE [CHUNK-SIZE]\n");
        return 2;
    }
    search.pattern = argv[1];
    search.length = strlen(argv[1]);
    search.tail = malloc(2 * search.length);
    if (search.tail == NULL) {
        perror("find_pattern");
        return 2;
    }
    if (argc == 4)
        options.chunk_size = strtoul(argv[3], NULL, 10);
    result = mapproc_process_chunks(argv[2], &job, &search, &options, &error);
    free(search.tail);
    if (result != MAPPROC_OK) {
        fprintf(stderr, "%s: %s", argv[2], error.what);
        if (error.system_error != 0)
            fprintf(stderr, " (%s)", strerror(error.system_error));
        fputc('\n', stderr);
        return 2;
    }
    return search.found > 0 ? 0 : 1;
}
