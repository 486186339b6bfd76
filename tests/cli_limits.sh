#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_limits.sh - mapproc checksum in a cgroup with little, and where system calls are refused.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

if ! have xxhsum; then
    printf '1..0 # SKIP xxhsum is not installed\n'
    exit 0
fi
xxhsum() { command xxhsum "$@" 2>/dev/null; }

mebibyte=$((1024 * 1024))
# Sanitizers need memory of their own: shadows of what is used, and what was freed. And time.
if sanitized; then
    memory=$((256 * mebibyte))
    quota=200000
else
    memory=$((64 * mebibyte))
    quota=50000 # microseconds out of 100,000: half a CPU
fi
random_file large $((memory * 3 / 2 + 12345))
large_line=$(xxhsum -H2 large)

# --- a cgroup of version 1 with half a CPU and little memory ------------------------------------

# Where the hierarchy of a controller is mounted.
find_hierarchy() {
    local point type options
    while read -r _ point type options _; do
        if [[ $type == cgroup && ",$options," == *",$1,"* ]]; then
            printf '%s\n' "$point"
            return
        fi
    done </proc/self/mounts
}

# Leaves the directories in $cpu_group and $memory_group, and in $within what is to be put before a
# command to run it there, in the same process.
make_cgroup() {
    # shellcheck disable=SC2016 # expanded by another shell
    local enter='echo $$ >"$1/cgroup.procs" && echo $$ >"$2/cgroup.procs" && shift 2 && exec "$@"'
    cpu_group=$(find_hierarchy cpu)/mapproc-test-$$
    memory_group=$(find_hierarchy memory)/mapproc-test-$$
    mkdir "$cpu_group" 2>/dev/null || return
    at_exit rmdir "$cpu_group"
    if [[ $memory_group != "$cpu_group" ]]; then
        mkdir "$memory_group" 2>/dev/null || return
        at_exit rmdir "$memory_group"
    fi
    within=(bash -c "$enter" enter "$cpu_group" "$memory_group")
    echo 100000 >"$cpu_group/cpu.cfs_period_us" &&
        echo $quota >"$cpu_group/cpu.cfs_quota_us" &&
        echo "$memory" >"$memory_group/memory.limit_in_bytes"
}

# Makes the next read of a file come from the device, and its memory count for who reads it.
forget_cached() { dd if="$1" iflag=nocache count=0 status=none; }

memory_says() { grep -q "$1" "$memory_group/$2"; }

expect_no_oom_kill() {
    memory_says '^oom_kill 0$' memory.oom_control || problem 'something was killed for memory' \
        "$(tr '\n' ' ' <"$memory_group/memory.oom_control")"
}

expect_digest_within() {
    forget_cached large
    run "${within[@]}" "$MAPPROC" checksum "$@" large
    expect_status 0
    expect_stdout "$large_line"
    expect_stderr_lines 0
    expect_no_oom_kill
}

# The number of threads that a run with these options has: the program waits at a FIFO, which it
# opens when all of its workers are there. Leaves it in $threads.
count_threads() {
    local pid fd tasks=()
    threads=0
    exec 8<>fifo
    "${within[@]}" "$MAPPROC" checksum "$@" fifo >"$out" 2>"$err" 8>&- &
    pid=$!
    until [[ $threads != 0 ]] || ! kill -0 "$pid" 2>/dev/null; do
        [[ /proc/$pid/exe -ef $MAPPROC ]] || continue
        for fd in /proc/"$pid"/fd/*; do
            if [[ $fd -ef fifo ]]; then
                # Without the one that publishes the progress, once it has called itself so.
                grep -qx progress /proc/"$pid"/task/*/comm || continue
                mapfile -t tasks < <(grep -Lx progress /proc/"$pid"/task/*/comm)
                threads=${#tasks[@]}
            fi
        done
    done
    printf 'some bytes' >&8
    exec 8>&-
    wait "$pid"
    status=$?
    expect_status 0
    expect_stdout "$(printf 'some bytes' | xxhsum -H2 | sed 's/stdin$/fifo/')"
}

if ! is_root; then
    skip_test 'in a cgroup' 'needs root'
elif ! make_cgroup; then
    skip_test 'in a cgroup' 'no cgroup of version 1 can be made for cpu and memory'
else
    for io in auto mmap read; do
        expect_digest_within --io "$io"
    done
    done_test 'a file larger than the memory of the cgroup: the same digest'

    if memory_says '^0$' memory.failcnt; then
        skip_test 'the limit was reached' 'this file system does not count cached pages'
    else
        check 'the limit was reached' memory_says '[1-9]' memory.failcnt
    fi

    for algorithm in xxh3 xxh64; do
        forget_cached large
        run "${within[@]}" "$MAPPROC" checksum -a "$algorithm" large
        expect_status 0
        expect_stdout "$("$MAPPROC" checksum -a "$algorithm" large)"
        expect_no_oom_kill
    done
    run "${within[@]}" "$MAPPROC" checksum -j 8 large large large
    expect_status 0
    expect_stdout "$large_line"$'\n'"$large_line"$'\n'"$large_line"
    expect_no_oom_kill
    done_test 'with other algorithms and more threads: the same'

    if sanitized; then
        skip_test 'half a CPU is one worker' 'a sanitizer may have threads of its own'
    else
        mkfifo fifo
        count_threads
        [[ $threads == 2 ]] || problem "$threads threads, expected the main one and one worker"
        done_test 'half a CPU is one worker'

        count_threads -j 3
        [[ $threads == 4 ]] || problem "$threads threads, expected the main one and three workers"
        done_test 'what the user says counts more than the cgroup'

        if (($(nproc) < 2)); then
            skip_test 'one and a half CPUs are two workers' 'there is one CPU'
        else
            echo 150000 >"$cpu_group/cpu.cfs_quota_us"
            count_threads
            [[ $threads == 3 ]] || problem "$threads threads, expected the main one and two workers"
            done_test 'one and a half CPUs are two workers'
        fi
    fi
fi

# --- system calls that are refused --------------------------------------------------------------

random_file medium 20000001
medium_line=$(xxhsum -H2 medium)

# refused CALLS ARGUMENT...: mapproc to which the kernel refuses the calls.
refused() {
    local calls=$1
    shift
    run "$MAPPROC_TEST_REFUSE_CALLS" "$calls" "$MAPPROC" "$@"
}

# Beside the summary there is at most one line.
expect_at_most_one_note() {
    local notes
    notes=$(grep -cv '^mapproc: 1 file, .* in .*/s$' "$err")
    ((notes <= 1)) && return
    show_file "$err"
    problem "$notes notes, expected at most one:" "${shown[@]}"
}

expect_same_digest_without() {
    local io
    for io in auto mmap read; do
        refused "$1" checksum --io "$io" medium
        expect_status 0
        expect_stdout "$medium_line"
        expect_stderr_lines 0
        refused "$1" checksum -v --io "$io" medium
        expect_status 0
        expect_stdout "$medium_line"
        expect_at_most_one_note
    done
}

placement=mbind,set_mempolicy,sched_setaffinity
nodes=$placement,get_mempolicy,move_pages

if ! "$MAPPROC_TEST_REFUSE_CALLS" mbind true 2>/dev/null; then
    skip_test 'refused system calls' 'there can be no seccomp filter'
else
    if have taskset; then
        run "$MAPPROC_TEST_REFUSE_CALLS" sched_setaffinity taskset 1 true
        expect_status 1
        expect_stderr 'not permitted'
        done_test 'the filter refuses'
    else
        skip_test 'the filter refuses' 'no taskset'
    fi

    expect_same_digest_without $placement
    done_test 'no placement: the same digest, at most one note'

    expect_same_digest_without $nodes
    done_test 'nor knowledge of nodes: the same'

    expect_same_digest_without $nodes,getcpu,preadv2,mincore,fadvise64,timer_create
    done_test 'nor much else that can be done without: the same'

    if sanitized; then
        skip_test 'nor what a sanitizer cannot do without' 'built with a sanitizer'
    else
        expect_same_digest_without $nodes,sched_getaffinity,madvise
        done_test 'nor what a sanitizer cannot do without: the same'
    fi
fi

finish_tests
