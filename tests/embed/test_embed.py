#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Installs libbeba into a directory of its own and uses it from there as its users do.

    tests/embed/test_embed.py BUILD_DIR SANITIZE VERSION LIBBEBA.so LIBBEBA.a -- CC...

SANITIZE is the build's b_sanitize: what is linked with the libraries must have the same. Prints
TAP.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "examples", "embed")
PROGRAM = os.path.join(ROOT, "examples", "port_knocking.xfsm")


def run(cmd, env=None, cwd=None):
    done = subprocess.run(cmd, env=env, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=110)
    if done.returncode:
        raise AssertionError(f"{shlex.join(cmd)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def meson_of(build):
    """The meson that configured the build, for another version may not read it."""
    with open(os.path.join(build, "build.ninja"), encoding="utf-8") as f:
        return shlex.split(re.search(r"^ command = (.*) --internal regenerate ", f.read(), re.M).group(1))


def declared():
    """The functions that the public header declares."""
    with open(os.path.join(ROOT, "include", "beba", "beba.h"), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return set(re.findall(r"^BEBA_API [^;(]*?\b(beba_\w+)\(", text, re.M))


def named():
    """Every name the public header makes its users know, functions and all."""
    with open(os.path.join(ROOT, "include", "beba", "beba.h"), encoding="utf-8") as f:
        return set(re.findall(r"\b(?:beba|BEBA)_\w+", re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)))


def expected_output():
    """The indented lines of the example's README after the one that starts it."""
    with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as f:
        text = f.read()
    block = re.search(r"^    \$ \./embed [^\n]*\n((?:    [^\n]*\n)+)", text, re.M).group(1)
    return [line[4:] for line in block.splitlines()]


class Embed:
    def __init__(self, work, build, sanitize, version, shared, static, cc):
        self.work, self.build, self.version, self.cc = work, build, version, cc
        self.shared, self.static = shared, static
        self.dest = os.path.join(work, "dest")
        self.flags = "-Wall -Wextra -Werror -Wconversion -g"
        if sanitize not in ("", "none"):
            self.flags += f" -fsanitize={sanitize} -fno-sanitize-recover=all"

    def installs(self):
        run([*meson_of(self.build), "install", "-C", self.build, "--no-rebuild", "--quiet", "--tags", "devel,runtime",
             "--destdir", self.dest])
        found = glob.glob(os.path.join(self.dest, "**", "beba.pc"), recursive=True)
        assert len(found) == 1, found
        pc = found[0]
        self.env = dict(os.environ, CC=shlex.join(self.cc), CFLAGS=self.flags,
                        PKG_CONFIG_LIBDIR=os.path.dirname(pc), PKG_CONFIG_SYSROOT_DIR=self.dest,
                        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
        self.libdir = os.path.dirname(os.path.dirname(pc))
        for name in ("libbeba.so", "libbeba.so.0", "libbeba.so." + self.version, "libbeba.a"):
            assert os.path.exists(os.path.join(self.libdir, name)), name
        assert glob.glob(os.path.join(self.dest, "**", "include", "beba", "beba.h"), recursive=True)

    def tells_its_version(self):
        assert run(["pkg-config", "--modversion", "beba"], self.env).strip() == self.version
        source = os.path.join(self.work, "version.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include <stdio.h>\n#include <beba/beba.h>\n'
                    'int main(void)\n{\n    printf("%s %d", beba_version(),'
                    ' beba_version_number() == BEBA_VERSION_NUMBER);\n}\n')
        flags = shlex.split(run(["pkg-config", "--cflags", "--libs", "beba"], self.env))
        binary = os.path.join(self.work, "version")
        run([*self.cc, *self.flags.split(), source, "-o", binary, *flags], self.env)
        assert run([binary], self.with_library()) == self.version + " 1"

    def with_library(self):
        return dict(self.env, LD_LIBRARY_PATH=self.libdir)

    def make(self, target):
        """The example, built by its own Makefile in a directory of its own."""
        where = os.path.join(self.work, target)
        os.mkdir(where)
        for name in ("Makefile", "embed.c"):
            os.symlink(os.path.join(EXAMPLE, name), os.path.join(where, name))
        run(["make", "--no-print-directory", target], self.env, where)
        return os.path.join(where, target)

    def check_output(self, binary, env):
        want, got = expected_output(), run([binary, PROGRAM], env).splitlines()
        # Flows come in the order of a secret hash.
        assert len(want) == 9, want
        assert want[:7] == got[:7] and sorted(want[7:]) == sorted(got[7:]), "\n".join(got)
        broken = os.path.join(self.work, "broken.xfsm")
        with open(broken, "w", encoding="utf-8") as f:
            f.write("machine m { always { pas } }\n")
        done = subprocess.run([binary, broken], env=env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 1 and not done.stdout, done
        assert f"{broken}:1:" in done.stderr and "error:" in done.stderr, done.stderr

    def embeds_the_shared_library(self):
        binary = self.make("embed")
        needed = run(["objdump", "-p", binary])
        assert re.search(r"NEEDED +libbeba\.so\.0$", needed, re.M), needed
        assert "BEBA_0.1" in needed, needed
        self.check_output(binary, self.with_library())

    def embeds_the_static_library(self):
        binary = self.make("embed-static")
        needed = run(["objdump", "-p", binary])
        assert not re.search(r"NEEDED +lib(beba|pcap|jansson)\b", needed), needed
        self.check_output(binary, self.env)

    def exports_what_the_header_declares(self):
        exported = set()
        for line in run(["nm", "-D", "--defined-only", self.shared]).splitlines():
            name, _, version = line.split()[-1].partition("@@")
            if line.split()[-2] == "A":
                assert name == "BEBA_0.1", line
                continue
            assert version == "BEBA_0.1", line
            exported.add(name)
        assert len(exported) > 30
        assert exported == declared(), exported ^ declared()

    def keeps_its_names_apart(self):
        """All that the archive adds to a program's names starts with beba_."""
        foreign = set()
        for line in run(["nm", "--defined-only", "--extern-only", self.static]).splitlines():
            fields = line.split()
            if len(fields) == 3 and not re.match(r"(beba_|__(odr_)?asan|__ubsan|__sancov|asan\.)",
                                                 fields[2]):
                foreign.add(fields[2])
        assert not foreign, foreign

    def has_a_header_for_all(self):
        """C99 and, where the compiler has it, C++; nothing of the rooms shows in it."""
        header = os.path.join(ROOT, "include", "beba", "beba.h")
        strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
        for standard in ("c99", "gnu17"):
            run([*self.cc, *strict, "-std=" + standard, "-x", "c", header])
        probe = subprocess.run([*self.cc, "-fsyntax-only", "-x", "c++", "/dev/null"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if probe.returncode == 0:
            run([*self.cc, *strict, "-x", "c++", header])
        with open(header, encoding="utf-8") as f:
            includes = re.findall(r"#include (.*)", f.read())
        assert includes == ["<stdbool.h>", "<stddef.h>", "<stdint.h>"], includes

    def shares_no_name_with_the_rooms(self):
        """So that who works on beba can include both."""
        pattern = re.compile(r"^(?:struct|enum) (beba_\w+) \{|^\s+(BEBA_[A-Z0-9_]+)\b[^()]*[,=]|"
                             r"^#define (BEBA_\w+)|^[a-z].*[ *](beba_\w+)\(", re.M)
        inside = set()
        headers = set(glob.glob(os.path.join(ROOT, "src", "*", "*.h")))
        for path in headers - set(glob.glob(os.path.join(ROOT, "src", "lib", "*.h"))):
            with open(path, encoding="utf-8") as f:
                for names in pattern.findall(f.read()):
                    inside.update(name for name in names if name)
        assert len(inside) > 200, len(inside)
        assert not inside & named(), inside & named()


def main():
    build, sanitize, version, shared, static = sys.argv[1:6]
    cc = sys.argv[7:]
    with tempfile.TemporaryDirectory() as work:
        embed = Embed(work, build, sanitize, version, shared, static, cc)
        tests = [embed.installs, embed.tells_its_version, embed.embeds_the_shared_library,
                 embed.embeds_the_static_library, embed.exports_what_the_header_declares,
                 embed.keeps_its_names_apart, embed.has_a_header_for_all,
                 embed.shares_no_name_with_the_rooms]
        failed = 0
        print(f"1..{len(tests)}")
        for n, test in enumerate(tests, 1):
            name = test.__name__.replace("_", " ")
            try:
                test()
                print(f"ok {n} {name}")
            except Exception as e:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {n} {name}")
                print("".join(f"# {line}\n" for line in f"{type(e).__name__}: {e}".splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
