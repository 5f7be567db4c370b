# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Where the parser and tshark differ, and why that is right. Each row has to be needed."""

from fnmatch import fnmatch

# Fields of the registry that tshark has nothing to compare with: they are not in the packet.
OURS_ALONE = {"in_port", "in_phy_port", "metadata", "tunnel_id", "vlan.tpid"}

ISL = "tshark takes frames to 01:00:0c:00:00 for Cisco ISL, whose destination has 40 bits"
SIZES = "an ARP whose addresses are not of 6 and 4 bytes is not our layer; tshark shows its parts"
DENIES = ("the total length is below 20: the packet denies its own header, so we see no IPv4; tshark "
          "shows the fields before the length")
CUT = "the capture ends within the fixed header: we have it whole or not at all"
EXT = ("the capture ends where an announced extension header starts, or within it: the bit says that it "
       "was announced, tshark shows what is there")
NO_LEN = "tshark gives no TCP payload length where the capture has lost too much of the segment"
WIRE = "the IP length goes beyond the wire: the payload length is only as long as the wire"
ZERO = "the record says fewer bytes on the wire than it holds: we believe the bytes"
NANO = "the time in the record has a fraction of a second or more: tshark wraps it in its own way"

# capture, packets (None: all of them), fields, reason
ROWS = [
    ("DTP.pcap", None, "eth.dst", ISL),
    ("arp-too-long-tha.pcap", {1}, "arp.*", SIZES),
    ("bgp-bgp_capabilities_print-oobr-1.pcap", {1}, "l4.payload_len", NO_LEN),
    ("bgp-bgp_capabilities_print-oobr-2.pcap", {1}, "l4.payload_len", NO_LEN),
    ("bigtcp-ipv4-vxlan-ipv4.pcap", {1}, "ip.*", DENIES),
    ("bigtcp-ipv4-vxlan-ipv4.pcap", {1}, "ip4.*", DENIES),
    ("ip-snmp-leftshift-unsigned.pcap", {1}, "l4.payload_len", WIRE),
    ("ipv4_invalid_total_length_2.pcap", {1}, "ip.*", DENIES),
    ("ipv4_invalid_total_length_2.pcap", {1}, "ip4.*", DENIES),
    ("ipv6-next-header-oobr-1.pcap", {1}, "ip6.exthdr", EXT),
    ("ipv6-next-header-oobr-2.pcap", {1}, "ip6.exthdr", EXT),
    ("ipv6-rthdr-oobr.pcap", {1}, "ip.proto", EXT),
    ("ipv6-rthdr-oobr.pcap", {1}, "ip6.proto", EXT),
    ("ipv6_invalid_length.pcap", {1}, "ip.*", CUT),
    ("ipv6_invalid_length.pcap", {1}, "ip6.*", CUT),
    ("pim_header_asan-2.pcap", {3}, "pkt.len", ZERO),
    ("rsvp-rsvp_obj_print-oobr.pcap", {2}, "pkt.len", ZERO),
    ("timestamp_invalid_nano.pcap", {2, 3}, "now", NANO),
]


def find(capture, packet, field):
    """The row that lists this difference, or None."""
    for n, (name, packets, pattern, _) in enumerate(ROWS):
        if name == capture and (not packets or packet in packets) and fnmatch(field, pattern):
            return n
    return None


def of_captures(names):
    """Rows about these captures."""
    return {n for n, row in enumerate(ROWS) if row[0] in names}
