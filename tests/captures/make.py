#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Makes the captures of this directory: every header of the field registry, in sound packets, in
packets cut short at every byte, and in packets whose lengths lie.

    make.py [DIR]      writes DIR/*.pcap (default: the script's directory)

Addresses are those for documentation and private use; times are fixed: the output is always the same."""

import os
import random
import struct
import sys

from scapy.all import (ARP, GRE, ICMP, IP, SCTP, SNAP, STP, TCP, UDP, VXLAN, CookedLinux, Dot1AD,
                       Dot1Q, Dot3, Ether, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6MLReport, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                       ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptSrcLLAddr,
                       IPOption_LSRR, IPOption_Router_Alert, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, LLC, PadN, Raw,
                       SCTPChunkData, SCTPChunkInit, fragment)

ETHERNET, RAW, IPV4, IPV6, SLL, SLL2 = 1, 101, 228, 229, 113, 276
START = 1_600_000_000

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
V4 = {"src": "192.0.2.1", "dst": "198.51.100.2"}
V6 = {"src": "2001:db8::1", "dst": "2001:db8:ffff::2"}
BODY = Raw(bytes(range(48)))


def ether(**more):
    return Ether(**{**MACS, **more})


def ip(**more):
    return IP(**{**V4, **more})


def ip6(**more):
    return IPv6(**{**V6, **more})


def tcp(**more):
    return TCP(**{"sport": 40000, "dport": 443, "seq": 0x01020304, "ack": 0x05060708, **more})


def udp(**more):
    return UDP(**{"sport": 40000, "dport": 9, **more})


def patched(packet, at, data):
    """The packet's bytes with some replaced: lies that scapy would not tell."""
    raw = bytearray(bytes(packet))
    raw[at:at + len(data)] = data
    return bytes(raw)


def tags():
    yield ether() / Dot1Q(vlan=100, prio=5) / ip() / tcp() / BODY
    yield ether() / Dot1Q(vlan=4095, prio=7, id=1) / ip6() / udp() / BODY
    yield ether() / Dot1Q(vlan=0, prio=1) / ARP()
    yield ether() / Dot1AD(vlan=300, prio=3, id=1) / Dot1Q(vlan=200, prio=2) / ip() / udp() / BODY
    yield ether() / Dot1Q(vlan=11) / Dot1Q(vlan=12) / ip() / udp() / BODY
    yield ether() / Dot1AD(vlan=1) / Dot1AD(vlan=2) / Dot1Q(vlan=3, prio=6) / ip() / tcp() / BODY
    yield ether(type=0x9100) / Dot1Q(vlan=21, type=0x8100) / Dot1Q(vlan=22) / ip6() / tcp() / BODY
    yield ether() / Dot1Q(vlan=5, type=0x88b5) / BODY
    yield ether(type=0x88b5) / BODY


def label(value, bottom, tc=0, ttl=64):
    return Raw(struct.pack("!I", value << 12 | tc << 9 | bottom << 8 | ttl))


def labels():
    yield ether(type=0x8847) / label(1000, 1, tc=5) / ip() / tcp() / BODY
    yield ether(type=0x8847) / label(1000, 0) / label(0xfffff, 1, ttl=255) / ip6() / udp() / BODY
    yield ether(type=0x8848) / label(16, 0) / label(17, 0) / label(18, 1) / ip() / udp() / BODY
    yield ether() / Dot1Q(vlan=7, type=0x8847) / label(19, 1) / ip() / ICMP() / BODY
    yield ether(type=0x8847) / label(20, 1) / Raw(bytes(4)) / ether() / ip() / udp() / BODY


def pbb():
    tag = Raw(struct.pack("!I", 0x3 << 29 | 1 << 28 | 1 << 27 | 0xabcdef))
    yield ether(type=0x88e7) / tag / ether() / ip() / tcp() / BODY
    yield ether() / Dot1AD(vlan=50, type=0x88e7) / tag / ether() / ip() / udp() / BODY


def arps():
    hw, ips = {"hwsrc": MACS["src"]}, {"psrc": V4["src"], "pdst": V4["dst"]}
    yield ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, **hw, **ips)
    yield ether() / ARP(op=2, hwdst=MACS["dst"], **hw, **ips) / Raw(bytes(18))
    yield ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc=V4["src"], pdst=V4["src"], **hw)
    yield ether(type=0x8035) / ARP(op=3, hwdst=MACS["src"], **hw, **ips)


def ip4():
    yield ether() / ip(tos=0xb9, ttl=1, id=0xbeef, flags="DF") / tcp() / BODY
    yield ether() / ip(options=[IPOption_Router_Alert()]) / udp() / BODY
    yield ether() / ip(options=[IPOption_RR(routers=["0.0.0.0"] * 9)]) / tcp() / BODY
    yield ether() / ip(options=[IPOption_LSRR(routers=["203.0.113.9"])]) / tcp() / BODY
    yield ether() / ip(proto=253) / BODY
    yield ether() / ip() / ip(src="10.0.0.1", dst="10.0.0.2") / tcp() / BODY
    yield ether() / ip() / ip6() / tcp() / BODY
    yield ether() / ip(proto=132) / SCTP(sport=1, dport=2, tag=3) / SCTPChunkInit()
    for part in fragment(ip(id=77) / udp() / Raw(bytes(200)), fragsize=64):
        yield ether() / part
    yield ether() / ip() / tcp() / Raw(bytes(3)) / Raw(bytes(17))


def ip6s():
    hop, dst = IPv6ExtHdrHopByHop(options=[PadN()]), IPv6ExtHdrDestOpt(options=[PadN()])
    route = IPv6ExtHdrRouting(addresses=["2001:db8::7"], segleft=1)
    yield ether() / ip6(tc=0xb9, fl=0xabcde, hlim=3) / tcp() / BODY
    yield ether() / ip6() / hop / udp() / BODY
    yield ether() / ip6() / dst / tcp() / BODY
    yield ether() / ip6() / hop / dst / route / tcp() / BODY
    yield ether() / ip6() / IPv6ExtHdrFragment(offset=0, m=1, id=0x12345678) / udp() / BODY
    yield ether() / ip6() / IPv6ExtHdrFragment(offset=7, m=0, id=0x12345678, nh=17) / BODY
    yield ether() / ip6() / IPv6ExtHdrFragment(offset=0, m=0, id=9) / tcp() / BODY
    yield ether() / ip6() / hop / IPv6ExtHdrFragment(m=1, id=1) / dst / udp() / BODY
    ah = Raw(struct.pack("!BBHII", 6, 4, 0, 1, 1) + bytes(12))
    yield ether() / ip6(nh=51) / ah / Raw(bytes(tcp() / BODY))
    yield ether() / ip6(nh=50) / Raw(struct.pack("!II", 1, 1) + bytes(24))
    yield ether() / ip6(nh=59)
    yield ether() / ip6(nh=253) / BODY
    yield ether() / ip6() / ip() / udp() / BODY


def nd():
    link = {"src": "fe80::1", "dst": "ff02::1:ff00:2", "hlim": 255}
    sll, tll = ICMPv6NDOptSrcLLAddr(lladdr=MACS["src"]), ICMPv6NDOptDstLLAddr(lladdr=MACS["dst"])
    yield ether() / ip6(**link) / ICMPv6ND_NS(tgt="fe80::2") / sll
    yield ether() / ip6(**link) / ICMPv6ND_NS(tgt="fe80::2")
    yield ether() / ip6(**link) / ICMPv6ND_NS(tgt="fe80::2") / ICMPv6NDOptMTU() / sll
    yield ether() / ip6(**link) / ICMPv6ND_NA(tgt="fe80::2", R=0, S=1, O=1) / tll
    yield ether() / ip6(**link) / ICMPv6ND_RS() / sll
    yield ether() / ip6(**link) / ICMPv6ND_RA() / sll / ICMPv6NDOptMTU()
    yield ether() / ip6(**link) / ICMPv6ND_Redirect(tgt="fe80::3", dst="fe80::4") / tll
    yield ether() / ip6() / ICMPv6EchoRequest(id=77, seq=3, data=bytes(20))
    yield ether() / ip6() / ICMPv6EchoReply(id=77, seq=3, data=bytes(21))
    yield ether() / ip6() / ICMPv6DestUnreach(code=4) / ip6() / udp() / BODY
    yield ether() / ip6(dst="ff02::2") / ICMPv6MLReport(mladdr="ff02::fb")


def icmp():
    yield ether() / ip() / ICMP(type=8, id=0x1234, seq=0x5678) / BODY
    yield ether() / ip() / ICMP(type=0, id=0x1234, seq=0x5678) / BODY
    yield ether() / ip() / ICMP(type=3, code=3) / ip(src="10.0.0.1") / udp() / BODY
    yield ether() / ip() / ICMP(type=11) / ip(src="10.0.0.1") / ICMP(id=5, seq=6) / BODY
    yield ether() / ip() / ICMP(type=13, id=7, seq=8, ts_ori=1, ts_rx=2, ts_tx=3)
    yield ether() / ip() / ICMP(type=17, id=9, seq=10)
    yield ether() / ip() / ICMP(type=5, code=1, gw="203.0.113.1") / ip() / tcp()
    yield ether() / ip6(nh=1) / ICMP(type=8, id=1, seq=1)
    yield ether() / ip(proto=58) / Raw(bytes.fromhex("8000000000010001"))


def tcps():
    for bit in range(9):
        yield ether() / ip() / tcp(flags=1 << bit)
    yield ether() / ip() / tcp(flags=0x1ff, reserved=7, urgptr=0xfffe, window=1)
    yield ether() / ip() / tcp(flags="S", options=[("MSS", 1460), ("SAckOK", b""), ("WScale", 7),
                                                   ("Timestamp", (1, 0))])
    yield ether() / ip6() / tcp(flags="SA", seq=0xffffffff, ack=0, options=[("MSS", 1220)])
    yield ether() / ip6() / tcp(flags="PA") / BODY
    yield ether() / ip() / tcp(flags=0, sport=0, dport=0)


def udps():
    yield ether() / ip() / udp() / BODY
    yield ether() / ip() / udp(chksum=0) / BODY
    yield ether() / ip6() / udp(sport=65535, dport=65534) / BODY
    yield ether() / ip() / udp()
    yield ether() / ip() / udp() / Raw(b"odd")


def sctp():
    for net in ip(), ip6():
        yield ether() / net / SCTP(sport=2905, dport=2906, tag=0xdeadbeef) / SCTPChunkData(data=b"x")


def tunnels():
    inner = ether(src="02:00:00:00:00:0a") / ip(src="10.0.0.1", dst="10.0.0.2") / tcp() / BODY
    user = ip(src="10.0.0.1", dst="10.0.0.2") / udp() / BODY
    yield ether() / ip() / UDP(sport=5000, dport=4789) / VXLAN(vni=0xabcdef, flags=0x08) / inner
    yield ether() / ip6() / UDP(sport=5000, dport=4789) / VXLAN(vni=1, flags=0x88, gpid=5) / inner
    yield ether() / ip() / GRE() / user
    yield ether() / ip() / GRE(key_present=1, key=0xcafebabe) / user
    yield ether() / ip() / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=1,
                               sequence_number=2) / user
    yield ether() / ip6() / GRE(proto=0x6558) / inner
    yield ether() / ip() / GRE(key_present=1, key=2) / ip() / GRE(key_present=1, key=3) / user
    for flags, more in ((0x30, b""), (0x32, bytes.fromhex("00070000")),
                        (0x34, bytes.fromhex("00000085 01100500"))):
        head = struct.pack("!BBHI", flags, 255, len(more) + len(user), 0x11223344) + more
        yield ether() / ip() / UDP(sport=5001, dport=2152) / Raw(head) / Raw(bytes(user))
    yield ether() / ip() / UDP(sport=2152, dport=2152) / Raw(struct.pack("!BBHI", 0x32, 1, 4, 0) +
                                                            bytes(4))


def llc():
    snap = LLC(dsap=0xaa, ssap=0xaa, ctrl=3)
    yield Dot3(**MACS) / snap / SNAP(OUI=0, code=0x0800) / ip() / udp() / BODY
    yield Dot3(**MACS) / snap / SNAP(OUI=0, code=0x86dd) / ip6() / tcp() / BODY
    yield Dot3(**MACS) / snap / SNAP(OUI=0, code=0x0806) / ARP(psrc=V4["src"], pdst=V4["dst"])
    yield Dot3(**MACS) / snap / SNAP(OUI=0x00000c, code=0x2000) / Raw(bytes(20))
    yield Dot3(dst="01:80:c2:00:00:00", src=MACS["src"]) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()


def bare():
    for net in ip(), ip6():
        yield net / tcp() / BODY
        yield net / udp() / BODY


def bare4():
    yield ip() / tcp() / BODY


def bare6():
    yield ip6() / tcp() / BODY


def cooked():
    head = {"pkttype": 0, "lladdrtype": 1, "lladdrlen": 6, "src": bytes.fromhex("0200000000010000")}
    yield CookedLinux(proto=0x0800, **head) / ip() / tcp() / BODY
    yield CookedLinux(proto=0x86dd, **head) / ip6() / udp() / BODY
    yield CookedLinux(proto=0x0806, **head) / ARP(psrc=V4["src"], pdst=V4["dst"])
    yield CookedLinux(proto=0x8100, **head) / Dot1Q(vlan=33, prio=4) / ip() / udp() / BODY
    yield CookedLinux(proto=4, **head) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()


def cooked2():
    for proto, rest in ((0x0800, ip() / tcp() / BODY), (0x86dd, ip6() / udp() / BODY),
                        (0x8100, Dot1Q(vlan=33, prio=4) / ip() / udp() / BODY)):
        head = struct.pack("!HHIHBB8s", proto, 0, 2, 1, 0, 6, bytes.fromhex("0200000000010000"))
        yield Raw(head) / rest


def lies():
    """Byte 14 is the first of IP, 34 of TCP or UDP over IPv4, 54 over IPv6."""
    for net, at in ((ip(), 16), (ip6(), 18)):
        whole = ether() / net / udp() / BODY
        for length in (0, 1, 7, 8, 19, 20, 27, 28, 40, 48, 75, 76, 77, 1500, 65535):
            yield patched(whole, at, struct.pack("!H", length))
    for first in (0x05, 0x40, 0x44, 0x46, 0x4f, 0x55, 0x65):
        yield patched(ether() / ip() / tcp(), 14, bytes([first]))
    for length in (0, 7, 8, 9, 55, 56, 57, 65535):
        yield patched(ether() / ip() / udp() / BODY, 38, struct.pack("!H", length))
    for offset in (0x00, 0x40, 0x50, 0x60, 0xf0):
        yield patched(ether() / ip() / tcp() / Raw(bytes(6)), 46, bytes([offset]))
    for length in (0, 1, 2, 9, 255):
        yield patched(ether() / ip6() / IPv6ExtHdrDestOpt() / tcp() / BODY, 55, bytes([length]))
    for length in (5, 7, 16, 255):
        yield patched(ether() / ARP(), 18, bytes([length]))


WHOLE = {
    "arp": (ETHERNET, arps), "icmp": (ETHERNET, icmp), "ip4": (ETHERNET, ip4),
    "ip6": (ETHERNET, ip6s), "lies": (ETHERNET, lies), "llc": (ETHERNET, llc),
    "mpls": (ETHERNET, labels), "nd": (ETHERNET, nd), "pbb": (ETHERNET, pbb), "raw": (RAW, bare),
    "raw4": (IPV4, bare4), "raw6": (IPV6, bare6), "sctp": (ETHERNET, sctp), "sll": (SLL, cooked),
    "sll2": (SLL2, cooked2), "tcp": (ETHERNET, tcps), "tunnels": (ETHERNET, tunnels),
    "udp": (ETHERNET, udps), "vlan": (ETHERNET, tags),
}

# Every beginning of these packets, from no byte at all to all of them.
CUT = {
    "cut": [
        lambda: ether() / Dot1AD(vlan=1) / Dot1Q(vlan=2) / ip(options=[IPOption_Router_Alert()]) /
        tcp(options=[("MSS", 1460)]),
        lambda: ether() / ip6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1, id=7) / udp() /
        Raw(bytes(4)),
        lambda: ether(type=0x8847) / label(16, 0) / label(17, 1) / ip() / udp() / Raw(bytes(4)),
        lambda: ether() / ip6(hlim=255) / ICMPv6ND_NS(tgt="fe80::2") / ICMPv6NDOptSrcLLAddr(),
        lambda: ether() / ip() / GRE(chksum_present=1, key_present=1, key=5) / ip(),
        lambda: ether() / ip() / SCTP(sport=1, dport=2, tag=3) / SCTPChunkData(data=b"x"),
        lambda: ether() / ip() / UDP(dport=4789) / VXLAN(vni=5, flags=0x08) / ether(),
        lambda: ether() / ARP(psrc=V4["src"], pdst=V4["dst"]),
        lambda: ether() / ip() / ICMP(id=1, seq=2),
    ],
}


def write(path, link, records):
    """A classic pcap file: microseconds, little endian."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        for n, (data, wire) in enumerate(records):
            f.write(struct.pack("<IIII", START + n // 100, n % 100 * 10000, len(data), wire) + data)


def main(directory):
    random.seed(1)
    for name, (link, packets) in WHOLE.items():
        data = [bytes(p) for p in packets()]
        write(os.path.join(directory, name + ".pcap"), link, [(d, len(d)) for d in data])
    for name, makers in CUT.items():
        data = [bytes(make()) for make in makers]
        write(os.path.join(directory, name + ".pcap"), ETHERNET,
              [(d[:n], len(d)) for d in data for n in range(len(d) + 1)])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
