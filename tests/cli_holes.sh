#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_holes.sh - sparse files: the digests are the standard ones, and holes take no time.
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi
if ! truncate -s 1T probe 2>/dev/null ||
    ! python3 -c 'import os; os.lseek(os.open("probe", os.O_RDONLY), 0, os.SEEK_DATA)' 2>&1 | grep -q Errno; then
    printf '1..0 # SKIP the file system has no holes\n'
    exit 0
fi
rm probe

seed=${MAPPROC_TEST_SEED:-$RANDOM$RANDOM}
printf '# MAPPROC_TEST_SEED=%s\n' "$seed"

# --- against the same data without holes --------------------------------------------------------

# Makes the files sparse-N and, of the same bytes, dense-N: holes and data of all sizes, with ragged
# ends; at the end sometimes a hole, sometimes a few bytes.
python3 - "$seed" <<'PYTHON'
import os, random, sys
random.seed(int(sys.argv[1], 0))
for n in range(10):
    content = bytearray()
    pieces = []
    for k in range(random.randrange(1, 9)):
        length = random.choice([1, 1023, 4096, 4097, 65536, random.randrange(1, 300000), random.randrange(1, 3000000)])
        data = bytes(length) if (k + n) % 2 else random.randbytes(length)
        pieces.append((len(content), data, (k + n) % 2))
        content += data
    with open('dense-%d' % n, 'wb') as f:
        f.write(content)
    with open('sparse-%d' % n, 'wb') as f:
        f.truncate(len(content))
        for at, data, hole in pieces:
            if not hole:
                os.pwrite(f.fileno(), data, at)
PYTHON
all=xxh128,xxh3,xxh64,xxh32,crc32,crc32c,md5,sha1,sha256,sha512,sha3-256,blake2b
for n in {0..9}; do
    cmp -s "dense-$n" "sparse-$n" || problem "the test is wrong about sparse-$n"
    for list in xxh128 xxh3,crc32 crc32c md5 xxh64 "$all"; do
        for options in '-j 1' '-j 3 --chunk-size 64K' '-j 2 --chunk-size 1500 --io read' '-j 7 --io mmap --chunk-size 4K'; do
            # Not all of them with all files: it would take long.
            (((n + ${#list} + ${#options}) % 6 == 0)) || continue
            # shellcheck disable=SC2086 # words
            "$MAPPROC" checksum --tag -a "$list" "dense-$n" | sed 's/(dense/(sparse/' >expected
            # shellcheck disable=SC2086 # words
            run "$MAPPROC" checksum --tag -a "$list" $options "sparse-$n"
            expect_status 0
            expect_stdout_file expected
        done
    done
    run "$MAPPROC" checksum -a md5 "sparse-$n"
    expect_stdout "$(md5sum "sparse-$n")"
    run "$MAPPROC" checksum --chunk-size 64K "sparse-$n"
    expect_stdout "$(xxhsum -H2 "sparse-$n" 2>/dev/null)"
    for piece in 4K 1M; do
        "$MAPPROC" checksum --manifest --piece $piece "dense-$n" | grep -v '^# mapproc \(file\|end\)' |
            sed 's/  dense/  sparse/' >expected
        "$MAPPROC" checksum --manifest --piece $piece --chunk-size 64K "sparse-$n" |
            grep -v '^# mapproc \(file\|end\)' >found
        expect_same_files expected found
    done
done
done_test 'files with holes have the digests and pieces of the same bytes without'
rm -f dense-* sparse-*

# --- large -------------------------------------------------------------------------------------

# Makes a file of $2 bytes with 1 MiB of data: half of it in front, the rest where it hurts.
sparse_file() {
    truncate -s "$2" "$1"
    head -c 524288 /dev/urandom | dd of="$1" conv=notrunc bs=64K status=none
    head -c 262144 /dev/urandom | dd of="$1" conv=notrunc oflag=seek_bytes seek=$(($2 / 2 + 777)) bs=64K status=none
    head -c 262144 /dev/urandom | dd of="$1" conv=notrunc oflag=seek_bytes seek=$(($2 - 262144 - 5000)) bs=64K status=none
}

if sanitized; then
    skip_test '3 GiB with holes' 'too slow with a sanitizer'
else
    sparse_file three $(((3 << 30) + 12345))
    "$MAPPROC" checksum -a xxh128,crc32 three >"$out"
    expected=$(xxhsum -H2 three 2>/dev/null | digests)
    grep -q "^XXH128 (three) = $expected\$" "$out" || problem 'not what xxhsum says'
    expected=$(python3 -c '
import zlib
crc = 0
with open("three", "rb") as f:
    while data := f.read(1 << 22):
        crc = zlib.crc32(data, crc)
print("%08x" % crc)')
    grep -q "^CRC32 (three) = $expected\$" "$out" || problem 'not what zlib says'
    for io in mmap read; do
        run "$MAPPROC" checksum --io $io three
        expect_stdout "$(xxhsum -H2 three 2>/dev/null)"
    done
    done_test '3 GiB with 1 MiB of data: what xxhsum and zlib say'
    rm -f three
fi

if sanitized; then
    skip_test '1 TiB with 1 MiB of data' 'too slow with a sanitizer'
elif ! sparse_file tera $((1 << 40)) 2>/dev/null; then
    skip_test '1 TiB with 1 MiB of data' 'the file system has no files so large'
else
    run timeout 500 "$MAPPROC" checksum tera # reading it would take hours
    expect_status 0
    grep -qE '^[0-9a-f]{32}  tera$' "$out" || problem 'no digest'
    done_test '1 TiB with 1 MiB of data: it ends'
    rm -f tera
fi

size=$((64 << 30))
if sanitized; then size=$((2 << 30)); fi
if ! sparse_file giga $size 2>/dev/null; then
    skip_test '64 GiB with 1 MiB of data' 'the file system has no files so large'
else
    "$MAPPROC" checksum --manifest -o giga.m giga
    run "$MAPPROC" verify giga.m
    expect_status 0
    expect_stdout 'giga: OK'
    # One byte, in the last piece; in the middle of a hole; then cut.
    flip giga $((size - 10000))
    flip giga $((size / 4))
    piece=$((size >> 14))
    ((piece >= 1 << 20)) || piece=$((1 << 20))
    run "$MAPPROC" verify giga.m
    expect_status 1
    expect_stderr_lines 1
    line="giga: FAILED bytes $((size / 4))-$((size / 4 + piece - 1)), $((size - piece))-$((size - 1))"
    line+=" (2 of $((size / piece)) pieces)"
    if [[ $(<"$out") != "$line"* ]]; then
        show_file "$out"
        problem "the wrong pieces, not $line:" "${shown[@]}"
    fi
    done_test '64 GiB with 1 MiB of data: verified, and the damaged pieces are named'
    rm -f giga
fi

truncate -s 64M empty
truncate -s 64M expected && dd if=/dev/zero of=expected bs=1M count=64 status=none
for list in xxh128 md5 crc32,crc32c,xxh3; do
    "$MAPPROC" checksum -a "$list" --io read expected | sed 's/expected/empty/' >found
    run "$MAPPROC" checksum -a "$list" empty
    expect_stdout_file found
done
run "$MAPPROC" checksum empty
expect_stdout "$(xxhsum -H2 empty 2>/dev/null)"
done_test 'a file that is nothing but a hole'

finish_tests
