/* SPDX-License-Identifier: MIT */
/* test_manifest.c - manifests written, read again, cut, altered, malformed and joined. */
#include "cmocka_all.h"

#include <stdio.h>
#include <xxhash.h>

#include "format/list_reader.h"
#include "format/manifest.h"
#include "random.h"

#include "list_fixture.h"

enum { FILES_MAX = 12, PIECES_MAX = 300 };

static struct test_random rng;

/* What was written of a file, or read. */
struct file {
    char name[200];
    uint64_t size;
    bool has_mtime;
    struct timespec mtime;
    uint8_t digests[2][MAPPROC_DIGEST_MAX];
    size_t piece_count;
    struct mapproc_piece pieces[PIECES_MAX];
    uint8_t piece_digests[PIECES_MAX * 16];
    size_t end; /* offset in the manifest behind the file's first digest line */
};

/* Stands for an algorithm that is not there yet. */
static const struct mapproc_digest sha256 = {.name = "sha256", .tag = "SHA256", .size = 32};

static void fill_random(void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)test_random_next(&rng);
}

static void make_file(struct file *file, size_t name_max, size_t pieces_max)
{
    bool regular = test_random_below(&rng, 2) != 0;
    uint64_t length = 1 + test_random_next(&rng) % (UINT64_C(1) << 40);

    (void)list_random_name(&rng, file->name, name_max);
    file->has_mtime = test_random_below(&rng, 4) != 0;
    file->mtime.tv_sec = (time_t)test_random_next(&rng) >> test_random_below(&rng, 64);
    file->mtime.tv_nsec = (long)test_random_below(&rng, 1000000000);
    fill_random(file->digests, sizeof(file->digests));
    file->piece_count = test_random_below(&rng, pieces_max + 1);
    fill_random(file->piece_digests, sizeof(file->piece_digests));
    file->size = file->piece_count == 0 ? test_random_next(&rng) : 0;
    for (size_t i = 0; i < file->piece_count; i++) {
        if (!regular || i + 1 == file->piece_count)
            length = 1 + test_random_below(&rng, length);
        file->pieces[i] = (struct mapproc_piece){file->size, length};
        file->size += length;
    }
}

struct manifest {
    struct list_text text;
    const struct mapproc_digest *digests[2];
    size_t digest_count;
    bool bsd_form;
    struct file files[FILES_MAX];
    size_t count;
    size_t head_end; /* offset behind the first line */
};

static void add_file(struct mapproc_manifest_writer *writer, struct manifest *manifest,
                     struct file *file)
{
    const uint8_t *digests[] = {file->digests[0], file->digests[1]};
    struct mapproc_piece_list pieces;
    struct mapproc_manifest_file to_add = {
        .name = file->name,
        .size = file->size,
        .has_mtime = file->has_mtime,
        .mtime = file->mtime,
        .digests = digests,
        .pieces = &pieces,
    };
    size_t start = manifest->text.length;

    mapproc_piece_list_init(&pieces, 16);
    for (size_t i = 0; i < file->piece_count; i++)
        assert_int_equal(mapproc_piece_list_add(&pieces, file->pieces[i].length,
                                                file->piece_digests + 16 * i, NULL),
                         MAPPROC_OK);
    assert_int_equal(mapproc_manifest_add(writer, &to_add, NULL), MAPPROC_OK);
    mapproc_piece_list_free(&pieces);
    /* The first line that is no comment ends what must be there. */
    for (const char *at = manifest->text.bytes + start;;) {
        bool comment = *at == '#';

        at = strchr(at, '\n') + 1;
        if (!comment) {
            file->end = (size_t)(at - manifest->text.bytes);
            break;
        }
    }
}

static void write_manifest(struct manifest *manifest, size_t count, size_t name_max,
                           size_t pieces_max)
{
    struct mapproc_text_sink sink = {list_text_write, &manifest->text};
    struct mapproc_manifest_writer writer;
    struct mapproc_manifest_options options = {.digests = manifest->digests};

    manifest->digests[0] = mapproc_digest_find("xxh128");
    manifest->digests[1] = &sha256;
    manifest->digest_count = 1 + test_random_below(&rng, 2);
    if (manifest->digest_count == 1 && test_random_below(&rng, 2) != 0)
        manifest->digests[0] = &sha256;
    manifest->bsd_form = test_random_below(&rng, 2) != 0;
    options.digest_count = manifest->digest_count;
    options.bsd_form = manifest->bsd_form;
    options.piece_digest = mapproc_digest_find("xxh128");
    options.piece_size = test_random_below(&rng, 2) * 123456;
    manifest->text.length = 0;
    manifest->count = count;
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_OK);
    manifest->head_end = manifest->text.length;
    for (size_t i = 0; i < count; i++) {
        make_file(&manifest->files[i], name_max, pieces_max);
        add_file(&writer, manifest, &manifest->files[i]);
    }
    assert_int_equal(mapproc_manifest_end(&writer, NULL), MAPPROC_OK);
    mapproc_manifest_free(&writer);
}

/* The last line has what libxxhash says of the lines above it. */
static void check_end(const struct list_text *text)
{
    static const char start[] = "# mapproc end xxh128=";
    size_t above = text->length - (strlen(start) + 2 * sizeof(XXH128_canonical_t) + 1);
    XXH128_canonical_t canonical;
    char expected[100];
    int length = snprintf(expected, sizeof(expected), "%s", start);

    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text->bytes, above));
    for (size_t i = 0; i < sizeof(canonical.digest); i++)
        length += snprintf(expected + length, sizeof(expected) - (size_t)length, "%02x",
                           canonical.digest[i]);
    expected[length++] = '\n';
    assert_int_equal(text->length - above, length);
    assert_memory_equal(text->bytes + above, expected, length);
}

/* What a reader told. */
struct reading {
    size_t entries; /* as expected */
    size_t files;   /* the entries that begin a file of the manifest */
    enum mapproc_list_fault faults[10];
    uint64_t fault_lines[10];
    size_t fault_count;
    uint64_t whole;
};

/* Whether an entry is digest number `which` of the file, with all that the manifest says of it. */
static bool is_entry(const struct mapproc_list_item *item, const struct manifest *manifest,
                     const struct file *file, size_t which)
{
    const struct mapproc_digest *algorithm = manifest->digests[which];
    const struct mapproc_checklist_digest *digest = &item->entry->digests[0];
    bool tagged = manifest->bsd_form || manifest->digest_count > 1;
    bool single = file->piece_count == 1 && (strcmp(manifest->digests[0]->name, "xxh128") == 0);
    size_t pieces = single ? 0 : file->piece_count;

    if (strcmp(item->entry->name, file->name) != 0 || item->entry->digest_count != 1 ||
        digest->size != algorithm->size ||
        memcmp(digest->bytes, file->digests[which], digest->size) != 0 ||
        strcmp(digest->tag, tagged ? algorithm->tag : algorithm->name) != 0)
        return false;
    if (item->facts == NULL || item->facts->size != file->size ||
        item->facts->has_mtime != file->has_mtime || item->facts->pieces != pieces ||
        item->pieces->count != pieces || strcmp(item->piece_digest, "xxh128") != 0)
        return false;
    if (file->has_mtime && (item->facts->mtime.tv_sec != file->mtime.tv_sec ||
                            item->facts->mtime.tv_nsec != file->mtime.tv_nsec))
        return false;
    return pieces == 0 ||
           (item->pieces->digest_size == 16 &&
            memcmp(item->pieces->pieces, file->pieces, pieces * sizeof(file->pieces[0])) == 0 &&
            memcmp(item->pieces->digests, file->piece_digests, pieces * 16) == 0);
}

/* Reads the bytes; entries must be those of the manifest, in order, or the reading stops. */
static void read_list(const struct manifest *manifest, const void *bytes, size_t length,
                      struct reading *reading)
{
    struct mapproc_list_reader reader;
    struct mapproc_list_item item;
    int fd = list_text_open(bytes, length), code;

    memset(reading, 0, sizeof(*reading));
    assert_int_equal(mapproc_list_reader_open(&reader, fd, -1, "list", NULL), MAPPROC_OK);
    while ((code = mapproc_list_reader_next(&reader, &item, NULL)) == 1) {
        if (item.kind != MAPPROC_LIST_ENTRY) {
            assert_in_range(reading->fault_count, 0, 9);
            reading->fault_lines[reading->fault_count] = item.line;
            reading->faults[reading->fault_count++] = item.fault;
            continue;
        }
        if (manifest != NULL) {
            size_t index = reading->entries / manifest->digest_count;
            size_t which = reading->entries % manifest->digest_count;

            if (index >= manifest->count ||
                !is_entry(&item, manifest, &manifest->files[index], which)) {
                reading->entries = SIZE_MAX; /* as wrong as can be */
                break;
            }
        }
        reading->files += item.facts != NULL;
        reading->entries++;
    }
    assert_true(code >= 0);
    reading->whole = reader.whole_manifests;
    mapproc_list_reader_close(&reader);
    assert_int_equal(close(fd), 0);
}

static void piece_sizes_follow_the_rule(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t file_size = test_random_next(&rng) >> test_random_below(&rng, 64);
        uint64_t chunk_size = test_random_next(&rng) >> (33 + test_random_below(&rng, 31));
        uint64_t size, half;

        if (test_random_below(&rng, 4) == 0) /* close to where it changes */
            file_size = (UINT64_C(1) << (30 + test_random_below(&rng, 20))) +
                        test_random_below(&rng, 3) - 1;
        size = mapproc_manifest_piece_size(file_size, chunk_size);
        half = size / 2;
        assert_true(size >= 65536 && (size & (size - 1)) == 0 && size >= chunk_size);
        assert_true(file_size / size + (file_size % size != 0) <= 16384);
        assert_true(half < 65536 || half < chunk_size ||
                    file_size / half + (file_size % half != 0) > 16384);
    }
    assert_int_equal(mapproc_manifest_piece_size(0, 0), 65536);
    assert_int_equal(mapproc_manifest_piece_size(UINT64_C(1) << 30, 1), 65536);
    assert_int_equal(mapproc_manifest_piece_size((UINT64_C(1) << 30) + 1, 1), 131072);
    assert_true(mapproc_manifest_piece_size(0, UINT64_MAX) == UINT64_C(1) << 63);
}

static void what_is_written_is_read(void **state)
{
    struct manifest manifest = {0};
    struct list_text converted = {0};
    struct reading reading;

    (void)state;
    for (int round = 0; round < 500; round++) {
        write_manifest(&manifest, test_random_below(&rng, FILES_MAX + 1), 100, PIECES_MAX);
        for (size_t i = 0, start = 0; i < manifest.text.length; i++) {
            if (manifest.text.bytes[i] != '\n')
                continue;
            assert_in_range(i + 1 - start, 2, 4096);
            start = i + 1;
        }
        check_end(&manifest.text);
        read_list(&manifest, manifest.text.bytes, manifest.text.length, &reading);
        assert_int_equal(reading.entries, manifest.count * manifest.digest_count);
        assert_int_equal(reading.files, reading.entries);
        assert_int_equal(reading.fault_count, 0);
        assert_int_equal(reading.whole, 1);

        /* As another system may have stored it. */
        converted.length = 0;
        list_text_print(&converted, "\xef\xbb\xbf");
        for (size_t i = 0; i < manifest.text.length; i++) {
            if (manifest.text.bytes[i] == '\n')
                list_text_print(&converted, "\r");
            list_text_add(&converted, manifest.text.bytes + i, 1);
        }
        read_list(&manifest, converted.bytes, converted.length, &reading);
        assert_int_equal(reading.entries, manifest.count * manifest.digest_count);
        assert_int_equal(reading.fault_count, 0);
        assert_int_equal(reading.whole, 1);
    }
    list_text_free(&converted);
    list_text_free(&manifest.text);
}

static void a_cut_manifest_is_good_as_far_as_it_goes(void **state)
{
    struct manifest manifest = {0};
    struct reading reading;

    (void)state;
    for (int round = 0; round < 4; round++) {
        write_manifest(&manifest, 4, 12, 5);
        for (size_t length = 0; length < manifest.text.length; length++) {
            size_t files = 0;

            while (files < manifest.count && manifest.files[files].end <= length)
                files++;
            read_list(&manifest, manifest.text.bytes, length, &reading);
            assert_int_not_equal(reading.entries, SIZE_MAX);
            /* Of a file with two digest lines the second may be cut off. */
            assert_in_range(reading.files, files, files * manifest.digest_count);
            assert_int_equal((reading.files + manifest.digest_count - 1) / manifest.digest_count,
                             files);
            if (length + 1 == manifest.text.length) { /* all but the last line feed */
                assert_int_equal(reading.fault_count, 0);
                assert_int_equal(reading.whole, 1);
                continue;
            }
            assert_int_equal(reading.whole, 0);
            if (length >= manifest.head_end) {
                assert_int_equal(reading.fault_count, 1);
                assert_int_equal(reading.faults[0], MAPPROC_FAULT_CUT);
                assert_int_equal(reading.fault_lines[0], 1);
            } else {
                assert_int_equal(reading.entries, 0);
            }
        }
    }
    list_text_free(&manifest.text);
}

/* Whatever is changed is noticed, or does not change what is read. */
static void an_altered_manifest_is_noticed(void **state)
{
    struct manifest manifest = {0};
    struct reading reading;
    size_t harmless = 0;

    (void)state;
    write_manifest(&manifest, 4, 12, 5);
    for (size_t i = 0; i < manifest.text.length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            manifest.text.bytes[i] ^= (char)(1u << bit);
            read_list(NULL, manifest.text.bytes, manifest.text.length, &reading);
            if (reading.fault_count == 0 && reading.whole == 1) {
                read_list(&manifest, manifest.text.bytes, manifest.text.length, &reading);
                assert_int_equal(reading.entries, manifest.count * manifest.digest_count);
                assert_int_equal(reading.files, reading.entries);
                harmless++;
            } else {
                /* Without any manifest line left there would be nothing to notice it by. */
                assert_true(reading.fault_count > 0);
            }
            manifest.text.bytes[i] ^= (char)(1u << bit);
        }
    }
    /* Upper case in the last line's digest, and what ends it. */
    assert_in_range(harmless, 0, 32 + 8);
    list_text_free(&manifest.text);
}

#define HEAD "# mapproc manifest 1 digests=xxh128 pieces=xxh32\n"
#define ROW  "00112233445566778899aabbccddeeff  a\n"

static void malformed_manifests_are_told(void **state)
{
    static const struct {
        const char *text;
        enum mapproc_list_fault fault;
        uint64_t line;
        size_t entries, files;
    } lists[] = {
        {"# mapproc rocks\n" ROW, MAPPROC_FAULT_NONE, 0, 1, 0},
        {"# mapproc file size=1\n" ROW ROW "# mapproc end x\n", MAPPROC_FAULT_NO_HEADER, 1, 2, 0},
        {"# mapproc manifest 2 digests=x\n# mapproc file size=1\n" ROW, MAPPROC_FAULT_VERSION, 1, 1,
         0},
        {"# mapproc manifest one\n" ROW, MAPPROC_FAULT_FIELDS, 1, 1, 0},
        {"# mapproc manifest 1 digests=\n" ROW, MAPPROC_FAULT_FIELDS, 1, 1, 0},
        {"# mapproc manifest 1 pieces=0123456789012345678901234567890123\n" ROW,
         MAPPROC_FAULT_FIELDS, 1, 1, 0},
        /* From here on the end is missing, too. */
        {HEAD ROW, MAPPROC_FAULT_CUT, 1, 1, 0},
        {HEAD "# mapproc file size=10\n\n# remark\n" ROW ROW, MAPPROC_FAULT_CUT, 1, 2, 2},
        {HEAD "# mapproc file colour=red size=10\n" ROW, MAPPROC_FAULT_CUT, 1, 1, 1},
        {HEAD "# mapproc file mtime=1.000000000\n" ROW, MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=-1\n" ROW, MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=18446744073709551616\n" ROW, MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=1 mtime=5\n" ROW, MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=1 mtime=5.5\n" ROW, MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=1 mtime=9223372036854775808.000000000\n" ROW,
         MAPPROC_FAULT_FIELDS, 2, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1000001\n# mapproc pieces 0 1 00112233\n" ROW,
         MAPPROC_FAULT_TOO_MANY_PIECES, 2, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 5 00112233 00112233\n" ROW,
         MAPPROC_FAULT_CUT, 1, 1, 1},
        /* Too few, too short, too long, a gap, an overlap, a length of 0, another's size. */
        {HEAD "# mapproc file size=10 pieces=2\n" ROW, MAPPROC_FAULT_PIECES, 2, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 4 00112233 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 2, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1\n# mapproc pieces 0 5 00112233 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 2, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 6 00112233 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 3, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 5 00112233\n"
              "# mapproc pieces 6 4 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 4, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 5 00112233\n"
              "# mapproc pieces 4 6 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 4, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1\n# mapproc pieces 0 0 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 3, 1, 0},
        {HEAD "# mapproc file size=10 pieces=2\n# mapproc pieces 0 5 00112233 0011223344\n" ROW,
         MAPPROC_FAULT_PIECES, 3, 1, 0},
        {HEAD "# mapproc file size=18446744073709551615 pieces=2\n# mapproc pieces 0 "
              "18446744073709551615 00112233 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 3, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1\n# mapproc pieces 0 10 001122\n" ROW,
         MAPPROC_FAULT_FIELDS, 3, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1\n# mapproc pieces 0 10 0011223x\n" ROW,
         MAPPROC_FAULT_FIELDS, 3, 1, 0},
        {HEAD "# mapproc file size=10 pieces=1\n# mapproc pieces 0\n" ROW, MAPPROC_FAULT_FIELDS, 3,
         1, 0},
        {HEAD "# mapproc pieces 0 10 00112233\n" ROW, MAPPROC_FAULT_PIECES, 2, 1, 0},
        {"# mapproc manifest 1 digests=xxh128\n# mapproc file size=10 pieces=1\n"
         "# mapproc pieces 0 10 00112233\n" ROW,
         MAPPROC_FAULT_PIECES, 3, 1, 0},
        {HEAD "# mapproc file size=10\n# mapproc file size=10\n" ROW, MAPPROC_FAULT_UNFINISHED, 2,
         1, 1},
        {HEAD "# mapproc file size=10\nnonsense\n# mapproc file size=10\n" ROW,
         MAPPROC_FAULT_NO_DIGEST, 3, 1, 1},
        {HEAD "# mapproc file size=10\n" ROW "# mapproc end xxh128=00\n", MAPPROC_FAULT_ALTERED, 4,
         1, 1},
        {HEAD "# mapproc file size=10\n" ROW
              "# mapproc end xxh128=00000000000000000000000000000000\n",
         MAPPROC_FAULT_ALTERED, 4, 1, 1},
        /* Another name behind a file's block belongs to no block. */
        {HEAD "# mapproc file size=10\n" ROW "00112233445566778899aabbccddeeff  b\n" ROW,
         MAPPROC_FAULT_CUT, 1, 3, 1},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        read_list(NULL, lists[i].text, strlen(lists[i].text), &reading);
        if ((lists[i].fault != MAPPROC_FAULT_NONE) != (reading.fault_count > 0) ||
            reading.faults[0] != lists[i].fault || reading.fault_lines[0] != lists[i].line ||
            reading.entries != lists[i].entries || reading.files != lists[i].files)
            fail_msg("list %zu: %zu faults, line %" PRIu64 " %s; %zu entries, %zu with facts", i,
                     reading.fault_count, reading.fault_lines[0],
                     mapproc_list_fault_text(reading.faults[0]), reading.entries, reading.files);
        assert_int_equal(reading.whole, 0);
    }
}

static void lists_can_be_joined(void **state)
{
    struct manifest manifest = {0};
    struct list_text joined = {0};
    struct reading reading;

    (void)state;
    write_manifest(&manifest, 3, 50, 10);
    list_text_print(&joined, "00112233445566778899aabbccddeeff a\n");
    list_text_add(&joined, manifest.text.bytes, manifest.text.length);
    list_text_print(&joined, ROW);
    /* One that was cut in a line, as after a crash, and the next one put behind it. */
    list_text_add(&joined, manifest.text.bytes, manifest.files[1].end + 5);
    list_text_print(&joined, "\n");
    list_text_add(&joined, manifest.text.bytes, manifest.text.length);
    read_list(NULL, joined.bytes, joined.length, &reading);
    assert_int_equal(reading.whole, 2);
    /* Cut in a comment, or else in a file's second digest line. */
    assert_int_equal(reading.fault_count, manifest.digest_count);
    assert_int_equal(reading.faults[reading.fault_count - 1], MAPPROC_FAULT_CUT);
    assert_in_range(reading.files, 8, 8 * manifest.digest_count);
    assert_int_equal(reading.entries - reading.files, 2);
    list_text_free(&joined);
    list_text_free(&manifest.text);
}

static void the_writer_refuses_nonsense(void **state)
{
    struct list_text text = {0};
    struct mapproc_text_sink sink = {list_text_write, &text};
    const struct mapproc_digest *digests[] = {mapproc_digest_find("xxh128")};
    struct mapproc_manifest_options options = {
        .digests = digests, .digest_count = 1, .piece_digest = digests[0]};
    const uint8_t digest[16] = {0}, *file_digests[] = {digest};
    struct mapproc_manifest_file file = {.name = "", .size = 10, .digests = file_digests};
    struct mapproc_piece_list pieces;
    struct mapproc_manifest_writer writer;
    char *long_name = malloc(MAPPROC_MANIFEST_NAME_MAX + 2);
    size_t length;

    (void)state;
    options.digest_count = 0;
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_REFUSED);
    options.digest_count = MAPPROC_MANIFEST_DIGESTS_MAX + 1;
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_REFUSED);
    options.digest_count = 1;
    assert_int_equal(mapproc_manifest_open(&writer, &options, &sink, NULL), MAPPROC_OK);
    length = text.length;
    assert_int_equal(mapproc_manifest_add(&writer, &file, NULL), MAPPROC_REFUSED);
    memset(long_name, '\\', MAPPROC_MANIFEST_NAME_MAX + 1);
    long_name[MAPPROC_MANIFEST_NAME_MAX + 1] = '\0';
    file.name = long_name;
    assert_int_equal(mapproc_manifest_add(&writer, &file, NULL), MAPPROC_REFUSED);
    file.name = "a";
    file.pieces = &pieces;
    mapproc_piece_list_init(&pieces, 16);
    assert_int_equal(mapproc_piece_list_add(&pieces, 0, digest, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_piece_list_add(&pieces, 9, digest, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_piece_list_add(&pieces, UINT64_MAX, digest, NULL), MAPPROC_REFUSED);
    assert_int_equal(mapproc_manifest_add(&writer, &file, NULL), MAPPROC_REFUSED);
    assert_int_equal(text.length, length);
    mapproc_piece_list_free(&pieces);

    /* The longest name, all of it escaped, is still read. */
    file.pieces = NULL;
    long_name[MAPPROC_MANIFEST_NAME_MAX] = '\0';
    file.name = long_name;
    assert_int_equal(mapproc_manifest_add(&writer, &file, NULL), MAPPROC_OK);
    assert_int_equal(mapproc_manifest_end(&writer, NULL), MAPPROC_OK);
    mapproc_manifest_free(&writer);
    {
        struct reading reading;

        read_list(NULL, text.bytes, text.length, &reading);
        assert_int_equal(reading.files, 1);
        assert_int_equal(reading.fault_count, 0);
        assert_int_equal(reading.whole, 1);
    }
    free(long_name);
    list_text_free(&text);
}

static void a_million_pieces_are_the_limit(void **state)
{
    struct list_text text = {0};
    struct reading reading;

    (void)state;
    list_text_print(&text, HEAD "# mapproc file size=1000000 pieces=1000000\n");
    for (int i = 0; i < MAPPROC_PIECES_MAX; i += 100) {
        char start[100];

        (void)snprintf(start, sizeof(start), "# mapproc pieces %d 1", i);
        list_text_print(&text, start);
        for (int k = 0; k < 100; k++)
            list_text_print(&text, " 00112233");
        list_text_print(&text, "\n");
    }
    list_text_print(&text, ROW);
    read_list(NULL, text.bytes, text.length, &reading);
    assert_int_equal(reading.files, 1);
    assert_int_equal(reading.fault_count, 1);
    assert_int_equal(reading.faults[0], MAPPROC_FAULT_CUT);
    list_text_free(&text);
}

static int seed(void **state)
{
    (void)state;
    test_random_seed(&rng);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(piece_sizes_follow_the_rule),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_cut_manifest_is_good_as_far_as_it_goes),
        cmocka_unit_test(an_altered_manifest_is_noticed),
        cmocka_unit_test(malformed_manifests_are_told),
        cmocka_unit_test(lists_can_be_joined),
        cmocka_unit_test(the_writer_refuses_nonsense),
        cmocka_unit_test(a_million_pieces_are_the_limit),
    };

    return cmocka_run_group_tests_name("manifest", tests, seed, NULL);
}
