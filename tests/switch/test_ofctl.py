# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""ovs-ofctl drives the switch.

    h1 eth0 --- v1 (port 1) [ switch ] v2 (port 2) --- eth0 h2
                                |
                       punix: ovs-ofctl
"""

import re

from conftest import need

pytestmark = [need("ovs-ofctl"), need("ping")]


def entries(switch):
    text = re.sub(r"(duration|n_packets|n_bytes)=[^,]*", "", switch.ofctl("dump-flows"))
    return sorted(text.splitlines()[1:])


def test_show(switch):
    switch.start("--dpid", "beba")
    text = switch.ofctl("show")
    assert "dpid:000000000000beba" in text and "n_tables:254" in text
    assert "1(v1)" in text and "2(v2)" in text and "LIVE" in text
    assert "beba" in switch.ofctl("dump-desc")
    assert "tables 1...252: ditto" in switch.ofctl("dump-table-features")
    assert "2 ports" in switch.ofctl("dump-ports")


def test_flows(switch):
    switch.start()
    switch.ofctl("add-flow", "table=0,priority=5,in_port=1,cookie=0x7,actions=output:2")
    switch.ofctl("add-flow", "table=0,priority=5,in_port=2,actions=goto_table:3")
    switch.ofctl("add-flow", "table=3,priority=1,actions=output:1")
    assert switch.ping() == 3
    text = switch.ofctl("dump-flows")
    n = int(re.search(r"cookie=0x7,.*n_packets=(\d+)", text).group(1))
    assert n >= 3 and "goto_table:3" in text
    switch.ofctl("mod-flows", "table=3,actions=drop")
    assert switch.ping(count=2) == 0
    assert re.search(r"flow_count=3", switch.ofctl("dump-aggregate"))
    switch.ofctl("del-flows", "cookie=0x7/-1")
    assert "cookie=0x7," not in switch.ofctl("dump-flows")
    switch.ofctl("del-flows")
    assert "table=" not in switch.ofctl("dump-flows")


def test_groups_and_meters(switch):
    switch.start()
    switch.ofctl("add-group", "group_id=7,type=select,bucket=weight:1,output:2")
    switch.ofctl("add-meter", "meter=3,pktps,band=type=drop,rate=100000")
    switch.ofctl("add-flow", "in_port=1,actions=meter:3,group:7")
    switch.ofctl("add-flow", "in_port=2,actions=output:1")
    assert switch.ping() == 3
    assert "group_id=7,type=select" in switch.ofctl("dump-groups")
    assert re.search(r"group_id=7,.*ref_count=1,packet_count=[1-9]",
                     switch.ofctl("dump-group-stats"))
    assert re.search(r"meter=3 pktps", switch.ofctl("dump-meters"))
    assert re.search(r"meter:3 flow_count:1 packet_in_count:[1-9]", switch.ofctl("meter-stats"))
    refused = switch.ofctl("add-group", "group_id=7,type=all,bucket=output:1", check=False)
    assert "OFPGMFC_GROUP_EXISTS" in refused
    switch.ofctl("del-groups", "group_id=7")
    assert "group:7" not in switch.ofctl("dump-flows")
    switch.ofctl("del-meters")
    assert "meter=3" not in switch.ofctl("dump-meters")


def test_bundles(switch, tmp_path):
    switch.start()
    good = tmp_path / "good"
    good.write_text("add in_port=1,actions=output:2\nadd in_port=2,actions=output:1\n")
    switch.ofctl("add-flows", str(good), "--bundle")
    assert switch.ping() == 3
    bad = tmp_path / "bad"
    bad.write_text("flow delete\nflow add in_port=1,actions=drop\n"
                   "flow add in_port=2,actions=group:99\n")
    before = entries(switch)
    assert "OFPBAC_BAD_OUT_GROUP" in switch.ofctl("bundle", str(bad), check=False)
    assert entries(switch) == before
    assert switch.ping() == 3


def test_many_flows(switch, tmp_path):
    """More than one reply has room for."""
    switch.start()
    flows = tmp_path / "flows"
    flows.write_text("".join(f"priority={10 + i % 7},ip,nw_src=10.{i >> 16 & 255}.{i >> 8 & 255}."
                             f"{i & 255},actions=output:2\n" for i in range(20000)))
    switch.ofctl("add-flows", str(flows))
    assert "flow_count=20000" in switch.ofctl("dump-aggregate")
    assert switch.ofctl("dump-flows").count("n_packets") == 20000
    assert len(switch.ctl("flows")) == 20000


def test_ports(switch):
    switch.start()
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping() == 3
    switch.ofctl("mod-port", "v2", "no-forward")
    assert "NO_FWD" in switch.ofctl("show")
    assert switch.ping(count=2) == 0
    switch.ofctl("mod-port", "v2", "forward")
    switch.ofctl("mod-port", "v1", "down")
    assert "PORT_DOWN" in switch.ofctl("show")
    assert "UP" not in switch.s.link("v1")["flags"]
    switch.ofctl("mod-port", "v1", "up")
    assert "UP" in switch.s.link("v1")["flags"]


def test_packet_out(switch):
    switch.start()
    frame = "ffffffffffff" + "020000000001" + "88b5" + "00" * 46
    tap = switch.hosts[1].tap("eth0")
    switch.ofctl("packet-out", f"in_port=1, packet={frame}, actions=output:2")
    assert bytes.fromhex(frame) in tap.until(lambda f: f == bytes.fromhex(frame))
    assert "OFPBRC_BAD_PORT" in switch.ofctl(
        "packet-out", f"in_port=77, packet={frame}, actions=output:2", check=False)
