#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The package's bytes against docs/beba-extension.md, section 12: what the original controllers
sent, and the original switches took."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
parser = pytest.importorskip("os_ken.ofproto.ofproto_v1_3_parser")

import beba_osken  # noqa: E402
from beba_osken import actions, consts, fields, instructions, messages, stats  # noqa: E402
from os_ken.ofproto.ofproto_protocol import ProtocolDesc  # noqa: E402

X = "bebabeba"
KEY = bytes.fromhex("000000000002")


class Datapath(ProtocolDesc):
    def set_xid(self, _):
        pass


DP = Datapath(4)


@pytest.fixture(autouse=True)
def advanced():
    beba_osken.dialect = beba_osken.ADVANCED
    yield
    beba_osken.dialect = beba_osken.ADVANCED


def encoded(msg):
    msg.xid = 0x01020304
    msg.serialize()
    return msg.buf.hex()


def serialized(part):
    buf = bytearray()
    part.serialize(buf, 0)
    return buf.hex()


MESSAGES = [
    (messages.StatefulTable(DP, 3), f"04040014 01020304 {X} 00000000 0000 0301"),
    (messages.LookupScope(DP, ["eth_dst"], 3),
     f"04040022 01020304 {X} 00000000 0100 03000000 00000000 00000001 80000606"),
    (messages.UpdateScope(DP, ["ipv4_src", "ipv4_dst"], 3, biflow=1, bit=1),
     f"04040026 01020304 {X} 00000000 0200 03010000 01000000 00000002 80001604 80001804"),
    (messages.SetFlowState(DP, 88, KEY, 3, 7, 5, 8, 6, 0xFF),
     f"04040038 01020304 {X} 00000000 0300 03000000 00000006 00000058 000000ff 00000008 00000006 "
     "006acfc0 004c4b40 000000000002"),
    (messages.DelFlowState(DP, KEY, 3),
     f"04040020 01020304 {X} 00000000 0400 03000000 00000006 000000000002"),
    (messages.SetGlobalState(DP, 5, 15), f"0404001a 01020304 {X} 00000000 0500 00000005 0000000f"),
    (messages.ResetGlobalState(DP), f"04040012 01020304 {X} 00000000 0600"),
    (messages.AddTemplate(DP, 9, b"\xaa\xbb\xcc"),
     f"0404001d 01020304 {X} 00000001 0000 00000009 00000000 aabbcc"),
    (messages.DelTemplate(DP, 9), f"0404001a 01020304 {X} 00000001 0100 00000009 00000000"),
    (messages.HeaderField(DP, 1, 2, "timestamp"),
     f"0404001a 01020304 {X} 00000000 0700 01020000 ffff1408"),
    (messages.Condition(DP, 1, 5, consts.GTE, (consts.HEADER_FIELD, 2), (consts.GDV, 3)),
     f"0404001a 01020304 {X} 00000000 0800 01050290 02030000"),
    (messages.SetGlobalVar(DP, 1, 3, 3500),
     f"0404001e 01020304 {X} 00000000 0900 01030000 00000dac ffffffff"),
    (messages.SetFlowVar(DP, 1, 2, KEY, 77),
     f"04040028 01020304 {X} 00000000 0a00 01020000 00000006 0000004d ffffffff 000000000002"),
]

SET_STATE = dict(state=7, table_id=2, hard_timeout=10, idle_timeout=5, hard_rollback=3,
                 idle_rollback=4, state_mask=0xFFFF, bit=1)
SET_STATE_HEAD = (f"{X} 00000000 00000000 00000007 0000ffff 02000000 00000003 00000004 00989680 "
                  "004c4b40 01000000")
ACTIONS = [
    (beba_osken.ADVANCED, actions.SetState(**SET_STATE),
     f"ffff0038 {SET_STATE_HEAD} 00000000 00000000"),
    (beba_osken.ADVANCED, actions.SetState(**SET_STATE, scope=["eth_dst"]),
     f"ffff0040 {SET_STATE_HEAD} 00000000 00000001 80000606 00000000"),
    (beba_osken.MASTER, actions.SetState(**SET_STATE), f"ffff0030 {SET_STATE_HEAD}"),
    (beba_osken.ADVANCED, actions.IncState(2), f"ffff0018 {X} 00000002 00000000 02000000 00000000"),
    (beba_osken.ADVANCED,
     actions.SetDataVar(1, consts.POLY_SUM, (consts.GDV, 3),
                        [(consts.HEADER_FIELD, 1), (consts.CONSTANT, 200), (consts.GDV, 4),
                         (consts.FDV, 5)], [-1, 2, 3, 4], bit=1),
     f"ffff0028 {X} 00000003 00000000 b4800107 03000000 01c80405 ff020304 00000000 01000000"),
    (beba_osken.ADVANCED, actions.WriteContext(consts.SOURCE_GDV, 2, "mpls_label"),
     f"ffff0018 {X} 00000004 00000000 01020000 80004404"),
]


@pytest.mark.parametrize("msg,want", MESSAGES, ids=[type(m).__name__ for m, _ in MESSAGES])
def test_message(msg, want):
    assert encoded(msg) == want.replace(" ", "")


@pytest.mark.parametrize("dialect,action,want", ACTIONS, ids=[type(a).__name__ + d
                                                              for d, a, _ in ACTIONS])
def test_action(dialect, action, want):
    beba_osken.dialect = dialect
    assert serialized(action) == want.replace(" ", "")


@pytest.mark.parametrize("dialect,action,want", ACTIONS, ids=[type(a).__name__ + d
                                                              for d, a, _ in ACTIONS])
def test_action_is_read_back(dialect, action, want):
    beba_osken.dialect = dialect
    data = bytearray.fromhex(want)
    back = parser.OFPAction.parser(data, 0)
    assert type(back) is type(action) and back.len == len(data)
    assert serialized(back) == data.hex()


def test_instruction():
    want = f"ffff0028 {X} 00000000 00000000 00000009 00000000 00000010 00000001 ffe50000 00000000"
    generate = instructions.GeneratePacket(9, [parser.OFPActionOutput(1, 0xFFE5)])
    assert serialized(generate) == want.replace(" ", "")
    back = parser.OFPInstruction.parser(bytearray.fromhex(want), 0)
    assert back.template_id == 9 and back.actions[0].port == 1


def test_match():
    want = ("0001003b 80000004 00000001 80000a02 0800 80001401 06 80005104 0001 0001 ffff030c "
            f"{X} 00000006 000000ff ffff0008 {X} 00000005")
    match = parser.OFPMatch(in_port=1, eth_type=0x0800, ip_proto=6, beba_tcp_flags=(1, 1),
                            state=(6, 0xFF), global_state=5)
    data = bytes.fromhex(want)
    assert serialized(match) == data.ljust(64, b"\0").hex()
    back = parser.OFPMatch.parser(bytearray(data), 0)
    assert back["state"] == (6, 0xFF) and back["global_state"] == 5


def test_state_statistics():
    request = stats.StateStats(DP, 3, state=4, match=parser.OFPMatch(eth_dst="00:00:00:00:00:01"))
    want = (f"04120030 01020304 ffff0000 00000000 {X} 00000000 03010000 00000004 0001000e 80000606 "
            "000000000001 0000")
    assert encoded(request) == want.replace(" ", "")


def test_flow_notification():
    data = bytes.fromhex(f"04040038 00000001 {X} 00000003 00000000 0000000e 0001 0018 80000004 "
                         f"00000001 ffff0208 {X} 00000000 00000001 00000004")
    msg = parser.OFPExperimenter.parser(DP, 4, 4, len(data), 1, bytearray(data))
    assert isinstance(msg, messages.FlowNotification)
    assert (msg.table_id, msg.type, msg.instructions) == (0, 14, [4])
    assert msg.match["in_port"] == 1 and msg.match["state"] == 0


def test_keys():
    scope = ["in_port", "eth_type", "metadata", "ip_proto"]
    data = fields.key(scope, [1, 0x0800, 0, 17])
    assert data.hex() == "01000000" "0008" "0000000000000000" "11"
    assert [v for _, v in fields.read_key(scope, data)] == [1, 0x0800, 0, 17]
    assert fields.key(["ipv4_src"], ["10.0.0.1"]).hex() == "0a000001"


def test_errors_have_names():
    error = parser.OFPErrorMsg(DP, 0xFFFF, data=b"")
    error.experimenter, error.exp_type = consts.EXPERIMENTER, 8
    assert consts.error_name(error) == "BAD_TABLE_ID"


def test_bad_scope():
    with pytest.raises(ValueError, match="1 to 6 fields"):
        messages.LookupScope(DP, ["eth_dst"] * 7, 0)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
