#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Builds optimised, runs every benchmark, prints what they print and then one table with the bars.

    bench/run.py [--quick] [--report] [NAME...]      NAMEs: only these benchmarks ("native", "check")

Writes build/bench.json: a list of records, the first of them the machine's (bench/README.md). With
--report it also makes docs/performance.md of them (bench/report.py). A benchmark that fails, or takes
too long, is left out with the reason, and the others go on. A bar that is missed is said, and does not
fail: the figures are of this machine. The bars are in bench/bars.py."""

import argparse
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
LONGEST = 420  # seconds that one benchmark may take

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "bench"))

import bars  # noqa: E402


def build():
    os.makedirs(os.path.dirname(BUILD), exist_ok=True)
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        done = subprocess.run([MESON, "setup", BUILD, "-Dbuildtype=release",
                               "-Doptimization=3", "-Dtests=disabled",
                               "-Ddocs=disabled"], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(done.stdout)
    known = subprocess.run(["ninja", "-C", BUILD, "-t", "targets", "all"], stdout=subprocess.PIPE,
                           text=True, check=True).stdout
    programs = [os.path.basename(f)[:-2] for f in sorted(glob.glob(
        os.path.join(ROOT, "bench", "*_bench.c")))]
    programs = [p for p in programs if f"bench/{p}:" in known]  # what this system has libraries for
    subprocess.run(["ninja", "--quiet", "-C", BUILD, "beba", *["bench/" + p for p in programs]],
                   check=True)
    return programs + [os.path.basename(f) for f in sorted(glob.glob(
        os.path.join(ROOT, "bench", "*_bench.py")))]


def run(program, quick, failed):
    """Streams what the program prints; returns its records."""
    out = os.path.join(BUILD, program + ".json")
    print(f"\n== {program}", flush=True)
    command = [sys.executable, os.path.join(ROOT, "bench", program)] if program.endswith(".py") \
        else [os.path.join(BUILD, "bench", program)]
    if os.path.exists(out):
        os.unlink(out)
    begin, why = time.monotonic(), None
    try:
        process = subprocess.Popen(command + ["--json", out] + (["--quick"] if quick else []),
                                   cwd=ROOT, env=dict(os.environ, BEBA=os.path.join(BUILD, "beba")))
        try:
            status = process.wait(LONGEST)
            why = f"it ended with {status}" if status else None
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(20)
            why = f"it took more than {LONGEST} s"
        with open(out, encoding="utf-8") as f:
            made = json.load(f)
    except (OSError, ValueError, subprocess.SubprocessError) as e:
        made, why = [], why or str(e)
    if why:
        print(f"{program}: {why}", flush=True)
        failed.append({"benchmark": program, "why": why})
    print(f"({time.monotonic() - begin:.0f} s)", flush=True)
    return made


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


# Programs whose speed on several cores is of interest: without a value that all packets change.
SCALING = ["examples/port_knocking.xfsm", "examples/token_bucket.xfsm", "bench/tcp_states.xfsm",
           "examples/mac_learning.xfsm"]


def scaling(quick):
    """`beba bench` on one core and on two, with every engine it has."""
    cores = os.cpu_count() or 1
    beba = os.path.join(BUILD, "beba")
    made = []
    print(f"\n== beba bench --cores 1,2\n{'':16} {'engine':8} {'flows':>9} {'1 core':>8} "
          f"{'2 cores':>8} {'':>6}", flush=True)
    if cores < 2:
        print("not run: this machine has one core")
        return []
    engines = "interp,native" if "native" in subprocess.run(
        [beba, "bench", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout else "interp"
    for program in SCALING[:2] if quick else SCALING:
        done = subprocess.run([beba, "bench", program, "--engine", engines, "--flows", "100k",
                               "--skew", "uniform", "--cores", "1,2", "--seconds",
                               "0.3" if quick else "1", "--json"], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120)
        name = os.path.basename(program)[:-5]
        if done.returncode:
            print(f"{name}: not measured: {done.stderr.strip()}", flush=True)
            continue
        results = json.loads(done.stdout)["results"]
        for r in results:
            made.append({"name": "scaling", "program": name, "target": r["engine"],
                         "flows": r["flows"], "skew": "uniform", "cores": r["cores"],
                         "new_flows": 0, "mpps": round(r["mpps"], 3),
                         "ns_per_packet": round(r["ns_per_packet"], 2), "memory": r["memory"]})
        for e in sorted({r["engine"] for r in results}):
            one, two = (next(r["mpps"] for r in results if (r["engine"], r["cores"]) == (e, n))
                        for n in (1, 2))
            print(f"{name:16} {e:8} {100000:9,} {one:8.2f} {two:8.2f} {two / one:6.2f}", flush=True)
    return made


# --- the machine ----------------------------------------------------------------------------------

def line(path, start, otherwise="?"):
    try:
        with open(path, encoding="utf-8") as f:
            return next((x.split(":", 1)[1].strip() for x in f if x.startswith(start)), otherwise)
    except OSError:
        return otherwise


def text(path, otherwise="?"):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return otherwise


def output(*command):
    try:
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "?"


def machine(args):
    caches = []
    for index in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        kind = text(index + "/type")
        if kind != "Instruction":
            caches.append(f"L{text(index + '/level')} {text(index + '/size')}")
    changed = "" if output("git", "status", "--porcelain", "--untracked-files=no") in ("", "?") \
        else ", with changes"
    return {"name": "machine", "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "commit": output("git", "rev-parse", "--short=12", "HEAD") + changed,
            "command": "bench/run.py" + "".join(" " + a for a in args),
            "cpu": line("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "caches": ", ".join(caches), "hypervisor": "hypervisor" in line("/proc/cpuinfo", "flags"),
            "kernel": os.uname().release, "memory": line("/proc/meminfo", "MemTotal"),
            "hugepages": line("/proc/meminfo", "HugePages_Total"),
            "transparent_hugepages": text("/sys/kernel/mm/transparent_hugepage/enabled"),
            "compiler": output("cc", "--version").split("\n")[0],
            "load": " ".join(text("/proc/loadavg").split()[:1])}


def table(records):
    print(f"\n{'':52} {'target':12} {'cores':>5} {'Mpps':>8} {'ns/packet':>9} {'ratio':>6}")
    for r in records:
        if "mpps" in r:
            ratio = f"{r['ratio']:6.2f}" if r.get("ratio") else f"{'':6}"
            print(f"{bars.label(r):52} {r.get('target', ''):12} {r.get('cores', 1):5} "
                  f"{r['mpps']:8.2f} {r['ns_per_packet']:9.1f} {ratio}")
        elif "value" in r:
            print(f"{bars.label(r):52} {r.get('target', ''):12} {r.get('cores', 1):5} "
                  f"{r['value']:8.2f} {r.get('unit', '')}")


def wanted(names, program):
    return not names or program in names or program.split("_bench")[0] in names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fraction of the time, noisier")
    parser.add_argument("--report", action="store_true", help="also make docs/performance.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these benchmarks")
    args = parser.parse_args()
    begin, failed, records = time.monotonic(), [], []
    programs = build()
    about = machine(sys.argv[1:])
    for program in programs:
        if wanted(args.names, program):
            records += run(program, args.quick, failed)
    for name, function in (("scaling", scaling), ("check", check_time)):
        if not wanted(args.names, name):
            continue
        try:
            records += function(args.quick)
        except (OSError, ValueError, KeyError, StopIteration, subprocess.SubprocessError) as e:
            print(f"{name}: {e}", flush=True)
            failed.append({"benchmark": name, "why": str(e)})
    about.update(seconds=round(time.monotonic() - begin), quick=args.quick, failed=failed)
    with open(RESULT, "w", encoding="utf-8") as f:
        json.dump([about] + records, f, indent=1)
        f.write("\n")
    table(records)
    found = bars.judge(records)
    print()
    for b in found:
        print(f"{'met   ' if b['met'] else 'MISSED'} {b['label']} ({b['target']}): {b['says']}: "
              f"{b['value']:.4g}, {b['sign']} {b['bound']:.4g}")
    for f in failed:
        print(f"FAILED {f['benchmark']}: {f['why']}")
    print(f"{sum(b['met'] for b in found)} of {len(found)} bars met; {len(records)} records in "
          f"{os.path.relpath(RESULT, ROOT)}, in {about['seconds']} s")
    if args.report:
        return subprocess.run([sys.executable, os.path.join(ROOT, "bench", "report.py")]).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
