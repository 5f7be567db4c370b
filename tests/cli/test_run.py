# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""beba run and beba explain."""

import os
import re
import struct
import subprocess

import pytest
from conftest import BEBA, EXAMPLES, beba, pcap, udp, unpack


def test_report(program, capture):
    r = beba("run", program, "-r", capture)
    assert r.code == 0 and r.err == ""
    assert "7 packets" in r.text
    assert re.search(r"pass +3\n", r.text) and re.search(r"drop +2\n", r.text)
    assert re.search(r"output +2\n", r.text)
    assert "flows by state: seen 1" in r.text
    assert re.search(r" 2 +86  seen: on udp.dst == 7\n", r.text)
    assert re.search(r" 1 +43  second\n", r.text)


def test_json(program, capture):
    r = beba("run", program, "-r", capture, "--json", "--flows", "--trace", "--events")
    assert r.code == 0 and r.err == ""
    j = r.json
    assert (j["packets"], j["bytes"]) == (7, 7 * 43)
    assert j["verdicts"] == {"pass": 3, "drop": 2, "output": 2, "reply": 0, "flood": 0, "punt": 0}
    machine = j["machines"][0]
    assert machine["name"] == "counted" and machine["states"]["seen"] == 1
    assert (machine["lookups"], machine["creations"], machine["entries"]) == (7, 1, 1)
    assert [rule["packets"] for rule in machine["rules"]] == [1, 2, 1, 1, 2, 0]
    assert machine["rules"][0]["line"] == 7 and machine["rules"][0]["state"] == "fresh"
    assert j["counters"]["second"] == {"packets": 1, "bytes": 43}
    flow, = j["flows"]
    assert flow["key"] == "ip.src=10.0.0.1" and flow["registers"] == {"n": 2}
    assert flow["state"] == "seen" and flow["idle"] == 3000000
    assert len(j["trace"]) == 7
    assert j["trace"][0]["transitions"] == [{"machine": "counted", "from": "fresh", "to": "seen"}]
    assert j["trace"][3]["verdict"] == "drop" and j["trace"][4]["verdict"] == "output(2)"
    kinds = [e["kind"] for e in j["events"]]
    assert kinds == ["entered", "notify", "notify"]
    assert j["events"][1]["fields"] == {"ip.src": "10.0.0.1", "n": 2}


def test_flows_by_state():
    """The flows there are at the end, without --flows: one idled out and came back, one is on its way."""
    args = ("run", os.path.join(EXAMPLES, "port_knocking.xfsm"), "-r",
            os.path.join(EXAMPLES, "captures", "port_knocking.pcap"))
    assert "  flows by state: step2 1, open 1\n" in beba(*args).text
    machine, = beba(*args, "--json").json["machines"]
    assert machine["states"] == {"closed": 0, "step1": 0, "step2": 1, "step3": 0, "open": 1}
    assert machine["entries"] == 2 and machine["expiries"] == 2


def test_trace_and_flows(program, capture):
    r = beba("run", program, "-r", capture, "--trace", "--flows=counted")
    lines = r.text.splitlines()
    assert re.match(r" +1 0\.000000 +pass +10.0.0.1:4000 > 10.0.0.99:7 udp len 43 "
                    r".*on udp.dst == 7.*\[fresh -> seen\]", lines[0])
    assert re.match(r" +4 0\.003000 +drop ", lines[3])
    assert "seen     ip.src=10.0.0.1  n=2" in r.text
    assert beba("run", program, "-r", capture, "--flows=count").code == 2
    assert "did you mean 'counted'" in beba("run", program, "-r", capture, "--flows=count").err


def test_limit_and_quiet(program, capture):
    assert "3 packets" in beba("run", program, "-r", capture, "--limit", "3").text
    assert beba("run", program, "-r", capture, "--limit", "0").code == 0
    assert beba("run", program, "-r", capture, "-q").text == ""


def test_written_packets(program, capture, tmp_path):
    out, mirrors, dropped = (tmp_path / name for name in ("out", "mirrors", "dropped"))
    assert beba("run", program, "-r", capture, "-w", out, "--mirrors", mirrors, "--drop-out",
                dropped).code == 0
    records, base = unpack(out.read_bytes()), 1000 * 10**9
    assert [ns - base for ns, _ in records] == [0, 1000000, 4000000, 5000000, 6000000]
    assert records[0][1] == udp(1, 7)
    assert records[1][1] == udp(1, 7, ttl=63)  # edited, its checksum right
    assert [data for _, data in unpack(mirrors.read_bytes())] == [udp(2, 9)] * 2
    assert [data for _, data in unpack(dropped.read_bytes())] == [udp(1, 7)] * 2


def test_packets_to_standard_output(program, capture):
    r = beba("run", program, "-r", "-", "-w", "-", stdin=capture.read_bytes())
    assert r.code == 0 and len(unpack(r.out)) == 5
    assert "7 packets" in r.err
    assert beba("run", program, "-r", capture, "-w", "-", "--mirrors", "-").code == 2


def test_output_may_not_be_the_input(program, capture, tmp_path):
    before = capture.read_bytes()
    r = beba("run", program, "-r", capture, "-w", capture)
    assert r.code == 1 and "is the capture that is read" in r.err
    link = tmp_path / "link"
    link.symlink_to(capture)
    assert beba("run", program, "-r", capture, "-w", link).code == 1
    assert capture.read_bytes() == before
    assert beba("run", program, "-r", capture, "-w", "x", "--mirrors", "x", cwd=tmp_path).code == 2


@pytest.mark.parametrize("linktype,strip", [(101, 14), (228, 14), (0, 14), (113, 14), (276, 14)])
def test_link_types(program, tmp_path, linktype, strip):
    head = {0: b"\2\0\0\0", 113: b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0",
            276: b"\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0"}.get(linktype, b"")
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([head + udp(1, 7)[strip:]] * 3, linktype=linktype))
    out = tmp_path / "out.pcap"
    r = beba("run", program, "-r", path, "-w", out, "--json")
    assert r.json["verdicts"]["drop"] == 1 and r.json["verdicts"]["pass"] == 2
    written = struct.unpack_from("<I", out.read_bytes(), 20)[0]
    assert written == (101 if linktype == 0 else linktype)
    assert beba("run", program, "-r", out).code == 0


def test_wrong_link_type(program, tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([b"x"], linktype=105))
    r = beba("run", program, "-r", path)
    assert r.code == 1 and "link type 105 (IEEE802_11, 802.11)" in r.err and "hint:" in r.err


def test_no_capture(program, tmp_path):
    cases = {"missing": None, "empty": b"", "text": b"hello, this is not a capture, is it",
             "header": pcap([])[:20]}
    for name, data in cases.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        r = beba("run", program, "-r", path)
        assert r.code == 1 and str(path) in r.err and r.text == "", name
        j = beba("run", program, "-r", path, "--json")
        assert j.code == 1 and list(j.json) == ["error"] and j.json["error"]["where"] == str(path)
    r = beba("run", program, "-r", tmp_path)
    assert r.code == 1 and "Is a directory" in r.err
    assert "empty" in beba("run", program, "-r", tmp_path / "empty").err


def test_no_packets(program, tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([]))
    out = tmp_path / "out.pcap"
    r = beba("run", program, "-r", path, "-w", out, "--flows", "--trace", "--json")
    assert r.code == 0 and r.json["packets"] == 0 and unpack(out.read_bytes()) == []


def test_truncated_and_corrupt(program, tmp_path):
    whole = pcap([udp(1, 7)] * 5)
    out = tmp_path / "out.pcap"
    r = beba("run", program, "-r", "-", "-w", out, stdin=whole[:-3])
    assert r.code == 1 and "standard input, packet 5" in r.err and "in the middle" in r.err
    assert "4 packets" in r.text and len(unpack(out.read_bytes())) == 2
    j = beba("run", program, "-r", "-", "--json", stdin=whole[:-3])
    assert j.code == 1 and j.json["packets"] == 4
    assert j.json["error"]["where"] == "standard input, packet 5"
    r = beba("run", program, "-r", "-", stdin=whole + b"\xff" * 32)
    assert r.code == 1 and "corrupt" in r.err and "packet 6" in r.err and "5 packets" in r.text


def test_full_disk(program, capture, tmp_path):
    r = beba("run", program, "-r", capture, "-w", "/dev/full")
    assert r.code == 1 and "/dev/full: cannot write the capture: No space left" in r.err
    r = beba("run", program, "-r", capture, "-w", "/dev/full", "--json")
    assert r.code == 1 and list(r.json) == ["error"]
    # A file that may not grow on: whole records only are left.
    big, out = tmp_path / "big.pcap", tmp_path / "out.pcap"
    big.write_bytes(pcap([udp(3, 1, b"y" * 900)] * 2000))
    done = subprocess.run(["bash", "-c", 'ulimit -f 600; exec "$0" run "$1" -r "$2" -w "$3"', BEBA,
                           program, big, out], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 1 and b"File too large" in done.stderr
    assert 500 < len(unpack(out.read_bytes())) < 700


def test_closed_pipe(program, tmp_path):
    big = tmp_path / "big.pcap"
    big.write_bytes(pcap([udp(3, 1)] * 50000))
    for args in ("--trace", "-w -"):
        script = f'"$0" run "$1" -r "$2" {args} 2>err | head -c 100 >/dev/null; echo "${{PIPESTATUS[0]}}"'
        done = subprocess.run(["bash", "-c", script, BEBA, program, big], cwd=tmp_path,
                              stdout=subprocess.PIPE, timeout=30)
        assert done.stdout == b"1\n"
        assert "Broken pipe" in (tmp_path / "err").read_text()


def test_packets_pass_while_the_writer_pauses(program):
    """A live pipe: what came in has gone out before more comes in."""
    done = subprocess.Popen([BEBA, "run", program, "-r", "-", "-w", "-"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    data = pcap([udp(3, 1)] * 2)
    done.stdin.write(data)
    done.stdin.flush()
    out = b""
    while len(out) < len(data):
        out += os.read(done.stdout.fileno(), 65536)
    assert len(unpack(out)) == 2
    done.stdin.close()
    assert done.wait(timeout=20) == 0


def test_progress_bar_and_colour_on_a_terminal_only(program, tmp_path):
    import pty
    first, rest, bad = tmp_path / "first.pcap", tmp_path / "rest.pcap", tmp_path / "bad.xfsm"
    chunk = pcap([udp(3, 1)] * 20000)
    first.write_bytes(chunk)
    rest.write_bytes(chunk[24:])
    bad.write_text("machine m {\n    key ip.sorc\n}\n")
    for args, on, env in ((("run", program, "-r", "-"), b"\033[K", "xterm"),
                          (("run", program, "-r", "-"), None, "dumb"),
                          (("check", bad), b"\033[1;31m", "xterm"), (("check", bad), None, "dumb")):
        master, slave = pty.openpty()
        # A run that takes some time, on any machine.
        feed = subprocess.Popen(["sh", "-c", 'cat "$0"; sleep 0.3; cat "$1"', first, rest],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        done = subprocess.Popen([BEBA, *args], stdin=feed.stdout, stdout=subprocess.DEVNULL,
                                stderr=slave, env={"PATH": os.environ["PATH"], "TERM": env})
        feed.stdout.close()
        os.close(slave)
        seen = b""
        try:
            while part := os.read(master, 65536):
                seen += part
        except OSError:  # the other end is closed
            pass
        done.wait(timeout=60)
        feed.wait(timeout=60)
        os.close(master)
        assert (on in seen) if on else b"\033" not in seen, (args, env, seen[-200:])


def test_standard_output_full(program, capture):
    for args in (("run", program, "-r", capture), ("fields",), ("check", program),
                 ("test", "--json", program), ("graph", program), ("help",)):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BEBA, *map(str, args)], stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1 and b"cannot write to standard output" in done.stderr, args


def test_seed_repeats(tmp_path, capture):
    program = tmp_path / "r.xfsm"
    program.write_text("machine m {\n    on random(2) == 0 { pass }\n    always { drop }\n}\n")
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([udp(1, 7)] * 500))

    def outcome(seed):
        return [t["verdict"] for t in
                beba("run", program, "-r", path, "--trace", "--json", "--seed", seed).json["trace"]]

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)
    assert 150 < outcome(3).count("pass") < 350


def test_state_goes_on(program, capture, tmp_path):
    state = tmp_path / "state"  # made when it is not there
    first = beba("run", program, "-r", capture, "--state", state, "--json")
    assert first.code == 0 and os.listdir(state) == ["counted.ft"]
    second = beba("run", program, "-r", capture, "--state", state, "--json")
    assert second.json["verdicts"]["drop"] == 4
    r = beba("run", program, "-r", capture, "--state", tmp_path / "none" / "deeper")
    assert r.code == 1 and "cannot make the directory" in r.err


def test_flows_that_nobody_looks_at_end_with_the_run(tmp_path):
    program, path = tmp_path / "p.xfsm", tmp_path / "in.pcap"
    program.write_text("machine m {\n    key ip.src\n    without key -> pass\n    capacity 100k\n"
                       "    state a { always { goto b; pass } }\n"
                       "    state b idle 1s -> c { always { pass } }\n"
                       "    state c hard 2s -> a { always { pass } }\n}\n")
    path.write_bytes(pcap([(t, udp(host, 7)) for host, t in ((1, 0), (2, 3), (3, 4.5), (4, 5))]))
    j = beba("run", program, "-r", path, "--events", "--json").json
    machine, = j["machines"]
    assert machine["states"] == {"a": 0, "b": 2, "c": 1} and machine["entries"] == 3
    assert machine["expiries"] == 2
    assert sorted((e["time"], e["from"], e["to"]) for e in j["events"]) == [
        (10**9, "b", "a"), (4 * 10**9, "b", "c")]


def test_interfaces_of_pcapng_are_ports(tmp_path):
    def block(kind, body):
        size = 12 + len(body)
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)

    data = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 0)) * 3
    frame = udp(1, 7, b"xy")
    for interface in (2, 0, 1):
        data += block(6, struct.pack("<IIIII", interface, 0, 1, 44, 44) + frame)
    program = tmp_path / "p.xfsm"
    program.write_text("machine m {\n    on in_port == 3 { drop }\n    always { pass }\n}\n")
    j = beba("run", program, "-r", "-", "--trace", "--json", stdin=data).json
    assert [(t["in_port"], t["verdict"]) for t in j["trace"]] == [(3, "drop"), (1, "pass"), (2, "pass")]


def test_long_packets_are_written_whole(program, tmp_path):
    frame = udp(3, 1) + b"z" * 200000
    path, out = tmp_path / "x.pcap", tmp_path / "out.pcap"
    path.write_bytes(pcap([frame] * 3))
    assert beba("run", program, "-r", path, "-w", out).code == 0
    assert [data for _, data in unpack(out.read_bytes())] == [frame] * 3


def test_engines(program, capture, tmp_path, monkeypatch):
    interp = beba("run", program, "-r", capture, "--engine", "interp")
    native = beba("run", program, "-r", capture, "--engine", "native")
    assert (interp.code, native.code, native.err) == (0, 0, "")
    assert native.out == interp.out
    so = tmp_path / "p.so"
    assert beba("build", "-t", "native", "-o", so, program).code == 0
    r = beba("run", program, "-r", capture, "--engine", "native", "--object", so)
    assert (r.code, r.out) == (0, interp.out)
    r = beba("run", program, "-r", capture, "--object", so)
    assert r.code == 2 and "--engine native" in r.err
    other = tmp_path / "other.xfsm"
    other.write_text("machine m {\n    in any state {\n        always { drop }\n    }\n}\n")
    r = beba("run", other, "-r", capture, "--engine", "native", "--object", so)
    assert r.code == 1 and "another program" in r.err
    monkeypatch.setenv("BEBA_CC", "no-such-compiler")
    r = beba("run", program, "-r", capture, "--engine", "native")
    assert (r.code, r.out) == (0, interp.out)
    assert "no-such-compiler" in r.err and "the interpreter goes on" in r.err
    assert beba("test", program, "--engine", "native").code == 1
    monkeypatch.delenv("BEBA_CC")
    assert beba("run", program, "-r", capture, "--engine", "turbo").code == 2


def test_engines_go_on_with_each_others_files(program, capture, tmp_path):
    outputs = []
    for first, second in (("interp", "interp"), ("native", "interp"), ("interp", "native")):
        state = tmp_path / f"{first}-{second}"
        for engine in (first, second):
            r = beba("run", program, "-r", capture, "--engine", engine, "--state", state, "--flows")
            assert r.code == 0
        outputs.append(r.out)
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize("traffic", ["many flows"])
def test_memory_does_not_grow_with_the_capture(program, traffic):
    """A quarter of a gigabyte through a pipe; the same loop with 1 GB takes four times as long."""
    chunk = pcap([udp(i % 250, i % 3 + 7, b"p" * 1400) for i in range(2000)])
    header, records = chunk[:24], chunk[24:]
    script = ("import os,resource,subprocess,sys\n"
              "p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
              "import threading\n"
              "data = sys.stdin.buffer.read()\n"
              "def feed():\n"
              "    p.stdin.write(data[:24])\n"
              "    for _ in range(90): p.stdin.write(data[24:])\n"
              "    p.stdin.close()\n"
              "t = threading.Thread(target=feed); t.start()\n"
              "out = p.stdout.read(); t.join()\n"
              "_, status, usage = os.wait4(p.pid, 0)\n"
              "print(usage.ru_maxrss, status); print(out.decode())\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script, BEBA, "run", program, "-r", "-"],
                          input=header + records, stdout=subprocess.PIPE, timeout=120)
    rss, status = map(int, done.stdout.split(b"\n")[0].split())
    assert status == 0 and b"180000 packets" in done.stdout
    if b"__asan" not in open(BEBA, "rb").read():
        assert rss < 40000, f"{rss} KiB"


def test_explain(program, capture):
    r = beba("explain", program, "-r", capture, "-n", "3")
    assert r.code == 0
    assert "ip.src=10.0.0.1" in r.text and "verdict drop" in r.text
    assert "n is 2" in r.text or "n < 2" in r.text
    r = beba("explain", program, "-r", capture, "-n", "1-2", "-n", "5")
    assert r.text.count("verdict ") == 3 and "output(2)" in r.text


def test_explain_json(program, capture):
    j = beba("explain", program, "-r", capture, "-n", "3", "--json").json
    packet, = j["packets"]
    assert packet["verdict"] == "drop" and packet["machine"] == "counted"
    assert packet["time"] == 1000002000000
    kinds = {step["kind"] for step in packet["steps"]}
    assert {"key", "entry", "rule", "verdict"} <= kinds
    assert any(step.get("result") is False for step in packet["steps"])


def test_explain_given_packets(program, capture):
    packet = "{ ip4.src = 10.0.0.9, udp.dst = 7 }"
    j = beba("explain", program, "-p", packet, "-p", packet, "-p", packet, "--at", "20s", "-p", packet,
             "--in", "4", "--packet", packet, "--json").json
    assert [p["verdict"] for p in j["packets"]] == ["pass", "pass", "drop", "pass", "pass"]
    assert [p["in_port"] for p in j["packets"]] == [1, 1, 1, 1, 4]
    assert j["packets"][3]["time"] - j["packets"][0]["time"] == 20 * 10**9
    j = beba("explain", program, "-r", capture, "-p", packet.replace(".9", ".1"), "--json").json
    assert j["packets"][0]["verdict"] == "drop" and j["packets"][0]["time"] == 1000006000000


def test_explain_refuses(program, capture):
    assert beba("explain", program).code == 2
    assert beba("explain", program, "-r", capture).code == 2
    assert beba("explain", program, "-n", "3").code == 2
    assert beba("explain", program, "-r", capture, "-n", "0").code == 2
    assert beba("explain", program, "-r", capture, "-n", "5-3").code == 2
    assert beba("explain", program, "-r", capture, "-n", "x").code == 2
    r = beba("explain", program, "-r", capture, "-n", "8")
    assert r.code == 1 and "7 packets" in r.err and "packet 8" in r.err
    r = beba("explain", program, "-p", "{ tcp.dstport = 1 }")
    assert r.code == 1 and "tcp.dst" in r.err
    r = beba("explain", program, "-p", "{ tcp.dst = 1, udp.dst = 1 }", "--json")
    assert r.code == 1 and "error" in r.json
    assert beba("explain", program, "--at", "soon", "-p", "{ udp }").code == 2
