#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""`beba switch` beside Open vSwitch's user-space datapath (netdev), both between veth pairs.

    switch_bench.py [--json FILE] [--quick]        $BEBA: the binary; needs root

Forwarding: each switch has a namespace, a generator and a sink of its own and is held on one CPU,
the generator on another; the frames (60 bytes, 1000 TCP connections) are the same for all, and
rounds alternate. Switches: one entry that sends on; BEBA's port knocking and MAC learning as their
controllers set them up, with states that let the frames through. Then what controllers feel: adds
a second with a barrier over TCP, the time from a frame that comes in to the one that the controller
sends out for it, and how long a million states take to list. Controllers are this program, so
their share is in the figures. Open vSwitch is left out where it is not installed."""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "live"), os.path.join(ROOT, "controller")]

import net as live  # noqa: E402

try:
    from beba_osken import messages as beba, stats
    from beba_osken.actions import SetState
    from os_ken.ofproto import ofproto_protocol, ofproto_v1_3 as ofp, ofproto_v1_3_parser as parser
    DP = ofproto_protocol.ProtocolDesc(version=ofp.OFP_VERSION)
    MISSING = None
except ImportError as e:
    MISSING = f"{e.name} (python3-os-ken) is not installed"

CONNECTIONS = 1000
BATCH = 64
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20


# --- frames, sent 64 to a system call -------------------------------------------------------------

class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("len", ctypes.c_uint32)]


def source(i):
    return f"10.1.{i >> 8}.{i & 255}"


def near(i):
    return b"\2\1\0\0" + struct.pack("!H", i)


def far(i):
    return b"\2\2\0\0" + struct.pack("!H", i)


def frame(i):
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + socket.inet_aton(source(i)) + \
        socket.inet_aton("10.2.0.1")
    ip = ip[:10] + struct.pack("!H", live.checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", 40000, 22, 1, 1, 0x50, 0x10, 1024, 0, 0)
    return live.eth(far(i), near(i), 0x0800, ip + tcp)


class Generator:
    """Sends as fast as it can by a socket of its own."""

    def __init__(self, host, device):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((device, 0))
        self.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self.iov = (Iovec * CONNECTIONS)(*[Iovec(frame(i), 60) for i in range(CONNECTIONS)])
        self.msg = (Mmsghdr * (CONNECTIONS + BATCH))()
        for i, m in enumerate(self.msg):
            m.iov, m.iovlen = ctypes.pointer(self.iov[i % CONNECTIONS]), 1

    def run(self, seconds):
        at, fd, size = 0, self.socket.fileno(), ctypes.sizeof(Mmsghdr)
        base = ctypes.addressof(self.msg)
        begin = time.monotonic()
        end, now = begin + seconds, begin
        while now < end:
            for _ in range(16):
                live.libc.sendmmsg(fd, ctypes.c_void_p(base + at * size), BATCH, 0)
                at = (at + BATCH) % CONNECTIONS
            now = time.monotonic()
        return now - begin


# --- switches -------------------------------------------------------------------------------------

def packed(message):
    message.set_xid(1)
    message.serialize()
    return bytes(message.buf)


def flow_mod(match, actions, priority=100):
    then = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
    return packed(parser.OFPFlowMod(DP, priority=priority, match=parser.OFPMatch(**match),
                                    instructions=then))


def output(port):
    return parser.OFPActionOutput(port, 65535)


def stateful(lookup, update):
    return [packed(m) for m in (beba.StatefulTable(DP, table_id=0),
                                beba.LookupScope(DP, [lookup], table_id=0),
                                beba.UpdateScope(DP, [update], table_id=0))]


def one_entry():
    return [flow_mod({"in_port": 1}, [output(2)])]


def port_knocking():
    """controller/apps/port_knocking.py; all sources have knocked."""
    udp = {"in_port": 1, "eth_type": 0x0800, "ip_proto": 17}
    made = stateful("ipv4_src", "ipv4_src")
    made.append(flow_mod({"in_port": 2}, [output(1)]))
    for state, knock in enumerate((10, 11, 12, 13)):
        made.append(flow_mod(dict(udp, udp_dst=knock, state=state), [SetState(state + 1, 0)]))
    made.append(flow_mod({"in_port": 1, "eth_type": 0x0800, "ip_proto": 6, "tcp_dst": 22,
                          "state": 4}, [output(2)]))
    return made + [packed(beba.SetFlowState(DP, 4, socket.inet_aton(source(i)), 0))
                   for i in range(CONNECTIONS)]


def mac_learning():
    """controller/apps/mac_learning.py; the far addresses were seen at port 2."""
    made = stateful("eth_dst", "eth_src")
    for here, there in ((1, 0), (1, 2), (2, 0), (2, 1)):
        made.append(flow_mod({"in_port": here, "state": there}, [
            SetState(here, 0, hard_timeout=10), output(there or ofp.OFPP_FLOOD)]))
    return made + [packed(beba.SetFlowState(DP, 2, far(i), 0)) for i in range(CONNECTIONS)]


class Controller:
    def __init__(self, host):
        self.s = live.wait_until("a connection", lambda: host.connect("127.0.0.1", 6653))
        self.s.settimeout(15)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.s.sendall(bytes.fromhex("0400000800000000"))
        self.until(0)
        # Packet-ins go only to those of OVS's listeners that have asked for them.
        self.s.sendall(bytes.fromhex("0409000c000000010000ffff"))

    def message(self):
        """Type and bytes; waits busily."""
        while True:
            if len(self.buffer) >= 8:
                n = struct.unpack_from("!H", self.buffer, 2)[0]
                if len(self.buffer) >= n:
                    made, self.buffer = self.buffer[:n], self.buffer[n:]
                    return made[1], made
            part = self.s.recv(1 << 20)
            if not part:
                raise live.Failed("the switch has closed the connection")
            self.buffer += part

    def until(self, kind):
        while True:
            got, data = self.message()
            if got == 1 and kind != 1:
                raise live.Failed("the switch refuses: " + data.hex())
            if got == 2:
                self.s.sendall(bytes([4, 3]) + data[2:])
            if got == kind:
                return data

    def send(self, messages):
        """And waits until it is done."""
        self.s.sendall(b"".join(messages) + bytes.fromhex("0414000800000009"))
        self.until(21)


class Switch:
    """Between gN and kN of the outside, in a namespace of its own."""

    def __init__(self, net, name):
        self.name = name
        self.host, self.outside = net.host(name), net.host(name + "o")
        for device, there in (("in", "gen"), ("out", "sink")):
            net.cable(self.host, device, self.outside, there)
            self.outside.run("ip", "link", "set", "dev", there, "arp", "off")
            self.outside.offload(there, gro=False)
            self.host.offload(device, gro=False)
        self.pid = self.control = None
        self.mpps, self.cpu = [], []

    def ready(self, messages):
        self.control = Controller(self.host)
        self.control.send(messages)
        self.generator = Generator(self.outside, "gen")
        return self

    def cpu_ns(self):
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total

    def arrived(self):
        return self.outside.link("sink")["stats64"]["rx"]["packets"]

    def measure(self, seconds):
        before, cpu = self.arrived(), self.cpu_ns()
        took = self.generator.run(seconds)
        time.sleep(0.02)
        arrived, cpu = self.arrived() - before, self.cpu_ns() - cpu
        self.mpps.append(1e-6 * arrived / took)
        self.cpu.append(cpu / arrived if arrived else 0)


def start_beba(net, name, directory, messages, *options):
    s = Switch(net, name)
    s.process = s.host.spawn("taskset", "-c", str(last_cpu()), live.BEBA, "switch", "-p", "in=1",
                             "-p", "out=2", "-c", "ptcp:6653", "--control", directory / name,
                             "--log-level", "warning", *options)
    s.pid = s.process.pid
    return s.ready(messages)


def start_ovs(net, directory, messages):
    """With all its files in directory; None where it is not."""
    if not shutil.which("ovs-vswitchd") or not os.path.exists(SCHEMA):
        return None
    s = Switch(net, "ovs")
    run, db = directory / "ovs", directory / "ovs" / "db.sock"
    run.mkdir()
    net.env.update(OVS_RUNDIR=str(run), OVS_LOGDIR=str(run), OVS_DBDIR=str(run))
    s.host.run("ovsdb-tool", "create", run / "conf.db", SCHEMA)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    s.host.spawn("ovsdb-server", run / "conf.db", f"--remote=punix:{db}",
                 f"--pidfile={run}/db.pid", **quiet)
    live.wait_until("the database", db.exists)
    s.process = s.host.spawn("taskset", "-c", str(last_cpu()), "ovs-vswitchd", f"unix:{db}",
                             f"--pidfile={run}/ovs.pid", **quiet)
    s.pid = s.process.pid
    s.host.run("ovs-vsctl", f"--db=unix:{db}", "--timeout=10", "add-br", "br0", "--", "set",
               "bridge", "br0", "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13",
               "--", "add-port", "br0", "in", "--", "set", "interface", "in", "ofport_request=1",
               "--", "add-port", "br0", "out", "--", "set", "interface", "out", "ofport_request=2",
               "--", "set-controller", "br0", "ptcp:6653:127.0.0.1")
    return s.ready(messages)


def last_cpu():
    return (os.cpu_count() or 1) - 1


# --- what is measured -----------------------------------------------------------------------------

def forwarding(switches, quick):
    for r in range(5 if quick else 20):
        for k in range(len(switches)):
            switches[(r + k) % len(switches)].measure(0.2 if quick else 0.4)
    made, by = [], {s.name: s for s in switches}

    def ratio(s, other):
        """How much faster: of each round, as the machine's speed drifts."""
        return statistics.median(a / b for a, b in zip(s.mpps, by[other].mpps) if b)

    print(f"{'60-byte frames':20} {'Mpps':>8} {'CPU ns':>8} {'of ovs':>8} {'of one entry':>13}")
    for s in switches:
        mpps, of_ovs = statistics.median(s.mpps), ratio(s, "ovs") if "ovs" in by else 0
        of_one = ratio(s, "beba")
        print(f"{s.name:20} {mpps:8.3f} {statistics.median(s.cpu):8.0f} {of_ovs:8.2f} "
              f"{of_one:13.2f}", flush=True)
        r = {"name": "switch_" + {"beba": "one_entry", "ovs": "one_entry"}.get(s.name, s.name),
             "target": "ovs" if s.name == "ovs" else "beba", "flows": CONNECTIONS, "skew": None,
             "cores": 1, "mpps": round(mpps, 4), "ns_per_packet": round(1e3 / mpps, 1),
             "cpu_ns": round(statistics.median(s.cpu), 1), "reference": None, "ratio": None}
        if s.name == "beba" and of_ovs:
            r.update(reference=statistics.median(by["ovs"].mpps), ratio=round(1 / of_ovs, 3),
                     bar={"field": "ratio", "max": 1.0})
        elif s.name not in ("beba", "ovs"):
            r.update(reference=statistics.median(by["beba"].mpps),
                     ratio=round(1 / of_one, 3),
                     bar={"field": "ratio", "max": 1.15})
        made.append(r)
    return made


def adds(switch, n):
    """A second, of n entries for different addresses."""
    first = flow_mod({"eth_type": 0x0800, "ipv4_src": "10.9.8.7"}, [output(2)])
    head, tail = first.split(socket.inet_aton("10.9.8.7"))
    data = b"".join(head + struct.pack("!I", 0x0b000000 + i) + tail for i in range(n))
    begin = time.monotonic()
    switch.control.send([data])
    took = time.monotonic() - begin
    switch.control.send([packed(parser.OFPFlowMod(
        DP, table_id=0, command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY,
        match=parser.OFPMatch(eth_type=0x0800, ipv4_src=("11.0.0.0", "255.0.0.0"))))])
    return n / took


def round_trip(switch, n):
    """us from a frame to what the controller has sent out for it: median, 99th of 100."""
    switch.control.send([flow_mod({"eth_type": 0x88b5}, [output(ofp.OFPP_CONTROLLER)], 200)])
    sink = switch.outside.tap("sink")
    gen = switch.generator.socket
    out = parser.OFPPacketOut(DP, ofp.OFP_NO_BUFFER, 1, [output(2)], b"\0" * 60)
    head = packed(out)[:-60]
    made = []
    for i in range(n):
        asked = live.eth(far(1), near(1), 0x88b5, struct.pack("!I", i))
        begin = time.perf_counter()
        gen.send(asked)
        data = switch.control.until(10)
        switch.control.s.sendall(head + data[-60:])
        while not any(f == asked for f in sink.take()):
            if time.perf_counter() > begin + 1:
                raise live.Failed("a packet-out has not come")
        made.append(1e6 * (time.perf_counter() - begin))
        time.sleep(0.0005)
    made.sort()
    return made[n // 2], made[n * 99 // 100]


def list_states(net, directory, n):
    """Seconds to add n states, and to list them over OpenFlow and with beba ctl."""
    s = start_beba(net, "states", directory, stateful("ipv4_src", "ipv4_src"), "--max-flows",
                   str(2 * n))
    first = packed(beba.SetFlowState(DP, 4, b"\x0a\x09\x08\x07", 0))
    head, tail = first.rsplit(b"\x0a\x09\x08\x07", 1)
    data = b"".join(head + struct.pack("!I", i) + tail for i in range(n))
    begin = time.monotonic()
    s.control.send([data])
    added = time.monotonic() - begin
    request = packed(stats.StateStats(DP, table_id=0))
    begin, size, more, buffer = time.monotonic(), 0, True, bytearray()
    s.control.s.sendall(request)
    while more:
        buffer += s.control.s.recv(1 << 20)
        at = 0
        while more and len(buffer) - at >= 12:
            length = struct.unpack_from("!H", buffer, at + 2)[0]
            if len(buffer) - at < length:
                break
            if buffer[at + 1] == 1:
                raise live.Failed("the switch refuses: " + bytes(buffer[at:at + length]).hex())
            if buffer[at + 1] == 19:
                more = buffer[at + 11] & 1
                size += length
            at += length
        del buffer[:at]
    listed = time.monotonic() - begin
    begin = time.monotonic()
    done = live.run(live.BEBA, "ctl", "-S", directory / "states", "--json", "states", timeout=60)
    return added, listed, size, time.monotonic() - begin, done.stdout.count(b"\n")


def value(name, target, number, unit, **more):
    return {"name": name, "target": target, "value": round(number, 3), "unit": unit, "cores": 1,
            **more}


def bench(quick, directory):
    made = []
    with live.Net(directory) as net:
        ovs = start_ovs(net, directory, one_entry())
        plain = start_beba(net, "beba", directory, one_entry())
        switches = [plain, *([ovs] if ovs else []),
                    start_beba(net, "port_knocking", directory, port_knocking()),
                    start_beba(net, "mac_learning", directory, mac_learning())]
        if not ovs:
            print("switch_bench: without Open vSwitch, which is not here")
        os.sched_setaffinity(0, {0})
        made += forwarding(switches, quick)
        n = 2000 if quick else 100000
        for s in switches[:2 if ovs else 1]:
            s.control = Controller(s.host)  # the first has not answered echo requests meanwhile
            rates = [adds(s, n) for _ in range(3)]
            rate = statistics.median(rates)
            print(f"{s.name}: {rate:,.0f} adds a second of {n:,} entries, with a barrier", flush=True)
            bar = {} if s is ovs else {"bar": {"field": "value", "max": 10.0}}
            made.append(value("switch_add", s.name, 1e6 / rate, "us", **bar))
            median, late = round_trip(s, 200 if quick else 1000)
            print(f"{s.name}: {median:.0f} us from packet-in to packet-out, 99 of 100 within "
                  f"{late:.0f}", flush=True)
            bar = {} if s is ovs else {"bar": {"field": "value", "max": 200.0}}
            made.append(value("switch_round_trip", s.name, median, "us", **bar))
        n = 100000 if quick else 1000000
        added, listed, size, ctl, lines = list_states(net, directory, n)
        print(f"beba: {n:,} states: added in {added:.2f} s, listed over OpenFlow in {listed:.2f} s "
              f"({size >> 20} MiB), by beba ctl in {ctl:.2f} s ({lines:,} lines)", flush=True)
        bar = {} if quick else {"bar": {"field": "value", "max": 3.0}}
        made.append(value("switch_list_states", "beba", listed, "s", flows=n, **bar))
    return made


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--json")
    args.add_argument("--quick", action="store_true")
    args = args.parse_args()
    made = []
    why = MISSING or ("network namespaces need root" if os.geteuid() else None)
    if why:
        print(f"switch_bench: SKIPPED: {why}")
    else:
        with tempfile.TemporaryDirectory(prefix="beba-switch-bench-") as directory:
            made = bench(args.quick, pathlib.Path(directory))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(made, f)
    return 0


if __name__ == "__main__":
    sys.exit(main())
