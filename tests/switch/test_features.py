# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Table features that are set: in parts, wholly or not at all, kept; and what tables then refuse.

    the bytes of this test --- ptcp:6653 [ switch ]
"""

import struct

import pytest

parser = pytest.importorskip("os_ken.ofproto.ofproto_v1_3_parser")

from os_ken.ofproto import ofproto_v1_3 as ofp  # noqa: E402
from os_ken.ofproto.ofproto_protocol import ProtocolDesc  # noqa: E402

MORE = ofp.OFPMPF_REQ_MORE
TABLE_FEATURES = struct.pack("!HHI", ofp.OFPMP_TABLE_FEATURES, 0, 0)


class Datapath(ProtocolDesc):
    def set_xid(self, _):
        pass


DP = Datapath(4)


def instructions(*types):
    return parser.OFPTableFeaturePropInstructions(
        ofp.OFPTFPT_INSTRUCTIONS, instruction_ids=[parser.OFPInstructionId(t) for t in types])


def actions(*types):
    return parser.OFPTableFeaturePropActions(
        ofp.OFPTFPT_APPLY_ACTIONS, action_ids=[parser.OFPActionId(t) for t in types])


def fields(prop, *names, mask=()):
    return parser.OFPTableFeaturePropOxm(
        prop, oxm_ids=[parser.OFPOxmId(n, hasmask=n in mask) for n in names])


def to(*tables):
    return parser.OFPTableFeaturePropNextTables(ofp.OFPTFPT_NEXT_TABLES, table_ids=list(tables))


def table(number, *properties, most=0, metadata=2 ** 64 - 1):
    return parser.OFPTableFeaturesStats(table_id=number, name=b"t%d" % number, metadata_match=metadata,
                                        metadata_write=metadata, config=0, max_entries=most,
                                        properties=list(properties))


def setting(*tables, flags=0, xid=9):
    request = parser.OFPTableFeaturesStatsRequest(DP, flags, list(tables))
    request.xid = xid
    request.serialize()
    return bytes(request.buf)


def add(match=None, todo=(), number=0, priority=5):
    m = parser.OFPFlowMod(DP, table_id=number, priority=priority, match=match or parser.OFPMatch(),
                          instructions=list(todo))
    m.xid = 3
    m.serialize()
    return bytes(m.buf)


def apply(*acts):
    return [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(acts))]


def errors(peer, *messages):
    """Type and code of each error that they draw."""
    for message in messages:
        peer.s.sendall(message)
    return [struct.unpack("!HH", body[:4]) for kind, _, body in peer.barrier() if kind == ofp.OFPT_ERROR]


def known(peer):
    """Tables as the switch describes them: number, most entries."""
    peer.send(ofp.OFPT_MULTIPART_REQUEST, TABLE_FEATURES, xid=5)
    found = []
    for kind, _, body in peer.barrier():
        at = 8
        while kind == ofp.OFPT_MULTIPART_REPLY and at < len(body):
            n, number, most = struct.unpack("!HB57xI", body[at:at + 64])
            found.append((number, most))
            at += n
    return found


def test_what_a_table_accepts(switch):
    peer = switch.start().peer().hello()
    narrow = table(
        0, instructions(ofp.OFPIT_GOTO_TABLE, ofp.OFPIT_APPLY_ACTIONS, ofp.OFPIT_WRITE_METADATA),
        actions(ofp.OFPAT_OUTPUT, ofp.OFPAT_SET_FIELD), to(7),
        fields(ofp.OFPTFPT_MATCH, "in_port", "eth_dst", "eth_type", "metadata", mask=("metadata",)),
        fields(ofp.OFPTFPT_WILDCARDS, "eth_dst", "eth_type", "metadata"),
        fields(ofp.OFPTFPT_APPLY_SETFIELD, "eth_dst"), most=3, metadata=0xff)
    out = parser.OFPActionOutput(1)
    assert errors(peer, add()) == []
    assert errors(peer, setting(narrow, table(7))) == []
    assert known(peer) == [(0, 3), (7, 1 << 20)]
    assert switch.ctl("flows") == []  # entries of before are gone
    match = parser.OFPMatch
    refused = [
        (add(match(in_port=1, eth_src="02:00:00:00:00:01")), (4, 6)),  # BAD_FIELD
        (add(match(in_port=1, eth_dst=("02:00:00:00:00:00", "ff:00:00:00:00:00"))), (4, 8)),  # BAD_MASK
        (add(match(in_port=1, metadata=(0x100, 0x1ff))), (4, 8)),
        (add(match(eth_type=0x800)), (4, 5)),  # BAD_WILDCARDS: in_port
        (add(match(in_port=1), [parser.OFPInstructionMeter(1)]), (3, 1)),  # UNSUP_INST
        (add(match(in_port=1), [parser.OFPInstructionGotoTable(8)]), (3, 2)),  # BAD_TABLE_ID
        (add(match(in_port=1), [parser.OFPInstructionWriteMetadata(1 << 9, 1 << 9)]), (3, 4)),
        (add(match(in_port=1), apply(parser.OFPActionPopVlan())), (2, 0)),  # BAD_TYPE
        (add(match(in_port=1), apply(parser.OFPActionSetField(eth_src="02:00:00:00:00:01"))), (2, 13)),
        (add(match(in_port=1), number=9), (5, 2)),  # BAD_TABLE_ID: it is gone
    ]
    for message, error in refused:
        if error == (3, 1):  # the meter is there: it is the instruction that is not
            meter = parser.OFPMeterMod(DP, ofp.OFPMC_ADD, ofp.OFPMF_KBPS, 1,
                                       [parser.OFPMeterBandDrop(rate=1000, burst_size=0)])
            meter.xid = 1
            meter.serialize()
            peer.s.sendall(bytes(meter.buf))
        assert errors(peer, message) == [error]
    assert errors(peer, *[add(match(in_port=i), apply(out)) for i in (1, 2, 3)]) == []
    assert errors(peer, add(match(in_port=4), apply(out))) == [(5, 1)]  # TABLE_FULL
    assert errors(peer, add(match(in_port=3), [parser.OFPInstructionGotoTable(7)])) == []  # replaces
    assert len(switch.ctl("flows")) == 3


@pytest.mark.parametrize("name,request_,error", [
    ("table 0 is gone", setting(table(3)), (13, 0)),
    ("a table twice", setting(table(0), table(3), table(3)), (13, 0)),
    ("table 254", setting(table(0), table(254)), (13, 0)),
    ("more entries than there can be", setting(table(0, most=2 ** 31)), (13, 4)),
    ("a table that is before", setting(table(0), table(4, to(3))), (13, 4)),
    ("an instruction that is none", setting(table(0, instructions(9))), (13, 4)),
])
def test_refused_as_a_whole(switch, name, request_, error):
    peer = switch.start().peer().hello()
    assert errors(peer, add()) == []
    assert errors(peer, request_) == [error], name
    assert len(known(peer)) == 254 and len(switch.ctl("flows")) == 1


def test_in_parts(switch):
    peer = switch.start().peer().hello()
    wide = [fields(ofp.OFPTFPT_MATCH, "eth_dst", "eth_src", "ipv4_src")]
    for first in range(0, 200, 50):
        parts = [table(t, *wide) for t in range(first, first + 50)]
        assert errors(peer, setting(*parts, flags=MORE, xid=11)) == []
        assert len(known(peer)) == 254  # another request meanwhile; nothing is set yet
    assert errors(peer, setting(table(200), flags=MORE, xid=12)) == [(1, 13)]  # a second one
    assert errors(peer, setting(table(201), xid=11)) == []
    assert [t for t, _ in known(peer)] == [*range(200), 201]
    # more than is kept; what was kept is forgotten, and the connection goes on
    large = [setting(*[table(t, *[wide[0]] * 20) for t in range(100)], flags=MORE, xid=13)] * 40
    assert (1, 13) in errors(peer, *large)
    assert [t for t, _ in known(peer)] == [*range(200), 201]
    # requests of one object come in one message, those of none may say that they go on
    assert errors(peer, struct.pack("!BBHIHHI", 4, 18, 16, 1, ofp.OFPMP_DESC, MORE, 0)) == []
    assert errors(peer, struct.pack("!BBHIHHIII", 4, 18, 24, 1, ofp.OFPMP_PORT_STATS, MORE, 0,
                                    ofp.OFPP_ANY, 0)) == [(1, 13)]


def test_kept_by_the_state_file(switch):
    state = str(switch.dir / "state")
    peer = switch.start("--state", state).peer().hello()
    assert errors(peer, setting(table(0, most=2), flags=MORE), setting(table(5)),
                  add(parser.OFPMatch(in_port=1)), add(parser.OFPMatch(in_port=2))) == []
    switch.kill()
    open(switch.log_path, "w", encoding="utf-8").close()
    peer = switch.start("--state", state).peer().hello()
    assert known(peer) == [(0, 2), (5, 1 << 20)]
    assert len(switch.ctl("flows")) == 2
    assert errors(peer, add(parser.OFPMatch(in_port=3))) == [(5, 1)]
    assert errors(peer, add(number=6)) == [(5, 2)]
