#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_output.sh - mapproc checksum -o: the list is there completely or not at all; --from-disk.
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi

# XXH128 lines of files, and of standard input, as xxhsum writes them.
xxh128() { xxhsum -H2 "$@" 2>/dev/null; }

# The files of a directory whose names begin with a dot: what was left behind.
expect_no_temporaries() {
    local left
    left=$(find "${1:-.}" -name '.*mapproc-*')
    [[ -z $left ]] || problem "left behind: $left"
}

random_file f1 3000001
random_file f2 70000
: >f3
mkdir tree
for ((i = 0; i < 300; i++)); do
    mkdir -p "tree/$((i % 17))"
    head -c $((i * 37)) f1 >"tree/$((i % 17))/$i"
done

# --- -o ----------------------------------------------------------------------------------------

xxh128 f1 f2 >expected-o
run "$MAPPROC" checksum -o list-o f1 f2
expect_status 0
expect_stdout ''
expect_same_files expected-o list-o
umask 027
run "$MAPPROC" checksum -o list-o2 f1 f2
umask 022
[[ $(stat -c %a list-o2) == 640 ]] || problem "mode $(stat -c %a list-o2) of a new file"
chmod 604 list-o
run "$MAPPROC" checksum --tag -o list-o f1 f2
xxh128 --tag f1 f2 >expected-tag
expect_same_files expected-tag list-o
[[ $(stat -c %a list-o) == 604 ]] || problem "mode $(stat -c %a list-o) of a replaced one"
run "$MAPPROC" checksum --json -o list-o f1 f2
python3 -c 'import json; [json.loads(l) for l in open("list-o")]' || problem 'JSON'
run "$MAPPROC" checksum -o list-o f1 missing f2
expect_status 1
expect_stderr_lines 1
expect_same_files expected-o list-o
expect_no_temporaries
done_test '-o FILE: the list, with the right mode, also if a file is missing'

echo old >target
for how in 'checksum -o target -a nonsense f1' 'checksum -o target --manifest -a xxh128,xxh3,xxh64,xxh32,crc32,crc32c,md5,sha1,sha256 f1' \
    'checksum -o target -r -0 f1' 'checksum -o target --files-from missing' 'checksum -o target --memory 1K f1' \
    'checksum -o target --files-from .'; do
    # shellcheck disable=SC2086 # words
    run "$MAPPROC" $how
    [[ $status != 0 ]] || problem "exit status 0 of $how"
    [[ $(cat target) == old ]] || problem "the old target is gone after $how"
done
expect_no_temporaries
done_test '-o FILE: what fails as a whole leaves FILE as it was'

mkdir target-dir
run "$MAPPROC" checksum -o target-dir f1
expect_error 2
run "$MAPPROC" checksum -o missing-dir/x f1
[[ $status == [123] ]] || problem "exit status $status without the directory"
expect_stderr_lines 1
run "$MAPPROC" checksum -o '' f1
expect_error 2
cp f2 in1 && ln -s in1 in2 && ln in1 in3
for operand in in1 ./in1 in2 in3; do
    for walk in '' -r; do
        # shellcheck disable=SC2086 # a word or none
        run "$MAPPROC" checksum $walk -o in1 f1 "$operand"
        expect_error 2
        expect_stderr 'is an input'
        cmp -s f2 in1 || problem "in1 is gone: $walk $operand"
    done
done
run "$MAPPROC" checksum -o in1 --files-from - < <(printf 'f1\nin1\n')
expect_status 2
cmp -s f2 in1 || problem 'in1 is gone, from a list'
expect_no_temporaries
done_test '-o: a directory, no directory, or one of the inputs is refused'

ln -s f2 link-out
run "$MAPPROC" checksum -o link-out f1
expect_status 0
cmp -s f2 in1 || problem 'what the link leads to was written to'
[[ ! -L link-out ]] || problem 'the link is still there'
run "$MAPPROC" checksum -o /dev/stdout f1 f2
expect_status 0
expect_stdout_file expected-o
mkfifo out-fifo
cat out-fifo >list &
run "$MAPPROC" checksum -o out-fifo f1 f2
wait $!
expect_status 0
expect_same_files expected-o list
run "$MAPPROC" checksum -o /dev/full f1
expect_error 3
rm -f in1 in2 in3 link-out out-fifo
done_test '-o: a link is replaced; devices and FIFOs are written to'

mkdir -p into/sub && cp f1 f2 into && cp f2 into/zzz
for target in into/list into/sub/list; do
    find into -type f | LC_ALL=C sort | xargs "$MAPPROC" checksum >expected-into
    for k in 1 2; do
        run "$MAPPROC" checksum -r -v -o "$target" into
        expect_status 0
        expect_stderr '.list.mapproc-'
        [[ $k == 1 ]] || expect_stderr "'$target': is the output"
        expect_same_files expected-into "$target"
    done
    rm "$target"
done
cd into || exit 1
run "$MAPPROC" checksum -r --manifest -o MANIFEST
expect_status 0
run "$MAPPROC" verify --extra . MANIFEST
expect_status 0
! grep -q MANIFEST "$out" || problem 'the manifest is in itself'
cd .. || exit 1
# Another file of the same name is not the output.
echo other >into/sub/MANIFEST
run "$MAPPROC" checksum -r -o into/MANIFEST into
grep -q '  into/sub/MANIFEST$' into/MANIFEST || problem 'another file was taken for the output'
expect_no_temporaries into
done_test '-o inside the tree that is walked: neither the target nor the temporary is listed'

rm -r into && mkdir -p into/sub && cp f1 f2 into && echo other >into/sub/list
find into -type f | LC_ALL=C sort | xargs "$MAPPROC" checksum >expected-into
"$MAPPROC" checksum -r into >into/list || problem 'it failed'
expect_same_files expected-into into/list
done_test 'standard output inside the tree that is walked: it is not listed'

if is_root && mkdir small && mount -t tmpfs -o size=64k none small 2>/dev/null; then
    at_exit "umount '$PWD/small'"
    echo old >small/target
    mapfile -t many < <(for ((i = 0; i < 3000; i++)); do echo f3; done)
    run "$MAPPROC" checksum -o small/target "${many[@]}"
    expect_error 3
    expect_stderr 'No space left'
    [[ $(cat small/target) == old ]] || problem 'the old target is gone'
    expect_no_temporaries small
    umount small
    done_test '-o on a file system that is full: exit 3, the old file stays'
else
    skip_test '-o on a file system that is full' 'needs root and mount'
fi
(
    ulimit -f 8
    "$MAPPROC" checksum --json -o target --files-from <(yes f3 | head -500) 2>"$err"
)
status=$?
[[ $status == 3 ]] || problem "exit status $status behind ulimit -f"
[[ $(cat target) == old ]] || problem 'the old target is gone'
expect_no_temporaries
done_test '-o beyond the limit of file sizes: exit 3, the old file stays'

# Whether the writer of the FIFO is at its sleep, before which the shell opens the FIFO, which the job
# must have done as well; and whether there is the temporary.
# shellcheck disable=SC2317 # called by await
is_waiting_for_input() {
    [[ $(cat "/proc/$writer/comm") == sleep ]] && compgen -G '.target.mapproc-*' >/dev/null
} 2>/dev/null

# Interrupted while it waits for the rest of a pipe, with results written already.
for signal in INT TERM HUP KILL; do
    mkfifo endless
    sleep 1000 >endless &
    writer=$!
    env --default-signal=INT,TERM,HUP "$MAPPROC" checksum -o target f1 endless 2>"$err" &
    job=$!
    await is_waiting_for_input
    kill -s "$signal" "$job"
    { wait "$job"; } 2>/dev/null
    status=$?
    kill "$writer" && wait "$writer" 2>/dev/null
    expect_status $((128 + $(kill -l "$signal")))
    [[ $(cat target) == old ]] || problem "the old target is gone after SIG$signal"
    if [[ $signal == KILL ]]; then
        [[ -n $(find . -name '.target.mapproc-*') ]] || problem 'killed too early: no temporary'
        rm -f .target.mapproc-*
    else
        expect_no_temporaries
    fi
    rm endless
done
done_test '-o: interrupted or killed, FILE is as it was, and only SIGKILL leaves the temporary'

# Killed at any moment there is the old list or the new one, never half of one.
cp f2 target
"$MAPPROC" checksum -r tree >expected-whole
for delay in 0.001 0.002 0.003 0.005 0.008 0.012 0.02; do
    "$MAPPROC" checksum -r -o target tree &
    job=$!
    sleep "$delay"
    kill -KILL "$job" 2>/dev/null
    wait "$job" 2>/dev/null
    cmp -s target f2 || cmp -s target expected-whole || problem "half a list after $delay s"
done
rm -f .target.mapproc-*
done_test '-o: killed at any moment there is the old file or all of the new one'

# --- the medium --------------------------------------------------------------------------------

run "$MAPPROC" checksum --from-disk f1 f2 f3
expect_status 0
expect_stdout "$(xxh128 f1 f2 f3)"
run python3 - "$MAPPROC" <<'PYTHON'
import ctypes, mmap, os, subprocess, sys
fd = os.open('f1', os.O_RDONLY)
size = os.fstat(fd).st_size
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
begin = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
# Locked, if that is allowed: without memory to spare they would not stay.
libc.mlock(ctypes.c_void_p(begin), ctypes.c_size_t(size))
sum(ctypes.string_at(begin + i, 1)[0] for i in range(0, size, 4096))
result = subprocess.run([sys.argv[1], 'checksum', '--from-disk', 'f1'], capture_output=True, text=True)
print(result.stdout, end='')
sys.stderr.write(result.stderr)
PYTHON
expect_stdout "$(xxh128 f1)"
expect_stderr 'page cache'
done_test '--from-disk: the same digests, and it says if something stayed in memory'

finish_tests
