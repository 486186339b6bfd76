#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_progress.sh - what a job of mapproc tells while it runs, and what ctl does to it.

# With a /dev/shm of its own where that can be had: any other job of the same user would clear away
# what dead ones leave, which is what it should do.
if [[ -z ${MAPPROC_TEST_ALONE:-} ]] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016 # for the inner shell
    exec env MAPPROC_TEST_ALONE=1 unshare -m --propagation private \
        bash -c 'mount -t tmpfs none /dev/shm; exec bash "$0"' "$0"
fi

samples=$(cd "$(dirname "$0")/../samples" && pwd)
# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

mebibyte=$((1024 * 1024))
random_file data $((32 * mebibyte))
random_file small 100000
job=test-$$

# Starts a job of the name $job in the background, its output where run() puts it. Leaves its $pid,
# when it can be seen.
start_job() {
    local i
    env --default-signal=INT,TERM,HUP,USR1 "$MAPPROC" "$@" --job-name "$job" </dev/null \
        >"$out" 2>"$err" &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        "$MAPPROC" watch --once "$job" >/dev/null 2>&1 && return
        sleep 0.05
    done
    problem 'the job cannot be seen'
}

# Waits for the job, and leaves its $status.
wait_job() {
    wait "$pid" 2>/dev/null
    status=$?
}

# field NAME: of the job's JSON, by way of the sample that needs no JSON in the program.
field() {
    python3 "$samples/watch.py" --json /dev/shm/mapproc-"$pid"-* |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

if [[ ! -d /dev/shm || ! -w /dev/shm ]]; then
    printf '1..0 # SKIP no /dev/shm\n'
    exit 0
fi

# ---- SIGUSR1 ----

start_job checksum --limit-rate 20M data
kill -USR1 "$pid"
sleep 0.3
kill -USR1 "$pid"
sleep 0.2
"$MAPPROC" ctl "$job" rate off || problem 'no rate off'
wait_job
expect_status 0
expect_stderr_lines 2
expect_stderr 'mapproc: checksum: '
expect_stderr ' % of 32.0 MiB, '
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'SIGUSR1 prints a line and the job goes on'

start_job verify --limit-rate 20M <("$MAPPROC" checksum data)
kill -USR1 "$pid"
sleep 0.2
"$MAPPROC" ctl "$pid" rate off
wait_job
expect_status 0
expect_stderr 'mapproc: verify: '
cp data copy
start_job compare --limit-rate 20M data copy
kill -USR1 "$pid"
sleep 0.2
"$MAPPROC" ctl "$pid" rate off
wait_job
expect_status 0
expect_stderr 'mapproc: compare: '
done_test 'for verify and compare as well'

# A verb with nothing to tell: it is not killed.
env --default-signal=USR1 "$MAPPROC" bench all >"$out" 2>"$err" &
pid=$!
sleep 0.3
kill -USR1 "$pid"
sleep 0.2
kill -TERM "$pid" 2>/dev/null # unless it has come to its end
wait_job
[[ $status == 143 || $status == 0 ]] || problem "bench was ended by SIGUSR1: $status"
expect_stderr 'mapproc: bench: running for '
done_test 'SIGUSR1 does not kill what has no progress to tell'

# ---- pause, rate, cancel ----

ticks() { cut -d ' ' -f 14,15 "/proc/$pid/stat" | tr ' ' '+'; }

start_job checksum --limit-rate 10M data
"$MAPPROC" ctl "$job" pause || problem 'no pause'
[[ $(field state) == paused ]] || problem "state is $(field state), not paused"
before=$(field done_bytes)
used=$(($(ticks)))
sleep 1.5
[[ $(field done_bytes) == "$before" ]] || problem 'a paused job has gone on'
# A tick is 10 ms; the thread that tells takes some of them.
used=$(($(ticks) - used))
limit=2
sanitized && limit=10
((used <= limit)) || problem "a paused job used $used ticks of CPU"
"$MAPPROC" ctl "$job" pause || problem 'no second pause'
"$MAPPROC" ctl "$job" resume || problem 'no resume'
[[ $(field state) == running ]] || problem "state is $(field state), not running"
sleep 0.3
[[ $(field done_bytes) != "$before" ]] || problem 'a resumed job does not go on'
"$MAPPROC" ctl "$job" rate off || problem 'no rate off'
wait_job
expect_status 0
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'a paused job uses no CPU, and goes on'

start_job checksum --limit-rate 4M -o list data
"$MAPPROC" ctl "$job" rate 10M/s || problem 'no rate'
before=$(field done_bytes) start=$(date +%s%N)
sleep 1.5
done=$(($(field done_bytes) - before)) elapsed=$(($(date +%s%N) - start))
rate=$((done * 1000 / (elapsed / 1000000)))
((rate < 10 * mebibyte * 11 / 10)) || problem "$rate bytes per second, the limit is 10M"
((rate > 4 * mebibyte)) || problem "only $rate bytes per second, the limit is 10M"
"$MAPPROC" ctl "$job" cancel || problem 'no cancel'
wait_job
[[ ! -e list ]] || problem 'a cancelled job has left its output'
[[ -z $(find . -name '.list*' -o -name 'list*') ]] || problem 'or something of it'
expect_error 3
expect_stderr 'mapproc: cancelled'
done_test 'a limit is kept to, and a job that is cancelled leaves nothing'

start=$(date +%s%N)
run "$MAPPROC" checksum --limit-rate 32M data
elapsed=$((($(date +%s%N) - start) / 1000000))
expect_status 0
((elapsed > 900)) || problem "32 MiB at 32M per second took $elapsed ms"
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

start_job checksum --limit-rate 10M data
file=$(echo /dev/shm/mapproc-"$pid"-*)
[[ $(stat -c %a "$file") == 600 ]] || problem "mode of the segment: $(stat -c %a "$file")"
kill -TERM "$pid"
wait_job
expect_status 143
[[ ! -e $file ]] || problem 'a job that was ended by a signal has left its segment'
done_test 'a signal ends the job, and its segment goes with it'

env --default-signal=TERM "$MAPPROC" checksum --no-publish --limit-rate 10M data >/dev/null 2>&1 &
pid=$!
sleep 0.5
compgen -G "/dev/shm/mapproc-$pid-*" >/dev/null && problem 'published all the same'
kill -TERM "$pid"
wait_job
done_test '--no-publish'

start_job checksum --limit-rate 10M data
file=$(echo /dev/shm/mapproc-"$pid"-*)
truncate -s 0 "$file"
sleep 0.2
"$MAPPROC" watch --once "$job" >/dev/null || problem 'not mended after it was cut'
head -c 300 /dev/urandom | dd of="$file" conv=notrunc status=none
sleep 0.2
"$MAPPROC" watch --once "$job" >/dev/null || problem 'not mended after it was overwritten'
rm "$file"
sleep 0.2
kill -0 "$pid" || problem 'the job is gone'
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
    python3 last.py "$samples" /dev/shm/mapproc-"$pid"-* ready >last 2>&1 &
    reader=$!
    while [[ ! -e ready ]] && kill -0 "$reader" 2>/dev/null; do sleep 0.02; done
    "$MAPPROC" ctl "$job" rate off
    wait_job
    wait "$reader"
    [[ $(cat last) == "$expected " ]] || problem "expected $expected, found $(cat last)"
}
mkdir tree
cp small tree/a
cp small tree/b
: >tree/empty
head -c 3000000 data >tree/c
size=$((32 * mebibyte))
last_words "5 0 $size $size 1 1 0" checksum --limit-rate 20M data
last_words "5 0 $((3200000 + size)) $((3200000 + size)) 5 5 0" checksum -r --limit-rate 20M data tree
last_words "6 1 $size $size 2 2 1" checksum --limit-rate 20M data missing
last_words "5 0 $size $size 1 1 0" checksum -a sha256 --limit-rate 20M data
last_words "5 0 $size $size 1 1 0" compare --limit-rate 20M data copy
"$MAPPROC" checksum --manifest -r data tree >manifest
last_words "5 0 $((3200000 + size)) $((3200000 + size)) 5 5 0" verify --limit-rate 20M manifest
printf x | dd of=tree/a conv=notrunc status=none
last_words "6 1 $((3200000 + size)) $((3200000 + size)) 5 5 1" verify --limit-rate 20M manifest
last_words "6 1 $((2 * size)) $((2 * size)) 2 2 0" verify --limit-rate 20M \
    <("$MAPPROC" checksum data) /nonexistent-list <("$MAPPROC" checksum copy)
last_words "5 0 $size $size 1 1 0" compress -1 --limit-rate 20M data
members=$(stat -c %s data.gz)
last_words "5 0 $members $members 1 1 0" decompress --limit-rate 20M -f data.gz
gzip -1 -c copy >plain.gz
plain=$(stat -c %s plain.gz)
last_words "5 0 $plain $plain 1 1 0" decompress --limit-rate 20M -t plain.gz
last_words "5 0 $((plain + members)) $((plain + members)) 2 2 0" cat --limit-rate 20M data.gz plain.gz
head -c $((plain - 5)) plain.gz >cut.gz
last_words "6 1 $((plain - 5)) $((plain - 5)) 1 1 1" decompress --limit-rate 20M -t cut.gz
done_test 'progress never goes back, and ends at exactly all of it'

# ---- the bar ----

if have script; then
    # In a terminal of its own; what it shows is in $scratch/typescript.
    # shellcheck disable=SC2317 # run by run()
    terminal() { script -q -e -c "stty cols 80; $1" "$scratch/typescript" </dev/null >/dev/null; }
    run terminal "'$MAPPROC' checksum --limit-rate 32M data"
    expect_status 0
    grep -q 'checksum \[=*> *\] [0-9.]* % of 32.0 MiB, ' "$scratch/typescript" ||
        problem 'no bar on the terminal' "$(head -c 500 "$scratch/typescript" | cat -v)"
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
    run terminal "'$MAPPROC' checksum --progress never --limit-rate 32M data"
    grep -q 'of 32.0 MiB' "$scratch/typescript" && problem 'a bar in spite of --progress never'
    done_test 'a bar on a terminal, which is erased at the end'
else
    skip_test 'a bar on a terminal' 'no script'
fi

run "$MAPPROC" checksum --limit-rate 32M data
expect_stderr_lines 0
run "$MAPPROC" checksum --progress always --limit-rate 32M data
grep -q 'checksum \[' "$err" || problem 'no bar in spite of --progress always'
expect_stdout_file <("$MAPPROC" checksum data)
done_test 'no bar elsewhere, unless it is wanted'

finish_tests
