#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_list.sh - what mapproc list says of files of all kinds, against Python's own reading of them.
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have python3; then
    printf '1..0 # SKIP needs python3\n'
    exit 0
fi

# --- files of all forms, made without us --------------------------------------------------------

# FORM.gz for each form, and in FORM.members the lines that list -v has of it.
cat >make.py <<'PYTHON'
import struct, zlib, random, sys

random.seed(5)
words = [b'some', b'words', b'are', b'longer', b'than\n', b'others,', b'0123456789']

def text(size):
    out = b' '.join(random.choices(words, k=size // 4 + 1))
    return out[:size]

def deflate(data):
    c = zlib.compressobj(6, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()

def tail(data):
    return struct.pack('<II', zlib.crc32(data), len(data) & 0xffffffff)

def plain(data, name=b'', hcrc=False):
    head = b'\x1f\x8b\x08' + bytes([(8 if name else 0) | (2 if hcrc else 0)]) + b'\x12\x34\x56\x60\0\x03'
    head += name + b'\0' if name else b''
    head += struct.pack('<H', zlib.crc32(head) & 0xffff) if hcrc else b''
    return head + deflate(data) + tail(data)

def ours(data, os=3):
    body = deflate(data)
    return (b'\x1f\x8b\x08\4\0\0\0\0\0' + bytes([os]) + b'\x08\0IG\4\0' +
            struct.pack('<I', 28 + len(body)) + body + tail(data))

def foreign(data):
    return ours(data, 255)

def mz(data):
    body = deflate(data)
    return b'\x1f\x8b\x08\4\0\0\0\0\2\0\x08\0MZ\4\0' + struct.pack('<I', len(body)) + body + tail(data)

def bgzf(data):
    body = deflate(data)
    return (b'\x1f\x8b\x08\4\0\0\0\0\0\xff\6\0BC\2\0' +
            struct.pack('<H', 25 + len(body)) + body + tail(data))

names = {plain: 'gzip', ours: 'ig', foreign: 'ig', mz: 'mz', bgzf: 'bgzf'}

def write(form, members):
    """members: pairs of a maker and its data; None for the data of an end mark."""
    at = raw = 0
    with open(form + '.gz', 'wb') as f, open(form + '.members', 'w') as m:
        for number, (make, data) in enumerate(members, 1):
            member = make(data or b'')
            f.write(member)
            print(number, at, len(member), raw, len(data or b''), '%08x' % zlib.crc32(data or b''),
                  names[make], *(['end', 'mark'] if data is None else []), file=m)
            at += len(member)
            raw += len(data or b'')
        open(form + '.sizes', 'w').write('%d %d' % (at, raw))

sizes = [1, 30000, 7, 0, 60000]
for make, name in [(ours, 'ours'), (bgzf, 'bgzf')]: # an empty member is their end mark
    write(name, [(make, text(n)) for n in sizes if n > 0] + [(make, None)])
for make, name in [(foreign, 'foreign'), (mz, 'mz'), (plain, 'plain')]:
    write(name, [(make, text(n)) for n in sizes])
write('mixed', [(plain, text(50000)), (bgzf, text(9)), (bgzf, None), (ours, text(70)), (ours, None),
                (mz, text(5)), (foreign, text(2))])
write('marks', [(ours, None)])
open('long.gz', 'wb').write(plain(text(10), b'n' * 100000, True) * 3)
PYTHON
python3 make.py || problem 'the test is wrong'

for form in ours bgzf foreign mz plain mixed marks; do
    gzip -t "$form.gz" || problem "the test is wrong about $form"
    read -r compressed raw <"$form.sizes"
    case $form in
    ours | foreign | marks) format=ig ;;
    plain) format=gzip ;;
    *) format=$form ;;
    esac
    case $form in
    ours | bgzf | marks) mark=good ;;
    *) mark=none ;;
    esac
    members=$(grep -cv mark "$form.members")

    run "$MAPPROC" list "$form.gz"
    expect_status 0
    expect_stderr_lines 0
    [[ $(tail -n 1 "$out" | tr -s ' ' | cut -d ' ' -f 2-4,6-) == "$members $compressed $raw $format none $mark $form.gz" ]] ||
        problem "$form" "$(tail -n 1 "$out")"
    for way in file pipe check; do
        case $way in
        file) run "$MAPPROC" list -v "$form.gz" ;;
        pipe) run "$MAPPROC" list -v - < <(cat "$form.gz") ;;
        check) run "$MAPPROC" list -v --check - <"$form.gz" ;;
        esac
        expect_status 0
        sed '1d; /^  Members/,$d' "$out" | tr -s ' ' | sed 's/^ //' >got
        expect_same_files "$form.members" got
    done
    run "$MAPPROC" list --check "$form.gz"
    expect_status 0
    [[ $(tail -n 1 "$out" | tr -s ' ' | cut -d ' ' -f 9-) == "good $form.gz" ]] ||
        problem "$form is not good" "$(tail -n 1 "$out")"
done
done_test 'members and sizes of all forms'

run "$MAPPROC" list long.gz
expect_status 0
[[ $(tail -n 1 "$out" | tr -s ' ' | cut -d ' ' -f 2,4) == '3 30' ]] || problem 'long names'
done_test 'headers longer than what is read at once'

run "$MAPPROC" list ours.gz bgzf.gz plain.gz
expect_status 0
python3 - "$out" <<'PYTHON' || problem 'columns or sums'
import sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 5, lines
# All columns of numbers end where their titles do, all others begin there.
for title in ['Members', 'Compressed', 'Raw', 'Ratio']:
    end = lines[0].index(title) + len(title)
    assert all(line[end] == ' ' and line[end - 1] != ' ' for line in lines[1:]), title
for title in ['Format', 'Name']:
    at = lines[0].index(title)
    assert all(line[at - 1] == ' ' and line[at] != ' ' for line in lines[1:]), title
rows = [line.split() for line in lines[1:]]
for column in range(3):
    assert int(rows[3][column]) == sum(int(row[column]) for row in rows[:3])
assert rows[3][-2:] == ['3', 'files']
PYTHON
done_test 'the table'

# --- JSON ---------------------------------------------------------------------------------------

run "$MAPPROC" list --json ours.gz
if grep -q 'was built without' "$err"; then
    skip_test 'JSON' 'built without it'
else
    printf 'no gzip\n' >text
    head -c -30 ours.gz >cut.gz
    run "$MAPPROC" list --json -v ours.gz text cut.gz $'new\nline'
    expect_status 1
    python3 - "$out" <<'PYTHON' || problem 'JSON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
members = [line.split() for line in open('ours.members')]
compressed, raw = map(int, open('ours.sizes').read().split())
for line, member in zip(lines, members):
    assert line == {'name': 'ours.gz', 'member': int(member[0]), 'format': 'ig',
                    'end_mark': member[-1] == 'mark', 'offset': int(member[1]),
                    'compressed': int(member[2]), 'raw_offset': int(member[3]),
                    'size': int(member[4]), 'crc32': member[5]}, line
files = lines[len(members):]
ours = files.pop(0)
assert abs(ours.pop('ratio') - raw / compressed) < 1e-6
assert ours == {'name': 'ours.gz', 'format': 'ig', 'members': 4, 'compressed': compressed,
                'size': raw, 'index': 'none', 'end_mark': 'good', 'crc': 'unknown'}, ours
files = [f for f in files if 'member' not in f]
assert files[0] == {'name': 'text', 'crc': 'unknown', 'error': 'is not gzip', 'kind': 'data'}, files[0]
assert files[1]['end_mark'] == 'missing' and files[1]['kind'] == 'data'
assert files[2]['name'] == 'new\nline' and files[2]['reason'] == 'No such file or directory'
PYTHON
    run "$MAPPROC" list --json --check plain.gz ours.gz
    [[ $(grep -c '"crc":"good"' "$out") == 2 ]] || problem 'crc is not good'
    done_test 'JSON'
fi

# --- what is not good ---------------------------------------------------------------------------

# As decompress -t says, in its words.
(cat ours.gz && printf 'garbage') >garbage.gz
(cat ours.gz && head -c 700 /dev/zero) >zeros.gz
(cat ours.gz && head -c 700 /dev/zero && printf x) >not-zeros.gz
head -c -30 ours.gz >no-mark.gz
head -c -28 bgzf.gz >no-bgzf-mark.gz
head -c 1000 plain.gz >short.gz
: >empty.gz
printf 'some text' >text.gz
head -c 13 ours.gz >head.gz
cat no-mark.gz bgzf.gz >chain.gz
for name in garbage zeros not-zeros no-mark no-bgzf-mark short empty text head chain; do
    "$MAPPROC" decompress -t "$name.gz" >/dev/null 2>expected
    wanted=$?
    for option in '' --check; do
        # shellcheck disable=SC2086 # none or one
        run "$MAPPROC" list $option "$name.gz"
        expect_status "$wanted"
        expect_same_files expected "$err"
    done
done
done_test 'the same words as those of decompress -t'

run "$MAPPROC" list no-mark.gz
[[ $(tail -n 1 "$out") == *' ig '*' missing '*no-mark.gz ]] || problem 'no row' "$(cat "$out")"
run "$MAPPROC" list short.gz text.gz ours.gz nothing.gz
expect_status 1
[[ $(wc -l <"$out") == 2 ]] || problem 'rows' "$(cat "$out")"
run "$MAPPROC" list .
expect_status 3
run "$MAPPROC" list --no-such
expect_status 2
done_test 'files that are not good'

# Each bit of a small file, and each length.
cat >flip.py <<'PYTHON'
import subprocess, sys, zlib
program = sys.argv[1]
step = int(sys.argv[2])
sys.argv = ['make.py']
exec(open('make.py').read().split('sizes = ')[0])
for make in ours, bgzf:
    good = make(b'hello') + make(b'world' * 5) + make(b'')
    cases = [good[:n] for n in range(len(good))]
    for bit in range(8 * len(good)):
        case = bytearray(good)
        case[bit // 8] ^= 1 << bit % 8
        cases.append(bytes(case))
    names = []
    for n, case in enumerate(cases[::step]):
        names.append('flip-%d.gz' % n)
        open(names[-1], 'wb').write(case)
    run = subprocess.run([program, 'list', '--check'] + names, capture_output=True, text=True)
    assert run.returncode == 1, run
    told = {line.split("'")[1] for line in run.stderr.splitlines()}
    assert told == set(names), set(names) - told
    # A pipe is inflated by other code: in order, by one thread.
    for case in cases[::6 * step]:
        run = subprocess.run([program, 'list', '--check'], input=case, capture_output=True)
        assert run.returncode == 1, (run, case)
PYTHON
run python3 flip.py "$MAPPROC" "$(sanitized && printf 5 || printf 1)"
expect_status 0
expect_stderr_lines 0
rm -f flip-*
done_test 'each flipped bit and each length is noticed by --check'

# --- indexes ------------------------------------------------------------------------------------

cp ours.gz indexed.gz
python3 - <<'PYTHON'
import struct
members = [line.split() for line in open('ours.members')]
entries = [(int(m[1]), int(m[3])) for m in members if int(m[4]) > 0][1:]
def write(name, entries, count=None):
    with open(name, 'wb') as f:
        f.write(struct.pack('<Q', len(entries) if count is None else count))
        for entry in entries:
            f.write(struct.pack('<QQ', *entry))
write('good', entries)
write('with-mark', entries + [(int(members[-1][1]), int(members[-1][3]))])
write('fewer', entries[:-1])
write('gap', entries[:1] + entries[2:])
write('shifted', [(a + 1, b) for a, b in entries])
write('raw', [(a, b + 1) for a, b in entries])
write('none', [])
write('count', entries, 7)
write('surplus', entries + [(int(members[-1][1]) + 5, int(members[-1][3]))])
write('behind', entries + [(10**9, 10**9)])
PYTHON
for index in good with-mark fewer gap shifted raw none count surplus behind; do
    cp "$index" indexed.gz.gzi
    run "$MAPPROC" list indexed.gz
    expect_status 0
    case $index in good | with-mark) word=good ;; *) word=wrong ;; esac
    [[ $(tail -n 1 "$out" | tr -s ' ' | cut -d ' ' -f 7) == "$word" ]] || problem "$index is not $word"
done
done_test 'indexes that belong and that do not'

if have bgzip; then
    seq 200000 >numbers
    bgzip -i -I numbers.gz.gzi -c numbers >numbers.gz
    run "$MAPPROC" list numbers.gz
    expect_status 0
    [[ $(tail -n 1 "$out" | tr -s ' ' | cut -d ' ' -f 4,6-8) == "$(stat -c %s numbers) bgzf good good" ]] ||
        problem 'a file of bgzip' "$(cat "$out")"
    done_test 'a file of bgzip'
else
    skip_test 'a file of bgzip' 'there is no bgzip'
fi

# --- trees and sizes ----------------------------------------------------------------------------

mkdir -p tree/sub
cp ours.gz tree/a.gz
cp plain.gz tree/sub/b.gz
cp text tree/sub/c 2>/dev/null || printf x >tree/sub/c
run "$MAPPROC" list -r tree
expect_status 0
[[ $(wc -l <"$out") == 4 ]] || problem 'rows' "$(cat "$out")"
done_test 'a tree'

# 4.5 GiB of zeros in one member of a foreign form: its trailer has the size modulo 2^32.
if sanitized; then
    skip_test 'members of more than 4 GiB' 'takes too long with a sanitizer'
else
    python3 - <<'PYTHON'
import struct, zlib
c = zlib.compressobj(9, zlib.DEFLATED, -15)
block = bytes(1 << 20)
# The middle is one MiB compressed once, ended at a byte, and repeated.
begin = c.compress(block) + c.flush(zlib.Z_FULL_FLUSH)
middle = c.compress(block) + c.flush(zlib.Z_FULL_FLUSH)
end = c.compress(b'') + c.flush()
count = 4608
body = begin + middle * (count - 1) + end
crc = 0
for i in range(count):
    crc = zlib.crc32(block, crc)
tail = struct.pack('<II', crc, (count << 20) & 0xffffffff)
open('big-plain.gz', 'wb').write(b'\x1f\x8b\x08\0\0\0\0\0\0\xff' + body + tail)
open('big-ig.gz', 'wb').write(b'\x1f\x8b\x08\4\0\0\0\0\0\xff\x08\0IG\4\0' +
                              struct.pack('<I', 28 + len(body)) + body + tail)
PYTHON
    run "$MAPPROC" list big-plain.gz big-ig.gz
    expect_status 0
    [[ $(sed -n '2,3p' "$out" | tr -s ' ' | cut -d ' ' -f 4 | tr '\n' ' ') == '4831838208 4831838208 ' ]] ||
        problem 'sizes' "$(cat "$out")"
    done_test 'members of more than 4 GiB'
fi

finish_tests
