# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every error of the BEBA extension (docs/beba-extension.md, section 8), provoked over TCP; each
carries the whole offending message, and nothing has changed after it.

    the bytes of this test --- ptcp:6653 [ switch ]
"""

import os
import struct
import sys

import pytest

import net as live

sys.path.insert(0, os.path.join(live.ROOT, "controller"))
parser = pytest.importorskip("os_ken.ofproto.ofproto_v1_3_parser")

from beba_osken import actions, consts, instructions, messages  # noqa: E402
from os_ken.ofproto import ofproto_v1_3 as ofp  # noqa: E402
from os_ken.ofproto.ofproto_protocol import ProtocolDesc  # noqa: E402

X = consts.EXPERIMENTER
KEY = bytes.fromhex("020000000002")
FDV, GDV, HF, CONSTANT = consts.FDV, consts.GDV, consts.HEADER_FIELD, consts.CONSTANT


class Datapath(ProtocolDesc):
    def set_xid(self, _):
        pass


DP = Datapath(4)


def encoded(msg, xid=0x77):
    msg.xid = xid
    msg.serialize()
    return bytes(msg.buf)


def state_mod(command, payload):
    return encoded(messages.StateMod(DP, command, payload))


def flow_mod(*acts, match=None, then=None):
    todo = list(then or [])
    if acts:
        todo.append(parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(acts)))
    return encoded(parser.OFPFlowMod(DP, match=match or parser.OFPMatch(), instructions=todo))


class Raw(parser.OFPActionExperimenter):
    """An action of any bytes."""

    def __init__(self, act_type, body):
        super().__init__(X)
        self.data = struct.pack("!II", act_type, 0) + body

    def serialize(self, buf, offset):
        self.len = 8 + len(self.data)
        super().serialize(buf, offset)
        buf += self.data


def bad_instruction():
    data = bytearray(flow_mod(then=[instructions.GeneratePacket(1, [])]))
    at = data.index(struct.pack("!I", X))
    data[at + 4:at + 8] = struct.pack("!I", 5)
    return bytes(data)


def bad_wildcard():
    good = flow_mod(match=parser.OFPMatch(state=(4, 0xFF)))
    return good.replace(bytes.fromhex("00000004000000ff"), bytes.fromhex("00000104000000ff"))


def alu(**changes):
    words = dict(table_id=0, opcode=consts.SUM, output=(FDV, 0), operands=[(FDV, 0), (FDV, 1)])
    return actions.SetDataVar(**{**words, **changes})


SCOPE = [messages.StatefulTable(DP, 0), messages.LookupScope(DP, ["eth_dst"], 0),
         messages.UpdateScope(DP, ["eth_dst"], 0)]

CASES = [
    ("unknown command", 1, state_mod(99, b"")),
    ("extractor of a plain table", 2, encoded(messages.LookupScope(DP, ["eth_dst"], 5))),
    ("flow state of a plain table", 3, encoded(messages.SetFlowState(DP, 1, KEY, 5))),
    ("flow variable of a plain table", 3, encoded(messages.SetFlowVar(DP, 5, 0, KEY, 1))),
    ("delete in a plain table", 4, encoded(messages.DelFlowState(DP, KEY, 5))),
    ("delete what is not there", 4, encoded(messages.DelFlowState(DP, KEY, 0))),
    ("unknown message", 5, encoded(parser.OFPExperimenter(DP, X, 9, b"\0" * 8))),
    ("a notification sent to the switch", 5, encoded(parser.OFPExperimenter(DP, X, 2, b"\0" * 68))),
    ("unknown action", 6, flow_mod(Raw(77, b"\0" * 8))),
    ("short message", 7, state_mod(consts.STATEFUL_TABLE_CONFIG, b"\0")),
    ("extractor without fields", 7, state_mod(consts.SET_L_EXTRACTOR, b"\0" * 12)),
    ("seven fields", 7, state_mod(consts.SET_L_EXTRACTOR, struct.pack("!8xI", 7) +
                                  struct.pack("!I", 0x80000606) * 7)),
    ("scopes of other lengths", 7, encoded(messages.UpdateScope(DP, ["ipv4_src"], 0))),
    ("key of another length", 7, encoded(messages.SetFlowState(DP, 1, KEY[:4], 0))),
    ("no key", 7, encoded(messages.SetFlowState(DP, 1, b"", 0))),
    ("short action", 7, flow_mod(Raw(consts.SET_STATE, b"\0" * 8))),
    ("table 64", 8, encoded(messages.StatefulTable(DP, 64))),
    ("action on table 64", 8, flow_mod(actions.SetState(1, 64))),
    ("increment in table 64", 8, flow_mod(actions.IncState(64))),
    ("variable of table 64", 8, flow_mod(alu(table_id=64))),
    ("value outside the mask", 9, bad_wildcard()),
    ("unknown instruction", 10, bad_instruction()),
    ("template that is not there", 11, encoded(messages.DelTemplate(DP, 1234))),
    ("unknown template command", 12, encoded(parser.OFPExperimenter(
        DP, X, consts.PKTTMP_MOD, b"\x09" + b"\0" * 9))),
    ("header field 8", 13, encoded(messages.HeaderField(DP, 0, 8, "eth_dst"))),
    ("header field 8 as operand", 13, flow_mod(alu(operands=[(HF, 8), (FDV, 0)]))),
    ("condition 8", 14, encoded(messages.Condition(DP, 0, 8, consts.GT, (FDV, 0), (FDV, 1)))),
    ("unknown comparison", 15, encoded(messages.Condition(DP, 0, 0, 6, (FDV, 0), (FDV, 1)))),
    ("condition of a plain table", 15, encoded(messages.Condition(DP, 5, 0, 0, (FDV, 0), (FDV, 1)))),
    ("variable of a plain table", 15, encoded(messages.SetGlobalVar(DP, 5, 0, 1))),
    ("condition on a constant", 16, encoded(messages.Condition(DP, 0, 0, 0, (CONSTANT, 1), (FDV, 1)))),
    ("first operand constant", 16, flow_mod(alu(operands=[(CONSTANT, 1), (FDV, 1)]))),
    ("flow variable 6", 17, encoded(messages.SetFlowVar(DP, 0, 6, KEY, 1))),
    ("flow variable 6 as operand", 17, flow_mod(alu(operands=[(FDV, 6), (FDV, 0)]))),
    ("global variable 8", 18, encoded(messages.SetGlobalVar(DP, 0, 8, 1))),
    ("global variable 8 as output", 18, flow_mod(alu(output=(GDV, 8)))),
    ("unknown operation", 20, flow_mod(alu(opcode=8))),
    ("header field of a plain table", 21, encoded(messages.HeaderField(DP, 5, 0, "eth_dst"))),
    ("unknown source", 22, flow_mod(actions.WriteContext(3, 0, "mpls_label"))),
]


@pytest.fixture
def peer(switch):
    switch.start(ports=False)
    peer = switch.peer().hello()
    for message in SCOPE:
        peer.s.sendall(encoded(message))
    assert not [m for m in peer.barrier() if m[0] == 1]
    yield peer
    assert switch.alive() and not switch.ctl("flows"), "refused messages leave nothing"


def test_every_error(peer):
    for name, code, data in CASES:
        peer.s.sendall(data)
        found = [m for m in peer.barrier() if m[0] == 1]
        assert len(found) == 1, (name, found)
        _, xid, body = found[0]
        kind, exp_type, experimenter = struct.unpack("!HHI", body[:8])
        assert (kind, exp_type, experimenter) == (0xFFFF, code, X), (name, kind, exp_type)
        assert xid == 0x77 and body[8:] == data, name
    codes = {code for _, code, _ in CASES}
    assert codes == set(consts.ERRORS) - {0, 19}, "0 and 19 are never sent"


def test_errors_of_openflow(peer):
    """Of unknown experimenters, and of what BEBA forbids by OpenFlow's own errors."""
    other = bytearray(flow_mod(actions.IncState(0)))
    at = other.index(struct.pack("!I", X))
    other[at:at + 4] = struct.pack("!I", 0x00012345)
    cases = [
        ("experimenter of a message", (1, 3), encoded(parser.OFPExperimenter(DP, 0x12345, 0, b""))),
        ("experimenter of an action", (2, 2), bytes(other)),
        ("experimenter of statistics", (1, 3), encoded(parser.OFPExperimenterStatsRequest(
            DP, 0, 0x12345, 0, b""))),
        ("unknown statistics", (1, 3), encoded(parser.OFPExperimenterStatsRequest(
            DP, 0, X, 99, b""))),
        ("statistics of table 64", (1, 9), encoded(parser.OFPExperimenterStatsRequest(
            DP, 0, X, 0, struct.pack("!BB2xIHH4x", 64, 0, 0, 1, 4)))),
        ("context to in_port", (2, 13), flow_mod(actions.WriteContext(0, 0, "in_port"))),
        ("context to a field of BEBA", (2, 13), flow_mod(actions.WriteContext(0, 0, "state"))),
    ]
    for name, want, data in cases:
        peer.s.sendall(data)
        found = [m for m in peer.barrier() if m[0] == 1]
        assert len(found) == 1, (name, found)
        assert struct.unpack("!HH", found[0][2][:4]) == want, name
        assert found[0][2][4:] == data[:64], name
