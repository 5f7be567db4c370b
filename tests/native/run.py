#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Native code against the interpreter: every example on every capture, and random programs.

    run.py COMPARE SEEDS

COMPARE is tests/native/native_compare. SEEDS "A..B" are those of tests/random; programs are compiled
many at a time. BEBA_CAPTURES is a directory with more captures, of which one in sixteen is taken. With
BEBA_LONG set, ten times as many programs and all captures, and examples are compiled as they are for use."""

import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "random"))
import generate  # noqa: E402
import packets  # noqa: E402

AT_ONCE, SKIPPED = 15, 77


def compare(binary, *args):
    """Runs it; what it said when something differs."""
    done = subprocess.run(["nice", "-n", "5", binary, *args], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    if done.returncode == SKIPPED:
        print("SKIPPED: there is no C compiler:", done.stdout)
        sys.exit(SKIPPED)
    last = done.stdout.splitlines()[-1] if done.stdout else "nothing"
    return done.returncode, (last if not done.returncode else done.stdout)


def random_programs(binary, where, seeds, options):
    programs, captures = [], []
    for seed in seeds:
        text = generate.program(seed).text()
        base = os.path.join(where, str(seed))
        with open(base + ".xfsm", "w", encoding="utf-8") as file:
            file.write(text)
        if subprocess.run([binary, "-c", base + ".xfsm"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            continue  # not valid: tests/random makes another one
        packets.write_capture(base + ".pcap", generate.frames(seed, text))
        programs.append(base + ".xfsm")
        captures.append(base + ".pcap")
    return compare(binary, *options, "-p", *programs, "--", *captures)


def main():
    binary, seeds = sys.argv[1:]
    first, last = (int(n) for n in seeds.split(".."))
    long = bool(os.environ.get("BEBA_LONG"))
    last = first + (last - first + 1) * (10 if long else 1) - 1
    examples = sorted(glob.glob(f"{ROOT}/examples/*.xfsm"))
    captures = sorted(glob.glob(f"{ROOT}/examples/captures/*.pcap*") +
                      glob.glob(f"{ROOT}/tests/captures/*.pcap*"))
    others = os.environ.get("BEBA_CAPTURES", f"{ROOT}/../shared/captures")
    captures += sorted(glob.glob(f"{others}/*cap*"))[::1 if long else 16]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="beba-native-") as where, \
            concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [("examples", pool.submit(compare, binary, "-O2" if long else "-O1", *examples, "--",
                                         *captures)),
                ("examples, for several threads", pool.submit(compare, binary, "-w", *examples, "--",
                                                              *captures[::4]))]
        for at in range(first, last + 1, AT_ONCE):
            some = range(at, min(at + AT_ONCE, last + 1))
            options = ["-w"] if at // AT_ONCE % 3 == 2 else []
            jobs.append((f"random programs {some[0]} to {some[-1]}",
                         pool.submit(random_programs, binary, where, some, options)))
        print(f"1..{len(jobs)}")
        for n, (name, job) in enumerate(jobs, 1):
            status, output = job.result()
            failed += status != 0
            print(f"{'not ok' if status else 'ok'} {n} - {name}: {output}", flush=True)
    sys.exit(failed != 0)


main()
