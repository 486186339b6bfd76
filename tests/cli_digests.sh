#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cli_digests.sh - the digests that xxhsum does not know, against coreutils and Python.

# shellcheck source=tests/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

# name of the algorithm, program that prints the same lines; "python" for those that have none
algorithms=(md5:md5sum sha1:sha1sum sha256:sha256sum sha512:sha512sum blake2b:b2sum
    sha3-256:python crc32:python crc32c:python)

# Of each file a line "TAG (name) = digest". CRC-32C from its definition; as it takes its time, the
# files must all be beginnings of the longest one.
cat >reference.py <<'PYTHON'
import _sha3, sys, zlib # hashlib would take libcrypto's

tag, names = sys.argv[1], sys.argv[2:]
contents = {name: open(name, 'rb').read() for name in names}

def crc32c_of_all():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    longest = max(contents.values(), key=len)
    sizes = {len(data) for data in contents.values()}
    assert all(longest.startswith(data) for data in contents.values())
    crc, found = 0xffffffff, {0: '00000000'}
    for i, byte in enumerate(longest):
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
        if i + 1 in sizes:
            found[i + 1] = '%08x' % (crc ^ 0xffffffff)
    return found

if tag == 'CRC32C':
    found = crc32c_of_all()
    digest = lambda data: found[len(data)]
elif tag == 'CRC32':
    digest = lambda data: '%08x' % zlib.crc32(data)
else:
    digest = lambda data: _sha3.sha3_256(data).hexdigest()
for name in names:
    print('%s (%s) = %s' % (tag, name, digest(contents[name])))
PYTHON

# Leaves the lines that an algorithm's reference writes for the files in "expected"; false if there
# is no reference here.
make_expected() {
    local name=${1%:*} program=${1#*:}
    shift
    have "${program/python/python3}" || return
    if [[ $program == python ]]; then
        python3 reference.py "${name^^}" "$@" >expected
    else
        "$program" "$@" >expected
    fi
}

if sanitized; then
    thread_counts=(1 2 7)
else
    thread_counts=(1 2 3 4 5 6 7)
fi

random_file pool $((5 * 1024 * 1024 + 1))

# --- sizes -------------------------------------------------------------------------------------

for chunk in 1024:1K 1500:1500 65536:64K 1048576:1M; do
    sizes=(0 1 63 64 65 1023 1024 1025 5242881)
    for k in 1 2 3; do
        sizes+=($((k * ${chunk%:*} - 1)) $((k * ${chunk%:*})) $((k * ${chunk%:*} + 1)))
    done
    mapfile -t files < <(printf 'size-%d\n' "${sizes[@]}" | sort -u)
    for file in "${files[@]}"; do
        head -c "${file#size-}" pool >"$file"
    done
    for algorithm in "${algorithms[@]}"; do
        name=${algorithm%:*}
        if ! make_expected "$algorithm" "${files[@]}"; then
            skip_test "$name" "there is no ${algorithm#*:} here"
            continue
        fi
        for io in mmap read; do
            for threads in "${thread_counts[@]}"; do
                run "$MAPPROC" checksum -a "$name" -j "$threads" --chunk-size "${chunk#*:}" \
                    --io "$io" "${files[@]}"
                expect_status 0
                expect_stdout_file expected
                expect_stderr_lines 0
            done
        done
        for threads in 1 3; do
            pids=()
            fifos=()
            for file in "${files[@]}"; do
                mkfifo "fifo-$file"
                cat "$file" >"fifo-$file" &
                pids+=($!)
                fifos+=("fifo-$file")
            done
            run "$MAPPROC" checksum -a "$name" -j "$threads" --chunk-size "${chunk#*:}" "${fifos[@]}"
            expect_status 0
            sed 's/fifo-//' "$out" >found
            expect_same_files expected found
            wait "${pids[@]}"
            rm -f "${fifos[@]}"
        done
        done_test "$name: sizes around borders of ${chunk#*:}, by 1 to 7 threads and through pipes"
    done
    rm -f size-*
done

# --- the form of the lines ---------------------------------------------------------------------

head -c 70001 pool >f1
head -c 3000000 pool >f2
: >f3
cp f1 $'new\nline \\'
for algorithm in "${algorithms[@]}"; do
    name=${algorithm%:*}
    program=${algorithm#*:}
    if [[ $program == python ]]; then
        make_expected "$algorithm" f2 f1 f3 || continue
        for tag in '' --tag; do
            run "$MAPPROC" checksum -a "$name" ${tag:+"$tag"} f2 f1 f3
            expect_status 0
            expect_stdout_file expected
        done
        done_test "$name: always in BSD form"
        continue
    fi
    have "$program" || continue
    for tag in '' --tag; do
        run "$MAPPROC" checksum -a "$name" ${tag:+"$tag"} f2 f1 f3 $'new\nline \\'
        expect_status 0
        expect_stdout "$("$program" ${tag:+"$tag"} f2 f1 f3 $'new\nline \\')"
        cp "$out" list
        run "$program" -c --strict list
        expect_status 0
    done
    done_test "$name: lines as $program writes them and checks them, also with --tag"
done

# --- many files --------------------------------------------------------------------------------

mkdir many
names=()
for ((i = 0; i < 1000; i++)); do
    names+=("many/$i")
    ((i % 97 == 50)) || head -c $((RANDOM % 5001)) pool >"many/$i"
done
missing=$((1000 - $(find many -type f | wc -l)))
mapfile -t present < <(find many -type f | sort -t / -k 2 -n)
for algorithm in "${algorithms[@]}"; do
    make_expected "$algorithm" "${present[@]}" || continue
    for threads in 1 5; do
        run "$MAPPROC" checksum -a "${algorithm%:*}" -j "$threads" "${names[@]}"
        expect_status 1
        expect_stdout_file expected
        expect_stderr_lines "$missing"
    done
done
done_test "1,000 small files, $missing of them missing: all others in order"

# --- the library behind it ---------------------------------------------------------------------

# A configuration that gives the default context of libcrypto nothing but FIPS modules, and a broken
# one.
cat >fips.cnf <<'CONFIGURATION'
openssl_conf = main
[main]
providers = providers
alg_section = algorithms
[providers]
base = base
[base]
activate = 1
[algorithms]
default_properties = fips=yes
CONFIGURATION
echo '= ] nonsense' >broken.cnf
for configuration in fips.cnf broken.cnf missing.cnf; do
    for name in md5 sha256; do
        OPENSSL_CONF=$PWD/$configuration run "$MAPPROC" checksum -a "$name" f1 f2
        expect_status 0
        expect_stdout "$("${name}sum" f1 f2)"
        expect_stderr_lines 0
    done
done
done_test "no matter what openssl.cnf says"

run "$MAPPROC" checksum -a md4 f1
expect_error 2
cp "$err" errors
run "$MAPPROC" checksum --help
expect_status 0
cp "$out" help
run "$MAPPROC" info
expect_status 0
for algorithm in "${algorithms[@]}"; do
    name=${algorithm%:*}
    grep -qE -e " $name(,| or |\$)" help || problem "the help does not mention $name"
    grep -qE -e " ${name}[ ,]" errors || problem "the error does not mention $name"
    grep -qE -e " $name .*(libisal|zlib|sse4|slicing|OpenSSL)" "$out" ||
        problem "info does not tell what computes $name"
done
done_test 'help, info and the error about an unknown algorithm name them all'

finish_tests
