#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Headers as a C array: those that the given ones include for BPF, and themselves, are carried in
the library.

    embed.py SOURCE_ROOT OUTPUT DEPFILE HEADER... --native HEADER...

After --native are those for the CPU: the others include for BPF.
"""

import os
import re
import sys


def included(text, bpf):
    """Names in quotes that are included where __bpf__ is defined, or is not."""
    skipped = []  # one for each open #if: True where it does not come
    for line in text.splitlines():
        m = re.match(r"\s*#\s*(ifndef|ifdef|if|else|elif|endif|include)\b\s*(.*)", line)
        if not m:
            continue
        word, rest = m.groups()
        if word in ("ifndef", "ifdef", "if"):
            skipped.append(rest.split()[0] == "__bpf__" and (word == "ifndef") == bpf)
        elif word in ("else", "elif"):
            skipped[-1] = False
        elif word == "endif":
            skipped.pop()
        elif not any(skipped) and rest.startswith('"'):
            yield rest.split('"')[1]


def gather(root, names, bpf):
    texts = {}
    while names:
        name = names.pop()
        if name in texts or not os.path.isfile(f"{root}/{name}"):
            continue
        with open(f"{root}/{name}", encoding="ascii") as f:
            texts[name] = f.read()
        names.extend(included(texts[name], bpf))
    return dict(sorted(texts.items()))


def main():
    root, output, depfile, *names = sys.argv[1:]
    split = names.index("--native")
    lists = {"beba_embedded": gather(root, names[:split], True),
             "beba_embedded_native": gather(root, names[split + 1:], False)}
    texts = {name: text for part in lists.values() for name, text in part.items()}
    number = {name: i for i, name in enumerate(texts)}
    with open(output, "w", encoding="ascii") as out:
        out.write('/* Made by embed.py. */\n#include "emit/embedded.h"\n\n')
        for i, text in enumerate(texts.values()):
            data = text.encode()
            out.write(f"static const unsigned char text{i}[] = {{\n")
            for at in range(0, len(data), 20):
                out.write("    " + ", ".join(str(b) for b in data[at:at + 20]) + ",\n")
            out.write("};\n")
        for symbol, part in lists.items():
            out.write(f"\nconst struct beba_embedded {symbol}[] = {{\n")
            for name in part:
                i = number[name]
                out.write(f'    {{"{name}", text{i}, sizeof(text{i})}},\n')
            out.write("    {0, 0, 0},\n};\n")
    with open(depfile, "w", encoding="ascii") as out:
        out.write(f"{output}: " + " ".join(f"{root}/{name}" for name in texts) + "\n")


main()
