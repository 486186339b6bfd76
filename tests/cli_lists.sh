#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_lists.sh - mapproc checksum: which files it takes, and where and how it puts their digests.
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi

# XXH128 lines of files, and of standard input, as xxhsum writes them.
xxh128() { xxhsum -H2 "$@" 2>/dev/null; }

# Runs a command on a terminal; what the terminal got, both outputs, is in $out.
run_on_terminal() {
    python3 - "$out" "$@" <<'PYTHON'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
with open(sys.argv[1], 'wb') as got:
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        got.write(data)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
    status=$?
    : >"$err"
}

# No byte of $out can do anything to a terminal: it is UTF-8 without control characters, but for
# line ends and NULs.
expect_harmless() {
    python3 - "$out" <<'PYTHON' && return
import sys, unicodedata
text = open(sys.argv[1], 'rb').read().decode()
sys.exit(any(unicodedata.category(c) in ('Cc', 'Cf') for c in text if c not in '\r\n\0'))
PYTHON
    show_file "$out"
    problem 'raw bytes for a terminal:' "${shown[@]}"
}

odd_names=('two  words ' ' leading' '*asterisk' '-dash' $'new\nline' 'back\slash' $'car\rriage' $'end\r'
    $'all\\\n\r\\' $'esc\e[31m' $'inv\xff\xfealid' "quo'te" $'tab\t' $'\\n' '#hash' '(paren) = 00'
    $'csi\xc2\x9b31m' $'uml\xc3\xa4ut' ';semi' '%%%%' $'nl\n0123456789abcdef0123456789abcdef  x')

# --- trees -------------------------------------------------------------------------------------

mkdir tree
python3 - <<'PYTHON'
import os, random
random.seed(5)
pool = os.urandom(9000)
parts = ['a', 'a-b', 'a.b', 'a0', 'b', 'Z', '_', 'a b', 'é', 'ab', '-', '~']
for i in range(400):
    path = 'tree/' + '/'.join(random.choice(parts) for _ in range(random.randint(1, 4)))
    path += '.%d' % random.randint(0, 60)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        with open(path, 'wb') as f:
            f.write(pool[:random.choice([0, 1, 240, 4096, random.randint(0, 9000)])])
PYTHON
ln -s ../tree tree/loop
ln -s a.1 tree/link
mkfifo tree/fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/socket")'

find tree -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 xxhsum -H2 -- >expected 2>/dev/null
for threads in 1 2 7; do
    run "$MAPPROC" checksum -r -j "$threads" tree
    expect_status 0
    expect_stdout_file expected
    expect_stderr_lines 0
    run "$MAPPROC" checksum -r -j "$threads" tree/
    expect_stdout_file expected
done
done_test "-r: names as find, in the order of LC_ALL=C sort, for 1, 2 and 7 threads"

run "$MAPPROC" checksum -r -v tree
expect_status 0
expect_stdout_file expected
for what in loop link fifo socket; do
    expect_stderr "'tree/$what': is a"
done
done_test '-r -v: links, FIFOs and sockets are skipped with a note'

sed 's|  tree/|  ./|' expected >expected-here
cd tree || exit 1
run "$MAPPROC" checksum -r
expect_status 0
expect_stdout_file ../expected-here
cd .. || exit 1
ln -s tree link-to-tree
run "$MAPPROC" checksum -r link-to-tree
expect_status 0
sed 's|  tree/|  link-to-tree/|' expected >expected-link
expect_stdout_file expected-link
rm link-to-tree
done_test '-r without FILE is the directory we are in; a link that is named is followed'

for options in "--exclude=a" "--exclude=a*/" "--exclude=*.1?" "--exclude=b/*" "--exclude=Z/ --exclude=*.3"; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" checksum -r $options tree
    expect_status 0
    python3 - "$options" <<'PYTHON' >expected-some
import fnmatch, sys
patterns = [word.split('=', 1)[1] for word in sys.argv[1].split()]
def out(path, is_dir):
    name = path.rsplit('/', 1)[-1]
    for p in patterns:
        if p.endswith('/'):
            if not is_dir: continue
            p = p.rstrip('/')
        if fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(path, p): return True
    return False
for line in open('expected', encoding='utf-8', errors='surrogateescape'):
    parts = line.rstrip('\n').split('  ', 1)[1].split('/')[1:]
    if not any(out('/'.join(parts[:i + 1]), i + 1 < len(parts)) for i in range(len(parts))):
        sys.stdout.write(line)
PYTHON
    if [[ ! -s expected-some ]] || cmp -s expected expected-some; then
        problem "the test is none: $options"
    fi
    expect_stdout_file expected-some
done
done_test '--exclude leaves out what fnmatch matches, with all below it'

if is_root && mkdir tree/mounted && mount -t tmpfs -o size=1m none tree/mounted 2>/dev/null; then
    at_exit "umount '$PWD/tree/mounted'"
    echo there >tree/mounted/file
    run "$MAPPROC" checksum -r tree
    grep -q '  tree/mounted/file$' "$out" || problem 'not there without -x'
    run "$MAPPROC" checksum -r -x -v tree
    expect_status 0
    expect_stdout_file expected
    expect_stderr "'tree/mounted'"
    run "$MAPPROC" checksum -r -x tree/mounted
    expect_stdout "$(xxh128 tree/mounted/file)"
    umount tree/mounted
    done_test '-x stays on the file system of each directory that is named'
else
    skip_test '-x stays on the file system' 'needs root and mount'
fi
rmdir tree/mounted 2>/dev/null

if ! is_root; then
    mkdir tree/closed && chmod 0 tree/closed
    run "$MAPPROC" checksum -r tree
    expect_status 3
    expect_stdout_file expected
    expect_stderr_lines 1
    chmod 700 tree/closed && rmdir tree/closed
    done_test 'a directory that cannot be read: exit 3, the rest is done'
fi

# --- lists of names ----------------------------------------------------------------------------

find tree -type f >names
tr '\n' '\0' <names | xargs -0 xxhsum -H2 -- >expected-names 2>/dev/null
run "$MAPPROC" checksum --files-from names
expect_status 0
expect_stdout_file expected-names
run "$MAPPROC" checksum --files-from - <names
expect_stdout_file expected-names
run "$MAPPROC" checksum --files-from - < <(find tree -type f)
expect_stdout_file expected-names
run "$MAPPROC" checksum -0 --files-from - < <(find tree -type f -print0)
expect_stdout_file expected-names
run "$MAPPROC" checksum --files-from /dev/stdin < <(head -c -1 names)
expect_stdout_file expected-names
done_test '--files-from: a file, standard input, a pipe, with -0, without a last line end'

mkdir odd
for name in "${odd_names[@]}"; do
    printf '%s' "$name" >"odd/$name"
done
cd odd || exit 1
run "$MAPPROC" checksum -0 --files-from - < <(printf '%s\0' "${odd_names[@]}")
expect_status 0
"$MAPPROC" checksum -- "${odd_names[@]}" >../expected-odd
expect_stdout_file ../expected-odd
cd .. || exit 1
done_test '--files-from -0: all names there can be'

run "$MAPPROC" checksum -r --files-from - < <(printf 'tree/\nodd/quo'\''te\n')
expect_status 0
{
    cat expected
    "$MAPPROC" checksum "odd/quo'te"
} >expected-both
expect_stdout_file expected-both
done_test '--files-from with -r: directories in the list are walked'

run "$MAPPROC" checksum --files-from - < <(printf 'names\n\nnames\0x\nmissing\n-\nnames\n')
expect_status 2
expect_stdout "$(xxh128 names names)"
expect_stderr_lines 4
expect_stderr 'line 2'
expect_stderr 'line 3'
run "$MAPPROC" checksum --files-from missing
expect_error 1
run "$MAPPROC" checksum --files-from names tree
expect_error 2
run "$MAPPROC" checksum -0 names
expect_error 2
run "$MAPPROC" checksum -x names
expect_error 2
run "$MAPPROC" checksum --exclude=a names
expect_error 2
run "$MAPPROC" checksum --files-from - </dev/null
expect_status 0
expect_stdout ''
done_test '--files-from: what is no name is told by its line; wrong combinations'

# --- several algorithms, forms of lines --------------------------------------------------------

random_file f1 3000001
random_file f2 70000
: >f3
all=$("$MAPPROC" checksum --help | grep -oE '\b(xxh128|xxh3|xxh64|xxh32|crc32|crc32c|md5|sha1|sha256|sha512|sha3-256|blake2b)\b' |
    sort -u | paste -sd,)
for list in md5,sha256 xxh128,xxh3,crc32,crc32c xxh3,xxh64 "$all"; do
    # shellcheck disable=SC2086 # words
    for file in f1 f2 f3; do
        for algorithm in ${list//,/ }; do
            "$MAPPROC" checksum --tag -a "$algorithm" "$file"
        done
    done >expected-several
    for options in '-j 1' '-j 3 --chunk-size 64K' '-j 2 --io read --chunk-size 5000' '-j 7 --io mmap'; do
        # shellcheck disable=SC2086 # words
        run "$MAPPROC" checksum -a "$list" $options f1 f2 f3
        expect_status 0
        expect_stdout_file expected-several
    done
    run "$MAPPROC" checksum -a "$list" - < <(cat f1)
    grep '(f1)' expected-several | sed 's/(f1)/(stdin)/' >expected-stdin
    expect_stdout_file expected-stdin
done
done_test 'several algorithms in one reading are as each of them alone'

for pair in md5:md5sum sha1:sha1sum sha256:sha256sum sha512:sha512sum blake2b:b2sum; do
    run "$MAPPROC" checksum -a "${pair%:*}" f1 f2 f3
    expect_stdout "$(${pair#*:} f1 f2 f3)"
    run "$MAPPROC" checksum --tag -a "${pair%:*}" f1 f2 f3
    expect_stdout "$(${pair#*:} --tag f1 f2 f3)"
    ${pair#*:} -z f1 f2 f3 >expected-z
    run "$MAPPROC" checksum -z -a "${pair%:*}" f1 f2 f3
    expect_stdout_file expected-z
done
run "$MAPPROC" checksum -a md5,sha256 -z f1 f2
expect_stdout_file <(for f in f1 f2; do md5sum --tag -z $f; sha256sum --tag -z $f; done)
done_test 'lines of the GNU tools, with --tag and -z'

cd odd || exit 1
sha256sum -z -- "${odd_names[@]}" >../expected-z
run "$MAPPROC" checksum -z -a sha256 -- "${odd_names[@]}"
expect_stdout_file ../expected-z
for form in '' --tag --manifest '--manifest --tag' '--manifest -a xxh128,md5'; do
    # shellcheck disable=SC2086 # words
    "$MAPPROC" checksum $form -- "${odd_names[@]}" >../list
    run "$MAPPROC" verify --json ../list
    expect_status 0
    python3 - "$out" "${odd_names[@]}" <<'PYTHON' || problem "names did not survive '$form'"
import json, os, sys
names = []
for line in open(sys.argv[1]):
    row = json.loads(line)
    assert row['verdict'] == 'ok'
    names.append(bytes.fromhex(row['name_hex']) if 'name_hex' in row else row['name'].encode())
sys.exit(names != [os.fsencode(name) for name in sys.argv[2:]])
PYTHON
    [[ $form == *manifest* ]] || [[ $(wc -l <../list) == "${#odd_names[@]}" ]] || problem "lines of '$form'"
done
for pair in md5:md5sum sha256:sha256sum blake2b:b2sum; do
    for form in '' --tag --manifest '--manifest --tag'; do
        # shellcheck disable=SC2086 # words
        "$MAPPROC" checksum $form -a "${pair%:*}" -- "${odd_names[@]}" >../list
        run "${pair#*:}" -c --strict ../list
        expect_status 0
        [[ $(grep -c ': OK$' "$out") == "${#odd_names[@]}" ]] || problem "${pair#*:} with '$form'"
        # shellcheck disable=SC2086 # words
        "${pair#*:}" ${form/--manifest/} -- "${odd_names[@]}" >../list
        run "$MAPPROC" verify -q --strict ../list
        expect_status 0
        expect_stdout ''
    done
done
cd .. || exit 1
done_test 'odd names survive every round trip, both ways'

cd odd || exit 1
run "$MAPPROC" checksum --json -- "${odd_names[@]}"
expect_status 0
expect_harmless
python3 - "$out" "${odd_names[@]}" <<'PYTHON' || problem 'not the JSON it should be'
import hashlib, json, os, subprocess, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert len(rows) == len(sys.argv) - 2
for row, name in zip(rows, map(os.fsencode, sys.argv[2:])):
    try:
        assert row['name'] == name.decode() and 'name_hex' not in row
    except UnicodeDecodeError:
        assert bytes.fromhex(row['name_hex']) == name
    assert row['size'] == len(name) and row['bytes_per_second'] >= 0
    want = subprocess.run(['xxhsum', '-H2'], input=name, capture_output=True).stdout.split()[0]
    assert row['digests'] == {'xxh128': want.decode()}, row
PYTHON
run "$MAPPROC" checksum --json -a md5,sha256 'missing' '#hash' .
expect_status 3
python3 - "$out" <<'PYTHON' || problem 'errors are not as they should be in JSON'
import hashlib, json, sys
a, b, c = [json.loads(line) for line in open(sys.argv[1])]
assert a['kind'] == 'data' and a['reason'] == 'No such file or directory' and 'digests' not in a
assert b['digests'] == {'md5': hashlib.md5(b'#hash').hexdigest(), 'sha256': hashlib.sha256(b'#hash').hexdigest()}
assert c['kind'] == 'machine' and c['name'] == '.'
PYTHON
cd .. || exit 1
done_test '--json: one object a line, names exact, errors too'

cd odd || exit 1
for form in '' --tag -z --manifest '--manifest --tag' --json '-a md5,sha1' '-v' '-o ../list'; do
    # shellcheck disable=SC2086 # words
    run_on_terminal "$MAPPROC" checksum $form -- "${odd_names[@]}" $'missing\e[31m\xff'
    expect_status 1
    expect_harmless
done
run "$MAPPROC" verify -q ../list
expect_status 0
expect_stdout ''
run_on_terminal "$MAPPROC" checksum -r -v --exclude=$'esc*' .
expect_status 0
expect_harmless
for form in '' --json --quiet '-w --strict'; do
    {
        cat ../list
        sed 's/^\(\\\?\)../\1ff/' ../list
        printf 'bad\e[31m \xff line\n%032d  \e[31mmissing\xff\n%032d  ../\e[31m\n' 0 0
    } >../list-bad
    # shellcheck disable=SC2086 # words
    run_on_terminal "$MAPPROC" verify $form ../list-bad
    expect_status 2
    expect_harmless
done
run_on_terminal "$MAPPROC" verify --extra . ../list-bad
expect_harmless
cd .. || exit 1
done_test 'nothing raw reaches a terminal; -o FILE from a terminal is a list as any other'

# --- manifests ---------------------------------------------------------------------------------

random_file m1 5000000
for options in '' '--piece 64K' '--piece 100K' '--piece 4K' '--piece 1G' '--chunk-size 1K --piece 5K' '--chunk-size 1500 --piece 99K' \
    '-j 7 --chunk-size 64K'; do
    for io in auto read; do
        # shellcheck disable=SC2086 # words
        run "$MAPPROC" checksum --manifest --io $io $options f1 m1 f3 f2
        expect_status 0
        cp "$out" list
        python3 - "$options" <<'PYTHON' >expected-pieces 2>"$err" || problem "wrong manifest: $options" "$(tail -1 "$err")"
import os, re, subprocess, sys
def xxh128(data):
    return subprocess.run(['xxhsum', '-H2'], input=data, capture_output=True).stdout.split()[0].decode()
units = {'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
def size(text):
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)
words = sys.argv[1].split()
chunk = size(words[words.index('--chunk-size') + 1]) if '--chunk-size' in words else 1 << 20
wanted = size(words[words.index('--piece') + 1]) if '--piece' in words else max(chunk, 65536)
text = open('list').read()
lines = text.splitlines()
body = ''.join(line + '\n' for line in lines[:-1])
assert lines[-1] == '# mapproc end xxh128=' + xxh128(body.encode()), 'end'
assert lines[0].startswith('# mapproc manifest 1 digests=xxh128 pieces=xxh128 piece-size='), 'head'
blocks = re.findall(r'(# mapproc file [^\n]*)\n((?:# mapproc pieces [^\n]*\n)*)([0-9a-f]{32})  (.*)\n', body)
assert [b[3] for b in blocks] == ['f1', 'm1', 'f3', 'f2'], 'names'
for head, pieces, digest, name in blocks:
    data = open(name, 'rb').read()
    fields = dict(word.split('=') for word in head.split()[3:])
    assert digest == xxh128(data), 'digest'
    assert int(fields['size']) == len(data), 'size'
    assert fields['mtime'] == '%d.%09d' % divmod(os.stat(name).st_mtime_ns, 10**9), 'mtime'
    at = 0
    count = 0
    for line in pieces.splitlines():
        words = line.split()
        offset, length = int(words[3]), int(words[4])
        assert offset == at and len(line) < 4096, 'offset'
        for piece in words[5:]:
            assert length == min(wanted, len(data) - at), ('length', name)
            # One process for each digest would take long: some of them do.
            if count < 3 or at + length == len(data):
                assert piece == xxh128(data[at:at + length]), ('piece', name, at)
            at += length
            count += 1
    assert count == (0 if len(data) <= wanted else -(-len(data) // wanted)), ('count', name, count)
    assert count == int(fields.get('pieces', 0)), 'pieces='
    assert not count or at == len(data), 'end of pieces'
PYTHON
    done
    said=$(xxhsum -c --quiet list 2>&1) || problem "xxhsum -c: $said"
done
done_test 'manifests: sizes, times, the digests of the right pieces, the end'

for pair in md5:md5sum sha256:sha256sum blake2b:b2sum; do
    "$MAPPROC" checksum --manifest --piece 64K -a "${pair%:*}" f1 m1 f2 >list
    check "${pair#*:} -c accepts a manifest" "${pair#*:}" -c --strict list
done
"$MAPPROC" checksum --manifest f1 m1 f2 >list
check 'xxhsum -c accepts a manifest' xxhsum -c list
"$MAPPROC" checksum --manifest -a xxh3 f1 m1 f2 >list
check 'xxhsum -c accepts a manifest of XXH3' xxhsum -c list

run "$MAPPROC" checksum --manifest --piece 64K - < <(cat m1)
expect_status 0
grep -v '^# mapproc \(file\|end\)' "$out" >found-pipe
"$MAPPROC" checksum --manifest --piece 64K m1 | grep -v '^# mapproc \(file\|end\)' |
    sed 's/  m1$/  stdin/' >expected-pipe
expect_same_files expected-pipe found-pipe
! grep -q mtime= "$out" || problem 'a pipe has no mtime'
done_test 'a manifest of a pipe has the same pieces'

for wrong in '--manifest --json' '--manifest -z' '--json --tag' '--json -z' '--piece 64K' '--piece 4095 --manifest' '--piece 5000 --manifest' \
    '--piece 0 --manifest' '--piece x --manifest' '-a md5,md5' '-a md5,' '-a ,' \
    '--manifest -a xxh128,xxh3,xxh64,xxh32,crc32,crc32c,md5,sha1,sha256'; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" checksum $wrong f2
    expect_error 2
done
done_test 'forms that do not go together are refused'

finish_tests
