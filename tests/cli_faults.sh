#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_faults.sh - mapproc checksum when its input misbehaves, it is told to stop, or it is refused.

# shellcheck source=tests/cli_job_lib.sh
. "$(dirname "$0")/cli_job_lib.sh"

if ! have xxhsum || ! have python3; then
    printf '1..0 # SKIP needs xxhsum and python3\n'
    exit 0
fi
xxhsum() { command xxhsum "$@" 2>/dev/null; }

large=256M # sparse
slowly=3M  # bytes per second: a run over it takes more than a minute, if it is not let loose
huge=16G   # sparse, too: a run over it takes long, and none is let go to its end
fast=512M  # bytes per second: not before half a minute

random_file small1 100000
random_file small2 1200000
small_lines=$(xxhsum -H2 small1 small2)
mebibyte=$((1024 * 1024))

# A file nearly all of whose pages are not in memory and that takes little room: sparse, but with no
# hole that is so large that it would not be read.
make_sparse() {
    truncate -s 0 "$1"
    truncate -s "$2" "$1"
    python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for offset in range(0, os.fstat(fd).st_size, 1 << 20):
    os.pwrite(fd, b"x", offset)' "$1"
}

# catch_run ARGUMENT...: starts mapproc and stops it while it is at the large file "big", made anew:
# it has read more than there is in the small files.
catch_run() {
    local bytes=1
    [[ " $* " != *' small1 '* ]] || bytes=$((bytes + 100000))
    [[ " $* " != *' small2 '* ]] || bytes=$((bytes + 1200000))
    make_sparse big "$large"
    catch_job "$bytes" "$@" --limit-rate "$slowly"
}

# --- changes under way -------------------------------------------------------------------------

change_file() {
    case $1 in
    cut_far) truncate -s 1M big ;;
    cut_in_last_page) truncate -s -7 big ;;
    cut_to_nothing) : >big ;;
    grow) echo more >>big ;;
    rewrite) printf changed | dd of=big bs=1 seek=70000 conv=notrunc status=none ;;
    cut_and_extend) truncate -s 1M big && truncate -s "$large" big ;;
    replace) cp small1 other && mv other big ;;
    remove) rm big ;;
    esac
}

changes=(cut_far cut_in_last_page cut_to_nothing grow rewrite cut_and_extend replace remove)
can_hold_jobs || {
    skip_test 'changes during a run' "$no_holding"
    changes=()
}
for change in "${changes[@]}"; do
    for io in mmap read; do
        catch_run checksum -j 2 --io "$io" small1 big small2 || continue
        change_file "$change"
        let_run
        expect_status 1
        expect_stdout "$small_lines"
        expect_stderr_lines 1
        expect_stderr "mapproc: 'big': "
    done
    done_test "$change during a run: exit 1, one line, the other files are done"
done

if can_hold_jobs; then
    for algorithm in xxh64 xxh3; do
        catch_run checksum -a "$algorithm" --io mmap big || continue
        change_file cut_far
        let_run
        expect_error 1
    done
    done_test 'cut_far during a run with other algorithms: the same'
fi

# Not stopped, so that the cut comes in the middle of whatever the workers do.
if ! can_hold_jobs; then
    skip_test 'cut at any moment' "$no_holding"
elif ! truncate -s "$huge" big 2>/dev/null; then
    skip_test 'cut at any moment' 'no file system for a huge sparse file'
else
    for ((i = 0; i < 8; i++)); do
        for io in mmap read; do
            make_sparse big "$huge"
            start "$MAPPROC" checksum -j 2 --io "$io" --limit-rate "$fast" big small1
            wait_read 1 || problem 'ended by itself'
            sleep "0.$((i * 2 + 1))"
            change_file cut_far
            finish
            expect_status 1
            expect_stdout "$(xxhsum -H2 small1)"
            expect_stderr_lines 1
            expect_stderr "mapproc: 'big': "
        done
    done
    done_test 'cut at any moment: exit 1, one line, no death by SIGBUS'

    for io in mmap read; do
        make_sparse big "$huge"
        start "$MAPPROC" checksum --io "$io" --limit-rate "$fast" <big
        wait_read 1 || problem 'ended by itself'
        change_file cut_far
        finish
        expect_error 1
        expect_stderr "mapproc: 'stdin': "
    done
    done_test 'cut while it is stdin: the same'
fi

# --- signals -----------------------------------------------------------------------------------

# Milliseconds that each of the threads of a signalled process may go on. Of its CPU, so that it does
# not matter how long a busy machine lets it wait.
limit_ms=${MAPPROC_TEST_STOP_MS:-$(sanitized && echo 500 || echo 200)}
ticks_per_second=$(getconf CLK_TCK)

# The milliseconds of CPU that the process has used, to $used; without a new process.
read_used() {
    local fields
    read -r fields <"/proc/$pid/stat"
    read -ra fields <<<"${fields##*) }"
    used=$(((fields[11] + fields[12]) * 1000 / ticks_per_second))
}

# What all children that have ended have used, to $used_by_children.
read_used_by_children() {
    local user system time seconds
    times >"$scratch/times"
    { read -r _ && read -r user system; } <"$scratch/times"
    used_by_children=0
    for time in "$user" "$system"; do
        time=${time%s}
        seconds=${time#*m}
        used_by_children=$((used_by_children + ${time%m*} * 60000 + 10#${seconds/./}))
    done
}

# expect_death SIGNAL WORD FILE ARGUMENT...: mapproc dies by the signal, and says nothing. WORD is
# what the shell calls the death; a mere exit with the same status it calls "Exit".
expect_death() {
    local signal=$1 word=$2 file=$3 threads before end said
    shift 3
    start "$MAPPROC" "$@"
    if ! wait_until has_open "$file" || ! wait_until handles "$signal"; then
        finish
        problem "ended by itself, exit status $status ($*)"
        return
    fi
    sleep 0.2
    # Stopped, so that nothing is used between the look and the signal.
    hold_job || problem "ended by itself ($*)"
    threads=(/proc/"$pid"/task/*)
    read_used_by_children
    before=$used_by_children
    read_used
    kill "-$signal" "$pid"
    kill -CONT "$pid"
    end=$((SECONDS + 100))
    while kill -0 "$pid" 2>/dev/null && ((SECONDS < end)); do
        read -r -t 0.002 -u 6 # a nap; any command would make the shell forget how it died
    done
    jobs >"$scratch/jobs"
    mapfile -t said <"$scratch/jobs"
    [[ ${said[*]} == *"$word"* ]] || problem "not killed by SIG$signal: ${said[*]}"
    kill -KILL "$pid" 2>/dev/null
    finish
    read_used_by_children
    expect_status $((128 + $(kill -l "$signal")))
    expect_stdout ''
    expect_stderr_lines 0
    used=$((used_by_children - before - used))
    ((used <= limit_ms * ${#threads[@]})) ||
        problem "$used ms of CPU after SIG$signal, ${#threads[@]} threads ($*)"
}

mkfifo naps
exec 6<>naps
deaths=(INT:Interrupt TERM:Terminated HUP:Hangup)
if ! truncate -s "$huge" big 2>/dev/null; then
    skip_test 'signals during a long run' 'no file system for a huge sparse file'
else
    make_sparse big "$huge"
    for death in "${deaths[@]}"; do
        for io in mmap read; do
            expect_death "${death%:*}" "${death#*:}" big checksum -j 2 --io "$io" big
        done
        expect_death "${death%:*}" "${death#*:}" big checksum -j 2 --chunk-size 1G big
        expect_death "${death%:*}" "${death#*:}" big checksum -j 2 -a xxh64 big
    done
    done_test 'a signal during a long run: dead by it within the limit, in silence'
fi
rm -f big

mkfifo silent
for death in "${deaths[@]}"; do
    expect_death "${death%:*}" "${death#*:}" silent checksum silent small1
done
exec 7<>silent
for death in "${deaths[@]}"; do
    expect_death "${death%:*}" "${death#*:}" silent checksum silent
    expect_death "${death%:*}" "${death#*:}" silent checksum - <&7
    expect_death "${death%:*}" "${death#*:}" silent checksum -a xxh32 -j 1 - <&7
done
exec 7<&-
done_test 'a signal while a pipe is silent: the same'

make_sparse big "$large"
big_line=$(xxhsum -H2 big)
make_sparse big "$large"
for signal in HUP INT TERM; do
    can_hold_jobs || continue
    env "--ignore-signal=$signal" "$MAPPROC" checksum --limit-rate "$slowly" big >"$out" 2>"$err" &
    pid=$!
    wait_read 1 || problem 'ended by itself'
    kill "-$signal" "$pid" || problem "SIG$signal came too late"
    let_run
    expect_status 0
    expect_stdout "$big_line"
    expect_stderr_lines 0
done
done_test 'a signal that was ignored at the start stays ignored'

# --- limits ------------------------------------------------------------------------------------

random_file medium 50000001
medium_line=$(xxhsum -H2 medium)

# Whatever is denied, the digest is right, or there is none.
expect_right_or_refused() {
    if [[ $status == 0 ]]; then
        expect_stdout "$medium_line"
    else
        expect_status 3
        expect_stdout ''
        [[ -s $err ]] || problem 'failed in silence'
    fi
}

if sanitized; then
    skip_test 'little address space' 'sanitizers need much'
elif ! have prlimit; then
    skip_test 'little address space' 'no prlimit'
else
    good=0
    read_instead=0
    for ((mib = 1024; mib >= 18; mib = mib * 15 / 16)); do
        run prlimit --as=$((mib * mebibyte)) "$MAPPROC" checksum -v -j 2 --io mmap medium
        # What the loader or the allocator say before main() is theirs.
        grep -q '^mapproc: ' "$err" || continue
        expect_right_or_refused
        [[ $status == 0 ]] && good=$((good + 1))
        [[ $status == 0 ]] && grep -q 'map' <(grep "'medium'" "$err") &&
            read_instead=$((read_instead + 1))
    done
    ((good > 0)) || problem 'no run succeeded'
    ((read_instead > 0)) || problem 'no run was refused its mappings and read instead'
    done_test 'little address space: reads what it cannot map, or exit 3'
fi

# A user that has no other processes, not even of another run of this test.
user=$((20000 + $$ % 40000))
as_user=(setpriv --reuid="$user" --regid="$user" --clear-groups)
cp "$MAPPROC" "$scratch/mapproc"
chmod 755 "$scratch/mapproc"
if ! is_root || ! have setpriv || ! have prlimit; then
    skip_test 'few threads' 'needs root, setpriv and prlimit'
elif ! "${as_user[@]}" "$scratch/mapproc" --version >/dev/null 2>&1; then
    skip_test 'few threads' 'another user cannot run a program there'
else
    for ((processes = 9; processes >= 1; processes--)); do
        run "${as_user[@]}" prlimit --nproc="$processes:$processes" "$scratch/mapproc" \
            checksum -v -j 8 medium
        if sanitized && ((processes <= 3)); then # a sanitizer may have threads of its own
            continue
        fi
        expect_right_or_refused
        if ((processes >= 3)); then
            expect_status 0
        fi
        if ((processes < 9)) && [[ $status == 0 ]]; then
            expect_stderr 'fewer threads'
        fi
    done
    done_test 'few threads: works with those it gets'
fi

if have prlimit; then
    for ((files = 3; files < 14; files++)); do
        # Without descriptors LeakSanitizer cannot look, and calls that a failure.
        run env ASAN_OPTIONS=detect_leaks=0 prlimit --nofile="$files:$files" \
            "$MAPPROC" checksum medium
        grep -q '^mapproc: ' "$err" || [[ $status == 0 ]] || continue
        expect_right_or_refused
    done
    expect_status 0
    done_test 'few descriptors: right or exit 3'
else
    skip_test 'few descriptors' 'no prlimit'
fi

# --- system calls that fail --------------------------------------------------------------------

# inject SPEC... -- ARGUMENT...: mapproc with those system calls tampered with, if they concern
# $traced_file or there is no $traced_file.
traced_file=
inject() {
    local specs=()
    while [[ $1 != -- ]]; do
        specs+=(-e "inject=$1")
        shift
    done
    shift
    run strace -f -qq -o "$scratch/strace" ${traced_file:+-P "$traced_file"} "${specs[@]}" \
        "$MAPPROC" "$@"
}

expect_injected() {
    grep -q INJECTED "$scratch/strace" || problem 'nothing was injected'
}

expect_medium() {
    expect_injected
    expect_status 0
    expect_stdout "$medium_line"
    expect_stderr_lines 0
}

if sanitized; then
    skip_test 'system calls that fail' 'sanitizers make system calls of their own'
elif ! have strace || ! strace -f -qq -o /dev/null true 2>/dev/null; then
    skip_test 'system calls that fail' 'strace is missing or may not trace'
else
    for error in EINVAL ENOSYS EPERM ENOMEM; do
        inject "madvise:error=$error" -- checksum --io mmap medium
        expect_medium
    done
    done_test 'all advice is refused: no harm'

    traced_file=$PWD/medium
    for error in ENODEV ENOMEM EACCES; do
        inject "mmap:error=$error" -- checksum --io mmap medium
        expect_medium
        inject "mmap:error=$error:when=2+" -- checksum -j 1 --io mmap medium
        expect_medium
        inject "mmap:error=$error" -- checksum -j 2 -a xxh64 --io mmap medium
        expect_injected
        expect_status 0
        expect_stdout "$(xxhsum -H1 medium)"
    done
    inject mmap:error=ENODEV -- checksum -v --io mmap medium
    expect_stdout "$medium_line"
    expect_stderr "'medium'"
    done_test 'the file cannot be mapped: read instead'

    for threads in 1 3; do
        inject pread64:error=EINTR:when=2..4 -- checksum -j "$threads" --io read medium
        expect_medium
        inject pread64:error=EIO:when=3 -- checksum -j "$threads" --io read small1 medium small2
        expect_injected
        expect_status 3
        expect_stdout "$small_lines"
        expect_stderr_lines 1
        grep -qE "^mapproc: 'medium': cannot read \(bytes [0-9]+-[0-9]+: Input/output error\)$" \
            "$err" || problem "stderr: $(<"$err")"
        inject pread64:retval=0:when=3 -- checksum -j "$threads" --io read medium
        expect_injected
        expect_error 1
        expect_stderr "'medium'"
    done
    done_test 'pread fails: EIO is exit 3 with the range, EINTR does not matter, an early end is exit 1'

    inject openat:error=EIO -- checksum "$PWD/medium" small1
    expect_injected
    expect_status 3
    expect_stdout "$(xxhsum -H2 small1)"
    expect_stderr_lines 1
    inject openat:error=EMFILE -- checksum "$PWD/medium" small1
    expect_injected
    expect_status 3
    expect_stderr_lines 1
    inject fstatfs:error=ENOSYS -- checksum medium
    expect_medium
    for when in 1 2; do
        inject "fstat,newfstatat:error=EIO:when=$when" -- checksum -j 1 medium small1
        expect_injected
        expect_status 3
        expect_stdout "$(xxhsum -H2 small1)"
        expect_stderr_lines 1
    done
    done_test 'opening or looking at the file fails: exit 3, the others are done'
    traced_file=

    if (($(nproc) > 1)); then # else there is nothing to ask for
        first_cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
        inject sched_setaffinity:error=EPERM -- checksum --cpus "$first_cpu" medium
        expect_medium
    fi
    inject sched_getaffinity:error=ENOSYS -- checksum medium
    expect_status 0
    expect_stdout "$medium_line"
    inject clone3:error=ENOSYS -- checksum medium
    expect_status 0
    expect_stdout "$medium_line"
    inject eventfd2:error=EMFILE -- checksum medium
    expect_injected
    expect_error 3
    inject timer_create:error=EAGAIN -- checksum medium
    expect_medium
    inject get_mempolicy:error=EPERM mbind:error=EPERM set_mempolicy:error=EPERM -- checksum medium
    expect_status 0
    expect_stdout "$medium_line"
    expect_stderr_lines 0
    done_test 'pinning, timers and memory policies are refused: no harm'

    traced_file=$out
    inject write:error=EIO -- checksum small1
    expect_injected
    expect_error 3
    inject write:error=EINTR:when=1 -- checksum small1
    expect_injected
    [[ $status == 3 ]] || expect_stdout "$(xxhsum -H2 small1)"
    done_test 'writing the result fails: never in silence'
fi

# --- devices -----------------------------------------------------------------------------------

if ! is_root || ! have losetup; then
    skip_test 'block device' 'needs root and losetup'
elif ! device=$(losetup --find --show -r medium 2>/dev/null); then
    skip_test 'block device' 'no loop device to be had'
else
    at_exit "losetup -d $device"
    for io in auto mmap read; do
        run "$MAPPROC" checksum --io "$io" "$device"
        expect_status 0
        expect_stdout "$(head -c $((50000001 / 512 * 512)) medium | xxhsum -H2 | digests)  $device"
        expect_stderr_lines 0
    done
    run "$MAPPROC" checksum <"$device"
    expect_status 0
    expect_stdout "$(head -c $((50000001 / 512 * 512)) medium | xxhsum -H2)"
    done_test 'block device: its size is the size that the kernel tells'
fi

# Makes a btrfs image with the file "damaged" in it, one byte of which has rotted at $rotten, and
# mounts it as mnt. False, with $reason, if that is not possible here.
rotten=$((8 * mebibyte + 12345))
mount_damaged() {
    local marker=c0ffee-mapproc-$RANDOM$RANDOM$RANDOM position
    reason='needs root, mkfs.btrfs and a kernel with btrfs'
    is_root && have mkfs.btrfs && have losetup || return 1
    truncate -s 256M image
    mkfs.btrfs -q image >/dev/null 2>&1 || return 1
    mkdir -p mnt
    mount -o loop image mnt 2>/dev/null || return 1
    at_exit "umount '$PWD/mnt'"
    head -c 20000000 medium >mnt/damaged
    printf %s "$marker" | dd of=mnt/damaged bs=1 seek="$rotten" conv=notrunc status=none
    cp small1 mnt/good
    umount mnt || return 1
    reason='the byte was not found in the image'
    position=$(grep -obUaF -m 1 "$marker" image | head -n 1 | cut -d : -f 1)
    [[ -n $position ]] || return 1
    printf X | dd of=image bs=1 seek="$position" conv=notrunc status=none
    reason='the image could not be mounted again'
    mount -o loop image mnt 2>/dev/null
}

if ! mount_damaged; then
    skip_test 'read error of a file system' "$reason"
else
    good_line=$(xxhsum -H2 mnt/good)
    for arguments in '--io mmap' '--io read' '--io mmap -a xxh64' '--io read -a xxh64 -j 1'; do
        # shellcheck disable=SC2086 # words
        run "$MAPPROC" checksum $arguments mnt/damaged mnt/good
        expect_status 3
        [[ $arguments == *xxh64* ]] || expect_stdout "$good_line"
        expect_stderr_lines 1
        range=$(sed -nE "s|^mapproc: 'mnt/damaged': cannot read \\(bytes ([0-9]+-[0-9]+): .*|\\1|p" "$err")
        if [[ -z $range ]]; then
            problem "no range in: $(<"$err")"
        elif ((${range%-*} > rotten || ${range#*-} < rotten)); then
            problem "byte $rotten is not in $range"
        fi
    done
    done_test 'read error of a file system: exit 3 with the range, the others are done'
fi

finish_tests
