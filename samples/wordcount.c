/* SPDX-License-Identifier: MIT */
/* wordcount.c - a job of one's own: the lines and words of a huge text, as `wc -lw` counts them.
 *
 *     cc -O3 wordcount.c -lmapproc -o wordcount && ./wordcount hugefile.txt [CHUNKER]
 *
 * Chunks are counted on all cores, each by itself. Where one ends does not matter: whether a word
 * goes on behind it is put right when the chunks are added up, in their order. CHUNKER lets you try
 * others, such as "lines".
 */
#include <mapproc.h>
#include <stdio.h>
#include <string.h>

/* Of one chunk; and of all that was added up. */
struct counts {
    uint64_t lines, words;
    int begins_in_word, ends_in_word;
};

static unsigned is_space(uint8_t byte)
{
    return (byte == ' ') | ((uint8_t)(byte - '\t') < 5);
}

/* Bytes that are counted in one go, in counters of one byte: compilers make vectors of that. */
enum { STEP = 128 };

/* On any thread, in any order: writes nothing but the scratch, which is zeros at first. */
static int count_chunk(void *user, const struct mapproc_chunk_view *chunk)
{
    struct counts *counts = chunk->scratch;
    const uint8_t *bytes = chunk->data;
    size_t at = 1;

    (void)user;
    counts->begins_in_word = !is_space(bytes[0]);
    counts->ends_in_word = !is_space(bytes[chunk->length - 1]);
    counts->lines = bytes[0] == '\n';
    counts->words = counts->begins_in_word ? 1 : 0;
    for (; at + STEP <= chunk->length; at += STEP) {
        uint8_t lines = 0, words = 0;

        for (size_t i = at; i < at + STEP; i++) {
            lines = (uint8_t)(lines + (bytes[i] == '\n'));
            words = (uint8_t)(words + (is_space(bytes[i - 1]) & !is_space(bytes[i])));
        }
        counts->lines += lines;
        counts->words += words;
    }
    for (; at < chunk->length; at++) {
        counts->lines += bytes[at] == '\n';
        counts->words += is_space(bytes[at - 1]) & !is_space(bytes[at]);
    }
    return 0;
}

/* In the order of the file, never two at once. */
static int add_up(void *user, const struct mapproc_chunk_view *chunk)
{
    const struct counts *counts = chunk->scratch;
    struct counts *total = user;

    total->lines += counts->lines;
    total->words += counts->words;
    if (total->ends_in_word && counts->begins_in_word)
        total->words--; /* it was counted on both sides of the border */
    total->ends_in_word = counts->ends_in_word;
    return 0;
}

int main(int argc, char **argv)
{
    struct mapproc_chunk_job job = {
        .scratch_size = sizeof(struct counts), .process = count_chunk, .commit = add_up};
    struct mapproc_error error;
    struct counts total = {0};

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: wordcount FILE [CHUNKER]\n");
        return 2;
    }
    job.chunker = argc == 3 ? argv[2] : NULL;
    if (mapproc_process_chunks(argv[1], &job, &total, NULL, &error) != MAPPROC_OK) {
        fprintf(stderr, "%s: %s", argv[1], error.what);
        if (error.system_error != 0)
            fprintf(stderr, " (%s)", strerror(error.system_error));
        fputc('\n', stderr);
        return 1;
    }
    printf("%llu %llu %s\n", (unsigned long long)total.lines, (unsigned long long)total.words,
           argv[1]);
    return 0;
}
