#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_codec_cpus.sh - codecs make the same bytes with the instruction sets of other CPUs.
#
# MAPPROC_TEST_CODEC_OUTPUTS is the program that tells what they make; QEMU runs it as if on those.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

if sanitized; then
    printf '1..0 # SKIP a sanitizer under QEMU takes too long\n'
    exit 0
fi
if ! have qemu-x86_64 || [[ $(uname -m) != x86_64 ]]; then
    printf '1..0 # SKIP no qemu-x86_64 (package qemu-user)\n'
    exit 0
fi

run "$MAPPROC_TEST_CODEC_OUTPUTS"
expect_status 0
cp "$out" here
grep -q '^zlib 9 ' here || problem 'nothing about zlib' "$(cat here)"
done_test 'what codecs make here'

for cpu in Nehalem SandyBridge Haswell max; do
    run qemu-x86_64 -cpu "$cpu" "$MAPPROC_TEST_CODEC_OUTPUTS"
    expect_status 0
    expect_stdout_file here
    done_test "the same as on: $cpu"
done

# A CPU without SSE4.2: ISA-L would make other bytes, so it must not be there.
run qemu-x86_64 -cpu qemu64 "$MAPPROC_TEST_CODEC_OUTPUTS"
expect_status 0
grep -q '^isal\|^level.*isal' "$out" && problem 'isal is offered without SSE4.2'
grep -v '^isal\|^level' "$out" >without
grep -v '^isal\|^level' here | cmp -s - without || problem 'another codec makes other bytes'
done_test 'a CPU without SSE4.2 has no isal'

finish_tests
