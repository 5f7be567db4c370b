#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The Debian packages: built, looked into, and installed on a Debian that has nothing else.

    tests/deb/test_deb.py [OUT]       OUT: build/deb

The clean Debian is made by debootstrap from the mirrors that apt uses here, and kept beside OUT for
the next time. Installing needs root; without it that part is skipped and says so. Prints TAP.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "deb"))
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Inside: no network but lo, no mounts of the host's; /sys/fs/bpf is its own.
CLEAN = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
done = 0


class Failed(Exception):
    pass


def run(*cmd, check=True, **kw):
    kw.setdefault("env", dict(os.environ, PATH=PATH, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive"))
    r = subprocess.run([str(c) for c in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL, text=True, errors="replace", **kw)
    if check and r.returncode:
        raise Failed(f"{' '.join(map(str, cmd))}: {r.returncode}\n{r.stdout[-6000:]}")
    return r


def test(ok, what, details=""):
    global done
    done += 1
    print(f"{'ok' if ok else 'not ok'} {done} - {what}", flush=True)
    if not ok:
        raise Failed(str(details))


def skip(what, why):
    global done
    done += 1
    print(f"ok {done} - {what} # SKIP {why}", flush=True)


def version():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as f:
        return re.search(r"version: '([^']+)'", f.read()).group(1)


# --- looking into them ---------------------------------------------------------------------------

def packages():
    """Name -> file, of those that are for users."""
    debs = {os.path.basename(f).split("_")[0]: f for f in glob.glob(OUT + "/*.deb")}
    return {name: f for name, f in debs.items() if not name.endswith("-dbgsym")}


def files_are_there(debs, tree):
    for f in debs.values():
        run("dpkg-deb", "-x", f, tree)
    beba = os.path.join(tree, "usr/bin/beba")
    said = run(beba, "--version").stdout
    test(version() in said, "the command runs and tells the version of the project", said)
    names = re.findall(r"^  (\w+) ", run(beba, "help").stdout.split("beba COMMAND --help")[0], re.M)
    pages = {os.path.basename(p) for p in glob.glob(tree + "/usr/share/man/man1/*.gz")}
    without = [name for name in names if f"beba-{name}.1.gz" not in pages]
    test("beba.1.gz" in pages and len(names) > 15 and not without, "each command has a manual page",
         without or names)
    for path in ("lib/systemd/system/beba@.service", "usr/share/bash-completion/completions/beba",
                 "usr/share/doc/beba/examples/port_knocking.xfsm", "usr/share/doc/beba/copyright",
                 "usr/share/doc/beba/kernel.md.gz"):
        test(os.path.exists(os.path.join(tree, path)), path)
    with open(os.path.join(tree, "lib/systemd/system/beba@.service"), encoding="utf-8") as f:
        unit = f.read()
    test("ExecStart=/usr/bin/beba attach" in unit, "the unit runs the command that was installed", unit)
    for f in debs.values():
        fields = run("dpkg-deb", "-f", f).stdout
        test(f"Version: {version()}\n" in fields, f"{os.path.basename(f)}: version", fields)
    depends = run("dpkg-deb", "-f", debs["beba"], "Depends").stdout
    test(all(lib in depends for lib in ("libbpf1", "libxdp1", "libpcap0.8", "libjansson4")) and
         "clang" not in depends, "it depends on its libraries, and not on clang", depends)


def library_is_usable(tree, work):
    lib = os.path.dirname(glob.glob(tree + "/usr/lib/*/libbeba.so")[0])
    source, program = os.path.join(work, "embed.c"), os.path.join(work, "embed")
    with open(source, "w", encoding="utf-8") as f:
        f.write('#include <beba/beba.h>\n#include <stdio.h>\n'
                'int main(void)\n{\n    return puts(beba_version()) < 0;\n}\n')
    env = dict(os.environ, PATH=PATH, PKG_CONFIG_SYSROOT_DIR=tree, PKG_CONFIG_PATH=lib + "/pkgconfig")
    flags = run("pkg-config", "--cflags", "--libs", "beba", env=env).stdout.split()
    run("gcc", "-o", program, source, *flags)
    said = run(program, env=dict(env, LD_LIBRARY_PATH=lib)).stdout
    test(version() in said, "a program is built with the library's package and runs", said)


def lintian_is_content(debs):
    if not shutil.which("lintian"):
        skip("lintian", "lintian is not installed")
        return
    # The maintainer has no address.
    said = run("lintian", "--suppress-tags", "bogus-mail-host,bogus-mail-host-in-debian-changelog",
               *debs.values(), check=False).stdout
    bad = [line for line in said.splitlines() if line.startswith(("E:", "W:"))]
    test(not bad, "lintian has no errors and no warnings", "\n".join(bad))


# --- a clean Debian ------------------------------------------------------------------------------

def sources():
    """apt's sources of this machine for this Debian: (uri, suite, components, keyring)."""
    with open("/etc/os-release", encoding="utf-8") as f:
        codename = re.search(r"^VERSION_CODENAME=(\w+)", f.read(), re.M).group(1)
    found = []
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if path.endswith(".sources"):
            for part in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
                of = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", part, re.M))
                if "deb" in of.get("Types", "").split():
                    found += [(uri, suite, of.get("Components", "").split(), of.get("Signed-By"))
                              for uri in of["URIs"].split() for suite in of["Suites"].split()]
            continue
        for line in text.splitlines():
            m = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if m:
                key = re.search(r"signed-by=(\S+)", m.group(1) or "")
                found.append((m.group(2), m.group(3), m.group(4).split(), key and key.group(1)))
    wanted = re.compile(codename + r"(-updates|-security)?$")
    return codename, [s for s in found if wanted.match(s[1]) and "main" in s[2]]


def clean_debian():
    """A directory with one; made once for these sources."""
    codename, found = sources()
    first = next((s for s in found if s[1] == codename), None)
    if not first:
        return None
    lines = "".join(f"deb {'[signed-by=' + key + '] ' if key else ''}{uri} {suite} main\n"
                    for uri, suite, _, key in found)
    where = os.path.join(os.path.dirname(OUT), f"debian-{hashlib.sha256(lines.encode()).hexdigest()[:12]}")
    if os.path.exists(where + "/etc/beba-test-complete"):
        return where
    shutil.rmtree(where, ignore_errors=True)
    env = dict(os.environ, PATH=PATH, LC_ALL="C.UTF-8")
    proxy = re.search(r'"(.+)"', run("apt-config", "dump", "Acquire::http::Proxy").stdout)
    if proxy:
        env.setdefault("http_proxy", proxy.group(1))
    keyring = [f"--keyring={first[3]}"] if first[3] and os.path.isfile(first[3]) else []
    run("debootstrap", "--variant=minbase", *keyring, codename, where, first[0], env=env)
    with open(where + "/etc/apt/sources.list", "w", encoding="utf-8") as f:
        f.write(lines)
    for key in {s[3] for s in found if s[3]}:
        if os.path.isfile(key):
            os.makedirs(where + os.path.dirname(key), exist_ok=True)
            shutil.copy(key, where + key)
    with open(where + "/etc/apt/apt.conf.d/00of-the-host", "w", encoding="utf-8") as f:
        f.write(run("apt-config", "dump", "Acquire").stdout)
    with open(where + "/etc/beba-test-complete", "w", encoding="utf-8"):
        pass
    return where


class Chroot:
    """A copy of the clean Debian, in which commands run; gone at the end."""

    def __init__(self, clean, work):
        self.root = os.path.join(work, "root")
        run("cp", "-a", "--reflink=auto", clean, self.root)
        for name in ("resolv.conf", "hosts"):
            if os.path.exists("/etc/" + name):
                shutil.copy("/etc/" + name, self.root + "/etc/" + name)

    def run(self, script, alone=True, check=True):
        """A shell script inside; alone: without the host's network."""
        inside = (f"mount -t proc proc {self.root}/proc && mount --rbind /dev {self.root}/dev && "
                  f"mount -t sysfs sysfs {self.root}/sys && mount -t bpf bpf {self.root}/sys/fs/bpf && "
                  f"exec chroot {self.root} /bin/sh -euc \"$0\"")
        return run(*CLEAN, *(["--net"] if alone else []), "sh", "-euc", inside, script, check=check)


def installs(debs, tree, work):
    clean = clean_debian()
    if not clean:
        skip("a clean Debian", "apt knows no mirror of this Debian")
        return
    box = Chroot(clean, work)
    os.mkdir(box.root + "/packages")
    os.mkdir(box.root + "/packages/dpdk")
    for name, f in debs.items():
        shutil.copy(f, box.root + "/packages/" + ("dpdk/" if name == "beba-dpdk" else ""))
    # An object made where there is clang: here.
    run(os.path.join(tree, "usr/bin/beba"), "build", os.path.join(ROOT, "examples/port_knocking.xfsm"),
        "-o", box.root + "/packages/knock.o")
    box.run("apt-get -q update && apt-get -q install -y --no-install-recommends /packages/*.deb", alone=False)
    test(True, "apt-get installs the packages on a clean Debian")
    test(box.run("command -v clang", check=False).returncode != 0, "there is no clang")
    said = box.run("beba --version && beba test /usr/share/doc/beba/examples/port_knocking.xfsm").stdout
    test(version() in said, "the command runs there, and tests an example", said)

    said = box.run("""
        test -e /lib/systemd/system/beba@.service
        beba attach /packages/knock.o --dev lo --hook xdp-generic --name knock
        beba show
        beba detach knock
        beba show
        """).stdout
    test("attached to lo" in said and "nothing is attached" in said,
         "an object is attached, shown and detached, without clang", said)
    r = box.run("beba attach /usr/share/doc/beba/examples/port_knocking.xfsm --dev lo --hook xdp-generic",
                check=False)
    test(r.returncode == 1 and "clang" in r.stdout, "a program that wants compiling asks for clang",
         r.stdout)

    # DPDK is there for who wants it.
    switch = "timeout 10 beba switch --no-control -p dpdk:net_null0"
    said = box.run(switch, check=False).stdout
    test("install the package beba-dpdk" in said and box.run("ls /usr/lib/*/librte*", check=False).returncode,
         "without beba-dpdk there is no DPDK, and the switch says so", said)
    box.run("apt-get -q install -y --no-install-recommends /packages/dpdk/*.deb librte-net-null23",
            alone=False)
    said = box.run(switch, check=False).stdout
    test("is ready" in said, "with it, a switch has a port of DPDK", said)

    box.run("apt-get -q purge -y beba-dpdk beba libbeba-dev libbeba0")
    left = box.run("find / -xdev -name '*beba*' -not -path '/packages/*' -not -path '/proc/*' "
                   "-not -path '/var/lib/apt/*' -not -path '/var/log/*' -not -path '/etc/beba-test-*'").stdout
    test(not left.strip(), "purged, it leaves nothing", left)


def main():
    try:
        if shutil.which("dpkg-buildpackage") is None:
            skip("the packages", "dpkg-dev is not installed")
            print(f"1..{done}")
            return 0
        run(os.path.join(ROOT, "scripts/deb.sh"), OUT)
        debs = packages()
        test(set(debs) == {"beba", "beba-dpdk", "libbeba0", "libbeba-dev"}, "four packages are built",
             debs)
        with tempfile.TemporaryDirectory(prefix="beba-deb-") as work:
            tree = os.path.join(work, "tree")
            files_are_there(debs, tree)
            library_is_usable(tree, work)
            lintian_is_content(debs)
            if os.geteuid() != 0 or not shutil.which("debootstrap"):
                skip("installing", "it needs root and debootstrap")
            else:
                installs(debs, tree, work)
    except Failed as e:
        print("\n".join("# " + line for line in str(e).splitlines()))
        print(f"not ok {done + 1} - the packages")
        print(f"1..{done + 1}")
        return 1
    print(f"1..{done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
