#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_watch.sh - mapproc watch: lines, JSON, the whole screen; jobs that end, die, or are none.

# shellcheck source=tests/job_lib.sh
. "$(dirname "$0")/job_lib.sh"

random_file data $((8 * mebibyte))

end_job() {
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    rm -f "$file"
}

# start_watcher LINES ARGUMENT...: watches the job in the background, into the file lines, and waits
# until there are so many of them. Leaves the $watcher.
start_watcher() {
    "$MAPPROC" watch "$job" "${@:2}" >lines &
    watcher=$!
    await has_lines lines "$1"
}

# Leaves the watcher's $status.
wait_watcher() {
    wait "$watcher"
    status=$?
}

# Standard output matches the whole of an extended regular expression, line by line.
expect_stdout_like() {
    grep -qvE "^($1)\$" "$out" || [[ ! -s $out ]] && {
        [[ -s $out ]] && ! grep -qvE "^($1)\$" "$out" && return
        show_file "$out"
        problem "not like $1:" "${shown[@]}"
    }
}

# ---- lines ----

start_job checksum --limit-rate $slow data
await peek_is state running
figures='[0-9.]+ % of 8.0 MiB, [0-9.]+ (B|KiB|MiB)/s(, [0-9:]+ left)?'
run "$MAPPROC" watch --once "$job"
expect_status 0
expect_stderr_lines 0
expect_stdout_like "checksum $pid '$job': running, $figures"
run "$MAPPROC" watch --once "$pid"
expect_stdout_like "checksum $pid '$job': running, $figures"
kill -STOP "$pid"
await is_in_state "$pid" T
run "$MAPPROC" watch --once "$pid"
expect_stdout_like "checksum $pid '$job': running, stopped by a signal, $figures"
kill -CONT "$pid"
start_watcher 4 --interval 0.1
finish_job
expect_status 0
wait_watcher
expect_status 0
[[ $(tail -n 1 lines) =~ ^checksum\ $pid\ \'$job\':\ done,\ 8.0\ MiB\ in\ [0-9:]+,\  ]] ||
    problem "the last line is: $(tail -n 1 lines)"
done_test 'lines, until the job has ended well'

start_job checksum --limit-rate $slow data missing
start_watcher 2 --interval 0.1
finish_job
wait_watcher
expect_status 1
grep -q 'failed with exit status 1 at 100.0 %' lines || problem "$(tail -n 1 lines)"
start_job checksum --limit-rate $slow data
start_watcher 2 --interval 0.1
kill -TERM "$pid"
wait_watcher
expect_status 1
grep -q 'cancelled at [0-9.]* %' lines || problem "$(tail -n 1 lines)"
wait_job
expect_status 143
done_test 'a job that fails or is cancelled'

# ---- death ----

# has_died_since SECONDS: that many at least, as watch tells.
# shellcheck disable=SC2317 # run by await()
has_died_since() {
    run "$MAPPROC" watch "$job"
    [[ $(<"$out") =~ \ died\ ([0-9]+)\ s\ ago\ at\ [0-9.]+\ %$ ]] && ((BASH_REMATCH[1] >= $1))
}

start_job checksum --limit-rate $slow data
start_watcher 2 --interval 0.1
kill -KILL "$pid"
wait_watcher
expect_status 3
[[ $(tail -n 1 lines) =~ ^checksum\ $pid\ \'$job\':\ died\ [0-9]+\ s\ ago\ at\ [0-9.]+\ % ]] ||
    problem "$(tail -n 1 lines)"
wait "$pid" 2>/dev/null
done_test 'a job that is killed has died'

if is_alone; then
    await has_died_since 1
    expect_status 3
    expect_stdout_like "checksum $pid '$job': died [0-9]+ s ago at [0-9.]+ %"
    run "$MAPPROC" ctl "$job" pause
    expect_error 2
    [[ -f $file ]] || problem 'the segment of the dead is gone too early'
    run "$MAPPROC" watch --clean -v
    expect_status 0
    grep -qF "$file" "$err" || problem 'not told what was removed'
    [[ ! -e $file ]] || problem '--clean has left the segment of the dead'
    run "$MAPPROC" watch "$job"
    expect_error 2
    start_job checksum --limit-rate $slow data
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    [[ -f $file ]] || problem 'the segment of the dead is gone by itself'
    "$MAPPROC" checksum /dev/null >/dev/null
    [[ ! -e $file ]] || problem 'the next job has left the segment of the dead'
    done_test 'the dead are told, and cleared away'
else
    "$MAPPROC" watch --clean
    [[ ! -e $file ]] || problem '--clean has left the segment of the dead'
    done_test 'the dead are cleared away'
fi

# The watcher is killed, or stopped: the job does not notice.
start_job checksum --limit-rate $slow data
start_watcher 2 --interval 0.02
kill -KILL "$watcher"
wait "$watcher" 2>/dev/null
start_watcher 2 --interval 0.02
kill -STOP "$watcher"
await is_in_state "$watcher" T
finish_job
expect_status 0
expect_stdout_file <("$MAPPROC" checksum data)
kill -KILL "$watcher"
wait 2>/dev/null
done_test 'a watcher that is killed or stopped is no matter to the job'

# ---- JSON ----

cat >schema.py <<'END'
import json, sys
number, text, natural, truth = (int, float), str, int, bool
schema = {
    "pid": natural, "verb": text, "name": (text, None), "state": text, "stopped": truth,
    "percent": (number, None), "done_bytes": natural, "total_bytes": natural,
    "done_files": natural, "total_files": natural, "total_known": truth, "output_bytes": natural,
    "errors": natural, "rate": (number, None), "average_rate": (number, None),
    "eta_seconds": (number, None), "elapsed_seconds": (number, None), "paused_seconds": number,
    "age_seconds": number, "limit_rate": (natural, None), "current": (text, None),
    "exit_status": (natural, None), "workers": list,
}
worker_schema = {"state": text, "bytes": natural, "source": natural, "offset": natural,
                 "node": (natural, None), "cpu": (natural, None)}
states = "planning running paused finishing done failed cancelled died".split()
def fits(value, wanted):
    if wanted is None:
        return value is None
    if wanted in (natural,):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if isinstance(wanted, tuple):
        return any(fits(value, each) for each in wanted)
    return isinstance(value, wanted)
def check(record, wanted):
    assert list(record) == list(wanted), list(record)
    for key, value in record.items():
        assert fits(value, wanted[key]), (key, value)
before = -1
for line in sys.stdin:
    record = json.loads(line)
    check(record, schema)
    for worker in record["workers"]:
        check(worker, worker_schema)
    assert record["state"] in states
    assert before <= record["done_bytes"] <= record["total_bytes"]
    before = record["done_bytes"]
    assert sum(worker["bytes"] for worker in record["workers"]) == before
print(record["state"], record["percent"], record["exit_status"], record["current"], record["name"])
END
if "$MAPPROC" watch --json --help >/dev/null 2>&1; then
    start_job checksum --limit-rate $slow data
    start_watcher 4 --json --interval 0.05
    "$MAPPROC" ctl "$job" pause
    [[ $("$MAPPROC" watch --once --json "$job" | python3 schema.py) == "paused "* ]] ||
        problem 'not paused in JSON'
    "$MAPPROC" ctl "$job" resume
    finish_job
    expect_status 0
    wait_watcher
    expect_status 0
    result=$(python3 schema.py <lines 2>&1)
    [[ $result == "done 100.0 0 data $job" ]] || problem "$result" "$(tail -n 1 lines)"
    (($(wc -l <lines) > 4)) || problem "only $(wc -l <lines) objects"
    done_test 'JSON, as README.md describes it'
else
    skip_test 'JSON' 'built without it'
fi

# ---- no jobs, and several ----

# With a /dev/shm of its own; in the commands, $1 is the program. In vain it waits as long as others.
# shellcheck disable=SC2317 # run by run()
alone() {
    timeout "$patience" unshare -m --propagation private \
        bash -c "mount -t tmpfs none /dev/shm; $1" _ "$MAPPROC"
}
# shellcheck disable=SC2016 # what is in single quotes is for the inner shell
if is_root && unshare -m true 2>/dev/null; then
    # Starts jobs that do not end by themselves, and waits until so many are seen to run.
    begin='m=$1; trap "kill \$(jobs -p); wait" EXIT
        slow() { exec "$m" "$@" --limit-rate 32K >/dev/null 2>&1; }
        see() { until [ "$("$m" watch --once 2>/dev/null | grep -c ": running, ")" = "$1" ]
            do sleep 0.05; done; };'
    cp data copy
    run alone '"$1" watch'
    expect_error 2
    expect_stderr 'no job is running'
    run alone "$begin"'slow checksum data & see 1; "$m" watch --once'
    expect_status 0
    expect_stdout_like 'checksum [0-9]+: running, .*'
    run alone "$begin"'slow checksum data & slow compare data copy --job-name b &
        slow checksum data data & see 3; "$m" watch'
    expect_status 0
    expect_stdout_like "(checksum|compare) [0-9]+( 'b')?: running, .*"
    (($(wc -l <"$out") == 3)) || problem "no table: $(cat "$out")"
    run alone "$begin"'slow checksum data --job-name x & slow checksum data --job-name x & see 2
        "$m" ctl x pause'
    expect_error 2
    expect_stderr 'is the name of several jobs'
    done_test 'no job, the only job, a table of all'
else
    skip_test 'no job, the only job, a table of all' 'needs root and mount namespaces'
fi

# ---- what is no segment ----

if is_root && is_alone; then
    name=/dev/shm/mapproc-123-0123456789abcdef
    for what in "head -c 5000 /dev/urandom >$name" "head -c 10 /dev/zero >$name; printf M | dd of=$name conv=notrunc" \
        ": >$name" "ln -s /etc/passwd $name" "mkfifo $name" "mkdir $name"; do
        run alone "umask 077; { $what; } 2>/dev/null; \"\$1\" watch 123"
        expect_status 2
        expect_stdout ''
        expect_stderr "mapproc: '$name': is not the segment of a job"
    done
    run alone "head -c 5000 /dev/zero >$name; chown nobody $name; chmod 666 $name; \"\$1\" watch"
    expect_status 2
    expect_stderr "mapproc: '$name': is open to others"
    done_test 'what is no segment is refused with a clear line'

    # As another user: neither seen nor obeyed nor removed.
    cp "$MAPPROC" ../mapproc
    chmod 755 ../mapproc
    start_job checksum --limit-rate $slow data
    # shellcheck disable=SC2317 # run by run()
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/mapproc" "$@"; }
    run as_nobody ctl "$job" cancel
    expect_status 2
    run as_nobody watch --once "$job"
    expect_status 2
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    run as_nobody watch --clean
    [[ -e $file ]] || problem 'another user has removed it'
    end_job
    done_test "another user's job is left alone"
else
    skip_test 'what is no segment' 'needs root and mount namespaces'
fi

run "$MAPPROC" watch a b
expect_error 2
run "$MAPPROC" watch --interval 0
expect_error 2
run "$MAPPROC" watch --interval x
expect_error 2
run "$MAPPROC" watch --clean job
expect_error 2
run "$MAPPROC" watch --once no-such-job-"$$"
expect_error 2
done_test 'what makes no sense is refused'

# ---- readers of other kinds ----

start_job checksum --limit-rate $slow data
await peek_is state running
run python3 "$samples/watch.py" "$file"
expect_status 0
expect_stdout_like "checksum $pid '$job': running, [0-9.]+ %, [0-9]+ bytes"
if [[ -n ${MAPPROC_TEST_PROGRESS_READER:-} ]]; then
    run "$MAPPROC_TEST_PROGRESS_READER" "$file"
    expect_status 0
    expect_stdout_like "$pid checksum running ([0-9]+) 8388608 [0-9]+"
    read -r _ _ _ all _ sum <"$out"
    [[ $all == "$sum" ]] || problem "workers have done $sum, all have done $all"
    : >empty
    run "$MAPPROC_TEST_PROGRESS_READER" empty "$samples/watch.py"
    expect_status 1
fi
kill -KILL "$pid"
wait "$pid" 2>/dev/null
if is_alone; then
    run python3 "$samples/watch.py" "$file"
    expect_stdout_like "checksum $pid '$job': dead, was running, [0-9.]+ %, [0-9]+ bytes"
fi
run python3 "$samples/watch.py" data
expect_status 1
end_job
done_test 'the samples in C and Python read a running job'

# ---- the whole screen ----

unset TMUX
screens=0
in_tmux() { tmux -L "$job-$screens" "$@"; }
screen() { in_tmux capture-pane -p -J | sed 's/ *$//'; }

# shellcheck disable=SC2317 # run by await()
screen_has() {
    screen >shown
    grep -Eq -e "$1" shown
}

# Waits until the screen has what the regular expression says.
expect_screen() {
    await screen_has "$1" && return
    mapfile -t shown < <(cat -v shown)
    problem "the screen does not show $1:" "${shown[@]}"
}

# Each in a server of its own: one that was killed takes a while to go.
start_screen() { # WIDTH HEIGHT LOCALE TERM
    screens=$((screens + 1))
    at_exit "tmux -L $job-$screens kill-server"
    in_tmux -f /dev/null new-session -d -x "$1" -y "$2" \
        "env LC_ALL=$3 TERM=$4 $MAPPROC watch $job; echo status \$?; exec sleep 10000"
}

if have tmux && [[ ${MAPPROC_TEST_SCREEN:-1} == 1 ]]; then
    start_job checksum --limit-rate $slow data
    start_screen 80 24 C.UTF-8 screen
    expect_screen "^checksum $pid '$job' +running +[0-9:]+\$"
    expect_screen "^'data'\$"
    expect_screen '^\[.*\] [0-9.]+ %$'
    expect_screen '^[0-9.]+ [KM]iB of 8.0 MiB    0 of 1 files$'
    expect_screen 'B/s now    [0-9.]+ [KM]?i?B/s average    limit 32.0 KiB/s'
    expect_screen '^node +worker +cpu +state +bytes +rate +source +at$'
    expect_screen '^ +0 +0 +[0-9]+ +(busy|limited|idle)'
    expect_screen '^ p pause   c cancel   q quit'
    (($(screen | wc -l) == 24)) || problem 'not 24 lines'
    in_tmux send-keys p
    expect_screen ' paused '
    expect_screen '^ p resume'
    in_tmux send-keys p
    expect_screen ' running '
    in_tmux send-keys c
    expect_screen 'Cancel this job\?'
    in_tmux resize-window -x 200 -y 50
    expect_screen "^checksum $pid '$job' {100,}running"
    expect_screen 'Cancel this job\?'
    in_tmux send-keys n
    expect_screen '^ p pause   c cancel   q quit'
    in_tmux send-keys q
    expect_screen '^status 0'
    # Without UTF-8 and on a terminal that can do next to nothing; and so small.
    start_screen 40 10 C vt100
    expect_screen '^\[#* +\] [0-9.]+ %'
    in_tmux send-keys c
    expect_screen 'Cancel this job\?'
    in_tmux send-keys y
    expect_screen 'cancelled at [0-9.]+ %'
    expect_screen '^status 1'
    wait_job
    expect_status 3
    done_test 'the whole screen: figures, keys, sizes'

    start_job checksum --limit-rate $slow data
    start_screen 80 24 C.UTF-8 screen
    expect_screen ' running '
    kill -KILL "$pid"
    expect_screen 'died [0-9]+ s ago at'
    expect_screen '^status 3'
    end_job
    done_test 'and the end of a job that is killed'
else
    skip_test 'the whole screen' 'no tmux, or built without ncurses'
fi

finish_tests
