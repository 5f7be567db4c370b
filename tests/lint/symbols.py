#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What leaves a room starts with beba_, and no room has writable global data.

    tests/lint/symbols.py LIBRARY.a...
"""

import re
import subprocess
import sys

# Of the sanitizers and of coverage.
IGNORED = ("__odr_asan", "__asan", "__sancov", "__sanitizer", "__ubsan", "__llvm", ".L", "__unnamed")


def symbols(library):
    """(global, section, name) of each symbol the library defines."""
    out = subprocess.run(["objdump", "-t", library], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    for line in out.splitlines():
        flags, _, rest = line[17:24], line[24:25], line[25:].split()
        if len(rest) >= 3 and re.match(r"[0-9a-f]{16} ", line) and "d" not in flags:
            yield flags[0] in "gu!", rest[0], rest[-1]


def main():
    breaches = []
    for library in sys.argv[1:]:
        for leaves, section, name in symbols(library):
            if name.startswith(IGNORED) or section in ("*UND*", "*ABS*"):
                continue
            if leaves and not name.startswith("beba_"):
                breaches.append(f"{library}: {name} leaves its file without beba_")
            if re.match(r"\.(data|bss)(?!\.rel\.ro)", section):
                breaches.append(f"{library}: {name} can be written by every thread ({section})")
    print("\n".join(breaches) or "ok")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
