#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every example on every capture, in the kernel and in the interpreter: see differential.c.

    differential.py DIFFERENTIAL SOURCE_ROOT

Of the captures of others, from $BEBA_CAPTURES or beside the source, when there are any, every
example gets the first packets; with BEBA_LONG set all of them. Prints TAP."""

import concurrent.futures
import glob
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import objects  # noqa: E402

SKIPPED = 77


def captures(root):
    shipped = sorted(glob.glob(f"{root}/tests/captures/*.pcap") +
                     glob.glob(f"{root}/examples/captures/*.pcap"))
    others = os.environ.get("BEBA_CAPTURES", f"{root}/../shared/captures")
    more = sorted(glob.glob(f"{others}/*.pcap*"))
    return [*shipped, *more] if os.environ.get("BEBA_LONG") else [*shipped, "--", *more]


def main():
    program, root = sys.argv[1:]
    examples = sorted(glob.glob(f"{root}/examples/*.xfsm"))
    env = dict(os.environ, BEBA_OBJECTS=objects.directory(root))
    files = captures(root)
    failed = 0

    def run(example):
        return subprocess.run([program, example, "--", *files], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for n, (example, done) in enumerate(zip(examples, pool.map(run, examples)), 1):
            name = os.path.basename(example)
            lines = done.stdout.splitlines()
            if done.returncode == SKIPPED:
                print(f"SKIPPED: {lines[-1]}")
                sys.exit(SKIPPED)
            failed += done.returncode != 0
            said = lines[-1] if lines else f"exit {done.returncode}"
            print(f"{'not ok' if done.returncode else 'ok'} {n} - {name}: {said}", flush=True)
            if done.returncode:
                for line in lines[-40:]:
                    print(f"#   {line[:300]}")
    print(f"1..{len(examples)}")
    sys.exit(failed != 0)


main()
