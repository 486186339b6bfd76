#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_pages.sh - which node reads what, and where the page cache holds it afterwards.

# shellcheck source=tests/numa_lib.sh
. "$(dirname "$0")/numa_lib.sh"

unit=2 # MiB: the least that should lie on one node
medium_kib=$(($(stat -c %s "$medium") / 1024))
first_node=${cpu_node_array[0]}
last_node=${cpu_node_array[-1]}

checksum_medium() {
    run "$MAPPROC" checksum -v "$@" "$medium"
    expect_status 0
    expect_stdout "$(expected_line "$medium")"
}

# ---- what -v says ----

to_kib() { awk '{
    shift["B"] = 1 / 1024; shift["KiB"] = 1; shift["MiB"] = 1024; shift["GiB"] = 1048576
    if (!($2 in shift)) exit
    printf "%d\n", $1 * shift[$2] }' <<<"$1"; }

# Reads the line about a node: leaves its $threads, and what it has processed and taken in KiB.
read_node_line() {
    local line
    threads='' processed='' taken=''
    line=$(grep "^mapproc: node $1: " "$err")
    if [[ ! $line =~ ^mapproc:\ node\ [0-9]+:\ ([0-9]+)\ threads?,\ ([0-9.]+\ [A-Za-z]+),\ ([0-9.]+\ [A-Za-z]+)\ of\ it\ taken\ from\ other\ nodes$ ]]; then
        show_file "$err"
        problem "no line about node $1:" "${shown[@]}"
        return
    fi
    threads=${BASH_REMATCH[1]}
    processed=$(to_kib "${BASH_REMATCH[2]}")
    taken=$(to_kib "${BASH_REMATCH[3]}")
}

# One line for each node with CPUs and none for others; together they have processed all.
expect_node_lines() {
    local node sum=0 workers=0
    expect_equal 'lines about nodes' "$cpu_node_count" "$(grep -c '^mapproc: node ' "$err")"
    for node in $cpu_nodes; do
        read_node_line "$node"
        sum=$((sum + ${processed:-0}))
        workers=$((workers + ${threads:-0}))
        ((${taken:-0} <= ${processed:-0})) || problem "took more than it has processed"
    done
    expect_equal 'threads' "$cpu_count" $workers
    # The lines are rounded to tenths of a MiB.
    expect_within 'KiB processed by all nodes' $sum $((medium_kib - 256)) $((medium_kib + 256))
}

# expect_processed NODE LEAST MOST: percent of $medium.
expect_processed() {
    read_node_line "$1"
    expect_within "percent of the file processed on node $1" $((${processed:-0} * 100 / medium_kib)) \
        "$2" "$3"
}

# ---- where the pages are ----

# Looks up on which nodes the pages of $medium are. Leaves the percent of them on node N, rounded
# down, in the array $share, and in $pure the percent that are on the same node as most of their unit.
# $dealt is the percent that are where they would be if stripes of some length had been dealt to the
# nodes with CPUs in turn, for the length that fits best: what is random fits by little more than
# what chance gives.
read_pages() {
    local lines
    lines=$(page_nodes "$medium" $unit) || problem "page_nodes failed"
    read -r absent pure dealt share_text < <(awk -v cpu_nodes="$cpu_nodes" '
        { absent += $2
          most = 0
          for (i = 3; i <= NF; i++) {
              pages[NR, i - 3] = $i; on[i] += $i; all += $i
              if ($i > most) most = $i
          }
          pure += most }
        END {
            n = split(cpu_nodes, node, " ")
            for (length_ = 1; length_ <= 16; length_ *= 2)
                for (first = 0; first < n; first++) {
                    fits = 0
                    for (row = 0; row < NR; row++)
                        fits += pages[row + 1, node[(int(row / length_) + first) % n + 1]]
                    if (fits > dealt) dealt = fits
                }
            if (all == 0) all = 1
            printf "%d %d %d", absent, pure * 100 / all, dealt * 100 / all
            for (i = 3; i <= NF; i++) printf " %d", on[i] * 100 / all
            print ""
        }' <<<"$lines")
    read -r -a share <<<"$share_text"
    expect_equal 'pages that are not in the page cache' 0 "$absent"
}

# expect_spread PERCENT: the pages of a file that was cold lie on the nodes with CPUs, on each at
# least so much of what would be fair.
expect_spread() {
    local node fair=$((100 / cpu_node_count))
    for node in $all_nodes; do
        if [[ " $cpu_nodes " == *" $node "* ]]; then
            expect_within "percent of the pages on node $node" "${share[node]}" \
                $((fair * $1 / 100)) 100
        else
            expect_equal "percent of the pages on node $node" 0 "${share[node]}"
        fi
    done
}

# The pages of a file that was cold lie on the nodes that processed them, or were to, where another
# node took them: which of the two has read them first is up to the scheduler. Whole units do but for
# those of which something was taken. What is read ahead may be a tenth.
expect_where_processed() {
    local node all_taken=0 percent=$((medium_kib / 100)) least most
    for node in $cpu_nodes; do
        read_node_line "$node"
        all_taken=$((all_taken + ${taken:-0}))
    done
    for node in $all_nodes; do
        least=0 most=0
        if [[ " $cpu_nodes " == *" $node "* ]]; then
            read_node_line "$node"
            least=$(((${processed:-0} - ${taken:-0}) / percent - 10))
            most=$(((${processed:-0} + all_taken - ${taken:-0}) / percent + 10))
        fi
        expect_within "percent of the pages on node $node" "${share[node]}" $least $most
    done
    expect_within 'percent of the pages in pure units' "$pure" $((80 - all_taken / percent)) 100
}

expect_all_on() {
    read_pages
    expect_within "percent of the pages on node $1" "${share[$1]}" 98 100
}

# keep_busy NODE...: something else uses the CPUs of these nodes, until let_rest.
keep_busy() {
    local node n
    for node; do
        for ((n = 0; n < 4 * cpu_count / cpu_node_count; n++)); do
            numactl --cpunodebind="$node" sh -c 'while :; do :; done' &
        done
    done
    sleep 0.5
}

let_rest() {
    # shellcheck disable=SC2046  # a list of numbers
    kill $(jobs -p)
    wait 2>/dev/null
}

# ---- a cold file ----

# One machine with all ways to read is enough.
ways=(auto)
((cpu_count == cpu_node_count)) || ways+=(mmap read)

# Who is idle takes from others; how much is up to the scheduler of the host.
for io in "${ways[@]}"; do
    make_cold
    checksum_medium --io "$io"
    expect_node_lines
    read_pages
    expect_where_processed
    done_test "a cold file lies where it was processed, in stripes (--io $io)"
done

# Nobody takes anything.
for io in mmap read; do
    make_cold
    checksum_medium --numa bind --io $io
    expect_node_lines
    read_pages
    expect_spread 80
    expect_within 'percent of the pages on the node that read them' "$dealt" 90 100
    for node in $cpu_nodes; do
        read_node_line "$node"
        expect_equal "KiB that node $node took" 0 "$taken"
    done
    done_test "bind: each node reads its stripes of a cold file (--io $io)"
done

# What was found out about pages decides now: these lie elsewhere than stripes would.
make_cold
numactl --cpunodebind="$last_node" --membind="$last_node" dd if="$medium" of=/dev/null bs=1M count=40 2>/dev/null
numactl --cpunodebind="$first_node" --membind="$first_node" cat "$medium" >/dev/null
read_pages
expect_within "percent of the pages on node $last_node" "${share[last_node]}" 60 70
checksum_medium --numa bind
expect_node_lines
expect_processed "$last_node" 56 69
expect_processed "$first_node" 31 44
done_test 'bind: each node processes what it holds'

make_cold
checksum_medium --numa interleave
read_pages
fair=$((100 / $(wc -w <<<"$all_nodes")))
for node in $all_nodes; do
    expect_within "percent of the pages on node $node" "${share[node]}" $((fair * 8 / 10)) \
        $((fair * 12 / 10))
done
expect_within 'percent of the pages in pure units' "$pure" 0 75
done_test 'interleave: a cold file is spread page by page over all nodes'

# Who starts the program under a memory policy knows better.
make_cold
run numactl --membind="$last_node" "$MAPPROC" checksum -v "$medium"
expect_status 0
expect_stdout "$(expected_line "$medium")"
expect_node_lines
expect_all_on "$last_node"
done_test 'numactl --membind is respected'

make_cold
checksum_medium --numa off
expect_equal 'lines about nodes' 0 "$(grep -c '^mapproc: node ' "$err")"
done_test 'off: nothing is told about nodes'

# ---- a file that is in the cache of one node ----

# expect_home NODE: all chunks were meant for the node; what others have processed they took.
expect_home() {
    local node
    for node in $cpu_nodes; do
        read_node_line "$node"
        if [[ $node == "$1" ]]; then
            expect_equal "KiB that node $node took" 0 "$taken"
        else
            expect_equal "KiB that node $node took" "$processed" "$taken"
        fi
    done
}

for node in "$first_node" "$last_node"; do
    make_hot "$node" "$medium"
    expect_all_on "$node"
    checksum_medium
    expect_node_lines
    expect_home "$node"
    expect_all_on "$node"
    done_test "a file cached on node $node is meant for it"
done

checksum_medium --numa bind
expect_node_lines
expect_processed "$last_node" 99 100
expect_home "$last_node"
done_test "bind: a file cached on node $last_node is processed nowhere else"

# How much each node does is up to the scheduler of the host then; test_numa.c sees to it that a node
# gets its own and that others take from it.
# shellcheck disable=SC2086  # a list
keep_busy ${cpu_nodes% *}
checksum_medium
let_rest
expect_node_lines
expect_home "$last_node"
done_test "a file cached on node $last_node is meant for it when others have much to do"

keep_busy "$last_node"
checksum_medium
let_rest
expect_node_lines
expect_home "$last_node"
done_test 'and when it has much to do itself'

checksum_medium --cpus "$(cpus_of "$first_node")"
expect_all_on "$last_node"
done_test 'workers of one node alone process what others hold'

# Memory that belongs to no CPU: the CPUs that are nearest to it.
for node in $all_nodes; do
    [[ " $cpu_nodes " != *" $node "* ]] || continue
    make_cold
    numactl --membind="$node" cat "$medium" >/dev/null
    expect_all_on "$node"
    nearest=$(tr ' ' '\n' <$nodes_dir/node"$node"/distance | head -n "$cpu_node_count" |
        awk 'NR == 1 || $1 < least { least = $1; best = NR - 1 } END { print best }')
    checksum_medium --numa bind
    expect_node_lines
    expect_processed "$nearest" 99 100
    done_test "a file cached on node $node, which has no CPU: node $nearest is nearest"
done

finish_tests
