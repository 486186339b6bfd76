#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_memory.sh - where the program runs and how much it holds: --memory, --cpus, --numa, info.
# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_job_lib.sh"

MIB=1048576
first_cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')

head -c $((96 * MIB)) /dev/urandom >large
for i in 1 2 3; do cat large; done >>large.3 && mv large.3 large
large_line=$(xxhsum -H2 large 2>/dev/null)
for i in 1 2 3 4 5 6; do head -c $((20 * MIB + i)) large >"medium$i"; done
printf 'hello\n' >small

# The most memory that a command had resident, in KiB, to $peak; output as run() leaves it.
run_measured() {
    run python3 -c '
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)' "$scratch/peak" "$@"
    peak=$(cat "$scratch/peak")
}

expect_peak_below() {
    sanitized || ((peak < $1 * 1024)) || problem "$peak KiB resident, expected less than $1 MiB"
}

# ---- --memory ----

for way in auto mmap read; do
    for threads in 1 2 7; do
        run_measured "$MAPPROC" checksum --memory 64M -j "$threads" --io "$way" large
        expect_status 0
        expect_stdout "$large_line"
        # The issue's bound is 96 MB; what is asked for is what is held.
        expect_peak_below 64
    done
done
done_test '--memory 64M holds, mapped and read, with 1, 2 and 7 threads'

run_measured "$MAPPROC" checksum --memory 64M -j 4 -a xxh64 --io mmap medium*
expect_status 0
expect_stdout "$(xxhsum -H1 medium* 2>/dev/null)"
expect_peak_below 64
run_measured "$MAPPROC" checksum --memory 64M -j 4 --chunk-size 64K medium* large medium*
expect_status 0
expect_stdout "$(xxhsum -H2 medium* large medium* 2>/dev/null)"
expect_peak_below 64
done_test '--memory 64M holds over several files side by side'

run_measured "$MAPPROC" checksum --memory 64M -j 2 < <(cat large)
expect_status 0
expect_stdout "${large_line%large}stdin"
expect_peak_below 64
done_test '--memory 64M holds for a pipe'

run_measured "$MAPPROC" checksum large
expect_status 0
expect_stdout "$large_line"
expect_peak_below 256
run_measured "$MAPPROC" checksum -j 16 large
expect_status 0
expect_stdout "$large_line"
expect_peak_below 256
done_test 'without --memory less than 256 MiB'

for threads in 1 2 5 64; do
    for chunk in '' --chunk-size=4M; do
        run "$MAPPROC" checksum --memory 1M -j "$threads" ${chunk:+"$chunk"} large
        expect_error 2
        least=$(sed -n 's/.* at least \([0-9]*M\)$/\1/p' "$err")
        [[ -n $least ]] || problem "no least size in: $(cat "$err")"
        run_measured "$MAPPROC" checksum --memory "$least" -j "$threads" ${chunk:+"$chunk"} large
        expect_status 0
        expect_stdout "$large_line"
        expect_peak_below "${least%M}"
        run "$MAPPROC" checksum --memory $((${least%M} - 1))M -j "$threads" ${chunk:+"$chunk"} large
        expect_error 2
    done
done
done_test 'too little is refused with the least that works, and that works'

for size in 0 -1 x 1X '' 99999999999999999999; do
    run "$MAPPROC" checksum --memory="$size" small
    expect_error 2
done
done_test 'sizes that are none are refused'

# ---- --cpus and --numa ----

# The CPUs that the threads of the program may use, one line a worker, sorted, are these. Leaves them
# in $allowed.
# shellcheck disable=SC2317 # for wait_until
workers_allowed() {
    local task
    allowed=$(
        for task in "/proc/$pid/task"/*; do
            [[ ${task##*/} == "$pid" || $(<"$task/comm") == progress ]] ||
                sed -n 's/^Cpus_allowed_list:\t//p' "$task/status"
        done | sort
    )
    [[ $allowed == "$1" ]]
}

# watch_workers ALLOWED ARGUMENT...: lets the program wait at a FIFO, which it opens when all of its
# workers are there. Each of them goes to where it shall be before it does anything else, so that in
# the end they may use these CPUs.
watch_workers() {
    local expected=$1
    shift
    mkfifo fifo
    start "$MAPPROC" checksum "$@" fifo </dev/null
    exec 7>fifo
    wait_until workers_allowed "$expected" || problem "expected workers on: $expected, not on: $allowed"
    printf 'hello\n' >&7
    exec 7>&-
    finish
    rm fifo
    expect_status 0
}

if sanitized; then # their own threads would be counted
    skip_test '--cpus keeps the workers where they shall be' 'sanitizers have threads of their own'
else
    watch_workers "$first_cpu" --cpus "$first_cpu" --numa auto
    watch_workers "$first_cpu"$'\n'"$first_cpu"$'\n'"$first_cpu" --cpus "$first_cpu" -j 3 --numa off
    done_test '--cpus keeps the workers where they shall be, and as many'
fi

for list in '' ',' 0- -0 x 0-1:0 0,,1 99999999999999999999 1023 0-99999999999 ' '; do
    run "$MAPPROC" checksum --cpus="$list" small
    expect_error 2
done
done_test 'lists of CPUs that cannot be used are refused'

for policy in auto bind interleave off; do
    run "$MAPPROC" checksum --numa "$policy" -j 3 large small medium1
    expect_status 0
    expect_stdout "$(xxhsum -H2 large small medium1 2>/dev/null)"
    expect_stderr_lines 0
done
run "$MAPPROC" checksum --numa most small
expect_error 2
done_test 'every --numa policy gives the same digests'

# ---- --malloc-stats ----

run "$MAPPROC" checksum --malloc-stats small missing
expect_status 1
expect_stdout "$(xxhsum -H2 small 2>/dev/null)"
if "$MAPPROC" info | grep -q '^allocator *jemalloc'; then
    expect_stderr 'jemalloc statistics'
    expect_stderr 'Allocated:'
else
    sanitized || expect_stderr 'in use bytes'
fi
done_test '--malloc-stats prints statistics at the end, to standard error'

# ---- info ----

run "$MAPPROC" info
expect_status 0
expect_stderr_lines 0
for word in 'node 0' 'usable CPUs' 'CPU quota' 'memory limit' 'huge pages' allocator xxh128 fixed; do
    grep -q "$word" "$out" || problem "info does not tell: $word"
done
run "$MAPPROC" info --cpus "$first_cpu" -j 3 --memory 77M
grep -q "^usable CPUs *$first_cpu: 1$" "$out" || problem "info does not respect --cpus"
grep -q '^a job uses *3 threads, chunks of .*, and keeps to 77.0 MiB$' "$out" || problem 'info does not respect -j'
run "$MAPPROC" info -j 500 --memory 1M
expect_error 2
run "$MAPPROC" info operand
expect_error 2
run "$MAPPROC" info --cpus 77777
expect_error 2
done_test 'info tells about the machine and the job'

run "$MAPPROC" info --json
if [[ $status == 2 ]]; then
    skip_test 'info --json agrees with the system' 'built without JSON'
else
    expect_status 0
    cp "$out" info.json
    run python3 - info.json <<'PYTHON'
import json, os, sys

info = json.load(open(sys.argv[1]))
assert info["cpus"]["count"] == len(os.sched_getaffinity(0)), info["cpus"]

def expand(text):
    cpus = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus

assert expand(info["cpus"]["usable"]) == os.sched_getaffinity(0)
numbers = [node["number"] for node in info["nodes"]]
assert set().union(*(expand(node["cpus"]) for node in info["nodes"])) == os.sched_getaffinity(0)
for node in info["nodes"]:
    assert node["cpu_count"] == len(expand(node["cpus"]))
    assert sorted(map(int, node["distances"])) == sorted(numbers)
    path = "/sys/devices/system/node/node%d/" % node["number"]
    if os.path.exists(path):
        distances = list(map(int, open(path + "distance").read().split()))
        online = expand(open("/sys/devices/system/node/online").read().strip())
        expected = dict(zip(sorted(online), distances))
        assert {int(k): v for k, v in node["distances"].items()} == expected
        total = [line for line in open(path + "meminfo") if "MemTotal" in line][0].split()
        assert node["memory"] == int(total[3]) * 1024
machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
assert info["limits"]["machine_memory"] == machine, (info["limits"], machine)
assert 1 <= info["defaults"]["threads"] <= info["cpus"]["count"]
assert {"xxh128", "xxh3", "xxh64", "xxh32"} <= {digest["name"] for digest in info["digests"]}
assert "fixed" in {chunker["name"] for chunker in info["chunkers"]}
assert isinstance(info["codecs"], list) and info["allocator"] and info["version"]
with open("/sys/kernel/mm/transparent_hugepage/enabled") as f:
    assert "[%s]" % info["huge_pages"]["transparent"] in f.read()
PYTHON
    expect_status 0
    expect_stderr_lines 0
    done_test 'info --json agrees with the system'
fi

finish_tests
