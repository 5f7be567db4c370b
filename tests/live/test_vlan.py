# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames with a VLAN tag, whether the tag lies in the frame or beside it, as the kernel keeps it.

    h1                            box                           h2
    eth0 ------ p1 ( program, at xdp or tc-ingress ) p2 ------ eth0

The program lets VLAN 100 through and counts by VLAN; VLAN 200 leaves as VLAN 300; untagged frames
leave with tag 400, and those of VLAN 500 without one.
"""

import pytest

import net as live
from net import BROADCAST, eth, mac, udp4

PROGRAM = """machine tagged {
    key vlan.id
    reg n : u32
    without key -> next

    state start {
        on vlan.id == 200 { n += 1; vlan.id = 300; output(3 - in_port) }
        on vlan.id == 500 { n += 1; vlan.pop; output(3 - in_port) }
        on vlan.id == 100 { n += 1; output(3 - in_port) }
        else { n += 1; drop }
    }
}

machine untagged {
    default -> drop
    on arp || udp { vlan.push 400; output(3 - in_port) }
}
"""


@pytest.fixture(params=[("xdp", False), ("tc-ingress", False), ("tc-ingress", True)],
                ids=["xdp", "tc", "tc-beside"])
def wire(net, written, request):
    hook, beside = request.param
    box, hosts = net.host("box"), [net.host("h1"), net.host("h2")]
    for n, host in enumerate(hosts, 1):
        net.cable(host, "eth0", box, f"p{n}")
        for end, device in ((host, "eth0"), (box, f"p{n}")):
            end.offload(device, txvlan=beside, rxvlan=beside)
    box.beba("attach", written("vlans", PROGRAM), "--hook", hook, "--dev", "p1", "--dev", "p2")
    return box, *hosts


def tag_of(tap):
    """The next datagram that says so: its tag or None. The kernel puts it beside the frame."""
    def one():
        try:
            data, more, _, _ = tap.socket.recvmsg(2000, 256)
        except BlockingIOError:
            return None
        if b"tagged" not in data:
            return None
        if data[12:14] == b"\x81\0":
            return data, int.from_bytes(data[14:16], "big") & 0xfff
        for level, kind, value in more:
            if level == 263 and kind == 8:  # SOL_PACKET, PACKET_AUXDATA
                status = int.from_bytes(value[:4], "little")
                tci = int.from_bytes(value[16:18], "little")
                if status & 16:  # TP_STATUS_VLAN_VALID
                    return data, tci & 0xfff
        return data, None
    return live.wait_until("a datagram", one, 5)[1]


def test_tags(wire):
    box, h1, h2 = wire
    tap_out, tap_in = h1.tap("eth0"), h2.tap("eth0")
    tap_in.socket.setsockopt(263, 8, 1)
    payload = udp4("10.2.0.1", "10.2.0.2", 7, 9, b"tagged or not")
    for sent, got in ((200, 300), (None, 400), (500, None), (100, 100)):
        tap_out.send(eth(BROADCAST, mac(1), 0x0800, payload, vlan=sent))
        assert tag_of(tap_in) == got, (sent, got)
    tap_out.send(eth(BROADCAST, mac(1), 0x0800, payload, vlan=7))
    tap_out.send(eth(BROADCAST, mac(1), 0x0800, payload, vlan=100))
    assert tag_of(tap_in) == 100, "the one of VLAN 7 was dropped"

    flows = {int(f["key"].split("=")[1]): f["registers"]["n"] for f in box.flows("vlans")}
    assert flows == {100: 2, 200: 1, 500: 1, 7: 1}
    assert box.counters("vlans").clean()
