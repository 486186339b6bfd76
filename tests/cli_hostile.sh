#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_hostile.sh - mapproc verify with lists that mean harm: an error, in bounded memory and time.
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi

xxhsum() { command xxhsum "$@" 2>/dev/null; }

# Runs a command under a limit of time, which only tells one that hangs, and measures it: the most
# memory in KiB to $peak. Output as run() leaves it.
run_measured() {
    run python3 -c '
import resource, subprocess, sys
try:
    status = subprocess.run(sys.argv[2:], timeout=500).returncode
except subprocess.TimeoutExpired:
    status = 124
with open(sys.argv[1], "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)' "$scratch/peak" "$@"
    peak=$(cat "$scratch/peak")
}

expect_peak_below() {
    sanitized || ((peak < $1 * 1024)) || problem "$peak KiB resident, expected less than $1 MiB"
}

cat >"$scratch/verify_lib.py" <<'PYTHON'
import os, subprocess, sys
mapproc = os.environ['MAPPROC']

def expect(truth, *facts):
    if not truth:
        sys.exit(' '.join(map(repr, facts)))
PYTHON
export PYTHONPATH=$scratch MAPPROC

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

mkdir files
for size in 0 1 240 5000 70000; do random_file "files/f$size" "$size"; done
sha256sum files/f* >good
random_file big 8388608
"$MAPPROC" checksum --manifest --piece 64K big >big.m

# --- hostile lists -----------------------------------------------------------------------------

mkdir -p base && echo outside >outside && echo inside >base/f && ln -s .. base/up && ln -s f base/link
ln -s "$PWD/outside" base/absolute && mkfifo base/fifo && mkdir base/dir && echo dash >base/-
digest=$(xxhsum -H2 outside | cut -d ' ' -f 1)
cd base || exit 1
for name in ../outside ../base/f up/outside absolute "$scratch/work/outside" dir/../../outside /dev/zero \
    /dev/stdin fifo up/base/f /proc/self/mem; do
    run_measured "$MAPPROC" verify - < <(printf '%s  %s\n' "$digest" "$name")
    expect_status 2
    expect_stdout "$name: REFUSED"
    expect_stderr "'$name': "
done
run "$MAPPROC" verify - < <(xxhsum -H2 link f ./f dir/../f; printf '%s  -\n' "$(xxhsum -H2 ./- | cut -d ' ' -f 1)")
expect_status 0
for name in ../outside up/outside absolute "$scratch/work/outside"; do
    run "$MAPPROC" verify --allow-outside - < <(printf '%s  %s\n' "$digest" "$name")
    expect_status 0
done
for name in /dev/zero /dev/stdin fifo /dev/null; do
    run_measured "$MAPPROC" verify --allow-outside - < <(printf '%s  %s\n' "$digest" "$name")
    expect_status 2
    expect_stderr 'is not a regular file'
done
run "$MAPPROC" verify - < <(printf '%s  dir\n%s  f/f\n' "$digest" "$digest")
expect_status 1
[[ $(grep -c 'FAILED open or read' "$out") == 2 ]] || problem 'a directory, or a file in a file'
cd .. || exit 1
done_test 'names that leave the directory, FIFOs and devices are refused; inside, links are followed'

python_test 'absurd manifests: huge and negative sizes, pieces without end, overlaps, nonsense' <<'PYTHON'
from verify_lib import *
import itertools
digest = open('big.m').read().splitlines()[-2].split()[0]
head = '# mapproc manifest 1 digests=xxh128 pieces=xxh128 piece-size=auto\n'
hexes = ' '.join(['0' * 32] * 3)
big = os.path.getsize('big')
huge = [0, 1, 1023, 1024, (1 << 63) - 1, (1 << 64) - 1, 10 ** 40, -1]
cases = []
for size, length in itertools.product([3, big, 3 << 62, (1 << 64) - 1, 10 ** 40], huge):
    cases.append('# mapproc file size=%d mtime=1.000000000 pieces=3\n# mapproc pieces 0 %d %s\n' % (size, length, hexes))
for words in ['pieces=99999999999999999999', 'pieces=1000000', 'pieces=-1', 'pieces=3 pieces=3', 'size=1', 'mtime=x',
              'mtime=99999999999999999999.0', 'mtime=1.9999999999', '=', '===', 'size']:
    cases.append('# mapproc file size=%d %s\n# mapproc pieces 0 65536 %s\n' % (big, words, hexes))
for line in ['0', '0 65536', '0 65536 ', '0 65536 zz', '65536 65536 ' + hexes, '0 65536 ' + 'ab' * 40000, 'x y z', '',
             '0 %d %s' % (big, '0' * 32), '0 65536 ' + ' '.join(['0' * 32] * 1000)]:
    cases.append('# mapproc file size=%d mtime=1.000000000 pieces=1\n# mapproc pieces %s\n' % (big, line))
for case in cases:
    result = subprocess.run(['timeout', '240', mapproc, 'verify', '-'], input=head + case + digest + '  files/f5000\n', text=True,
                            capture_output=True)
    expect(result.returncode == 1 and 'files/f5000: FAILED' in result.stdout, case[:200], result)
# As many pieces as can be, of 1 KiB, and one more.
for count in (1000000, 1001000):
    length = 1024
    text = head + '# mapproc file size=%d mtime=1.000000000 pieces=%d\n' % (length * count, count)
    for at in range(0, count, 1000):
        text += '# mapproc pieces %d %d%s\n' % (at * length, length, ' ' + ' '.join(['0' * 32] * 1000))
    text += digest + '  big\n'
    result = subprocess.run(['timeout', '240', mapproc, 'verify', '-'], input=text, text=True, capture_output=True)
    # Pieces that are too many are not used, which is told.
    verdict = 'big: FAILED' if count <= 1000000 else 'big: OK'
    expect(result.returncode == 1 and verdict in result.stdout and len(result.stdout) < 3000, count, result)
PYTHON

giga=1000000000
if sanitized; then giga=100000000; fi
run_measured "$MAPPROC" verify - < <(head -c $giga /dev/zero | tr '\0' a; printf '\n'; cat good)
expect_status 0
expect_stdout "$(sed 's/^[0-9a-f]*  //; s/$/: OK/' good)"
expect_stderr '1 line is improperly formatted'
expect_peak_below 64
run_measured "$MAPPROC" verify --strict - < <(head -c $((giga / 10)) /dev/zero)
expect_status 1
expect_peak_below 64
run_measured "$MAPPROC" verify - < <(printf '# mapproc manifest 1 digests=xxh128 '; head -c $((giga / 10)) /dev/zero | tr '\0' ' ')
expect_status 1
expect_peak_below 64
done_test 'a line of 1 GB: an improper line, in little memory'

lines=1000000
if sanitized; then lines=20000; fi
for what in "'garbage %d' % i" "'%032x  missing-%d' % (i, i)" "'MD5 (%d) = %032x' % (i, i)" "'# mapproc pieces %d' % i" \
    "'%d,%064x,missing-%d' % (i, i, i)" "'%064x *files/f1' % i" "'\x1b[31m\xff\\\\%d' % i"; do
    run_measured "$MAPPROC" verify --status - < <(python3 -c "
import sys
sys.stdout.reconfigure(encoding='latin-1')
for i in range($lines // (50 if 'f1' in \"$what\" else 20)): print($what)")
    [[ $status == 1 ]] || problem "exit status $status of $what"
    expect_peak_below 64
done
run_measured "$MAPPROC" verify -w - < <(python3 -c "for i in range($lines): print('garbage', i)")
expect_status 1
expect_peak_below 64
done_test 'a million lines of garbage: bounded memory and time'

printf '%s\0  big\n%s  bi\0g\n' "$digest" "$digest" >list
run "$MAPPROC" verify -w list
expect_status 1
expect_stdout ''
expect_stderr 'has a NUL byte'
run "$MAPPROC" verify base
expect_status 3
expect_stdout ''
run "$MAPPROC" verify missing-list good
expect_status 1
[[ $(grep -c OK "$out") == $(wc -l <good) ]] || problem 'the second list was not checked'
run "$MAPPROC" verify - </dev/null
expect_status 1
for name in $'\e[31m' $'\xff'; do
    run "$MAPPROC" verify -w --strict "$name"
    expect_status 1
    expect_stderr_lines 1
done
done_test 'NUL bytes; lists that are directories, missing or empty'

"$MAPPROC" verify good >/dev/full 2>"$err"
status=$?
: >"$out"
expect_error 3
"$MAPPROC" verify --json good >/dev/full 2>"$err"
status=$?
expect_error 3
done_test 'standard output that is full: exit 3'

finish_tests
