# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Options, help, manual pages, completion; the commands without programs."""

import os
import re
import subprocess
import sys

import pytest
from conftest import BEBA, ROOT, beba

COMMANDS = beba("__manual").text.split()
PAGES = os.path.join(ROOT, "docs", "commands")


def test_help():
    r = beba("--help")
    assert r.code == 0 and beba("help").text == r.text == beba("-h").text
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", r.text, re.M)
    assert "__" not in r.text
    r = beba()
    assert r.code == 2 and "usage" in r.err and r.text == ""


def test_version():
    r = beba("--version")
    assert r.code == 0 and re.fullmatch(r"beba \d+\.\d+\.\d+\n", r.text)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each(command):
    r = beba(command, "--help")
    assert r.code == 0 and r.text.startswith(f"usage: beba {command}")
    assert beba("help", command).text == r.text == beba(command, "-h").text
    assert all(len(line) <= 80 for line in r.text.split("\n"))


def test_misspelt():
    r = beba("chekc", "x")
    assert r.code == 2 and "unknown command 'chekc'; did you mean 'check'?" in r.err
    r = beba("run", "x", "--flws")
    assert r.code == 2 and "unknown option '--flws'; did you mean '--flows'?" in r.err
    assert "try: beba run --help" in r.err
    assert beba("help", "rnu").code == 2
    assert beba("--flows").code == 2
    assert beba("run", "x", "-Z").code == 2


@pytest.mark.parametrize("args,message", [
    (("check",), "FILE... is missing"),
    (("run", "x"), "give -r CAPTURE"),
    (("run", "x", "y", "-r", "z"), "'y' is too much"),
    (("run", "x", "-r"), "-r needs a value"),
    (("run", "x", "--read"), "--read needs a value"),
    (("run", "x", "--json=1"), "--json takes no value"),
    (("run", "x", "-r", "y", "--limit", "many"), "'many' is not a value for --limit"),
    (("run", "x", "-r", "y", "--limit", "-1"), "'-1' is not a value for --limit"),
    (("run", "x", "-r", "y", "--limit", "99999999999999999999"), "is not a value for --limit"),
    (("doctor", "x"), "'x' is too much: the command takes options only"),
    (("bench", "x", "--flows", "0"), "--flows takes"),
    (("bench", "x", "--flows", ","), "--flows takes"),
    (("bench", "x", "--skew", "cubic"), "--skew takes"),
    (("bench", "x", "--seconds", "-1"), "--seconds"),
    (("bench", "x", "--new-flows", "101%"), "--new-flows takes shares"),
    (("bench", "x", "--new-flows", "%"), "--new-flows takes shares"),
    (("bench", "x", "--cores", "0"), "--cores takes"),
    (("bench", "x", "--cores", "65"), "--cores takes"),
    (("bench", "x", "--engine", "steam"), "--engine takes"),
])
def test_misuse(args, message):
    r = beba(*args)
    assert r.code == 2 and message in r.err and r.text == ""


def test_operands_after_dashes(tmp_path):
    (tmp_path / "-x").write_text("machine m {\n    always { pass }\n}\n")
    assert beba("check", "--", "-x", cwd=tmp_path).code == 0


def test_number_units(program, capture):
    for text, packets in (("0x3", 3), ("1k", 7), ("0.005k", 5), ("2Ki", 7)):
        r = beba("run", program, "-r", capture, "--json", f"--limit={text}")
        assert r.json["packets"] == packets, text


def options_of(page):
    with open(os.path.join(PAGES, page), encoding="utf-8") as f:
        return re.search(r"^# OPTIONS\n\n(.*?)\n+(?=^# )", f.read(), re.M | re.S).group(1) + "\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_manual_page(command):
    """The OPTIONS section of each page is what the option tables say, word for word."""
    assert options_of(f"beba-{command}.md") == beba("__manual", command).text


def test_manual_pages_are_complete():
    pages = {f"beba-{command}.md" for command in COMMANDS} | {"beba.md"}
    # Builds without the switch have pages that say nothing of them.
    pages |= {"beba-switch.md", "beba-ctl.md"}
    assert set(os.listdir(PAGES)) == pages
    for page in pages:
        with open(os.path.join(PAGES, page), encoding="utf-8") as f:
            headings = re.findall(r"^# ([A-Z ]+)$", f.read(), re.M)
        assert headings[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"], page
        assert headings[-2:] == ["EXIT STATUS", "SEE ALSO"], page
    with open(os.path.join(PAGES, "beba.md"), encoding="utf-8") as f:
        text = f.read()
    assert all(f"**beba-{command}**(1)" in text for command in COMMANDS)


def complete(line, cwd):
    """What bash offers at the end of the line."""
    script = r'''
        source "$1"
        line=$2
        COMP_WORDS=($(sed 's/=/ = /g' <<<"$line"))
        [[ $line == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        COMP_LINE=$line COMP_POINT=${#line}
        _beba
        printf '%s\n' "${COMPREPLY[@]}"
    '''
    env = dict(os.environ, PATH=os.path.dirname(BEBA) + os.pathsep + os.environ["PATH"])
    done = subprocess.run(["bash", "-c", script, "bash",
                           os.path.join(ROOT, "completions", "beba.bash"), line], cwd=cwd, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return sorted(filter(None, done.stdout.split("\n")))


def test_completion(tmp_path):
    for name in ("a.xfsm", "b.pcap", "c.pcapng", "d.txt"):
        (tmp_path / name).touch()
    (tmp_path / "dir").mkdir()
    assert complete("beba ", tmp_path) == sorted(COMMANDS)
    assert complete("beba ch", tmp_path) == ["check"]
    assert complete("beba --v", tmp_path) == ["--version"]
    assert complete("beba run --fl", tmp_path) == ["--flows"]
    assert complete("beba run ", tmp_path) == ["a.xfsm", "dir"]
    assert complete("beba run a.xfsm -r ", tmp_path) == ["b.pcap", "c.pcapng", "dir"]
    assert complete("beba run a.xfsm --state ", tmp_path) == ["dir"]
    assert complete("beba run a.xfsm --engine ", tmp_path) == ["interp", "native"]
    assert complete("beba run a.xfsm --engine=n", tmp_path) == ["native"]
    assert complete("beba check --target=", tmp_path) == ["interp", "native", "openflow", "tc", "xdp"]
    assert complete("beba fields tcp.ds", tmp_path) == ["tcp.dst"]
    assert complete("beba help ru", tmp_path) == ["run"]
    assert complete("beba nonsense ", tmp_path) == []


def test_fields():
    r = beba("fields")
    assert r.code == 0 and len(r.text.splitlines()) > 60
    assert re.search(r"^tcp\.dst +16 +number +14 +tcp\.dstport ", r.text, re.M)
    for alias in ("tcp_dst", "tcp.dstport", "tcp.dst", "TCP.DST"):
        assert "tcp.dst " in beba("fields", alias).text, alias
    names = [line.split()[0] for line in beba("fields", "ip6.*").text.splitlines()[1:]]
    assert names and all(name.startswith("ip6.") for name in names)
    j = beba("fields", "eth.dst", "--json").json
    assert j[0]["name"] == "eth.dst" and j[0]["bits"] == 48 and j[0]["oxm"] == 3
    assert len(beba("fields", "--json").json) == len(r.text.splitlines()) - 1
    r = beba("fields", "tcp.dts")
    assert r.code == 1 and "tcp.dst" in r.err
    assert "error" in beba("fields", "nonsense", "--json").json


def test_doctor(tmp_path):
    r = beba("doctor")
    assert r.code == 0 and "libpcap version" in r.text and "for ports xdp:NAME" in r.text
    j = beba("doctor", "--json").json
    assert j["ok"] and {c["name"] for c in j["checks"]} >= {"program", "flow table", "graphviz"}
    r = beba("doctor", env={"PATH": str(tmp_path)})
    assert r.code == 0 and re.search(r"^missing +graphviz", r.text, re.M)


def test_bench(program):
    r = beba("bench", program, "--flows", "1k", "--skew", "zipf=1.2", "--seconds", "0.02", "--json",
             "--seed", "1")
    assert r.code == 0
    result, = r.json["results"]
    assert (result["flows"], result["skew"]) == (1000, 1.2)
    assert result["mpps"] > 0 and result["packets"] > 0
    assert (result["new_flows"], result["cores"], result["engine"]) == (0, 1, "interp")
    assert "batch_ns" not in result
    r = beba("bench", program, "--flows", "100", "--skew", "uniform", "--seconds", "0.02",
             "--latency")
    assert r.code == 0 and len(r.text.splitlines()) == 2 and "p99.9 us" in r.text


def test_bench_of_every_combination(program):
    r = beba("bench", program, "--flows", "1k", "--skew", "uniform", "--cores", "1,2",
             "--new-flows", "0,10%", "--seconds", "0.02", "--latency", "--json")
    assert r.code == 0
    got = [(x["new_flows"], x["cores"]) for x in r.json["results"]]
    assert got == [(n, c) for n in (0, 0.1) for c in (1, 2)]
    for x in r.json["results"]:
        late = x["batch_ns"]
        assert 0 < late["p50"] <= late["p99"] <= late["p999"] and x["mpps"] > 0
    few, many = (x for x in r.json["results"] if x["cores"] == 1)
    assert many["creations"] > few["creations"]


if __name__ == "__main__":
    # Puts the option tables into the manual pages: BEBA=build/beba tests/cli/test_command.py
    for name in COMMANDS:
        path = os.path.join(PAGES, f"beba-{name}.md")
        with open(path, encoding="utf-8") as page:
            before = page.read()
        after = before.replace(options_of(f"beba-{name}.md"), beba("__manual", name).text)
        if after != before:
            with open(path, "w", encoding="utf-8") as page:
                page.write(after)
            print(path)
    sys.exit(0)
