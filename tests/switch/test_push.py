# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs pushed to a switch: hosts behind it see what the program says."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from conftest import live, need  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                        "examples")
pytestmark = [need("ping"), need("bash")]
STATE_MOD, TABLE = 4, 18


def push(switch, file, *args, check=True):
    return live.run(live.BEBA, "push", "unix:" + switch.path, file, *args, check=check)


def example(name):
    return os.path.join(EXAMPLES, name + ".xfsm")


def states(switch):
    """Bytes of key and state of each flow."""
    return [line["state"] for line in switch.ctl("states") if "state" in line]


def test_learning(switch):
    switch.start()
    assert switch.ping(count=1) == 0
    assert b"has taken all" in push(switch, example("mac_learning")).stdout
    assert switch.ping() == 3
    assert states(switch).count(1) >= 2


def test_knocking(switch):
    switch.start()
    push(switch, example("port_knocking"))
    for number, port in enumerate((1111, 2222, 3333, 4444), 1):
        switch.hosts[0].run("bash", "-c", f"echo > /dev/udp/10.0.0.2/{port}")
        live.wait_until(f"knock {number}", lambda: number in states(switch))
    assert switch.ping(count=1) == 0


def test_messages_from_a_file(switch, tmp_path):
    switch.start()
    file = str(tmp_path / "knock.of")
    live.run(live.BEBA, "build", "-t", "openflow", example("port_knocking"), "-o", file)
    answer = json.loads(push(switch, file, "--json").stdout)
    assert answer["ok"] and answer["refused"] == 0 and answer["messages"] > 10
    again = json.loads(push(switch, example("port_knocking"), "--json").stdout)
    assert again["messages"] == answer["messages"]


def test_refusals_are_shown(switch, tmp_path):
    """A state table that no switch has, in a message of its own."""
    switch.start()
    file = str(tmp_path / "bad.of")
    live.run(live.BEBA, "build", "-t", "openflow", example("port_knocking"), "-o", file)
    with open(file, "rb") as f:
        bytes_ = bytearray(f.read())
    at = 0
    while bytes_[at + 1] != STATE_MOD:
        at += bytes_[at + 2] << 8 | bytes_[at + 3]
    bytes_[at + TABLE] = 99
    with open(file, "wb") as f:
        f.write(bytes_)
    done = push(switch, file, check=False)
    assert done.returncode == 1
    assert b"BAD_TABLE_ID" in done.stderr and b"bebabeba" in done.stderr
    answer = json.loads(push(switch, file, "--json", check=False).stdout)
    assert not answer["ok"] and answer["errors"][0]["code"] == "BAD_TABLE_ID"


def test_nobody_there(tmp_path):
    for address in ("unix:" + str(tmp_path / "none"), "tcp:127.0.0.1:1"):
        done = live.run(live.BEBA, "push", address, example("port_knocking"), check=False)
        assert done.returncode == 1 and b"cannot reach the switch" in done.stderr
    assert live.run(live.BEBA, "push", "there", example("port_knocking"),
                    check=False).returncode == 2
