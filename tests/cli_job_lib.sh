#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_job_lib.sh - what tests share that do something to a program while it runs; to be sourced in
# place of cli_lib.sh.
#
# How fast anything is, is no matter: what a test does next waits for a fact that can be seen from
# outside, and a job that is to be caught reads so slowly that it cannot end by itself.

samples=$(cd "$(dirname "${BASH_SOURCE[0]}")/../samples" && pwd)
# shellcheck source=tests/cli_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli_lib.sh"

# Seconds after which something will never come. Only tells a test that hangs from one that does not.
patience=240

# Starts a command in the background, its output where run() puts it. Leaves its $pid.
start() {
    # Without <&0 the shell would give it /dev/null.
    env --default-signal=INT,TERM,HUP "$@" <&0 >"$out" 2>"$err" &
    pid=$!
}

# Waits for its end, and leaves its $status.
finish() {
    wait "$pid" 2>/dev/null
    status=$?
}

# Waits until a command succeeds; false if the process ends before, or it takes forever.
wait_until() {
    local end=$((SECONDS + patience))
    until "$@"; do
        kill -0 "$pid" 2>/dev/null || return 1
        if ((SECONDS > end)); then
            problem "never came: $*"
            return 1
        fi
        sleep 0.01
    done
}

# --- facts -------------------------------------------------------------------------------------

# The process is the program already, and not what starts it.
is_program() { [[ /proc/$pid/exe -ef $MAPPROC ]]; }

# It has so many descriptors of the file.
has_open() {
    local fd count=0
    is_program || return 1
    for fd in /proc/"$pid"/fd/*; do
        [[ $fd -ef $1 ]] && count=$((count + 1))
    done
    ((count >= ${2:-1}))
}

# It has a function of its own for the signal.
handles() {
    local caught
    is_program && caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) &&
        ((16#${caught:-0} >> ($(kill -l "$1") - 1) & 1))
}

# All of its threads are stopped by a signal.
is_stopped() {
    local others
    is_program && others=$(grep -L '^State:.[Tt]' /proc/"$pid"/task/*/status 2>&1)
    [[ -z ${others-none} ]]
}

# --- jobs that are held ------------------------------------------------------------------------

# Whether jobs can be seen from outside, and let loose again when they were started slowly.
can_hold_jobs() { [[ -d /dev/shm && -w /dev/shm ]] && have python3; }
# shellcheck disable=SC2034 # what tests say that cannot do without
no_holding='needs /dev/shm and python3'

# Waits until the job has read so many bytes of its files: it has opened the first, knows its size,
# and is at it. False if it ends before.
wait_read() {
    python3 -B - "$samples" "$pid" "$1" "$patience" <<'PYTHON'
import glob, sys, time
sys.path.insert(0, sys.argv[1])
import watch

pid, least, end = sys.argv[2], int(sys.argv[3]), time.monotonic() + int(sys.argv[4])

def has_ended():
    try:
        with open('/proc/%s/stat' % pid) as stat:
            return stat.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except OSError:
        return True

while time.monotonic() < end and not has_ended():
    for path in glob.glob('/dev/shm/mapproc-%s-*' % pid):
        try:
            job = watch.look(path)
        except (OSError, ValueError, watch.NotASegment): # not yet, or not any more
            continue
        if job['alive'] and job['done_bytes'] >= least:
            sys.exit(0)
    time.sleep(0.01)
sys.exit(1)
PYTHON
}

# Stops all threads of the job, wherever they are. False if it has ended.
hold_job() { kill -STOP "$pid" 2>/dev/null && wait_until is_stopped; }

# Lets it run on, as fast as it can, to its end.
let_run() {
    kill -CONT "$pid"
    # It may have come to its end by then.
    "$MAPPROC" ctl "$pid" rate off >/dev/null 2>&1
    finish
}

# catch_job BYTES ARGUMENT...: starts mapproc and holds it when it has read so many bytes. The
# arguments must have it read so slowly that this is long before its end.
catch_job() {
    local bytes=$1
    shift
    start "$MAPPROC" "$@"
    wait_read "$bytes" && hold_job && return
    kill -KILL "$pid" 2>/dev/null
    finish
    show_file "$err"
    problem "could not be caught under way, exit status $status; stderr:" "${shown[@]}"
    return 1
}
