#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_lib.sh - what the tests of the command line share; to be sourced.
#
# A test is a row of steps between two names:
#
#     run "$MAPPROC" checksum file         # leaves $status, $out and $err
#     expect_status 0
#     expect_stdout "$(xxhsum -H2 file)"
#     done_test 'one file'                 # prints "ok 1 - one file", or what was wrong
#
# $MAPPROC is the program to be tested, as an absolute path. MAPPROC_TEST_SANITIZER=1 says that it
# was built with a sanitizer: some limits are then wider, and some tests make no sense.

set -u
umask 022 # some files are for other users
export LC_ALL=C

case "${MAPPROC:-}" in
/*) ;;
*)
    printf 'Bail out! MAPPROC must be the absolute path of the program\n'
    exit 1
    ;;
esac
sanitized() { [[ ${MAPPROC_TEST_SANITIZER:-0} != 0 ]]; }

# The scratch directory is the working directory; the files of run() are kept out of the way.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mapproc-test.XXXXXX") || exit 1
mkdir "$scratch/work" || exit 1
chmod 755 "$scratch" "$scratch/work"
cd "$scratch/work" || exit 1
out=$scratch/stdout
err=$scratch/stderr

tests=0
failures=0
status=0
problems=()
cleanups=()

# Runs a command line at the end, the last one given first.
at_exit() { cleanups+=("$*"); }

clean_up() {
    local pids
    trap - EXIT
    pids=$(jobs -p)
    # shellcheck disable=SC2086 # a list of numbers
    [[ -n $pids ]] && kill -KILL $pids 2>/dev/null
    wait 2>/dev/null
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
        eval "${cleanups[i]}" >/dev/null 2>&1
    done
    cd / && rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command; its standard input is empty unless the caller redirects it.
run() {
    if [[ -t 0 ]]; then
        "$@" </dev/null >"$out" 2>"$err"
    else
        "$@" >"$out" 2>"$err"
    fi
    status=$?
}

# Notes what is wrong with the current test; further arguments are lines to show with it.
problem() {
    local line
    problems+=("$1")
    shift
    for line; do
        problems+=("    $line")
    done
}

# The first lines of a file, made harmless for a terminal, one array element each, in $shown.
show_file() { mapfile -t -n 12 shown < <(head -c 4000 "$1" | cat -v); }

expect_status() {
    [[ $status == "$1" ]] && return
    show_file "$err"
    problem "exit status $status, expected $1; stderr:" "${shown[@]}"
}

# Regular files with the same content. Not in a pipeline: what a subshell notes is lost.
expect_same_files() {
    cmp -s "$1" "$2" && return
    mapfile -t -n 12 shown < <(diff -a "$1" "$2" | cat -v | cut -c 1-200)
    problem "differs (< expected, > found):" "${shown[@]}"
}

# Standard output is exactly the file, or the text (and a newline, if there is any text).
expect_stdout_file() { expect_same_files "$1" "$out"; }
expect_stdout() {
    printf '%s' "${1:+$1$'\n'}" >"$scratch/expected"
    expect_stdout_file "$scratch/expected"
}

# Standard error has so many lines, all of them printable.
expect_stderr_lines() {
    local lines
    lines=$(wc -l <"$err")
    if [[ $lines != "$1" ]]; then
        show_file "$err"
        problem "$lines lines on stderr, expected $1:" "${shown[@]}"
    elif grep -qa '[^ -~]' "$err" || [[ -s $err && -n $(tail -c 1 "$err") ]]; then
        show_file "$err"
        problem 'stderr is not plain text:' "${shown[@]}"
    fi
}

# Standard error contains the words.
expect_stderr() {
    grep -qF -e "$1" "$err" && return
    show_file "$err"
    problem "stderr does not say \"$1\":" "${shown[@]}"
}

# Nothing but an error: one line on stderr, nothing on stdout, and this status.
expect_error() {
    expect_status "$1"
    expect_stdout ''
    expect_stderr_lines 1
}

# Ends a test: it is good if no problem was noted since the last one.
done_test() {
    tests=$((tests + 1))
    if ((${#problems[@]} == 0)); then
        printf 'ok %d - %s\n' "$tests" "$1"
        return
    fi
    failures=$((failures + 1))
    printf 'not ok %d - %s\n' "$tests" "$1"
    printf '# %s\n' "${problems[@]:0:40}"
    problems=()
}

# A test that is one command, which must succeed.
check() {
    local name=$1
    shift
    run "$@"
    if [[ $status != 0 ]]; then
        show_file "$out"
        problem "exit status $status of: $*" "${shown[@]}"
        show_file "$err"
        problem 'stderr:' "${shown[@]}"
    fi
    done_test "$name"
}

skip_test() {
    tests=$((tests + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

# The last line of every test program.
finish_tests() {
    printf '1..%d\n' "$tests"
    exit $((failures > 0))
}

# Seconds after which what is waited for counts as never coming: no machine is as slow as that.
patience=300

# Waits until a command succeeds. Facts are waited for, never a time that should do.
await() {
    local end=$((SECONDS + patience))
    until "$@"; do
        if ((SECONDS >= end)); then
            problem "waited in vain: $*"
            return 1
        fi
        sleep 0.02
    done
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [[ $(id -u) == 0 ]]; }

# random_file NAME SIZE: bytes that do not compress.
random_file() { head -c "$2" /dev/urandom >"$1"; }

# flip FILE OFFSET [LENGTH]: makes bytes different, whatever they are.
flip() {
    dd if="$1" bs=1 skip="$2" count="${3:-1}" status=none | LC_ALL=C tr '\000-\377' '\200-\377\000-\177' |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# The digests alone of xxhsum-like lines.
digests() { cut -d ' ' -f 1; }
