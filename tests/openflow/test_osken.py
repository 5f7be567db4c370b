# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The codec against os-ken's, both ways: what os-ken makes is decoded and encoded to the same bytes,
and what the codec makes means to os-ken what it was made of.

BEBA_OPENFLOW_TESTS is the directory of the helpers roundtrip and make."""

import glob
import json
import os
import subprocess

import pytest

pytest.importorskip("os_ken", reason="needs python3-os-ken")

# pylint: disable=wrong-import-position
from os_ken.ofproto import ofproto_parser, ofproto_v1_3 as ofp, ofproto_v1_3_parser as parser

import messages

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = os.environ.get("BEBA_CONFORMANCE",
                       os.path.join(os.path.dirname(ROOT), "shared", "conformance"))
TOOLS = os.environ.get("BEBA_OPENFLOW_TESTS", ".")
XID = 0x01020304

pytestmark = pytest.mark.skipif(not os.path.exists(os.path.join(TOOLS, "roundtrip")),
                                reason="needs the helpers in BEBA_OPENFLOW_TESTS")


def roundtrip(lines):
    """What the codec makes of each (dialect, side, bytes)."""
    text = "".join(f"{dialect} {side} {data.hex()}\n" for dialect, side, data in lines)
    out = subprocess.run([os.path.join(TOOLS, "roundtrip")], input=text.encode(),
                         stdout=subprocess.PIPE, check=True)
    return out.stdout.decode().splitlines()


@pytest.fixture(scope="module", name="made")
def fixture_made():
    """Name -> the messages that the codec made."""
    out = subprocess.run([os.path.join(TOOLS, "make")], stdout=subprocess.PIPE, check=True)
    made = {}
    for line in out.stdout.decode().splitlines():
        name, data = line.split()
        made.setdefault(name, []).append(bytes.fromhex(data))
    return made


def parse(data):
    """As os-ken reads it."""
    version, kind, length, xid = ofproto_parser.header(data)
    assert (version, length, xid) == (4, len(data), XID)
    return ofproto_parser.msg(messages.DP, version, kind, length, xid, data)


# --- os-ken's messages ---------------------------------------------------------------------------

def test_everything_comes_back():
    """Every message of os-ken is encoded to the bytes that it was."""
    made = {name: messages.serialize(m) for name, m in messages.everything().items()}
    assert len(made) > 170
    kinds = {data[1] for data in made.values()}
    assert kinds >= {0, 1, 2, 3, 4, 5, 7, 9, 13, 14, 15, 16, 17, 18, 20, 22, 24, 26, 28, 29}
    answers = roundtrip([("auto", "any", data) for data in made.values()])
    wrong = {name: (data.hex(), answer) for (name, data), answer in zip(made.items(), answers)
             if answer != "ok " + data.hex()}
    assert not wrong


def test_prerequisites():
    """A field without what it needs is refused."""
    made = {name: messages.serialize(messages.flow_mod(messages.match(name, needs=False)))
            for name in messages.NEEDING}
    answers = roundtrip([("auto", "controller", data) for data in made.values()])
    want = f"error {ofp.OFPET_BAD_MATCH} {ofp.OFPBMC_BAD_PREREQ} "
    assert not [name for name, answer in zip(made, answers) if not answer.startswith(want)]


def test_set_field_prerequisites():
    """So is a set-field in an entry that does not match on what it needs."""
    made = {}
    for name in messages.NEEDING - messages.NOT_SETTABLE:
        action = parser.OFPActionSetField(**{name: messages.FIELDS[name][0]})
        made[name] = messages.serialize(messages.flow_mod(None, [messages.apply([action])]))
    answers = roundtrip([("auto", "controller", data) for data in made.values()])
    want = f"error {ofp.OFPET_BAD_ACTION} {ofp.OFPBAC_MATCH_INCONSISTENT} "
    assert not [name for name, answer in zip(made, answers) if not answer.startswith(want)]


def test_not_settable():
    """Fields that no set-field may have."""
    for name in messages.NOT_SETTABLE:
        value, _, needs = messages.FIELDS[name]
        action = parser.OFPActionSetField(**{name: value})
        data = messages.serialize(messages.flow_mod(parser.OFPMatch(**needs),
                                                    [messages.apply([action])]))
        answer, = roundtrip([("auto", "controller", data)])
        assert answer.startswith(f"error {ofp.OFPET_BAD_ACTION} {ofp.OFPBAC_BAD_SET_TYPE} "), name


def test_masks_where_none_is():
    """Masks of fields that take none."""
    for name, (value, mask, needs) in messages.FIELDS.items():
        if mask is None:
            data = messages.serialize(messages.flow_mod(
                parser.OFPMatch(**needs, **{name: (value, value)})))
            answer, = roundtrip([("auto", "controller", data)])
            assert answer.startswith(f"error {ofp.OFPET_BAD_MATCH} {ofp.OFPBMC_BAD_MASK} "), name


def test_wrong_side():
    """A switch takes no messages of switches."""
    data = messages.serialize(parser.OFPBarrierReply(messages.DP))
    answer, = roundtrip([("auto", "controller", data)])
    assert answer.startswith(f"error {ofp.OFPET_BAD_REQUEST} {ofp.OFPBRC_BAD_TYPE} ")


def in_json(node):
    """The messages in the data of a switch-test suite."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("OFPFlowMod", "OFPGroupMod", "OFPMeterMod"):
                yield ofproto_parser.ofp_msg_from_jsondict(messages.DP, {key: value})
            else:
                yield from in_json(value)
    elif isinstance(node, list):
        for value in node:
            yield from in_json(value)


@pytest.mark.skipif(not os.path.isdir(CASES), reason="needs test cases in BEBA_CONFORMANCE")
def test_conformance_cases():
    """Every flow, group and meter that the switch-test suite installs is accepted as it is."""
    made = []
    for name in glob.glob(os.path.join(CASES, "**", "*.json"), recursive=True):
        with open(name, encoding="utf-8") as f:
            made += [messages.serialize(m) for m in in_json(json.load(f))]
    assert len(made) > 1000
    answers = roundtrip([("auto", "controller", data) for data in made])
    assert [a for a, data in zip(answers, made) if a != "ok " + data.hex()] == []


# --- our messages --------------------------------------------------------------------------------

def check_match(match):
    """The match of make.c."""
    assert dict(match.items()) == {
        "in_port": 7, "eth_dst": ("02:11:00:00:00:00", "ff:ff:00:00:00:00"), "eth_type": 0x86dd,
        "vlan_vid": 0x1005, "ip_proto": 6, "ipv6_src": "2001:db8::9", "tcp_dst": 443}


def check_applied(actions):
    """The applied actions of make.c."""
    vlan, vid, queue, output, ttl, group = actions
    assert isinstance(vlan, parser.OFPActionPushVlan) and vlan.ethertype == 0x88a8
    assert isinstance(vid, parser.OFPActionSetField) and (vid.key, vid.value) == ("vlan_vid", 0x1009)
    assert isinstance(queue, parser.OFPActionSetQueue) and queue.queue_id == 12
    assert isinstance(output, parser.OFPActionOutput) and (output.port, output.max_len) == (13, 14)
    assert isinstance(ttl, parser.OFPActionSetNwTtl) and ttl.nw_ttl == 15
    assert isinstance(group, parser.OFPActionGroup) and group.group_id == 16


def instructions():
    """The instructions of make.c, in the order of execution."""
    p = parser
    applied = [p.OFPActionPushVlan(0x88a8), p.OFPActionSetField(vlan_vid=0x1009),
               p.OFPActionSetQueue(12), p.OFPActionOutput(13, 14), p.OFPActionSetNwTtl(15),
               p.OFPActionGroup(16)]
    written = [p.OFPActionOutput(17, 0)]
    return applied, written, [
        p.OFPInstructionMeter(19), messages.apply(applied),
        p.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []),
        p.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, written),
        p.OFPInstructionWriteMetadata(20, 21), p.OFPInstructionGotoTable(18)]


def buckets():
    """The buckets of make.c."""
    applied, _, _ = instructions()
    return [parser.OFPBucket(31, 32, 33, applied),
            parser.OFPBucket(34, ofp.OFPP_ANY, ofp.OFPG_ANY, [])]


BANDS = [parser.OFPMeterBandDrop(41, 42), parser.OFPMeterBandDscpRemark(43, 44, 45)]
OF_TCP = parser.OFPMatch(eth_type=0x0800, ip_proto=6, tcp_src=1234)


def check(message, **want):
    """Attributes of a message or of a part of it."""
    have = {name: getattr(message, name) for name in want}
    assert have == want


def test_controller_messages(made):
    """What os-ken makes too is the same."""
    p, dp = parser, messages.DP
    _, written, all_instructions = instructions()
    want = {
        "flow_mod": messages.flow_mod(OF_TCP, all_instructions, command=ofp.OFPFC_MODIFY),
        "group_mod": p.OFPGroupMod(dp, ofp.OFPGC_MODIFY, ofp.OFPGT_FF, 77, buckets()),
        "meter_mod": p.OFPMeterMod(dp, ofp.OFPMC_MODIFY, ofp.OFPMF_KBPS | ofp.OFPMF_BURST, 44, BANDS),
        "port_mod": p.OFPPortMod(dp, 3, "02:11:22:33:44:55", 0x21, 0x65, 0x2040),
        "table_mod": p.OFPTableMod(dp, 4, 3),
        "packet_out": p.OFPPacketOut(dp, 1, 2, written, b"frame"),
        "flow_request": p.OFPFlowStatsRequest(dp, 0, 3, 4, 5, 6, 7, OF_TCP),
        "queue_request": p.OFPQueueStatsRequest(dp, 0, 3, 4),
        "set_config": p.OFPSetConfig(dp, 1, 256),
        "set_async": p.OFPSetAsync(dp, [1, 2], [3, 4], [5, 6]),
    }
    # os-ken leaves out the data of a packet-out that has a buffer.
    want["packet_out"].buffer_id = ofp.OFP_NO_BUFFER
    for name, message in want.items():
        data = made[name][0]
        if name == "packet_out":
            data = data[:8] + b"\xff\xff\xff\xff" + data[12:]
        assert data.hex() == messages.serialize(message).hex(), name


def test_connection(made):
    """Hello, errors, echo, features, configuration, roles, bundles."""
    hello = parse(made["hello"][0])
    assert hello.elements[0].versions == [4]
    check(parse(made["error"][0]), type=3, code=2, data=b"abc")
    check(parse(made["experimenter_error"][0]), type=0xffff, exp_type=4, experimenter=0xbebabeba,
          data=b"abc")
    check(parse(made["echo_reply"][0]), data=b"abc")
    check(parse(made["features"][0]), datapath_id=0x1122334455667788, n_buffers=2, n_tables=254,
          auxiliary_id=3, capabilities=0x47)
    check(parse(made["get_config"][0]), flags=1, miss_send_len=2)
    assert isinstance(parse(made["barrier"][0]), parser.OFPBarrierReply)
    check(parse(made["role"][0]), role=ofp.OFPCR_ROLE_MASTER, generation_id=0x1122334455667788)
    check(parse(made["async"][0]), packet_in_mask=[1, 2], port_status_mask=[3, 4],
          flow_removed_mask=[5, 6])
    check(parse(made["bundle"][0]), bundle_id=9, type=ofp.ONF_BCT_COMMIT_REPLY,
          flags=ofp.ONF_BF_ORDERED, properties=[])


def test_asynchronous(made):
    """Packet-in, flow-removed, port-status."""
    packet_in = parse(made["packet_in"][0])
    check(packet_in, buffer_id=1, total_len=1500, reason=ofp.OFPR_ACTION, table_id=2,
          cookie=0x1122334455667788, data=b"a frame, cut")
    check_match(packet_in.match)
    removed = parse(made["flow_removed"][0])
    check(removed, cookie=1, priority=2, reason=ofp.OFPRR_DELETE, table_id=3, duration_sec=4,
          duration_nsec=5, idle_timeout=6, hard_timeout=7, packet_count=8, byte_count=9)
    check_match(removed.match)
    status = parse(made["port_status"][0])
    assert status.reason == ofp.OFPPR_MODIFY
    check_port(status.desc)


def check_port(port):
    """The port of make.c."""
    check(port, port_no=51, hw_addr="02:11:22:33:44:55", name=b"exactly16letters", config=52, state=53,
          curr=54, advertised=55, supported=56, peer=57, curr_speed=58, max_speed=59)


def test_queues(made):
    """Queues and their rates."""
    reply = parse(made["queues"][0])
    assert reply.port == 5
    first, second = reply.queues
    check(first, queue_id=1, port=2)
    assert [(p.property, p.rate) for p in first.properties] == [(ofp.OFPQT_MIN_RATE, 100),
                                                               (ofp.OFPQT_MAX_RATE, 900)]
    check(second, queue_id=3, port=4, properties=[])


def body(made, name):
    """The elements of a reply in one message."""
    data, = made[name]
    reply = parse(data)
    assert reply.flags == 0
    return reply.body


def test_flows(made):
    """Flow entries, their tables and what they sum up to."""
    check(body(made, "desc"), mfr_desc=b"makers", hw_desc=b"ware", sw_desc=b"soft",
          serial_num=b"1234", dp_desc=b"path")
    flows = body(made, "flow")
    assert len(flows) == 2
    for flow in flows:
        check_flow(flow)
    assert body(made, "no_flow") == []
    check(body(made, "aggregate"), packet_count=1, byte_count=2, flow_count=3)
    tables = body(made, "table")
    assert len(tables) == 254
    check(tables[253], table_id=1, active_count=2, lookup_count=3, matched_count=4)


def check_flow(flow):
    """The flow entry of make.c."""
    check(flow, table_id=1, duration_sec=2, duration_nsec=3, priority=4, idle_timeout=5,
          hard_timeout=6, flags=ofp.OFPFF_SEND_FLOW_REM, cookie=7, packet_count=8, byte_count=9)
    check_match(flow.match)
    meter, applied, clear, written, metadata, goto = flow.instructions
    assert meter.meter_id == 19 and goto.table_id == 18
    assert (metadata.metadata, metadata.metadata_mask) == (20, 21)
    assert clear.type == ofp.OFPIT_CLEAR_ACTIONS and not clear.actions
    check_applied(applied.actions)
    assert [a.port for a in written.actions] == [17]


def test_splitting(made):
    """Replies of more than 64 KiB are several messages, which end between elements."""
    parts = [parse(data) for data in made["many_flows"]]
    assert len(parts) > 1
    assert [part.flags for part in parts] == [1] * (len(parts) - 1) + [0]
    assert sum(len(part.body) for part in parts) == 500
    for part in parts:
        check_flow(part.body[-1])


def test_ports(made):
    """Ports and queues."""
    first, _ = body(made, "port")
    check(first, port_no=1, rx_packets=2, tx_packets=3, rx_bytes=4, tx_bytes=5, rx_dropped=6,
          tx_dropped=7, rx_errors=8, tx_errors=9, rx_frame_err=10, rx_over_err=11, rx_crc_err=12,
          collisions=13, duration_sec=14, duration_nsec=15)
    for port in body(made, "port_desc"):
        check_port(port)
    queue, _ = body(made, "queue")
    check(queue, port_no=1, queue_id=2, tx_bytes=3, tx_packets=4, tx_errors=5, duration_sec=6,
          duration_nsec=7)


def test_groups(made):
    """Groups and their buckets."""
    group, _ = body(made, "group")
    check(group, group_id=1, ref_count=2, packet_count=3, byte_count=4, duration_sec=5,
          duration_nsec=6)
    assert [(b.packet_count, b.byte_count) for b in group.bucket_stats] == [(61, 62), (63, 64)]
    desc, _ = body(made, "group_desc")
    check(desc, type=ofp.OFPGT_FF, group_id=1)
    first, second = desc.buckets
    check(first, weight=31, watch_port=32, watch_group=33)
    check_applied(first.actions)
    check(second, weight=34, watch_port=ofp.OFPP_ANY, watch_group=ofp.OFPG_ANY, actions=[])
    check(body(made, "group_features"), types=1, capabilities=2, max_groups=[3, 4, 5, 6],
          actions=[7, 8, 9, 10])


def test_meters(made):
    """Meters and their bands."""
    meter, _ = body(made, "meter")
    check(meter, meter_id=1, flow_count=2, packet_in_count=3, byte_in_count=4, duration_sec=5,
          duration_nsec=6)
    assert [(b.packet_band_count, b.byte_band_count) for b in meter.band_stats] == [(61, 62),
                                                                                   (63, 64)]
    config, _ = body(made, "meter_config")
    check(config, flags=ofp.OFPMF_PKTPS, meter_id=1)
    drop, remark = config.bands
    check(drop, type=ofp.OFPMBT_DROP, rate=41, burst_size=42)
    check(remark, type=ofp.OFPMBT_DSCP_REMARK, rate=43, burst_size=44, prec_level=45)
    features, = body(made, "meter_features")
    check(features, max_meter=1, band_types=2, capabilities=3, max_bands=4, max_color=5)


def test_table_features(made):
    """Tables and what they can."""
    table, _ = body(made, "table_features")
    check(table, table_id=1, name=b"first", metadata_match=2, metadata_write=3, config=4,
          max_entries=5)
    instruction, following, actions, fields = table.properties
    assert [i.type for i in instruction.instruction_ids] == [1, 3]
    assert following.table_ids == [5, 6, 7]
    assert actions.type == ofp.OFPTFPT_APPLY_ACTIONS_MISS
    assert [i.type for i in actions.action_ids] == [1, 3]
    assert [(f.type, f.hasmask, f.length) for f in fields.oxm_ids] == [("eth_dst", 1, 6),
                                                                      ("in_port", 0, 4)]


def test_our_messages_come_back(made):
    """What the codec makes it also reads."""
    data = [d for messages_of in made.values() for d in messages_of]
    assert roundtrip([("advanced", "any", d) for d in data]) == ["ok " + d.hex() for d in data]
