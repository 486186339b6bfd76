#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_samples.sh - the sample programs, against wc, grep, xxhsum and gzip.
#
# $MAPPROC_TEST_SAMPLES is the directory of the built samples.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

samples=${MAPPROC_TEST_SAMPLES:?}

# Text with words and lines of all lengths, without a newline at its end.
python3 - <<'END'
import random, sys
r = random.Random(7)
with open('text', 'w') as f:
    for _ in range(60000):
        f.write(''.join(r.choice(['a', 'word ', '\t', '\n', 'longer-word', ' ', '\r\n', '\f', 'x' * r.randrange(90)])
                        for _ in range(8)))
    f.write(' the end')
END
printf '' >empty
printf 'one' >short
printf '\n' >newline

# ---- checksum_file ----

run "$samples/checksum_file" text short
expect_status 0
expect_stdout "$(xxhsum -H2 text short 2>/dev/null)"
run "$samples/checksum_file" missing
expect_error 1
expect_stderr missing
done_test 'checksum_file prints what xxhsum prints'

# ---- compress_buffer ----

for level in '' 1 12; do
    run "$samples/compress_buffer" text ${level:+"$level"}
    expect_status 0
    grep -qE "^$(stat -c %s text) bytes, compressed [0-9]+ \([0-9.]+ %\), and back$" "$out" ||
        problem "level '$level': $(cat "$out")"
done
run "$samples/compress_buffer" empty
expect_status 0
run "$samples/compress_buffer" text 77
expect_status 1
done_test 'compress_buffer compresses, and back'

# ---- wordcount ----

for file in text empty short newline; do
    expected=$(wc -lw <"$file" | awk '{print $1, $2}')
    for chunker in '' lines cdc records:size=7 "$MAPPROC_TEST_SAMPLE_CHUNKER"; do
        run "$samples/wordcount" "$file" ${chunker:+"$chunker"}
        expect_status 0
        expect_stdout "$expected $file"
    done
done
done_test 'wordcount counts as wc does, wherever chunks end'

run "$samples/wordcount" missing
expect_error 1
run "$samples/wordcount" text nosuch
expect_error 1
expect_stderr chunker
run "$samples/wordcount" - <text
expect_stdout "$(wc -lw <text | awk '{print $1, $2}') -"
done_test 'wordcount says what is wrong, and reads standard input'

# ---- find_pattern ----

# Few letters and small chunks: occurrences in, across and over several chunks, that overlap.
python3 - <<'END'
import random
r = random.Random(11)
with open('letters', 'wb') as f:
    f.write(bytes(r.choice(b'aab') for _ in range(20000)))
    f.write(b'a' * 5000 + b'\0\xff' + b'a' * 3000)
    f.write(bytes(r.choice(b'aab') for _ in range(2000)))
END
long=$(printf 'a%.0s' {1..2500})
for pattern in a b ab aa aaa abaab "$long" bbbb; do
    grep -abo -F -- "$pattern" letters | cut -d: -f1 >expected
    for size in 0 1024 1025 4096; do
        run "$samples/find_pattern" "$pattern" letters $size
        expect_status 0
        expect_stdout_file expected
    done
done
done_test 'find_pattern finds what grep finds, across chunks, too'

run "$samples/find_pattern" nothing-like-it letters
expect_status 1
expect_stdout ''
run "$samples/find_pattern" a missing
expect_error 2
run "$samples/find_pattern" aaaa empty
expect_status 1
done_test 'find_pattern tells when there is nothing'

finish_tests
