#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_chunks.sh - mapproc chunks cuts as the rules say, whatever the threads, and stops mad plug-ins.

# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "$0")/cli_job_lib.sh"

for tool in python3 xxhsum; do
    if ! have "$tool"; then
        printf '1..0 # SKIP %s is not installed\n' "$tool"
        exit 0
    fi
done

sample=${MAPPROC_TEST_SAMPLE_CHUNKER:?}
mad=${MAPPROC_TEST_MAD_CHUNKERS:?}
mebibyte=$((1024 * 1024))
json=1
"$MAPPROC" info --json >/dev/null 2>&1 || json=0

# Text with lines of all lengths, noise, repetitions and zeros; the same each time.
python3 - <<'PYTHON'
import random
rng = random.Random(7)
text = b''.join(b'%d,%s\n' % (i, b'x' * int(rng.expovariate(1 / 40))) for i in range(20000))
noise = rng.randbytes(1 << 20)
with open('mixed', 'wb') as file:
    file.write(text + noise + bytes(300000) + text[1000:] + noise[12345:] + b'the end')
with open('text', 'wb') as file:
    file.write(text + b'y' * 100000 + b'\n' + text)
with open('genes.fa', 'wb') as file:
    for i in range(3000):
        file.write(b'>gene %d\n' % i)
        for j in range(rng.randrange(20)):
            file.write(bytes(rng.choices(b'ACGT>', k=70)) + b'\n')
PYTHON

# The rule of cdc as chunkers/cdc.c tells it, and nothing else: lines as mapproc prints them, without
# digests.
cat >"$scratch/cdc.py" <<'PYTHON'
import sys
path, least, average, most = sys.argv[1], *map(int, sys.argv[2:])
wide = (1 << 64) - 1
gear = []
for b in range(256):
    z = (b + 1) * 0x9e3779b97f4a7c15 & wide
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & wide
    z = (z ^ z >> 27) * 0x94d049bb133111eb & wide
    gear.append(z ^ z >> 31)
data = open(path, 'rb').read()
bits = average.bit_length() - 1
start = hash = 0
for i, byte in enumerate(data):
    hash = (hash << 1) + gear[byte] & wide
    length = i + 1 - start
    zeros = bits + 2 if length < average else bits - 2
    if length >= least and (length == most or hash >> 64 - zeros == 0) or i + 1 == len(data):
        print(start, length)
        start = i + 1
PYTHON

# expect_chunks FILE: what is in $out covers the file, and each digest is that of xxhsum.
expect_chunks() {
    local said
    rm -rf "$scratch/pieces"
    mkdir "$scratch/pieces"
    said=$(python3 - "$1" "$out" "$scratch/pieces" 2>&1 <<'PYTHON'
import sys
data, at = open(sys.argv[1], 'rb').read(), 0
for number, line in enumerate(open(sys.argv[2])):
    offset, length, digest = line.split()
    assert int(offset) == at and int(length) > 0, line
    with open('%s/%08d' % (sys.argv[3], number), 'wb') as piece:
        piece.write(data[at:at + int(length)])
    at += int(length)
assert at == len(data), 'ends at %d' % at
PYTHON
    ) || problem "chunks do not cover $1" "$said"
    cut -d ' ' -f 3 "$out" >"$scratch/digests"
    find "$scratch/pieces" -type f | sort | xargs xxhsum -q -H2 2>/dev/null | digests \
        >"$scratch/expected"
    expect_same_files "$scratch/expected" "$scratch/digests"
}

# ---- rules ----

for sizes in '64 256 1000' '16384 65536 262144'; do
    read -r least average most <<<"$sizes"
    python3 "$scratch/cdc.py" mixed "$least" "$average" "$most" >"$scratch/rule"
    run "$MAPPROC" chunks --chunker "cdc:min=$least,avg=$average,max=$most" mixed
    expect_status 0
    cut -d ' ' -f 1,2 "$out" >"$scratch/found"
    expect_same_files "$scratch/rule" "$scratch/found"
    ((average < 8192)) || expect_chunks mixed
    done_test "cdc keeps to its rule with $sizes"
done

run "$MAPPROC" chunks mixed
cp "$out" "$scratch/usual"
run "$MAPPROC" chunks --chunker cdc:min=16K,avg=64K,max=256K mixed
expect_stdout_file "$scratch/usual"
done_test 'cdc is the default, with 64K'

for chunker in fixed cdc:avg=4K lines lines:byte=0x2c,limit=9K records:size=100,header=7 sparse \
    "$sample" "$sample:limit=10K"; do
    run "$MAPPROC" chunks --chunker "$chunker" --chunk-size 8K mixed
    expect_status 0
    expect_chunks mixed
    cp "$out" "$scratch/chunks"
    for how in '-j1 --io mmap' '-j7 --io mmap' '-j1 --io read' '-j7 --io read'; do
        # shellcheck disable=SC2086 # several options
        run "$MAPPROC" chunks --chunker "$chunker" --chunk-size 8K $how mixed
        expect_status 0
        expect_stdout_file "$scratch/chunks"
    done
    for threads in 1 7; do
        run "$MAPPROC" chunks --chunker "$chunker" --chunk-size 8K -j "$threads" < <(cat mixed)
        expect_status 0
        expect_stdout_file "$scratch/chunks"
    done
    run "$MAPPROC" checksum --chunker "$chunker" --chunk-size 8K mixed
    expect_stdout "$(xxhsum -q -H2 mixed)"
    done_test "${chunker#"${sample%/*}"/}: the same chunks and digest with any threads, mapped, read or piped"
done

run "$MAPPROC" checksum -a xxh128,md5 --chunker cdc:avg=4K --manifest --piece 16K mixed
expect_status 0
cp "$out" manifest
run "$MAPPROC" checksum -a xxh128,md5 --manifest --piece 16K mixed
grep -v '^#' "$out" >"$scratch/plain"
grep -v '^#' manifest >"$scratch/cut"
expect_same_files "$scratch/plain" "$scratch/cut"
run "$MAPPROC" verify manifest
expect_status 0
done_test 'pieces of a manifest end where they should whatever cuts the chunks'

# Slowly, byte by byte now and then.
run "$MAPPROC" chunks < <(
    head -c 5000 mixed
    sleep 0.2
    tail -c +5001 mixed | head -c 1
    sleep 0.2
    tail -c +5002 mixed
)
expect_stdout_file "$scratch/usual"
done_test 'a pipe that gives its bytes in parts'

# ---- insertions ----

# Noise, the same each time: how many chunks an insertion changes is a matter of chance.
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(11).randbytes(64 << 20))' >random
{ printf x && cat random; } >shifted
for file in random shifted; do
    run "$MAPPROC" chunks "$file"
    expect_status 0
    cut -d ' ' -f 3 "$out" | sort >"$scratch/$file"
done
all=$(wc -l <"$scratch/random")
kept=$(comm -12 "$scratch/random" "$scratch/shifted" | wc -l)
((all > 500 && kept * 100 >= all * 99)) || problem "only $kept of $all chunks are still there"
run "$MAPPROC" chunks -j 7 shifted
cut -d ' ' -f 3 "$out" | sort >"$scratch/seven"
expect_same_files "$scratch/shifted" "$scratch/seven"
done_test 'a byte in front of 64 MiB leaves at least 99 % of the chunks as they are'

# Scanned ahead, with few candidates or too many, and one file after the other.
head -c 20M /dev/zero >zeros
for chunker in cdc cdc:avg=4K cdc:avg=1M,max=16M cdc:min=16K,avg=16K,max=20000; do
    run "$MAPPROC" chunks --chunker "$chunker" -j 1 zeros shifted
    cp "$out" "$scratch/one"
    run "$MAPPROC" chunks --chunker "$chunker" -j 7 zeros shifted
    expect_status 0
    expect_stdout_file "$scratch/one"
    run "$MAPPROC" checksum --chunker "$chunker" -j 7 random zeros mixed shifted
    expect_status 0
    expect_stdout "$(xxhsum -q -H2 random zeros mixed shifted)"
done
head -c 8M shifted >eight
run "$MAPPROC" chunks --chunker cdc:avg=1K -j 1 eight
cp "$out" "$scratch/one"
run "$MAPPROC" chunks --chunker cdc:avg=1K -j 7 eight
expect_stdout_file "$scratch/one"
done_test 'scanned ahead or not, or in vain, borders are the same'

if ! can_hold_jobs; then
    skip_test 'a file that is cut while it is scanned' "$no_holding"
else
    for number in 1 2 3 4 5 6; do
        for io in mmap read; do
            cp random cut
            # It would take more than a minute; where it is when it is let loose and cut is a matter
            # of chance.
            start "$MAPPROC" chunks -j 7 --io "$io" --limit-rate 900K cut </dev/null
            wait_read 1 || problem 'ended before it was cut'
            ((number <= 3)) && sleep 0.0$number
            truncate -s $(((number - 1) * 12 * mebibyte)) cut
            let_run
            expect_status 1
            expect_stderr_lines 1
            expect_stderr "'cut': changed while it was read: cut from "
        done
    done
    done_test 'a file that is cut while it is scanned'
fi

# ---- each chunker ----

run "$MAPPROC" chunks --chunker lines:limit=4K --chunk-size 3000 -v text
expect_status 0
said=$(python3 - text "$out" 2>&1 <<'PYTHON'
import sys
data, cut = open(sys.argv[1], 'rb').read(), 0
for line in open(sys.argv[2]):
    offset, length = map(int, line.split()[:2])
    end = offset + length
    assert length <= 4096
    if end < len(data) and data[end - 1:end] != b'\n':
        assert length == 4096, 'not at a newline'
        cut += 1
    else:
        first = data.find(b'\n', offset + 2999)
        assert end in (first + 1, len(data)), 'not the first newline'
print(cut)
PYTHON
) || problem 'chunks are not whole lines:' "$said"
expect_stderr "'text': $said chunks were cut at 4096 bytes, where the chunker 'lines' found no border"
[[ $said -ge 24 ]] || problem "only $said chunks of the long line"
done_test 'lines: the first newline from the size on, and lines that are too long are counted'

run "$MAPPROC" chunks --chunker records:size=300,header=50 --chunk-size 1K text
cut -d ' ' -f 1 "$out" | awk 'NR > 1 && ($1 - 50) % 900 { print; exit 1 }' || problem 'cut a record'
done_test 'records: whole ones, behind a header'

run "$MAPPROC" chunks --chunker "$sample" --chunk-size 10K genes.fa
expect_status 0
expect_chunks genes.fa
said=$(for piece in "$scratch"/pieces/*; do head -c 1 "$piece"; done | tr -d '>')
[[ -z $said ]] || problem 'chunks begin with something else than a record:' "$said"
done_test 'the sample plug-in: every chunk begins with a record'

truncate -s $((4 * mebibyte)) holes
printf x | dd of=holes bs=1 seek=$((mebibyte + 100)) conv=notrunc status=none
printf x | dd of=holes bs=1 seek=$((3 * mebibyte)) conv=notrunc status=none
run "$MAPPROC" chunks --chunker sparse --chunk-size 1M holes
expect_status 0
expect_chunks holes
python3 - holes "$out" <<'PYTHON' || problem 'chunks do not end where data and holes do'
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size, borders, at = os.fstat(fd).st_size, {0}, 0
while at < size:
    try:
        data = os.lseek(fd, at, os.SEEK_DATA)
    except OSError:
        break
    at = os.lseek(fd, data, os.SEEK_HOLE)
    borders |= {data, at}
found = {int(line.split()[0]) for line in open(sys.argv[2])} | {size}
sys.exit(not borders <= found)
PYTHON
done_test 'sparse: borders of extents'

# ---- options ----

run "$MAPPROC" chunks --chunker help
expect_status 0
for word in cdc fixed lines records sparse avg byte limit header; do
    grep -qw "$word" "$out" || problem "the help does not name $word"
done
cp "$out" "$scratch/help"
run "$MAPPROC" checksum --chunker help
expect_stdout_file "$scratch/help"
done_test 'a list of chunkers with their options'

while read -r chunker words; do
    run "$MAPPROC" chunks --chunker "$chunker" mixed
    expect_error 2
    expect_stderr "$words"
done <<WRONG
nonsense there is no such chunker; there are cdc, fixed, lines, records and sparse, and ./FILE.so
cdc:avg=1X avg must be a number or size from 64 to 1073741824
cdc:mean=1K the chunker 'cdc' has no option 'mean'
cdc:min=2K,avg=1K the chunker 'cdc': must be min <= avg <= max
records the chunker 'records': needs size=BYTES
lines:limit=1K the chunker 'lines': limit must not be less than the chunk size
WRONG
done_test 'options that make no sense'

# ---- plug-ins ----

cp "$mad/mad_lies.so" 'with:colon.so'
run "$MAPPROC" chunks --chunker './with:colon.so:how=0' mixed
expect_error 2 # the first colon behind the last slash ends the path
mkdir 'with:colon'
mv 'with:colon.so' 'with:colon/mine.so'
run "$MAPPROC" chunks --chunker './with:colon/mine.so:how=0' mixed
expect_status 0
expect_chunks mixed
done_test 'a plug-in that does what it should'

while read -r name words; do
    run "$MAPPROC" chunks --chunker "$mad/mad_$name.so" mixed
    expect_error 2
    expect_stderr "$words"
done <<WRONG
abi its chunker is made for version 1 of the interface, this is
symbol defines no mapproc_chunker_plugin
name its chunker has no name
letters its chunker has no name, or one of other characters
init its chunker 'mad' has no init()
next its chunker 'mad' has no next()
state its chunker 'mad' wants 100000 bytes of state; there are 256
options its chunker 'mad' has a table of options that makes no sense
missing cannot be loaded: 
WRONG
printf 'not a shared object\n' >text.so
run "$MAPPROC" checksum --chunker ./text.so mixed
expect_error 2
expect_stderr "'--chunker=./text.so': cannot be loaded: "
done_test 'plug-ins that are refused'

head -c 3000 mixed >short
while read -r how words; do
    for verb in chunks checksum; do
        for file in mixed short; do
            run timeout 240 "$MAPPROC" "$verb" --chunker "$mad/mad_lies.so:how=$how" "$file"
            [[ $how == 5 ]] && : >"$out"
            if [[ $how == 5 && $file == short ]]; then
                expect_status 0
                continue
            fi
            expect_error 2
            [[ $how == 4 && $file == short ]] && words='asks for more than there is'
            expect_stderr "'$file': the chunker 'mad' $words"
            run timeout 240 "$MAPPROC" "$verb" --chunker "$mad/mad_lies.so:how=$how" < <(cat "$file")
            [[ $how == 5 ]] && : >"$out"
            expect_error 2
            expect_stderr "'stdin': the chunker 'mad' $words"
            words=${words/asks for more than there is/asks for more than its largest chunk may have}
        done
    done
done <<WRONG
1 gave a border that is not behind the one before
2 gave a border beyond the end of what it was shown
3 gave a border beyond the end of what it was shown
4 asks for more than its largest chunk may have
5 gave a border that is not behind the one before
6 gave a border among the bytes that it wanted to skip
WRONG
done_test 'plug-ins that lie are stopped'

run "$MAPPROC" chunks --chunker "$mad/mad_lies.so:how=5" mixed
[[ $(wc -l <"$out") == 10 ]] || problem "$(wc -l <"$out") chunks before the lie, expected 10"
done_test 'what lies before the lie is told'

# ---- output ----

if ((json)); then
    run "$MAPPROC" chunks --json mixed
    expect_status 0
    said=$(python3 - "$out" "$scratch/usual" 2>&1 <<'PYTHON'
import json, sys
for line, text in zip(open(sys.argv[1]), open(sys.argv[2]), strict=True):
    chunk = json.loads(line)
    assert list(chunk) == ['offset', 'length', 'digest'], line
    assert '%(offset)d %(length)d %(digest)s\n' % chunk == text, line
PYTHON
    ) || problem 'JSON is not what the lines say:' "$said"
    done_test 'JSON: one object a chunk'
else
    skip_test 'JSON: one object a chunk' 'built without it'
fi

run "$MAPPROC" chunks mixed text
expect_status 0
{ sed "s/\$/  'mixed'/" "$scratch/usual" && "$MAPPROC" chunks text | sed "s/\$/  'text'/"; } \
    >"$scratch/expected"
expect_stdout_file "$scratch/expected"
done_test 'several files: one after the other, with their names'

run "$MAPPROC" chunks missing text
expect_status 1
expect_stderr "'missing': "
[[ -s $out ]] || problem 'the other file was not cut'
run "$MAPPROC" chunks /dev/full/nothing
expect_error 1
run sh -c "'$MAPPROC' chunks mixed >/dev/full"
expect_error 3
done_test 'files and outputs that fail'

# ---- statistics ----

# The same from the list of chunks.
python3 - "$scratch/usual" >"$scratch/expected" <<'PYTHON'
import sys
lengths, seen, repeated = [], set(), []
for line in open(sys.argv[1]):
    offset, length, digest = line.split()
    lengths.append(int(length))
    if digest in seen:
        repeated.append(int(length))
    seen.add(digest)
print(len(lengths), sum(lengths), min(lengths), max(lengths), len(repeated), sum(repeated))
PYTHON
run "$MAPPROC" chunks --stats mixed
expect_status 0
python3 - "$out" >"$scratch/found" <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read()
pattern = (r'chunks +(\d+)\nbytes +(\d+) .*\nsizes +least (\d+), average \d+, most (\d+).*\n'
           r'((?: +[\d.]+ \w+ +#* +\d+\n)+)repeated +(\d+) chunks; deduplication saves (\d+) .*\n$')
match = re.match(pattern, text)
assert match, text
assert sum(int(line.split()[-1]) for line in match[5].splitlines()) == int(match[1])
print(*match.group(1, 2, 3, 4, 6, 7))
PYTHON
expect_same_files "$scratch/expected" "$scratch/found"
[[ $(cut -d ' ' -f 6 "$scratch/found") -gt 1000000 ]] || problem 'too little is repeated'
done_test '--stats: what the chunks come to'

run "$MAPPROC" chunks --stats -j1 --memory 44M --chunker cdc:avg=64,min=64,max=128 random
expect_status 0
grep -q '^repeated   at least ' "$out" || problem 'not all is known' "$(tail -n 2 "$out")"
grep -q '^forgotten  [1-9]' "$out" || problem 'nothing was forgotten' "$(tail -n 2 "$out")"
done_test '--stats: what there is no memory for is counted'

if ((json)); then
    run "$MAPPROC" chunks --stats --json mixed
    python3 - "$out" >"$scratch/found" <<'PYTHON'
import json, sys
stats = json.load(open(sys.argv[1]))
assert sum(size['chunks'] for size in stats['sizes']) == stats['chunks']
assert sum(size['bytes'] for size in stats['sizes']) == stats['bytes']
print(*(stats[key] for key in ('chunks', 'bytes', 'least', 'most', 'repeated', 'repeated_bytes')))
PYTHON
    expect_same_files "$scratch/expected" "$scratch/found"
    done_test '--stats: JSON'
else
    skip_test '--stats: JSON' 'built without it'
fi

# ---- differences ----

run "$MAPPROC" chunks --diff random random
expect_status 0
expect_stdout "new: 0 of $(stat -c %s random) bytes (0.00 %) in 0 ranges; delta: 16 bytes"
done_test '--diff: the same file'

python3 - <<'PYTHON'
data = open('random', 'rb').read()[:8 << 20]
with open('a', 'wb') as file:
    file.write(data)
changed = data[:1000000] + b'inserted' + data[1000000:5000000] + data[5000100:]  # and 100 deleted
with open('b', 'wb') as file:
    file.write(changed + data[:500000])
PYTHON
for file in a b; do "$MAPPROC" chunks "$file" >"$scratch/$file"; done
python3 - "$scratch/a" "$scratch/b" >"$scratch/expected" <<'PYTHON'
import sys
known = {}
for line in open(sys.argv[1]):
    offset, length, digest = line.split()
    known.setdefault(digest, int(offset))
size = new = operations = 0
ranges, end = [], None
for line in open(sys.argv[2]):
    offset, length, digest = line.split()
    offset, length = int(offset), int(length)
    size += length
    if digest in known:
        operations += end != known[digest]
        end = known[digest] + length
    else:
        end = None
        if ranges and sum(ranges[-1]) == offset:
            ranges[-1][1] += length
        else:
            ranges.append([offset, length])
new = sum(length for offset, length in ranges)
for offset, length in ranges:
    print(offset, length)
assert any(offset <= 1000000 and offset + length >= 1000008 for offset, length in ranges)
print('new: %d of %d bytes (%.2f %%) in %d ranges; delta: %d bytes' %
      (new, size, 100 * new / size, len(ranges), new + 16 * (operations + len(ranges))))
PYTHON
run "$MAPPROC" chunks --diff a b
expect_status 0
expect_stdout_file "$scratch/expected"
if ((json)); then
    run "$MAPPROC" chunks --diff --json a b
    python3 - "$out" >"$scratch/found" <<'PYTHON'
import json, sys
*ranges, total = map(json.loads, open(sys.argv[1]))
for part in ranges:
    assert list(part) == ['offset', 'length']
    print(part['offset'], part['length'])
print('new: %(new)d of %(size)d bytes (' % total + '%.2f' % (100 * total['new'] / total['size']) +
      ' %%) in %(ranges)d ranges; delta: %(delta)d bytes' % total)
PYTHON
    expect_same_files "$scratch/expected" "$scratch/found"
fi
done_test '--diff: insertion, deletion and repetition'

run "$MAPPROC" chunks --diff a
expect_error 2
run "$MAPPROC" chunks --diff --stats a b
expect_error 2
run "$MAPPROC" chunks --diff a missing
expect_error 1
run "$MAPPROC" chunks --diff -j1 --memory 44M --chunker cdc:avg=64,min=64,max=128 random a
expect_error 2
expect_stderr 'chunks, for which the memory is too little'
done_test '--diff: what makes no sense'

finish_tests
