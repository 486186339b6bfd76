#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_bench.sh - mapproc bench from outside: its rows, its errors, and how it is stopped.
#
# How fast anything is, is no matter here.

# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "$0")/cli_job_lib.sh"

if ! have python3; then
    printf '1..0 # SKIP python3 is not installed\n'
    exit 0
fi

# nproc believes them, the program does not.
unset OMP_NUM_THREADS OMP_THREAD_LIMIT

# Files that the program makes are made here, and seen if they stay.
export TMPDIR=$PWD/made
mkdir "$TMPDIR"
expect_nothing_made() {
    [[ -z $(ls -A "$TMPDIR") ]] || problem "a file was left: $(ls -A "$TMPDIR")"
}

groups=(alloc file numa digest codec chunker)
quick=(--size 256K --rounds 2)
random_file data 3000000

json=true
run "$MAPPROC" bench digest "${quick[@]}" --json
if [[ $status == 2 ]] && grep -q 'built without' "$err"; then
    json=false
    expect_error 2
    expect_stderr "'--json'"
    done_test 'without JSON: --json is refused, exit 2'
fi

# --- rows --------------------------------------------------------------------------------------

cat >"$scratch/rows.py" <<'PYTHON'
"""Reads rows: the groups that must be there, the rounds, the most threads."""
import json, math, sys

groups, rounds, threads = sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])
seen, tests, packed = set(), set(), {}
for line in open(sys.argv[1]):
    row = json.loads(line)
    common = ["group", "test", "subject", "threads", "size", "skipped"]
    measured = ["unit", "rounds", "median", "least", "most", "ratio"]
    if row["group"] == "codec":
        measured += ["packing", "inflate_median", "inflate_least", "inflate_most", "frontier"]
    want = common + ([] if row["skipped"] is not None else measured)
    assert list(row) == want, row
    assert row["group"] in groups, row
    assert all(isinstance(row[k], str) and row[k] for k in ("group", "test", "subject")), row
    assert isinstance(row["size"], int) and row["size"] > 0, row
    assert isinstance(row["threads"], int) and 1 <= row["threads"] <= threads, row
    key = row["group"], row["test"], row["subject"], row["threads"]
    assert key not in tests, ("twice", row)
    tests.add(key)
    if row["skipped"] is not None:
        assert isinstance(row["skipped"], str) and row["skipped"], row
        continue
    seen.add(row["group"])
    assert row["unit"] in ("ns", "GB/s", "MB/s"), row
    assert row["rounds"] == rounds, row
    for field in ("least", "median", "most"):
        assert math.isfinite(row[field]) and row[field] > 0, row
    assert row["least"] <= row["median"] <= row["most"], row
    assert row["ratio"] is None or math.isfinite(row["ratio"]) and row["ratio"] > 0, row
    if row["group"] == "codec":
        assert 0 < row["inflate_least"] <= row["inflate_median"] <= row["inflate_most"], row
        packed.setdefault(row["test"], []).append(row)
assert seen == set(groups), seen
for rows in packed.values():
    for row in rows:
        beaten = any(other["median"] > row["median"] and other["packing"] > row["packing"]
                     for other in rows)
        assert row["frontier"] == (not beaten), row
for test in sys.argv[5:]:
    assert any(test in key for key in tests), ("no row", test, tests)
PYTHON

# expect_rows GROUPS ROUNDS THREADS [NAME...]: standard output has such rows, some with these tests
# or subjects.
expect_rows() {
    local said
    said=$(python3 "$scratch/rows.py" "$out" "$@" 2>&1) || problem 'bad rows:' "${said##*$'\n'}"
}

if $json; then
    for group in "${groups[@]}"; do
        run "$MAPPROC" bench "$group" -j 2 "${quick[@]}" --json
        expect_status 0
        expect_stderr_lines 0
        case $group in
        alloc) expect_rows "$group" 2 2 glibc jemalloc slab buddy 'mixed, 128B' 'batch, 1B-1K' \
            'handed over, 256K-4M' ;;
        file) expect_rows "$group" 2 2 hot fread read pread mmap 'mmap populate' 'mmap huge' ;;
        numa) expect_rows "$group" 2 2 interleaved ;;
        digest) expect_rows "$group" 2 2 'plain scan' xxh128 xxh3 xxh64 xxh32 ;;
        codec) expect_rows "$group" 2 2 'chunks of 256K' 'zlib 1' 'zlib 9' ;;
        chunker) expect_rows "$group" 2 2 'plain scan' cdc lines ;;
        esac
        expect_nothing_made
        done_test "$group: rows in JSON have all fields, and numbers in them"
    done

    run "$MAPPROC" bench --json --rounds 1 --size 256K -j 1
    expect_status 0
    expect_rows alloc,file,numa,digest,codec,chunker 1 1
    run "$MAPPROC" bench all data --json --rounds 1 --size 256K -j 1 --numa off
    expect_status 0
    expect_rows alloc,file,numa,digest,codec,chunker 1 1
    done_test 'all groups, by name and by default'

    run "$MAPPROC" bench file data --json --rounds 1 -j 3
    expect_status 0
    expect_rows file 1 3 hot
    grep -q '"size":3000000' "$out" || problem 'not all of the file was read'
    run "$MAPPROC" bench file --json --rounds 1 --size 300K -- data
    expect_status 0
    grep -q '"size":307200' "$out" || problem '--size does not bound what is read'
    run "$MAPPROC" bench file data --json --rounds 1 --cold
    expect_status 0
    expect_rows file 1 "$(nproc)" hot cold
    cmp -s data <(cat data) || problem 'the file cannot be read any more'
    done_test "the user's own file, hot and cold"

    # One chunk of text, against what Python's zlib makes of it.
    seq 100000 | head -c 262144 >text
    run "$MAPPROC" bench codec text --json --rounds 1 -j 1
    expect_status 0
    expect_rows codec 1 1 'zlib 6'
    python3 - "$out" text <<'PYTHON' || problem 'not what zlib makes of the file'
import json, sys, zlib
data = open(sys.argv[2], "rb").read()
seen = 0
for line in open(sys.argv[1]):
    row = json.loads(line)
    assert row["size"] == len(data) and row["test"] == "chunks of 256K", row
    name, level = row["subject"].split()
    if name == "zlib":
        packer = zlib.compressobj(int(level), zlib.DEFLATED, -15)
        size = len(packer.compress(data) + packer.flush())
        assert abs(row["packing"] * size / len(data) - 1) < 0.0001, (row, size)
        seen += 1
assert seen == 9
PYTHON
    run "$MAPPROC" bench codec --json --rounds 1 --size 300K -- data
    expect_status 0
    expect_rows codec 1 "$(nproc)" 'chunks of 256K' 'chunks of 1M'
    grep -q '"size":307200' "$out" || problem '--size does not bound the sample'
    done_test 'codecs with a file: the sizes are those that zlib makes'
fi

# --- the table ---------------------------------------------------------------------------------

run "$MAPPROC" bench "${quick[@]}" --cold
expect_status 0
expect_stderr_lines 0
grep -qa '[^ -~]' "$out" && problem 'not plain text'
awk 'length > 80 { exit 1 }' "$out" || problem 'more than 80 columns'
for group in "${groups[@]}"; do
    grep -q "^$group: " "$out" || problem "no heading for $group"
done
awk '/^(mixed|batch)/ && !/skipped/ && !/ ns .*-.*x$/ { exit 1 }' "$out" ||
    problem 'a row without unit, spread or ratio'
awk '/^chunks/ && !/ MB\/s +[0-9.]+ MB\/s +[0-9.]+( \*)?$/ { exit 1 }' "$out" ||
    problem 'a row of codecs without both speeds and packing'
grep -q '^chunks.* \*$' "$out" || problem 'no row of codecs is on the frontier'
done_test 'the table: plain text of at most 80 columns'

for option in --help -h; do
    run "$MAPPROC" bench "$option"
    expect_status 0
    expect_stderr_lines 0
    for word in "${groups[@]}" all FILE --size --rounds --cold --json --threads median least most \
        ratio skipped unit threads subject packing frontier; do
        grep -qE -e "(^|[^a-z0-9-])$word([^a-z0-9-]|$)" "$out" ||
            problem "bench $option does not mention $word"
    done
    awk 'length > 100 { exit 1 }' "$out" || problem 'a line of more than 100 columns'
done
done_test '--help'

# Runs the command with standard error on a terminal, whose text goes to the file.
cat >"$scratch/terminal.py" <<'PYTHON'
import os, pty, subprocess, sys

master, slave = pty.openpty()
child = subprocess.Popen(sys.argv[2:], stderr=slave)
os.close(slave)
with open(sys.argv[1], "wb") as file:
    while True:
        try:
            text = os.read(master, 65536)
        except OSError:
            break
        if not text:
            break
        file.write(text)
sys.exit(child.wait())
PYTHON
run python3 "$scratch/terminal.py" terminal "$MAPPROC" bench digest "${quick[@]}"
expect_status 0
grep -qa '[^ -~]' "$out" && problem 'standard output is not plain text'
grep -q 'digest: one input: round 2 of 2' terminal || problem 'no progress on a terminal'
python3 - terminal <<'PYTHON' || problem 'the line of progress was not erased' "$(cat -v terminal)"
import sys
line = shown = ""
for step in open(sys.argv[1], newline="").read().split("\r\033[K"):
    assert "\n" not in step and "\033" not in step and len(step) < 80, step
    line = step
assert line == "", line
PYTHON
TMPDIR=$PWD/nowhere run python3 "$scratch/terminal.py" terminal "$MAPPROC" bench file
expect_status 3
[[ $(cat -v terminal) == 'file: making a file^M^[[Kmapproc: '* ]] ||
    problem 'an error did not come on a line of its own' "$(cat -v terminal)"
done_test 'progress is shown on a terminal alone, on one line, and erased'

# --- wrong usage and errors --------------------------------------------------------------------

while read -r arguments; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" bench $arguments
    expect_error 2
done <<'WRONG'
nonsense
alloc,file
data
Alloc
alloc data
numa data
digest data
file data data
all data data
--rounds=0
--rounds=1001
--rounds=x
--rounds=-1
--size=0
--size=
--size=x
--size=-1M
--size=16E
--size=1.5G
-j0
-jx
alloc --cpus=nonsense
alloc --memory=1M
digest --memory=1
--json=yes
--cold=yes
--nonsense
file /dev/null
WRONG
run "$MAPPROC" bench file ''
expect_error 1
: >empty
run "$MAPPROC" bench file empty
expect_error 2
done_test 'nonsense: one line, nothing else, exit 2'

for group in file codec all; do
    run "$MAPPROC" bench "$group" missing
    expect_error 1
    expect_stderr "'missing'"
    run "$MAPPROC" bench "$group" $'missing\e[31m'
    expect_error 1
    run "$MAPPROC" bench "$group" .
    expect_error 3
done
done_test 'a file that is missing is exit 1, a directory is exit 3, and nothing is measured before'

TMPDIR=$PWD/nowhere run "$MAPPROC" bench file "${quick[@]}"
expect_status 3
expect_stderr_lines 1
expect_stderr "'$PWD/nowhere'"
TMPDIR=$PWD/nowhere run "$MAPPROC" bench -j 1 --size 256K --rounds 1
expect_status 3
expect_stderr_lines 1
grep -q '^plain\|^one input' "$out" || problem 'the other groups did not go on'
TMPDIR='' run "$MAPPROC" bench file "${quick[@]}"
expect_status 0
done_test 'no directory for the file: exit 3, and the other groups go on'

if sanitized || ! have strace || ! strace -f -qq -o /dev/null true 2>/dev/null; then
    skip_test 'a file system without nameless files' 'no strace, or with a sanitizer'
else
    run strace -f -qq -o trace -P "$TMPDIR" -e inject=openat:error=EOPNOTSUPP \
        "$MAPPROC" bench file "${quick[@]}" -j 1
    expect_status 0
    expect_nothing_made
    grep -q 'O_TMPFILE.*INJECTED' trace || problem 'nothing was injected'
    done_test 'a file system without nameless files: the file loses its name at once'
fi

if ! is_root || ! mkdir small || ! mount -t tmpfs -o size=4M none small 2>/dev/null; then
    skip_test 'no room for the file' 'needs root and a tmpfs'
else
    at_exit umount "$PWD/small"
    TMPDIR=$PWD/small run "$MAPPROC" bench file --size 64M
    expect_status 3
    expect_stderr_lines 1
    expect_stderr '(No space left on device)'
    expect_stderr '64.0 MiB'
    [[ -z $(ls -A small) ]] || problem 'a file was left'
    [[ $(df --output=used small | tail -1) -lt 100 ]] || problem 'its room was not given back'
    TMPDIR=$PWD/small run "$MAPPROC" bench file --size 1M --rounds 1 --cold -j 1
    expect_status 0
    grep -A1 '^cold.*skipped:' "$out" | grep -q 'stays cached' ||
        problem 'a file in memory was said to be cold' "$(cat "$out")"
    done_test 'no room for the file: exit 3; a file in memory is never cold'
fi

if [[ -z ${MAPPROC_TEST_REFUSE_CALLS:-} ]] ||
    ! "$MAPPROC_TEST_REFUSE_CALLS" mbind true 2>/dev/null; then
    skip_test 'refused system calls' 'there can be no seccomp filter'
else
    calls=mbind,set_mempolicy,get_mempolicy,move_pages,sched_setaffinity
    run "$MAPPROC_TEST_REFUSE_CALLS" $calls "$MAPPROC" bench "${quick[@]}"
    expect_status 0
    expect_stderr_lines 0
    grep -q '^bandwidth.*x$' "$out" || problem 'no bandwidth was measured'
    grep -q '^mixed, 128B *slab.*x$' "$out" || problem 'no slab was measured'
    calls=fallocate,fadvise64
    sanitized || calls+=,madvise # ThreadSanitizer cannot do without
    run "$MAPPROC_TEST_REFUSE_CALLS" $calls "$MAPPROC" bench file "${quick[@]}" -j 1 --cold
    expect_status 0
    expect_stderr_lines 0
    grep -q '^hot *mmap  .*x$' "$out" || problem 'a mapping was not measured'
    sanitized || grep -A1 '^hot *mmap huge' "$out" | grep -q 'refuses this advice' ||
        problem 'advice that was refused was said to be measured'
    done_test 'memory policies, pinning and advice are refused: no harm'
fi

for arguments in 'digest' 'digest --json' 'all'; do
    $json || [[ $arguments != *json* ]] || continue
    # shellcheck disable=SC2086 # words
    "$MAPPROC" bench $arguments "${quick[@]}" >/dev/full 2>"$err"
    status=$?
    : >"$out"
    expect_error 3
    expect_stderr '(No space left on device)'
    # shellcheck disable=SC2086 # words
    "$MAPPROC" bench $arguments "${quick[@]}" >&- 2>"$err"
    status=$?
    expect_error 3
done
expect_nothing_made
done_test 'stdout is full or closed: one line, exit 3'

: >"$err"
env --default-signal=PIPE "$MAPPROC" bench digest "${quick[@]}" 2>>"$err" | head -c 1 >/dev/null
status=${PIPESTATUS[0]}
[[ $status == 0 || $status == 141 ]] || problem "exit status $status behind a closed pipe"
expect_stderr_lines 0
done_test 'stdout is a pipe that nobody reads: quiet'

# --- under way ---------------------------------------------------------------------------------

# One descriptor is that of the group, and each thread of the crews of one and of two has two.
# shellcheck disable=SC2317 # for wait_until
readers_open() { has_open cut 7; }

for ((i = 0; i < 6; i++)); do
    truncate -s 0 cut
    truncate -s 64M cut
    start "$MAPPROC" bench file cut -j 2 --rounds 1000
    wait_until readers_open || problem 'ended before it was cut'
    sleep "0.$((i * 2))" # into whatever it does next, which takes minutes
    truncate -s 1M cut
    finish
    expect_status 1
    expect_stderr_lines 1
    expect_stderr "mapproc: 'cut': "
    expect_stderr 'cut'
done
done_test 'FILE is cut under way: exit 1, one line, no death by SIGBUS'

# stop_run SIGNAL SECONDS ARGUMENT...: it dies by the signal and leaves nothing, wherever it is so
# many seconds after it has begun to heed signals.
stop_run() {
    local signal=$1 seconds=$2 begin
    shift 2
    start "$MAPPROC" bench "$@" --size 64M --rounds 1000
    wait_until handles "$signal" || problem "bench $* does not heed SIG$signal"
    sleep "$seconds"
    begin=$SECONDS
    kill -"$signal" "$pid" || problem "bench $* ended by itself"
    finish
    expect_status $((128 + $(kill -l "$signal")))
    expect_stderr_lines 0
    expect_nothing_made
    # Not a matter of speed: 1000 rounds take many minutes.
    ((SECONDS - begin < 100)) || problem "bench $* did not stop"
}

for group in "${groups[@]}"; do
    for seconds in 0 0.05 0.3 0.9; do
        stop_run INT "$seconds" "$group"
    done
    stop_run TERM 0.2 "$group" --cold
    stop_run HUP 0.2 "$group" -j 1
    done_test "$group is stopped by a signal: dies by it, leaves no file"
done

# A file that has no name any more, or not yet lost it.
# shellcheck disable=SC2317 # for wait_until
has_made() {
    local fd
    is_program || return 1
    for fd in /proc/"$pid"/fd/*; do
        [[ $(readlink "$fd") == "$made"/* ]] && return
    done
    return 1
}

made=$(cd "$TMPDIR" && pwd -P)
start "$MAPPROC" bench file --size 256M --rounds 1000
wait_until has_made || problem 'it made no file'
kill -KILL "$pid"
finish
expect_status 137
expect_nothing_made
done_test 'killed while it makes its file: nothing is left'

finish_tests
