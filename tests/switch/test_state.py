# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What is there again after the switch was killed.

    h1 eth0 --- v1 [ switch --state FILE ] v2 --- eth0 h2
"""

import re
import signal

import net as live
from conftest import need

pytestmark = [need("ovs-ofctl"), need("ping")]

# Table 0 learns addresses: lookup by eth_dst, update by eth_src (docs/openflow.md).
STATEFUL = [
    "04040014 01020304 bebabeba 00000000 0000 0001",
    "04040022 01020304 bebabeba 00000000 0100 00000000 00000000 00000001 80000606",
    "04040022 01020304 bebabeba 00000000 0200 00000000 00000000 00000001 80000806",
]
# State 7 for all who send.
LEARN = ("040e0098 01020305 0000000000000000 0000000000000000 00 00 0000 0000 0005 ffffffff ffffffff "
         "ffffffff 0000 0000 0001 0004 00000000 0004 0050 00000000 ffff0038 bebabeba 00000000 00000000 "
         "00000007 ffffffff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
         "0000 0010 fffffffb ffff 000000000000")


def without_counters(text):
    return sorted(re.sub(r"(duration|n_packets|n_bytes|xid)=[^,) ]*", "", text).splitlines()[1:])


def test_killed(switch, tmp_path):
    state = tmp_path / "state"
    switch.start("--state", str(state))
    switch.ofctl("add-meter", "meter=3,pktps,band=type=drop,rate=100000")
    switch.ofctl("add-group", "group_id=9,type=all,bucket=group:7", check=False)
    switch.ofctl("add-group", "group_id=7,type=all,bucket=output:2")
    switch.ofctl("add-group", "group_id=5,type=indirect,bucket=group:7")
    switch.ofctl("add-flow", "table=1,priority=3,in_port=1,cookie=5,actions=meter:3,group:5")
    switch.ofctl("add-flow", "table=1,priority=4,in_port=1,actions=drop")
    switch.ofctl("del-flows", "table=1,priority=4,in_port=1", "--strict")
    peer = switch.peer().hello()
    for text in STATEFUL + [LEARN.replace("0098", f"{len(bytes.fromhex(LEARN)):04x}", 1)]:
        peer.s.sendall(bytes.fromhex(text))
    errors = [m for m in peer.barrier() if m[0] == 1]
    assert not errors, errors
    assert switch.ping() == 3
    flows, groups = switch.ofctl("dump-flows"), switch.ofctl("dump-groups")
    states = {s["key"]: s["state"] for s in switch.ctl("states")}
    assert states["020000000001"] == 7 and states["020000000002"] == 7

    for number in (signal.SIGKILL, signal.SIGTERM):
        switch.kill(number)
        switch.log_path += "2"
        switch.start("--state", str(state))
        assert without_counters(switch.ofctl("dump-flows")) == without_counters(flows)
        assert without_counters(switch.ofctl("dump-groups")) == without_counters(groups)
        assert "meter=3 pktps" in switch.ofctl("dump-meters")
        assert {s["key"]: s["state"] for s in switch.ctl("states")} == states
        assert switch.ping() == 3


def test_a_file_that_ends_in_the_middle(switch, tmp_path):
    state = tmp_path / "state"
    switch.start("--state", str(state))
    switch.ofctl("add-flow", "in_port=1,actions=output:2")
    switch.ofctl("add-flow", "in_port=2,actions=output:1")
    switch.kill()
    data = state.read_bytes()
    state.write_bytes(data[:-20])
    switch.log_path += "2"
    switch.start("--state", str(state))
    assert len(switch.ctl("flows")) == 1
    assert "no whole message" in switch.log()
    switch.ofctl("add-flow", "in_port=2,actions=output:1")
    switch.kill()
    switch.log_path += "3"
    switch.start("--state", str(state))
    assert len(switch.ctl("flows")) == 2
    assert switch.ping() == 3
    live.run(live.BEBA, "ctl", "-S", switch.socket, "save")
