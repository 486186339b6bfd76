#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# job_lib.sh - what the tests of running jobs share; to be sourced.
#
# Nothing here depends on how fast the machine is. A job that is to be looked at is given $slow as
# its limit, so that it cannot come to its end by itself; then what it tells in its segment is
# waited for, and the limit is taken away.

# With a /dev/shm of its own where that can be had: any other job of the same user would clear away
# what dead ones leave, which is what it should do.
if [[ -z ${MAPPROC_TEST_ALONE:-} && "${TMPDIR:-/tmp}/ ${MAPPROC:-} $0" != */dev/shm/* ]] &&
    unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016 # for the inner shell
    exec unshare -m --propagation private bash -c 'MAPPROC_TEST_ALONE=0
        mount -t tmpfs none /dev/shm 2>/dev/null && MAPPROC_TEST_ALONE=1
        export MAPPROC_TEST_ALONE
        exec bash "$0"' "$0"
fi
is_alone() { [[ ${MAPPROC_TEST_ALONE:-0} == 1 ]]; }

samples=$(cd "$(dirname "$0")/../samples" && pwd)
# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

if [[ ! -d /dev/shm || ! -w /dev/shm ]]; then
    printf '1..0 # SKIP no /dev/shm\n'
    exit 0
fi

# shellcheck disable=SC2034 # used by those that source this
mebibyte=$((1024 * 1024))
# shellcheck disable=SC2034
slow=32K # bytes per second: so few that 8 MiB take more than $patience
job=job-$$
file='' pid=''

# Less than a job with the limit of $slow takes.
patience=200

# peek FIELD...: of the latest snapshot of the job; fails if there is none. The state is a word,
# workers are their states.
cat >"$scratch/peek.py" <<'END'
import mmap, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import watch
try:
    fd = os.open(sys.argv[2], os.O_RDONLY)
    with mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ) as memory:
        snapshot, workers = watch.read_snapshot(memory, watch.read_header(memory))
except (OSError, ValueError, watch.NotASegment) as error:
    sys.exit(f"{error}")
snapshot["state"] = watch.STATES[snapshot["state"]]
names = "absent idle busy limited paused".split()
snapshot["workers"] = ",".join(names[worker["state"]] for worker in workers)
print(*(snapshot[field] for field in sys.argv[3:]))
END
peek() { python3 "$scratch/peek.py" "$samples" "$file" "$@" 2>/dev/null; }

peek_is() { [[ $(peek "$1") == "$2" ]]; }

# Whether the job has a segment, and has done something.
is_at_work() {
    file=$(compgen -G "/dev/shm/mapproc-$pid-*") || file=
    [[ -n $file && $(peek done_bytes) -gt 0 ]]
}

# Starts a job of the name $job in the background, its output where run() puts it. Leaves its $pid
# and its segment's $file once it is at work: then it also catches signals.
start_job() {
    env --default-signal=INT,TERM,HUP,USR1 "$MAPPROC" "$@" --job-name "$job" </dev/null \
        >"$out" 2>"$err" &
    pid=$!
    await is_at_work
}

# Waits for the job, and leaves its $status.
wait_job() {
    wait "$pid" 2>/dev/null
    status=$?
}

# Lets the job go on without a limit, and waits for it.
finish_job() {
    "$MAPPROC" ctl "$job" rate off || problem 'no rate off'
    wait_job
}

has_lines() { (($(wc -l <"$1") >= $2)); }

# Whether a process has a handler of its own for SIGUSR1, which no shell has before it.
catches_usr1() {
    [[ $(<"/proc/$1/comm") == mapproc ]] &&
        ((0x$(awk '$1 == "SigCgt:" {print $2}' "/proc/$1/status") & 0x200))
} 2>/dev/null

# The state of a process: one letter, as /proc tells.
is_in_state() { [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == "$2"* ]]; }
