# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Watching a program while it runs: events as they happen, decisions explained, expiries swept.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( watched )  10.0.0.100
"""

import json
import subprocess
import threading

import net as live

PROGRAM = """machine watched {
    key ip.src, udp.dst
    reg n : u32
    without key -> pass

    state quiet {
        on udp.dst == 7 { n = 1; goto seen; pass }
        else { pass }
    }
    state seen idle 300ms -> quiet {
        on udp.dst == 7 && n >= 3 { notify "many" { src = ip.src, n }; goto loud; pass }
        on udp.dst == 7 { n += 1; pass }
        else { pass }
    }
    state loud hard 400ms -> quiet notify {
        on udp.dst == 7 { drop }
    }
    in any state { else { pass } }
}
"""


class Lines:
    """What a process prints, line by line, read beside the test."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for line in self.process.stdout:
            self.lines.append(line.decode())

    def until(self, condition, what, timeout=10.0):
        return live.wait_until(what, lambda: next((x for x in list(self.lines) if condition(x)), None),
                               timeout)


def sender(client, times=1):
    with client.udp("10.0.0.1", 4000) as s:
        for _ in range(times):
            s.sendto(b"knock", ("10.0.0.100", 7))


def test_events_are_told_as_they_happen(pair, written):
    client, server = pair
    server.beba("attach", written("watched", PROGRAM), "--dev", "eth0")
    follower = server.spawn(live.BEBA, "show", "events", "watched", "--follow", "--json",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = Lines(follower)
    live.wait_until("something", lambda: sender(client, 4) or lines.lines, every=0.05)

    def event(kind, **fields):
        def right(line):
            e = json.loads(line)
            return e["kind"] == kind and all(e.get(k) == v for k, v in fields.items())
        return json.loads(lines.until(right, f"{kind} {fields} in {lines.lines[:3]}"))
    many = event("notify", notice="many")
    assert many["machine"] == "watched" and many["fields"]["n"] == 3
    assert many["fields"]["src"] == "10.0.0.1" and many["key"] == "ip.src=10.0.0.1, udp.dst=7"
    event("entered", machine="watched", to="loud", **{"from": "seen"})
    assert follower.poll() is None
    live.stop(follower)
    assert follower.returncode in (0, -15)


def test_a_live_decision_is_explained(pair, written):
    client, server = pair
    server.beba("attach", written("watched", PROGRAM), "--dev", "eth0")
    explained = server.spawn(live.BEBA, "explain", "--dev", "eth0", "--match", "udp.dst == 7",
                             "--number", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = Lines(explained)
    live.wait_until("an explanation", lambda: sender(client) or explained.poll() is not None,
                    every=0.1)
    lines.thread.join(10)
    text = "".join(lines.lines)
    assert explained.returncode == 0, text
    assert "udp.dst == 7" in text and "pass" in text and "watched" in text, text


def test_a_sweep_tells_what_ended(pair, written):
    client, server = pair
    server.beba("attach", written("watched", PROGRAM), "--dev", "eth0")
    with client.udp("10.0.0.1", 4000) as s:
        s.sendto(b"knock", ("10.0.0.100", 7))
    live.wait_until("the flow", lambda: server.flows("watched"), every=0.001)
    live.wait_until("its end", lambda: not server.flows("watched"))
    swept = server.beba("flow", "sweep", "watched", "--json").json
    assert int(swept["freed"]) == 1
    assert int(server.beba("flow", "sweep", "watched", "--json").json["freed"]) == 0
    assert server.counters("watched").of["machines"][0]["expiries"] == 1
