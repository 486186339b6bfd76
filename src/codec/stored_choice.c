/* SPDX-License-Identifier: MIT */
/* stored_choice.c - finding out cheaply that data cannot be compressed.
 *
 * Windows of the data are looked at, spread evenly but not regularly. Deflate gains where few byte
 * values are used, or some much more than others, and where bytes come again within 32 KiB. The
 * first shows in a window that has few values, as text, code and zeros have; or else in how uneven
 * the values of all windows together are, as of numbers in binary. The second shows in a window
 * whose groups of four bytes were there before: in itself, in an earlier window, or at one of the
 * places between them that are noted for the purpose, close enough to each other that a long
 * repetition must meet one.
 *
 * What is not seen: repetitions shorter than the distance of those places that are not in the same
 * window either, and whatever is in less than a fiftieth of the data. That costs at most what it
 * would have saved.
 *
 * All of it is integer arithmetic on the bytes: the same answer everywhere.
 */
#include <string.h>

#include "base/checked.h"
#include "codec/stored.h"

enum {
    LENGTH_LEAST = 4096, /* bytes; less is compressed before it is looked at */
    WINDOW = 256,        /* bytes */
    WINDOWS_LEAST = 8,
    WINDOWS_MOST = 128,
    WINDOW_EVERY = 4096,  /* bytes, in data of 32 to 512 KiB */
    VALUES_LEAST = 128,   /* a window of random bytes has 162 values, +- 5 */
    MATCHES_LEAST = 3,    /* groups of a window that were there before: five bytes at least */
    NOTED_EVERY = 64,     /* bytes between the places noted */
    REACH = 32 << 10,     /* bytes back, as deflate can refer to */
    TABLE_BITS = 13,      /* more than what is noted within the reach */
    UNEVEN_PERMILLE = 150 /* see is_uneven() */
};

/* Where a group of four bytes was last. */
struct noted {
    uint32_t group;
    uint32_t place; /* plus 1; 0: nowhere */
};

struct sample {
    const uint8_t *data;
    size_t length;
    size_t windows;
    size_t weak_most;     /* windows that may compress while all is worth storing */
    size_t weak;          /* windows that do */
    uint32_t counts[256]; /* of byte values */
    struct noted noted[1 << TABLE_BITS];
};

/* Where a window begins: somewhere in its own part of the data, by no rule that data may have. */
static size_t window_at(const struct sample *sample, size_t index)
{
    const size_t part = sample->length / sample->windows;
    const uint32_t noise = (uint32_t)(index + 1) * UINT32_C(2654435761) >> 8;

    return index * part + noise % (part - WINDOW + 1);
}

static bool add_weak(struct sample *sample)
{
    return ++sample->weak > sample->weak_most;
}

/* Counts the values of a window. Returns how many different ones there are. */
static unsigned count_values(struct sample *sample, const uint8_t *window)
{
    uint8_t seen[256] = {0};
    unsigned different = 0;

    for (unsigned i = 0; i < WINDOW; i++) {
        different += 1u - seen[window[i]];
        seen[window[i]] = 1;
        sample->counts[window[i]]++;
    }
    return different;
}

/*
 * Whether some values are so much more frequent that a code for them saves some 2 %. With p(v) the
 * part of value v, 256 * sum(p(v)^2) is 1 where all are alike, and 1 + x where a code saves between
 * x / 2 and x, times log2(e), bits of each 8. In n random bytes chance alone makes x 255 / n, give
 * or take 23 / n; it is allowed five times that.
 */
static bool is_uneven(const struct sample *sample)
{
    const uint64_t n = (uint64_t)sample->windows * WINDOW;
    uint64_t squares = 0;

    for (unsigned i = 0; i < 256; i++)
        squares += (uint64_t)sample->counts[i] * sample->counts[i];
    return 1000 * (256 * squares - (255 + 5 * 23) * n) > (1000 + UNEVEN_PERMILLE) * n * n;
}

/* ---- repetitions ---- */

/* Notes the group of four bytes there. Returns whether one like it was noted within the reach. */
static bool note_group(struct sample *sample, size_t at)
{
    struct noted now = {.place = (uint32_t)at + 1}, last, *noted;

    memcpy(&now.group, sample->data + at, sizeof(now.group));
    noted = &sample->noted[now.group * UINT32_C(2654435761) >> (32 - TABLE_BITS)];
    last = *noted;
    *noted = now;
    return last.group == now.group && last.place != 0 && now.place - last.place <= REACH;
}

/* Goes through the windows and the places before them. True if too many windows repeat. */
static bool has_repetitions(struct sample *sample)
{
    size_t noted = 0;

    memset(sample->noted, 0, sizeof(sample->noted));
    for (size_t i = 0; i < sample->windows; i++) {
        const size_t begin = window_at(sample, i);
        unsigned matches = 0;

        if (begin > REACH && noted < begin - REACH)
            noted = begin - REACH;
        for (; noted < begin; noted += NOTED_EVERY)
            (void)note_group(sample, noted);
        for (size_t at = begin; at <= begin + WINDOW - sizeof(uint32_t); at++)
            matches += note_group(sample, at);
        if (matches >= MATCHES_LEAST && add_weak(sample))
            return true;
        noted = begin + WINDOW;
    }
    return false;
}

bool mapproc_stored_is_better(const uint8_t *data, size_t length)
{
    struct sample sample;

    if (length < LENGTH_LEAST)
        return length == 0;
    sample.data = data;
    sample.length = length;
    sample.windows = (size_t)mapproc_min_u64(length / WINDOW_EVERY, WINDOWS_MOST);
    if (sample.windows < WINDOWS_LEAST)
        sample.windows = WINDOWS_LEAST;
    sample.weak_most = sample.windows / 50;
    sample.weak = 0;
    memset(sample.counts, 0, sizeof(sample.counts));
    for (size_t i = 0; i < sample.windows; i++)
        if (count_values(&sample, data + window_at(&sample, i)) < VALUES_LEAST && add_weak(&sample))
            return false;
    return !is_uneven(&sample) && !has_repetitions(&sample);
}
