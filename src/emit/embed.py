#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Headers as a C array: what the generated C includes is carried in the library.

    embed.py SOURCE_ROOT HEADER... > embedded.c
"""

import sys


def chunks(data, n=20):
    for i in range(0, len(data), n):
        yield ", ".join(str(b) for b in data[i:i + n])


def main():
    root, *names = sys.argv[1:]
    print("/* Made by embed.py. */")
    print('#include "emit/embedded.h"\n')
    for i, name in enumerate(names):
        with open(f"{root}/{name}", "rb") as f:
            data = f.read()
        print(f"static const unsigned char text{i}[] = {{")
        for line in chunks(data):
            print(f"    {line},")
        print("};")
    print("\nconst struct beba_embedded beba_embedded[] = {")
    for i, name in enumerate(names):
        print(f'    {{"{name}", text{i}, sizeof(text{i})}},')
    print("    {0, 0, 0},\n};")


main()
