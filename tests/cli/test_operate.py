# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Commands on programs in the kernel, as far as they need none; values kept beside flow tables."""

import json

import pytest
from conftest import beba, pcap, udp

VALUES = """set ports : u16 = { 7, 9..11 }
global limit : u32 = 5
global seen : time
array u8 hits[4]
array u16 grid[2][3]
machine counted {
    key ip.src
    without key -> pass
    reg n : u16
    state fresh {
        on udp.dst in ports {
            n += 1
            limit -= 1
            seen = now
            hits[n] += 1
            grid[1][n] = limit
            pass
        }
        else { drop }
    }
}
"""


@pytest.fixture
def values(tmp_path):
    path = tmp_path / "values.xfsm"
    path.write_text(VALUES)
    return path


@pytest.mark.parametrize("args,message", [
    (("flow", "gte", "x"), "'gte' is not get, set, del or sweep; did you mean 'get'?"),
    (("flow", "get"), "is missing"),
    (("flow", "get", "x"), "flow get takes NAME MACHINE KEY"),
    (("flow", "del", "x", "m", "k", "more"), "'more' is too much"),
    (("flow", "sweep", "x", "m"), "flow sweep takes NAME only"),
    (("set", "lst", "x", "y"), "'lst' is not list, add or del; did you mean 'list'?"),
    (("set", "list", "x", "y", "z"), "'z' is too much"),
    (("global", "get", "x"), "global get takes NAME GLOBAL"),
    (("global", "put", "x"), "'put' is not list, get or set"),
    (("snapshot",), "NAME is missing"),
    (("snapshot", "x", "-o", ""), "'' is no name for a directory"),
    (("restore", "x"), "is missing"),
    (("top", "--interval", "1us"), "an interval is from 100ms to 1h"),
    (("explain",), "FILE is missing; or give --dev DEVICE"),
    (("explain", "x.xfsm", "--dev", "eth0"), "--dev takes the program that is attached"),
    (("explain", "x.xfsm", "--drops", "-p", "{}"), "go with --dev"),
    (("explain", "--dev", "x", "-n", "0"), "takes how many packets"),
    (("explain", "--dev", "x", "--every", "0"), "--every takes a number from 1"),
    (("explain", "--dev", "x", "-p", "{}"), "do not go with it"),
])
def test_misuse(args, message):
    r = beba(*args)
    assert r.code == 2 and message in r.err, r.err


@pytest.mark.parametrize("guard,message", [
    ("tcp.dts == 4", "did you mean tcp.dst?"),
    ("tcp.dst == ", "expected a value"),
    ("tcp.dst", ""),
    ("true { drop } on true", ""),
])
def test_guard(guard, message):
    r = beba("explain", "--dev", "x", "--match", guard)
    assert r.code in (1, 2) and r.err and message in r.err


def test_verbs_are_completed():
    assert beba("__complete", "--", "flow", "s").text == "set\nsweep\n"
    assert beba("__complete", "--", "global", "").text == "list\nget\nset\n"
    assert "lo\n" in beba("__complete", "--", "explain", "--dev", "").text


def test_no_deployment(tmp_path):
    env = {"BEBA_BPFFS": str(tmp_path / "none")}
    for args in (("flow", "get", "x", "m", "k"), ("set", "list", "x", "s"), ("global", "list", "x"),
                 ("snapshot", "x"), ("restore", "x", "y"), ("top", "x", "--once")):
        r = beba(*args, env=env)
        assert r.code == 1 and r.err.startswith(f"beba {args[0]}: "), r.err
        r = beba(*args, "--json", env=env)
        assert "error" in r.json


def test_values_are_kept(values, tmp_path):
    capture = tmp_path / "in.pcap"
    capture.write_bytes(pcap([udp(1, 7), udp(1, 9), udp(2, 12)]))
    run = ("run", values, "-r", capture, "--state", tmp_path, "--json")
    assert beba(*run).json["globals"]["limit"] == 3
    kept = json.loads((tmp_path / "values.json").read_text())
    assert kept["format"] == "beba-values" and kept["version"] == 1
    assert kept["globals"] == {"limit": 3, "seen": 1000001000000}
    assert kept["arrays"] == {"hits": {"[1]": 1, "[2]": 1}, "grid": {"[1][1]": 4, "[1][2]": 3}}
    assert kept["sets"] == {"ports": ["7", "9..11"]}
    kept["sets"]["ports"] = ["12"]
    kept["globals"]["limit"] = 100
    kept["arrays"]["grid"] = {"[0][0]": 65535}
    (tmp_path / "values.json").write_text(json.dumps(kept))
    assert beba(*run).json["globals"]["limit"] == 99
    kept = json.loads((tmp_path / "values.json").read_text())
    assert kept["sets"] == {"ports": ["12"]}
    assert kept["arrays"]["grid"] == {"[0][0]": 65535, "[1][1]": 99}


def test_values_that_do_not_fit(values, tmp_path):
    capture = tmp_path / "in.pcap"
    capture.write_bytes(pcap([udp(2, 1)]))
    (tmp_path / "values.json").write_text(json.dumps({
        "format": "beba-values", "version": 1, "globals": {"limit": 2**33, "other": 1},
        "arrays": {"hits": {"[9]": 1, "[3]": 256, "[1]": 2}, "gone": {}},
        "sets": {"ports": ["x", "80"], "none": []}}))
    r = beba("run", values, "-r", capture, "--state", tmp_path, "--json")
    assert r.code == 0 and r.json["globals"]["limit"] == 5
    for what in ("global limit", "global other: the program has none", "array hits: 2 cells",
                 "array gone", "set ports: element 1", "set none"):
        assert what in r.err, r.err
    kept = json.loads((tmp_path / "values.json").read_text())
    assert kept["arrays"]["hits"] == {"[1]": 2} and kept["sets"]["ports"] == ["80"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}',
                                  '{"format": "beba-values", "version": 2}'])
def test_values_of_another_kind(values, tmp_path, text):
    capture = tmp_path / "in.pcap"
    capture.write_bytes(pcap([udp(2, 1)]))
    (tmp_path / "values.json").write_text(text)
    r = beba("run", values, "-r", capture, "--state", tmp_path)
    assert r.code == 1 and "values.json" in r.err
    assert (tmp_path / "values.json").read_text() == text


def test_doctor_knows_the_kernel():
    j = beba("doctor", "--json").json
    checks = {c["name"]: c for c in j["checks"]}
    assert {"kernel", "capabilities", "JIT", "lockdown", "clang", "device lo"} <= set(checks)
    assert checks["kernel"]["level"] == "kernel" and j["kernel"] in (True, False, None)
    assert all(c["outcome"] in ("ok", "missing", "unknown", "failed") for c in j["checks"])
    missing = [c for c in j["checks"] if c["outcome"] == "missing" and c["level"] == "kernel"]
    assert all("hint" in c or "not used" in c["text"] or c["name"] == "clang" for c in missing)
    r = beba("doctor", env={"BEBA_CLANG": "/nonexistent"})
    assert "BEBA_CLANG names '/nonexistent', which does not run" in r.text
