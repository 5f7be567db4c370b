#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Builds optimised, runs every benchmark, prints what they print and then one table with the bars.

    bench/run.py [--quick]

Writes build/bench.json: a list of records with name, target, flows, skew, cores, mpps and
ns_per_packet, or with a value and unit of their own; comparisons have reference and ratio. A bar
that is missed is said, and does not fail: the figures are of this machine. See bench/README.md.
"""

import glob
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "bench")
RESULT = os.path.join(ROOT, "build", "bench.json")
MESON = "/usr/bin/meson" if os.path.exists("/usr/bin/meson") else "meson"

# name of the record, flows (None: any number), field, the most it may be
BARS = [
    ("check", None, "value", 10.0),
    ("ft_lookup", 1000000, "ns_per_packet", 66.7),  # 15 million a second
    ("ft_lookup", 1000000, "ratio", 1.25),
    ("ft_lookup_fixed", 1000000, "ratio", 1.25),
    ("ft_insert", None, "ns_per_packet", 500.0),  # 2 million a second
    ("ft_memory_13", None, "value", 64.0),
    ("ft_memory_37", None, "value", 112.0),
    ("port_knocking", 1000000, "ratio", 3.0),  # what a million flows cost over a thousand
    ("token_bucket", 1000000, "ratio", 3.0),
    ("tcp_states", 1000000, "ratio", 3.0),
    ("tcp_conntrack", 1000000, "ratio", 3.0),
]


def build():
    os.makedirs(os.path.dirname(BUILD), exist_ok=True)
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        done = subprocess.run([MESON, "setup", BUILD, "-Dbuildtype=release",
                               "-Doptimization=3", "-Dtests=disabled",
                               "-Ddocs=disabled"], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(done.stdout)
    programs = [os.path.basename(f)[:-2] for f in sorted(glob.glob(
        os.path.join(ROOT, "bench", "*_bench.c")))]
    subprocess.run(["ninja", "--quiet", "-C", BUILD, "beba", *["bench/" + p for p in programs]],
                   check=True)
    return programs + [os.path.basename(f) for f in sorted(glob.glob(
        os.path.join(ROOT, "bench", "*_bench.py")))]


def run(program, quick):
    """Streams what the program prints; returns its records."""
    out = os.path.join(BUILD, program + ".json")
    print(f"\n== {program}", flush=True)
    command = [sys.executable, os.path.join(ROOT, "bench", program)] if program.endswith(".py") \
        else [os.path.join(BUILD, "bench", program)]
    status = subprocess.run(command + ["--json", out] + (["--quick"] if quick else []), cwd=ROOT,
                            env=dict(os.environ, BEBA=os.path.join(BUILD, "beba"))).returncode
    if status:
        print(f"{program} ended with {status}", flush=True)
        return []
    with open(out, encoding="utf-8") as f:
        return json.load(f)


def check_time(quick):
    """Wall time of `beba check` on the largest example: process start to exit."""
    programs = sorted(glob.glob(os.path.join(ROOT, "examples", "*.xfsm")), key=os.path.getsize)
    if not programs:
        return []
    beba = os.path.join(BUILD, "beba")
    devnull = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, devnull, fd) for fd in (0, 1, 2)]
    times = []
    for _ in range(20 if quick else 100):
        start = time.perf_counter()
        pid = os.posix_spawn(beba, [beba, "check", programs[-1]], os.environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        times.append((time.perf_counter() - start) * 1e3)
        if status:
            print(f"beba check {programs[-1]} failed")
            return []
    print(f"\n== beba check {os.path.relpath(programs[-1], ROOT)} ({len(times)} runs)\n"
          f"median {statistics.median(times):.2f} ms, "
          f"fastest {min(times):.2f} ms, slowest {max(times):.2f} ms", flush=True)
    return [{"name": "check", "target": "beba", "flows": None, "skew": None, "cores": 1,
             "program": os.path.relpath(programs[-1], ROOT), "unit": "ms",
             "value": round(statistics.median(times), 3)}]


def bars(records):
    """(text, met) of every bar that a record is measured by: BARS, or the record's own "bar"."""
    found = []
    for r in records:
        asked = [(field, most) for name, flows, field, most in BARS
                 if name == r["name"] and flows in (None, r.get("flows"))]
        if r.get("bar"):
            asked.append((r["bar"]["field"], r["bar"]["max"]))
        for field, most in asked:
            if isinstance(r.get(field), (int, float)):
                found.append((f"{label(r)}: {field} {r[field]:g}, at most {most:g}",
                              r[field] <= most))
    return found


def label(r):
    flows = f" {r['flows']:,} flows" if r.get("flows") else ""
    skew = f" {r['skew']}" if r.get("skew") and r["skew"] != "none" else ""
    return r["name"] + flows + skew


def table(records):
    print(f"\n{'':44} {'target':12} {'cores':>5} {'Mpps':>8} {'ns/packet':>9} {'ratio':>6}")
    for r in records:
        if "mpps" in r:
            ratio = f"{r['ratio']:6.2f}" if r.get("ratio") else f"{'':6}"
            print(f"{label(r):44} {r.get('target', ''):12} {r.get('cores', 1):5} "
                  f"{r['mpps']:8.2f} {r['ns_per_packet']:9.1f} {ratio}")
        elif "value" in r:
            print(f"{label(r):44} {r.get('target', ''):12} {r.get('cores', 1):5} "
                  f"{r['value']:8.2f} {r.get('unit', '')}")


def main():
    quick = "--quick" in sys.argv[1:]
    records = []
    for program in build():
        records += run(program, quick)
    records += check_time(quick)
    with open(RESULT, "w", encoding="utf-8") as f:
        json.dump(records, f, indent=1)
        f.write("\n")
    table(records)
    found = bars(records)
    print()
    for text, met in found:
        print(f"{'met   ' if met else 'MISSED'} {text}")
    print(f"{sum(met for _, met in found)} of {len(found)} bars met; "
          f"{len(records)} records in {os.path.relpath(RESULT, ROOT)}")


if __name__ == "__main__":
    main()
