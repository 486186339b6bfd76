#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_verify.sh - mapproc verify: what it finds, says and exits with, on good, bad and hostile lists.
# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_job_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi

xxhsum() { command xxhsum "$@" 2>/dev/null; }

seed=${MAPPROC_TEST_SEED:-$RANDOM$RANDOM}
printf '# MAPPROC_TEST_SEED=%s\n' "$seed"
export seed MAPPROC

# What the Python parts share.
cat >"$scratch/verify_lib.py" <<'PYTHON'
import json, os, random, re, subprocess, sys
mapproc = os.environ['MAPPROC']
random.seed(int(os.environ['seed'], 0))

def verify(*words, **more):
    return subprocess.run([mapproc, 'verify', *words], capture_output=True, text=True, **more)

def verify_json(*words):
    result = verify('--json', *words)
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]

def expect(truth, *facts):
    if not truth:
        sys.exit(' '.join(map(repr, facts)))

def read_map(path):
    """The ranges of a ddrescue mapfile, which must cover it without gaps."""
    rows = [line.split() for line in open(path) if not line.startswith('#')][1:]
    ranges = [(int(a, 0), int(b, 0), c) for a, b, c in rows]
    at = 0
    for begin, length, _ in ranges:
        expect(begin == at and length > 0, 'gap in the map', ranges)
        at += length
    return ranges, at
PYTHON
export PYTHONPATH=$scratch

# python_test NAME: a program on standard input that exits with what is wrong.
python_test() {
    cat >"$scratch/program.py"
    run python3 "$scratch/program.py"
    if [[ $status != 0 ]]; then
        show_file "$err"
        problem 'it says:' "${shown[@]}"
    fi
    done_test "$1"
}

# --- damage ------------------------------------------------------------------------------------

large=$((64 << 20))
if sanitized; then large=$((4 << 20)); fi
random_file big $large
"$MAPPROC" checksum --manifest --piece 64K big >big.m
"$MAPPROC" checksum --manifest big >big.auto

python_test '200 random flips: each time the piece that holds it is named, and no other' <<'PYTHON'
from verify_lib import *
size = os.path.getsize('big')
fd = os.open('big', os.O_RDWR)
before = os.stat('big')
for k in range(200):
    at = random.choice([random.randrange(size), random.randrange(size // 65536) * 65536 +
                        random.choice([0, 65535])]) if k >= 4 else [0, size - 1, 65535, 65536][k]
    byte = os.pread(fd, 1, at)
    os.pwrite(fd, bytes([byte[0] ^ 1 << random.randrange(8)]), at)
    rot = k % 2 == 0
    if rot:
        os.utime('big', ns=(before.st_atime_ns, before.st_mtime_ns))
    begin = at // 65536 * 65536
    if k % 8:
        result = verify('-j', str(k % 3 + 1), 'big.m')
        line = 'big: FAILED bytes %d-%d (1 of %d pieces)' % (begin, begin + 65535, size // 65536)
        expect(result.returncode == 1 and result.stdout.startswith(line), at, result.stdout)
        expect(('(content changed, time did not: possible bit rot)' in result.stdout) == rot, at, result.stdout)
        expect(result.stdout.count('\n') == 1, result.stdout)
    else:
        status, rows = verify_json('--io', 'read', 'big.m')
        expect(status == 1 and rows[0]['ranges'] == [{'offset': begin, 'length': 65536}], at, rows)
        expect(rows[0]['possible_bit_rot'] == rot and rows[0]['verdict'] == 'bad', rows)
    os.pwrite(fd, byte, at)
os.utime('big', ns=(before.st_atime_ns, before.st_mtime_ns))
expect(verify('-q', 'big.m').returncode == 0, 'still bad')
PYTHON

python_test 'several bad pieces: adjacent ones joined; all of them in JSON, and in a mapfile' <<'PYTHON'
from verify_lib import *
size = os.path.getsize('big')
count = size // 65536
fd = os.open('big', os.O_RDWR)

def flip(places):
    for at in places:
        os.pwrite(fd, bytes([os.pread(fd, 1, at)[0] ^ 1]), at)

for n in [1, 2, 5, count // 3, count // 2, count]:
    bad = sorted(random.sample(range(count), n))
    places = [piece * 65536 + random.randrange(65536) for piece in bad]
    flip(places)
    ranges = []
    for piece in bad:
        if ranges and sum(ranges[-1]) == piece * 65536:
            ranges[-1][1] += 65536
        else:
            ranges.append([piece * 65536, 65536])
    status, rows = verify_json('--map', 'map', 'big.m')
    expect(status == 1 and [[r['offset'], r['length']] for r in rows[0]['ranges']] == ranges, rows)
    expect(rows[0]['range_count'] == len(ranges) and rows[0]['bad_bytes'] == 65536 * n, rows)
    expect(rows[0]['bad_pieces'] == n and rows[0]['pieces'] == count, rows)
    mapped, end = read_map('map')
    expect(end == size and [[a, b] for a, b, c in mapped if c == '-'] == ranges, mapped)
    expect(all(c in '+-' for _, _, c in mapped), mapped)
    text = verify('big.m').stdout
    for begin, length in ranges[:3]:
        expect('%d-%d' % (begin, begin + length - 1) in text, begin, text)
    expect(len(text) < 2000 and '(%d of %d pieces)' % (n, count) in text, text)
    flip(places)
expect(verify('-q', 'big.m').returncode == 0, 'still bad')
PYTHON

if have ddrescuelog; then
    printf '\x00\x01\x02\x03' | dd of=big bs=1 seek=1000000 conv=notrunc status=none
    run "$MAPPROC" verify --map map big.m
    expect_status 1
    ddrescuelog -t map >"$scratch/told" 2>&1 || problem 'ddrescuelog does not take the map'
    [[ $(ddrescuelog -b 65536 -l- map) == 15 ]] || problem "bad blocks: $(ddrescuelog -b 65536 -l- map)"
    [[ $(ddrescuelog -b 65536 -l+ map | wc -l) == $((large / 65536 - 1)) ]] || problem 'good blocks'
    "$MAPPROC" checksum --manifest --piece 64K big >big.m
    "$MAPPROC" checksum --manifest big >big.auto
    run "$MAPPROC" verify --map map big.m
    expect_status 0
    ddrescuelog -D map || problem 'not all of a good file is good in the map'
    done_test 'ddrescuelog reads the mapfile'
else
    skip_test 'ddrescuelog reads the mapfile' 'not installed'
fi

python_test 'cut at random places: from where it is missing; grown: by how much; the map of both' <<'PYTHON'
from verify_lib import *
data = random.randbytes(1000001)
name = 'cut'
def write(content):
    with open(name, 'wb') as f:
        f.write(content)
write(data)
subprocess.run([mapproc, 'checksum', '--manifest', '--piece', '64K', '-o', 'cut.m', name], check=True)
for k in range(40):
    at = [0, 1, 65535, 65536, 65537, 1000000][k] if k < 6 else random.randrange(1000001)
    write(data[:at])
    result = verify('--map', 'map', 'cut.m')
    expect(result.returncode == 1, result)
    expect(result.stdout.startswith('cut: FAILED missing from byte %d (cut from 1000001 bytes)' % at), at, result.stdout)
    expect('bit rot' not in result.stdout, result.stdout)
    mapped, end = read_map('map')
    good = at // 65536 * 65536
    expect(end == 1000001, mapped)
    expect([(a, b) for a, b, c in mapped if c == '+'] == ([(0, good)] if good else []), at, mapped)
    expect(all(a >= good for a, b, c in mapped if c == '?'), at, mapped)
    status, rows = verify_json('cut.m')
    expect(rows[0]['size'] == at and rows[0]['listed_size'] == 1000001 and rows[0]['ranges'] == [], rows)
# Cut, and damaged before that.
content = bytearray(data[:500000])
content[70000] ^= 4
write(content)
result = verify('cut.m')
expect(result.stdout.startswith('cut: FAILED bytes 65536-131071 (1 of 16 pieces)'), result.stdout)
expect('missing from byte 500000' in result.stdout, result.stdout)
for more in [1, 1000, 65536, 3000000]:
    write(data + bytes(more))
    result = verify('--map', 'map', 'cut.m')
    expect(result.returncode == 1 and '%d bytes too long' % more in result.stdout, result.stdout)
    mapped, end = read_map('map')
    expect(mapped[0] == (0, 983040, '+') and all(c == '?' for _, _, c in mapped[1:]), mapped)
content = bytearray(data + bytes(5000000))
content[70000] ^= 4
write(content)
result = verify('cut.m')
expect(result.stdout.startswith('cut: FAILED bytes 65536-131071 (1 of 16 pieces)'), result.stdout)
# A time that changed is no hint, nor is one where the size did.
write(data[:-1] + b'x')
expect('bit rot' not in verify('cut.m').stdout, 'a new time')
write(b'')
expect(verify('cut.m').stdout.startswith('cut: FAILED missing from byte 0'), 'empty')
os.unlink(name)
result = verify('--map', 'map', 'cut.m')
expect(result.stdout == 'cut: FAILED open or read\n' and result.returncode == 1, result)
expect(all(c == '?' for _, _, c in read_map('map')[0]), 'map of a missing file')
PYTHON

run "$MAPPROC" verify --map map big.m big.m
expect_status 2
expect_stderr --map
# shellcheck disable=SC2094  # it is read as a file to be checked, not for what is written
cp big.m one-more && "$MAPPROC" checksum --manifest one-more >>one-more
run "$MAPPROC" verify --map map2 one-more
expect_status 2
[[ ! -e map2 && -z $(find . -name '.map*') ]] || problem 'something was left'
before=$(sha256sum <big)
run "$MAPPROC" verify --map big big.m
expect_status 2
[[ $(sha256sum <big) == "$before" ]] || problem 'the map has replaced the file'
run "$MAPPROC" verify --map missing/map big.m
[[ $status != [01] ]] || problem "exit status $status"
done_test '--map is for one file, and does not replace it'

# --- lists of others ---------------------------------------------------------------------------

mkdir files
for size in 0 1 240 5000 70000 1100000; do random_file "files/f$size" "$size"; done
cp files/f240 'files/two  words'
mapfile -t files < <(find files -type f | sort)

# list WHAT: the file "list", on standard input, is good; and bad if any of its digests is not.
list() {
    run "$MAPPROC" verify --strict "${options[@]}" list
    expect_status 0
    expect_stdout "$(printf '%s: OK\n' "${files[@]}")"
    expect_stderr_lines 0
    sed 's/$/\r/' list | sed $'1s/^/\xef\xbb\xbf/' >list-dos
    run "$MAPPROC" verify --strict "${options[@]}" - <list-dos
    expect_status 0
    expect_stdout "$(printf '%s: OK\n' "${files[@]}")"
    printf x >>files/f70000
    run "$MAPPROC" verify -q "${options[@]}" list
    expect_status 1
    [[ $(wc -l <"$out") == 1 ]] || problem "not one file bad: $1"
    grep -q '^files/f70000: FAILED' "$out" || problem "not found to be bad: $1"
    truncate -s 70000 files/f70000
    done_test "$1"
}
options=()
for width in 0 1 2 3; do
    xxhsum -H$width "${files[@]}" >list
    list "xxhsum -H$width"
    xxhsum -H$width --tag "${files[@]}" >list
    list "xxhsum -H$width --tag"
    xxhsum -H$width --tag --little-endian "${files[@]}" >list
    list "xxhsum -H$width --tag --little-endian"
done
for tool in md5sum sha1sum sha256sum sha512sum b2sum; do
    $tool "${files[@]}" >list
    list "$tool"
    sed 's/^\([0-9a-f]*\)  /\1 */; s/^[0-9a-f]*/\U&/' list >list2 && mv list2 list
    list "$tool, binary mode and capital letters"
    $tool --tag "${files[@]}" >list
    list "$tool --tag"
done
md5sum "${files[@]}" | sed 's/  / /' >list
list 'BSD reversed: one space'
if have openssl; then
    openssl dgst -sha256 "${files[@]}" | sed 's/^SHA2-256/SHA256/' >list
    list 'openssl dgst'
fi
if have rhash; then
    rhash --bsd --sha256 "${files[@]}" >list
    list 'rhash --bsd'
    rhash --sha3-256 --bsd "${files[@]}" >list
    list 'rhash --bsd --sha3-256'
    rhash --sha256 "${files[@]}" >list
    list 'rhash --sha256'
fi
if have hashdeep; then
    hashdeep -l "${files[@]}" | grep '^%%%%' >list
    hashdeep -l "${files[@]}" | grep -v '^[%#]' | LC_ALL=C sort -t , -k 4 >>list
    list 'hashdeep'
fi
for algorithm in xxh128 xxh3 xxh64 xxh32 crc32 crc32c md5 sha1 sha256 sha512 sha3-256 blake2b; do
    for form in '' --tag --manifest '--manifest --piece 64K' '--manifest --tag'; do
        # shellcheck disable=SC2086 # words
        "$MAPPROC" checksum $form -a "$algorithm" "${files[@]}" >list
        # shellcheck disable=SC2034 # list() uses it
        options=(-a "$algorithm")
        run "$MAPPROC" verify --strict -a "$algorithm" list
        expect_status 0
        expect_stdout "$(printf '%s: OK\n' "${files[@]}")"
    done
done
options=()
done_test 'its own lists of all algorithms and forms'
"$MAPPROC" checksum -a md5,sha256,xxh128 "${files[@]}" >list
run "$MAPPROC" verify --strict list
expect_status 0
[[ $(grep -c ': OK$' "$out") == $((3 * ${#files[@]})) ]] || problem 'lines of several algorithms'
"$MAPPROC" checksum --manifest -a md5,sha256,xxh128 "${files[@]}" >list
list 'a manifest of several algorithms: one line a file'

# Digests of one length and several algorithms, the first file missing or bad.
for pair in md5sum:32 'xxhsum -H2:32' sha256sum:64 b2sum:128 sha512sum:128; do
    {
        printf '%0*d  missing\n' "${pair#*:}" 0
        printf '%0*d  files/f1\n' "${pair#*:}" 0
        for ((i = 0; i < 12; i++)); do printf '%0*d  files/f1\n' "${pair#*:}" "$i"; done
        ${pair%:*} "${files[@]}" 2>/dev/null
    } >list
    for threads in 1 3; do
        run "$MAPPROC" verify -j "$threads" list
        expect_status 1
        tail -n "${#files[@]}" "$out" >found
        printf '%s: OK\n' "${files[@]}" >expected
        expect_same_files expected found
        [[ $(wc -l <"$out") == $((14 + ${#files[@]})) ]] || problem 'not a line for each'
    done
    head -n 3 list | tail -n 1 >list2 && ${pair%:*} "${files[@]}" >>list2 2>/dev/null
    run "$MAPPROC" verify -q list2
    expect_status 1
    expect_stdout 'files/f1: FAILED'
done
md5sum files/f1 files/f240 >list
run "$MAPPROC" verify -a xxh128 list
expect_status 1
[[ $(grep -c FAILED "$out") == 2 ]] || problem '-a xxh128 did not settle it'
run "$MAPPROC" verify -a md5 list
expect_status 0
run "$MAPPROC" verify -a sha256 list
expect_status 0
run "$MAPPROC" verify -a md5,sha1 list
expect_error 2
run "$MAPPROC" verify -a nonsense list
expect_error 2
done_test 'the algorithm is found out without -a, also if the first files are missing or bad'

{
    md5sum files/f1
    sha256sum --tag files/f240
    xxhsum -H3 files/f5000
    b2sum files/f0
    sha1sum files/f70000
    printf '# comment\n\n; comment\n'
    xxhsum -H0 files/f1
    md5sum files/f1
} >list
run "$MAPPROC" verify --strict list
expect_status 0
expect_stdout "$(printf 'files/%s: OK\n' f1 f240 f5000 f0 f70000 f1 f1)"
# shellcheck disable=SC2094  # nothing is written
run "$MAPPROC" verify --strict list list - <list
expect_status 0
[[ $(grep -c OK "$out") == 21 ]] || problem 'three lists'
done_test 'several algorithms in one list, a file twice, several lists'

# --- as sha256sum ------------------------------------------------------------------------------

sha256sum files/f* >good
{ cat good && printf 'garbage\n%064d  files/f1\n%064d  missing\n' 0 0; } >mixed
printf 'garbage\nmore\n' >garbage
printf '%064d  missing\n' 0 >missing-only
{ cat good && echo garbage; } >with-garbage
{ cat good && printf '%064d  missing\n' 0; } >with-missing
printf '%064d  files/f1\n' 0 >bad-only
: >empty
mkdir -p odd-list
for list in good mixed garbage missing-only with-garbage with-missing bad-only empty nowhere; do
    for words in '' --quiet --status --strict --warn --ignore-missing '--strict --warn' \
        '--ignore-missing --quiet' '--ignore-missing --strict' '--status --strict' '--quiet --strict'; do
        # shellcheck disable=SC2086 # words
        sha256sum -c $words "$list" >expected 2>"$scratch/told"
        expected_status=$?
        # shellcheck disable=SC2086 # words
        run "$MAPPROC" verify $words "$list"
        count=${#problems[@]}
        expect_status "$expected_status"
        expect_stdout_file expected
        ((${#problems[@]} == count)) || problem "... with '$words' and $list; sha256sum says:" \
            "$(cat "$scratch/told")"
    done
done
done_test '--quiet --status --strict --warn --ignore-missing: exit status and output of sha256sum'

# --- -C, --extra -------------------------------------------------------------------------------

(cd files && sha256sum f* >../inside && "$MAPPROC" checksum -r --manifest -o ../inside.m)
for list in inside inside.m "$PWD/inside"; do
    run "$MAPPROC" verify -C files --strict "$list"
    expect_status 0
    expect_stderr_lines 0
done
run "$MAPPROC" verify -C files --map map - < <("$MAPPROC" checksum files/f1 | sed 's|files/||')
expect_status 0
[[ -e map && ! -e files/map ]] || problem '--map starts from the directory of -C'
run "$MAPPROC" verify -C missing inside
[[ $status != [01] ]] || problem "exit status $status of -C missing"
expect_stderr "'missing'"
run "$MAPPROC" verify -C files ../inside
[[ $status != 0 ]] || problem 'the list is looked for in DIR'
done_test '-C DIR: the files are there, the list is here'

run "$MAPPROC" verify -q -C files --extra . inside.m
expect_status 0
expect_stdout ''
mkdir files/sub && echo new >files/sub/$'new\e[31m\n' && echo new >files/new
run "$MAPPROC" verify -q -C files --extra . inside.m
expect_status 1
expect_stdout "./new: NOT LISTED
'./sub/new'\$'\\033''[31m'\$'\\n': NOT LISTED"
run "$MAPPROC" verify -q -C files --extra sub inside
expect_status 1
[[ $(grep -c 'NOT LISTED' "$out") == 1 ]] || problem 'not one in sub'
run "$MAPPROC" verify --json -C files --extra . inside.m
python3 -c '
import json
rows = [json.loads(line) for line in open("'"$out"'")]
assert [r["name"] for r in rows if r["verdict"] == "extra"] == ["./new", "./sub/new\x1b[31m\n"]' || problem JSON
run "$MAPPROC" verify --status -C files --extra . inside.m
expect_status 1
expect_stdout ''
cp inside files/list && rm -r files/sub files/new
run "$MAPPROC" verify -q -C files --extra . files/list
expect_status 1
expect_stdout "./two  words: NOT LISTED"
rm files/list
run "$MAPPROC" verify -q -C files --extra missing inside
[[ $status != 0 ]] || problem "exit status 0 of --extra missing"
run "$MAPPROC" verify -q --extra files good < /dev/null
expect_stdout 'files/two  words: NOT LISTED'
done_test '--extra: files that no list has; lists themselves are not'

# --- damage to manifests -----------------------------------------------------------------------

"$MAPPROC" checksum --manifest --piece 64K files/f* >whole.m
python_test 'a manifest cut anywhere, or altered in any byte: it is told, and nothing good is called bad' <<'PYTHON'
from verify_lib import *
text = open('whole.m', 'rb').read()
names = re.findall(rb'^[0-9a-f]{32}  (.*)$', text, re.M)
lines = [m.start() for m in re.finditer(rb'\n', text)]
places = [0, 1, len(text) - 1] + lines[:8] + [l + 1 for l in lines[:8]] + \
    [random.randrange(len(text)) for _ in range(50)]
for at in places:
    with open('cut.m', 'wb') as f:
        f.write(text[:at])
    result = verify('cut.m')
    # Without its last line end nothing is lost.
    expect((result.returncode == 0) == (at == len(text) - 1), at, result)
    expect('FAILED' not in result.stdout, at, result)
    expect(result.returncode in (0, 1) and (result.returncode == 0 or result.stderr), at, result)
for k in range(150):
    at = random.randrange(len(text))
    changed = bytearray(text)
    changed[at] ^= 1 << random.randrange(8)
    if at >= lines[-2] and changed.lower() == text.lower():
        continue  # a digit of the end line, written in capitals, is the same digit
    with open('cut.m', 'wb') as f:
        f.write(changed)
    result = subprocess.run([mapproc, 'verify', 'cut.m'], capture_output=True)
    expect(result.returncode in (1, 2), at, result)
    expect(result.stderr != b'', at, result)
PYTHON
cat whole.m whole.m good >list
run "$MAPPROC" verify -q --strict list
expect_status 0
expect_stderr_lines 0
grep -v '^# mapproc manifest' whole.m >list
run "$MAPPROC" verify -q list
expect_status 1
expect_stderr 'first line is missing'
sed 's/manifest 1/manifest 2/' whole.m >list
run "$MAPPROC" verify -q list
expect_status 1
expect_stderr 'unknown version'
done_test 'manifests joined by cat are whole; one of an unknown version is told'

# --- errors of the machine, changes, signals ---------------------------------------------------

as_user=()
binary=$MAPPROC
if is_root; then
    as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    binary=$scratch/mapproc
    cp "$MAPPROC" "$binary" && chmod 755 "$binary"
fi
if is_root && ! have setpriv; then
    skip_test 'no permission' 'root may read everything, and there is no setpriv'
elif ! "${as_user[@]}" "$binary" --version >/dev/null 2>&1; then
    skip_test 'no permission' 'another user cannot run a program there'
else
    chmod 0 files/f240
    run "${as_user[@]}" "$binary" verify good
    expect_status 3
    grep -q '^files/f240: FAILED open or read$' "$out" || problem 'not told'
    expect_stderr Permission
    [[ $(grep -c OK "$out") == $(($(wc -l <good) - 1)) ]] || problem 'the others'
    chmod 644 files/f240
    done_test 'no permission: exit 3, the others are checked'
fi

for signal in INT TERM; do
    mkfifo slow-list
    start "$MAPPROC" verify --map map3 slow-list </dev/null
    exec 8>slow-list # as soon as it has opened it
    head -n 1 good >&8
    wait_until handles "$signal" || problem 'ended by itself'
    sleep 0.2 # it may have read the line then, or not
    kill -s "$signal" "$pid"
    finish
    exec 8>&-
    expect_status $((128 + $(kill -l "$signal")))
    [[ ! -e map3 && -z $(find . -name '.map3*') ]] || problem 'a map is there'
    rm slow-list
done
done_test 'interrupted while it waits for a list: it ends, and leaves nothing'

run "$MAPPROC" verify --from-disk -q good big.m
expect_status 0
expect_stdout ''
done_test '--from-disk'

for words in '--help' '-h'; do
    run "$MAPPROC" verify $words
    expect_status 0
    for word in -a -C -q --quiet --status --strict -w --warn --ignore-missing --json --map --extra --allow-outside --from-disk; do
        grep -q -e "$word" "$out" || problem "no $word in the help"
    done
    awk 'length > 100 { exit 1 }' "$out" || problem 'a line of more than 100 columns'
done
for wrong in -y --nonsense -a '--map' -C; do
    run "$MAPPROC" verify "$wrong"
    expect_error 2
done
done_test 'help and wrong usage'

finish_tests
