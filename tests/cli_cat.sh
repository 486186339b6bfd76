#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_cat.sh - mapproc cat from outside: plain and compressed files, and ranges of them.
make_members=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/make_members.py
# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

seq 1 200000 >data
size=$(stat -c %s data)
gzip -c data >gzip.gz
for form in ours ig mz bgzf; do
    python3 "$make_members" $form data $form.gz
done
files=(data gzip.gz ours.gz ig.gz mz.gz bgzf.gz)
if have bgzip; then
    bgzip -i -I bgzip.gz.gzi -c data >bgzip.gz
    files+=(bgzip.gz)
fi

for file in "${files[@]}"; do
    run "$MAPPROC" cat "$file"
    expect_status 0
    expect_stdout_file data
    "$MAPPROC" cat <"$file" >"$out"
    expect_stdout_file data
    # shellcheck disable=SC2002  # a pipe is what is wanted
    cat "$file" | "$MAPPROC" cat - >"$out"
    expect_stdout_file data
done
done_test 'whatever it is, its data comes out'

run "$MAPPROC" cat gzip.gz data ours.gz
expect_status 0
cat data data data >expected
expect_stdout_file expected
done_test 'several files'

# slice FILE BEGIN LENGTH: what has to come out, into the file "expected"
slice() { tail -c +$(($2 + 1)) "$1" | head -c "$3" >expected; }

RANDOM=${MAPPROC_TEST_SEED:-$$}
printf '# MAPPROC_TEST_SEED=%s\n' "${MAPPROC_TEST_SEED:-$$}"
for file in "${files[@]}"; do
    for ((i = 0; i < 12; i++)); do
        begin=$((RANDOM * 32768 + RANDOM))
        begin=$((begin % (size + 1000)))
        length=$((RANDOM * (i % 3 == 0 ? 30 : 1)))
        slice data $begin $length
        run "$MAPPROC" cat --range $begin:$length "$file"
        expect_status 0
        expect_stdout_file expected
        slice data $begin "$size"
        run "$MAPPROC" cat --range $begin: "$file"
        expect_status 0
        expect_stdout_file expected
    done
    begin=$((RANDOM + 1))
    tail -c $begin data | head -c 1000 >expected
    if [[ $file != gzip.gz ]]; then
        run "$MAPPROC" cat --range -$begin:1000 "$file"
        expect_status 0
        expect_stdout_file expected
    fi
    done_test "ranges of $file"
done

run "$MAPPROC" cat --range -5: gzip.gz
expect_error 2
for range in '' 5 :5 x:5 5:x 5:6:7 -:5; do
    run "$MAPPROC" cat --range "$range" data
    expect_error 2
done
done_test 'ranges that cannot be had are refused'

# Members outside of the range are not read: they may be bad.
cp ours.gz bad.gz
printf 'XXXX' | dd of=bad.gz bs=1 seek=1000 conv=notrunc 2>/dev/null
run "$MAPPROC" cat --range 500000:100 bad.gz
expect_status 0
slice data 500000 100
expect_stdout_file expected
run "$MAPPROC" cat --range 100:100 bad.gz
expect_error 1
expect_stderr 'member 1 is corrupt'
run "$MAPPROC" cat bad.gz
expect_error 1
done_test 'only the members are looked at that have some of it'

# An index of another file leads nowhere.
if have bgzip; then
    cp bgzip.gz.gzi ours.gz.gzi
    for begin in 70000 300000 900000; do
        slice data $begin 5000
        run "$MAPPROC" cat --range $begin:5000 ours.gz
        expect_status 0
        expect_stdout_file expected
    done
    rm ours.gz.gzi
    done_test 'an index that is of another file is not used'
fi

if ! sanitized && have strace && strace -o /dev/null true 2>/dev/null; then
    # One that lies in the middle of 10 GB is found without reading what is before it.
    python3 - "$(dirname "$make_members")" <<'P'
import struct, sys
sys.path.insert(0, sys.argv[1])
import make_members
block = bytes(4 << 20)
text = b"0123456789abcdef" * (256 << 10)
one, other, at, raw, index = make_members.member("ours", block, 1), make_members.member("ours", text, 1), 0, 0, []
with open("huge.gz", "wb") as file:
    for i in range(2560):
        part = other if i == 2500 else one
        index.append((at, raw))
        at += file.write(part)
        raw += 4 << 20
    file.write(make_members.end_mark("ours"))
with open("index", "wb") as file:
    file.write(struct.pack("<Q", len(index) - 1))
    for pair in index[1:]:
        file.write(struct.pack("<QQ", *pair))
P
    python3 -c 'import sys; sys.stdout.buffer.write(b"0123456789abcdef" * 65536)' >expected
    for indexed in no yes; do
        [[ $indexed == yes ]] && mv index huge.gz.gzi
        run strace -f -o trace -e trace=read,pread64 "$MAPPROC" cat --range $((2500 * 4 + 1))M:1M huge.gz
        expect_status 0
        expect_stdout_file expected
        bytes=$(awk '/huge|pread64/ && / = [0-9]+$/ { sum += $NF } END { print sum + 0 }' trace)
        ((bytes < 1000000)) || problem "read $bytes bytes (index: $indexed)"
    done
    done_test 'a slice near the end of 10 GB is found without reading the file'
fi

# A member of others of which the trailer has the size modulo 2^32: 4 GiB of zeros and 4096 more.
python3 - "$(dirname "$make_members")" <<'P'
import sys, zlib
sys.path.insert(0, sys.argv[1])
import make_members
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
raw = block * 4096 + make_members.deflate(bytes(4096), 9)
with open("modulo.gz", "wb") as file:
    file.write(make_members.member("ig", bytes(4096), raw=raw))
    file.write(make_members.member("ig", b"something else " * 1000))
P
head -c 100 /dev/zero >expected
run "$MAPPROC" cat --range 5000:100 modulo.gz
expect_status 0
expect_stdout_file expected
run "$MAPPROC" cat --range -100:10 modulo.gz
expect_status 2
expect_stderr 'does not tell its size'
done_test 'a size modulo 2^32 is not taken for the size'

finish_tests
