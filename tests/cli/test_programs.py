# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The commands that take programs only: check, test, graph, fmt."""

import glob
import os
import shutil

import pytest
from conftest import BEBA, EXAMPLES, PROGRAM, beba

BAD = "machine m {\n    key ip.src\n    always { on }\n}\n"
UNKNOWN = "machine m {\n    key ip.src\n    state a {\n        on tcp.dstport == 1 { pass }\n" \
          "        else { pass }\n    }\n}\n"


def write(tmp_path, text, name="p.xfsm"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(EXAMPLES, "*.xfsm"))),
                         ids=os.path.basename)
def test_every_example_checks_and_is_in_layout(path):
    assert beba("check", path).code == 0
    assert beba("fmt", "--check", path).code == 0


def test_check_prints_machines_and_memory(program):
    r = beba("check", program)
    assert r.code == 0 and r.err == ""
    assert "ok, 1 machine, 1 test" in r.text
    assert "counted: 2 states, 6 rules, 65536 flows at most in " in r.text


def test_check_tells_place_and_remedy(tmp_path):
    r = beba("check", write(tmp_path, UNKNOWN))
    assert r.code == 1 and r.text == ""
    assert "p.xfsm:4:12: error:" in r.err
    assert "^" in r.err and "tcp.dst" in r.err
    assert "\033" not in r.err


def test_check_json(tmp_path, program):
    r = beba("check", "--json", program, write(tmp_path, UNKNOWN))
    assert r.code == 1
    assert r.json["ok"] is False
    good, bad = r.json["files"]
    assert good["ok"] is True and good["machines"][0]["name"] == "counted"
    assert good["machines"][0]["states"] == 2 and good["machines"][0]["memory"] > 65536 * 32
    assert bad["errors"] == 1
    d, = [d for d in bad["diagnostics"] if d["severity"] == "error"]
    assert (d["line"], d["column"]) == (4, 12)
    assert d["code"] and d["message"]


def test_check_tells_what_the_kernel_needs(tmp_path):
    program = os.path.join(EXAMPLES, "port_knocking.xfsm")
    r = beba("check", "--target", "xdp", "--json", program)
    cost = r.json["files"][0]["budget"]
    assert r.code == 0 and cost["memory"] > 100000 * 32
    if shutil.which("clang"):
        assert 100 < cost["instructions"] < 100000 and 64 <= cost["stack"] <= cost["stack_max"] == 512
        assert "instructions, " in beba("check", "--target", "tc", program).text
    r = beba("check", "--target", "xdp", program, env=dict(os.environ, PATH="/nowhere"))
    assert r.code == 0 and "not known" in r.err and "clang" in r.err
    large = write(tmp_path, "machine m {\n    key ip.src\n    without key -> pass\n    capacity 100M\n"
                            "    state a { always { pass } }\n}\n")
    r = beba("check", "--target", "xdp", large)
    assert r.code == 1 and "a capacity of" in r.err and "fits" in r.err


def test_check_strict_fails_on_warnings(tmp_path):
    path = write(tmp_path, "machine m {\n    key ip.src\n    without key -> pass\n    reg unused : u8\n"
                           "    state a { always { pass } }\n}\n")
    assert "warning" in beba("check", path).err
    assert beba("check", path).code == 0
    assert beba("check", "--strict", path).code == 1
    quiet = beba("check", "--no-warnings", path)
    assert quiet.code == 0 and quiet.err == ""


def test_check_target(program):
    assert beba("check", "--target", "interp", program).code == 0
    r = beba("check", "--target", "openflow", program)
    assert r.code == 1 and "target-openflow" in r.err and "0 errors" not in r.err
    r = beba("check", "--target", "openflow", "--json", program)
    f, = r.json["files"]
    errors = [d for d in f["target_diagnostics"] if d["severity"] == "error"]
    assert errors and f["errors"] == len(errors)
    assert beba("check", "--target", "xpd", program).code == 2


@pytest.mark.parametrize("command", ["check", "test", "graph", "fmt", "bench"])
def test_what_cannot_be_read(command, tmp_path):
    r = beba(command, tmp_path / "missing.xfsm")
    assert r.code == 1 and "missing.xfsm" in r.err and "No such file" in r.err
    r = beba(command, tmp_path)
    assert r.code == 1 and "irectory" in r.err
    r = beba(command, write(tmp_path, "\0\xff\n"))
    assert r.code == 1 and "error" in r.err


@pytest.mark.parametrize("command", ["check", "test", "fmt"])
def test_json_when_nothing_can_be_read(command, tmp_path):
    r = beba(command, "--json", tmp_path / "missing.xfsm")
    assert r.code == 1 and r.json["ok"] is False and r.json["files"][0]["ok"] is False


def test_program_from_standard_input():
    assert beba("check", "-", stdin=PROGRAM.encode()).code == 0


def test_tests_pass(program):
    r = beba("test", program)
    assert r.code == 0
    assert "1 of 1 tests ok; they reach 2 of 2 states, 3 of 6 rules" in r.text
    assert "counted.xfsm:8: no test takes rule on udp.dst == 9 of fresh" in r.text
    assert "the third is dropped" not in r.text
    assert "ok      the third is dropped" in beba("test", "-v", program).text


def test_tests_fail(tmp_path):
    path = write(tmp_path, PROGRAM.replace("expect drop", "expect pass"))
    r = beba("test", path)
    assert r.code == 1
    assert "FAILED  the third is dropped" in r.text
    assert "p.xfsm:20: expected pass, got drop" in r.text
    assert "0 of 1 tests ok" in r.text


def test_tests_json(program, tmp_path):
    bad = write(tmp_path, PROGRAM.replace("expect drop", "expect pass"))
    r = beba("test", "--json", program, bad)
    assert r.code == 1
    assert (r.json["ok"], r.json["tests"], r.json["failed"]) == (False, 2, 1)
    good, bad = r.json["files"]
    assert good["coverage"]["rules"] == 3 and good["coverage"]["rules_total"] == 6
    assert len(good["uncovered"]) == 3
    assert bad["tests"][0]["failures"][0]["line"] == 20


def test_min_coverage(program):
    assert beba("test", "--min-coverage", "62", program).code == 0
    r = beba("test", "--min-coverage", "63", program)
    assert r.code == 1 and "coverage is 62%" in r.text
    assert beba("test", "--min-coverage", "101", program).code == 2


def test_program_without_tests(tmp_path):
    r = beba("test", write(tmp_path, PROGRAM[:PROGRAM.index("test ")]))
    assert r.code == 0 and "no tests" in r.text


def test_graph_text(program):
    r = beba("graph", program)
    assert r.code == 0 and r.text.startswith("digraph") and "fresh" in r.text


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
@pytest.mark.parametrize("kind,magic", [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"),
                                        ("dot", b"digraph")])
def test_graph_files(program, tmp_path, kind, magic):
    out = tmp_path / ("x." + kind)
    assert beba("graph", program, "-o", out).code == 0
    assert out.read_bytes().startswith(magic)
    assert beba("graph", program, "-o", "-", "--format", kind).out.startswith(magic)
    assert sorted(os.listdir(tmp_path)) == ["counted.xfsm", "x." + kind]


def test_graph_without_graphviz(program, tmp_path):
    r = beba("graph", program, "-o", tmp_path / "x.svg", env={"PATH": str(tmp_path)})
    assert r.code == 1 and "install the package graphviz" in r.err
    assert not (tmp_path / "x.svg").exists()


def test_graph_refuses(program, tmp_path):
    assert beba("graph", program, "-o", tmp_path / "x.bmp").code == 2
    r = beba("graph", program, "-o", tmp_path / "no" / "x.dot")
    assert r.code == 1 and "No such file" in r.err
    r = beba("graph", program, "--format", "dot", "-o", "/dev/full")
    assert r.code == 1 and "No space left" in r.err


def test_graph_json(program, tmp_path):
    m, = beba("graph", program, "--json").json["machines"]
    assert m["name"] == "counted" and m["states"] == ["fresh", "seen"]
    assert m["edges"] == [{"from": "seen", "to": "fresh", "idle": 10**10},
                          {"from": "fresh", "to": "seen", "rule": "on udp.dst == 7"}]
    assert beba("graph", program, "--json", "-o", tmp_path / "x.svg").code == 2
    r = beba("graph", write(tmp_path, BAD), "--json")
    assert r.code == 1 and r.json["error"]["diagnostics"]
    text = "machine m {\n key ip.src\n without key -> pass\n state a { on tcp { if ip.ttl > 3 " \
           "{ goto b } else { goto a } pass } else { pass } }\n state b { always { pass } }\n" \
           " in any state { on udp { goto a; pass } }\n}\nmachine n { always { pass } }\n"
    m, n = beba("graph", write(tmp_path, text), "--json").json["machines"]
    assert [(e["from"], e["to"]) for e in m["edges"][:2]] == [("a", "b"), ("a", "a")]
    assert (None, "a") in [(e["from"], e["to"]) for e in m["edges"]]
    assert n == {"name": "n", "states": [], "edges": []}


UGLY = "machine   m{key ip.src\nstate a{always{pass}}} # tail\n"


def test_fmt(tmp_path):
    path = write(tmp_path, UGLY)
    r = beba("fmt", path)
    assert r.code == 0 and "machine m {\n    key ip.src\n" in r.text and "# tail" in r.text
    assert path.read_text() == UGLY
    assert beba("fmt", "-", stdin=r.out).out == r.out
    check = beba("fmt", "--check", path)
    assert check.code == 1 and check.text == f"{path}\n"


def test_fmt_json(tmp_path):
    path = write(tmp_path, UGLY)
    f, = beba("fmt", "--json", path).json["files"]
    assert f["ok"] and not f["canonical"] and f["text"] == beba("fmt", path).text
    r = beba("fmt", "--check", "--json", path)
    assert r.code == 1 and r.json["ok"] is False and "text" not in r.json["files"][0]
    assert beba("fmt", "-w", "--json", path).json["ok"] and path.read_text() == f["text"]
    r = beba("fmt", "--json", path, write(tmp_path, BAD, "bad.xfsm"))
    good, bad = r.json["files"]
    assert r.code == 1 and good["canonical"] and not bad["ok"] and bad["diagnostics"]


def test_fmt_write_keeps_mode_and_links(tmp_path):
    path = write(tmp_path, UGLY)
    path.chmod(0o640)
    link = tmp_path / "link.xfsm"
    link.symlink_to(path)
    assert beba("fmt", "-w", link).code == 0
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert beba("fmt", "--check", path).code == 0
    assert sorted(os.listdir(tmp_path)) == ["link.xfsm", "p.xfsm"]
    before = path.stat()
    assert beba("fmt", "-w", path).code == 0
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime == before.st_mtime


def test_fmt_leaves_a_bad_program_alone(tmp_path):
    path = write(tmp_path, BAD)
    r = beba("fmt", "-w", path)
    assert r.code == 1 and "p.xfsm:3:" in r.err and path.read_text() == BAD
    assert beba("fmt", "-w", "--check", path).code == 2


def test_the_binary_is_there():
    assert os.access(BEBA, os.X_OK), BEBA
