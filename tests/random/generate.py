#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Writes a random program and packets that exercise it; the same from the same seed.

    generate.py SEED [--out DIR] [--small] [--packets N]     DIR/SEED.xfsm and DIR/SEED.pcap

Two seeds of three give programs that XDP can run; the third also mirrors and chooses queues. The
captures are pcapng, in which a packet names the port it came by. Small programs are for XDP or tc,
see target()."""

import argparse
import collections
import os
import random
import re

import packets
import programs


def target(seed):
    """Where a small program runs."""
    return ["xdp", "tc"][seed // 5 % 2]


def program(seed, attempt=0, small=False):
    """The program's tree; attempt: another one, where the first was not valid."""
    options = programs.Options(full=seed % 3 == 2)
    if small:  # of ten one is as large as the verifier has time for; tc takes all of the language
        tiny = seed % 10 != 0
        options = programs.Options(full=target(seed) == "tc" and seed % 3 == 2, small=True,
                                   tiny=tiny, edits=not tiny or seed % 5 == 1)
    return programs.program(random.Random(f"program {seed} {attempt}"), options)


def frames(seed, text, n=None):
    """Packets for the program of this text: mostly with the headers that it speaks of."""
    rng = random.Random(f"packets {seed}")
    about = collections.Counter(re.findall(r"\b([a-z][a-z0-9]*?)2?[.]", text))
    about.update(re.findall(r"key ([a-z0-9]+)[.]", text) * 5)
    maker = packets.Maker(rng, about)
    return maker.capture(n or rng.choice([60, 100, 150, 250]))


def main():
    args = argparse.ArgumentParser(description="Writes a random program and packets.")
    args.add_argument("seed", type=int)
    args.add_argument("--out", default=".", help="directory")
    args.add_argument("--small", action="store_true", help="what the kernel's verifier has time for")
    args.add_argument("--packets", type=int, help="how many")
    args = args.parse_args()
    base = os.path.join(args.out, str(args.seed))
    with open(base + ".xfsm", "w", encoding="utf-8") as file:
        text = program(args.seed, small=args.small).text()
        file.write(text)
    packets.write_capture(base + ".pcap", frames(args.seed, text, args.packets))


if __name__ == "__main__":
    main()
