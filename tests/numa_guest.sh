#!/bin/sh
# SPDX-License-Identifier: MIT
# numa_guest.sh - runs the test programs given as arguments in a guest, and tells if one dies.
export CMOCKA_MESSAGE_OUTPUT=TAP
for program; do
    case $program in
    *.sh) bash "/payload/$program" >/tmp/log 2>&1 ;;
    *) "/payload/$program" >/tmp/log 2>&1 ;;
    esac
    status=$?
    cat /tmp/log
    if ! grep -q '^1\.\.' /tmp/log || { [ $status -ne 0 ] && ! grep -q '^not ok' /tmp/log; }; then
        echo "not ok - $program died (status $status)"
    fi
done
