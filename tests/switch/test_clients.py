# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""More of what real clients do: they watch, send bundles, have bad certificates, are FAUCET.

    h1 eth0 --- v1 (port 1) [ switch ] v2 (port 2) --- eth0 h2
"""

import contextlib
import os
import re
import socket
import struct

import net as live
from conftest import HERE, need
from test_daemon import certificate

pytestmark = [need("ovs-ofctl"), need("ping")]


@contextlib.contextmanager
def watching(switch, tmp_path, *args):
    """An ovs-ofctl that goes on; yields what reads its output."""
    path = tmp_path / "watched"
    switch.net.env["OVS_RUNDIR"] = str(tmp_path)  # its control socket
    with open(path, "wb") as out:
        live.wait_until("all are gone", lambda: not switch.counters()["controllers"])
        process = switch.s.spawn("ovs-ofctl", "-O", "OpenFlow13", args[0], "unix:" + switch.path,
                                 *args[1:], stdout=out, stderr=out)
        live.wait_until("it is connected", lambda: switch.counters()["controllers"])
        yield path.read_text
        assert process.poll() is None, path.read_text()
        live.stop(process)


def test_monitor(switch, tmp_path):
    switch.start()
    switch.ofctl("add-flow", "actions=controller:65535")
    with watching(switch, tmp_path, "monitor", "65534") as said:
        live.wait_until("packet-ins", lambda: (switch.ping(count=1), "OFPT_PACKET_IN" in said())[1])
        assert "in_port=1 (via action)" in said() and "arp" in said()
        assert "***" not in said() and "experimenter" not in said().lower()
        switch.ofctl("add-flow", "table=5,send_flow_rem,actions=drop")
        switch.ofctl("del-flows", "table=5")
        live.wait_until("flow-removed", lambda: re.search(
            r"OFPT_FLOW_REMOVED.*reason=delete table_id=5", said()))
        switch.hosts[1].run("ip", "link", "set", "eth0", "down")
        live.wait_until("port-status", lambda: re.search(
            r"OFPT_PORT_STATUS.*MOD: 2\(v2\).*LINK_DOWN", said().replace("\n", " ")))


def test_snoop(switch, tmp_path):
    switch.start()
    with watching(switch, tmp_path, "snoop") as said:
        switch.hosts[0].run("ip", "link", "set", "eth0", "down")
        live.wait_until("port-status", lambda: "OFPT_PORT_STATUS" in said())


def test_packet_ins_are_counted_once(switch):
    """Also those that nobody is there for."""
    switch.start()
    switch.ofctl("add-flow", "actions=controller")
    sender = switch.hosts[0].socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("eth0", 0))
    peer = switch.peer().hello()
    for wanted in (1, 0):
        before = switch.counters()
        for _ in range(5):
            sender.send(live.eth(live.mac(2), live.mac(1), 0x88b5, b""))
        live.wait_until("packet-ins", lambda: switch.counters()["packet_ins"] >=
                        before["packet_ins"] + 5)
        more = {k: v - before[k] for k, v in switch.counters().items() if k.startswith("packet_in")}
        assert more["packet_ins"] == more["packet_ins_sent"] + more["packet_ins_unwanted"] + \
            more["packet_ins_dropped"]
        assert more["packet_ins_sent" if wanted else "packet_ins_unwanted"] >= 5, more
        peer.s.close()
        live.wait_until("it is gone", lambda: not switch.counters()["controllers"])


def test_bundle_commands(switch, tmp_path):
    switch.start()

    def file(text):
        path = tmp_path / "file"
        path.write_text(text)
        return str(path)

    switch.ofctl("add-groups", file("group_id=1,type=all,bucket=output:2\n"
                                    "group_id=2,type=indirect,bucket=group:1\n"), "--bundle")
    assert "group_id=2" in switch.ofctl("dump-groups")
    switch.ofctl("add-flows", file("in_port=1,actions=group:2\nin_port=2,actions=output:1\n"),
                 "--bundle")
    assert switch.ping() == 3
    switch.ofctl("replace-flows", file("in_port=1,actions=output:2\nin_port=2,actions=output:1\n"),
                 "--bundle")
    assert "group" not in switch.ofctl("dump-flows") and switch.ping() == 3
    switch.ofctl("mod-flows", "in_port=1,actions=drop", "--bundle")
    assert switch.ping(count=1) == 0
    before = switch.ofctl("dump-groups")
    refused = switch.ofctl("add-groups", file("group_id=7,type=all,bucket=output:2\n"
                                              "group_id=1,type=all,bucket=output:1\n"), "--bundle",
                           check=False)
    assert "OFPGMFC_GROUP_EXISTS" in refused
    assert re.sub("xid=[^)]*", "", switch.ofctl("dump-groups")) == re.sub("xid=[^)]*", "", before)
    switch.ofctl("bundle", file("group add group_id=9,type=all,bucket=output:2\n"
                                "flow delete\nflow add in_port=1,actions=group:9\n"
                                "flow add in_port=2,actions=output:1\n"))
    assert switch.ping() == 3
    switch.ofctl("del-flows", "in_port=1", "--bundle")
    assert switch.ping(count=1) == 0


def expired(directory, name, ca):
    """A certificate that was good until yesterday."""
    key, cert, csr = (directory / f"{name}.{end}" for end in ("key", "pem", "csr"))
    live.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", key, "-subj", f"/CN={name}", "-out", csr)
    live.run("openssl", "x509", "-req", "-in", csr, "-CA", directory / f"{ca}.pem", "-CAkey",
             directory / f"{ca}.key", "-CAcreateserial", "-days", "-1", "-out", cert)


@need("openssl")
def test_expired_certificates(switch, tmp_path):
    """The client's is refused with a line that says why; the switch's own is for clients to refuse.
    Both do no harm to others."""
    certificate(tmp_path, "ca")
    for name in ("switch", "client"):
        certificate(tmp_path, name, "ca")
    expired(tmp_path, "late", "ca")
    switch.start("-c", "ptls:6640", "--private-key", tmp_path / "switch.key", "--certificate",
                 tmp_path / "switch.pem", "--ca-cert", tmp_path / "ca.pem")

    def ofctl(who, *args):
        return switch.s.run("ovs-ofctl", "-O", "OpenFlow13", "-p", tmp_path / f"{who}.key", "-c",
                            tmp_path / f"{who}.pem", "-C", tmp_path / "ca.pem", args[0],
                            "ssl:127.0.0.1:6640", *args[1:], check=False,
                            timeout=20).stdout.decode()

    ofctl("client", "add-flow", "actions=flood")
    assert switch.ping() == 3
    assert "n_tables" not in ofctl("late", "show")
    assert re.search("certificate is refused: certificate has expired", switch.log())
    assert "n_tables:254" in ofctl("client", "show") and switch.ping() == 3
    for name in ("key", "pem"):
        os.replace(tmp_path / f"late.{name}", tmp_path / f"switch.{name}")
    switch.process.send_signal(1)
    live.wait_until("it has reloaded", lambda: "reloading" in switch.log())
    assert "n_tables" not in ofctl("client", "show")
    assert switch.ping() == 3 and "n_tables:254" in switch.ofctl("show")


def test_thousand_connects(switch):
    """One after another, each with a hello and a request."""
    switch.start("--log-level", "notice")
    switch.ofctl("add-flow", "actions=flood")
    for _ in range(20):
        switch.peer().hello().s.close()
    before = switch.memory()
    for i in range(1000):
        peer = switch.peer().hello()
        peer.send(5, xid=i)
        assert peer.until(6)[1] == i
        if i % 2:
            peer.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.s.close()
    live.wait_until("they are gone", lambda: not switch.counters()["controllers"])
    # Sanitizers hold back what was freed, and look for leaks at the end.
    assert switch.memory() - before < (4096 if live.SLOW == 1 else 256 << 10)
    assert len(os.listdir(f"/proc/{switch.process.pid}/fd")) < 60
    assert switch.ping() == 3


class Wire:
    """A host's end, raw; the kernel puts tags of what comes in beside the frame."""

    def __init__(self, host):
        self.socket = host.tap("eth0").socket
        self.socket.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA

    def send(self, dst, src, text, vlan=None):
        self.socket.send(live.eth(dst, src, 0x88b5, text, vlan))

    def take(self, text):
        """The VLAN of the next frame that says so: 0 where it has no tag; None: not there."""
        while True:
            try:
                data, more, _, where = self.socket.recvmsg(2000, 256)
            except BlockingIOError:
                return None
            if where[2] == live.PACKET_OUTGOING or text not in data:
                continue
            if data[12:14] == b"\x81\0":
                return int.from_bytes(data[14:16], "big") & 0xfff
            status, tci = struct.unpack_from("=I12xH", more[0][2])  # struct tpacket_auxdata
            return tci & 0xfff if status & 1 << 4 else 0

    def heard(self, text):
        """As take, in a tuple, when it comes."""
        def one():
            vid = self.take(text)
            return None if vid is None else (vid,)
        return live.wait_until(text.decode(), one)


@need("osken-manager")
def test_faucet(switch, tmp_path):
    """Five tables, VLANs pushed and popped, masks, goto, packet-ins, what is told and what not.
    Port 1 is untagged, port 2 tagged."""
    log = tmp_path / "controller.log"
    switch.start("-c", "tcp:127.0.0.1:6633")
    for host in switch.hosts:
        host.run("ip", "link", "set", "dev", "eth0", "arp", "off")
    h1, h2 = (Wire(h) for h in switch.hosts)
    a, b = live.mac(1), live.mac(2)
    with open(log, "ab") as out:
        switch.s.spawn("osken-manager", "--ofp-tcp-listen-port", "6633",
                       os.path.join(HERE, "faucet_app.py"), stdout=out, stderr=out)
    live.wait_until("the tables", lambda: "READY" in log.read_text(), timeout=40)
    assert {f["table"] for f in switch.ctl("flows")} == {0, 1, 2, 3, 4}

    # Flooded, told, learned.
    h1.send(b, a, b"first")
    assert h2.heard(b"first") == (100,)
    h2.send(a, b, b"second", vlan=100)
    assert h1.heard(b"second") == (0,)
    for port in (1, 2):
        live.wait_until("packet-ins", lambda: f"IN {port} vid=100 reason=1 table=2" in
                        log.read_text())
    learned = live.wait_until("entries", lambda: len(switch.ctl("flows", "--table", "3")) == 3 and
                              switch.ctl("flows", "--table", "3"))
    assert sum("dl_dst=02:00:00:00:00:0" in f["match"] for f in learned) == 2, learned

    # What is learned is sent straight, and not told.
    told = switch.counters()["packet_ins"]
    h1.send(b, a, b"third")
    assert h2.heard(b"third") == (100,)
    h2.send(a, b, b"fourth", vlan=100)
    assert h1.heard(b"fourth") == (0,)
    assert switch.counters()["packet_ins"] == told
    packets = {f["match"]: f["packets"] for f in switch.ctl("flows", "--table", "3")}
    assert sum(n for match, n in packets.items() if "dl_dst" in match) >= 2, packets

    # Other VLANs and links' control frames stay; multicast goes on.
    h2.send(a, b, b"wrong VLAN", vlan=200)
    h1.send(bytes.fromhex("0180c2000002"), a, b"link control")
    h1.send(bytes.fromhex("01005e000001"), a, b"multicast")
    h2.send(a, b, b"last", vlan=100)
    assert h1.heard(b"last") == (0,)
    assert h2.heard(b"") == (100,)  # the next of any: the multicast frame
    assert h2.take(b"link control") is None and h1.take(b"wrong VLAN") is None

    live.wait_until("flow-removed", lambda: "REMOVED 2 1" in log.read_text())  # hard timeout
    switch.hosts[1].run("ip", "link", "set", "eth0", "down")
    live.wait_until("port-status", lambda: "PORT 2 1" in log.read_text())
    assert "ERROR" not in log.read_text() and "TABLES 0 1 2 3 4" in log.read_text()
