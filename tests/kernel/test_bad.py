# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What cannot be: each has a message that says what to do, and leaves nothing."""

import os
import shutil
import subprocess
import tempfile

import pytest
from conftest import BEBA, PLAIN, ROOT, udp

def refused(net, args, *texts, env=None, dev="a0"):
    r = net.beba(*args, env=env)
    assert r.code == 1, (args, r.text)
    for text in texts:
        assert text in r.err, r.err
    assert net.xdp(dev) is None and net.tc(dev) == [] and net.left() == []
    j = net.beba(*args, "--json", env=env).json
    assert texts[0] in j["error"]["message"] + j["error"].get("where", "")
    return r


def test_no_device(pair):
    """
        nope?    a0 [nothing]
    """
    path = pair.object("plain", PLAIN)
    refused(pair, ("attach", path, "--dev", "nope"), "no device nope")
    refused(pair, ("attach", path, "--dev", "a0", "--dev", "nope"), "no device nope")
    refused(pair, ("attach", path, "--dev", "a0", "--dev", "a0"), "named twice")
    refused(pair, ("attach", path, "--dev", "a0=2", "--dev", "b0=2"), "the port 2")


def test_misuse(pair):
    """
        a0 [nothing]
    """
    path = pair.object("plain", PLAIN)
    for args, text in ((("attach", path), "give --dev"),
                       (("attach", path, "--dev", "a0=x"), "a port is 1 to 65535"),
                       (("attach", path, "--dev", "a0", "--hook", "xpd"), "xpd"),
                       (("attach", path, "--dev", "a0", "--hook", "tc-egress", "--share"), "XDP"),
                       (("detach",), "give a NAME"),
                       (("show", "flaws", "x"), "cannot be shown"),
                       (("show", "flows", "--follow"), "for events")):
        r = pair.beba(*args)
        assert r.code == 2 and text in r.err, (args, r.err)
    refused(pair, ("attach", path, "--dev", "a0", "--name", "a/b"), "'a/b'", "letters")
    refused(pair, ("attach", path, "--dev", "a0", "--hook", "tc-ingress"), "made for xdp", "--hook")
    refused(pair, ("detach", "plain"), "")
    refused(pair, ("show", "plain"), "")


def test_another_program(pair):
    """
        a0 [program of somebody else]
    """
    path = pair.object("plain", PLAIN)
    other = {"BEBA_BPFFS": pair.bpffs + "/other"}
    assert pair.beba("attach", path, "--dev", "a0", env=other).code == 0
    for hook in ("xdp", "xdp-generic"):
        r = pair.beba("attach", path, "--dev", "a0", "--hook", hook)
        assert r.code == 1 and "a0 already runs the XDP program beba_gate (id " in r.err
        assert "take it away first" in r.err and pair.left() == []
    assert "excludes generic" in r.err
    assert pair.beba("detach", "--all", env=other).code == 0
    pair.ok("attach", path, "--dev", "a0")
    r = pair.beba("attach", path, "--dev", "a0", "--name", "second")
    assert r.code == 1 and "a0 already runs plain" in r.err and "beba replace plain" in r.err
    r = pair.beba("attach", path, "--dev", "b0")
    assert r.code == 1 and "plain is attached already" in r.err and pair.xdp("b0") is None
    r = pair.beba("attach", path, "--dev", "b0", "--dev", "a0", "--name", "second")
    assert r.code == 1 and pair.xdp("b0") is None, "all or nothing"
    pair.send("b0", udp("10.0.0.1", 7))
    assert pair.ok("show", "counters", "--json").json["programs"][0]["verdicts"]["drop"] == 1
    pair.ok("detach", "plain")
    assert pair.left() == []


def test_driver(pair):
    """
        d0: a device whose driver has no XDP    a0 === b0 with a large MTU
    """
    path = pair.object("plain", PLAIN)
    pair.ip("link", "add", "d0", "type", "ifb", check=False)
    if pair.ip("link", "show", "d0", check=False):
        refused(pair, ("attach", path, "--dev", "d0"), "driver of d0 has no XDP", "xdp-generic")
        pair.ok("attach", path, "--dev", "d0", "--hook", "xdp-generic")
        pair.ok("detach", "plain")
    refused(pair, ("attach", path, "--dev", "lo"), "driver of lo has no XDP", "xdp-generic")
    pair.ip("link", "set", "b0", "mtu", "9000")
    refused(pair, ("attach", path, "--dev", "a0"), "MTU", "mtu 1500")


def test_objects(pair):
    """
        a0 [nothing]
    """
    path = pair.object("plain", PLAIN)
    with open(path, "rb") as f:
        good = f.read()
    bad = os.path.join(pair.directory, "bad.o")
    for data in (good[:200], good[:len(good) // 2], b"\x7fELF" + b"x" * 1000):
        with open(bad, "wb") as f:
            f.write(data)
        refused(pair, ("attach", bad, "--dev", "a0"), "")
    shutil.copy("/bin/true", bad)
    refused(pair, ("attach", bad, "--dev", "a0"), "")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("machine {")
    refused(pair, ("attach", bad, "--dev", "a0"), "")


def test_no_clang(pair):
    """
        a0 [an object only]
    """
    path = pair.object("plain", PLAIN)
    none = {"BEBA_CLANG": "/nonexistent/clang"}
    source = os.path.join(pair.directory, "plain.xfsm")
    refused(pair, ("attach", source, "--dev", "a0"), "clang", env=none)
    assert pair.beba("attach", path, "--dev", "a0", env=none).code == 0
    pair.ok("detach", "plain")


def test_no_root(pair):
    """
        nobody ---> a0 [nothing]
    """
    path = pair.object("plain", PLAIN)
    os.chmod(os.path.dirname(path), 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as where:  # the build may lie where nobody can look
        os.chmod(where, 0o755)
        beba = shutil.copy(BEBA, where)
        no_root(pair, path, nobody, beba)


def no_root(pair, path, nobody, beba):
    for args in (("attach", path, "--dev", "a0"), ("detach", "plain"), ("show",)):
        done = subprocess.run([*nobody, beba, *args], stderr=subprocess.PIPE, text=True,
                              env=pair.env, stdout=subprocess.PIPE, timeout=60)
        if args[0] == "attach":
            assert done.returncode == 1 and "needs root, or CAP_BPF" in done.stderr, done.stderr
            assert "sudo" in done.stderr
    assert pair.left() == [] and pair.xdp("a0") is None


def test_bpffs(pair):
    """
        no BPF file system where one should be
    """
    path = pair.object("plain", PLAIN)
    nowhere = {"BEBA_BPFFS": pair.directory + "/none"}
    refused(pair, ("attach", path, "--dev", "a0"), "in no BPF file system", "mount -t bpf",
            env=nowhere)
    refused(pair, ("attach", path, "--dev", "a0"), "not a whole path", env={"BEBA_BPFFS": "x/y"})
    assert pair.beba("show", env=nowhere).text == "nothing is attached\n"
    done = subprocess.run(["ip", "netns", "exec", pair.name, BEBA, "attach", path, "--dev", "a0",
                           "--name", pair.name], stderr=subprocess.PIPE, text=True, timeout=60,
                          env={k: v for k, v in os.environ.items() if k != "BEBA_BPFFS"})
    assert done.returncode == 1 and "nsenter --net=" in done.stderr, done.stderr
    assert pair.xdp("a0") is None


def test_foreign_directory(pair):
    """
        beba/stray: a directory that is no deployment
    """
    path = pair.object("plain", PLAIN)
    pair.ok("attach", path, "--dev", "a0")
    os.mkdir(pair.bpffs + "/beba/stray")
    os.mkdir(pair.bpffs + "/beba/plain~new")
    assert [p["name"] for p in pair.ok("show", "--json").json["programs"]] == ["plain"]
    assert pair.left() == ["plain"]
    pair.ok("detach", "plain")


def test_refused_by_the_verifier(pair):
    """
        a0 [a program whose second rule the verifier refuses: its C was changed]
    """
    path = os.path.join(pair.directory, "spoilt.xfsm")
    with open(path, "w", encoding="utf-8") as f:
        f.write(PLAIN.replace("machine plain", "machine spoilt"))
    line = 1 + PLAIN.splitlines().index("    on udp.dst == 7 { seen += 1; count seven; drop }")
    c = pair.ok("build", path, "--emit-c").text
    assert c.count("x->rule = 0;") == 1
    c = c.replace("x->rule = 0;", "*(volatile uint32_t *)4096 = 1; x->rule = 0;")
    source, spoilt = os.path.join(pair.directory, "beba.bpf.c"), path.replace(".xfsm", ".o")
    with open(source, "w", encoding="utf-8") as f:
        f.write(c)
    subprocess.run([os.environ.get("BEBA_CLANG") or "clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g",
                    "-std=gnu17", "-w", "-ffreestanding", "-fno-strict-aliasing", "-I",
                    os.path.join(ROOT, "src"), "-c", source, "-o", spoilt], check=True)
    refused(pair, ("attach", spoilt, "--dev", "a0"), f"spoilt.xfsm:{line}",
            "the kernel's verifier refuses 'on udp.dst == 7 { seen += 1; count seven; drop }'",
            "invalid mem access")
    assert "invalid mem access" in pair.beba("attach", spoilt, "--dev", "a0", "--verbose").err


def test_too_large_at_once(pair):
    """
        a0 [a program that the verifier gives up on after a million steps: in smaller pieces it loads]
    """
    source = os.path.join(ROOT, "tests/random/regressions/too_large_at_once.xfsm")
    path = os.path.join(pair.directory, "large.o")
    pair.ok("build", source, "-o", path)
    r = pair.beba("attach", path, "--dev", "a0", "--name", "large", env={"BEBA_CLANG": "/nonexistent"})
    assert r.code == 1 and "too large" in r.err and "beba build --fine" in r.err, r.err
    assert pair.xdp("a0") is None and pair.left() == []
    r = pair.ok("attach", path, "--dev", "a0", "--name", "large")
    assert "smaller pieces" in r.err, r.err
    pair.send("b0", udp("10.0.0.1", 7))
    assert pair.ok("show", "counters", "--json").json["programs"][0]["packets"] == 1
    pair.ok("detach", "large")
    budget = pair.ok("check", "--target", "xdp", "--json", source).json["files"][0]["budget"]
    assert budget["fine"] and 0 < budget["verified"] < 1000000, budget
