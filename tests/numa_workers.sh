#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_workers.sh - where the workers of a job run, and where their scratch memory lies.

# shellcheck source=tests/numa_lib.sh
. "$(dirname "$0")/numa_lib.sh"

# expect_workers LIST...: the CPUs of one worker each.
expect_workers() {
    expect_equal 'CPUs of the workers' "$(printf '%s\n' "$@" | sort)" "$(worker_cpus)"
}

# N workers a node.
expect_workers_on_all() {
    local node n lists=()
    for node in $cpu_nodes; do
        for ((n = 0; n < $1; n++)); do
            lists+=("$(cpus_of "$node")")
        done
    done
    expect_workers "${lists[@]}"
}

# The mappings of the job with a memory policy of their own that begins with the word: "POLICY, and
# pages on node 0, node 1, and so on", a line each.
mappings() {
    awk -v word="$1" -v highest="${all_nodes##* }" '
        index($2, word) == 1 {
            split("", pages)
            for (f = 3; f <= NF; f++)
                if (match($f, /^N[0-9]+=/))
                    pages[substr($f, 2, RLENGTH - 2)] = substr($f, RLENGTH + 1)
            line = $2
            for (node = 0; node <= highest; node++)
                line = line " " (pages[node] + 0)
            print line
        }' "/proc/$pid/numa_maps"
}

# expect_arenas WORD NODE...: each of the nodes has an arena whose policy names it, and what has been
# touched of these is there and nowhere else. Leaves the nodes of which something was in $touched.
expect_arenas() {
    local word=$1 node policy pages found wrong
    shift
    touched=
    for node; do
        found=false
        while read -r policy pages; do
            [[ $policy == "$word:$node" ]] || continue
            found=true
            read -r -a pages <<<"$pages"
            ((pages[node] == 0)) || touched+=" $node"
            pages[node]=0
            wrong=$((${pages[*]/%/+}0))
            ((wrong == 0)) || problem "$wrong pages of $policy on other nodes"
        done < <(mappings "$word")
        $found || problem "no memory is kept on $word:$node; there are:" "$(mappings '')"
    done
    touched=$(xargs -n 1 <<<"$touched" | sort -nu | xargs)
    [[ -n $touched ]] || problem "nothing has been touched:" "$(mappings '')"
}

make_cold

start_job -j "$cpu_count"
expect_workers_on_all $((cpu_count / cpu_node_count))
done_test 'as many workers as CPUs: each on the CPUs of its node'
# shellcheck disable=SC2086  # a list
expect_arenas prefer $cpu_nodes
end_job
done_test 'each arena is on its node'

start_job
expect_workers_on_all $((cpu_count / cpu_node_count))
end_job
done_test 'a worker for each CPU unless told otherwise'

start_job -j "$cpu_node_count"
expect_workers_on_all 1
end_job
done_test 'few workers are spread over the nodes'

start_job -j $((cpu_count * 2))
expect_workers_on_all $((cpu_count * 2 / cpu_node_count))
end_job
done_test 'many workers are spread over the nodes'

start_job -j 1
expect_equal 'workers' 1 "$(worker_cpus | wc -l)"
node=${cpu_node_array[0]}
expect_workers "$(cpus_of "$node")"
expect_arenas prefer "$node"
expect_equal 'nodes whose memory was touched' "$node" "$touched"
end_job
done_test 'one worker keeps to one node'

make_cold
start_job -j "$cpu_count" --numa bind
expect_workers_on_all $((cpu_count / cpu_node_count))
# shellcheck disable=SC2086
expect_arenas bind $cpu_nodes
# All had to do with their own stripes.
expect_equal 'nodes whose memory was touched' "$cpu_nodes" "$touched"
end_job
done_test 'bind: the same, with memory from nowhere else'

# A huge page is too large a unit to count evenness in.
huge=/sys/kernel/mm/transparent_hugepage/enabled
echo never >$huge
make_cold
# Whole chunks are read into it, or what is touched of each would be too little to be even.
start_job -j "$cpu_count" --numa interleave --io read
expect_workers_on_all $((cpu_count / cpu_node_count))
arenas=$(mappings interleave)
expect_equal 'nodes' "interleave:$(cat $nodes_dir/has_memory)" \
    "$(cut -d ' ' -f 1 <<<"$arenas" | sort -u)"
# shellcheck disable=SC2086
for node in $all_nodes; do
    read -r mine total < <(awk -v column=$((node + 2)) '
        { mine += $column; for (f = 2; f <= NF; f++) total += $f } END { print mine, total }' <<<"$arenas")
    share=$((total / $(wc -w <<<"$all_nodes")))
    expect_within "pages on node $node of $total" "$mine" $((share * 8 / 10)) $((share * 12 / 10))
    ((total >= 64)) || problem "only $total pages touched"
done
end_job
echo always >$huge
done_test 'interleave: scratch is spread over all nodes'

start_job -j "$cpu_count" --numa off
expect_equal 'CPUs of the workers' "$(for ((n = 0; n < cpu_count; n++)); do
    cat /sys/devices/system/cpu/online
done)" "$(worker_cpus)"
expect_equal 'memory policies' '' "$(mappings prefer; mappings bind; mappings interleave)"
end_job
done_test 'off: neither threads nor memory are kept anywhere'

start_job -j "$cpu_count" --cpus 0
expect_equal 'CPUs of the workers' 0 "$(worker_cpus | uniq)"
expect_equal 'workers' "$cpu_count" "$(worker_cpus | wc -l)"
end_job
done_test '--cpus with one CPU: all workers there'

# One CPU of each node, the last.
last=()
for node in $cpu_nodes; do
    last+=("$(expand_list "$(cpus_of "$node")" | tr ' ' '\n' | tail -n 1)")
done
start_job --cpus "$(join_list "${last[@]}")"
expect_workers "${last[@]}"
# shellcheck disable=SC2086
expect_arenas prefer $cpu_nodes
end_job
done_test '--cpus with one CPU a node: one worker on each'

start_job --numa off --cpus "$(join_list "${last[@]}")"
expect_equal 'CPUs of the workers' "$(for _ in "${last[@]}"; do join_list "${last[@]}"; done)" \
    "$(worker_cpus)"
end_job
done_test 'off: --cpus counts all the same'

# Nodes with unlike numbers of CPUs get workers in proportion.
if ((cpu_count / cpu_node_count >= 2)); then
    rest=$(expand_list "$(cat /sys/devices/system/cpu/online)" | tr ' ' '\n' | tail -n +2)
    start_job --cpus "$(xargs <<<"$rest" | tr ' ' ,)"
    expect_workers 1 2-3 2-3
    end_job
    done_test '--cpus that leaves a node fewer CPUs: fewer workers there'
fi

# Who starts the program under numactl knows better.
run numactl --cpunodebind="${cpu_node_array[-1]}" "$MAPPROC" info --json
expect_equal 'usable CPUs' "$(cpus_of "${cpu_node_array[-1]}")" "$(jq -r .cpus.usable "$out")"
enter=(numactl "--cpunodebind=${cpu_node_array[-1]}")
start_job
expect_equal 'CPUs of the workers' "$(cpus_of "${cpu_node_array[-1]}")" "$(worker_cpus | uniq)"
expect_equal 'nodes that memory is kept on' '' "$(mappings prefer | grep -v ":${cpu_node_array[-1]} ")"
end_job
enter=()
done_test 'numactl --cpunodebind is respected'

enter=(numactl "--membind=${cpu_node_array[-1]}")
start_job
expect_workers_on_all $((cpu_count / cpu_node_count))
expect_equal 'memory that is kept elsewhere' '' "$(mappings prefer)"
end_job
enter=()
done_test 'numactl --membind is respected'

finish_tests
