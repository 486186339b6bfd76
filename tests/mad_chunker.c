/* SPDX-License-Identifier: MIT */
/* mad_chunker.c - plug-ins that are not what they should be, each built with one MAD_... defined.
 *
 * Without any it loads well, and lies in next(): how it does is what its option `how` says.
 */
#include <mapproc/chunker.h>
#include <string.h>

enum how {
    HOW_HONEST,
    HOW_ZERO,    /* a chunk of nothing */
    HOW_BEYOND,  /* a border one byte behind the view */
    HOW_HUGE,    /* a border further away than there is memory */
    HOW_MORE,    /* never enough */
    HOW_LATE,    /* honest at first, then a chunk of nothing */
    HOW_SKIPPED, /* a border in what it does not want to see */
    HOW_MOST,    /* wants chunks of more than anybody may have */
    HOW_NO_MOST, /* of nothing */
    HOW_REFUSES, /* its settings */
    HOWS
};

enum { MOST = 4096, LATE = 10 };

struct mad {
    uint64_t how;
    unsigned calls;
};

#ifndef MAD_ABI
#define MAD_ABI MAPPROC_CHUNKER_ABI
#endif
#ifndef MAD_STATE
#define MAD_STATE sizeof(struct mad)
#endif
#ifndef MAD_NAME
#define MAD_NAME "mad"
#endif
#ifndef MAD_SYMBOL
#define MAD_SYMBOL mapproc_chunker_plugin
#endif

static const struct mapproc_chunker_option options[] = {
    {"how", "how it lies", HOW_HONEST, 0, HOWS - 1},
#ifdef MAD_OPTIONS
    {"Not a key", NULL, 0, 1, 0},
#endif
    {NULL, NULL, 0, 0, 0},
};

#ifndef MAD_NO_INIT
static const char *mad_init(void *state, const struct mapproc_chunker_settings *settings)
{
    const struct mad mad = {.how = settings->options[0]};

    memcpy(state, &mad, sizeof(mad));
    return mad.how == HOW_REFUSES ? "does not like it" : NULL;
}
#endif

static size_t mad_most(const void *state)
{
    uint64_t how = ((const struct mad *)state)->how;

    return how == HOW_MOST ? (size_t)-1 : how == HOW_NO_MOST ? 0 : MOST;
}

static size_t mad_skip(const void *state)
{
    return ((const struct mad *)state)->how == HOW_SKIPPED ? 100 : 0;
}

#ifndef MAD_NO_NEXT
static size_t mad_next(void *state, const uint8_t *view, size_t length, bool at_end)
{
    struct mad *mad = state;

    (void)view;
    mad->calls++;
    switch (mad->how) {
    case HOW_ZERO:
        return 0;
    case HOW_BEYOND:
        return length + 1;
    case HOW_HUGE:
        return (size_t)-2;
    case HOW_MORE:
        return MAPPROC_CHUNKER_MORE;
    case HOW_SKIPPED:
        return 7;
    case HOW_LATE:
        if (mad->calls > LATE)
            return 0;
        break;
    default:
        break;
    }
    if (length >= MOST)
        return MOST;
    return at_end ? length : MAPPROC_CHUNKER_MORE;
}
#endif

MAPPROC_CHUNKER_EXPORT const struct mapproc_chunker MAD_SYMBOL = {
    .abi = MAD_ABI,
    .name = MAD_NAME,
    .summary = "lies",
    .options = options,
    .state_size = MAD_STATE,
    .reads_data = true,
#ifndef MAD_NO_INIT
    .init = mad_init,
#endif
#ifndef MAD_NO_NEXT
    .next = mad_next,
#endif
    .most = mad_most,
    .skip = mad_skip,
};
