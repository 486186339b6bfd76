#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_decompress.sh - mapproc decompress from outside: files of all tools, outputs, damage.
make_members=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/make_members.py
# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

# Words, so that it compresses, and a stretch of zeros that becomes a hole.
seq 1 60000 >data
head -c 1000000 /dev/zero >>data
seq 60000 -3 1 >>data
random_file random 300000

members() { python3 "$make_members" "$@"; }

# ---- what other tools make ----

gzip -c data >gzip.gz
gzip -1 -c random >random.gz
cat gzip.gz gzip.gz random.gz >several.gz
cat data data random >several
have pigz && pigz -c data >pigz.gz && pigz -ic data >pigz-i.gz
have bgzip && bgzip -c data >bgzip.gz
if have zstd && ! zstd -q --format=gzip -c data >zstd.gz 2>/dev/null; then
    rm -f zstd.gz
fi
for form in ours ig mz bgzf; do
    members $form data $form.gz
    members $form data $form-stored.gz 65280 0
done
members ours data large.gz 100000000
for file in gzip.gz pigz.gz pigz-i.gz bgzip.gz zstd.gz ours.gz ig.gz mz.gz bgzf.gz ours-stored.gz \
    ig-stored.gz mz-stored.gz bgzf-stored.gz large.gz; do
    [[ -e $file ]] || continue
    for threads in 1 2 7; do
        run "$MAPPROC" decompress -j "$threads" -c "$file"
        expect_status 0
        expect_stdout_file data
        run "$MAPPROC" decompress -j "$threads" --io=mmap -t "$file"
        expect_status 0
        expect_stdout ''
        # shellcheck disable=SC2002  # a pipe is what is wanted
        cat "$file" | "$MAPPROC" decompress -j "$threads" >"$out" 2>"$err"
        status=$?
        expect_status 0
        expect_stdout_file data
    done
    done_test "$file is inflated by any number of threads, from a file and a pipe"
done
run "$MAPPROC" decompress -c several.gz
expect_status 0
expect_stdout_file several
done_test 'several members are one file'

run "$MAPPROC" decompress -c gzip.gz ours.gz
expect_status 0
cat data data >both
expect_stdout_file both
done_test 'several files follow one another on standard output'

# ---- outputs ----

mkdir in
cp gzip.gz in/a.gz
touch -d '2001-02-03 04:05:06' in/a.gz
chmod 640 in/a.gz
run "$MAPPROC" decompress in/a.gz
expect_status 0
expect_same_files data in/a
[[ $(stat -c '%a %Y' in/a) == "$(stat -c '%a %Y' in/a.gz)" ]] || problem 'mode and time are not kept'
[[ -e in/a.gz ]] || problem 'the input is gone'
done_test 'FILE.gz becomes FILE, with its mode and time'

# Bytes of a file that are stored.
stored() { echo $(($(stat -c %b "$1") * 512)); }
cp --sparse=always data probe
if (($(stored probe) < 1000000)); then
    (($(stored in/a) < 1000000)) || problem "zeros are not a hole: $(stored in/a) bytes are stored"
    done_test 'zeros become a hole'
else
    skip_test 'zeros become a hole' 'this file system keeps none'
fi

run "$MAPPROC" decompress in/a.gz
expect_error 2
expect_stderr 'exists'
echo old >in/a
run "$MAPPROC" decompress -f --rm in/a.gz
expect_status 0
expect_same_files data in/a
[[ ! -e in/a.gz ]] || problem 'the input is still there'
done_test 'an output is replaced only with -f; --rm removes the input'

cp gzip.gz in/b.TGZ
cp bgzf.gz in/c.bgz
run "$MAPPROC" decompress in/b.TGZ in/c.bgz
expect_status 0
expect_same_files data in/b.tar
expect_same_files data in/c
cp gzip.gz in/d.zip
run "$MAPPROC" decompress in/d.zip
expect_error 2
expect_stderr 'unknown suffix'
run "$MAPPROC" decompress -o in/e in/d.zip
expect_status 0
expect_same_files data in/e
run "$MAPPROC" decompress -o - in/d.zip
expect_status 0
expect_stdout_file data
[[ ! -e - ]] || problem 'there is a file called -'
done_test 'suffixes'

mkdir -p tree/x/y
cp gzip.gz tree/one.gz
cp ours.gz tree/x/y/two.gz
echo plain >tree/x/three
run "$MAPPROC" decompress -r -o mirror tree
expect_status 0
expect_same_files data mirror/tree/one
expect_same_files data mirror/tree/x/y/two
[[ ! -e mirror/tree/x/three ]] || problem 'what is not compressed is in the mirror'
run "$MAPPROC" decompress -r --rm tree
expect_status 0
expect_same_files data tree/one
expect_same_files data tree/x/y/two
[[ ! -e tree/one.gz && -e tree/x/three ]] || problem 'removed the wrong files'
done_test 'trees, mirrored and in place'

cp gzip.gz same.gz
cp gzip.gz same.bgz
run "$MAPPROC" decompress -f --rm same.gz .//same.bgz
expect_status 2
expect_stderr 'same output'
[[ -e same.bgz ]] || problem 'an input is gone whose output is not there'
done_test 'two inputs do not get one output'

run "$MAPPROC" decompress -v -t gzip.gz
expect_status 0
expect_stderr '1 member, good'
done_test '-v says what was in it'

# ---- damage ----

size=$(stat -c %s ours.gz)
cp ours.gz bad.gz
printf 'XXXX' | dd of=bad.gz bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
run "$MAPPROC" decompress -j 1 -t bad.gz
expect_error 1
first=$(cat "$err")
[[ $first =~ ^"mapproc: 'bad.gz': member "[0-9]+" is corrupt: "[a-zA-Z\ ]+" (bytes "[0-9]+-[0-9]+", raw bytes "[0-9]+-[0-9]+")"$ ]] ||
    problem "says: $first"
for threads in 2 7; do
    run "$MAPPROC" decompress -j "$threads" --io=mmap bad.gz
    expect_error 1
    [[ $(cat "$err") == "$first" ]] || problem "$threads threads say: $(cat "$err")"
done
[[ ! -e bad ]] || problem 'left an output'
"$MAPPROC" decompress -t <bad.gz >"$out" 2>"$err"
[[ $(cat "$err") == "${first/\'bad.gz\'/\'stdin\'}" || $(cat "$err") == "${first/\'bad.gz\'/stdin}" ]] ||
    problem "from standard input: $(cat "$err")"
[[ -z $(find . -name '.*mapproc-*') ]] || problem 'left a temporary'
done_test 'a bad member is named, the same for any number of threads'

run "$MAPPROC" decompress --keep-going bad.gz
expect_status 1
expect_stderr_lines 1
[[ $(stat -c %s bad) == "$(stat -c %s data)" ]] || problem "has $(stat -c %s bad) bytes"
cmp -l data bad | awk '$3 != 0 { bad = 1 } END { exit bad }' || problem 'has other bytes than those of the data'
(($(cmp -l data bad | wc -l) <= 131072)) || problem 'lost more than a member'
rm -f bad
done_test '--keep-going leaves a hole for it'

# Whatever the size of the member and the place of the damage, nothing of it is given, and what is
# behind it is where it was.
seq 1 700000 >numbers
for each in 300000 2000000; do
    members ours numbers sized.gz $each
    python3 - $each <<'P'
import struct, sys
data = open("sized.gz", "rb").read()
begin = struct.unpack_from("<I", data, 16)[0]
end = begin + struct.unpack_from("<I", data, begin + 16)[0]
for name, places in {"crc": [(end - 8, 4)], "trailer": [(end - 8, 8)], "data": [((begin + end) // 2, 3)]}.items():
    bad = bytearray(data)
    for at, length in places:
        bad[at : at + length] = b"\xee" * length
    open(f"{name}.gz", "wb").write(bad)
raw, size = bytearray(open("numbers", "rb").read()), int(sys.argv[1])
raw[size : 2 * size] = bytes(size)
open("expected", "wb").write(raw)
P
    for what in crc trailer data; do
        for threads in 1 7; do
            run "$MAPPROC" decompress --keep-going -c -j $threads $what.gz
            expect_status 1
            expect_stderr "raw bytes $each-$((2 * each - 1))"
            expect_stdout_file expected
            # shellcheck disable=SC2002  # a pipe is what is wanted
            cat $what.gz | "$MAPPROC" decompress --keep-going -j $threads >"$out" 2>"$err"
            status=$?
            expect_status 1
            expect_stdout_file expected
        done
    done
done
rm -f crc.gz trailer.gz data.gz sized.gz numbers expected
done_test '--keep-going gives nothing of a bad member, from a file and a pipe'

head -c $((size - 30)) ours.gz >cut.gz
run "$MAPPROC" decompress -t cut.gz
expect_error 1
expect_stderr 'ends without its end mark: may be cut short'
(cat ig.gz && printf 'garbage') >garbage.gz
run "$MAPPROC" decompress -t garbage.gz
expect_error 1
expect_stderr '7 bytes behind the last member are not gzip'
(cat gzip.gz && head -c 5000 /dev/zero) >padded.gz
run "$MAPPROC" decompress -t padded.gz
expect_status 0
: >empty.gz
run "$MAPPROC" decompress -t empty.gz
expect_error 1
expect_stderr 'empty'
run "$MAPPROC" decompress -o nothing random
expect_error 1
expect_stderr 'not gzip'
[[ ! -e nothing ]] || problem 'left an output'
run "$MAPPROC" decompress missing.gz
expect_error 1
done_test 'what is no whole gzip file is told'

run "$MAPPROC" decompress -o bomb --max-output 1M gzip.gz
expect_error 2
expect_stderr 'would be more than 1048576 bytes'
[[ ! -e bomb ]] || problem 'left an output'
done_test '--max-output'

run "$MAPPROC" decompress --rm -o out bad.gz
expect_status 1
[[ -e bad.gz && ! -e out ]] || problem 'the input is gone, or a bad output is there'
done_test '--rm keeps what is bad'

# ---- the machine ----

"$MAPPROC" decompress -c gzip.gz >/dev/full 2>"$err"
status=$?
: >"$out"
expect_error 3
expect_stderr 'No space left'
done_test 'no space'

(
    ulimit -f 100
    trap '' XFSZ
    "$MAPPROC" decompress -o limited gzip.gz >"$out" 2>"$err"
)
status=$?
expect_error 3
[[ ! -e limited && -z $(find . -name '.*mapproc-*') ]] || problem 'left something'
done_test 'a file that may not grow is an error, and nothing is left'

for file in gzip.gz ours.gz; do
    env --default-signal=PIPE "$MAPPROC" decompress -c $file $file $file 2>"$err" | head -c 1 >/dev/null
    state=("${PIPESTATUS[@]}")
    [[ ${state[0]} == 141 || ${state[0]} == 0 ]] || problem "$file: exit status ${state[0]}"
    [[ ! -s $err ]] || problem "$file: $(cat "$err")"
done
done_test 'a reader that goes away is no error to talk about'

# Whether the output has its temporary, and all was taken out of the pipe. Signals are caught then.
# shellcheck disable=SC2317 # called by await
waits_for_more() {
    [[ $(cat "/proc/$feeder/comm") == sleep ]] && compgen -G '.waiting.mapproc-*' >/dev/null
} 2>/dev/null

mkfifo fifo
(
    cat gzip.gz
    exec sleep 1000
) >fifo &
feeder=$!
env --default-signal=TERM "$MAPPROC" decompress -o waiting fifo -f 2>"$err" &
job=$!
await waits_for_more
kill -TERM $job
wait $job
status=$?
kill $feeder 2>/dev/null
expect_status 143
[[ ! -e waiting && -z $(find . -name '.*mapproc-*') ]] || problem 'left something'
done_test 'ends at once when it is told to, and leaves nothing'

if ! sanitized; then
    # 18 MiB a member, which says that it has 4 GiB.
    head -c 60000000 /dev/zero >zeros
    members ours zeros zeros.gz 20000000
    python3 -c '
import struct
file = open("zeros.gz", "r+b")
size = struct.unpack("<I", file.read(20)[16:])[0]
file.seek(size - 4)
file.write(b"\xff\xff\xff\xff")'
    # Runs a command, and writes into the file "peak" how many KiB it had at most.
    cat >"$scratch/peak.py" <<'P'
import os, sys
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
open("peak", "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
P
    for from in zeros.gz -; do
        run python3 "$scratch/peak.py" "$MAPPROC" decompress -j 4 -t $from <zeros.gz
        expect_status 1
        expect_stderr 'its length is wrong'
        (($(<peak) < 256 * 1024)) || problem "took $(<peak) KiB"
    done
    done_test 'a size that lies takes no memory'
fi

if "$MAPPROC" decompress --json -t gzip.gz >"$out" 2>/dev/null; then
    for file in gzip.gz bad.gz; do
        "$MAPPROC" decompress --json -t $file 2>/dev/null
    done >lines
    python3 - "$(stat -c %s gzip.gz)" "$(stat -c %s data)" <<'P' || problem 'says something else'
import json, sys
good, bad = [json.loads(line) for line in open("lines")]
assert good["name"] == "gzip.gz" and good["output"] is None and good["members"] == 1
assert good["compressed"] == int(sys.argv[1]) and good["size"] == int(sys.argv[2])
assert good["crc"] == "good" and "error" not in good
assert bad["crc"] == "bad" and "is corrupt" in bad["error"]
fault = bad["bad_members"][0]
assert fault["raw_offset"] == 131072 * (fault["member"] - 1) and fault["length"] > 0
P
    done_test '--json'
else
    skip_test '--json' 'built without it'
fi

# Members of others that are larger than what is inflated in memory: -t looks at several at once.
seq 1 6000000 >numbers
python3 "$make_members" ig numbers large.gz 17000000 1
run "$MAPPROC" decompress -t -v -j 2 large.gz
expect_status 0
expect_stderr '3 members, good'
run "$MAPPROC" decompress -t --max-output 20M -j 2 large.gz
expect_status 2
expect_stderr 'would be more than 20971520 bytes'
for at in -1 -8 -9 -3000000; do # of the last member
    python3 - $at <<'P'
import sys
data = bytearray(open("large.gz", "rb").read())
data[int(sys.argv[1])] ^= 1
open("bad.gz", "wb").write(data)
P
    "$MAPPROC" decompress -c -j 1 bad.gz 2>expected >/dev/null
    [[ $(cat expected) == *'member 3 is corrupt'* ]] || problem "at $at: $(cat expected)"
    for threads in 1 2 7; do
        run "$MAPPROC" decompress -t -j $threads bad.gz
        expect_status 1
        cmp -s expected "$err" || problem "at $at: another error with $threads threads"
    done
done
done_test 'large members are tested as small ones are'

# The first one is bad, and no good one has told what members of this writer look like.
python3 - <<'P'
data = bytearray(open("large.gz", "rb").read())
data[1000000] ^= 1
open("bad.gz", "wb").write(data)
P
run "$MAPPROC" decompress --keep-going -o found bad.gz
expect_status 1
expect_stderr 'raw bytes 0-16999999'
(head -c 17000000 /dev/zero && tail -c +17000001 numbers) >expected
cmp expected found || problem 'has other bytes than the members behind it'
rm -f numbers large.gz bad.gz found expected
done_test '--keep-going with a bad first member that is large'

finish_tests
