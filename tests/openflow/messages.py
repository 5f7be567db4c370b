# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Messages of OpenFlow 1.3 made by os-ken: every type it can make, every field, action, instruction."""

from os_ken.ofproto import ofproto_protocol, ofproto_v1_3 as ofp, ofproto_v1_3_parser as parser

DP = ofproto_protocol.ProtocolDesc(version=ofp.OFP_VERSION)

IP4, IP6, ARP, MPLS, PBB = 0x0800, 0x86dd, 0x0806, 0x8847, 0x88e7
MAC, MAC_MASK = "02:11:22:33:44:55", "ff:ff:ff:00:00:ff"
ADDRESS6, MASK6 = "2001:db8::1:2:3", "ffff:ffff::ff"

# Field: value, mask (None: takes none), what it needs before it.
FIELDS = {
    "in_port": (7, None, {}),
    "in_phy_port": (8, None, {"in_port": 7}),
    "metadata": (0x1122334455667788, 0xfffffffffffffff8, {}),
    "eth_dst": (MAC, MAC_MASK, {}),
    "eth_src": (MAC, MAC_MASK, {}),
    "eth_type": (0x88cc, None, {}),
    "vlan_vid": (0x1123, 0x1fff, {}),
    "vlan_pcp": (5, None, {"vlan_vid": 0x1001}),
    "ip_dscp": (46, None, {"eth_type": IP4}),
    "ip_ecn": (3, None, {"eth_type": IP6}),
    "ip_proto": (132, None, {"eth_type": IP4}),
    "ipv4_src": ("192.0.2.1", "255.255.0.255", {"eth_type": IP4}),
    "ipv4_dst": ("198.51.100.0", "255.255.255.0", {"eth_type": IP4}),
    "tcp_src": (1234, None, {"eth_type": IP4, "ip_proto": 6}),
    "tcp_dst": (80, None, {"eth_type": IP6, "ip_proto": 6}),
    "udp_src": (5353, None, {"eth_type": IP4, "ip_proto": 17}),
    "udp_dst": (53, None, {"eth_type": IP6, "ip_proto": 17}),
    "sctp_src": (38412, None, {"eth_type": IP4, "ip_proto": 132}),
    "sctp_dst": (9, None, {"eth_type": IP6, "ip_proto": 132}),
    "icmpv4_type": (8, None, {"eth_type": IP4, "ip_proto": 1}),
    "icmpv4_code": (1, None, {"eth_type": IP4, "ip_proto": 1}),
    "arp_op": (2, None, {"eth_type": ARP}),
    "arp_spa": ("192.0.2.9", "255.255.255.254", {"eth_type": ARP}),
    "arp_tpa": ("192.0.2.10", "255.0.0.0", {"eth_type": ARP}),
    "arp_sha": (MAC, MAC_MASK, {"eth_type": ARP}),
    "arp_tha": (MAC, MAC_MASK, {"eth_type": ARP}),
    "ipv6_src": (ADDRESS6, MASK6, {"eth_type": IP6}),
    "ipv6_dst": (ADDRESS6, MASK6, {"eth_type": IP6}),
    "ipv6_flabel": (0xabcde, 0xff0ff, {"eth_type": IP6}),
    "icmpv6_type": (135, None, {"eth_type": IP6, "ip_proto": 58}),
    "icmpv6_code": (4, None, {"eth_type": IP6, "ip_proto": 58}),
    "ipv6_nd_target": (ADDRESS6, None, {"eth_type": IP6, "ip_proto": 58, "icmpv6_type": 136}),
    "ipv6_nd_sll": (MAC, None, {"eth_type": IP6, "ip_proto": 58, "icmpv6_type": 135}),
    "ipv6_nd_tll": (MAC, None, {"eth_type": IP6, "ip_proto": 58, "icmpv6_type": 136}),
    "mpls_label": (0xfedcb, None, {"eth_type": MPLS}),
    "mpls_tc": (6, None, {"eth_type": MPLS}),
    "mpls_bos": (1, None, {"eth_type": 0x8848}),
    "pbb_isid": (0xabcdef, 0xffff00, {"eth_type": PBB}),
    "tunnel_id": (0xdeadbeef, 0xffffffff, {}),
    "ipv6_exthdr": (0x1f0, 0x1ff, {"eth_type": IP6}),
    "tcp_flags": (0x12, 0xfff, {"eth_type": IP4, "ip_proto": 6}),
}
NOT_SETTABLE = {"in_port", "in_phy_port", "metadata", "ipv6_exthdr"}

# Table 12 of the specification: which fields need which. A match without any of these is refused.
NEEDING = {name for name, row in FIELDS.items() if row[2]}


def masked(value, mask):
    """The value without what its mask hides, which a message must not have."""
    if isinstance(value, int):
        return value & mask
    return value


def match(name, with_mask=False, needs=True, **more):
    """A match of this field and what it needs."""
    value, mask, before = FIELDS[name]
    fields = dict(before) if needs else {}
    fields.update(more)
    fields[name] = (masked(value, mask), mask) if with_mask else value
    return parser.OFPMatch(**fields)


def actions():
    """Every action that needs no header."""
    p = parser
    return [
        p.OFPActionOutput(3, 128), p.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER),
        p.OFPActionOutput(ofp.OFPP_IN_PORT, 0), p.OFPActionOutput(ofp.OFPP_FLOOD, 0),
        p.OFPActionCopyTtlOut(), p.OFPActionCopyTtlIn(), p.OFPActionSetMplsTtl(64),
        p.OFPActionDecMplsTtl(), p.OFPActionPushVlan(0x8100), p.OFPActionPushVlan(0x88a8),
        p.OFPActionPopVlan(), p.OFPActionPushMpls(0x8847), p.OFPActionPushMpls(0x8848),
        p.OFPActionPopMpls(0x0800), p.OFPActionSetQueue(5), p.OFPActionGroup(9),
        p.OFPActionSetNwTtl(63), p.OFPActionDecNwTtl(), p.OFPActionPushPbb(0x88e7),
        p.OFPActionPopPbb(),
    ]


def apply(acts):
    """An instruction that applies them."""
    return parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, acts)


def flow_mod(m=None, instructions=(), **more):
    """A flow-mod whose numbers all differ."""
    fields = {"cookie": 0x1111111122222222, "cookie_mask": 0x3333333344444444, "table_id": 5,
              "command": ofp.OFPFC_ADD, "idle_timeout": 6, "hard_timeout": 7, "priority": 8,
              "buffer_id": 9, "out_port": 10, "out_group": 11,
              "flags": ofp.OFPFF_SEND_FLOW_REM | ofp.OFPFF_NO_BYT_COUNTS}
    fields.update(more)
    return parser.OFPFlowMod(DP, match=m or parser.OFPMatch(), instructions=list(instructions),
                             **fields)


def flow_mods():
    """Name -> flow-mod: each field, plain and masked, set; each instruction; each command."""
    p, out = parser, {}
    for name, (value, mask, needs) in FIELDS.items():
        out["match " + name] = flow_mod(match(name))
        if mask is not None:
            out["match masked " + name] = flow_mod(match(name, True))
        if name not in NOT_SETTABLE:
            out["set " + name] = flow_mod(p.OFPMatch(**needs),
                                          [apply([p.OFPActionSetField(**{name: value})])])
    out["match all of a mask"] = flow_mod(p.OFPMatch(eth_dst=(MAC, "ff:ff:ff:ff:ff:ff")))
    out["match no VLAN"] = flow_mod(p.OFPMatch(vlan_vid=0))
    out["match any VLAN"] = flow_mod(p.OFPMatch(vlan_vid=(0x1000, 0x1000), vlan_pcp=3))
    instructions = {
        "goto": p.OFPInstructionGotoTable(9), "meter": p.OFPInstructionMeter(12),
        "metadata": p.OFPInstructionWriteMetadata(0x55, 0xff),
        "clear": p.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []), "apply": apply(actions()),
        "write": p.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, actions()),
        "apply nothing": apply([]),
    }
    for name, instruction in instructions.items():
        out["instruction " + name] = flow_mod(None, [instruction])
    every = [i for name, i in instructions.items() if name != "apply nothing"]
    out["every instruction"] = flow_mod(None, every)
    out["every instruction, backwards"] = flow_mod(None, every[::-1])
    for command in range(5):
        out[f"command {command}"] = flow_mod(match("tcp_src"), command=command)
    out["delete everywhere"] = flow_mod(command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL)
    return out


def bands():
    """Every kind of band."""
    return [parser.OFPMeterBandDrop(1000, 100), parser.OFPMeterBandDscpRemark(2000, 200, 3),
            parser.OFPMeterBandExperimenter(3000, 300, 0x1234)]


def mods():
    """Name -> messages that change anything else, and packet-outs."""
    p, out = parser, {}
    buckets = [p.OFPBucket(3, 4, 5, actions()), p.OFPBucket(6, 7, 8, [])]
    for command in range(3):
        for kind in range(4):
            out[f"group {command} {kind}"] = p.OFPGroupMod(DP, command, kind, 77, buckets)
        out[f"meter {command}"] = p.OFPMeterMod(DP, command, ofp.OFPMF_KBPS | ofp.OFPMF_BURST, 44,
                                                bands())
    out["delete all groups"] = p.OFPGroupMod(DP, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, [])
    out["delete all meters"] = p.OFPMeterMod(DP, ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, [])
    out["port-mod"] = p.OFPPortMod(DP, 3, MAC, 0x21, 0x65, 0x2040)
    out["table-mod"] = p.OFPTableMod(DP, 4, 3)
    out["packet-out"] = p.OFPPacketOut(DP, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER,
                                       actions() + [p.OFPActionOutput(ofp.OFPP_TABLE, 0)],
                                       b"some bytes of a frame")
    out["packet-out of a buffer"] = p.OFPPacketOut(DP, 0x1234, 5, [p.OFPActionOutput(1, 0)], None)
    return out


def table_features():
    """A table's features with every property."""
    p = parser
    properties = []
    for kind in (ofp.OFPTFPT_INSTRUCTIONS, ofp.OFPTFPT_INSTRUCTIONS_MISS):
        prop = p.OFPTableFeaturePropInstructions(kind, instruction_ids=[p.OFPInstructionId(1),
                                                                       p.OFPInstructionId(3)])
        prop.type = kind
        properties.append(prop)
    for kind in (ofp.OFPTFPT_NEXT_TABLES, ofp.OFPTFPT_NEXT_TABLES_MISS):
        prop = p.OFPTableFeaturePropNextTables(kind, table_ids=[1, 2, 3, 4, 5])
        prop.type = kind
        properties.append(prop)
    for kind in (ofp.OFPTFPT_WRITE_ACTIONS, ofp.OFPTFPT_WRITE_ACTIONS_MISS,
                 ofp.OFPTFPT_APPLY_ACTIONS, ofp.OFPTFPT_APPLY_ACTIONS_MISS):
        prop = p.OFPTableFeaturePropActions(kind, action_ids=[p.OFPActionId(0), p.OFPActionId(25)])
        prop.type = kind
        properties.append(prop)
    for kind in (ofp.OFPTFPT_MATCH, ofp.OFPTFPT_WILDCARDS, ofp.OFPTFPT_WRITE_SETFIELD,
                 ofp.OFPTFPT_WRITE_SETFIELD_MISS, ofp.OFPTFPT_APPLY_SETFIELD,
                 ofp.OFPTFPT_APPLY_SETFIELD_MISS):
        prop = p.OFPTableFeaturePropOxm(kind, oxm_ids=[p.OFPOxmId("eth_dst", True),
                                                       p.OFPOxmId("in_port")])
        prop.type = kind
        properties.append(prop)
    for kind in (ofp.OFPTFPT_EXPERIMENTER, ofp.OFPTFPT_EXPERIMENTER_MISS):
        prop = p.OFPTableFeaturePropExperimenter(kind, experimenter=0x1234, exp_type=6,
                                                 data=[7, 8])
        properties.append(prop)
    return p.OFPTableFeaturesStats(table_id=2, name=b"second", metadata_match=0xff,
                                   metadata_write=0xf0, config=3, max_entries=1000,
                                   properties=properties)


def requests():
    """Name -> every multipart request but those of experimenters."""
    p = parser
    flow = {"table_id": 3, "out_port": 4, "out_group": 5, "cookie": 6, "cookie_mask": 7,
            "match": match("udp_dst")}
    return {
        "desc": p.OFPDescStatsRequest(DP, 0),
        "flow": p.OFPFlowStatsRequest(DP, 0, **flow),
        "aggregate": p.OFPAggregateStatsRequest(DP, 0, **flow),
        "table": p.OFPTableStatsRequest(DP, 0),
        "port": p.OFPPortStatsRequest(DP, 0, 3),
        "queue": p.OFPQueueStatsRequest(DP, 0, 3, 4),
        "group": p.OFPGroupStatsRequest(DP, 0, 3),
        "group desc": p.OFPGroupDescStatsRequest(DP, 0),
        "group features": p.OFPGroupFeaturesStatsRequest(DP, 0),
        "meter": p.OFPMeterStatsRequest(DP, 0, 3),
        "meter config": p.OFPMeterConfigStatsRequest(DP, 0, 3),
        "meter features": p.OFPMeterFeaturesStatsRequest(DP, 0),
        "table features": p.OFPTableFeaturesStatsRequest(DP, 0),
        "table features, set": p.OFPTableFeaturesStatsRequest(DP, 1, [table_features()]),
        "port desc": p.OFPPortDescStatsRequest(DP, 0),
    }


def simple():
    """Name -> what is left."""
    p = parser
    hello = p.OFPHello(DP, [p.OFPHelloElemVersionBitmap(versions=[1, 4])])
    out = {
        "hello": hello, "bare hello": p.OFPHello(DP),
        "error": p.OFPErrorMsg(DP, ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_PREREQ, b"0123456789"),
        "experimenter's error": p.OFPErrorMsg(DP, ofp.OFPET_EXPERIMENTER, data=b"abc", exp_type=7,
                                              experimenter=0xbebabeba),
        "echo": p.OFPEchoRequest(DP, b"ping"), "echo reply": p.OFPEchoReply(DP, b"pong"),
        "empty echo": p.OFPEchoRequest(DP), "features": p.OFPFeaturesRequest(DP),
        "get config": p.OFPGetConfigRequest(DP), "set config": p.OFPSetConfig(DP, 1, 256),
        "barrier": p.OFPBarrierRequest(DP), "barrier reply": p.OFPBarrierReply(DP),
        "queue config": p.OFPQueueGetConfigRequest(DP, ofp.OFPP_ANY),
        "get async": p.OFPGetAsyncRequest(DP),
        "set async": p.OFPSetAsync(DP, [1, 2], [3, 4], [5, 6]),
    }
    for role in range(4):
        out[f"role {role}"] = p.OFPRoleRequest(DP, role, 0x1122334455667788)
    for kind in range(8):
        out[f"bundle {kind}"] = p.ONFBundleCtrlMsg(DP, 7, kind, ofp.ONF_BF_ATOMIC, [])
    return out


def bundled():
    """Name -> messages in a bundle-add."""
    p = parser
    inner = {"flow-mod": flow_mod(match("tcp_dst"), [apply(actions())]),
             "group-mod": mods()["group 0 1"], "port-mod": mods()["port-mod"]}
    return {"bundled " + name: p.ONFBundleAddMsg(DP, 7, ofp.ONF_BF_ATOMIC, m, [])
            for name, m in inner.items()}


def everything():
    """Name -> message, all with the same xid."""
    out = {**flow_mods(), **mods(), **simple(), **bundled()}
    out.update({"request " + name: m for name, m in requests().items()})
    return out


def serialize(message, xid=0x01020304):
    """Its bytes."""
    message.set_xid(xid)
    message.serialize()
    return bytes(message.buf)
