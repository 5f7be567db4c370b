#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Runs everything that checks beba: lint, builds with their suites, clang-tidy, packages.

    scripts/test.py [STAGE...]      stages: lint clang gcc sanitize thread tidy deb; none = all

Every stage adds to one sum; the last line is "N passed, N failed, N skipped". Exit 1 when
something failed, or, where the environment has CI=true, when something was skipped. Builds live in
build/test-*; what a failing test printed is shown, all of it stays in their meson-logs. clang-tidy
runs aside, once the clang build is there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "lint"))
import rules  # noqa: E402

JOBS = str(max(2, min(8, os.cpu_count() or 2)))
MESON = "/usr/bin/meson" if os.path.exists("/usr/bin/meson") else "meson"
FEATURES = ["-Dtests=enabled", "-Dcli=enabled", "-Ddocs=enabled", "-Dkernel=enabled",
            "-Dswitch=enabled", "-Ddpdk=enabled", "--werror"]
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false",
            "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer", "-Doptimization=1"]
# What runs in the kernel is the same whoever compiled the rest: the long suites that are about that
# run in one build. Sanitizers watch what user space does with the kernel, too.
BUILDS = {
    "gcc": {"cc": "gcc", "options": [], "without": [], "env": {}},
    "clang": {"cc": "clang", "options": [], "env": {},
              "without": ["bpf", "kernel", "live", "switch", "controller", "conformance",
                          "native"]},
    "sanitize": {"cc": "clang", "options": SANITIZE,
                 "without": ["bpf", "live", "controller", "conformance"], "env": {
        "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}},
    # What threads do with each other: only the tests of the suite "thread", and what they need.
    "thread": {"cc": "clang", "only": "thread", "without": [],
               "options": ["-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1"],
               "env": {"BEBA_TEST_PACKETS": "20000", "TSAN_OPTIONS": "halt_on_error=1:suppressions=" +
                       os.path.join(ROOT, "tests", "thread", "suppressions")}},
}


class Sum:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def say(text):
    print(text, flush=True)


def indent(text, lines=60):
    kept = text.rstrip().splitlines()
    if len(kept) > lines:
        kept = [f"... {len(kept) - lines} lines before"] + kept[-lines:]
    say("".join(f"    | {line}\n" for line in kept).rstrip("\n"))


def run(cmd, env=None):
    done = subprocess.run(cmd, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class Aside:
    """A command that runs in time nobody else wants: SCHED_IDLE, so tests that wait for packets or
    measure a rate do not feel it."""

    def __init__(self, cmd):
        def work():
            self.result = run([*(["chrt", "--idle", "0"] if shutil.which("chrt") else ["nice"]), *cmd])
        self.result = (1, "")
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def wait(self):
        self.thread.join()
        return self.result


def check(total, name, cmd, only=None):
    """A check that is one test: it passes when the command exits with 0. cmd: a command, or one that
    runs aside already. only: lines worth showing."""
    start = time.monotonic()
    status, out = cmd.wait() if isinstance(cmd, Aside) else run(cmd)
    if only:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
        out = "\n".join(sorted({line for line in plain.splitlines() if only in line})) or plain
    say(f"  {'ok  ' if status == 0 else 'FAIL'} {name} ({time.monotonic() - start:.0f} s)")
    if status:
        indent(out)
    total.add(status == 0, status != 0, 0)


def count_output(out):
    """What a test program says about its own tests: TAP, or pytest's last line. None: nothing."""
    tap = re.findall(r"^(ok|not ok)\b([^\n]*)", out, re.M)
    if tap and re.search(r"^1\.\.\d+", out, re.M):
        skipped = sum(1 for _, rest in tap if re.search(r"# *skip", rest, re.I))
        failed = sum(1 for word, _ in tap if word == "not ok")
        return len(tap) - skipped - failed, failed, skipped
    last = re.findall(r"^=* ?((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", out, re.M)
    if last:
        found = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+)", last[-1])}
        bad = found.get("failed", 0) + found.get("error", 0) + found.get("errors", 0)
        return found.get("passed", 0), bad, found.get("skipped", 0)
    return None


def count_test(entry):
    out = entry.get("stdout", "")
    result = entry["result"]
    counted = count_output(out)
    partly = len(re.findall(r"^SKIPPED", out, re.M))  # what a test that passed says it left out
    if result in ("OK", "EXPECTEDFAIL"):
        return counted if counted and not counted[1] else (1, 0, partly)
    if result == "SKIP":
        return (0, 0, max(1, counted[2])) if counted else (0, 0, 1)
    if counted and counted[1]:
        return counted
    return 0, 1, 0


def programs_of(where, suite):
    """The programs that the tests of a suite run, as targets."""
    tests = json.loads(run([MESON, "introspect", "--tests", where])[1])
    return [os.path.relpath(test["cmd"][0], where) for test in tests
            if any(name.split(":")[-1] == suite for name in test["suite"])]


def build_and_test(total, name):
    build = BUILDS[name]
    where = os.path.join(ROOT, "build", "test-" + name)
    env = dict(os.environ, CC=build["cc"], CMOCKA_MESSAGE_OUTPUT="TAP", **build["env"])
    start = time.monotonic()
    again = ["--reconfigure"] if os.path.exists(os.path.join(where, "build.ninja")) else []
    for cmd in ([MESON, "setup", where, *again, *FEATURES, *build["options"]],
                ["ninja", "--quiet", "-j", JOBS, "-C", where]):
        if cmd[0] == "ninja" and "only" in build:
            cmd += programs_of(where, build["only"])
        status, out = run(cmd, env)
        if status:
            say(f"  FAIL {name}: {' '.join(cmd[:2])}")
            indent(out)
            total.add(0, 1, 0)
            return
    built = time.monotonic()
    log = os.path.join(where, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    status, out = run([MESON, "test", "-C", where, "--no-rebuild", "--num-processes", JOBS,
                       "--timeout-multiplier", "4",
                       *[word for suite in build["without"] for word in ("--no-suite", suite)],
                       *(["--suite", build["only"]] if "only" in build else [])], env)
    mine = Sum()
    if os.path.exists(log):
        with open(log, encoding="utf-8") as lines:
            entries = [json.loads(line) for line in lines]
    else:
        entries = []
    slow = sorted(entries, key=lambda e: -e["duration"])[:3]
    for entry in entries:
        passed, failed, skipped = count_test(entry)
        mine.add(passed, failed, skipped)
        if failed or skipped:
            say(f"  {'FAIL' if failed else 'skip'} {name}: {entry['name']} ({entry['result']})")
            indent(entry.get("stdout", "") + entry.get("stderr", ""), 40)
    if not entries or (status and not mine.failed):
        say(f"  FAIL {name}: meson test")
        indent(out)
        mine.add(0, 1, 0)
    say(f"  {'FAIL' if mine.failed else 'ok  '} {name}: {mine}; built in {built - start:.0f} s, "
        f"run in {time.monotonic() - built:.0f} s; slowest " +
        ", ".join(f"{e['name'].split(':')[-1].strip()} {e['duration']:.1f} s" for e in slow))
    total.add(mine.passed, mine.failed, mine.skipped)


def lint(total):
    check(total, "house rules", [sys.executable, "tests/lint/rules.py"])
    check(total, "clang-format", ["clang-format", "--dry-run", "-Werror", *rules.tracked("*.c", "*.h")])
    check(total, "shellcheck", ["shellcheck", *rules.tracked("*.sh", ".ci/run")])


def tidy_command():
    """clang-tidy on what the clang build compiled."""
    where = os.path.join(ROOT, "build", "test-clang")
    return ["run-clang-tidy", "-quiet", "-j", JOBS, "-p", where, os.path.join(
        ROOT, "(src|bench|tests)/.*(?<!_test)\\.c$")]


def tidy(total, aside=None):
    where = os.path.join(ROOT, "build", "test-clang")
    if not os.path.exists(os.path.join(where, "compile_commands.json")):
        status, out = run([MESON, "setup", where, *FEATURES], dict(os.environ, CC="clang"))
        if status:
            indent(out)
    check(total, "clang-tidy", aside or tidy_command(), only=" error: ")


def deb(total):
    """The Debian packages, built and installed."""
    status, out = run([sys.executable, "tests/deb/test_deb.py"])
    passed, failed, skipped = count_output(out) or (0, 1, 0)
    if failed or skipped or status:
        indent(out)
    total.add(passed, max(failed, int(status != 0)), skipped)


STAGES = {
    "lint": lint,
    "clang": lambda total: build_and_test(total, "clang"),
    "gcc": lambda total: build_and_test(total, "gcc"),
    "sanitize": lambda total: build_and_test(total, "sanitize"),
    "thread": lambda total: build_and_test(total, "thread"),
    "tidy": tidy,
    "deb": deb,
}


def main():
    wanted = sys.argv[1:] or list(STAGES)
    for stage in wanted:
        if stage not in STAGES:
            sys.exit(f"unknown stage '{stage}'; there are: {' '.join(STAGES)}")
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    total = Sum()
    aside = None
    for stage in wanted:
        start = time.monotonic()
        say(f"{stage}:")
        if stage == "tidy":
            tidy(total, aside)
        else:
            STAGES[stage](total)
        if stage == "clang" and "tidy" in wanted:
            aside = Aside(tidy_command())
        say(f"  {time.monotonic() - start:.0f} s")
    say(str(total))
    return 1 if total.failed or (total.skipped and os.environ.get("CI") == "true") else 0


if __name__ == "__main__":
    sys.exit(main())
