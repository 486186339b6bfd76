/* SPDX-License-Identifier: MIT */
/* test_gzip_member.c - headers of gzip members against zlib's reading, and what stands around data.
 */
#include "cmocka_all.h"

#include <string.h>

#define ZLIB_CONST /* it does not write to what it reads */
#include <zlib.h>

#include "format/gzip_member.h"
#include "guarded_buffer.h"
#include "random.h"

enum { ROOM = 96 * 1024 };

static struct guarded_buffer guarded;

/* The bytes, moved to where nothing may be read behind them. */
static const uint8_t *at_guard(const void *data, size_t length)
{
    return memcpy(guarded.end - length, data, length);
}

static enum mapproc_gzip_result parse(const void *data, size_t length,
                                      struct mapproc_gzip_header *header)
{
    return mapproc_gzip_header_parse(at_guard(data, length), length, header);
}

/* ---- the forms that are always the same ---- */

/* Inflates a whole gzip file by zlib. Returns the bytes of data, or -1. */
static long inflate_all(const uint8_t *data, size_t length, uint8_t *out, size_t room)
{
    z_stream stream = {.next_in = data,
                       .avail_in = (unsigned)length,
                       .next_out = out,
                       .avail_out = (unsigned)room};
    int result;

    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    result = inflate(&stream, Z_FINISH);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return result == Z_STREAM_END && stream.avail_in == 0 ? (long)stream.total_out : -1;
}

/* A member of either form, with text that zlib compresses. Returns its bytes. */
static size_t make_member(uint8_t *member, bool bgzf, const char *text)
{
    size_t head = bgzf ? MAPPROC_GZIP_BGZF_HEADER : MAPPROC_GZIP_OURS_HEADER;
    z_stream stream = {.next_in = (const uint8_t *)text,
                       .avail_in = (unsigned)strlen(text),
                       .next_out = member + head,
                       .avail_out = 1000};
    size_t size;

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size = head + stream.total_out + MAPPROC_GZIP_TRAILER;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    if (bgzf)
        mapproc_gzip_write_bgzf_header(member, (uint32_t)size);
    else
        mapproc_gzip_write_ours_header(member, (uint32_t)size);
    mapproc_gzip_write_trailer(member + size - MAPPROC_GZIP_TRAILER,
                               (uint32_t)crc32(0, (const uint8_t *)text, (unsigned)strlen(text)),
                               strlen(text));
    return size;
}

static void what_is_written_is_gzip(void **state)
{
    static const char text[] = "some text, some text, some text";
    uint8_t member[2000], out[100];

    (void)state;
    for (int bgzf = 0; bgzf < 2; bgzf++) {
        size_t size = make_member(member, bgzf, text);
        struct mapproc_gzip_header header;
        uint32_t crc, raw;

        assert_int_equal(inflate_all(member, size, out, sizeof(out)), strlen(text));
        assert_memory_equal(out, text, strlen(text));
        assert_int_equal(parse(member, size, &header), MAPPROC_GZIP_GOOD);
        assert_int_equal(header.kind, bgzf ? MAPPROC_GZIP_BGZF : MAPPROC_GZIP_IG);
        assert_int_equal(header.length, bgzf ? 18 : 20);
        assert_int_equal(header.stated_size, size);
        assert_true(header.exact);
        assert_false(header.doubtful);
        assert_null(header.reason);
        assert_int_equal(mapproc_gzip_end_wanted(&header), bgzf ? 28 : 30);
        mapproc_gzip_read_trailer(member + size - 8, &crc, &raw);
        assert_int_equal(crc, crc32(0, (const uint8_t *)text, (unsigned)strlen(text)));
        assert_int_equal(raw, strlen(text));
    }
}

/* As the SAM specification 4.1.2 has it, and as the description of our format. */
static void end_marks_are_known_bytes(void **state)
{
    static const uint8_t bgzf[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0\x42\x43\x02\0\x1b\0\x03"
                                  "\0\0\0\0\0\0\0\0";
    static const uint8_t ours[] = "\x1f\x8b\x08\x04\0\0\0\0\0\x03\x08\0IG\x04\0\x1e\0\0\0\x03"
                                  "\0\0\0\0\0\0\0\0";
    static const struct {
        const uint8_t *is, *wanted;
        size_t length;
    } marks[] = {{mapproc_gzip_bgzf_end, bgzf, 28}, {mapproc_gzip_ours_end, ours, 30}};
    uint8_t text[100];

    (void)state;
    assert_int_equal(sizeof(bgzf), 28);
    assert_int_equal(sizeof(ours), 30);
    for (size_t i = 0; i < 2; i++) {
        size_t length = marks[i].length;
        struct mapproc_gzip_header header;

        assert_memory_equal(marks[i].is, marks[i].wanted, length);
        assert_int_equal(inflate_all(marks[i].is, length, text, sizeof(text)), 0);
        assert_int_equal(parse(marks[i].is, length, &header), MAPPROC_GZIP_GOOD);
        assert_true(header.exact);
        assert_int_equal(header.stated_size, length);

        memset(text, 'x', sizeof(text));
        memcpy(text + 20, marks[i].is, length);
        assert_int_equal(mapproc_gzip_end_at_start(at_guard(text + 20, length), length), length);
        assert_int_equal(mapproc_gzip_end_at_start(text + 20, 80), length);
        assert_int_equal(mapproc_gzip_end_at_start(at_guard(text + 20, length), length - 1), 0);
        assert_int_equal(mapproc_gzip_end_at_start(text, 100), 0);
        assert_int_equal(mapproc_gzip_end_at_end(text, 20 + length), length);
        assert_int_equal(mapproc_gzip_end_at_end(at_guard(text + 20, length), length), length);
        assert_int_equal(mapproc_gzip_end_at_end(text + 21, length - 1), 0);
        assert_int_equal(mapproc_gzip_end_at_end(text, 21 + length), 0);
        for (size_t bit = 0; bit < 8 * length; bit++) {
            text[20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(mapproc_gzip_end_at_start(text + 20, length), 0);
            assert_int_equal(mapproc_gzip_end_at_end(text, 20 + length), 0);
            text[20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_int_equal(mapproc_gzip_end_at_start(text, 0), 0);
    assert_int_equal(mapproc_gzip_end_at_end(text, 0), 0);
}

static void each_flipped_bit_is_noticed(void **state)
{
    uint8_t member[2000];

    (void)state;
    for (int bgzf = 0; bgzf < 2; bgzf++) {
        size_t size = make_member(member, bgzf, "text");

        for (size_t bit = 0; bit < 8 * (size_t)(bgzf ? 18 : 20); bit++) {
            struct mapproc_gzip_header header;
            enum mapproc_gzip_result result;

            member[bit / 8] ^= (uint8_t)(1 << bit % 8);
            result = parse(member, size, &header);
            if (bgzf && bit / 8 == 8 && (bit % 8 == 1 || bit % 8 == 2)) {
                assert_int_equal(result, MAPPROC_GZIP_GOOD);
                assert_true(header.doubtful);
                assert_false(header.exact);
                assert_int_equal(header.kind, MAPPROC_GZIP_BGZF);
                assert_int_equal(header.stated_size, size);
            } else if (bit < 8 * 16) {
                assert_int_equal(result, MAPPROC_GZIP_BAD);
                assert_ptr_equal(header.reason, mapproc_gzip_damaged);
            } else { /* another size */
                assert_true(result == MAPPROC_GZIP_BAD || header.stated_size != size);
            }
            member[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void doubtful_headers_must_agree(void **state)
{
    const struct mapproc_gzip_header doubtful = {.doubtful = true}, sure = {.exact = true};
    struct mapproc_gzip_watch watch = {0};

    (void)state;
    assert_null(mapproc_gzip_watch_end(&watch));
    assert_null(mapproc_gzip_watch_add(&watch, &doubtful));
    assert_ptr_equal(mapproc_gzip_watch_end(&watch), mapproc_gzip_damaged);
    assert_null(mapproc_gzip_watch_add(&watch, &doubtful));
    assert_null(mapproc_gzip_watch_end(&watch));
    assert_ptr_equal(mapproc_gzip_watch_add(&watch, &sure), mapproc_gzip_damaged);

    watch = (struct mapproc_gzip_watch){0};
    assert_null(mapproc_gzip_watch_add(&watch, &sure));
    assert_null(mapproc_gzip_watch_end(&watch));
    assert_ptr_equal(mapproc_gzip_watch_add(&watch, &doubtful), mapproc_gzip_damaged);
}

/* ---- sizes that are stated ---- */

static void sizes_are_found_among_subfields(void **state)
{
    static const struct {
        const char *extra;
        size_t length;
        enum mapproc_gzip_kind kind;
        uint64_t stated; /* 0: none, UINT64_MAX: the header is bad */
    } cases[] = {
        {"", 0, MAPPROC_GZIP_PLAIN, 0},
        {"IG\4\0\x40\0\0\0", 8, MAPPROC_GZIP_IG, 0x40},
        {"IG\4\0\xff\xff\xff\xff", 8, MAPPROC_GZIP_IG, 0xffffffff},
        {"MZ\4\0\x40\0\0\0", 8, MAPPROC_GZIP_MZ, 0x40 + 20 + 8},
        {"MZ\4\0\xff\xff\xff\xff", 8, MAPPROC_GZIP_MZ, UINT64_C(0xffffffff) + 28},
        {"BC\2\0\xff\xff", 6, MAPPROC_GZIP_BGZF, 65536},
        {"xx\0\0BC\2\0\x40\0yy\1\0z", 15, MAPPROC_GZIP_BGZF, 0x41},
        {"xx\3\0IG\4IG\4\0\x40\0\0\0", 15, MAPPROC_GZIP_IG, 0x40}, /* one of them is data */
        {"RA\6\0\1\0\0\0\0\0", 10, MAPPROC_GZIP_PLAIN, 0},
        {"ig\4\0\x40\0\0\0", 8, MAPPROC_GZIP_PLAIN, 0},
        {"GI\4\0\x40\0\0\0", 8, MAPPROC_GZIP_PLAIN, 0},
        /* of another length */
        {"IG\2\0\x40\0", 6, MAPPROC_GZIP_PLAIN, 0},
        {"IG\x8\0\x40\0\0\0\0\0\0\0", 12, MAPPROC_GZIP_PLAIN, 0},
        {"BC\4\0\x40\0\0\0", 8, MAPPROC_GZIP_PLAIN, 0},
        {"IG\0\0", 4, MAPPROC_GZIP_PLAIN, 0},
        /* more than one */
        {"IG\4\0\x40\0\0\0IG\4\0\x40\0\0\0", 16, MAPPROC_GZIP_PLAIN, 0},
        {"IG\4\0\x40\0\0\0IG\2\0\x40\0", 14, MAPPROC_GZIP_PLAIN, 0},
        {"IG\2\0\x40\0IG\4\0\x40\0\0\0", 14, MAPPROC_GZIP_PLAIN, 0},
        {"MZ\4\0\x24\0\0\0IG\4\0\x48\0\0\0", 16, MAPPROC_GZIP_IG, 0x48},
        {"MZ\4\0\x40\0\0\0IG\4\0\x40\0\0\0", 16, MAPPROC_GZIP_IG, UINT64_MAX},
        /* that do not fill it */
        {"IG\4\0\x40\0\0\0x", 9, MAPPROC_GZIP_PLAIN, 0},
        {"IG\4\0\x40\0\0\0xxx", 11, MAPPROC_GZIP_PLAIN, 0},
        {"IG\4\0\x40\0\0\0yy\1\0yxx", 15, MAPPROC_GZIP_PLAIN, 0},
        {"IG\4\0\x40\0\0\0xx\1\0", 12, MAPPROC_GZIP_PLAIN, 0},
        {"xx\xff\xffIG\4\0\x40\0\0\0", 12, MAPPROC_GZIP_PLAIN, 0},
        {"IG\5\0\x40\0\0\0", 8, MAPPROC_GZIP_PLAIN, 0},
        {"I", 1, MAPPROC_GZIP_PLAIN, 0},
        /* smaller than any member with this header: 20 + 2 + 8, or 18 + 2 + 8 */
        {"IG\4\0\x1e\0\0\0", 8, MAPPROC_GZIP_IG, 0x1e},
        {"IG\4\0\x1d\0\0\0", 8, MAPPROC_GZIP_IG, UINT64_MAX},
        {"IG\4\0\0\0\0\0", 8, MAPPROC_GZIP_IG, UINT64_MAX},
        {"MZ\4\0\2\0\0\0", 8, MAPPROC_GZIP_MZ, 30},
        {"MZ\4\0\1\0\0\0", 8, MAPPROC_GZIP_MZ, UINT64_MAX},
        {"BC\2\0\x1b\0", 6, MAPPROC_GZIP_BGZF, 28},
        {"BC\2\0\x1a\0", 6, MAPPROC_GZIP_BGZF, UINT64_MAX},
        {"BC\2\0\0\0", 6, MAPPROC_GZIP_BGZF, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[64] = {0x1f, 0x8b, 8, 4, 1, 2, 3, 4, 0, 0, (uint8_t)cases[i].length, 0};
        struct mapproc_gzip_header header;
        enum mapproc_gzip_result result;

        memcpy(bytes + 12, cases[i].extra, cases[i].length);
        result = parse(bytes, 12 + cases[i].length + 4, &header);
        if (cases[i].stated == UINT64_MAX) {
            assert_int_equal(result, MAPPROC_GZIP_BAD);
            assert_non_null(header.reason);
            continue;
        }
        assert_int_equal(result, MAPPROC_GZIP_GOOD);
        assert_int_equal(header.length, 12 + cases[i].length);
        assert_int_equal(header.kind, cases[i].kind);
        assert_int_equal(header.stated_size, cases[i].stated);
        assert_false(header.exact);
        assert_int_equal(mapproc_gzip_end_wanted(&header),
                         cases[i].kind == MAPPROC_GZIP_BGZF ? 28 : 0);
    }
}

static void other_writers_are_not_damaged(void **state)
{
    /* Headers as the programs write them: gzip, pigz -i, Python, MiGz, pgzip, bgzip of 1.21 with
     * a further subfield. */
    static const struct {
        const char *bytes;
        size_t length;
        enum mapproc_gzip_kind kind;
    } cases[] = {
        {"\x1f\x8b\x08\0\0\0\0\0\0\3", 10, MAPPROC_GZIP_PLAIN},
        {"\x1f\x8b\x08\x08\x12\x34\x56\x60\0\3name\0", 15, MAPPROC_GZIP_PLAIN},
        {"\x1f\x8b\x08\0\x12\x34\x56\x60\2\xff", 10, MAPPROC_GZIP_PLAIN},
        {"\x1f\x8b\x08\0\0\0\0\0\4\3", 10, MAPPROC_GZIP_PLAIN},
        {"\x1f\x8b\x08\4\0\0\0\0\2\0\x08\0MZ\4\0\x99\0\0\0", 20, MAPPROC_GZIP_MZ},
        {"\x1f\x8b\x08\4\0\0\0\0\2\xff\x08\0IG\4\0\x99\0\0\0", 20, MAPPROC_GZIP_IG},
        {"\x1f\x8b\x08\4\x12\x34\x56\x60\0\xff\x08\0IG\4\0\x99\0\0\0", 20, MAPPROC_GZIP_IG},
        {"\x1f\x8b\x08\x0c\x12\x34\x56\x60\0\xff\x08\0IG\4\0\x99\0\0\0name\0", 25, MAPPROC_GZIP_IG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[64] = {0};
        struct mapproc_gzip_header header;

        memcpy(bytes, cases[i].bytes, cases[i].length);
        assert_int_equal(parse(bytes, cases[i].length + 10, &header), MAPPROC_GZIP_GOOD);
        assert_int_equal(header.length, cases[i].length);
        assert_int_equal(header.kind, cases[i].kind);
        assert_false(header.exact);
        assert_false(header.doubtful);
        assert_int_equal(mapproc_gzip_end_wanted(&header), 0);
    }
}

/* ---- against zlib ---- */

/* What zlib makes of the header that `data` begins with. */
static enum mapproc_gzip_result ask_zlib(const uint8_t *data, size_t length, size_t *header_length)
{
    z_stream stream = {.next_in = data, .avail_in = (unsigned)length};
    gz_header header = {0};
    uint8_t out[1];
    int result;

    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    assert_int_equal(inflateGetHeader(&stream, &header), Z_OK);
    stream.next_out = out;
    stream.avail_out = 1;
    result = inflate(&stream, Z_BLOCK);
    *header_length = stream.total_in;
    assert_int_equal(inflateEnd(&stream), Z_OK);
    if (result == Z_DATA_ERROR)
        return MAPPROC_GZIP_BAD;
    return header.done == 1 ? MAPPROC_GZIP_GOOD : MAPPROC_GZIP_MORE;
}

/* Feeds it in random pieces, each of which ends at the guard page. */
static enum mapproc_gzip_result feed(struct test_random *random, const uint8_t *data, size_t length,
                                     size_t *taken, struct mapproc_gzip_header *header)
{
    struct mapproc_gzip_parser parser;
    size_t piece = 0;

    *taken = 0;
    mapproc_gzip_parser_init(&parser);
    for (;;) {
        enum mapproc_gzip_result result;
        size_t left = length - *taken, used;

        piece += 1 + test_random_below(random, test_random_below(random, 2) ? 3 : 300);
        if (piece > left)
            piece = left;
        result =
            mapproc_gzip_parser_feed(&parser, at_guard(data + *taken, piece), piece, &used, header);
        assert_true(used <= piece);
        *taken += used;
        if (result != MAPPROC_GZIP_MORE || piece == left)
            return result;
        assert_true(used == piece || used == 0);
        if (used != 0)
            piece = 0; /* else the same again and more */
    }
}

static size_t make_random_header(struct test_random *random, uint8_t *bytes)
{
    static const char ids[] = "IGMZBCxx";
    uint8_t flags = (uint8_t)test_random_below(random, 32), *p = bytes + 10;
    uint32_t crc;

    memcpy(bytes, "\x1f\x8b\x08", 3);
    bytes[3] = flags;
    for (int i = 4; i < 10; i++)
        bytes[i] = (uint8_t)test_random_next(random);
    if (flags & 4) {
        uint8_t *start = p + 2;
        size_t length;

        p = start;
        for (unsigned n = (unsigned)test_random_below(random, 4); n > 0; n--) {
            size_t id = 2 * test_random_below(random, 4), size = test_random_below(random, 6);

            if (test_random_below(random, 20) == 0)
                size = test_random_below(random, 15000);
            *p++ = (uint8_t)ids[id];
            *p++ = (uint8_t)ids[id + 1];
            *p++ = (uint8_t)size;
            *p++ = (uint8_t)(size >> 8);
            while (size-- > 0)
                *p++ = (uint8_t)(1 + test_random_below(random, 255));
        }
        length = (size_t)(p - start) + (test_random_below(random, 5) == 0);
        p = start + length;
        start[-2] = (uint8_t)length;
        start[-1] = (uint8_t)(length >> 8);
    }
    for (uint8_t flag = 8; flag <= 16; flag *= 2) {
        size_t size = test_random_below(random, test_random_below(random, 9) ? 20 : 9000);

        if (!(flags & flag))
            continue;
        while (size-- > 0)
            *p++ = (uint8_t)(1 + test_random_below(random, 255));
        *p++ = 0;
    }
    if (flags & 2) {
        crc = (uint32_t)crc32(0, bytes, (unsigned)(p - bytes));
        *p++ = (uint8_t)crc;
        *p++ = (uint8_t)(crc >> 8);
    }
    return (size_t)(p - bytes);
}

/* Whether the verdict is that of zlib, but for what only we look at. */
static void assert_as_zlib(struct test_random *random, const uint8_t *data, size_t length)
{
    struct mapproc_gzip_header whole, pieces;
    enum mapproc_gzip_result result = parse(data, length, &whole);
    size_t wanted, taken;
    enum mapproc_gzip_result zlib_says = ask_zlib(data, length, &wanted);
    bool own_reason = result == MAPPROC_GZIP_BAD &&
                      (whole.reason == mapproc_gzip_damaged || strstr(whole.reason, "states"));

    if (length < MAPPROC_GZIP_LOOK && zlib_says == MAPPROC_GZIP_GOOD)
        assert_int_equal(result, MAPPROC_GZIP_MORE);
    else if (!own_reason)
        assert_int_equal(result, zlib_says);
    if (result == MAPPROC_GZIP_GOOD)
        assert_int_equal(whole.length, wanted);
    assert_int_equal(feed(random, data, length, &taken, &pieces), result);
    assert_ptr_equal(pieces.reason, whole.reason);
    if (result == MAPPROC_GZIP_GOOD) {
        assert_int_equal(taken, wanted);
        assert_int_equal(pieces.length, whole.length);
        assert_int_equal(pieces.kind, whole.kind);
        assert_int_equal(pieces.stated_size, whole.stated_size);
    }
}

static void headers_are_what_zlib_reads(void **state)
{
    static uint8_t bytes[ROOM];
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 3000; round++) {
        size_t length = make_random_header(&random, bytes);

        memset(bytes + length, 'd', 20);
        assert_as_zlib(&random, bytes, length + test_random_below(&random, 20));
        assert_as_zlib(&random, bytes, test_random_below(&random, length + 1));
        bytes[test_random_below(&random, length)] ^= (uint8_t)(1 << test_random_below(&random, 8));
        assert_as_zlib(&random, bytes, length + 16);
    }
}

static void every_cut_wants_more(void **state)
{
    static uint8_t bytes[ROOM];
    struct test_random random;

    (void)state;
    test_random_seed(&random);
    for (int round = 0; round < 20; round++) {
        size_t length = make_random_header(&random, bytes);
        struct mapproc_gzip_header header;

        if (length > 2000 || parse(bytes, length + 16, &header) != MAPPROC_GZIP_GOOD)
            continue;
        for (size_t cut = 0; cut < length; cut++)
            assert_int_equal(parse(bytes, cut, &header), MAPPROC_GZIP_MORE);
        for (size_t cut = length; cut < length + 16; cut++)
            assert_int_equal(parse(bytes, cut, &header),
                             cut < 16 ? MAPPROC_GZIP_MORE : MAPPROC_GZIP_GOOD);
    }
}

static void other_data_is_told_apart(void **state)
{
    static const struct {
        const char *bytes, *reason;
    } cases[] = {
        {"this is some text and no gzip at all", "not gzip"},
        {"\x1f\x9dthe older compress did so", "not gzip"},
        {"\x1f\x8b\x07the older pack did so", "unknown compression method"},
        {"\x1f\x8b\x08\x20 flag 5: encrypted", "reserved flags are set"},
        {"\x1f\x8b\x08\x80 flag 7: reserved", "reserved flags are set"},
    };
    static const uint8_t zeros[64];
    struct mapproc_gzip_header header;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t length = 4; length < strlen(cases[i].bytes); length++) {
            assert_int_equal(parse(cases[i].bytes, length, &header), MAPPROC_GZIP_BAD);
            assert_string_equal(header.reason, cases[i].reason);
        }
    assert_int_equal(parse(zeros, sizeof(zeros), &header), MAPPROC_GZIP_BAD);
    assert_int_equal(parse(zeros, 1, &header), MAPPROC_GZIP_BAD);
    assert_int_equal(parse(zeros, 0, &header), MAPPROC_GZIP_MORE);
}

/* 64 MiB of a name, and of a comment: no memory is needed for them. */
static void names_have_no_limit(void **state)
{
    static const uint8_t start[16] = {0x1f, 0x8b, 8, 8 | 16, 0, 0, 0, 0, 0, 3, 'n', 'a', 'm', 'e'};
    static uint8_t piece[1 << 16];
    struct mapproc_gzip_parser parser;
    struct mapproc_gzip_header header;
    uint8_t first[16];
    size_t used;

    (void)state;
    memset(piece, 'x', sizeof(piece));
    memcpy(first, start, sizeof(first));
    memset(first + 14, 'x', 2);
    mapproc_gzip_parser_init(&parser);
    assert_int_equal(mapproc_gzip_parser_feed(&parser, first, 16, &used, &header),
                     MAPPROC_GZIP_MORE);
    assert_int_equal(used, 16);
    for (int part = 0; part < 2; part++) {
        for (int i = 0; i < 1024; i++) {
            assert_int_equal(
                mapproc_gzip_parser_feed(&parser, piece, sizeof(piece), &used, &header),
                MAPPROC_GZIP_MORE);
            assert_int_equal(used, sizeof(piece));
        }
        assert_int_equal(mapproc_gzip_parser_feed(&parser, (const uint8_t *)"", 1, &used, &header),
                         part == 0 ? MAPPROC_GZIP_MORE : MAPPROC_GZIP_GOOD);
    }
    assert_int_equal(header.length, 16 + 2 * (UINT64_C(64) << 20) + 2);
}

static int make_guard(void **state)
{
    (void)state;
    return guarded_buffer_init(&guarded, ROOM);
}

static int destroy_guard(void **state)
{
    (void)state;
    guarded_buffer_destroy(&guarded);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_gzip),
        cmocka_unit_test(end_marks_are_known_bytes),
        cmocka_unit_test(each_flipped_bit_is_noticed),
        cmocka_unit_test(doubtful_headers_must_agree),
        cmocka_unit_test(sizes_are_found_among_subfields),
        cmocka_unit_test(other_writers_are_not_damaged),
        cmocka_unit_test(headers_are_what_zlib_reads),
        cmocka_unit_test(every_cut_wants_more),
        cmocka_unit_test(other_data_is_told_apart),
        cmocka_unit_test(names_have_no_limit),
    };

    return cmocka_run_group_tests(tests, make_guard, destroy_guard);
}
