#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Headers as a C array, for the compiler at run time: the given ones and all that they include.

    embed.py SOURCE_ROOT OUTPUT DEPFILE HEADER...
"""

import os
import re
import sys


def gather(root, names):
    texts = {}
    while names:
        name = names.pop()
        if name in texts or not os.path.isfile(f"{root}/{name}"):
            continue
        with open(f"{root}/{name}", encoding="ascii") as f:
            texts[name] = f.read()
        names.extend(re.findall(r'^\s*#\s*include\s+"([^"]+)"', texts[name], re.M))
    return dict(sorted(texts.items()))


def main():
    root, output, depfile, *names = sys.argv[1:]
    texts = gather(root, names)
    with open(output, "w", encoding="ascii") as out:
        out.write('/* Made by embed.py. */\n#include "datapath/native.h"\n\n')
        for i, text in enumerate(texts.values()):
            data = text.encode()
            out.write(f"static const unsigned char text{i}[] = {{\n")
            for at in range(0, len(data), 20):
                out.write("    " + ", ".join(str(b) for b in data[at:at + 20]) + ",\n")
            out.write("};\n")
        out.write("\nconst struct beba_embedded beba_datapath_headers[] = {\n")
        for i, name in enumerate(texts):
            out.write(f'    {{"{name}", text{i}, sizeof(text{i})}},\n')
        out.write("    {0, 0, 0},\n};\n")
    with open(depfile, "w", encoding="ascii") as out:
        out.write(f"{output}: " + " ".join(f"{root}/{name}" for name in texts) + "\n")


if __name__ == "__main__":
    main()
