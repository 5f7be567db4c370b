# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Replacing a running program: what is carried over, what is not, and that no packet is lost."""

import threading
import time

import pytest
from conftest import COUNTED, PLAIN, received, udp


def flows(net, name="counted"):
    return {f["key"].split("=")[1]: (f["state"], f["registers"])
            for f in net.ok("show", "flows", name, "--json").json["programs"][0]["flows"]}


def test_same(pair):
    """
        test --- b0 === a0 [counted] <- [counted]
    """
    path = pair.object("counted", COUNTED)
    pair.ok("attach", path, "--dev", "a0")
    pair.send("b0", udp("10.0.0.1", 7), udp("10.0.0.2", 7))
    before = pair.ok("show", "--json").json["programs"][0]
    r = pair.ok("replace", "counted", path, "--json").json
    assert r == {"name": "counted", "flows": 2, "kept": 1, "moved": 0, "dropped": []}
    after = pair.ok("show", "--json").json["programs"][0]
    assert before["id"] != after["id"] and before["devices"] == after["devices"]
    pair.send("b0", udp("10.0.0.1", 7), udp("10.0.0.1", 7))
    assert flows(pair) == {"10.0.0.1": ("seen", {"n": 2}), "10.0.0.2": ("seen", {"n": 1})}
    counters = pair.ok("show", "counters", "--json").json["programs"][0]
    assert counters["packets"] == 4 and counters["globals"]["total"] == 2
    assert counters["verdicts"]["drop"] == 1
    pair.ok("detach", "counted")
    assert pair.left() == [] and pair.xdp("a0") is None


@pytest.mark.parametrize("hook", ["xdp", "tc-ingress"])
def test_changed(pair, hook):
    """
        test --- b0 === a0 [counted] <- [counted with other registers, timeouts, elements]
    """
    target = "tc" if hook.startswith("tc") else "xdp"
    changed = COUNTED.replace("reg n : u16", "reg first : u8 = 9\n    reg n : u32")
    changed = changed.replace("idle 60s", "idle 1h").replace("10.9.0.0/16", "10.8.0.0/16")
    changed = changed.replace("global total : u32", "global extra : u32 = 3\nglobal total : u32")
    pair.ok("attach", pair.object("counted", COUNTED, target), "--dev", "a0", "--hook", hook)
    pair.send("b0", udp("10.0.0.1", 7), udp("10.0.0.1", 7), udp("10.0.0.2", 7))
    r = pair.ok("replace", "counted", pair.object("counted", changed, target), "--json").json
    assert (r["flows"], r["kept"], r["moved"], r["dropped"]) == (2, 0, 1, [])
    assert flows(pair) == {"10.0.0.1": ("seen", {"first": 9, "n": 2}),
                           "10.0.0.2": ("seen", {"first": 9, "n": 1})}
    j = pair.ok("show", "flows", "--json").json["programs"][0]["flows"][0]
    assert j["timeout_in"] > 3500 * 10**9
    j = pair.ok("show", "globals", "--json").json["programs"][0]["globals"]
    assert j == {"extra": 3, "total": 2}
    j = pair.ok("show", "sets", "--json").json["programs"][0]["sets"]
    assert j == {"blocked": ["10.8.0.0/16"]}
    pair.send("b0", udp("10.0.0.1", 7))
    counters = pair.ok("show", "counters", "--json").json["programs"][0]
    assert counters["verdicts"]["drop"] == 1 and counters["packets"] >= 4
    pair.ok("detach", "counted")


def test_losses(pair):
    """
        test --- b0 === a0 [counted] <- [another key, no such state, a narrower register]
    """
    lossy = [
        (COUNTED.replace("machine counted", "machine other"),
         "machine counted is not in the new program"),
        (COUNTED.replace("key ip4.src", "key ip4.dst"), "machine counted has another key"),
        (COUNTED.replace("seen", "known"), "state seen of machine counted is not"),
        (COUNTED.replace("u16", "u8"), "register n of machine counted is narrower"),
        (COUNTED.replace("reg n ", "reg m ").replace("n = 1", "m = 1").replace("n < 2", "m < 2")
         .replace("n += 1", "m += 1").replace(", n }", ", m }"),
         "register n of machine counted is not"),
    ]
    pair.ok("attach", pair.object("counted", COUNTED), "--dev", "a0")
    for text, _ in lossy[:1]:  # nothing to lose
        pair.ok("replace", "counted", pair.object("counted", text))
        pair.ok("replace", "counted", pair.object("counted", COUNTED))
    pair.send("b0", udp("10.0.0.1", 7))
    for text, what in lossy:
        path = pair.object("counted", text)
        r = pair.beba("replace", "counted", path)
        assert r.code == 1 and what in r.err and "1 flow" in r.err and "--drop-state" in r.err
        assert flows(pair) == {"10.0.0.1": ("seen", {"n": 1})}
    r = pair.ok("replace", "counted", path, "--drop-state")
    assert "dropped:\n  register n of machine counted is not in the new program: 1 flow\n" in r.text
    assert flows(pair) == {"10.0.0.1": ("seen", {"m": 0})}
    r = pair.beba("replace", "counted", pair.object("counted", COUNTED, "tc"), "--drop-state")
    assert r.code == 1 and "made for tc" in r.err
    r = pair.beba("replace", "nothing", path)
    assert r.code == 1 and "nothing is not attached" in r.err
    pair.ok("detach", "counted")


@pytest.mark.parametrize("change", [("reg n : u16", "reg n : u16\n    reg x : u8 = 1"),
                                    ("", "")])
def test_under_load(pair, change):
    """
        20000 datagrams of 1000 flows --- b0 === a0 [counting] <- [counting] <- [counting] ...
    """
    text = ("machine counting {\n    key ip4.src\n    capacity 4k\n    without key -> pass\n"
            "    reg n : u16\n    always { n += 1; pass }\n}\n")
    paths = [pair.object("counting", text.replace(*change)), pair.object("counting", text)]
    total, sent = 20000, threading.Event()
    pair.ok("attach", paths[1], "--dev", "a0")
    source, sink = pair.socket("b0"), pair.socket("a0")
    sink.setsockopt(1, 33, 1 << 27)  # SO_RCVBUFFORCE

    def send():
        for i in range(total):
            source.send(udp(f"10.1.{i % 1000 // 250}.{i % 250}", 9))
            if not i % 50:
                time.sleep(0.004)
        sent.set()

    thread = threading.Thread(target=send)
    thread.start()
    times = 0
    while not sent.is_set():
        r = pair.beba("replace", "counting", paths[0], "--drop-state")
        assert r.code == 0, r.err
        paths.reverse()
        times += 1
    thread.join()
    assert times >= 2 and len(received(sink)) == total, "no packet is lost"
    seen = flows(pair, "counting")
    assert len(seen) == 1000, "no flow is lost"
    if not change[0]:
        assert all(regs["n"] == total // 1000 for _, regs in seen.values()), "and no update"
    pair.ok("detach", "counting")
    source.close()
    sink.close()


def test_many_replacements_leave_one(pair):
    """
        a0 [plain] <- [plain] <- ...
    """
    path = pair.object("plain", PLAIN)
    pair.ok("attach", path, "--dev", "a0")
    for _ in range(5):
        pair.ok("replace", "plain", path)
        assert pair.left() == ["plain"]
    pair.send("b0", udp("10.0.0.1", 7))
    assert pair.ok("show", "globals", "--json").json["programs"][0]["globals"] == {"seen": 1}
    pair.ok("detach", "plain")
