/* SPDX-License-Identifier: MIT */
/* inflater_isal.c - inflating piece by piece through ISA-L.
 *
 * ISA-L takes whole words of input into a buffer of bits (read_in, read_in_length of them) and
 * keeps in it what it has not decoded. What that is of the current input is given back when it may
 * be behind the stream: at its end, and where the output is full. Where it stopped because the
 * input was used up, the bits left are the beginning of a code and the stream's own.
 */
#include <isa-l.h>
#include <stdlib.h>

#include "base/checked.h"
#include "codec/inflater.h"
#include "codec/isal_version.h"

struct mapproc_inflater {
    struct inflate_state state;
    bool bad;
};

struct mapproc_inflater *mapproc_inflater_new(void)
{
    struct mapproc_inflater *inflater = malloc(sizeof(*inflater));

    if (inflater != NULL)
        mapproc_inflater_reset(inflater);
    return inflater;
}

void mapproc_inflater_free(struct mapproc_inflater *inflater)
{
    free(inflater);
}

void mapproc_inflater_reset(struct mapproc_inflater *inflater)
{
    isal_inflate_init(&inflater->state);
    inflater->bad = false;
}

/* The whole stream has been decoded, though not all of it may have found room in the output. */
static bool is_decoded(const struct inflate_state *state)
{
    return state->block_state == ISAL_BLOCK_INPUT_DONE || state->block_state == ISAL_BLOCK_FINISH;
}

/* Gives back whole bytes out of the buffer of bits, at most the `taken` that came with this call.
 */
static void give_back(struct inflate_state *state, uint32_t taken)
{
    uint32_t bytes = state->read_in_length > 0 ? (uint32_t)state->read_in_length / 8 : 0;

    bytes = bytes < taken ? bytes : taken;
    state->next_in -= bytes;
    state->avail_in += bytes;
    state->read_in_length -= (int32_t)(8 * bytes);
    state->read_in &= (UINT64_C(1) << state->read_in_length) - 1;
}

/* One call of ISA-L, whose sizes have 32 bits. Returns false if the data is bad. */
static bool step(struct mapproc_inflater *inflater, const uint8_t **in, size_t *in_left,
                 uint8_t **out, size_t *out_left)
{
    const uint32_t input = (uint32_t)mapproc_min_u64(*in_left, UINT32_MAX / 2);
    const uint32_t room = (uint32_t)mapproc_min_u64(*out_left, UINT32_MAX / 2);
    struct inflate_state *state = &inflater->state;
    const bool decoded = is_decoded(state);

    state->next_in = (uint8_t *)(uintptr_t)*in; /* only read, though it is not const there */
    state->avail_in = input;
    state->next_out = *out;
    state->avail_out = room;
    if (isal_inflate(state) < 0)
        return false;
    if (!decoded && (is_decoded(state) || state->avail_out == 0))
        give_back(state, input - state->avail_in);
    *in += input - state->avail_in;
    *in_left -= input - state->avail_in;
    *out += room - state->avail_out;
    *out_left -= room - state->avail_out;
    return true;
}

enum mapproc_inflater_status mapproc_inflater_run(struct mapproc_inflater *inflater,
                                                  const uint8_t **in, size_t *in_left,
                                                  uint8_t **out, size_t *out_left)
{
    struct inflate_state *state = &inflater->state;
    size_t in_before, out_before;

    if (inflater->bad)
        return MAPPROC_INFLATER_BAD;
    do {
        if (state->block_state == ISAL_BLOCK_FINISH)
            return MAPPROC_INFLATER_END;
        in_before = *in_left;
        out_before = *out_left;
        inflater->bad = !step(inflater, in, in_left, out, out_left);
        if (inflater->bad)
            return MAPPROC_INFLATER_BAD;
    } while (*in_left != in_before || *out_left != out_before);
    return state->block_state == ISAL_BLOCK_FINISH ? MAPPROC_INFLATER_END : MAPPROC_INFLATER_MORE;
}

unsigned mapproc_inflater_padding(const struct mapproc_inflater *inflater)
{
    /* All whole bytes have been given back. */
    return (unsigned)(inflater->state.read_in & 0xff);
}

bool mapproc_inflater_takes_incomplete(void)
{
    return true;
}

const char *mapproc_inflater_name(void)
{
    return "isal";
}

const char *mapproc_inflater_version(void)
{
    return MAPPROC_ISAL_VERSION;
}
