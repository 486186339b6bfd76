#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_info.sh - what mapproc info tells of codecs and levels.
#
# What it tells of the machine is tested in cli_memory.sh.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

run "$MAPPROC" info
expect_status 0
expect_stderr_lines 0
cp "$out" brief
grep -qE '^(codecs|     ) +zlib [0-9.]+, levels 1 to 9$' brief || problem 'info does not tell of zlib' "$(cat brief)"
grep -qE '^inflater +(isal|zlib) [0-9.]+, ' brief || problem 'info does not tell the inflater'
grep -q '^levels' brief && problem 'info tells the levels without -v'
if have pkg-config && pkg-config --exists libdeflate && grep -q 'libdeflate' brief; then
    grep -q "libdeflate $(pkg-config --modversion libdeflate)," brief || problem 'another libdeflate'
fi
done_test 'info tells the codecs with their versions'

run "$MAPPROC" info -v
expect_status 0
# The levels are 1 to 12, each by a codec of the list above.
awk '/^levels/ { on = 1; sub(/^levels/, "") }
     on && NF == 3 { if ($1 != ++level) exit 1; print $2 }
     on && NF != 3 { on = 0 }
     END { if (level != 12) exit 1 }' "$out" >makers || problem 'not the levels 1 to 12' "$(cat "$out")"
while read -r maker; do
    grep -qE "^(codecs)? +$maker [0-9]" brief || problem "a level is made by $maker, which is not there"
done <makers
done_test 'info -v tells what makes which level'

run "$MAPPROC" info --json
if [[ $status == 2 ]]; then
    skip_test 'the same in JSON' 'built without JSON'
else
    cp "$out" info.json
    run python3 - info.json brief <<'PYTHON'
import json, sys

info, brief = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
names = [codec["name"] for codec in info["codecs"]]
assert names[-1] == "zlib" and len(set(names)) == len(names), names
for codec in info["codecs"]:
    line = "{name} {version}, levels {level_min} to {level_max}\n".format(**codec)
    assert line in brief, line
assert "{name} {version}, ".format(**info["inflater"]) in brief
assert [level["level"] for level in info["levels"]] == list(range(1, 13)), info["levels"]
for level in info["levels"]:
    codec = info["codecs"][names.index(level["codec"])]
    assert codec["level_min"] <= level["codec_level"] <= codec["level_max"], level
PYTHON
    [[ $status == 0 ]] || problem 'not what the text says' "$(tail -1 "$err")"
    done_test 'the same in JSON'
fi

finish_tests
