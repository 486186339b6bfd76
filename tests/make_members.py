#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# make_members.py - gzip files in the forms that name the sizes of their members, by Python's zlib.
#
#     make_members.py FORM IN OUT [SIZE [LEVEL]]
#
# FORM   ours    what mapproc writes: IG, OS 3, an end mark
#        ig      as pgzip and gzp write it: IG, OS 255, no end mark
#        mz      as MiGz writes it
#        bgzf    as bgzip writes it
# SIZE   bytes of data in a member; default 131072, of bgzf 65280
# LEVEL  of zlib; default 6. 0 stores.
"""Members written by hand from the descriptions of their formats."""

import struct
import sys
import zlib


def deflate(data, level):
    """A raw deflate stream."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def member(form, data, level=6, raw=None):
    """One member. `raw` is a deflate stream to be used instead of one that is made."""
    body = deflate(data, level) if raw is None else raw
    tail = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    size = len(body) + 8
    if form == "bgzf":
        extra = b"BC" + struct.pack("<HH", 2, 18 + size - 1)
        system = 255
    elif form == "mz":
        extra = b"MZ" + struct.pack("<HI", 4, len(body))
        system = 0
    else:
        extra = b"IG" + struct.pack("<HI", 4, 20 + size)
        system = 3 if form == "ours" else 255
    head = struct.pack("<4BIBBH", 0x1F, 0x8B, 8, 4, 0, 0, system, len(extra))
    return head + extra + body + tail


def end_mark(form):
    """What stands at the end of a file of that form."""
    return member(form, b"", raw=b"\x03\x00") if form in ("ours", "bgzf") else b""


def members(form, data, size=None, level=6):
    """A whole file, as the list of its members."""
    if size is None:
        size = 65280 if form == "bgzf" else 131072
    parts = [
        member(form, data[at : at + size], level) for at in range(0, len(data), size)
    ]
    return parts + ([end_mark(form)] if end_mark(form) else [])


def main():
    """The command line."""
    form, source, target = sys.argv[1:4]
    size = int(sys.argv[4]) if len(sys.argv) > 4 else None
    level = int(sys.argv[5]) if len(sys.argv) > 5 else 6
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(b"".join(members(form, data, size, level)))


if __name__ == "__main__":
    main()
