#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# watch.py - prints how far running jobs of mapproc have come, with the standard library only.
"""Usage: watch.py [--json] [FILE...]

FILE is a segment such as /dev/shm/mapproc-*; without any, all that there are. The layout is that of
mapproc_progress.h, ABI 1; struct mapproc_progress_header and struct mapproc_progress_snapshot say
what the fields mean.
"""
import glob
import json
import mmap
import os
import struct
import sys

HEADER = struct.Struct("=8sIIQ8IQQIIQQ40s24s72s")
HEADER_FIELDS = (
    "magic abi byte_order segment_size header_size control_offset published_offset snapshot_offset "
    "snapshot_size worker_offset worker_size worker_capacity pid_namespace pid_start pid reserved "
    "started_ns started_unix_ns boot_id verb name"
).split()
SNAPSHOT = struct.Struct("=10QIIiI32x384s")
SNAPSHOT_FIELDS = (
    "number updated_ns total_bytes done_bytes total_files done_files output_bytes errors limit_rate "
    "paused_ns state flags exit_status worker_count current"
).split()
WORKER = struct.Struct("=QQQiiI28x")
WORKER_FIELDS = "bytes offset source node cpu state".split()
STATES = "? planning running paused finishing done failed cancelled".split()
TOTAL_KNOWN = 1


class NotASegment(Exception):
    """The file is no segment, or one of another version, or nothing is in it yet."""


def text(data):
    """The text in a field that ends with a NUL."""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")


def read_header(memory):
    """The header as a dictionary, checked as far as this program relies on it."""
    if len(memory) < HEADER.size:
        raise NotASegment("too short")
    header = dict(zip(HEADER_FIELDS, HEADER.unpack_from(memory)))
    if header["magic"] != b"MAPPROC\n" or header["abi"] != 1 or header["byte_order"] != 0x01020304:
        raise NotASegment("another format")
    workers = header["worker_offset"] + header["worker_capacity"] * header["worker_size"]
    if (
        header["segment_size"] != len(memory)
        or header["published_offset"] + 8 > len(memory)
        or header["snapshot_offset"] + 2 * header["snapshot_size"] > len(memory)
        or header["worker_offset"] < SNAPSHOT.size
        or header["worker_size"] < WORKER.size
        or workers > header["snapshot_size"]
    ):
        raise NotASegment("damaged")
    for field in ("boot_id", "verb", "name"):
        header[field] = text(header[field])
    return header


def read_snapshot(memory, header):
    """A whole snapshot and its workers: read the number, copy, look whether it is still the same."""
    size, place = header["snapshot_size"], header["published_offset"]
    for _ in range(1000):
        (number,) = struct.unpack_from("=Q", memory, place)
        start = header["snapshot_offset"] + number % 2 * size
        copy = memory[start : start + size]
        snapshot = dict(zip(SNAPSHOT_FIELDS, SNAPSHOT.unpack_from(copy)))
        if number and number == snapshot["number"] == struct.unpack_from("=Q", memory, place)[0]:
            break
    else:
        raise NotASegment("nothing in it")
    workers = []
    for i in range(min(snapshot["worker_count"], header["worker_capacity"])):
        offset = header["worker_offset"] + i * header["worker_size"]
        workers.append(dict(zip(WORKER_FIELDS, WORKER.unpack_from(copy, offset))))
    snapshot["current"] = text(snapshot["current"])
    return snapshot, workers


def is_alive(header):
    """Whether the owner is still there: the same number, started at the same time, no zombie."""
    try:
        with open(f"/proc/{header['pid']}/stat", "rb") as stat:
            fields = stat.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return False
    return fields[0] not in (b"Z", b"X") and int(fields[19]) == header["pid_start"]


def look(path):
    """All that a segment tells, as a dictionary."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        if size < HEADER.size:
            raise NotASegment("too short")
        with mmap.mmap(fd, size, prot=mmap.PROT_READ) as memory:
            header = read_header(memory)
            snapshot, workers = read_snapshot(memory, header)
    finally:
        os.close(fd)
    state = snapshot["state"]
    known = bool(snapshot["flags"] & TOTAL_KNOWN) and snapshot["total_bytes"] > 0
    return {
        "pid": header["pid"],
        "verb": header["verb"],
        "name": header["name"],
        "alive": is_alive(header),
        "state": STATES[state] if state < len(STATES) else "?",
        "percent": 100 * snapshot["done_bytes"] / snapshot["total_bytes"] if known else None,
        "done_bytes": snapshot["done_bytes"],
        "total_bytes": snapshot["total_bytes"],
        "done_files": snapshot["done_files"],
        "total_files": snapshot["total_files"],
        "current": snapshot["current"],
        "workers": workers,
    }


def show(job):
    """One line about a job."""
    state = job["state"] if job["alive"] else "dead, was " + job["state"]
    percent = "?" if job["percent"] is None else f"{job['percent']:.1f} %"
    name = f" {job['name']!r}" if job["name"] else ""
    return f"{job['verb']} {job['pid']}{name}: {state}, {percent}, {job['done_bytes']} bytes"


def main(arguments):
    """Prints all segments; 1 if any could not be read."""
    as_json = arguments[:1] == ["--json"]
    paths = arguments[as_json:] or sorted(glob.glob("/dev/shm/mapproc-*"))
    status = 0
    for path in paths:
        try:
            job = look(path)
        except (OSError, ValueError, NotASegment) as error:
            print(f"watch.py: {path}: {error}", file=sys.stderr)
            status = 1
            continue
        print(json.dumps(job) if as_json else show(job))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
