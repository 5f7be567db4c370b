# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What tshark says about the outermost headers of a packet, in the terms of the field registry."""

import ipaddress
import subprocess
from decimal import Decimal

# One packet at a time: no reassembly, no numbers relative to a connection.
OPTIONS = """
ip.defragment:FALSE ipv6.defragment:FALSE ip.tso_support:FALSE tcp.desegment_tcp_streams:FALSE
tcp.relative_sequence_numbers:FALSE tcp.analyze_sequence_numbers:FALSE
ip.check_checksum:TRUE tcp.check_checksum:TRUE udp.check_checksum:TRUE sctp.checksum:CRC-32C
""".split()

# Fields that the registry's own column does not name: other spellings of the same thing by layer.
EXTRA = """
frame.number frame.protocols vlan.etype llc.type ieee8021ad.priority ieee8021ad.dei ieee8021ad.id
ieee8021ad.svid ieee8021ad.cvid ieee8021ah.etype icmpv6.nd.na.target_address ipv6.hopopts.nxt
ipv6.dstopts.nxt ipv6.routing.nxt ipv6.fraghdr.nxt ah.next_header tcp.flags.ace vxlan.reserved8
ip.checksum.status tcp.checksum.status udp.checksum.status sctp.checksum.status
icmp.checksum.status icmpv6.checksum.status
""".split()

LINK = {"eth", "ethertype", "sll", "raw", "vlan", "ieee8021ad", "ieee8021ah", "llc", "mpls"}
NETWORK = {"ip", "ipv6", "arp"}
EXTENSION = {"ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah"}
TRANSPORT = {"tcp", "udp", "sctp", "icmp", "icmpv6", "gre"}

TOKEN = {"eth": "eth", "pbb": "ieee8021ah", "mpls": "mpls", "mpls2": "mpls", "arp": "arp",
         "ip4": "ip", "ip6": "ipv6", "ip6frag": "ipv6.fraghdr", "icmp": "icmp", "icmp6": "icmpv6",
         "nd": "icmpv6", "tcp": "tcp", "udp": "udp", "sctp": "sctp", "gre": "gre",
         "vxlan": "vxlan", "gtpu": "gtp"}

# The last field of each header's fixed part: where it is missing, tshark shows a part of a header. A
# header is whole or not there to us, so such a part counts as none.
LAST = {"eth": "eth.src", "vlan": None, "vlan2": None, "pbb": "ieee8021ah.isid", "mpls": "mpls.ttl",
        "mpls2": "mpls.ttl", "arp": "arp.dst.proto_ipv4", "ip4": "ip.dst", "ip6": "ipv6.dst",
        "ip6frag": "ipv6.fraghdr.ident", "icmp": "icmp.checksum", "icmp6": "icmpv6.checksum",
        "nd": "icmpv6.checksum", "tcp": "tcp.urgent_pointer", "udp": "udp.checksum",
        "sctp": "sctp.checksum", "gre": "gre.proto", "vxlan": "vxlan.reserved8", "gtpu": "gtp.teid"}

EXTHDR = {"ipv6.hopopts": 1 << 6, "ipv6.routing": 1 << 5, "ipv6.fraghdr": 1 << 4,
          "ipv6.dstopts": 1 << 3, "ah": 1 << 2}


# What tshark does not tell, of a field that it mostly tells.
UNKNOWN = object()


def known_fields():
    """Every field this tshark has."""
    out = subprocess.run(["tshark", "-G", "fields"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True)
    return {line.split("\t")[2] for line in out.stdout.decode().splitlines() if line[:2] == "F\t"}


def run(path, fields):
    """One dict a packet: field -> list of the values as text."""
    have = known_fields()
    missing = [f for f in fields if f not in have]
    assert not missing, f"this tshark has no {missing}"
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t", "-E",
               "occurrence=a", "-E", "aggregator=,"]
    for option in OPTIONS:
        command += ["-o", option]
    for field in fields:
        command += ["-e", field]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    for line in out.stdout.decode().splitlines():
        values = line.split("\t")
        yield {f: v.split(",") for f, v in zip(fields, values) if v}


def outermost(protocols):
    """The headers up to the first transport or tunnel: what is behind it is payload to us."""
    out = []
    for i, token in enumerate(protocols):
        if token in LINK and not (token == "eth" and "eth" in out) and "ieee8021ah" not in out:
            out.append(token)
        elif token in NETWORK and not NETWORK & set(out):
            out.append(token)
        elif token in EXTENSION and "ipv6" in out:
            out.append(token)
        elif token in TRANSPORT and NETWORK & set(out):
            out.append(token)
            if token == "udp" and protocols[i + 1:i + 2] in (["vxlan"], ["gtp"]):
                out.append(protocols[i + 1])
            break
        else:
            break
    return out


def number(text):
    """An integer, truth value, or address."""
    if text in ("True", "False"):
        return int(text == "True")
    if text.count(":") == 5 and all(len(part) == 2 for part in text.split(":")):
        return int(text.replace(":", ""), 16)
    if ":" in text or text.count(".") == 3:
        return int(ipaddress.ip_address(text))
    return int(text, 0)


class Packet:
    """tshark's view of one packet; get(name, layer, wireshark) is the value of a registry field."""

    def __init__(self, row):
        self.row = row
        self.tokens = outermost(row.get("frame.protocols", [""])[0].split(":"))
        if "ieee8021ad" in self.tokens and "ieee8021ah.isid" in row:
            # behind a service tag tshark does not name the I-TAG
            self.tokens = self.tokens[:self.tokens.index("ieee8021ad") + 1] + ["ieee8021ah"]

    def first(self, field, n=0):
        values = self.row.get(field, [])
        return number(values[n]) if len(values) > n else None

    def has(self, layer):
        if layer == "ip":
            return self.has("ip4") or self.has("ip6")
        if layer == "l4":
            return self.has("tcp") or self.has("udp") or self.has("sctp")
        if layer in ("vlan", "vlan2"):
            return len(self.tags("priority")) > (layer == "vlan2")
        return layer == "" or (TOKEN[layer] in self.tokens and self.first(LAST[layer]) is not None)

    def get(self, name, layer, wireshark):
        if not self.has(layer):
            return None
        special = getattr(self, "get_" + name.replace(".", "_"), None)
        if special:
            return special()
        field, _, nth = wireshark.partition("#")
        return self.first(field, int(nth) - 1 if nth else 0)

    def checksum(self, protocols):
        """True for a right one, False for a wrong one, None where tshark does not tell."""
        for protocol in protocols:
            if protocol in self.tokens:
                return {0: False, 1: True}.get(self.first(protocol + ".checksum.status"))
        return None

    def tags(self, field):
        """Of all tags, outermost first. tshark has a dissector of its own for 0x88a8, which takes two
        of these in one go; tags inside tunnels do not count."""
        outer = self.tokens.count("ieee8021ad")
        inner = self.tokens.count("vlan")
        if not outer and not inner:
            return []
        if outer and "ieee8021ad.svid" in self.row:
            outer = 2
        names = {"id": ["ieee8021ad.svid", "ieee8021ad.cvid", "ieee8021ad.id"]}
        values = [v for f in names.get(field, ["ieee8021ad." + field]) for v in self.row.get(f, [])]
        return [number(v) for v in values[:outer] + self.row.get("vlan." + field, [])[:inner]]

    def get_now(self):
        return int(Decimal(self.row["frame.time_epoch"][0]) * 10**9)

    def get_eth_type(self):
        """The last of the type fields before the network layer."""
        if "ieee8021ah" in self.tokens:
            return 0x88e7
        if "llc" in self.tokens:
            return self.first("llc.type")
        if "vlan" in self.tokens:
            types = self.row.get("vlan.etype", [])[:self.tokens.count("vlan")]
            return number(types[-1]) if len(types) == self.tokens.count("vlan") else None
        return self.first("ieee8021ah.etype" if "ieee8021ad" in self.tokens else "eth.type")

    def tag(self, field, n):
        values = self.tags(field)
        return values[n] if len(values) > n else None

    def get_vlan_id(self):
        return self.tag("id", 0)

    def get_vlan_pcp(self):
        return self.tag("priority", 0)

    def get_vlan_dei(self):
        return self.tag("dei", 0)

    def get_vlan2_id(self):
        return self.tag("id", 1)

    def get_vlan2_pcp(self):
        return self.tag("priority", 1)

    def get_vlan2_dei(self):
        return self.tag("dei", 1)

    def get_ip_version(self):
        return 4 if "ip" in self.tokens else 6

    def address(self, which):
        if "ip" in self.tokens:
            return self.first("ip." + which) + 0xffff00000000
        return self.first("ipv6." + which)

    def get_ip_src(self):
        return self.address("src")

    def get_ip_dst(self):
        return self.address("dst")

    def get_ip6_proto(self):
        """The last next-header field of the outermost chain."""
        chain = [t for t in self.tokens if t in EXTENSION]
        if not chain:
            return self.first("ipv6.nxt")
        field = "ah.next_header" if chain[-1] == "ah" else chain[-1] + ".nxt"
        return self.first(field, chain.count(chain[-1]) - 1)

    def get_ip_proto(self):
        return self.first("ip.proto") if "ip" in self.tokens else self.get_ip6_proto()

    def version(self, v4, v6):
        return self.first(v4 if "ip" in self.tokens else v6)

    def get_ip_dscp(self):
        return self.version("ip.dsfield.dscp", "ipv6.tclass.dscp")

    def get_ip_ecn(self):
        return self.version("ip.dsfield.ecn", "ipv6.tclass.ecn")

    def get_ip_ttl(self):
        return self.version("ip.ttl", "ipv6.hlim")

    def get_ip_len(self):
        return self.version("ip.len", "ipv6.plen") + (0 if "ip" in self.tokens else 40)

    def get_ip_frag(self):
        if "ip" in self.tokens:
            return int(bool(self.first("ip.flags.mf") or self.first("ip.frag_offset")))
        return int("ipv6.fraghdr" in self.tokens and
                   bool(self.first("ipv6.fraghdr.more") or self.first("ipv6.fraghdr.offset")))

    def get_ip4_ihl(self):
        return self.first("ip.hdr_len") // 4

    def get_ip6_exthdr(self):
        last = self.get_ip6_proto()
        return (sum({EXTHDR[t] for t in self.tokens if t in EXTHDR}) |
                (last == 59) << 0 | (last == 50) << 1)

    def get_nd_target(self):
        return self.first({135: "icmpv6.nd.ns.target_address", 136: "icmpv6.nd.na.target_address"}
                          .get(self.first("icmpv6.type"), "-"))

    def get_nd_sll(self):
        return self.first("icmpv6.opt.src_linkaddr") if self.first("icmpv6.type") == 135 else None

    def get_nd_tll(self):
        return self.first("icmpv6.opt.target_linkaddr") if self.first("icmpv6.type") == 136 else None

    def ports(self, which):
        for layer in ("tcp", "udp", "sctp"):
            if layer in self.tokens:
                return self.first(f"{layer}.{which}port")
        return None

    def get_l4_src(self):
        return self.ports("src")

    def get_l4_dst(self):
        return self.ports("dst")

    def get_l4_payload_len(self):
        """tshark has it for TCP; for UDP and SCTP it is told by the lengths of IP."""
        if "tcp" in self.tokens:
            return self.first("tcp.len")
        if EXTENSION & set(self.tokens):
            return UNKNOWN
        if self.get_ip_len() + (14 if "eth" in self.tokens else 0) > self.first("frame.len"):
            return UNKNOWN
        heads = self.first("ip.hdr_len") if "ip" in self.tokens else 40
        return self.get_ip_len() - heads - (8 if "udp" in self.tokens else 12)

    def get_icmp_id(self, field="icmp.ident", types=(0, 8, 13, 14, 15, 16, 17, 18, 42, 43)):
        """Of the outermost message, not of the one inside an error message."""
        return self.first(field) if self.first("icmp.type") in types else None

    def get_icmp_seq(self):
        return self.get_icmp_id("icmp.seq", (0, 8, 13, 14, 15, 16, 17, 18))

    def ecn_flag(self, field, bit):
        """Since accurate ECN, tshark may show the three bits as one number."""
        ace = self.first("tcp.flags.ace")
        return self.first(field) if ace is None else ace >> bit & 1

    def get_tcp_ns(self):
        return self.ecn_flag("tcp.flags.ae", 2)

    def get_tcp_cwr(self):
        return self.ecn_flag("tcp.flags.cwr", 1)

    def get_tcp_ece(self):
        return self.ecn_flag("tcp.flags.ece", 0)
