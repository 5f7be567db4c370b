#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every example on every capture, in the kernel and in the interpreter: see differential.c.

    differential.py DIFFERENTIAL SOURCE_ROOT

Captures of others, from $BEBA_CAPTURES or beside the source, are taken too when there are any; all
but the first 40 only with BEBA_LONG set.
"""

import glob
import os
import subprocess
import sys


def main():
    program, root = sys.argv[1:]
    examples = sorted(glob.glob(f"{root}/examples/*.xfsm"))
    captures = sorted(glob.glob(f"{root}/tests/captures/*.pcap"))
    captures += sorted(glob.glob(f"{root}/examples/captures/*.pcap"))
    others = os.environ.get("BEBA_CAPTURES", f"{root}/../shared/captures")
    more = sorted(glob.glob(f"{others}/*.pcap*"))
    captures += more if os.environ.get("BEBA_LONG") else more[:40]
    sys.exit(subprocess.run([program, *examples, "--", *captures]).returncode)


main()
