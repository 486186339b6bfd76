/* SPDX-License-Identifier: MIT */
/* cdc.c - borders chosen by the content, so that an insertion moves only those near it.
 *
 * The rule, after Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for
 * Data Deduplication" (USENIX ATC 2016), with a hash that depends on no border:
 *
 *     gear[b]   = SplitMix64 number b, that is mix((b + 1) * 0x9e3779b97f4a7c15), where mix(z) is
 *                 z ^= z >> 30; z *= 0xbf58476d1ce4e5b9; z ^= z >> 27; z *= 0x94d049bb133111eb;
 *                 z ^= z >> 31
 *     hash(i)   = sum of gear[byte i - k] << k for k from 0 to 63, modulo 2^64
 *     a chunk   ends behind the first of its bytes i, counted from 0, for which
 *                 min <= i + 1 < avg    and the upper b + 2 bits of hash(i) are zero, or
 *                 avg <= i + 1 < max    and the upper b - 2 bits of hash(i) are zero, or
 *                 i + 1 = max,
 *               where b is the binary logarithm of avg, rounded down; or at the end of the source
 *
 * The hash has forgotten a byte after 64 more, and min is at least 64, so it never reaches into the
 * chunk before: whether a byte can be a border is known from the 64 bytes that end with it.
 */
#include "chunkers/chunker.h"

enum {
    WINDOW = 64,          /* bytes that the hash depends on */
    AVG_USUAL = 64 << 10, /* bytes */
    MIN_DIVISOR = 4,      /* the usual min and max in relation to avg */
    MAX_FACTOR = 4,
    NORMALISATION = 2, /* bits by which it is harder before avg and easier behind it */
};

enum { OPTION_MIN, OPTION_AVG, OPTION_MAX };

/* Behind `scanned` bytes of the current view, which have no border, the hash is `hash`. */
struct cdc {
    size_t min, avg, max;
    uint64_t hard, easy; /* a hash below it is a border */
    size_t scanned;      /* 0: it has not begun */
    uint64_t hash;
};

static const struct mapproc_chunker_option options[] = {
    [OPTION_MIN] = {"min", "bytes of the smallest chunk (default avg / 4)", 0, WINDOW,
                    MAPPROC_CHUNKER_MOST},
    [OPTION_AVG] = {"avg", "bytes that most chunks are near to (default --chunk-size or 64K)", 0,
                    WINDOW, MAPPROC_CHUNKER_MOST},
    [OPTION_MAX] = {"max", "bytes of the largest chunk (default avg * 4)", 0, WINDOW,
                    MAPPROC_CHUNKER_MOST},
    {NULL, NULL, 0, 0, 0},
};

/* The table as constant expressions: the compiler computes what the rule says. */
#define MIX_1(z)   (((z) ^ ((z) >> 30)) * UINT64_C(0xbf58476d1ce4e5b9))
#define MIX_2(z)   (((z) ^ ((z) >> 27)) * UINT64_C(0x94d049bb133111eb))
#define MIX_3(z)   ((z) ^ ((z) >> 31))
#define GEAR(b)    MIX_3(MIX_2(MIX_1(((b) + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15))))
#define GEAR_4(b)  GEAR(b), GEAR(b + 1), GEAR(b + 2), GEAR(b + 3)
#define GEAR_16(b) GEAR_4(b), GEAR_4(b + 4), GEAR_4(b + 8), GEAR_4(b + 12)
#define GEAR_64(b) GEAR_16(b), GEAR_16(b + 16), GEAR_16(b + 32), GEAR_16(b + 48)

static const uint64_t gear[256] = {GEAR_64(0), GEAR_64(64), GEAR_64(128), GEAR_64(192)};

static const char *cdc_init(void *state, const struct mapproc_chunker_settings *settings)
{
    struct cdc *cdc = state;
    const uint64_t *given = settings->options;
    size_t avg = given[OPTION_AVG] != 0      ? (size_t)given[OPTION_AVG]
                 : settings->chunk_size != 0 ? settings->chunk_size
                                             : AVG_USUAL;
    size_t min = given[OPTION_MIN] != 0 ? (size_t)given[OPTION_MIN] : avg / MIN_DIVISOR;
    size_t max = given[OPTION_MAX] != 0                    ? (size_t)given[OPTION_MAX]
                 : avg < MAPPROC_CHUNKER_MOST / MAX_FACTOR ? avg * MAX_FACTOR
                                                           : MAPPROC_CHUNKER_MOST;
    int bits = 63 - __builtin_clzll(avg | 1);

    if (min < WINDOW)
        min = WINDOW;
    if (avg < min || max < avg)
        return "must be min <= avg <= max";
    *cdc = (struct cdc){
        .min = min,
        .avg = avg,
        .max = max,
        .hard = UINT64_C(1) << (64 - bits - NORMALISATION),
        .easy = UINT64_C(1) << (64 - bits + NORMALISATION),
    };
    return NULL;
}

static size_t found(uint64_t *hash, uint64_t value, size_t border)
{
    *hash = value;
    return border;
}

/* The hash behind `length` bytes, of which there is nothing in front. */
static uint64_t warm_up(const uint8_t *bytes, size_t length)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < length; i++)
        hash = (hash << 1) + gear[bytes[i]];
    return hash;
}

/*
 * Looks at the bytes [from, to) of the view for the first behind which the hash is below `limit`.
 * Returns its number plus 1, or 0. Four at a time, because each step of the hash needs the one
 * before: what four bytes add to it can be had without.
 */
static size_t search_bytes(const uint8_t *view, size_t from, size_t to, uint64_t limit,
                           uint64_t *hash)
{
    uint64_t h = *hash;
    size_t i = from;

    for (; to - i >= 4; i += 4) {
        uint64_t a = gear[view[i]];
        uint64_t b = (a << 1) + gear[view[i + 1]];
        uint64_t c = (b << 1) + gear[view[i + 2]];
        uint64_t d = (c << 1) + gear[view[i + 3]];

        if ((h << 1) + a < limit)
            return found(hash, (h << 1) + a, i + 1);
        if ((h << 2) + b < limit)
            return found(hash, (h << 2) + b, i + 2);
        if ((h << 3) + c < limit)
            return found(hash, (h << 3) + c, i + 3);
        h = (h << 4) + d;
        if (h < limit)
            return found(hash, h, i + 4);
    }
    for (; i < to; i++) {
        h = (h << 1) + gear[view[i]];
        if (h < limit)
            return found(hash, h, i + 1);
    }
    return found(hash, h, 0);
}

/* Goes on with the search of a view up to byte `to` of the view. Returns the border or 0. */
static size_t search(struct cdc *cdc, const uint8_t *view, size_t to, uint64_t limit)
{
    size_t border;

    if (to <= cdc->scanned)
        return 0;
    border = search_bytes(view, cdc->scanned, to, limit, &cdc->hash);
    cdc->scanned = to;
    return border;
}

/* The border in the first `length` bytes, or 0. */
static size_t find(struct cdc *cdc, const uint8_t *view, size_t length)
{
    size_t hard_end = length < cdc->avg - 1 ? length : cdc->avg - 1;
    size_t easy_end = length < cdc->max - 1 ? length : cdc->max - 1;
    size_t border;

    if (length < cdc->min)
        return 0;
    if (cdc->scanned == 0) {
        cdc->hash = warm_up(view + cdc->min - WINDOW, WINDOW - 1);
        cdc->scanned = cdc->min - 1;
    }
    border = search(cdc, view, hard_end, cdc->hard);
    if (border == 0 && length >= cdc->avg)
        border = search(cdc, view, easy_end, cdc->easy);
    return border == 0 && length >= cdc->max ? cdc->max : border;
}

static size_t cdc_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct cdc *cdc = state;
    size_t border = find(cdc, view, length);

    if (border == 0 && at_end)
        border = length;
    if (border == 0)
        return MAPPROC_CHUNKER_MORE;
    cdc->scanned = 0;
    return border;
}

enum { KIND_HARD, KIND_EASY }; /* a mark of a hash that is below `hard`, or only below `easy` */

static size_t cdc_scan(const void *state, const uint8_t *bytes, size_t before, size_t length,
                       uint32_t *marks, size_t room)
{
    const struct cdc *cdc = state;
    size_t warm = before < WINDOW - 1 ? before : WINDOW - 1;
    uint64_t hash = warm_up(bytes - warm, warm);
    size_t count = 0;

    for (size_t at = 0;
         at < length && (at = search_bytes(bytes, at, length, cdc->easy, &hash)) != 0; count++) {
        if (count == room)
            return room + 1;
        marks[count] = (uint32_t)((at - 1) << 1 | (hash < cdc->hard ? KIND_HARD : KIND_EASY));
    }
    return count;
}

static bool cdc_accepts(const void *state, size_t length, unsigned kind)
{
    const struct cdc *cdc = state;

    return length >= (kind == KIND_HARD ? cdc->min : cdc->avg);
}

static size_t cdc_most(const void *state)
{
    return ((const struct cdc *)state)->max;
}

static size_t cdc_skip(const void *state)
{
    return ((const struct cdc *)state)->min - WINDOW;
}

extern const struct mapproc_chunker mapproc_chunker_cdc;
const struct mapproc_chunker mapproc_chunker_cdc = {
    .abi = MAPPROC_CHUNKER_ABI,
    .name = "cdc",
    .summary = "borders chosen by the content: an insertion leaves those further on where they are",
    .options = options,
    .state_size = sizeof(struct cdc),
    .reads_data = true,
    .init = cdc_init,
    .next = cdc_next,
    .most = cdc_most,
    .skip = cdc_skip,
    .scan = cdc_scan,
    .accepts = cdc_accepts,
};
