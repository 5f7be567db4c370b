# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Header fields, from the registry, and the few values that programs and packets share, so that
guards are neither always true nor always false."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = {"UINT": "num", "BOOL": "bool", "TIME": "time", "IP4": "ip4", "IP6": "ip6", "IP": "ip",
         "MAC": "mac", "PORT": "num"}

MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:07"]
IP4S = ["10.0.0.1", "10.0.0.2", "10.0.1.3", "192.168.7.4", "224.0.0.5", "255.255.255.255"]
IP6S = ["2001:db8::1", "2001:db8::2", "2001:db8:1::3", "fe80::4", "::ffff:10.0.0.1"]
PORTS = [22, 53, 80, 443, 1111, 4789, 2152, 65535, 0]
LENGTHS = [14, 42, 54, 60, 64, 74, 100, 128, 576, 1000, 1400, 1500]
SEQS = [0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff]
DURATIONS = ["1ns", "100ns", "1us", "50us", "1ms", "10ms", "500ms", "1s", "5s", "30s", "1m", "5m"]
DURATION_NS = [1, 100, 1000, 50_000, 1_000_000, 10_000_000, 500_000_000, 10**9, 5 * 10**9,
               30 * 10**9, 60 * 10**9, 300 * 10**9]
NUMBER_POOLS = {
    "in_port": [1, 2, 3, 4], "in_phy_port": [1, 2, 3], "metadata": [0, 1, 2, 7, 1 << 40],
    "tunnel_id": [0, 1, 9], "pkt.len": LENGTHS, "pkt.caplen": LENGTHS,
    "eth.type": [0x0800, 0x86dd, 0x0806, 0x8847, 0x88b5], "vlan.tpid": [0x8100, 0x88a8, 0x9100],
    "vlan.pcp": [0, 1, 5, 7], "vlan2.pcp": [0, 2, 7], "vlan.id": [0, 1, 100, 200, 4095],
    "vlan2.id": [0, 100, 300], "pbb.isid": [1, 0xabcdef], "mpls.label": [0, 3, 16, 1000, 0xfffff],
    "mpls2.label": [0, 17, 1000], "mpls.tc": [0, 5], "mpls2.tc": [0, 3], "mpls.ttl": [1, 64, 255],
    "mpls2.ttl": [1, 64], "arp.hwtype": [1, 6], "arp.proto": [0x0800, 0x86dd], "arp.op": [1, 2, 3],
    "ip.version": [4, 6], "ip4.ihl": [5, 6, 7], "ip6.flow": [0, 1, 0xabcde],
    "ip6.exthdr": [0, 2, 8, 16, 64], "ip4.id": [0, 1, 77, 0xbeef], "tcp.hlen": [20, 24, 32],
    "tcp.flags": [0x02, 0x12, 0x10, 0x18, 0x11, 0x04], "tcp.window": [0, 100, 8192, 65535],
    "tcp.urgptr": [0, 1], "udp.len": [8, 20, 28], "sctp.vtag": [0, 3, 0xffffffff],
    "gre.flags": [0, 0x2000, 0x8000, 0xa000], "gre.proto": [0x0800, 0x6558], "gre.key": [1, 9],
    "vxlan.flags": [0, 0x0800], "vxlan.vni": [0, 7, 4096], "gtpu.flags": [0x30, 0x32],
    "gtpu.type": [1, 255], "gtpu.teid": [1, 9, 0x12345678], "icmp.id": [1, 7], "icmp.seq": [1, 2],
    "icmp6.id": [1, 7], "icmp6.seq": [1, 2], "ip6frag.id": [9, 0x12345678],
    "l4.payload_len": [0, 1, 6, 20, 100],
}
SUFFIX_POOLS = {
    "dscp": [0, 8, 10, 46], "ecn": [0, 1, 3], "ttl": [1, 2, 63, 64, 255], "hlim": [1, 2, 64, 255],
    "proto": [1, 6, 17, 47, 58, 132], "next": [0, 6, 17, 44, 58], "len": [20, 40, 48, 60, 100],
    "plen": [0, 8, 20, 40], "src": PORTS, "dst": PORTS, "seq": SEQS, "ack_no": SEQS,
    "type": [0, 3, 8, 128, 129, 135, 136], "code": [0, 1, 3], "off": [0, 1, 7],
    "frag_off": [0, 1, 185], "csum": [0, 0xffff],
}


# Read by code of their own, but there whenever their layer is.
PLAIN = ["in_port", "metadata", "now", "pkt.len", "ip.src", "ip.dst", "ip.proto", "ip.len",
         "l4.payload_len"]


class Field:
    def __init__(self, name, kind, width, layer, flags):
        self.name, self.kind, self.width, self.layer = name, KINDS[kind], width, layer
        self.writable = "RO" not in flags
        self.structural = "ST" in flags
        self.special = "SP" in flags and name not in PLAIN

    def pool(self):
        """Numbers worth comparing it with, all of which fit."""
        values = NUMBER_POOLS.get(self.name) or SUFFIX_POOLS.get(self.name.split(".")[-1])
        return [v & (1 << self.width) - 1 for v in values or [0, 1, 2, 3]]


def load():
    with open(os.path.join(ROOT, "src", "packet", "fields.def"), encoding="utf-8") as file:
        text = file.read()
    rows = re.findall(r'^BEBA_FIELD\(\w+, "([\w.]+)", (\w+), (\d+), (\w+), ([\w |]+),', text, re.M)
    return [Field(name, kind, int(width), layer, flags) for name, kind, width, layer, flags in rows]


FIELDS = load()
FIELD = {f.name: f for f in FIELDS}
LAYERS = sorted({f.layer.lower() for f in FIELDS} - {"meta"})
