/* SPDX-License-Identifier: MIT */
/* gzip_header.c - reading the headers of gzip members (RFC 1952) and the sizes that some state. */
#include "format/gzip_header.h"

#include <string.h>

#include "digest/crc_kernels.h"
#include "format/gzip_member.h"

enum { FHCRC = 0x02, FEXTRA = 0x04, FNAME = 0x08, FCOMMENT = 0x10, RESERVED = 0xe0 }; /* of FLG */

enum {
    FIXED = 10, /* bytes that every header has */
    FLG = 3,    /* where they are */
    XFL = 8,
    FIELD_HEAD = 4,  /* bytes before a subfield's data: id and length */
    DEFLATE_MIN = 2, /* bytes of the shortest deflate stream */
    XFL_SMALLEST = 2,
    XFL_FASTEST = 4 /* what compressors say of themselves */
};

const char mapproc_gzip_damaged[] = "its header is damaged";

/* The subfields that state a size, in the order of enum mapproc_gzip_kind from IG on. */
static const struct {
    char id[2];
    uint32_t length;
    bool deflate_only; /* the size is without header and trailer */
    unsigned add;      /* to get the size */
} fields[] = {
    {{'I', 'G'}, 4, false, 0},
    {{'M', 'Z'}, 4, true, 0},
    {{'B', 'C'}, 2, false, 1},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* What a header consists of, in this order. */
enum part {
    PART_FIXED,
    PART_EXTRA_LENGTH,
    PART_FIELD_HEAD,
    PART_FIELD,
    PART_NAME,
    PART_COMMENT,
    PART_CRC,
    PART_END
};

static uint32_t get_u16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return get_u16(bytes) | get_u16(bytes + 2) << 16;
}

static void fail(struct mapproc_gzip_parser *parser, const char *reason)
{
    if (parser->header.reason == NULL)
        parser->header.reason = reason;
}

/* ---- the first look ---- */

/* Bits in which the first MAPPROC_GZIP_LOOK bytes differ. */
static int count_differing_bits(const uint8_t *a, const uint8_t *b)
{
    int count = 0;

    for (size_t i = 0; i < MAPPROC_GZIP_LOOK; i++)
        count += __builtin_popcount((unsigned)(a[i] ^ b[i]));
    return count;
}

/* Compares the first bytes with the two forms that have no variants. */
static void look_at_form(struct mapproc_gzip_parser *parser, const uint8_t *data)
{
    static const uint8_t *const forms[] = {mapproc_gzip_ours_end, mapproc_gzip_bgzf_end};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        int differing = count_differing_bits(data, forms[i]);

        if (differing == 0)
            parser->header.exact = true;
        else if (differing == 1 && forms[i] == mapproc_gzip_bgzf_end &&
                 (data[XFL] == XFL_SMALLEST || data[XFL] == XFL_FASTEST))
            parser->header.doubtful = true;
        else if (differing == 1)
            fail(parser, mapproc_gzip_damaged);
    }
}

/* What must be so in every header, as far as it has come. */
static void look_at_fixed(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    if ((length > 0 && data[0] != 0x1f) || (length > 1 && data[1] != 0x8b))
        fail(parser, "not gzip");
    else if (length > 2 && data[2] != 8)
        fail(parser, "unknown compression method");
    else if (length > FLG && (data[FLG] & RESERVED) != 0)
        fail(parser, "reserved flags are set");
}

/* ---- the parts ---- */

/* Begins the first part behind `part` that the header has. */
static void begin_behind(struct mapproc_gzip_parser *parser, enum part part)
{
    static const uint8_t wanted[] = {
        [PART_EXTRA_LENGTH] = FEXTRA,
        [PART_NAME] = FNAME,
        [PART_COMMENT] = FCOMMENT,
        [PART_CRC] = FHCRC,
    };
    unsigned next = part + 1;

    while (next < PART_END && (parser->flags & wanted[next]) == 0)
        next++;
    parser->part = next;
    parser->number_length = 0;
}

/* Collects the first `wanted` bytes of a part. True when they are all there. */
static bool collect(struct mapproc_gzip_parser *parser, unsigned wanted, const uint8_t *data,
                    size_t length, size_t *used)
{
    size_t missing = wanted - parser->number_length;

    *used = length < missing ? length : missing;
    memcpy(parser->number + parser->number_length, data, *used);
    parser->number_length += (unsigned)*used;
    return parser->number_length == wanted;
}

/* Begins the next subfield, if there is one. */
static void begin_field(struct mapproc_gzip_parser *parser)
{
    parser->number_length = 0;
    parser->part = PART_FIELD_HEAD;
    if (parser->extra_left == 0) {
        begin_behind(parser, PART_FIELD);
    } else if (parser->extra_left < FIELD_HEAD) {
        parser->broken_extra = true;
        parser->part = PART_FIELD;
        parser->field_left = parser->extra_left;
        parser->extra_left = 0;
    }
}

/* The subfield has ended: notes the size that it states. */
static void end_field(struct mapproc_gzip_parser *parser)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        if (parser->field_id != get_u16((const uint8_t *)fields[i].id))
            continue;
        if (parser->seen[i] > 0 || parser->field_length != fields[i].length) {
            parser->seen[i] = 2; /* whatever comes, it is no hint */
        } else {
            parser->seen[i] = 1;
            parser->values[i] =
                fields[i].length == 2 ? get_u16(parser->number) : get_u32(parser->number);
        }
    }
    begin_field(parser);
}

static size_t read_fixed(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    size_t used;

    if (collect(parser, FIXED, data, length, &used)) {
        parser->flags = parser->number[FLG];
        if (parser->flags & FHCRC)
            mapproc_crc_kernels_prepare();
        begin_behind(parser, PART_FIXED);
    }
    return used;
}

static size_t read_extra_length(struct mapproc_gzip_parser *parser, const uint8_t *data,
                                size_t length)
{
    size_t used;

    if (collect(parser, 2, data, length, &used)) {
        parser->extra_left = get_u16(parser->number);
        begin_field(parser);
    }
    return used;
}

static size_t read_field_head(struct mapproc_gzip_parser *parser, const uint8_t *data,
                              size_t length)
{
    size_t used;

    if (!collect(parser, FIELD_HEAD, data, length, &used))
        return used;
    parser->extra_left -= FIELD_HEAD;
    parser->field_id = get_u16(parser->number);
    parser->field_length = get_u16(parser->number + 2);
    if (parser->field_length > parser->extra_left)
        parser->broken_extra = true;
    parser->field_left = parser->broken_extra ? parser->extra_left : parser->field_length;
    parser->extra_left -= parser->field_left;
    parser->number_length = 0;
    parser->part = PART_FIELD;
    if (parser->field_left == 0)
        end_field(parser);
    return used;
}

static size_t read_field(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    size_t used = length < parser->field_left ? length : parser->field_left;
    size_t collected;

    (void)collect(parser, 4, data, used, &collected);
    parser->field_left -= (uint32_t)used;
    if (parser->field_left == 0)
        end_field(parser);
    return used;
}

/* A name or a comment: it ends with a zero byte. */
static size_t read_text(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    const uint8_t *end = memchr(data, 0, length);

    if (end == NULL)
        return length;
    begin_behind(parser, parser->part);
    return (size_t)(end + 1 - data);
}

static size_t read_crc(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    size_t used;

    if (collect(parser, 2, data, length, &used)) {
        if (get_u16(parser->number) != (parser->crc & 0xffff))
            fail(parser, "its header has a wrong checksum");
        begin_behind(parser, PART_CRC);
    }
    return used;
}

static size_t (*const readers[])(struct mapproc_gzip_parser *, const uint8_t *, size_t) = {
    [PART_FIXED] = read_fixed,
    [PART_EXTRA_LENGTH] = read_extra_length,
    [PART_FIELD_HEAD] = read_field_head,
    [PART_FIELD] = read_field,
    [PART_NAME] = read_text,
    [PART_COMMENT] = read_text,
    [PART_CRC] = read_crc,
};

/* ---- what all of it says ---- */

/* Finds out what size the subfields state. */
static void find_stated_size(struct mapproc_gzip_parser *parser)
{
    struct mapproc_gzip_header *header = &parser->header;

    for (unsigned i = 0; i < FIELDS; i++) {
        uint64_t size = (uint64_t)parser->values[i] + fields[i].add;

        if (parser->seen[i] != 1 || parser->broken_extra)
            continue;
        if (fields[i].deflate_only)
            size += header->length + MAPPROC_GZIP_TRAILER;
        if (size < header->length + DEFLATE_MIN + MAPPROC_GZIP_TRAILER)
            fail(parser, "its header states a size that cannot be");
        else if (header->stated_size != 0 && header->stated_size != size)
            fail(parser, "its header states two sizes");
        if (header->kind == MAPPROC_GZIP_PLAIN) {
            header->kind = (enum mapproc_gzip_kind)(MAPPROC_GZIP_IG + i);
            header->stated_size = size;
        }
    }
}

/* ---- */

void mapproc_gzip_parser_init(struct mapproc_gzip_parser *parser)
{
    memset(parser, 0, sizeof(*parser));
}

/* Reads on until the header or the data ends. Returns the bytes used. */
static size_t read_parts(struct mapproc_gzip_parser *parser, const uint8_t *data, size_t length)
{
    size_t done = 0;

    while (done < length && parser->part != PART_END && parser->header.reason == NULL) {
        bool is_crc = parser->part == PART_CRC;
        size_t used = readers[parser->part](parser, data + done, length - done);

        if ((parser->flags & FHCRC) != 0 && !is_crc)
            parser->crc = mapproc_crc32_extend(parser->crc, data + done, used);
        done += used;
    }
    parser->header.length += done;
    return done;
}

enum mapproc_gzip_result mapproc_gzip_parser_feed(struct mapproc_gzip_parser *parser,
                                                  const uint8_t *data, size_t length, size_t *used,
                                                  struct mapproc_gzip_header *header)
{
    *used = 0;
    if (parser->header.length == 0) {
        if (length >= MAPPROC_GZIP_LOOK)
            look_at_form(parser, data);
        look_at_fixed(parser, data, length);
    }
    if (parser->header.length > 0 || length >= MAPPROC_GZIP_LOOK)
        *used = read_parts(parser, data, length);
    if (parser->part == PART_END && parser->header.reason == NULL)
        find_stated_size(parser);
    *header = parser->header;
    if (header->reason != NULL)
        return MAPPROC_GZIP_BAD;
    return parser->part == PART_END ? MAPPROC_GZIP_GOOD : MAPPROC_GZIP_MORE;
}

enum mapproc_gzip_result mapproc_gzip_header_parse(const uint8_t *data, size_t length,
                                                   struct mapproc_gzip_header *header)
{
    struct mapproc_gzip_parser parser;
    size_t used;

    mapproc_gzip_parser_init(&parser);
    return mapproc_gzip_parser_feed(&parser, data, length, &used, header);
}

/* ---- the members of a file ---- */

const char *mapproc_gzip_watch_add(struct mapproc_gzip_watch *watch,
                                   const struct mapproc_gzip_header *header)
{
    if (header->doubtful)
        watch->doubtful++;
    else
        watch->sure++;
    return watch->doubtful > 0 && watch->sure > 0 ? mapproc_gzip_damaged : NULL;
}

const char *mapproc_gzip_watch_end(const struct mapproc_gzip_watch *watch)
{
    return watch->doubtful == 1 && watch->sure == 0 ? mapproc_gzip_damaged : NULL;
}

bool mapproc_gzip_tells_raw_size(const struct mapproc_gzip_header *header)
{
    uint64_t deflate = header->stated_size - header->length - MAPPROC_GZIP_TRAILER;

    return header->stated_size != 0 &&
           (header->exact || deflate <= (uint64_t)UINT32_MAX / MAPPROC_DEFLATE_EXPANSION);
}
