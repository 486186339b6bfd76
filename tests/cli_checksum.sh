#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_checksum.sh - mapproc checksum does what xxhsum does, and its errors are as promised.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

if ! have xxhsum; then
    printf '1..0 # SKIP xxhsum is not installed\n'
    exit 0
fi

# Its progress on a terminal is of no use here.
xxhsum() { command xxhsum "$@" 2>/dev/null; }

# name of the algorithm, number that xxhsum knows it by
algorithms=(xxh128:2 xxh3:3 xxh64:1 xxh32:0)

# --- sizes -------------------------------------------------------------------------------------

# Makes files of the sizes that lie around the borders of chunks, and of those where the algorithm
# changes its ways. Leaves their names in $files, each once.
files_around_borders() {
    local chunk=$1 sizes=(0 1 240 241 1023 1024 1025 2048 2049) k size
    for k in 1 2 3 5; do
        sizes+=($((k * chunk - 1)) $((k * chunk)) $((k * chunk + 1)))
    done
    mapfile -t files < <(printf 'size-%d\n' "${sizes[@]}" | sort -u)
    for size in "${sizes[@]}"; do
        [[ -e size-$size ]] || random_file "size-$size" "$size"
    done
}

for chunk in 1024:1K 1500:1500 65536:64K 1048576:1M; do
    files_around_borders "${chunk%:*}"
    xxhsum -H2 "${files[@]}" >expected
    for io in auto mmap read; do
        for threads in 1 2 3 7; do
            run "$MAPPROC" checksum -j "$threads" --chunk-size "${chunk#*:}" --io "$io" "${files[@]}"
            expect_status 0
            expect_stdout_file expected
            expect_stderr_lines 0
        done
    done
    cp "$out" list
    done_test "sizes around borders of ${chunk#*:}: mapped and read by 1, 2, 3 and 7 threads"
    check "xxhsum -H2 -c accepts them (${chunk#*:})" xxhsum -H2 -c --strict list

    digests <expected >expected-digests
    for threads in 1 3; do
        pids=()
        fifos=()
        for file in "${files[@]}"; do
            mkfifo "fifo-$file"
            cat "$file" >"fifo-$file" &
            pids+=($!)
            fifos+=("fifo-$file")
        done
        run "$MAPPROC" checksum -j "$threads" --chunk-size "${chunk#*:}" "${fifos[@]}"
        expect_status 0
        digests <"$out" >found-digests
        expect_same_files expected-digests found-digests
        wait "${pids[@]}"
        rm -f "${fifos[@]}"
    done
    done_test "the same through pipes (${chunk#*:})"

    for level in baseline avx2 avx512; do
        if [[ $level != baseline ]] && ! grep -qw "${level/avx512/avx512bw}" /proc/cpuinfo; then
            skip_test "the same with MAPPROC_CPU=$level" 'not in this CPU'
            continue
        fi
        for io in mmap read; do
            MAPPROC_CPU=$level run "$MAPPROC" checksum -j 2 --chunk-size "${chunk#*:}" --io "$io" \
                "${files[@]}"
            expect_status 0
            expect_stdout_file expected
        done
        done_test "the same with MAPPROC_CPU=$level (${chunk#*:})"
    done
done

if sanitized; then
    skip_test '4 GiB + 3' 'too slow with a sanitizer'
elif ! truncate -s $((4 * 1024 * 1024 * 1024 + 3)) large 2>/dev/null; then
    skip_test '4 GiB + 3' 'no room for a sparse file'
else
    # Random islands at both ends and across every border that 32 bits could blur.
    for position in 0 1023 2047 3071 4094; do
        head -c 1500000 /dev/urandom |
            dd of=large bs=1M seek="$position" conv=notrunc status=none
    done
    truncate -s $((4 * 1024 * 1024 * 1024 + 3)) large
    printf abc | dd of=large bs=1 seek=$((4 * 1024 * 1024 * 1024)) conv=notrunc status=none
    run "$MAPPROC" checksum large
    expect_status 0
    expect_stdout "$(xxhsum -H2 large)"
    done_test '4 GiB + 3'
fi
rm -f large

# --- the form of the lines ---------------------------------------------------------------------

random_file f1 70001
random_file f2 3000000
: >f3
for algorithm in "${algorithms[@]}"; do
    name=${algorithm%:*}
    number=${algorithm#*:}
    for tag in '' --tag; do
        run "$MAPPROC" checksum -a "$name" ${tag:+"$tag"} f2 f1 f3 f2
        expect_status 0
        expect_stdout "$(xxhsum "-H$number" ${tag:+"$tag"} f2 f1 f3 f2)"
        expect_stderr_lines 0
        run "$MAPPROC" checksum -a "$name" ${tag:+"$tag"} <f2
        expect_status 0
        expect_stdout "$(xxhsum "-H$number" ${tag:+"$tag"} <f2)"
    done
    run "$MAPPROC" checksum -a "$name" f1 - f3 <f2
    expect_status 0
    expect_stdout "$(
        xxhsum "-H$number" f1
        xxhsum "-H$number" <f2
        xxhsum "-H$number" f3
    )"
    done_test "$name: lines as xxhsum -H$number writes them, also with --tag and from stdin"
done

run "$MAPPROC" checksum --algorithm=xxh3 --threads=2 -q f1 -v f2
expect_status 0
expect_stdout "$(xxhsum -H3 f1 f2)"
done_test 'long options, and options between names'

run "$MAPPROC" checksum -q f1
expect_status 0
expect_stdout "$(xxhsum -H2 f1)"
expect_stderr_lines 0
run "$MAPPROC" checksum -v f1
expect_status 0
expect_stdout "$(xxhsum -H2 f1)"
[[ -s $err ]] || problem 'nothing on stderr with -v'
done_test '-q is silent, -v is not'

# --- standard input ----------------------------------------------------------------------------

run "$MAPPROC" checksum - < <(cat f2)
expect_status 0
expect_stdout "$(xxhsum -H2 <f2)"
done_test 'stdin is a pipe'

for io in auto mmap read; do
    {
        dd of=/dev/null bs=1000 count=1 status=none
        run "$MAPPROC" checksum --io "$io"
        expect_status 0
        rest=$(wc -c)
    } <f2
    expect_stdout "$(tail -c +1001 f2 | xxhsum -H2)"
    [[ $rest == 0 ]] || problem "$rest bytes left behind the end of stdin (--io $io)"
done
{
    dd of=/dev/null bs=3000000 count=1 status=none
    run "$MAPPROC" checksum
} <f2
expect_status 0
expect_stdout "$(xxhsum -H2 </dev/null)"
done_test 'stdin is a file that was partly read before: the rest is digested and used up'

run "$MAPPROC" checksum - - <f2
expect_status 0
expect_stdout "$(xxhsum -H2 <f2; xxhsum -H2 </dev/null)"
done_test 'stdin named twice: nothing is left for the second'

{
    xxhsum -H2 <f2
    xxhsum -H2 </dev/null
} | digests >expected
for threads in 1 2 3; do
    for names in '- -' '/dev/stdin /dev/stdin' '- /dev/stdin' '/dev/stdin -'; do
        # shellcheck disable=SC2086 # two words
        run "$MAPPROC" checksum -j "$threads" --chunk-size 4K $names < <(cat f2)
        expect_status 0
        digests <"$out" >actual
        expect_same_files expected actual
    done
done
done_test 'one pipe named twice: the first gets all of it'

run "$MAPPROC" checksum - f1 <&-
expect_status 3
expect_stdout "$(xxhsum -H2 f1)"
expect_stderr_lines 1
expect_stderr "'stdin'"
run "$MAPPROC" checksum f1 <&-
expect_status 0
expect_stdout "$(xxhsum -H2 f1)"
done_test 'closed stdin: an error only for who reads it'

# --- many files --------------------------------------------------------------------------------

mkdir many
names=()
head -c 5000 /dev/urandom >many/pool
for ((i = 0; i < 2000; i++)); do
    names+=("many/$i")
    ((i % 97 == 50)) || head -c $((RANDOM % 5001)) many/pool >"many/$i"
done
missing=$((2000 - $(find many -type f ! -name pool | wc -l)))
for algorithm in "${algorithms[@]}"; do
    xxhsum "-H${algorithm#*:}" "${names[@]}" >expected
    for threads in 1 5; do
        run "$MAPPROC" checksum -a "${algorithm%:*}" -j "$threads" "${names[@]}"
        expect_status 1
        expect_stdout_file expected
        expect_stderr_lines "$missing"
    done
done
done_test "2,000 small files, $missing of them missing: all others in order"

run prlimit --nofile=40:40 "$MAPPROC" checksum -j 3 "${names[@]}"
xxhsum -H2 "${names[@]}" >expected
expect_status 1
expect_stdout_file expected
expect_stderr_lines "$missing"
mkfifo slow
{
    sleep 0.5
    cat f1
} >slow &
run prlimit --nofile=40:40 "$MAPPROC" checksum -j 3 slow "${names[@]}"
expect_status 1
tail -n +2 "$out" >found
expect_same_files expected found
expect_stderr_lines "$missing"
wait
done_test '2,000 files, 40 descriptors, also behind a slow one'
rm -rf many slow

large_files=()
for size in 5000000 20000001 7340032 1 12345678; do
    random_file "large-$size" "$size"
    large_files+=("large-$size")
done
for algorithm in "${algorithms[@]}"; do
    xxhsum "-H${algorithm#*:}" "${large_files[@]}" >expected
    for io in mmap read; do
        run "$MAPPROC" checksum -a "${algorithm%:*}" -j 3 --io "$io" "${large_files[@]}"
        expect_status 0
        expect_stdout_file expected
    done
done
run "$MAPPROC" checksum -j 300 "${large_files[@]}"
expect_status 0
expect_stdout "$(xxhsum -H2 "${large_files[@]}")"
done_test 'larger files side by side, all algorithms, 3 threads and 300'
rm -f large-* size-*

# --- names -------------------------------------------------------------------------------------

cp f1 ./-leading
run "$MAPPROC" checksum -- -leading
expect_status 0
expect_stdout "$(xxhsum -H2 f1 | digests)  -leading"
run "$MAPPROC" checksum ./-leading
expect_stdout "$(xxhsum -H2 ./-leading)"
done_test 'a name with a leading dash'

odd_names=('two words ' $'new\nline' 'back\slash' $'carriage\rreturn' $'all\\\n\r\\' $'esc\e[31m'
    $'inv\xff\xfealid' "quo'te" 'star*' $'tab\t' $'\\n')
for name in "${odd_names[@]}"; do
    cp f1 "$name"
done
digest=$(xxhsum -H2 f1 | digests)
sha256sum -- "${odd_names[@]}" | sed -E "s/^(\\\\?)[0-9a-f]{64}/\\1$digest/" >expected
run "$MAPPROC" checksum "${odd_names[@]}"
expect_status 0
expect_stdout_file expected
expect_stderr_lines 0
done_test 'odd names: escaped as GNU tools do'
sha256sum --tag -- "${odd_names[@]}" | sed -E "s/^(\\\\?)SHA256/\\1XXH128/; s/[0-9a-f]{64}$/$digest/" \
    >expected
run "$MAPPROC" checksum --tag "${odd_names[@]}"
expect_status 0
expect_stdout_file expected
done_test 'odd names with --tag: escaped as GNU tools do'
rm -f -- "${odd_names[@]}" -leading

# What a shell makes of the quoted name is the name.
for name in "${odd_names[@]}" $'\xc2\x9b31m' $'\x7f' $'rtl\xe2\x80\xae' $'\n' "'" "''\$'" ''; do
    run "$MAPPROC" checksum "$name"
    expect_error 1
    line=$(<"$err")
    quoted=${line#mapproc: }
    eval "unquoted=${quoted%%: cannot open*}X" 2>/dev/null || unquoted=
    [[ $unquoted == "${name}X" ]] || problem "wrongly quoted: $line"
done
run "$MAPPROC" checksum $'\xc3\xa4'
expect_status 1
expect_stderr $'\xc3\xa4'
done_test 'odd names in messages: nothing raw, and a shell reads them back'

# --- special files -----------------------------------------------------------------------------

for file in /proc/version /proc/cmdline /sys/devices/system/cpu/online /sys/kernel/mm/transparent_hugepage/enabled; do
    cat "$file" >copy 2>/dev/null || continue
    for io in auto mmap read; do
        run "$MAPPROC" checksum --io "$io" "$file"
        expect_status 0
        expect_stdout "$(xxhsum -H2 <copy | digests)  $file"
    done
    run "$MAPPROC" checksum <"$file"
    expect_stdout "$(xxhsum -H2 <copy)"
done
done_test 'files of /proc and /sys, whose sizes mean nothing'

run "$MAPPROC" checksum /dev/null f3
expect_status 0
expect_stdout "$(xxhsum -H2 </dev/null | digests)  /dev/null
$(xxhsum -H2 f3)"
done_test 'nothing: /dev/null and an empty file'

for late in 0 0.3; do
    mkfifo fifo
    {
        sleep "$late"
        exec 9>fifo
        printf start >&9
        sleep 0.2
        cat f2 >&9
        sleep 0.2
        printf end >&9
    } &
    run "$MAPPROC" checksum -j 2 fifo f1
    wait
    expect_status 0
    expect_stdout "$({ printf start; cat f2; printf end; } | xxhsum -H2 | digests)  fifo
$(xxhsum -H2 f1)"
    rm fifo
done
done_test 'a FIFO whose writer is slow, or not there yet'

ln -s f1 link
run "$MAPPROC" checksum link
expect_status 0
expect_stdout "$(xxhsum -H2 link)"
done_test 'a symbolic link is followed'

# --- errors ------------------------------------------------------------------------------------

run "$MAPPROC" checksum f1 missing f2
expect_status 1
expect_stdout "$(xxhsum -H2 f1 f2)"
expect_stderr_lines 1
expect_stderr "mapproc: 'missing': cannot open (No such file or directory)"
ln -s nowhere dangling
run "$MAPPROC" checksum dangling f1/below
expect_status 1
expect_stdout ''
expect_stderr_lines 2
done_test 'missing file: exit 1, the others are done'

mkdir directory
run "$MAPPROC" checksum f1 directory f2
expect_status 3
expect_stdout "$(xxhsum -H2 f1 f2)"
expect_stderr_lines 1
expect_stderr "mapproc: 'directory': "
run "$MAPPROC" checksum <directory
expect_error 3
done_test 'directory: exit 3, the others are done'

for order in 'missing directory' 'directory missing'; do
    # shellcheck disable=SC2086 # two names
    run "$MAPPROC" checksum $order f1
    expect_status 3
    expect_stdout "$(xxhsum -H2 f1)"
    expect_stderr_lines 2
done
done_test 'trouble of the machine beats a missing file'

cp f1 secret
chmod 0 secret
as_user=()
binary=$MAPPROC
if is_root && have setpriv; then
    as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    binary=$scratch/mapproc # where it was built may be closed to others
    cp "$MAPPROC" "$binary"
    chmod 755 "$binary"
fi
if is_root && ((${#as_user[@]} == 0)); then
    skip_test 'no permission' 'root may read everything, and there is no setpriv'
elif ! "${as_user[@]}" "$binary" --version >/dev/null 2>&1; then
    skip_test 'no permission' 'another user cannot run a program there'
else
    run "${as_user[@]}" "$binary" checksum f1 secret f2
    expect_status 3
    expect_stdout "$(xxhsum -H2 f1 f2)"
    expect_stderr_lines 1
    expect_stderr "mapproc: 'secret': cannot open (Permission denied)"
    done_test 'no permission: exit 3, the others are done'
fi

# --- usage -------------------------------------------------------------------------------------

# Every line is one wrong command line, in shell words, to which a good name is added.
while IFS= read -r words; do
    eval "arguments=($words)"
    # shellcheck disable=SC2154 # set by eval
    run "$MAPPROC" "${arguments[@]}" <f1
    before=${#problems[@]}
    expect_error 2
    grep -q '^mapproc: ' "$err" || problem 'stderr does not begin with "mapproc: "'
    ((${#problems[@]} == before)) || problem "... with: $words"
done <<'WRONG'

--foo
-x
nonsense
nonsense f1
''
checksum -j 0 f1
checksum -j x f1
checksum -j -1 f1
checksum -j 1.5 f1
checksum -j '' f1
checksum -j ' 1' f1
checksum -j 0x10 f1
checksum -j 4097 f1
checksum -j 4294967297 f1
checksum -j 99999999999999999999 f1
checksum --threads= f1
checksum --chunk-size 0 f1
checksum --chunk-size 1023 f1
checksum --chunk-size 2G f1
checksum --chunk-size 1025M f1
checksum --chunk-size 1X f1
checksum --chunk-size 1KK f1
checksum --chunk-size 1.5M f1
checksum --chunk-size -1K f1
checksum --chunk-size K f1
checksum --chunk-size 18446744073709552640 f1
checksum --chunk-size 17179869184G f1
checksum --chunk-size 99999999999999999999K f1
checksum --chunk-size= f1
checksum --io foo f1
checksum --io '' f1
checksum --io MMAP f1
checksum -a foo f1
checksum -a '' f1
checksum -a xxh f1
checksum -a $'a\nb\e[31m' f1
checksum --foo f1
checksum --foo=bar f1
checksum --foo $'--a\nb' f1
checksum $'--a\nb\e[31m' f1
checksum --tag=x f1
checksum --quiet=1 f1
checksum -y f1
checksum -qy f1
checksum $'-\e' f1
checksum $'-\xff' f1
checksum f1 -y
checksum f1 -a
checksum f1 --algorithm
checksum f1 -j
checksum f1 --chunk-size
checksum f1 --io
WRONG
done_test 'nonsense: one line, nothing else, exit 2'

for value in nonsense AVX2 baseline2 ' avx2'; do
    MAPPROC_CPU=$value run "$MAPPROC" checksum f1
    expect_error 2
    expect_stderr MAPPROC_CPU
done
MAPPROC_CPU='' run "$MAPPROC" checksum f1
expect_status 0
done_test 'MAPPROC_CPU=nonsense: one line, exit 2'

for size in 1k 1K 1KiB 1G 1048576 1m 1023M; do
    run "$MAPPROC" checksum -j 1 --chunk-size "$size" f1
    expect_status 0
    expect_stdout "$(xxhsum -H2 f1)"
done
run "$MAPPROC" checksum -j 4096 f1
expect_status 0
done_test 'the extremes of sizes and counts are accepted'

run "$MAPPROC" --version
expect_status 0
expect_stderr_lines 0
grep -qE '^mapproc [0-9]+\.[0-9]+\.[0-9]+$' "$out" || problem 'no version'
run "$MAPPROC" --help
expect_status 0
expect_stderr_lines 0
for word in checksum --version --help; do
    grep -qw -e "$word" "$out" || problem "--help does not mention $word"
done
for option in --help -h; do
    run "$MAPPROC" checksum "$option"
    expect_status 0
    expect_stderr_lines 0
    for word in -a --algorithm -j --threads --chunk-size --io --tag -q --quiet -v --verbose -h \
        --help xxh128 xxh3 xxh64 xxh32 auto mmap read FILE; do
        grep -qE -e "(^|[^a-z0-9-])$word([^a-z0-9-]|$)" "$out" ||
            problem "checksum $option does not mention $word"
    done
    awk 'length > 100 { exit 1 }' "$out" || problem 'a line of more than 100 columns'
done
done_test '--help and --version'

# --- standard output that fails ----------------------------------------------------------------

for arguments in 'checksum f1' 'checksum f1 f2 f3' --help --version 'checksum --help'; do
    # shellcheck disable=SC2086 # words
    "$MAPPROC" $arguments >/dev/full 2>"$err"
    status=$?
    : >"$out"
    expect_error 3
    expect_stderr '(No space left on device)'
    # shellcheck disable=SC2086 # words
    "$MAPPROC" $arguments >&- 2>"$err"
    status=$?
    expect_error 3
done
done_test 'stdout is full or closed: one line, exit 3'

: >"$err"
for ((i = 0; i < 20; i++)); do
    env --default-signal=PIPE "$MAPPROC" checksum f2 f1 f2 f1 f2 f1 2>>"$err" | head -c 1 >/dev/null
    status=${PIPESTATUS[0]}
    [[ $status == 0 || $status == 141 ]] || problem "exit status $status behind a closed pipe"
done
expect_stderr_lines 0
done_test 'stdout is a pipe that nobody reads: quiet'

"$MAPPROC" checksum missing f1 >"$out" 2>&-
status=$?
expect_status 1
expect_stdout "$(xxhsum -H2 f1)"
before=$(sha256sum f1 f2)
"$MAPPROC" checksum missing f1 f2 <&- >&- 2>&-
status=$?
: >"$err"
expect_status 3
[[ $(sha256sum f1 f2) == "$before" ]] || problem 'a file was written to'
done_test 'stderr is closed: no harm'

finish_tests
