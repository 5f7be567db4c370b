#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Runs what the documents tell people to run, and compares what it prints with what they say.

    tests/docs/test_tutorial.py [--update] BEBA [FILE.md...]     default: README.md docs/tutorial.md

In a ```console block a line that starts with "$ " is a command; it goes on where a line ends in a
backslash. The lines after it are its output, standard error included; a line "..." stands for any
number of lines. A block after

    <!-- file: NAME -->       is written to NAME,
    <!-- more: NAME -->       is added to it,
    <!-- part of: FILE -->    must stand in that file of the tree.

Each document runs in an empty directory with examples/ and docs/ in it and beba on the PATH. --update
puts the real output in where it differs. Prints TAP, one test a command.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def matches(want, got):
    """want, a list of lines in which "..." stands for any number of lines, describes got."""
    pattern = "".join("(?:.*\n)*" if line.strip() == "..." else re.escape(line) + "\n"
                      for line in want)
    return re.fullmatch(pattern, "".join(line + "\n" for line in got)) is not None


def run(command, where, beba):
    env = dict(os.environ, PATH=os.path.dirname(beba) + os.pathsep + os.environ["PATH"],
               COLUMNS="100", NO_COLOR="1", TERM="dumb", LC_ALL="C.UTF-8")
    done = subprocess.run(["bash", "-c", command], cwd=where, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode("utf-8", "replace").rstrip("\n").split("\n")


def commands(block):
    """(command, first output line, end of output) of each command in a block of lines."""
    i = 0
    while i < len(block):
        if not block[i].startswith("$ "):
            raise ValueError(f"expected a command, not '{block[i]}'")
        command = block[i][2:]
        while command.endswith("\\"):
            i += 1
            command += "\n" + block[i].removeprefix("> ")
        start = i = i + 1
        while i < len(block) and not block[i].startswith("$ "):
            i += 1
        yield command, start, i


class Document:
    def __init__(self, path, beba, update):
        self.path, self.beba, self.update = path, beba, update
        self.results = []  # (command, ok, message)
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().split("\n")

    def blocks(self):
        """(line after the opening fence, kind, (what, name) or None, lines) of each block."""
        i, name = 0, None
        while i < len(self.lines):
            named = re.fullmatch(r"<!-- (file|more|part of): (\S+) -->", self.lines[i])
            if named:
                name = named.groups()
            fence = re.fullmatch(r"```(\w*)", self.lines[i])
            if fence:
                start = i = i + 1
                while self.lines[i] != "```":
                    i += 1
                yield start, fence.group(1), name, self.lines[start:i]
                name = None
            i += 1

    def run(self):
        changes = []
        with tempfile.TemporaryDirectory() as where:
            for name in ("examples", "docs"):
                os.symlink(os.path.join(ROOT, name), os.path.join(where, name))
            for start, kind, name, block in self.blocks():
                if name and name[0] == "part of":
                    self.check_part(name[1], block)
                elif name:
                    mode = "w" if name[0] == "file" else "a"
                    with open(os.path.join(where, name[1]), mode, encoding="utf-8") as f:
                        f.write("\n".join(block) + "\n")
                elif kind == "console":
                    changes += self.run_block(start, block, where)
        if self.update and changes:
            for first, last, out in reversed(changes):
                self.lines[first:last] = out
            with open(self.path, "w", encoding="utf-8") as f:
                f.write("\n".join(self.lines))

    def check_part(self, name, block):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            ok = "\n".join(block) + "\n" in f.read()
        self.results.append((f"the excerpt of {name}", ok, "" if ok else "it is not in the file"))

    def run_block(self, start, block, where):
        changes = []
        for command, first, last in commands(block):
            status, got = run(command, where, self.beba)
            got = [] if got == [""] else got
            want = block[first:last]
            ok = matches(want, got) and status < 126
            if not ok and self.update and status < 126:
                changes.append((start + first, start + last, got))
                ok = True
            message = "" if ok else "\n".join(
                [f"exit {status}, expected:", *want, "got:", *got])
            self.results.append((command.split("\n")[0], ok, message))
        return changes


def main():
    args = [a for a in sys.argv[1:] if a != "--update"]
    if not args:
        sys.exit(__doc__)
    beba = os.path.abspath(args[0])
    paths = args[1:] or [os.path.join(ROOT, "README.md"), os.path.join(ROOT, "docs", "tutorial.md")]
    results = []
    for path in paths:
        document = Document(path, beba, "--update" in sys.argv)
        document.run()
        results += [(os.path.relpath(path, ROOT), *r) for r in document.results]
    for n, (path, command, ok, message) in enumerate(results, 1):
        print(f"{'ok' if ok else 'not ok'} {n} - {path}: {command}".replace("#", ""))
        for line in message.splitlines():
            print("#   " + line)
    print(f"1..{len(results)}")
    return 0 if results and all(r[2] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
