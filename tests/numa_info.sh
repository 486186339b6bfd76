#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_info.sh - mapproc info on several nodes, against sysfs and what the machine was told to be.
#
# $TOLD_CPUS are the lists of the nodes, node 0 first, with slashes between them ("0-1/2-3/");
# $TOLD_DISTANCES the rows of the matrix ("10,31/31,10").

# shellcheck source=tests/numa_lib.sh
. "$(dirname "$0")/numa_lib.sh"

# A line per node, by number: jq_nodes EXPRESSION.
jq_nodes() { jq -r ".nodes | sort_by(.number)[] | $1" "$out"; }

info() {
    run "$MAPPROC" info --json "$@"
    expect_status 0
}

# What `jq_nodes '"\(.number) \(.cpus)"'` should say: each node's number and online CPUs.
nodes_of_sysfs() {
    local node
    for node in $all_nodes; do
        echo "$node $(cpus_of "$node")"
    done
}

info
expect_equal 'nodes and CPUs' "$(nodes_of_sysfs)" "$(jq_nodes '"\(.number) \(.cpus)"')"
expect_equal 'as the machine was told' "$(tr / '\n' <<<"$TOLD_CPUS")" "$(jq_nodes .cpus)"
expect_equal 'CPUs of each node' \
    "$(for node in $all_nodes; do expand_list "$(cpus_of "$node")" | wc -w; done)" \
    "$(jq_nodes .cpu_count)"
expect_equal 'all CPUs' "$cpu_count" "$(jq .cpus.count "$out")"
expect_equal 'all CPUs by name' "$(cat /sys/devices/system/cpu/online)" "$(jq -r .cpus.usable "$out")"
expect_equal 'threads' "$cpu_count" "$(jq .defaults.threads "$out")"
expect_equal 'no trouble' null "$(jq .numa_error "$out")"
done_test 'info names the nodes and their CPUs'

# meminfo_of NODE FIELD: in bytes.
meminfo_of() { echo $(($(awk "/$2/ {print \$4}" "$nodes_dir/node$1/meminfo") * 1024)); }

declare -A free_before
for node in $all_nodes; do
    free_before[$node]=$(meminfo_of "$node" MemFree)
done
info
for node in $all_nodes; do
    memory=$(meminfo_of "$node" MemTotal)
    before=${free_before[$node]} after=$(meminfo_of "$node" MemFree)
    one=".nodes[] | select(.number == $node)"
    expect_equal "memory of node $node" "$memory" "$(jq "$one | .memory" "$out")"
    # It changes all the time, but not by much here: a tenth more or less than before and after.
    expect_within "free memory of node $node" "$(jq "$one | .memory_free" "$out")" \
        $(((before < after ? before : after) * 9 / 10)) \
        $(((before > after ? before : after) * 11 / 10))
    expect_equal "memory of node $node may be used" true "$(jq "$one | .memory_allowed" "$out")"
done
done_test 'info names the memory of the nodes'

info
rows=$(jq_nodes '.distances | to_entries | sort_by(.key | tonumber) | map(.value) | join(",")')
expect_equal 'distances' "$(for node in $all_nodes; do
    tr ' ' , <$nodes_dir/node"$node"/distance
done)" "$rows"
expect_equal 'distances as the machine was told' "${TOLD_DISTANCES//\//$'\n'}" "$rows"
expect_equal 'their nodes' "$all_nodes" \
    "$(jq -r '[.nodes[0].distances | keys[] | tonumber] | sort | join(" ")' "$out")"
done_test 'info names the distances'

run "$MAPPROC" info
expect_status 0
for node in $all_nodes; do
    grep -qE "^node +$node .*$(cpus_of "$node").* MiB" "$out" || {
        show_file "$out"
        problem "no line about node $node:" "${shown[@]}"
    }
done
done_test 'info names the nodes to people'

last_cpu=$((cpu_count - 1))
info --cpus $last_cpu
expect_equal 'usable' $last_cpu "$(jq -r .cpus.usable "$out")"
expect_equal 'on one node only' $last_cpu "$(jq_nodes .cpus | xargs)"
expect_equal 'nodes' "$(wc -w <<<"$all_nodes")" "$(jq '.nodes | length' "$out")"
expect_equal 'threads' 1 "$(jq .defaults.threads "$out")"
done_test 'info --cpus leaves the nodes there without their CPUs'

run taskset -c 0 "$MAPPROC" info --json
expect_equal 'usable' 0 "$(jq -r .cpus.usable "$out")"
expect_equal 'on one node only' 0 "$(jq_nodes .cpus | xargs)"
done_test 'info respects the affinity mask'

run "$MAPPROC" info --cpus "$cpu_count"
expect_error 2
done_test 'a CPU that does not exist is refused'

# A CPU can be taken away; a node can lose its last one, and is then like one with memory alone.
online() { echo "$2" >"/sys/devices/system/cpu/cpu$1/online"; }
gone=$(expand_list "$(cpus_of "${cpu_node_array[-1]}")")
for cpu in $gone; do
    online "$cpu" 0
    info
    expect_equal "without CPU $cpu" "$(nodes_of_sysfs)" "$(jq_nodes '"\(.number) \(.cpus)"')"
done
expect_equal 'CPUs of the last node' '' "$(cpus_of "${cpu_node_array[-1]}")"
expect_equal 'CPUs that are left' $((cpu_count - $(wc -w <<<"$gone"))) "$(jq .cpus.count "$out")"
run "$MAPPROC" checksum "$odd"
expect_status 0
expect_stdout "$(expected_line "$odd")"
for cpu in $gone; do
    online "$cpu" 1
done
done_test 'a node may lose its CPUs'

finish_tests
