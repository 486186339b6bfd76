#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# numa_digests.sh - that no placement changes a digest.

# shellcheck source=tests/numa_lib.sh
. "$(dirname "$0")/numa_lib.sh"

for policy in auto bind interleave off; do
    for io in mmap read; do
        for threads in 1 2 3 7; do
            make_cold
            for _ in cold hot; do
                run "$MAPPROC" checksum -j $threads --numa $policy --io $io "$odd"
                expect_status 0
                expect_stdout "$(expected_line "$odd")"
                expect_stderr_lines 0
            done
        done
        done_test "--numa $policy --io $io: the digests of xxhsum, cold and hot"
    done
done

finish_tests
