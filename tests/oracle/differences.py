# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Where the parser and tshark differ, and why that is right. Each row has to be needed."""

from fnmatch import fnmatch

# Fields of the registry that tshark has nothing to compare with: they are not in the packet.
OURS_ALONE = {"in_port", "in_phy_port", "metadata", "tunnel_id", "vlan.tpid"}

ISL = "tshark takes frames to 01:00:0c:00:00 for Cisco ISL, whose destination has 40 bits"
SIZES = "an ARP whose addresses are not of 6 and 4 bytes is not our layer; tshark shows its parts"
EXT = ("the capture ends where an announced extension header starts, or within it: to us it is there and "
       "the chain ends with it; tshark shows the part of it that was captured")
NO_LEN = "tshark gives no TCP payload length where the capture lost the segment's options or all of it"
ZERO = "the record says fewer bytes on the wire than it holds: we believe the bytes"
NANO = "the time in the record has a fraction of a second or more: tshark wraps it in its own way"
TAG = "a tag without the type behind it is whole to us; tshark wants the type, too"
OPTIONS = "the fixed header is whole and the options are cut off: tshark stops before the addresses"
ICMP = "tshark shows no message of ICMP shorter than six bytes"
OTHER = "a protocol of the other IP version: we do not take it for ICMP"
ROUTE = "tshark shows the last hop of a source route as the destination; we, what the header says"

# capture, packets, fields, reason
ROWS = [
    ("DTP.pcap", {2, 4, 6, 8, 10}, "eth.dst", ISL),
    ("arp-too-long-tha.pcap", {1}, "arp.*", SIZES),
    ("bgp-bgp_capabilities_print-oobr-1.pcap", {1}, "l4.payload_len", NO_LEN),
    ("bgp-bgp_capabilities_print-oobr-2.pcap", {1}, "l4.payload_len", NO_LEN),
    ("ipv6-next-header-oobr-1.pcap", {1}, "ip6.exthdr", EXT),
    ("ipv6-next-header-oobr-2.pcap", {1}, "ip6.exthdr", EXT),
    ("ipv6-rthdr-oobr.pcap", {1}, "ip.proto", EXT),
    ("ipv6-rthdr-oobr.pcap", {1}, "ip6.proto", EXT),
    ("pim_header_asan-2.pcap", {3}, "pkt.len", ZERO),
    ("rsvp-rsvp_obj_print-oobr.pcap", {2}, "pkt.len", ZERO),
    ("timestamp_invalid_nano.pcap", {2, 3}, "now", NANO),
    ("cut.pcap", {17, 18}, "vlan.*", TAG),
    ("cut.pcap", {43, 44}, "ip.*", OPTIONS),
    ("cut.pcap", {43, 44}, "ip4.*", OPTIONS),
    ("cut.pcap", set(range(126, 142)), "ip.proto", EXT),
    ("cut.pcap", set(range(126, 142)), "ip6.proto", EXT),
    ("cut.pcap", {577, 578}, "icmp.*", ICMP),
    ("icmp.pcap", {8}, "icmp.*", OTHER),
    ("icmp.pcap", {9}, "icmp6.*", OTHER),
    ("ip4.pcap", {4}, "ip.dst", ROUTE),
    ("ip4.pcap", {4}, "ip4.dst", ROUTE),
    ("lies.pcap", {50}, "l4.payload_len", NO_LEN),
    ("lies.pcap", {54, 55}, "ip.proto", EXT),
    ("lies.pcap", {54, 55}, "ip6.proto", EXT),
    ("lies.pcap", {56}, "arp.*", SIZES),
]


def find(capture, packet, field):
    """The row that lists this difference, or None."""
    for n, (name, packets, pattern, _) in enumerate(ROWS):
        if name == capture and packet in packets and fnmatch(field, pattern):
            return n
    return None


def stale(captures, seen):
    """Rows about these captures, some of whose packets are not among the seen (row, packet)."""
    return [row for n, row in enumerate(ROWS)
            if row[0] in captures and any((n, packet) not in seen for packet in row[1])]
