#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_limits.sh - cpusets, cgroup limits and refused system calls on several nodes.

# shellcheck source=tests/numa_lib.sh
. "$(dirname "$0")/numa_lib.sh"

first_node=${cpu_node_array[0]}
last_node=${cpu_node_array[-1]}

info() {
    run "${enter[@]}" "$MAPPROC" info --json
    expect_status 0
}

# checksum FILE ARGUMENT...
checksum() {
    run "${enter[@]}" "$MAPPROC" checksum -v "${@:2}" "$1"
    expect_status 0
    expect_stdout "$(expected_line "$1")"
}

event() { awk -v name="$1" '$1 == name {print $2}' $cgroups/job/memory.events; }

# Lines on stderr but for the summary and those about nodes.
expect_notes() {
    local notes
    notes=$(grep -vE '^mapproc: ([0-9]+ files?, |node [0-9]+: )' "$err")
    (($(grep -c . <<<"$notes") <= $1)) || problem "more than $1 notes:" "$notes"
}

# ---- cpusets ----

make_cgroup cpuset.cpus="$(cpus_of "$last_node")"
info
expect_equal 'usable CPUs' "$(cpus_of "$last_node")" "$(jq -r .cpus.usable "$out")"
expect_equal 'threads' "$(expand_list "$(cpus_of "$last_node")" | wc -w)" \
    "$(jq .defaults.threads "$out")"
start_job
expect_equal 'CPUs of the workers' "$(cpus_of "$last_node")" "$(worker_cpus | uniq)"
expect_equal 'workers' "$(expand_list "$(cpus_of "$last_node")" | wc -w)" "$(worker_cpus | wc -l)"
end_job
run "${enter[@]}" "$MAPPROC" info --cpus "$(cpus_of "$first_node")"
expect_error 2
remove_cgroup
done_test 'cpuset.cpus: only there'

# mems_test POLICY...: with memory from the last node only, whatever the policy is.
mems_test() {
    local policy node
    info
    for node in $all_nodes; do
        expect_equal "memory of node $node may be used" \
            "$([[ $node == "$last_node" ]] && echo true || echo false)" \
            "$(jq ".nodes[] | select(.number == $node) | .memory_allowed" "$out")"
    done
    for policy; do
        make_cold
        checksum "$odd" --numa "$policy"
        expect_notes 0
        expect_equal "pages on other nodes with $policy" 0 "$(page_nodes "$odd" 1024 |
            awk -v own=$((last_node + 3)) '{for (i = 3; i <= NF; i++) if (i != own) n += $i}
                END {print n + 0}')"
        start_job --numa "$policy"
        expect_equal 'node of the scratch memory' "$last_node" \
            "$(sed -n 's/^[0-9a-f]* \(prefer\|bind\|interleave\):\([0-9,-]*\) .*/\2/p' \
                "/proc/$pid/numa_maps" | sort -u)"
        end_job
    done
}

make_cgroup cpuset.mems="$last_node"
mems_test auto bind interleave
remove_cgroup
done_test "cpuset.mems: memory from there only"

make_cgroup cpuset.mems="$last_node" cpuset.cpus="$(cpus_of "$first_node")"
mems_test auto
start_job
expect_equal 'CPUs of the workers' "$(cpus_of "$first_node")" "$(worker_cpus | uniq)"
end_job
remove_cgroup
done_test 'a cpuset with the CPUs of one node and the memory of another'

# ---- quota and memory limit ----

make_cgroup cpu.max='50000 100000' memory.max=64M
info
expect_equal 'quota' 0.5 "$(jq .limits.cpu_quota "$out")"
expect_equal 'its file' $cgroups/job/cpu.max "$(jq -r .limits.cpu_quota_from "$out")"
expect_equal 'memory limit' $((64 << 20)) "$(jq .limits.memory "$out")"
expect_equal 'its file' $cgroups/job/memory.max "$(jq -r .limits.memory_from "$out")"
expect_equal 'threads' 1 "$(jq .defaults.threads "$out")"
expect_within 'memory' "$(jq .defaults.memory "$out")" 1 $((64 << 20))
for arguments in "$big" "$medium --io read" "$medium -j 4"; do
    make_cold
    # shellcheck disable=SC2086  # several words
    checksum $arguments
    expect_notes 0
    expect_equal "OOM kills with $arguments" 0 "$(event oom_kill)"
done
start_job
expect_equal 'workers' 1 "$(worker_cpus | wc -l)"
end_job
expect_equal 'OOM kills' 0 "$(event oom_kill)"
# That there is a limit, and that it would kill.
{ run "${enter[@]}" dd if=/dev/zero of=/dev/null bs=100M count=1; } 2>/dev/null
expect_equal 'OOM kills of a glutton' 1 "$(event oom_kill)"
remove_cgroup
done_test 'half a CPU and 64 MiB: one worker, same digest, nothing killed'

make_cgroup cpu.max='250000 100000'
info
expect_equal 'threads' 3 "$(jq .defaults.threads "$out")"
remove_cgroup
done_test 'a quota of two and a half CPUs: three threads'

# ---- refused calls ----

# refusal_test CALLS POLICY...
refusal_test() {
    local policy
    enter=(refuse_calls "$1")
    for policy in "${@:2}"; do
        checksum "$odd" --numa "$policy"
        expect_notes 1
    done
    enter=()
    done_test "refused: $1: same digest, at most one note"
}

refusal_test mbind,set_mempolicy,sched_setaffinity auto bind interleave
refusal_test mbind,set_mempolicy,sched_setaffinity,move_pages,get_mempolicy auto bind interleave
for call in mbind set_mempolicy sched_setaffinity move_pages get_mempolicy; do
    refusal_test $call bind
done

run refuse_calls mbind,set_mempolicy,sched_setaffinity "$MAPPROC" checksum "$odd"
expect_status 0
expect_stdout "$(expected_line "$odd")"
expect_stderr_lines 0
done_test 'refused: no note unless asked for'

finish_tests
