#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Writes seeds for tests/fuzz/fuzz_openflow.c: every message of os-ken, those that make.c makes, and
the byte vectors of the BEBA extension.

    seeds.py DIRECTORY MAKE         MAKE: the helper of this directory
"""

import os
import re
import subprocess
import sys

import messages

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "src", "openflow", "vectors_test.c")
DETECT = 4


def vectors():
    """Name -> the whole messages of the vectors."""
    with open(VECTORS, encoding="utf-8") as f:
        text = f.read().replace('" X "', "bebabeba").replace('" X\n', 'bebabeba"\n')
    joined = re.sub(r'"\s*\n\s*"', "", text)
    found = re.findall(r'"(04(?:04|12|0d)[0-9a-f]{4} [0-9a-f ]+)"', joined)
    return {f"beba_{n}": bytes.fromhex(hexes.replace(" ", "")) for n, hexes in enumerate(found)}


def main():
    """Writes them all."""
    directory, make = sys.argv[1:]
    seeds = {name: messages.serialize(m) for name, m in messages.everything().items()}
    out = subprocess.run([make], stdout=subprocess.PIPE, check=True).stdout.decode()
    seeds.update((line.split()[0], bytes.fromhex(line.split()[1])) for line in out.splitlines())
    seeds.update(vectors())
    for name, data in seeds.items():
        if len(data) < 2048:
            with open(os.path.join(directory, re.sub(r"\W+", "_", name)), "wb") as f:
                f.write(bytes([DETECT]) + data)


if __name__ == "__main__":
    main()
