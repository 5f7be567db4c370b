#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""embed.py NAME IN OUT: the bytes of a file as an array in C."""

import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
rows = [", ".join(f"{byte}" for byte in data[i:i + 16]) for i in range(0, len(data), 16)]
with open(target, "w", encoding="ascii") as f:
    f.write(f"static const unsigned char {name}[] __attribute__((aligned(8))) = {{\n")
    f.write("".join(f"    {row},\n" for row in rows) + "};\n")
