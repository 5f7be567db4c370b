#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Writes the captures that the tutorial and `make demo` use. Same output every time.

    examples/captures/make.py [DIRECTORY]

port_knocking.pcap: what stands in front of 10.0.0.100 sees in a minute and a half. 10.0.0.1 knocks right, uses SSH, is
silent for more than a minute, finds the door shut, knocks again and is at work when the capture ends. 10.0.0.2 knocks
wrong and too slowly. 10.0.0.3 scans ports. 10.0.0.4 has knocked twice, right, at the end. Around them: ARP, mDNS, DHCP,
an IPv6 neighbour solicitation.

syn_flood.pcap: three clients of 10.0.0.100:80, then 10.0.0.66 opens 300 connections in half a second.
"""
import os
import random
import sys

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.utils import PcapWriter

START = 1795424400.0  # 2026-11-23 09:00:00 UTC
SERVER = "10.0.0.100"


def mac(ip):
    return "02:00:00:00:00:%02x" % int(ip.split(".")[3])


class Scene:
    """Packets with the times they are seen at."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.packets = []
        self.ident = {}

    def add(self, at, packet):
        packet.time = START + at
        self.packets.append(packet)

    def ip(self, at, src, dst, payload):
        self.ident[src] = self.ident.get(src, self.random.randrange(1 << 16)) + 1 & 0xFFFF
        header = IP(src=src, dst=dst, id=self.ident[src], flags="DF")
        self.add(at, Ether(src=mac(src), dst=mac(dst)) / header / payload)

    def knock(self, at, src, port):
        self.ip(at, src, SERVER, UDP(sport=self.random.randrange(32768, 61000), dport=port))

    def arp(self, at, src, dst):
        ask = ARP(op=1, hwsrc=mac(src), psrc=src, pdst=dst)
        tell = ARP(op=2, hwsrc=mac(dst), psrc=dst, hwdst=mac(src), pdst=src)
        self.add(at, Ether(src=mac(src), dst="ff:ff:ff:ff:ff:ff") / ask)
        self.add(at + 0.0002, Ether(src=mac(dst), dst=mac(src)) / tell)

    def tcp(self, at, src, sport, dport, exchanges, close=True):
        """A connection: handshake, (who, bytes, pause) exchanges, perhaps close. Returns when it is over."""
        here, there = self.random.randrange(1 << 32), self.random.randrange(1 << 32)

        def segment(forward, flags, data=b""):
            nonlocal here, there
            a, b = (src, SERVER) if forward else (SERVER, src)
            ports = (sport, dport) if forward else (dport, sport)
            seq, ack = (here, there) if forward else (there, here)
            header = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, window=64240,
                         ack=ack if "A" in flags else 0)
            self.ip(at, a, b, header / data if data else header)
            step = len(data) + ("S" in flags or "F" in flags)
            if forward:
                here = here + step & 0xFFFFFFFF
            else:
                there = there + step & 0xFFFFFFFF

        for forward, flags in ((True, "S"), (False, "SA"), (True, "A")):
            segment(forward, flags)
            at += 0.0004
        for forward, data, pause in exchanges:
            at += pause
            segment(forward, "PA", data)
            at += 0.0005
            segment(not forward, "A")
        for forward, flags in ((True, "FA"), (False, "FA"), (True, "A")) if close else ():
            at += 0.0006
            segment(forward, flags)
        return at

    def write(self, path):
        with PcapWriter(path, nano=False, linktype=1) as out:
            for packet in sorted(self.packets, key=lambda p: p.time):
                out.write(packet)


def port_knocking():
    s = Scene(2014)
    right, wrong, scanner, late = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"

    s.arp(0.10, right, SERVER)
    s.add(0.35, Ether(src=mac(wrong), dst="01:00:5e:00:00:fb") /
          IP(src=wrong, dst="224.0.0.251", ttl=255, id=1) / UDP(sport=5353, dport=5353) /
          DNS(rd=0, qd=DNSQR(qname="_ssh._tcp.local", qtype="PTR")))

    # An impatient first try, before knocking: three SYNs, as TCP repeats them.
    for i, at in enumerate((1.00, 2.02, 4.04)):
        s.ip(at, right, SERVER, TCP(sport=50022, dport=22, flags="S", seq=77000, window=64240))
    for i, port in enumerate((1111, 2222, 3333, 4444)):
        s.knock(6.0 + 0.21 * i, right, port)
    talk = [(False, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 0.012),
            (True, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 0.002)]
    for i in range(12):
        talk.append((i % 2 == 0, bytes(s.random.randrange(256) for _ in range(36 + 16 * (i % 4))),
                     0.05 + 1.5 * s.random.random()))
    over = s.tcp(7.1, right, 50023, 22, talk)
    # More than a minute later the door is shut again.
    for at in (over + 75, over + 76.03, over + 78.05):
        s.ip(at, right, SERVER, TCP(sport=50024, dport=22, flags="S", seq=99000, window=64240))

    s.arp(2.50, wrong, SERVER)
    for i, port in enumerate((1111, 3333, 2222, 4444)):
        s.knock(3.0 + 0.3 * i, wrong, port)
    s.ip(4.5, wrong, SERVER, TCP(sport=41000, dport=22, flags="S", seq=5000, window=64240))
    for i, port in enumerate((1111, 2222, 3333, 4444)):
        s.knock(20.0 + 1.4 * i, wrong, port)
    s.ip(26.0, wrong, SERVER, TCP(sport=41001, dport=22, flags="S", seq=6000, window=64240))

    s.arp(10.0, scanner, SERVER)
    s.ip(10.1, scanner, SERVER, ICMP(type=8, id=7, seq=1) / b"abcdefghijklmnop")
    for i, port in enumerate((21, 22, 23, 25, 80, 110, 139, 143, 443, 445, 1111, 2222, 3306, 3389, 4444, 8080)):
        s.ip(10.3 + 0.013 * i, scanner, SERVER,
             TCP(sport=60000 + i, dport=port, flags="S", seq=1000 + i, window=1024))
    for i, port in enumerate((53, 111, 123, 161, 1111, 1900, 5353)):
        s.ip(12.0 + 0.02 * i, scanner, SERVER, UDP(sport=60100, dport=port))

    s.add(30.0, Ether(src=mac("10.0.0.9"), dst="ff:ff:ff:ff:ff:ff") /
          IP(src="0.0.0.0", dst="255.255.255.255", id=0) / UDP(sport=68, dport=67) /
          BOOTP(chaddr=bytes.fromhex("020000000009"), xid=0x1234) /
          DHCP(options=[("message-type", "discover"), "end"]))
    s.add(31.0, Ether(src=mac(wrong), dst="33:33:ff:00:00:64") /
          IPv6(src="fe80::ff:fe00:2", dst="ff02::1:ff00:64", hlim=255) / ICMPv6ND_NS(tgt="fe80::ff:fe00:64"))
    s.arp(60.0, SERVER, right)

    # The first host is in again, and works on after the end; another stands half-way through its knocks.
    for i, port in enumerate((1111, 2222, 3333, 4444)):
        s.knock(over + 79.0 + 0.19 * i, right, port)
    end = s.tcp(over + 80.2, right, 50025, 22, talk[:8], close=False)
    s.arp(end - 0.9, late, SERVER)
    for i, port in enumerate((1111, 2222)):
        s.knock(end - 0.7 + 0.35 * i, late, port)
    return s


def syn_flood():
    s = Scene(2016)
    clients = ["10.0.0.%d" % i for i in (11, 12, 13)]

    for i, client in enumerate(clients):
        s.arp(0.05 + 0.1 * i, client, SERVER)
        for j in range(4):
            s.tcp(0.3 + 0.17 * i + 0.6 * j, client, 40000 + 100 * i + j, 80,
                  [(True, b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n", 0.001),
                   (False, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0.004)])
    for i in range(300):
        s.ip(1.2 + i / 600, "10.0.0.66", SERVER,
             TCP(sport=1024 + i, dport=80, flags="S", seq=s.random.randrange(1 << 32), window=512))
    return s


def main():
    where = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    port_knocking().write(os.path.join(where, "port_knocking.pcap"))
    syn_flood().write(os.path.join(where, "syn_flood.pcap"))


if __name__ == "__main__":
    main()
