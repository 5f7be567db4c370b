#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Runs random programs on random packets wherever they can run, and compares.

    run.py [--replay BIN] [--bpf BIN [--full]] [--seeds A..B | --seconds N] [--minimise DIR]

BIN of --replay compares the interpreter with itself (tests/random/replay.c), BIN of --bpf the
interpreter with XDP and tc (tests/bpf/differential.c); they exit with 0 when all is the same, 77
when they could not try. What fails is made small and kept as DIR/SEED.xfsm and DIR/SEED.pcap; files in
regressions/ are run before any seed. Prints TAP."""

import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.append(os.path.join(os.path.dirname(HERE), "bpf"))
import generate  # noqa: E402
import minimise  # noqa: E402
import objects  # noqa: E402
import packets  # noqa: E402

SKIPPED, INVALID = 77, 3
ATTEMPTS = 5
MADE = 400  # packets made for a program, besides those of its capture
HEAD = """# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Found by tests/random with seed {seed}: {what}
"""


class Checker:
    """A program that compares targets. between: what it wants between PROGRAM and CAPTURE."""

    def __init__(self, name, command, between=(), timeout=120, kernel=False):
        self.name, self.command, self.timeout = name, command, timeout
        self.between, self.kernel = between, kernel

    def run(self, program, capture, seed=None):
        """Exit status and what it said. seed: of the program; without, in both kinds of hook."""
        options = []
        if self.kernel and seed is not None:
            options = ["-t", generate.target(seed), "-s", str(MADE)] + ["-p"] * (seed % 4 != 0)
            options += ["-f"] * (seed % 8 == 1)
        try:
            done = subprocess.run([self.command, *options, program, *self.between, capture],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return -1, f"took more than {self.timeout} s"
        return done.returncode, done.stdout

    def kind(self, status, output):
        """What went wrong, so that a smaller program fails in the same way; None: nothing did."""
        if status in (0, SKIPPED, INVALID, 2) or "does not load" in output:
            return None
        if status < 0:
            return "crash"
        return next((k for k in ("not loaded", "Sanitizer") if k in output), "differs")

    def fails(self, text, frames, kind, seed):
        with tempfile.TemporaryDirectory(prefix="beba-random-") as where:
            return self.kind(*self.run(*write(where, "p", text, frames), seed)) == kind


def write(where, name, text, frames):
    program, capture = (os.path.join(where, name + end) for end in (".xfsm", ".pcap"))
    with open(program, "w", encoding="utf-8") as file:
        file.write(text)
    packets.write_capture(capture, frames)
    return program, capture


def one_seed(seed, checkers, small):
    """How often a program had to be made, and of each checker its status and output."""
    with tempfile.TemporaryDirectory(prefix="beba-random-") as where:
        for attempt in range(ATTEMPTS):
            text = generate.program(seed, attempt, small).text()
            files = write(where, str(seed), text, generate.frames(seed, text))
            results = [(checkers[0].name, *checkers[0].run(*files, seed))]
            if results[0][1] != INVALID:
                break
        else:
            return attempt, [("generate", 1, results[0][2])]
        results += [(c.name, *c.run(*files, seed)) for c in checkers[1:]]
    return attempt, results


def keep(seed, attempt, checker, status, what, args):
    """Makes a failure small and keeps it."""
    kind = checker.kind(status, what)
    where = args.minimise
    tree = generate.program(seed, attempt, args.small)
    frames = generate.frames(seed, tree.text())
    smaller = minimise.Minimiser(tree, frames, lambda t, f: checker.fails(t, f, kind, seed),
                                  args.minimise_seconds)
    tree, frames = smaller.run()
    os.makedirs(where, exist_ok=True)
    _, output = checker.run(*write(where, str(seed), tree.text(), frames), seed)
    what = " ".join((output.splitlines() or [what])[0].split())[:70]
    write(where, str(seed), HEAD.format(seed=seed, what=what) + tree.text(), frames)
    print(f"# kept as {where}/{seed}.xfsm and .pcap, after {smaller.tried} tries: "
          f"{len(frames)} packets", flush=True)


class Tally:
    """TAP as it goes."""

    def __init__(self):
        self.n = self.failed = self.skipped = 0

    def tell(self, name, status, output):
        self.n += 1
        if status == SKIPPED:
            self.skipped += 1
            print(f"ok {self.n} - {name} # skip {' '.join(output.split())[:100]}", flush=True)
        elif status == 0:
            print(f"ok {self.n} - {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {self.n} - {name}", flush=True)
            lines = output.splitlines()
            for line in lines if len(lines) <= 20 else [*lines[:10], "...", *lines[-10:]]:
                print(f"#   {line[:200]}", flush=True)
        return status in (0, SKIPPED)


def regressions(tally, checkers):
    for program in sorted(glob.glob(os.path.join(HERE, "regressions", "*.xfsm"))):
        for checker in checkers:
            status, output = checker.run(program, program[:-5] + ".pcap")
            tally.tell(f"{checker.name}: {os.path.basename(program)}", status, output)


def numbers(args):
    if args.seconds:
        seed = int(time.time()) * 1000  # fresh ones
        end = time.monotonic() + args.seconds
        while time.monotonic() < end:
            yield seed
            seed += 1
    else:
        first, _, last = args.seeds.partition("..")
        yield from range(int(first), int(last or first) + 1)


def seeds(tally, checkers, args):
    """All seeds, some at a time; the seeds whose first program was valid."""
    todo = numbers(args)
    made = again = 0
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        running = {}
        while True:
            while len(running) < 2 * args.jobs and (seed := next(todo, None)) is not None:
                running[pool.submit(one_seed, seed, checkers, args.small)] = seed
            if not running:
                break
            done, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in done:
                seed = running.pop(future)
                attempt, results = future.result()
                made, again = made + 1, again + attempt
                for name, status, output in results:
                    if tally.tell(f"{name}: seed {seed}", status, output) or name == "generate":
                        continue
                    checker = next(c for c in checkers if c.name == name)
                    if args.minimise:
                        keep(seed, attempt, checker, status, output, args)
            if args.minimise and tally.failed >= args.stop:
                break
    print(f"# {made} programs, {100 * made / max(1, made + again):.1f} % valid at first try")


def main():
    args = argparse.ArgumentParser(description="Random programs on random packets, compared.")
    args.add_argument("--replay", help="compares the interpreter with itself")
    args.add_argument("--bpf", help="compares the interpreter with XDP and tc")
    args.add_argument("--seeds", default="1..300", help="A..B")
    args.add_argument("--seconds", type=int, help="fresh seeds for so long")
    args.add_argument("--minimise", metavar="DIR", help="make what fails small and keep it there")
    args.add_argument("--minimise-seconds", type=int, default=120, help="for each failure")
    args.add_argument("--stop", type=int, default=5, help="after so many failures")
    args.add_argument("--jobs", type=int, default=2)
    args.add_argument("--full", action="store_true", help="programs for the kernel as large as others")
    args = args.parse_args()
    args.small = bool(args.bpf) and not args.full
    checkers = [Checker("interpreter", args.replay)] if args.replay else []
    if args.bpf:
        checkers.append(Checker("kernel", args.bpf, between=["--"], timeout=300, kernel=True))
    if not checkers:
        sys.exit("neither --replay nor --bpf: nothing to run")
    if args.bpf and not args.seconds:  # the same seeds again, in other builds
        os.environ["BEBA_OBJECTS"] = objects.directory(os.path.dirname(os.path.dirname(HERE)))
    tally = Tally()
    regressions(tally, checkers)
    seeds(tally, checkers, args)
    print(f"1..{tally.n}")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
