#!/bin/sh
# SPDX-License-Identifier: MIT
# numa_guest.sh - runs the test programs given as arguments in a guest, and tells if one dies.
export CMOCKA_MESSAGE_OUTPUT=TAP
for program; do
    case $program in
    *.sh) shell=bash ;;
    *) shell= ;;
    esac
    # What hangs shall not take the others with it. They take 25 s, much more on a busy machine. A
    # shell that waits for a program that hangs heeds nothing but SIGKILL.
    timeout -k 5 1200 $shell "/payload/$program" >/tmp/log 2>&1
    status=$?
    cat /tmp/log
    # cmocka calls what is skipped "not ok", too.
    bad=$(grep '^not ok' /tmp/log | grep -cv '# SKIP')
    if ! grep -q '^1\.\.' /tmp/log || { [ $status -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "not ok - $program died (status $status)"
    fi
done
