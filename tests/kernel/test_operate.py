# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Looking at programs while they run, and changing what they know.

    +---------- namespace ----------+
    |  b0 ---- veth ---- a0         |     frames are sent into b0,
    |  (the test)        (program)  |     the program runs on a0
    +-------------------------------+
"""

import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import time

import pytest
from conftest import BEBA, udp

# Everything that can be looked at: two machines, a connection, a set of each size, points in time.
WATCHED = """set blocked : ip4 = { 10.9.0.0/16 }
set ports : u16 = { 7, 9 }
global limit : u32 = 3
global seen : time
array u32 hits[8]
machine talkers {
    key ip4.src
    without key -> pass
    capacity 64 when full refuse -> pass
    reg n : u16
    reg last : time
    reg gap : time
    state quiet {
        on ip4.src in blocked { drop }
        on udp.dst in ports {
            n = 1
            last = now
            seen = now
            hits[1] += 1
            goto loud
            next
        }
        else { next }
    }
    state loud idle 60s -> quiet notify {
        on udp.dst in ports && n < limit { n += 1; gap = now - last; last = now; hits[2] += 1; next }
        on udp.dst in ports { drop }
        else { next }
    }
}
machine talks {
    key connection
    without key -> pass
    capacity 64
    reg forth : u32
    reg back : u32
    state new { always { if forward { forth += 1 } else { back += 1 }; goto known; pass } }
    state known idle 90s -> new { always { if forward { forth += 1 } else { back += 1 }; pass } }
}
"""


@pytest.fixture(name="run")
def watched(pair):
    pair.ok("attach", pair.object("watched", WATCHED), "--dev", "a0", "--name", "w")
    return pair


def flow(run, key, machine="talkers"):
    return run.ok("flow", "get", "w", machine, key, "--json").json["flow"]


def test_flow(run):
    run.send("b0", udp("10.0.0.1", 7), udp("10.0.0.1", 7))
    f = flow(run, "ip4.src=10.0.0.1")
    assert f["state"] == "loud" and f["registers"]["n"] == 2 and f["timeout_in"] > 5e10
    assert "loud     ip4.src=10.0.0.1  n=2" in run.ok("flow", "get", "w", "talkers", "10.0.0.1").text
    talk = "10.0.0.99:7 <-> 10.0.0.1:4000 udp"
    assert flow(run, talk, "talks")["registers"] == {"forth": 2, "back": 0}

    run.ok("flow", "set", "w", "talkers", "10.0.0.1", "n=3")
    assert flow(run, "10.0.0.1")["registers"]["n"] == 3
    run.send("b0", udp("10.0.0.1", 7))  # the limit is reached: dropped before the second machine
    assert flow(run, talk, "talks")["registers"]["forth"] == 2
    r = run.ok("flow", "set", "w", "talkers", "10.0.0.2", "loud", "n=2", "gap=5s")
    assert "loud     ip4.src=10.0.0.2  n=2" in r.text and "gap=5s" in r.text
    run.ok("flow", "del", "w", "talkers", "10.0.0.1")
    r = run.beba("flow", "get", "w", "talkers", "10.0.0.1", "--json")
    assert r.code == 1 and "no such flow" in r.json["error"]["message"]
    assert run.beba("flow", "del", "w", "talkers", "10.0.0.1").code == 1
    # A flow that becomes what a new one is, is none.
    r = run.ok("flow", "set", "w", "talkers", "10.0.0.2", "quiet", "n=0", "gap=0s")
    assert "no flow" in r.text
    assert run.ok("flow", "sweep", "w", "--json").json["freed"] == 0


@pytest.mark.parametrize("args,message", [
    (("get", "v", "talkers", "10.0.0.1"), "did you mean 'w'?"),
    (("get", "w", "talker", "10.0.0.1"), "did you mean 'talkers'?"),
    (("get", "w", "talkers", "ip.scr=10.0.0.1"), "not a field of the key"),
    (("get", "w", "talkers", "2001:db8::1"), "ip4.src"),
    (("get", "w", "talks", "10.0.0.1"), "not a connection"),
    (("set", "w", "talkers", "10.0.0.1", "lout"), "did you mean 'loud'?"),
    (("set", "w", "talkers", "10.0.0.1", "m=1"), "did you mean 'n'?"),
    (("set", "w", "talkers", "10.0.0.1", "n=70000"), "n: "),
    (("set", "w", "talkers", "10.0.0.1", "n=1..2"), "more than one value"),
    (("set", "w", "talkers", "10.0.0.1", "loud", "quiet"), "a second state"),
    (("set", "w", "talkers", "10.0.0.1"), "what is to be set?"),
])
def test_flow_misuse(run, args, message):
    r = run.beba("flow", *args)
    assert r.code in (1, 2) and message in r.err, r.err
    assert run.ok("show", "flows", "w", "--json").text.count("10.0.0.1") == 0


def test_sets(run):
    assert run.ok("set", "list", "w", "blocked").text == "10.9.0.0/16\n"
    assert run.ok("set", "list", "w", "ports", "--json").json["elements"] == ["7", "9"]
    run.ok("set", "add", "w", "ports", "1000..1003", "53")
    run.send("b0", udp("10.0.0.5", 1002))
    assert flow(run, "10.0.0.5")["state"] == "loud"
    run.ok("set", "add", "w", "blocked", "10.0.0.6", "10.8.0.0..10.8.0.2")
    run.send("b0", udp("10.0.0.6", 7), udp("10.8.0.2", 7), udp("10.8.0.3", 7))
    assert run.beba("flow", "get", "w", "talkers", "10.0.0.6").code == 1
    assert run.beba("flow", "get", "w", "talkers", "10.8.0.2").code == 1
    assert flow(run, "10.8.0.3")["state"] == "loud"
    run.ok("set", "del", "w", "blocked", "10.0.0.6")
    assert "10.0.0.6" not in run.ok("set", "list", "w", "blocked").text
    r = run.beba("set", "add", "w", "blocked", "10.20.0.0/16", "10.9.0.0/16")
    assert r.code == 1 and "in the set already" in r.err and "1 element before it was added" in r.err
    r = run.beba("set", "add", "w", "ports", "80", "htpt")
    assert r.code == 1 and "80" not in run.ok("set", "list", "w", "ports").text.split()
    assert "did you mean 'ports'?" in run.beba("set", "list", "w", "port").err


def test_globals(run):
    assert run.ok("global", "list", "w", "--json").json["globals"]["limit"] == 3
    assert run.ok("global", "set", "w", "limit", "1").text == "limit = 1\n"
    run.send("b0", udp("10.0.0.7", 7), udp("10.0.0.7", 7))
    assert flow(run, "10.0.0.7")["registers"]["n"] == 1
    assert run.ok("global", "get", "w", "hits[1]").text == "hits[1] = 1\n"
    run.ok("global", "set", "w", "hits[7]", "4294967295")
    for args, message in ((("get", "w", "hits[8]"), "is no cell of hits[8]"),
                          (("get", "w", "hit[1]"), "no array 'hit'"),
                          (("get", "w", "limt"), "did you mean 'limit'?"),
                          (("set", "w", "limit", "4294967296"), "limit: ")):
        r = run.beba("global", *args)
        assert r.code in (1, 2) and message in r.err, r.err


# --- snapshots -------------------------------------------------------------------------------

def flows(run, name="w"):
    listed, = run.ok("show", "flows", name, "--json").json["programs"]
    return {(f["machine"], f["key"]): f for f in listed["flows"]}


def test_there_and_back(run, tmp_path):
    run.send("b0", *(udp(f"10.0.0.{i}", 7) for i in range(1, 21)), udp("10.0.0.1", 9))
    run.ok("set", "add", "w", "ports", "99")
    before, globals_before = flows(run), run.ok("global", "list", "w", "--json").json["globals"]
    r = run.ok("snapshot", "w", "-o", "snap", "--json").json
    assert {m["name"]: m["flows"] for m in r["machines"]} == {"talkers": 20, "talks": 21}
    snap = tmp_path / "snap"
    assert sorted(os.listdir(snap)) == ["program.xfsm", "talkers.ft", "talks.ft", "values.json"]
    assert (snap / "program.xfsm").read_text() == WATCHED
    kept = json.loads((snap / "values.json").read_text())
    assert abs(kept["globals"]["seen"] - time.time_ns()) < 30e9  # moved to the clock of people
    assert kept["sets"]["ports"] == ["7", "9", "99"] and kept["arrays"]["hits"]["[1]"] == 20

    run.ok("detach", "w")
    run.ok("attach", run.object("watched", WATCHED), "--dev", "a0", "--name", "w")
    assert not flows(run)
    r = run.ok("restore", "w", "snap", "--json").json
    assert r["restored"] == r["flows"] == 41 and r["values"] and not r["losses"]
    after, globals_after = flows(run), run.ok("global", "list", "w", "--json").json["globals"]
    assert after.keys() == before.keys()
    for key, f in after.items():
        was = before[key]
        assert f["state"] == was["state"]
        for name in ("n", "forth", "back"):
            assert f["registers"].get(name) == was["registers"].get(name)
        # A point in time stays where it was, a length what it was.
        assert abs(f["registers"].get("last", 0) - was["registers"].get("last", 0)) < 5e6
        assert f["registers"].get("gap") == was["registers"].get("gap")
        assert 0 <= f["idle"] - was["idle"] < 60e9
    assert abs(globals_after["seen"] - globals_before["seen"]) < 5e6
    assert run.ok("set", "list", "w", "ports").text == "7\n9\n99\n"
    run.send("b0", udp("10.0.0.3", 7))  # and goes on from there
    assert flow(run, "10.0.0.3")["registers"]["n"] == 2
    # The first packet of a restored connection still goes forward.
    talk = flow(run, "10.0.0.3:4000 <-> 10.0.0.99:7 udp", "talks")
    assert talk["registers"] == {"forth": 2, "back": 0}


def test_attach_goes_on_from_a_snapshot(run, tmp_path):
    run.send("b0", *(udp(f"10.0.0.{i}", 7) for i in range(1, 21)))
    run.ok("set", "add", "w", "ports", "99")
    run.ok("snapshot", "w", "-o", "snap")
    before = flows(run).keys()
    run.ok("detach", "w")
    same = run.object("watched", WATCHED)
    r = run.ok("attach", same, "--dev", "a0", "--name", "w", "--state", "none")
    assert "restored" not in r.text and not flows(run)
    run.ok("detach", "w")
    r = run.ok("attach", same, "--dev", "a0", "--name", "w", "--state", "snap")
    assert "40 of 40 flows restored" in r.text and flows(run).keys() == before
    assert run.ok("set", "list", "w", "ports", "--json").json["elements"] == ["7", "9", "99"]
    run.ok("detach", "w")
    # Of another text: the elements that it names are those there are.
    other = run.object("other", WATCHED.replace("{ 7, 9 }", "{ 7, 8 }"))
    assert "name" in run.ok("attach", other, "--dev", "a0", "--name", "w", "-s", "snap", "--json").json
    assert flows(run).keys() == before
    assert run.ok("set", "list", "w", "ports", "--json").json["elements"] == ["7..8"]
    run.ok("detach", "w")
    (tmp_path / "snap" / "talkers.ft").write_bytes(b"x" * 100)
    r = run.ok("attach", same, "--dev", "a0", "--name", "w", "--state", "snap")
    assert "warning: flows of before are not there" in r.err and not flows(run)


def test_by_way_of_the_interpreter(run, tmp_path):
    """Kernel to files, a capture on the files, and back into the kernel."""
    run.send("b0", udp("10.0.0.1", 7))
    run.ok("snapshot", "w", "-o", "snap")
    now = time.time()
    frames = [udp("10.0.0.1", 7), udp("10.0.0.2", 7)]
    capture = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for frame in frames:
        capture += struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame
    (tmp_path / "in.pcap").write_bytes(capture)
    r = run.ok("run", "snap/program.xfsm", "-r", "in.pcap", "--state", "snap", "--json").json
    assert r["globals"]["limit"] == 3
    r = run.ok("restore", "w", "snap", "--json").json
    assert r["restored"] == 4
    assert flow(run, "10.0.0.1")["registers"]["n"] == 2
    assert flow(run, "10.0.0.2")["registers"]["n"] == 1
    assert run.ok("global", "get", "w", "hits[2]").text == "hits[2] = 1\n"


def test_what_is_lost_is_told(run, tmp_path):
    run.send("b0", *(udp(f"10.0.0.{i}", 7) for i in (1, 2, 3)))
    run.ok("flow", "set", "w", "talkers", "10.0.0.3", "quiet", "n=300")
    run.ok("snapshot", "w", "-o", "snap")
    other = WATCHED.replace("reg n : u16", "reg n : u8").replace("loud", "noisy")
    other = other.replace("machine talks {\n    key connection", "machine talks {\n    key ip4.dst")
    other = other.replace("if forward { forth += 1 } else { back += 1 }", "back += 1")
    other = other.replace("    reg forth : u32\n", "").replace("global seen : time\n", "")
    other = other.replace("            seen = now\n", "")
    run.ok("detach", "w")
    run.ok("attach", run.object("other", other), "--dev", "a0", "--name", "w")
    r = run.beba("restore", "w", "snap")
    assert r.code == 1 and "nothing was" in r.err
    for what in ("state loud of talkers: the running program has none (2 flows)",
                 "register n of talkers: it is narrower now (1 flow)",
                 "machine talks has another key (3 flows)", "global seen"):
        assert what in r.err, r.err
    assert not flows(run)
    r = run.ok("restore", "w", "snap", "--drop-state", "--json").json
    assert r["restored"] == 1 and r["flows"] == 6 and len(r["losses"]) == 4
    kept = flows(run)
    assert len(kept) == 1 and kept["talkers", "ip4.src=10.0.0.3"]["registers"]["n"] == 0


EACH = """machine each {
    key ip4.src
    without key -> pass
    capacity 64
    consistency per_cpu
    reg n : u32
    state a { on udp { n += 1; goto b; pass } else { pass } }
    state b { always { n += 1; pass } }
}
"""


def test_a_table_each_cpu(pair):
    """Changes and restored flows are there for every CPU; a snapshot has each flow once."""
    pair.ok("attach", pair.object("each", EACH), "--dev", "a0")
    pair.ok("flow", "set", "each", "each", "10.0.0.1", "b", "n=5")
    cpus = sorted(os.sched_getaffinity(0))
    try:
        for cpu in cpus:
            os.sched_setaffinity(0, [cpu])
            pair.send("b0", udp("10.0.0.1", 7))
    finally:
        os.sched_setaffinity(0, cpus)
    listed = pair.ok("show", "flows", "each", "--json").json["programs"][0]["flows"]
    seen = [f["registers"]["n"] for f in listed]
    assert len(seen) == len(cpus) and min(seen) >= 5 and sum(seen) == 6 * len(cpus)
    r = pair.ok("snapshot", "each", "-o", "snap", "--json").json
    assert r["machines"] == [{"name": "each", "flows": 1}]
    pair.ok("flow", "del", "each", "each", "10.0.0.1", "--cpu", str(cpus[0]))
    if len(cpus) > 1:
        pair.ok("flow", "get", "each", "each", "10.0.0.1")
        pair.ok("flow", "del", "each", "each", "10.0.0.1")
    assert pair.beba("flow", "get", "each", "each", "10.0.0.1").code == 1
    assert pair.ok("restore", "each", "snap", "--json").json["restored"] == 1
    listed = pair.ok("show", "flows", "each", "--json").json["programs"][0]["flows"]
    assert len(listed) == len(cpus)


def test_one_file_and_full_tables(run, tmp_path):
    small = WATCHED.replace("capacity 64 when full refuse -> pass", "capacity 4 when full refuse -> pass")
    run.send("b0", *(udp(f"10.0.0.{i}", 7) for i in range(1, 11)))
    run.ok("snapshot", "w", "-o", "snap")
    run.ok("detach", "w")
    run.ok("attach", run.object("small", small), "--dev", "a0", "--name", "w")
    r = run.ok("restore", "w", "snap/talkers.ft", "--json").json
    assert r["restored"] == 4 and r["flows"] == 10 and not r["values"]
    assert r["losses"] == [{"what": "machine talkers: no room in its table", "flows": 6}]


def test_bad_sources(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.ft").write_text("no table")
    (tmp_path / "cut").mkdir()
    run.ok("snapshot", "w", "-o", "snap")
    whole = (tmp_path / "snap" / "talkers.ft").read_bytes()
    (tmp_path / "cut" / "talkers.ft").write_bytes(whole[:len(whole) // 2])
    for name, message in (("none", "No such file"), ("empty", "no flow tables"),
                          ("text.ft", "text.ft: "), ("cut", "cut short")):
        r = run.beba("restore", "w", name)
        assert r.code == 1 and message in r.err, r.err
    r = run.beba("snapshot", "w", "-o", "snap")
    assert r.code == 1 and "exists already" in r.err
    assert run.beba("snapshot", "w", "-o", "no/where").code == 1
    assert (tmp_path / "snap" / "talkers.ft").read_bytes() == whole


def test_full_disk(run, tmp_path):
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path / "disk"], check=True)
    try:
        r = run.beba("snapshot", "w", "-o", "disk/snap")
        assert r.code == 1 and "No space left" in r.err, r.err
        assert not os.listdir(tmp_path / "disk")
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=True)


def test_killed_at_any_moment(run, tmp_path):
    run.send("b0", *(udp(f"10.0.0.{i}", 7) for i in range(1, 40)))
    start = time.monotonic()
    run.ok("snapshot", "w", "-o", "whole")
    span = time.monotonic() - start
    names = sorted(os.listdir(tmp_path / "whole"))
    for i in range(20):
        process = run.start("snapshot", "w", "-o", f"s{i}")
        time.sleep(span * i / 20)
        process.kill()
        process.communicate()
        if (tmp_path / f"s{i}").exists():
            assert sorted(os.listdir(tmp_path / f"s{i}")) == names
        for left in tmp_path.glob(f"s{i}.new-*"):
            shutil.rmtree(left)


# --- watching --------------------------------------------------------------------------------

def test_top(run):
    process = run.start("top", "w", "--json", "--count", "2", "--interval", "1s")
    deadline = time.monotonic() + 2.2
    while time.monotonic() < deadline:
        run.send("b0", *[udp("10.0.0.1", 7)] * 5)
    text, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    records = [json.loads(line) for line in text.splitlines()]
    assert len(records) == 2
    w, = records[1]["programs"]
    assert w["name"] == "w" and w["devices"] == ["a0"] and w["packets_per_second"] > 20
    assert w["bits_per_second"] > 8 * 60 * 20 and w["verdicts_per_second"]["drop"] > 0
    talkers = w["machines"][0]
    assert talkers["entries"] == 1 and talkers["states"] == {"quiet": 0, "loud": 1}
    assert max(r["packets_per_second"] for r in talkers["rules"]) > 20
    events = [e for r in records for e in r["programs"][0]["events"]]
    assert [e["kind"] for e in events] == ["entered"]
    text = run.ok("top", "--once", "--interval", "100ms").text
    assert "talkers" in text and "flows: 1 of 64, loud 1" in text and "\033" not in text


def test_top_of_nothing(pair):
    assert "nothing is attached" in pair.ok("top", "--once", "--interval", "100ms").text
    assert pair.beba("top", "x", "--once").code == 1


def test_top_on_a_terminal(run):
    leader, follower = pty.openpty()
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{run.name}", BEBA, "top",
                                "--interval", "100ms"], stdin=follower, stdout=follower,
                               stderr=follower, env=dict(run.env, TERM="xterm"), close_fds=True)
    os.close(follower)
    seen, deadline = b"", time.monotonic() + 10
    while b"talkers" not in seen and time.monotonic() < deadline:
        if select.select([leader], [], [], 0.2)[0]:
            seen += os.read(leader, 65536)
    os.write(leader, b"q")
    while select.select([leader], [], [], 2)[0]:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        seen += part
    assert process.wait(timeout=10) == 0
    os.close(leader)
    assert seen.startswith(b"\033[?1049h") and b"q quits" in seen
    assert seen.rstrip().endswith(b"\033[?1049l")  # the old screen is back


# --- explaining ------------------------------------------------------------------------------

def explain(run, *args, frames, wait=0.5):
    process = run.start("explain", "--dev", "a0", "--timeout", "4s", *args)
    time.sleep(wait)
    run.send("b0", *frames)
    text, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    return text, err


def test_explain(run):
    frames = [udp("10.0.0.1", 7)] * 4 + [udp("10.9.1.1", 7)]
    text, _ = explain(run, "-n", "5", "--json", frames=frames)
    packets = [json.loads(line) for line in text.splitlines()]
    assert len(packets) == 5
    assert [p["kernel"]["verdict"] for p in packets] == ["pass"] * 3 + ["drop"] * 2
    assert [p["kernel"]["machine"] for p in packets] == ["talks"] * 3 + ["talkers"] * 2
    assert packets[4]["kernel"]["rule"] == "on ip4.src in blocked"
    assert not any(p["kernel"]["differs"] for p in packets)
    for p in packets:
        assert p["verdict"] == p["kernel"]["verdict"] and p["in_port"] == 1
        assert abs(p["time"] - time.time_ns()) < 60e9
    third = [s for s in packets[2]["steps"] if s["kind"] == "entry"]
    assert "loud" in third[0]["text"] and "n = 2" in third[0]["why"]
    assert "forth = 2" in third[1]["why"]


def test_explain_what_matches(run):
    frames = [udp("10.0.0.1", 5), udp("10.0.0.2", 5), udp("10.9.0.3", 5), udp("10.9.0.3", 6)]
    text, _ = explain(run, "-n", "1", "--match", "udp.dst == 6 && ip.src in 10.9.0.0/16",
                      frames=frames)
    assert text.count("kernel: ") == 1
    assert "kernel: drop (talkers: quiet: on ip4.src in blocked)" in text
    assert "10.9.0.3:4000 -> 10.0.0.99:6 udp" in text and "verdict drop" in text
    text, _ = explain(run, "-n", "1", "--drops", frames=frames)
    assert "10.9.0.3:4000 -> 10.0.0.99:5" in text
    text, err = explain(run, "--timeout", "800ms", "--match", "tcp", frames=frames, wait=0.2)
    assert not text and "no packet to explain came" in err


def test_explain_leaves_nothing_on(run):
    """A command that was killed: two seconds later the program hands out nothing any more."""
    process = run.start("explain", "--dev", "a0")
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(2.2)
    run.send("b0", *(udp("10.0.0.1", 5) for _ in range(5)))
    text, err = explain(run, "--timeout", "500ms", frames=[], wait=0)
    assert not text and "no packet" in err


def test_explain_no_device(pair):
    r = pair.beba("explain", "--dev", "a0", "--timeout", "1s")
    assert r.code == 1 and "no program of beba is attached to device 'a0'" in r.err
