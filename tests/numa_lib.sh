#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_lib.sh - what the tests inside a guest of scripts/numa-test share; to be sourced.
#
# The oracle is the kernel: /sys/devices/system/node, /proc/PID, and page_nodes.

# shellcheck disable=SC2034  # most of the names are for those that source this

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

nodes_dir=/sys/devices/system/node
big=/disk/big       # 160 MiB, with its line of xxhsum in big.xxh
medium=/disk/medium # 64 MiB, the same
odd=/disk/odd       # 12 MiB and 3 bytes, the same

# "0-2,5" as "0 1 2 5".
expand_list() {
    local part
    for part in ${1//,/ }; do
        seq -s ' ' "${part%-*}" "${part#*-}"
    done | xargs
}

# The other way round, as the kernel writes it.
join_list() { printf '%s\n' "$@" | sort -n | awk '
    function put() { if (n) printf "%s%s%s", sep, first, (last > first ? "-" last : ""); sep = "," }
    n && $1 == last + 1 { last = $1; next }
    { if (n) put(); first = last = $1; n = 1 }
    END { put(); print "" }'; }

all_nodes=$(expand_list "$(cat $nodes_dir/online)")
cpu_nodes=$(expand_list "$(cat $nodes_dir/has_cpu)")
read -r -a cpu_node_array <<<"$cpu_nodes"
cpu_node_count=${#cpu_node_array[@]}
cpu_count=$(grep -c '^processor' /proc/cpuinfo)

cpus_of() { cat "$nodes_dir/node$1/cpulist"; }

# expect_equal WHAT EXPECTED FOUND
expect_equal() {
    [[ $2 == "$3" ]] || problem "$1: '$3', expected '$2'"
}

# expect_within WHAT NUMBER LEAST MOST
expect_within() {
    [[ $2 =~ ^[0-9]+$ ]] && (($2 >= $3 && $2 <= $4)) && return
    problem "$1: '$2', expected $3 to $4"
}

# wait_until COMMAND...: false if it is not so after five minutes.
wait_until() {
    local end=$((SECONDS + 300))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# No file is in the page cache any more.
make_cold() {
    sync
    echo 1 >/proc/sys/vm/drop_caches
}

# make_hot NODE FILE: all of the file in the page cache of one node.
make_hot() {
    make_cold
    numactl --cpunodebind="$1" --membind="$1" cat "$2" >/dev/null
}

# What xxhsum has found on the host.
expected_line() { cat "$1.xxh"; }

# ---- a job that goes on as long as it is looked at ----

# start_job ARGUMENT...: checksums $odd and then a FIFO that stays open, and waits until the file is
# done and nothing moves. So all workers have worked, and wait. Leaves the job's $pid.
start_job() {
    rm -f fifo
    mkfifo fifo
    exec 9<>fifo
    "${enter[@]}" "$MAPPROC" checksum "$@" "$odd" fifo >"$out" 2>"$err" 9>&- &
    pid=$!
    wait_until is_waiting || problem "the job does not come to rest: $*"
}

is_waiting() {
    [[ -s $out ]] && have_all_entered && is_asleep && sleep 0.2 && is_asleep
}

# Whether all threads but the first and the one that publishes are workers that have gone to their
# node, and at most one of them, which reads the FIFO, has something to do.
have_all_entered() {
    local tasks=(/proc/"$pid"/task/*)
    "$MAPPROC" watch --once --json "$pid" 2>/dev/null | jq -e --argjson tasks ${#tasks[@]} '
        (.workers | length) == $tasks - 2 and
        (.workers | map(select(.state != "idle")) | length) <= 1' >/dev/null
}

is_asleep() {
    local task stat
    for task in /proc/"$pid"/task/*; do
        read -r stat <"$task/stat" || return
        [[ $stat == *') S '* ]] || return
    done 2>/dev/null
}

# Lets the job end, whose digests have to be right.
end_job() {
    exec 9>&-
    wait "$pid"
    status=$?
    expect_status 0
    expect_stdout "$(expected_line "$odd")
99aa06d3014798d86001c324468d497f  fifo"
}

# The CPUs on which each worker may run, one line a worker, sorted. The first thread only waits, and
# one publishes the progress.
worker_cpus() {
    local task list possible online
    possible=$(cat /sys/devices/system/cpu/possible)
    online=$(cat /sys/devices/system/cpu/online)
    for task in /proc/"$pid"/task/*; do
        [[ ${task##*/} != "$pid" && $(<"$task/comm") != progress ]] || continue
        list=$(sed -n 's/^Cpus_allowed_list:\t//p' "$task/status")
        [[ $list == "$possible" ]] && list=$online # never narrowed
        echo "$list"
    done | sort
}

# ---- cgroups ----

cgroups=/sys/fs/cgroup
enter=() # what to put before a command that shall run in the cgroup

# make_cgroup FILE=VALUE...
make_cgroup() {
    local setting
    echo '+cpuset +cpu +memory' >$cgroups/cgroup.subtree_control
    mkdir $cgroups/job || problem 'no cgroup'
    for setting; do
        echo "${setting#*=}" >"$cgroups/job/${setting%%=*}" || problem "no $setting"
    done
    # shellcheck disable=SC2016  # a program of its own
    enter=(sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroups/job")
}

remove_cgroup() {
    enter=()
    wait_until rmdir $cgroups/job || problem 'cannot remove the cgroup'
}
