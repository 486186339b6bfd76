#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_compare.sh - mapproc compare finds what cmp finds, and says what was changed between two lists.

# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "$0")/cli_job_lib.sh"

mebibyte=$((1024 * 1024))

# Without JSON the program refuses --json.
json=1
"$MAPPROC" info --json >/dev/null 2>&1 && have python3 || json=0

# The ranges that cmp finds, as "offset-last offset-last ...", joined.
cmp_ranges() {
    cmp -l "$1" "$2" 2>/dev/null | awk '
        { at = $1 - 1 }
        NR > 1 && at == last + 1 { last = at; next }
        NR > 1 { printf "%s%d-%d", gap, first, last; gap = " " }
        { first = last = at }
        END { if (NR > 0) printf "%s%d-%d\n", gap, first, last }'
}

# "1 byte", "2 bytes"
count_bytes() {
    if (($1 == 1)); then echo '1 byte'; else echo "$1 bytes"; fi
}

# "bytes 1-2, 5-6 (4 bytes in all)" of such ranges.
ranges_text() {
    local range bytes=0 text=''
    for range in $1; do
        bytes=$((bytes + ${range#*-} - ${range%-*} + 1))
        text=${text:+$text, }$range
    done
    printf 'bytes %s (%s in all)' "$text" "$(count_bytes $bytes)"
}

random_below() { echo $(((RANDOM << 15 | RANDOM) % $1)); }
seed=${MAPPROC_TEST_SEED:-$$}
RANDOM=$seed
printf '# MAPPROC_TEST_SEED=%s\n' "$seed"

# --- files -------------------------------------------------------------------------------------

# longer_text SHORT SIZE LONG SIZE: what is printed about their sizes.
longer_text() {
    local more
    more=$(count_bytes $(($4 - $2)))
    printf '%s ends at byte %d, %s has %s more %s' "$1" "$2" "$3" "${more% *}" "${more#* }"
}

# expect_comparison A B: what mapproc compare must have printed.
expect_comparison() {
    local size_a size_b ranges text=''
    size_a=$(stat -c %s "$1") size_b=$(stat -c %s "$2")
    ranges=$(cmp_ranges "$1" "$2")
    [[ -z $ranges ]] || text="$1 $2 differ: $(ranges_text "$ranges")"
    if ((size_a > size_b)); then
        text+=${text:+$'\n'}$(longer_text "$2" "$size_b" "$1" "$size_a")
    elif ((size_b > size_a)); then
        text+=${text:+$'\n'}$(longer_text "$1" "$size_a" "$2" "$size_b")
    fi
    if [[ -z $text ]]; then expect_status 0; else expect_status 1; fi
    expect_stdout "$text"
    expect_stderr_lines 0
}

compare_in_all_ways() {
    local threads io chunk
    for io in auto mmap read; do
        for threads in 1 2 3 7; do
            for chunk in 1500 64K 1M; do
                run "$MAPPROC" compare -j "$threads" --io "$io" --chunk-size "$chunk" "$1" "$2"
                expect_comparison "$1" "$2"
            done
        done
    done
}

random_file a $((3 * mebibyte + 77))
cp a b
compare_in_all_ways a b
done_test 'equal files: nothing printed, exit 0'

for ((round = 0; round < 4; round++)); do
    cp a b
    for ((i = 0; i < 5; i++)); do
        border=$((65536 * (1 + $(random_below 48))))
        flip b $((border - $(random_below 3))) $((1 + $(random_below 4)))
        flip b "$(random_below $((3 * mebibyte)))"
    done
    flip b $((mebibyte - 100)) 1000
    flip b $((3 * mebibyte + 76))
    compare_in_all_ways a b
done
done_test 'bytes changed at borders and anywhere: the ranges of cmp -l'

cp a b
flip b 5
truncate -s 2500000 b
compare_in_all_ways a b
compare_in_all_ways b a
cp a b
echo >>b
compare_in_all_ways a b
done_test 'different sizes: the common bytes compared, the rest told'

for size in 0 1 2 1023 1024 1025 65535 65536 65537; do
    head -c "$size" a >a-$size
    for other in 0 1 1024 65536; do
        head -c "$other" a >b-$other
        run "$MAPPROC" compare a-$size b-$other
        expect_comparison a-$size b-$other
        ((other > 0)) || continue
        flip b-$other $((other - 1))
        run "$MAPPROC" compare -j 2 --chunk-size 1K a-$size b-$other
        expect_comparison a-$size b-$other
    done
done
done_test 'small sizes'

cp a b
flip b 1000000 10
for pair in 'a -' '- a'; do
    # shellcheck disable=SC2086 # two operands
    run "$MAPPROC" compare $pair <b
    expect_status 1
    expect_stdout "${pair/-/stdin} differ: bytes 1000000-1000009 (10 bytes in all)"
    # shellcheck disable=SC2086
    run "$MAPPROC" compare $pair < <(cat b)
    expect_status 1
    expect_stdout "${pair/-/stdin} differ: bytes 1000000-1000009 (10 bytes in all)"
    # shellcheck disable=SC2086
    run "$MAPPROC" compare $pair < <(cat a)
    expect_status 0
    expect_stdout ''
    # shellcheck disable=SC2086
    run "$MAPPROC" compare $pair < <(head -c 1000 a)
    expect_status 1
    expect_stdout "stdin ends at byte 1000, a has $((3 * mebibyte + 77 - 1000)) more bytes"
    # shellcheck disable=SC2086
    run "$MAPPROC" compare $pair < <(cat a a)
    expect_status 1
    expect_stdout "a ends at byte $((3 * mebibyte + 77)), stdin goes on"
done
done_test 'standard input, a file or a pipe, on either side'

run "$MAPPROC" compare - <(cat a) < <(cat b)
expect_error 2
run "$MAPPROC" compare /dev/zero a-0
expect_status 1
expect_stdout 'a-0 ends at byte 0, /dev/zero goes on'
truncate -s 3M zeros
run "$MAPPROC" compare zeros /dev/zero
expect_status 1
expect_stdout "zeros ends at byte $((3 * mebibyte)), /dev/zero goes on"
done_test 'two streams are refused; one without an end is not read to it'

ln -sf a link
ln -f a hard
chmod 000 hard
for other in a ./a link hard; do
    is_root || chmod 600 hard
    run "$MAPPROC" compare a "$other"
    expect_status 0
    expect_stdout ''
done
chmod 600 hard
run "$MAPPROC" compare - - <a
expect_status 0
run "$MAPPROC" compare -v a link
expect_status 0
expect_stdout "a link are the same: $((3 * mebibyte + 77)) bytes"
expect_stderr_lines 1
if ! sanitized && have strace && strace -f -qq -o /dev/null true 2>/dev/null; then
    run strace -f -qq -o "$scratch/strace" -e trace=pread64,mmap -P "$PWD/a" "$MAPPROC" compare a link
    expect_status 0
    [[ ! -s $scratch/strace ]] || problem 'it was read'
fi
done_test 'the same file twice is not read'

# 100,000 ranges: of every 30 bytes one.
head -c 3000000 /dev/zero >a-many
head -c 100000 /dev/zero | sed 's/\x00/x\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00/g' >b-many
expected='a-many b-many differ: bytes 0-0'
for ((i = 1; i < 1000; i++)); do
    expected+=", $((30 * i))-$((30 * i))"
done
for threads in 1 2 3; do
    run "$MAPPROC" compare -j "$threads" --chunk-size 4K a-many b-many
    expect_status 1
    expect_stdout "$expected and 99000 more ranges (100000 bytes in all)"
done
done_test '100,000 ranges: the first 1,000, then their number'

# --- holes -------------------------------------------------------------------------------------

rm -f a-hole b-hole
if ! truncate -s 1T a-hole 2>/dev/null; then
    skip_test 'holes' 'no file system for a huge sparse file'
else
    sanitized && truncate -s 8G a-hole
    size=$(stat -c %s a-hole)
    truncate -s "$size" b-hole
    head -c 100000 a | dd of=a-hole bs=1M seek=5 conv=notrunc status=none
    head -c 100000 a | dd of=b-hole bs=1M seek=5 conv=notrunc status=none
    run "$MAPPROC" compare -j 2 a-hole b-hole
    expect_status 0
    expect_stdout ''
    head -c 3 a | dd of=b-hole bs=1 seek=$((size - 3)) conv=notrunc status=none
    printf '\377' | dd of=a-hole bs=1 seek=$((size - 5)) conv=notrunc status=none
    flip a-hole $((5 * mebibyte + 50000))
    head -c 3 a | tr -d '\000' >nonzero
    [[ $(stat -c %s nonzero) == 3 ]] || printf 'abc' | dd of=b-hole bs=1 seek=$((size - 3)) conv=notrunc status=none
    for io in mmap read; do
        run "$MAPPROC" compare -j 3 --io "$io" a-hole b-hole
        expect_status 1
        expect_stdout "a-hole b-hole differ: bytes $((5 * mebibyte + 50000))-$((5 * mebibyte + 50000)), $((size - 5))-$((size - 5)), $((size - 3))-$((size - 1)) (5 bytes in all)"
    done
    done_test "holes of $size bytes in both"
fi
rm -f a-hole b-hole

# --- trouble -----------------------------------------------------------------------------------

run "$MAPPROC" compare a missing
expect_error 1
expect_stderr "'missing': cannot open"
run "$MAPPROC" compare missing a
expect_error 1
run "$MAPPROC" compare a .
expect_error 3
run "$MAPPROC" compare missing .
expect_error 3
run "$MAPPROC" compare a
expect_error 2
run "$MAPPROC" compare a b a
expect_error 2
run "$MAPPROC" compare --chunk-size 1 a b
expect_error 2
run "$MAPPROC" compare --help
expect_status 0
done_test 'missing files, directories, wrong usage'

hostile=$'evil\033[2J\nname'
cp a "$hostile"
flip "$hostile" 7
run "$MAPPROC" compare a "$hostile"
expect_status 1
expect_stdout "a 'evil'\$'\\033''[2J'\$'\\n''name' differ: bytes 7-7 (1 byte in all)"
cp a ./-dash
run "$MAPPROC" compare -- -dash a
expect_status 0
cp a 'a b'
run "$MAPPROC" compare 'a b' "$hostile"
expect_stdout "'a b' 'evil'\$'\\033''[2J'\$'\\n''name' differ: bytes 7-7 (1 byte in all)"
done_test 'hostile names are quoted'

if sanitized; then
    skip_test 'system calls that fail' 'sanitizers make system calls of their own'
elif ! have strace || ! strace -f -qq -o /dev/null true 2>/dev/null; then
    skip_test 'system calls that fail' 'strace is missing or may not trace'
else
    # inject FILE SPEC ARGUMENT...: mapproc with those system calls on the file tampered with.
    inject() {
        local file=$1 spec=$2
        shift 2
        run strace -f -qq -o "$scratch/strace" -P "$PWD/$file" -e "trace=${spec%%:*}" \
            -e "inject=$spec" "$MAPPROC" "$@"
        grep -q INJECTED "$scratch/strace" || problem 'nothing was injected'
    }
    cp a b
    for io in mmap read; do
        for threads in 1 3; do
            inject b pread64:error=EIO:when=2 compare -j "$threads" --io "$io" a b
            expect_error 3
            expect_stderr "'b': cannot read (bytes "
            inject b pread64:error=EINTR:when=1+2 compare -j "$threads" --io "$io" a b
            expect_status 0
            expect_stdout ''
            inject b pread64:retval=0:when=2 compare -j "$threads" --io "$io" a b
            expect_error 1
            expect_stderr "'b': ends before the size"
        done
    done
    inject a pread64:error=EIO:when=3 compare -j 2 --io read a b
    expect_error 3
    expect_stderr "'a': cannot read (bytes "
    # Before or during the delay, or after it: what cannot be read counts more than what was changed.
    (
        sleep 0.3
        touch a
    ) &
    inject b pread64:error=EIO:delay_enter=600000:when=2 compare -j 2 a b
    expect_error 3
    expect_stderr "'b': cannot read (bytes "
    wait
    done_test 'reads that fail: EIO is exit 3 with the range, EINTR does not matter, an early end is exit 1'
fi

# change_under_way COMMAND ARGUMENT...: starts a comparison of "big" with "other" and runs the command
# while it is under way: it is so slow that it would take minutes, until it is let run.
change_under_way() {
    local change=$1
    shift
    rm -f big other
    head -c 64M /dev/zero >big
    cp --sparse=never big other
    catch_job 1 compare --limit-rate 512K "$@" big other || return
    eval "$change"
    let_run
}

if ! can_hold_jobs; then
    skip_test 'a file that is cut or touched during the run' "$no_holding"
else
    for io in mmap read; do
        for file in big other; do
            change_under_way "truncate -s 1M $file" -j 2 --io "$io"
            expect_error 1
            expect_stderr "mapproc: '$file': changed while it was read: cut from"
            change_under_way "touch $file" -j 2 --io "$io"
            expect_error 1
            expect_stderr "mapproc: '$file': changed while it was read: its modification time"
        done
    done
    done_test 'a file that is cut or touched during the run: exit 1, one clear line'
    rm -f big other
fi

mkfifo fifo
start "$MAPPROC" compare fifo a </dev/null
exec 8>fifo # as soon as it has opened it
wait_until handles TERM || problem 'ended by itself'
kill -TERM "$pid"
finish
exec 8>&-
expect_status 143
expect_stdout ''
expect_stderr_lines 0
done_test 'a silent pipe: SIGTERM ends it'

# --- manifests ---------------------------------------------------------------------------------

if ! have xxhsum; then
    skip_test 'manifests' 'xxhsum is not installed'
else
    hash() { command xxhsum -H2 - 2>/dev/null | digests; }

    # manifest PIECE FILE...: writes one with nothing but the usual tools.
    manifest() {
        local piece=$1 file size at length text
        shift
        {
            printf '# mapproc manifest 1 digests=xxh128 pieces=xxh128 piece-size=%d\n' "$piece"
            for file; do
                size=$(stat -c %s "$file")
                printf '# mapproc file size=%d mtime=1700000000.000000001' "$size"
                if ((size > piece)); then
                    printf ' pieces=%d' $(((size + piece - 1) / piece))
                    for ((at = 0; at < size; at += piece)); do
                        length=$((size - at < piece ? size - at : piece))
                        printf '\n# mapproc pieces %d %d %s' "$at" "$length" \
                            "$(tail -c +$((at + 1)) "$file" | head -c "$length" | hash)"
                    done
                fi
                printf '\n%s  %s\n' "$(hash <"$file")" "$file"
            done
        } >"$scratch/manifest"
        cat "$scratch/manifest"
        printf '# mapproc end xxh128=%s\n' "$(hash <"$scratch/manifest")"
    }

    mkdir old new
    for i in 1 2 3 4 5 6; do
        random_file old/"file$i" $((500000 + 70000 * i))
        cp old/"file$i" new/
    done
    printf small | tee old/small >new/small
    printf tiny >old/tiny
    printf TINY >new/tiny
    flip new/file2 131072        # the first byte of piece 2
    flip new/file3 65535 2       # pieces 0 and 1
    flip new/file3 $((709999))   # the last
    truncate -s 300000 new/file4 # in piece 4
    rm new/file5
    echo more >new/added
    flip new/file6 400000
    (cd old && manifest 65536 ./*) >A.m
    (cd new && manifest 65536 ./*) >B.m
    cat >expected <<'END'
./file2: differs within bytes 131072-196607 (65536 bytes in all)
./file3: differs within bytes 0-131071, 655360-709999 (185712 bytes in all)
./file4: bytes 262144-299999 may differ (the file ends within this piece)
./file4: ends at byte 300000 in B.m, has 480000 more in A.m
./file5: only in A.m
./file6: differs within bytes 393216-458751 (65536 bytes in all)
./tiny: differs within bytes 0-3 (4 bytes in all)
./added: only in B.m
END
    run "$MAPPROC" compare --manifest A.m B.m
    expect_status 1
    expect_stdout_file expected
    expect_stderr_lines 0
    run "$MAPPROC" compare --manifest A.m - < <(cat B.m)
    expect_status 1
    sed 's/B\.m/stdin/' expected >expected-stdin
    expect_stdout_file expected-stdin
    run "$MAPPROC" compare --manifest <(cat A.m) A.m
    expect_status 0
    expect_stdout ''
    run "$MAPPROC" compare -v --manifest A.m B.m
    expect_status 1
    expect_stderr 'mapproc: 2 the same, 5 different, 1 only in the first list, 1 only in the second'
    grep -q '^./file1: the same$' "$out" || problem 'it does not say what is the same'
    done_test 'manifests: what was changed is told'

    rm -r old new # nothing of this is read
    run "$MAPPROC" compare --manifest A.m B.m
    expect_status 1
    expect_stdout_file expected
    done_test 'manifests: without the files'

    random_file file 3000000
    "$MAPPROC" checksum --manifest --piece 64K file >A.m
    for ((round = 0; round < 20; round++)); do
        cp file copy
        at=$(random_below 3000000)
        flip copy "$at"
        "$MAPPROC" checksum --manifest --piece 64K -j $((1 + round % 3)) - <copy |
            sed 's/  stdin$/  file/' >B.m
        first=$((at / 65536 * 65536))
        last=$((first + 65536 < 3000000 ? first + 65535 : 2999999))
        sed -i '$d' B.m # its end no longer fits
        run "$MAPPROC" compare --manifest A.m B.m
        expect_status 1
        expect_stdout "file: differs within bytes $first-$last ($((last - first + 1)) bytes in all)"
    done
    done_test 'manifests of mapproc: 20 random changes, 20 right answers'

    random_file file 300000
    manifest 65536 file >A.m
    manifest 131072 file >B.m
    run "$MAPPROC" compare --manifest A.m B.m
    expect_status 0
    flip file 5
    manifest 131072 file >B.m
    run "$MAPPROC" compare --manifest A.m B.m
    expect_status 1
    expect_stdout 'file: differs, where is not known (the pieces have different sizes)'
    done_test 'manifests with pieces of other sizes: the digests of the files decide'

    md5sum file >md5
    run "$MAPPROC" compare --manifest A.m md5
    expect_status 1
    expect_stdout 'file: cannot be compared (the lists have no algorithm in common)'
    run "$MAPPROC" compare --manifest md5 md5
    expect_status 0
    done_test 'other lists'

    sed -i 's/^# mapproc pieces 0 65536 ./&0/' A.m
    run "$MAPPROC" compare --manifest A.m A.m
    expect_status 1
    expect_stdout ''
    expect_stderr "'A.m': line "
    head -n -1 B.m >C.m
    run "$MAPPROC" compare --manifest B.m C.m
    expect_status 1
    expect_stdout ''
    expect_stderr_lines 1
    expect_stderr "'C.m': line 1 begins a manifest whose end is missing"
    run "$MAPPROC" compare --manifest B.m missing
    expect_error 1
    run "$MAPPROC" compare --manifest B.m /dev/null
    expect_error 1
    run "$MAPPROC" compare --manifest - - <B.m
    expect_error 2
    run "$MAPPROC" compare --manifest B.m .
    expect_error 3
    done_test 'manifests that are damaged, missing or none'
fi

# --- JSON --------------------------------------------------------------------------------------

if ((!json)); then
    skip_test 'JSON' 'built without it, or no python3'
else
    cat >"$scratch/check.py" <<'END'
import json, sys

a, b = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
lines = open(sys.argv[3]).read().splitlines()
assert len(lines) == 1, lines
found = json.loads(lines[0])
common = min(len(a), len(b))
ranges = []
for at in range(common):
    if a[at] != b[at]:
        if ranges and sum(ranges[-1]) == at:
            ranges[-1][1] += 1
        else:
            ranges.append([at, 1])
expected = {
    "name_a": sys.argv[1], "name_b": sys.argv[2], "equal": a == b,
    "size_a": len(a), "size_b": len(b),
    "ranges": [{"offset": o, "length": n} for o, n in ranges[:1000]],
    "range_count": len(ranges), "differing_bytes": sum(n for _, n in ranges),
    "truncated": len(ranges) > 1000,
}
assert found == expected, (found, expected)
END
    cp a b
    flip b 65530 20
    flip b 2000000
    head -c 2500000 b >c
    for pair in 'a b' 'a a-1' 'a-0 a' 'a c' 'c a' 'a-many b-many' 'a-0 b-0' 'b b'; do
        # shellcheck disable=SC2086 # two operands
        run "$MAPPROC" compare --json $pair
        cp "$out" found
        # shellcheck disable=SC2086
        run python3 "$scratch/check.py" $pair found
        expect_status 0
    done
    done_test 'JSON of two files, as python sees it'

    run "$MAPPROC" compare --json a missing
    expect_status 1
    python3 -c 'import json,sys
o = json.loads(sys.stdin.read())
assert (o["name_b"], o["equal"], o["kind"], o["reason"]) == \
    ("missing", False, "data", "No such file or directory"), o' <"$out" || problem 'not what it should be'
    run "$MAPPROC" compare --json a - < <(cat a a)
    expect_status 1
    python3 -c 'import json,sys
o = json.loads(sys.stdin.read())
assert (o["name_b"], o["equal"], o["size_b"], o["range_count"]) == ("stdin", False, None, 0), o' \
        <"$out" || problem 'not what it should be'
    done_test 'JSON of what went wrong'

    md5=d41d8cd98f00b204e9800998ecf8427e
    printf '%s  same\n%s  other\n%s  gone\n' $md5 $md5 $md5 >A.l
    printf '%s  same\n%s  other\n%s  new\n' $md5 "${md5/d4/d5}" $md5 >B.l
    run "$MAPPROC" compare --json --manifest A.l B.l
    expect_status 1
    python3 -c 'import json,sys
o = [json.loads(line) for line in sys.stdin]
assert [(x["name"], x["verdict"], x["equal"]) for x in o] == [
    ("same", "same", True), ("other", "different", False), ("gone", "only-in-a", False),
    ("new", "only-in-b", False)], o
assert o[1]["pieces_compared"] is False and o[1]["ranges"] == [], o' <"$out" ||
        problem 'not what it should be'
    done_test 'JSON of two lists'
fi

finish_tests
