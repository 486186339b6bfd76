#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_compress.sh - mapproc compress: what other tools read, names, and that nothing is ever lost.
#
# MAPPROC_TEST_KILLS is how often the test at the end kills a run (default 40).
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have gzip || ! have python3; then
    printf '1..0 # SKIP needs gzip and python3\n'
    exit 0
fi

expect_no_temporaries() {
    local left
    left=$(find "${1:-.}" -name '.*mapproc-*')
    [[ -z $left ]] || problem "left behind: $left"
}

# The compressed file gives back the other one.
expect_gives_back() {
    gzip -dc "$1" 2>"$err" | cmp -s - "$2" || problem "gzip -dc $1 is not $2"
}

expect_there() { [[ -e $1 ]] || problem "$1 is not there"; }
expect_absent() { [[ ! -e $1 && ! -L $1 ]] || problem "$1 is there"; }

# text_file NAME SIZE: bytes that compress, with some noise among them.
text_file() {
    python3 - "$2" >"$1" <<'PYTHON'
import random, sys
size, words = int(sys.argv[1]), [b'the ', b'chunk ', b'of ', b'bytes\n', b'is ', b'deflate, ']
made = bytearray()
while len(made) < size:
    made += b''.join(random.choices(words, k=2000)) + random.randbytes(200)
sys.stdout.buffer.write(made[:size])
PYTHON
}

# Whether the temporary of an output in this directory is there: its input is open then, and looked
# at, and signals are caught.
# shellcheck disable=SC2317 # called by await
has_temporary() { compgen -G ".$1.mapproc-*" >/dev/null; }

# The option --json, where the program has it.
json=()
"$MAPPROC" compress --json --help >/dev/null 2>&1 && json=(--json)

text_file text 6000001
random_file noise 1000001
: >empty
printf x >one
head -c 5000000 /dev/zero >zeros
head -c 300000 text >part

# --- what others read ----------------------------------------------------------------------------

for file in text noise empty one zeros; do
    for format in gzip bgzf; do
        run "$MAPPROC" compress --format $format -c "$file"
        expect_status 0
        cp "$out" packed.gz
        expect_gives_back packed.gz "$file"
        for reader in pigz igzip zstd bgzip; do
            have $reader || continue
            $reader -dc packed.gz 2>/dev/null | cmp -s - "$file" || problem "$reader: $format $file"
        done
        python3 -c 'import gzip, sys; sys.exit(gzip.open("packed.gz").read() != open(sys.argv[1], "rb").read())' \
            "$file" || problem "python: $format $file"
    done
done
done_test 'gzip and BGZF are read by gzip, pigz, igzip, zstd, bgzip and Python'

for level in 0 1 2 3 4 5 6 7 8 9 10 11 12; do
    run "$MAPPROC" compress -$level --chunk-size 100K -c one part empty part
    expect_status 0
    cat one part part | cmp -s - <(gzip -dc <"$out") || problem "level $level"
done
for codec in zlib libdeflate isal; do
    "$MAPPROC" compress --codec $codec -c one >/dev/null 2>&1 || continue
    for level in 0 1 6 12; do
        "$MAPPROC" compress -$level --codec $codec -c part | gzip -dc | cmp -s - part ||
            problem "$codec $level"
    done
done
done_test 'all levels and codecs; -c puts files behind one another'

"$MAPPROC" compress -j1 -c text >expected.gz
for how in -j2 -j7 '-j2 --io=mmap' '-j3 --io=read' '-j1 --memory=64M' '--verify' '--manifest -f -o same.gz'; do
    # shellcheck disable=SC2086 # words
    "$MAPPROC" compress $how -c text 2>/dev/null >same.gz || "$MAPPROC" compress $how text >/dev/null
    cmp -s expected.gz same.gz || problem "other bytes with $how"
    rm -f same.gz*
done
"$MAPPROC" compress < <(cat text) | cmp -s expected.gz || problem 'other bytes from a pipe'
"$MAPPROC" compress <text | cmp -s expected.gz || problem 'other bytes from standard input'
cp text part2
truncate -s 40M part2
"$MAPPROC" compress -1 -c part2 >sparse.gz
cp --sparse=never part2 part3
"$MAPPROC" compress -1 -c part3 | cmp -s sparse.gz || problem 'other bytes from holes'
rm -f part2 part3 sparse.gz
done_test 'the same bytes for any number of threads, any way to read, pipes and holes'

# What each member has ends where the chunker said.
for chunker in lines:limit=300K records:size=1000,header=10 cdc:avg=16K sparse; do
    run "$MAPPROC" compress -1 --chunk-size 100K --chunker "$chunker" -c text
    expect_status 0
    cp "$out" cut.gz
    expect_gives_back cut.gz text
    "$MAPPROC" compress -1 --chunk-size 100K --chunker "$chunker" -j1 -c - <text | cmp -s - cut.gz ||
        problem "$chunker: a pipe gives other bytes"
    python3 - cut.gz "${chunker%%:*}" <<'PYTHON' || problem "$chunker: members are not whole"
import sys, zlib
data, whole = open(sys.argv[1], 'rb').read(), {'lines': lambda d: d.endswith(b'\n'),
    'records': lambda d: len(d) % 1000 == 0}.get(sys.argv[2], lambda d: True)
members = []
while data:
    d = zlib.decompressobj(31)
    members.append(d.decompress(data))
    data = d.unused_data
members = members[:-1]  # the end mark
if sys.argv[2] == 'records':
    members[0] = members[0][10:]
sys.exit(not (len(members) > 3 and all(whole(m) for m in members[:-1])))
PYTHON
done
run "$MAPPROC" compress --chunker help
expect_status 0
done_test 'members end where a chunker says'

# --- names ---------------------------------------------------------------------------------------

run "$MAPPROC" compress text one
expect_status 0
expect_stdout ''
expect_stderr_lines 0
expect_gives_back text.gz text
expect_gives_back one.gz one
run "$MAPPROC" compress -v -f one
expect_stderr "'one': 1 B -> "
expect_stderr '1 file, '
run "$MAPPROC" compress one
expect_error 2
expect_stderr 'will not replace it'
rm one.gz
run "$MAPPROC" compress -o two one
expect_gives_back two one
mkdir into
run "$MAPPROC" compress -o into one
expect_gives_back into/one.gz one
run "$MAPPROC" compress -o new/ one text
expect_gives_back new/one.gz one
expect_gives_back new/text.gz text
run "$MAPPROC" compress -o two one text
[[ $status == 2 ]] || problem "two inputs for one file: status $status"
expect_gives_back two one
rm -rf into new two text.gz
done_test 'FILE becomes FILE.gz, or what -o says; nothing is replaced'

cp one picture.JPG
cp one packed.gz
run "$MAPPROC" compress picture.JPG packed.gz
expect_status 0
expect_stderr_lines 2
expect_stderr 'skipped'
expect_absent picture.JPG.gz
run "$MAPPROC" compress -f picture.JPG
expect_status 0
expect_gives_back picture.JPG.gz picture.JPG
rm -f picture.JPG.gz
run "$MAPPROC" compress -c picture.JPG
expect_status 0
gzip -dc "$out" | cmp -s - one || problem '-c of a picture'
rm -f picture.JPG packed.gz
done_test 'what is compressed already, by its name, is skipped; -f and -c take it'

ln -s one link
mkfifo fifo
mkdir directory
for name in link fifo directory; do
    run "$MAPPROC" compress $name
    expect_error 2
    expect_absent $name.gz
done
run "$MAPPROC" compress missing
expect_error 1
run "$MAPPROC" compress -f link
expect_status 0
expect_gives_back link.gz one
rm -f link.gz
run "$MAPPROC" compress -c link
expect_status 0
cat one >fifo &
run "$MAPPROC" compress -c fifo
wait
gzip -dc "$out" | cmp -s - one || problem '-c of a FIFO'
rmdir directory
rm -f link fifo
done_test 'links, FIFOs and directories are refused without -f or -c'

run "$MAPPROC" compress -o one one
expect_error 2
run "$MAPPROC" compress -f -o one one
expect_error 2
expect_stderr 'its own output'
ln one same
run "$MAPPROC" compress -f -o same one
expect_error 2
[[ $(cat one) == x ]] || problem 'the input is gone'
rm same
for how in '-c -o x one' '-c --rm one' '--rm -' '--index -' '--index -c one' '-c --manifest one' '-c --json one' \
    '-13 one' '--codec none one' '--format zip one' '--chunker none one' '-o dir/ -' '--memory 1M one' \
    '--chunk-size 1 one' '-o part one noise'; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" compress $how
    expect_status 2
    [[ ! -s $out ]] || problem "something on standard output of $how"
    expect_absent one.gz
done
expect_there one
if have script; then
    for how in -c '-o /dev/stdout' '-o /dev/tty' '-o -'; do
        script -qec "'$MAPPROC' compress $how one" /dev/null >"$out" 2>&1 </dev/null
        status=$?
        expect_status 2
        grep -q 'terminal' "$out" || problem "a terminal gets compressed data with $how"
    done
fi
done_test 'what makes no sense is refused'

run "$MAPPROC" compress -9v1 -c one
expect_status 0
"$MAPPROC" compress -1 -c text >level1.gz
for how in '-12 -1' '-91' '-1k'; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" compress $how -c text
    case $how in
    -91) expect_status 2 ;;
    *) expect_stdout_file level1.gz ;;
    esac
done
rm level1.gz
done_test 'levels are numbers, with letters around them'

# --- trees ---------------------------------------------------------------------------------------

mkdir -p tree/sub/deep tree/other
for ((i = 0; i < 60; i++)); do
    head -c $((i * 997)) text >"tree/sub/$i"
    head -c $((i * 97)) noise >"tree/sub/deep/file $i"
done
cp one tree/other/film.mp4
printf 'left behind' >tree/other/.x.mapproc-0123456789abcdef
ln -s ../sub/1 tree/other/link
chmod 750 tree/sub
cp -a tree tree0
compare_tree() {
    local name
    while read -r name; do
        gzip -dc "$2/$name.gz" 2>/dev/null | cmp -s - "tree0/$name" || problem "$2/$name.gz"
    done < <(cd tree0 && find sub -type f)
    expect_absent "$2/other/film.mp4.gz"
    expect_absent "$2/other/link.gz"
    expect_absent "$2/other/.x.mapproc-0123456789abcdef.gz"
    [[ $(find "$2" -name '*.gz' | wc -l) == 120 ]] || problem "$1: not 120 files"
}
run "$MAPPROC" compress -r -j3 tree
expect_status 0
expect_stderr_lines 1
expect_stderr '1 compressed file was skipped'
compare_tree 'in place' tree
expect_there tree/sub/1
run "$MAPPROC" compress -r -f -j3 tree
expect_status 0
compare_tree 'in place again' tree
(
    ulimit -Sn 40
    run "$MAPPROC" compress -r -f -j8 tree
    exit "$status"
)
status=$?
expect_status 0
compare_tree 'with few files open at a time' tree
run "$MAPPROC" compress -r tree0 -o mirror
expect_status 0
compare_tree mirrored mirror/tree0
[[ $(stat -c %a mirror/tree0/sub) == 750 ]] || problem 'mode of a mirrored directory'
run "$MAPPROC" compress -r tree0/ -o mirror2
compare_tree 'mirrored without its name' mirror2
(cd tree0 && find . -type f ! -name '.x.*') | (cd tree0 && "$MAPPROC" compress --files-from - -o ../mirror3) 2>/dev/null
compare_tree 'mirrored from a list' mirror3 2>/dev/null
run "$MAPPROC" compress -r -k tree0 --exclude 'deep' --rm
expect_status 0
[[ $(find tree0 -name '*.gz' | wc -l) == 60 && $(find tree0/sub -name '[0-9]*' | wc -l) == 60 ]] ||
    problem '--rm and --exclude'
rm -rf tree tree0 mirror*
done_test 'trees: in place, again, mirrored, from a list, with --rm'

mkdir a b
echo first >a/same
echo second >b/same
run "$MAPPROC" compress --rm -f -o flat/ a/same b/same
expect_status 2
expect_stderr 'the same output'
expect_absent a/same
[[ $(cat b/same) == second && $(gzip -dc flat/same.gz) == first ]] || problem 'one of them is lost'
run "$MAPPROC" compress --rm -o flat2/ b/same ./b/same
expect_status 2
expect_stderr './b/same'
[[ $(gzip -dc flat2/same.gz) == second ]] || problem 'lost'
rm -rf a b flat flat2
done_test 'two inputs never replace one another'

# --- metadata, --rm ------------------------------------------------------------------------------

cp text kept
chmod 640 kept
touch -d '2001-02-03 04:05:06.789' kept
xattr=false
python3 -c 'import os; os.setxattr("kept", "user.origin", b"here")' 2>/dev/null && xattr=true
is_root && chown 12:34 kept
before=$(stat -c '%a %u %g %y' kept)
run "$MAPPROC" compress --rm kept
expect_status 0
expect_stderr_lines 0
expect_absent kept
expect_gives_back kept.gz text
[[ $(stat -c '%a %u %g %y' kept.gz) == "$before" ]] || problem "metadata: $(stat -c '%a %u %g %y' kept.gz)"
$xattr && [[ $(python3 -c 'import os; print(os.getxattr("kept.gz", "user.origin").decode())') != here ]] &&
    problem 'the extended attribute is gone'
rm -f kept.gz
done_test '--rm: the file is gone, its output has its mode, owner, times and attributes'

cp one linked
ln linked linked2
run "$MAPPROC" compress --rm linked
expect_error 2
expect_there linked
expect_absent linked.gz
run "$MAPPROC" compress --rm -f linked
expect_status 0
expect_absent linked
expect_there linked2
cp one there
echo old >there.gz
run "$MAPPROC" compress --rm there
expect_error 2
expect_there there
[[ $(cat there.gz) == old ]] || problem 'the old file is gone'
run "$MAPPROC" compress --rm -o /dev/null -f there
expect_error 2
expect_there there
ln -s there symbolic
run "$MAPPROC" compress --rm -f symbolic
expect_error 2
expect_there there
expect_absent symbolic.gz
rm -f linked* there* symbolic
done_test '--rm: what has other names, or no safe output, stays'

# --- index, manifest, JSON -----------------------------------------------------------------------

for format in gzip bgzf; do
    cp text raw
    run "$MAPPROC" compress --format $format --index --manifest "${json[@]}" --rm raw
    expect_status 0
    ((${#json[@]} == 0)) || python3 - "$format" "$out" <<'PYTHON' || problem "JSON of $format"
import json, os, struct, sys
(line,) = open(sys.argv[2])
result = json.loads(line)
assert result['name'] == 'raw' and result['output'] == 'raw.gz'
assert result['size'] == 6000001 and result['compressed'] == os.path.getsize('raw.gz')
assert result['format'] == sys.argv[1] and result['level'] == 6
index = open('raw.gz.gzi', 'rb').read()
words = struct.unpack(f'<{len(index) // 8}Q', index)
assert result['members'] == words[0] + 1 == (len(words) - 1) // 2 + 1
data = open('raw.gz', 'rb').read()
for at in words[1::2]:
    assert data[at:at + 4] == b'\x1f\x8b\x08\x04'
PYTHON
    expect_absent raw
    gzip -dc raw.gz >raw
    run "$MAPPROC" verify raw.gz.manifest
    expect_status 0
    grep -q "$("$MAPPROC" checksum raw | digests)" "$out" raw.gz.manifest || problem 'the digest is another one'
    flip raw 4500000
    run "$MAPPROC" verify raw.gz.manifest
    expect_status 1
    if have bgzip && [[ $format == bgzf ]]; then
        for offset in 0 1 65279 65280 4000000 5999990; do
            bgzip -b $offset -s 11 raw.gz | cmp -s - <(tail -c +$((offset + 1)) text | head -c 11) ||
                problem "bgzip -b $offset"
        done
        # Its own index has one entry more, for the empty block at the end.
        cp raw.gz.gzi ours
        bgzip -r raw.gz
        cmp -s <(tail -c +9 ours) <(head -c "$(stat -c %s ours)" raw.gz.gzi | tail -c +9) ||
            problem 'bgzip -r makes another index'
    fi
    rm -f raw*
done
for extra in index manifest; do
    suffix=${extra/index/gzi}
    echo old >"one.gz.$suffix"
    run "$MAPPROC" compress --$extra one
    expect_error 2
    [[ $(cat "one.gz.$suffix") == old ]] || problem "the old $extra is gone"
    expect_absent one.gz
    run "$MAPPROC" compress --$extra -f one
    expect_status 0
    [[ $(tr -d '\0' 2>/dev/null <"one.gz.$suffix") != old ]] || problem "the old $extra is still there"
    rm -f one.gz*
done
cp text secret
chmod 600 secret
(umask 022 && "$MAPPROC" compress --index --manifest secret)
[[ $(stat -c %a secret.gz secret.gz.gzi secret.gz.manifest | sort -u) == 600 ]] ||
    problem 'others may read what belongs to a private file'
rm -f secret*
run "$MAPPROC" compress "${json[@]}" one missing
expect_status 1
((${#json[@]} == 0)) || [[ $(grep -c '"kind":"data"' "$out") == 1 && $(wc -l <"$out") == 2 ]] || problem 'an error in JSON'
rm -f one.gz
done_test '--index, --manifest and --json'

# --- when writing fails --------------------------------------------------------------------------

run bash -c "'$MAPPROC' compress -c text >/dev/full"
expect_error 3
expect_stderr 'No space left'
run "$MAPPROC" compress -o /dev/full text
expect_error 3
(
    ulimit -f 64
    run "$MAPPROC" compress --rm -1 noise
    exit "$status"
)
status=$?
expect_error 3
expect_stderr 'File too large'
expect_there noise
expect_absent noise.gz
expect_no_temporaries
done_test 'a full device, or a limit of the size of files: exit 3, nothing is there, nothing is gone'

if is_root && mkdir small && mount -t tmpfs -o size=512k none small 2>/dev/null; then
    at_exit "umount '$PWD/small'"
    run "$MAPPROC" compress -o small/noise.gz --rm noise
    expect_error 3
    expect_stderr 'No space left'
    expect_there noise
    expect_absent small/noise.gz
    expect_no_temporaries small
    head -c 450000 noise >small/noise
    run "$MAPPROC" compress -r --rm small
    expect_error 3
    expect_there small/noise
    expect_no_temporaries small
    umount small
    done_test 'a full file system: exit 3, nothing is there, nothing is gone'
else
    skip_test 'a full file system' 'needs root and mount'
fi

env --default-signal=PIPE "$MAPPROC" compress -0 -c text zeros 2>"$err" | head -c 1000 >/dev/null
status=${PIPESTATUS[0]}
expect_status 141
expect_stderr_lines 0
done_test 'a reader that goes away: SIGPIPE, without a word'

for signal in INT TERM HUP; do
    mkfifo endless
    sleep 1000 >endless &
    writer=$!
    env --default-signal=INT,TERM,HUP "$MAPPROC" compress -f -o new.gz endless 2>"$err" &
    job=$!
    await has_temporary new.gz
    kill -s $signal $job
    { wait $job; } 2>/dev/null
    status=$?
    kill $writer && wait $writer 2>/dev/null
    expect_status $((128 + $(kill -l $signal)))
    expect_absent new.gz
    expect_no_temporaries
    rm endless
done
done_test 'interrupted: no output, no temporary'

# A file that is written to while it is compressed has no output. At this rate it takes ten minutes:
# the job cannot have come to the end before it is let go.
"$MAPPROC" compress --rm --limit-rate=10K text 2>"$err" &
job=$!
await has_temporary text.gz
printf more >>text
"$MAPPROC" ctl $job rate off || {
    problem 'no rate off'
    kill $job
}
wait $job
status=$?
expect_status 1
expect_there text
expect_absent text.gz
expect_no_temporaries
done_test 'a file that changes meanwhile: exit 1, no output, and it stays'

# Killed at any moment there is the input, or all of the output.
head -c 3000000 text >victim0
kills=${MAPPROC_TEST_KILLS:-40}
both=0
for ((i = 0; i < kills; i++)); do
    cp victim0 victim
    rm -f victim.gz .victim.gz.mapproc-*
    "$MAPPROC" compress --rm -1 victim 2>/dev/null &
    job=$!
    sleep "$(printf '0.%03d' $((RANDOM % 60)))"
    kill -KILL $job 2>/dev/null
    { wait $job; } 2>/dev/null
    if [[ -e victim.gz ]]; then
        gzip -dc victim.gz 2>/dev/null | cmp -s - victim0 || problem "kill $i: a bad output"
        both=$((both + 1))
    fi
    [[ -e victim.gz ]] || cmp -s victim victim0 || problem "kill $i: input and output are gone"
done
rm -f victim* .victim.gz.mapproc-*
done_test "killed $kills times with --rm ($both had an output): input or output is always there"

finish_tests
