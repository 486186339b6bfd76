#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_progress.sh - what a job of mapproc tells while it runs, and what ctl does to it.

# shellcheck source=tests/job_lib.sh
. "$(dirname "$0")/job_lib.sh"

random_file data $((8 * mebibyte))
random_file small 100000

# ---- SIGUSR1 ----

# ask N: asks the job how far it is, and waits for line number N.
ask() {
    kill -USR1 "$pid"
    await has_lines "$err" "$1"
}

start_job checksum --limit-rate $slow data
ask 1
ask 2
finish_job
expect_status 0
expect_stderr_lines 2
(($(grep -cE '^mapproc: checksum: [0-9.]+ % of 8.0 MiB, ' "$err") == 2)) ||
    problem "not two lines of progress: $(cat "$err")"
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'SIGUSR1 prints a line and the job goes on'

start_job verify --limit-rate $slow <("$MAPPROC" checksum data)
ask 1
finish_job
expect_status 0
grep -qE '^mapproc: verify: .*[0-9] [KM]?i?B/s' "$err" || problem "verify tells: $(cat "$err")"
cp data copy
start_job compare --limit-rate $slow data copy
ask 1
finish_job
expect_status 0
grep -qE '^mapproc: compare: .*[0-9] [KM]?i?B/s' "$err" || problem "compare tells: $(cat "$err")"
done_test 'for verify and compare as well'

# A verb with nothing to tell: it is not killed.
env --default-signal=USR1,TERM "$MAPPROC" bench all --rounds 1000 >"$out" 2>"$err" &
pid=$!
await catches_usr1 "$pid"
kill -USR1 "$pid"
await grep -q 'mapproc: bench: running for ' "$err"
kill -TERM "$pid"
wait_job
[[ $status == 143 ]] || problem "bench was ended by SIGUSR1: $status"
done_test 'SIGUSR1 does not kill what has no progress to tell'

# ---- pause, rate, cancel ----

# How long each thread has been on a CPU, in nanoseconds, but for the one that tells.
cpu_times() {
    local task
    for task in /proc/"$pid"/task/*; do
        [[ $(<"$task/comm") == progress ]] || echo "${task##*/} $(cut -d ' ' -f 1 "$task/schedstat")"
    done
}

start_job checksum -j 2 --limit-rate $slow data
"$MAPPROC" ctl "$job" pause || problem 'no pause'
[[ $(peek state) == paused ]] || problem "state is $(peek state), not paused"
await peek_is workers paused,paused # whoever was about to do something has done it
before=$(peek done_bytes)
read -r number told < <(peek number updated_ns)
used=$(cpu_times 2>/dev/null)
sleep 1 # so that there is something to be seen if it is not so
[[ $(peek done_bytes) == "$before" ]] || problem 'a paused job has gone on'
# Under a sanitizer there is a thread of its own.
sanitized || [[ $(cpu_times 2>/dev/null) == "$used" ]] ||
    problem "a paused job has used CPU: from $used to $(cpu_times)"
# It tells so 20 times a second, but no more: 50 ms from one time to the next.
read -r number told < <(peek number updated_ns | awk -v number="$number" -v told="$told" \
    '{ printf "%d %d\n", $1 - number, ($2 - told) / 1e6 }')
((number <= told / 45 + 3)) || problem "told $number times in $told ms"
"$MAPPROC" ctl "$job" pause || problem 'no second pause'
"$MAPPROC" ctl "$job" resume || problem 'no resume'
[[ $(peek state) == running ]] || problem "state is $(peek state), not running"
# shellcheck disable=SC2317 # run by await()
has_gone_on() { [[ $(peek done_bytes) -gt $before ]]; }
await has_gone_on
finish_job
expect_status 0
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'a paused job uses no CPU, and goes on'

# Looks until the job has done so many bytes more, and tells if these were more than the limit lets
# it do: what is due, a tenth of a second of that which may be made up for, and two steps of 64 KiB
# a worker. A snapshot is taken before it is dated, and after the one before was.
cat >rate.py <<'END'
import mmap, os, sys, time
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import watch
rate, wanted = int(sys.argv[3]), int(sys.argv[4])
fd = os.open(sys.argv[2], os.O_RDONLY)
with mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ) as memory:
    header = watch.read_header(memory)
    earliest = first = watch.read_snapshot(memory, header)[0]
    while first["number"] == earliest["number"]:
        time.sleep(0.01)
        first, workers = watch.read_snapshot(memory, header)
    last = first
    while last["done_bytes"] < first["done_bytes"] + wanted:
        time.sleep(0.01)
        last, workers = watch.read_snapshot(memory, header)
done = last["done_bytes"] - first["done_bytes"]
seconds = (last["updated_ns"] - earliest["updated_ns"]) / 1e9
if done > rate * (seconds + 0.102) + 2 * 65536 * len(workers):
    print(f"{done} bytes in {seconds} s, the limit is {rate} bytes per second")
END
names=()
for ((i = 0; i < 100; i++)); do
    names+=(data) # so much that it takes more than $patience
done
start_job checksum --limit-rate 1K -o list "${names[@]}"
# From now on, or 2 MiB would take half an hour.
"$MAPPROC" ctl "$job" rate 2M/s || problem 'no rate'
found=$(timeout $patience python3 rate.py "$samples" "$file" $((2 * mebibyte)) $((2 * mebibyte)) 2>&1) ||
    found="does not go on: $found"
[[ -z $found ]] || problem "$found"
"$MAPPROC" ctl "$job" cancel || problem 'no cancel'
wait_job
[[ ! -e list ]] || problem 'a cancelled job has left its output'
[[ -z $(find . -name '.list*' -o -name 'list*') ]] || problem 'or something of it'
expect_error 3
expect_stderr 'mapproc: cancelled'
done_test 'a limit is kept to, and a job that is cancelled leaves nothing'

start=$(date +%s%N)
run "$MAPPROC" checksum --limit-rate 8M data
elapsed=$((($(date +%s%N) - start) / 1000000))
expect_status 0
((elapsed > 900)) || problem "8 MiB at 8M per second took $elapsed ms"
done_test 'a limit holds from the beginning'

run "$MAPPROC" ctl no-such-job-"$$" pause
expect_error 2
run "$MAPPROC" ctl
expect_error 2
run "$MAPPROC" ctl 1 stop
expect_error 2
run "$MAPPROC" ctl 1 rate
expect_error 2
run "$MAPPROC" ctl 1 rate 10
expect_error 2
run "$MAPPROC" ctl 1 rate off on
expect_error 2
run "$MAPPROC" checksum --limit-rate 10 small
expect_error 2
run "$MAPPROC" checksum --job-name 17 small
expect_error 2
run "$MAPPROC" checksum --progress sometimes small
expect_error 2
done_test 'what makes no sense is refused'

# ---- publishing ----

start_job checksum --limit-rate $slow data
[[ $(stat -c %a "$file") == 600 ]] || problem "mode of the segment: $(stat -c %a "$file")"
kill -TERM "$pid"
wait_job
expect_status 143
[[ ! -e $file ]] || problem 'a job that was ended by a signal has left its segment'
done_test 'a signal ends the job, and its segment goes with it'

# What goes through a pipe that was full has been read.
mkfifo pipe
exec 8<>pipe
env --default-signal=TERM "$MAPPROC" checksum --no-publish pipe 8>&- >/dev/null 2>&1 &
pid=$!
timeout $patience head -c $((4 * mebibyte)) data >&8 || problem 'the pipe is not read'
compgen -G "/dev/shm/mapproc-$pid-*" >/dev/null && problem 'published all the same'
kill -TERM "$pid"
wait_job
expect_status 143
exec 8>&-
done_test '--no-publish'

start_job checksum --limit-rate $slow data
# shellcheck disable=SC2317 # run by await()
is_seen() { "$MAPPROC" watch --once "$job" >/dev/null 2>&1; }
truncate -s 0 "$file"
await is_seen
head -c 232 /dev/urandom | dd of="$file" conv=notrunc status=none # all that is written only once
await is_seen
rm "$file"
ask 1
kill -TERM "$pid"
wait_job
expect_status 143
done_test 'nothing that is done to the segment reaches the job'

# A job cannot tell anything, and works all the same.
# shellcheck disable=SC2317 # run by run()
in_mounts() { unshare -m --propagation private bash -c "$1" _ "$MAPPROC"; }
if is_root && unshare -m true 2>/dev/null; then
    expected=$("$MAPPROC" checksum small)
    for how in 'mount -t tmpfs -o size=64k none /dev/shm; head -c 1M /dev/zero >/dev/shm/x' \
        'mount -t tmpfs -o ro none /dev/shm' 'mount -t tmpfs none /dev'; do
        run in_mounts "{ $how; } 2>/dev/null; \"\$1\" checksum -v small"
        expect_status 0
        expect_stdout "$expected"
        expect_stderr 'mapproc: progress cannot be published ('
        expect_stderr_lines 2
        run in_mounts "{ $how; } 2>/dev/null; \"\$1\" checksum small"
        expect_status 0
        expect_stderr_lines 0
    done
    done_test 'a /dev/shm that is full, read-only or missing is told at -v'
else
    skip_test 'a /dev/shm that is full' 'needs root and mount namespaces'
fi

# ---- the end ----

# The last snapshot, through a mapping that was made while the job ran.
cat >last.py <<'END'
import mmap, os, struct, sys, time
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import watch
fd = os.open(sys.argv[2], os.O_RDONLY)
with mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ) as memory:
    header = watch.read_header(memory)
    open(sys.argv[3], "w").close()
    before = 0
    while True:
        snapshot, workers = watch.read_snapshot(memory, header)
        assert snapshot["done_bytes"] >= before, "went back"
        assert snapshot["done_bytes"] <= snapshot["total_bytes"], "more than all"
        assert sum(w["bytes"] for w in workers) == snapshot["done_bytes"], "workers disagree"
        before = snapshot["done_bytes"]
        if snapshot["state"] >= 5:
            break
        time.sleep(0.005)
for field in "state exit_status done_bytes total_bytes done_files total_files errors".split():
    print(snapshot[field], end=" ")
print()
END
# last_words EXPECTED ARGUMENT...: what the job tells last.
last_words() {
    local expected=$1 reader
    shift
    rm -f ready
    start_job "$@"
    timeout $patience python3 last.py "$samples" "$file" ready >last 2>&1 &
    reader=$!
    await test -e ready
    finish_job
    wait "$reader"
    [[ $(cat last) == "$expected " ]] || problem "expected $expected, found $(cat last)"
}
mkdir tree
cp small tree/a
cp small tree/b
: >tree/empty
head -c 3000000 data >tree/c
size=$((8 * mebibyte))
last_words "5 0 $size $size 1 1 0" checksum --limit-rate $slow data
last_words "5 0 $((3200000 + size)) $((3200000 + size)) 5 5 0" checksum -r --limit-rate $slow data tree
last_words "6 1 $size $size 2 2 1" checksum --limit-rate $slow data missing
last_words "5 0 $size $size 1 1 0" checksum -a sha256 --limit-rate $slow data
last_words "5 0 $size $size 1 1 0" compare --limit-rate $slow data copy
"$MAPPROC" checksum --manifest -r data tree >manifest
last_words "5 0 $((3200000 + size)) $((3200000 + size)) 5 5 0" verify --limit-rate $slow manifest
flip tree/a 0
last_words "6 1 $((3200000 + size)) $((3200000 + size)) 5 5 1" verify --limit-rate $slow manifest
last_words "6 1 $((2 * size)) $((2 * size)) 2 2 0" verify --limit-rate $slow \
    <("$MAPPROC" checksum data) /nonexistent-list <("$MAPPROC" checksum copy)
last_words "5 0 $size $size 1 1 0" compress -1 --limit-rate $slow data
members=$(stat -c %s data.gz)
last_words "5 0 $members $members 1 1 0" decompress --limit-rate $slow -f data.gz
gzip -1 -c copy >plain.gz
plain=$(stat -c %s plain.gz)
last_words "5 0 $plain $plain 1 1 0" decompress --limit-rate $slow -t plain.gz
last_words "5 0 $((plain + members)) $((plain + members)) 2 2 0" cat --limit-rate $slow data.gz plain.gz
head -c $((plain - 5)) plain.gz >cut.gz
last_words "6 1 $((plain - 5)) $((plain - 5)) 1 1 1" decompress --limit-rate $slow -t cut.gz
done_test 'progress never goes back, and ends at exactly all of it'

# ---- the bar ----

if have script; then
    # In a terminal of its own; what it shows is in $scratch/typescript.
    # shellcheck disable=SC2317 # run by run()
    terminal() { script -q -e -f -c "stty cols 80; $1" "$scratch/typescript" </dev/null >/dev/null; }
    rm -f "$scratch/typescript"
    terminal "'$MAPPROC' checksum --job-name '$job' --limit-rate $slow data" &
    pid=$!
    await grep -qs 'checksum \[=*> *\] [0-9.]* % of 8.0 MiB, ' "$scratch/typescript"
    finish_job
    expect_status 0
    # What is left on the screen: nothing but the digest.
    python3 - "$scratch/typescript" >screen <<'END'
import sys
line, column, lines = [], 0, []
data = open(sys.argv[1], newline="").read().split("\n", 1)[1].rsplit("\nScript done", 1)[0]
for c in data:
    if c == "\r":
        column = 0
    elif c == "\n":
        lines.append("".join(line).rstrip())
        line, column = [], 0
    else:
        line[column:column + 1] = c
        column += 1
lines.append("".join(line).rstrip())
print("\n".join(text for text in lines if text))
END
    "$MAPPROC" checksum data >expected
    expect_same_files expected screen
    run terminal "'$MAPPROC' checksum --progress never --limit-rate 8M data"
    grep -q 'of 8.0 MiB' "$scratch/typescript" && problem 'a bar in spite of --progress never'
    done_test 'a bar on a terminal, which is erased at the end'
else
    skip_test 'a bar on a terminal' 'no script'
fi

run "$MAPPROC" checksum --limit-rate 8M data
expect_stderr_lines 0
start_job checksum --progress always --limit-rate $slow data
await grep -q 'checksum \[' "$err"
finish_job
expect_status 0
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'no bar elsewhere, unless it is wanted'

finish_tests
