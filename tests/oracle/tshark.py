# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What tshark says about the outermost headers of a packet, in the terms of the field registry."""

import ipaddress
import subprocess
from decimal import Decimal

# One packet at a time: no reassembly, no names, no numbers relative to a connection.
OPTIONS = """
ip.defragment:FALSE ipv6.defragment:FALSE tcp.desegment_tcp_streams:FALSE
tcp.relative_sequence_numbers:FALSE tcp.analyze_sequence_numbers:FALSE tcp.try_heuristic_first:FALSE
ip.tso_support:FALSE ip.decode_tos_as_diffserv:TRUE gre.disable:FALSE
""".split()

# Fields that the registry's own column does not name: other spellings of the same thing by layer.
EXTRA = """
frame.number frame.protocols vlan.etype llc.type ieee8021ad.priority ieee8021ad.dei
ieee8021ad.id ieee8021ah.etype icmpv6.nd.na.target_address ipv6.hopopts.nxt ipv6.dstopts.nxt
ipv6.routing.nxt ipv6.fraghdr.nxt ah.next_header
tcp.flags.ace
""".split()

LINK = {"eth", "ethertype", "sll", "raw", "vlan", "ieee8021ad", "ieee8021ah", "llc", "mpls"}
NETWORK = {"ip", "ipv6", "arp"}
EXTENSION = {"ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah"}
TRANSPORT = {"tcp", "udp", "sctp", "icmp", "icmpv6", "gre"}

TOKEN = {"eth": "eth", "pbb": "ieee8021ah", "mpls": "mpls", "mpls2": "mpls", "arp": "arp",
         "ip4": "ip", "ip6": "ipv6", "ip6frag": "ipv6.fraghdr", "icmp": "icmp", "icmp6": "icmpv6",
         "nd": "icmpv6", "tcp": "tcp", "udp": "udp", "sctp": "sctp", "gre": "gre",
         "vxlan": "vxlan", "gtpu": "gtp"}

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
    known = {o for o in OPTIONS if o.split(":")[0] in preferences()}
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t", "-E",
               "occurrence=a", "-E", "aggregator=,"]
    for option in sorted(known):
        command += ["-o", option]
    for field in fields:
        command += ["-e", field]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    for line in out.stdout.decode().splitlines():
        values = line.split("\t")
        yield {f: v.split(",") for f, v in zip(fields, values) if v}


def preferences(cache=[]):
    """Names of the preferences this tshark has."""
    if not cache:
        out = subprocess.run(["tshark", "-G", "defaultprefs"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True)
        names = (line.lstrip("#").split(":")[0].strip() for line in out.stdout.decode().splitlines())
        cache.append(set(names))
    return cache[0]


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

    def first(self, field, n=0):
        values = self.row.get(field, [])
        return number(values[n]) if len(values) > n else None

    def has(self, layer):
        if layer in ("vlan", "vlan2"):
            tags = self.tokens.count("vlan") + self.tokens.count("ieee8021ad")
            return tags > 0
        return layer == "" or TOKEN[layer] in self.tokens

    def version(self, v4, v6, change=lambda v: v):
        if "ip" in self.tokens:
            return self.first(v4)
        if "ipv6" in self.tokens and self.first(v6) is not None:
            return change(self.first(v6))
        return None

    def get(self, name, layer, wireshark):
        special = getattr(self, "get_" + name.replace(".", "_"), None)
        if special:
            return special()
        if not wireshark or not self.has(layer):
            return None
        field, _, nth = wireshark.partition("#")
        return self.first(field, int(nth) - 1 if nth else 0)

    def get_now(self):
        return int(Decimal(self.row["frame.time_epoch"][0]) * 10**9)

    def get_eth_type(self):
        """The last of the type fields before the network layer."""
        if "eth" not in self.tokens:
            return None
        if "llc" in self.tokens:
            return self.first("llc.type")
        if self.has("vlan"):
            outer = self.tokens.count("ieee8021ad")
            inner = self.tokens.count("vlan")
            types = self.row.get("ieee8021ah.etype", [])[:outer]
            types += self.row.get("vlan.etype", [])[:inner]
            return number(types[-1]) if len(types) == outer + inner else None
        return self.first("eth.type")

    def tag(self, field, n):
        """ieee8021ad is a dissector of its own for 0x88a8; tags inside tunnels do not count."""
        if not self.has("vlan"):
            return None
        outer = self.tokens.count("ieee8021ad")
        values = self.row.get("ieee8021ad." + field, [])[:outer]
        values += self.row.get("vlan." + field, [])[:self.tokens.count("vlan")]
        return number(values[n]) if len(values) > n else None

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
        return 4 if "ip" in self.tokens else 6 if "ipv6" in self.tokens else None

    def get_ip_src(self):
        v4 = self.first("ip.src") if "ip" in self.tokens else None
        return v4 + 0xffff00000000 if v4 is not None else self.version("-", "ipv6.src")

    def get_ip_dst(self):
        v4 = self.first("ip.dst") if "ip" in self.tokens else None
        return v4 + 0xffff00000000 if v4 is not None else self.version("-", "ipv6.dst")

    def get_ip6_proto(self):
        """The last next-header field of the outermost chain."""
        if "ipv6" not in self.tokens:
            return None
        chain = [t for t in self.tokens if t in EXTENSION]
        if not chain:
            return self.first("ipv6.nxt")
        field = "ah.next_header" if chain[-1] == "ah" else chain[-1] + ".nxt"
        return self.first(field, chain.count(chain[-1]) - 1)

    def get_ip_proto(self):
        return self.first("ip.proto") if "ip" in self.tokens else self.get_ip6_proto()

    def get_ip_dscp(self):
        return self.version("ip.dsfield.dscp", "ipv6.tclass.dscp")

    def get_ip_ecn(self):
        return self.version("ip.dsfield.ecn", "ipv6.tclass.ecn")

    def get_ip_ttl(self):
        return self.version("ip.ttl", "ipv6.hlim")

    def get_ip_len(self):
        return self.version("ip.len", "ipv6.plen", lambda v: v + 40)

    def get_ip_frag(self):
        if "ip" in self.tokens:
            return int(bool(self.first("ip.flags.mf") or self.first("ip.frag_offset")))
        if "ipv6" in self.tokens:
            return int("ipv6.fraghdr" in self.tokens and
                       bool(self.first("ipv6.fraghdr.more") or self.first("ipv6.fraghdr.offset")))
        return None

    def get_ip4_ihl(self):
        length = self.first("ip.hdr_len") if "ip" in self.tokens else None
        return length // 4 if length is not None else None

    def get_ip6_exthdr(self):
        if "ipv6" not in self.tokens:
            return None
        last = self.get_ip6_proto()
        return (sum({EXTHDR[t] for t in self.tokens if t in EXTHDR}) |
                (last == 59) << 0 | (last == 50) << 1)

    def get_nd_target(self):
        if "icmpv6" not in self.tokens:
            return None
        return self.first({135: "icmpv6.nd.ns.target_address", 136: "icmpv6.nd.na.target_address"}
                          .get(self.first("icmpv6.type"), "-"))

    def get_nd_sll(self):
        if "icmpv6" not in self.tokens or self.first("icmpv6.type") != 135:
            return None
        return self.first("icmpv6.opt.src_linkaddr")

    def get_nd_tll(self):
        if "icmpv6" not in self.tokens or self.first("icmpv6.type") != 136:
            return None
        return self.first("icmpv6.opt.target_linkaddr")

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
        if self.first("udp.srcport") is None and self.first("sctp.srcport") is None:
            return None
        if "udp" not in self.tokens and "sctp" not in self.tokens:
            return None
        heads = self.first("ip.hdr_len") if "ip" in self.tokens else 40
        if any(t in EXTENSION for t in self.tokens):
            return UNKNOWN
        return self.get_ip_len() - heads - (8 if "udp" in self.tokens else 12)

    def get_icmp_id(self, field="icmp.ident", types=(0, 8, 13, 14, 15, 16, 17, 18, 42, 43)):
        """Of the outermost message, not of the one inside an error message."""
        if "icmp" not in self.tokens or self.first("icmp.type") not in types:
            return None
        return self.first(field)

    def get_icmp_seq(self):
        return self.get_icmp_id("icmp.seq", (0, 8, 13, 14, 15, 16, 17, 18))

    def ecn_flag(self, field, bit):
        """Since accurate ECN, tshark may show the three bits as one number."""
        if "tcp" not in self.tokens:
            return None
        ace = self.first("tcp.flags.ace")
        return self.first(field) if ace is None else ace >> bit & 1

    def get_tcp_ns(self):
        return self.ecn_flag("tcp.flags.ae", 2)

    def get_tcp_cwr(self):
        return self.ecn_flag("tcp.flags.cwr", 1)

    def get_tcp_ece(self):
        return self.ecn_flag("tcp.flags.ece", 0)
