/* SPDX-License-Identifier: MIT */
/* inflate_verdict.c - what is wrong with a member, from what came of inflating it. */
#include "jobs/inflate_verdict.h"

#include "codec/codec.h"
#include "codec/stored.h"

enum { DEFLATE_RATIO_MAX = 1032 }; /* bytes of data that a byte of deflate can make */

bool mapproc_inflate_is_plausible(uint64_t raw_length, uint64_t length)
{
    return raw_length / DEFLATE_RATIO_MAX <= length;
}

const char *mapproc_inflate_judge(const struct mapproc_inflate_facts *facts)
{
    if (facts->status == MAPPROC_INFLATER_BAD)
        return "its deflate data is broken";
    if (facts->cut_short)
        return "the file ends in it";
    if (facts->status != MAPPROC_INFLATER_END || !facts->exact)
        return "its deflate data does not end where its header says";
    if (facts->crc != facts->stated_crc)
        return "its CRC is wrong";
    if ((uint32_t)facts->made != facts->stated_size)
        return "its length is wrong";
    if (facts->unused_set)
        return "bits of it that have no use are set";
    return NULL;
}

bool mapproc_inflate_stored_is_clean(const uint8_t *data, size_t length)
{
    size_t at = 0;

    while (length - at >= MAPPROC_STORED_HEADER && (data[at] >> 1 & 3) == 0) {
        size_t block = (size_t)data[at + 1] | (size_t)data[at + 2] << 8;

        if (data[at] >> 3 != 0)
            return false;
        if ((data[at] & 1) != 0 || length - at - MAPPROC_STORED_HEADER < block)
            break;
        at += MAPPROC_STORED_HEADER + block;
    }
    return true;
}

/* zlib's, which is always there and refuses what gzip refuses. */
static const struct mapproc_codec *find_checker(void)
{
    return mapproc_codec_find("zlib");
}

bool mapproc_inflate_has_incomplete(void **checker, const uint8_t *data, size_t length,
                                    uint8_t *out, size_t made)
{
    size_t used, got;

    if (!mapproc_inflater_takes_incomplete())
        return false;
    if (*checker == NULL)
        *checker = find_checker()->decompressor_new();
    return *checker != NULL && find_checker()->decompress(*checker, data, length, out, made, &used,
                                                          &got) != MAPPROC_INFLATE_OK;
}

void mapproc_inflate_checker_free(void *checker)
{
    if (checker != NULL)
        find_checker()->decompressor_free(checker);
}
