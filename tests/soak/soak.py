#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Everything at once, for long: traffic, changes of every kind, controllers that come and go.

    soak.py [--seconds N] [--seed N]        $BEBA: the binary; root; status 77: it cannot run here

    h1 eth0 --- v1 [ switch ] v2 --- eth0 h2
                      | ptcp, and tcp to a controller that listens
                   this program

Two hosts send datagrams; the UDP port says what happens to them: an entry of a table that changes
all the time, a group, a meter, a stateful table, the controller, nothing. A controller adds,
modifies and deletes entries, groups, meters and states, ends its connection in order, with a reset
or in the middle of a message, and is back at once, dialled or dialling. Afterwards:

  memory    resident memory is flat from a quarter of the time on
  rules     what the switch has is what was sent, to the last entry, group, meter and state
  packets   what the hosts sent is what the ports received or lost; what they received and what
            packet-outs made is what was sent, dropped for a reason or told to controllers
"""

import argparse
import json
import mmap
import os
import pathlib
import random
import socket
import struct
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "switch"), os.path.join(ROOT, "controller")]
SKIP = 77

try:
    import conftest
    import net as live
    from beba_osken import messages as beba
    from beba_osken.actions import SetState
    from os_ken.ofproto import ofproto_protocol, ofproto_v1_3 as ofp, ofproto_v1_3_parser as parser
except ImportError as e:
    print(f"SKIPPED: {e.name} is not installed (python3-os-ken, python3-pytest)")
    sys.exit(SKIP)

DP = ofproto_protocol.ProtocolDesc(version=ofp.OFP_VERSION)
CHURNED, LEARNING, STATES = 1, 2, 3  # tables
SOURCES = 4096                       # of the datagrams: 10.1.0.0 and on
PORTS = {name: 1000 + i for i, name in enumerate(
    ["punt", "drop", "churned", "group", "meter", "learning", "unknown"])}
# Most take the paths that change; packet-ins are few, controllers could not read them.
MIX = ["churned"] * 6 + ["group"] * 3 + ["meter"] * 3 + ["learning"] * 6 + ["drop", "unknown"]
PUNT_EVERY = 50
BURST, PAUSE = 32, 0.002
MASTER_GROUP, MASTER_METER = 1, 1


# --- traffic --------------------------------------------------------------------------------------

class Sender:
    """A process that sends from a host until it is told to stop; counts what the kernel took."""

    def __init__(self, host, number, stop):
        self.shared = mmap.mmap(-1, 8)
        s = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("eth0", 0))
        frames = self.frames(number)
        self.pid = os.fork()
        if self.pid:
            return
        sent = 0
        while not stop[0]:
            for _ in range(BURST):
                try:
                    s.send(frames[sent % len(frames)])
                    sent += 1
                except OSError:
                    break
            self.shared[:8] = struct.pack("Q", sent)
            time.sleep(PAUSE)
        os._exit(0)

    @staticmethod
    def frames(number):
        chance = random.Random(number)
        made = []
        for i in range(8000):
            port = PORTS["punt" if i % PUNT_EVERY == 0 else chance.choice(MIX)]
            source = chance.randrange(SOURCES)
            made.append(live.eth(live.mac(3 - number), live.mac(number), 0x0800, live.udp4(
                f"10.1.{source >> 8}.{source & 255}", "10.0.0.9", 5000, port, b"soak")))
        return made

    @property
    def sent(self):
        return struct.unpack("Q", self.shared[:8])[0]


# --- the controller -------------------------------------------------------------------------------

def packed(message):
    message.set_xid(1)
    message.serialize()
    return bytes(message.buf)


def output(port):
    return parser.OFPActionOutput(port, 128)


def apply(*actions):
    return [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions))]


def flow_mod(table, match, instructions=(), command=ofp.OFPFC_ADD, priority=10, cookie=0):
    return packed(parser.OFPFlowMod(
        DP, table_id=table, command=command, priority=priority, cookie=cookie,
        buffer_id=ofp.OFP_NO_BUFFER, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY,
        match=parser.OFPMatch(**match), instructions=list(instructions)))


def address(i):
    return f"10.1.{i >> 8 & 255}.{i & 255}"


class Controller:
    """Sends changes and remembers what the switch must have then."""

    def __init__(self, switch, chance):
        self.switch, self.chance, self.peer = switch, chance, None
        self.flows, self.groups, self.meters, self.states = {}, {}, {}, {}
        self.fixed = 0
        self.cookie = 0
        self.sent = self.sessions = self.packet_ins = self.packet_outs = 0
        self.listener = switch.s.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 6633))
        self.listener.listen(8)
        self.listener.settimeout(10 * live.SLOW)

    def send(self, data):
        self.peer.s.sendall(data)
        self.sent += 1

    def barrier(self):
        for kind, _, body in self.peer.barrier():
            assert kind != 1, f"the switch refuses: {body.hex()}"
            self.packet_ins += kind == 10

    def connect(self):
        """The switch has dialled, or is dialled."""
        if self.sessions % 2:
            self.peer = self.switch.peer().hello()
        else:
            self.peer = conftest.Peer(self.listener.accept()[0]).hello()
        self.sessions += 1

    def leave(self):
        self.barrier()
        how = self.chance.randrange(3)
        if how == 1:  # in the middle of a message: it must leave no trace
            self.peer.s.sendall(flow_mod(CHURNED, {"in_port": 77}, apply(output(1)))[:-9])
        if how == 2:
            self.peer.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.s.close()

    def set_up(self):
        udp = {"eth_type": 0x0800, "ip_proto": 17}
        goto = parser.OFPInstructionGotoTable
        self.send(packed(parser.OFPGroupMod(DP, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, MASTER_GROUP,
                                            [parser.OFPBucket(weight=1, actions=[output(2)])])))
        self.send(self.meter(ofp.OFPMC_ADD, MASTER_METER, 500))
        for table in (LEARNING, STATES):
            for cls, more in ((beba.StatefulTable, ()), (beba.LookupScope, (["ipv4_src"],)),
                              (beba.UpdateScope, (["ipv4_src"],))):
                self.send(packed(cls(DP, *more, table_id=table)))
        to = {"punt": apply(output(ofp.OFPP_CONTROLLER)), "drop": [],
              "churned": [goto(CHURNED)], "learning": [goto(LEARNING)],
              "group": apply(parser.OFPActionGroup(MASTER_GROUP)),
              "meter": [parser.OFPInstructionMeter(MASTER_METER), *apply(output(2))]}
        for name, instructions in to.items():
            self.send(flow_mod(0, dict(udp, udp_dst=PORTS[name]), instructions))
        for here, there in ((1, 2), (2, 1)):
            for state in range(3):
                self.send(flow_mod(LEARNING, {"in_port": here, "state": state}, apply(
                    SetState((state + 1) % 3, LEARNING, idle_timeout=1), output(there))))
        self.fixed = len(to) + 6
        self.barrier()

    @staticmethod
    def meter(command, number, rate):
        return packed(parser.OFPMeterMod(DP, command, ofp.OFPMF_PKTPS, number,
                                         [parser.OFPMeterBandDrop(rate, 0)]))

    def change_flow(self):
        i, port = self.chance.randrange(SOURCES), self.chance.choice((1, 2))
        match = {"eth_type": 0x0800, "ipv4_src": address(i)}
        self.cookie += 1
        what = self.chance.random()
        if what < 0.55:
            self.send(flow_mod(CHURNED, match, apply(output(port)), cookie=self.cookie))
            self.flows[i] = (self.cookie, port)
        elif what < 0.8:
            self.send(flow_mod(CHURNED, match, apply(output(port)), ofp.OFPFC_MODIFY_STRICT))
            if i in self.flows:
                self.flows[i] = (self.flows[i][0], port)
        elif what < 0.9995:
            self.send(flow_mod(CHURNED, match, (), ofp.OFPFC_DELETE_STRICT))
            self.flows.pop(i, None)
        else:  # a sixteenth of them at once
            low = i & 0xf00
            self.send(flow_mod(CHURNED, {"eth_type": 0x0800, "ipv4_src": (
                address(low), "255.255.255.0")}, (), ofp.OFPFC_DELETE))
            self.flows = {k: v for k, v in self.flows.items() if k & 0xf00 != low}

    def change_group(self):
        number, port = self.chance.randrange(100, 200), self.chance.choice((1, 2))
        buckets = [parser.OFPBucket(weight=w, actions=[output(port)])
                   for w in range(1, self.chance.randrange(2, 6))]
        if self.chance.random() < 0.2:
            self.send(packed(parser.OFPGroupMod(DP, ofp.OFPGC_MODIFY, ofp.OFPGT_SELECT,
                                                MASTER_GROUP, buckets)))
        elif number not in self.groups:
            self.send(packed(parser.OFPGroupMod(DP, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, number,
                                                buckets)))
            self.groups[number] = len(buckets)
        elif self.chance.random() < 0.5:
            self.send(packed(parser.OFPGroupMod(DP, ofp.OFPGC_MODIFY, ofp.OFPGT_SELECT, number,
                                                buckets)))
            self.groups[number] = len(buckets)
        else:
            self.send(packed(parser.OFPGroupMod(DP, ofp.OFPGC_DELETE, ofp.OFPGT_SELECT, number)))
            del self.groups[number]

    def change_meter(self):
        number, rate = self.chance.randrange(100, 200), self.chance.randrange(100, 5000)
        if self.chance.random() < 0.2:
            self.send(self.meter(ofp.OFPMC_MODIFY, MASTER_METER, rate))
        elif number not in self.meters:
            self.send(self.meter(ofp.OFPMC_ADD, number, rate))
            self.meters[number] = rate
        elif self.chance.random() < 0.5:
            self.send(self.meter(ofp.OFPMC_MODIFY, number, rate))
            self.meters[number] = rate
        else:
            self.send(packed(parser.OFPMeterMod(DP, ofp.OFPMC_DELETE, 0, number, [])))
            del self.meters[number]

    def change_state(self):
        key = socket.inet_aton(address(self.chance.randrange(SOURCES)))
        if self.chance.random() < 0.7:
            state = self.chance.randrange(1, 1000)
            self.send(packed(beba.SetFlowState(DP, state, key, STATES)))
            self.states[key.hex()] = state
        elif key.hex() in self.states:
            self.send(packed(beba.DelFlowState(DP, key, STATES)))
            del self.states[key.hex()]

    def packet_out(self):
        frame = live.eth(live.mac(2), live.mac(1), 0x88b5, b"from the controller")
        self.send(packed(parser.OFPPacketOut(DP, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER,
                                             [output(2)], frame)))
        self.packet_outs += 1

    def session(self, end):
        """Changes until that time."""
        self.connect()
        if not self.fixed:
            self.set_up()
        while time.monotonic() < end:
            for _ in range(40):
                self.change_flow()
            for change in (self.change_group, self.change_meter, self.change_state,
                           self.change_state, self.packet_out):
                change()
            self.barrier()
        self.leave()


# --- what must be true then -----------------------------------------------------------------------

class Verdicts:
    def __init__(self):
        self.failed = 0

    def check(self, what, good, found):
        print(f"{'ok    ' if good else 'FAILED'} {what}: {found}", flush=True)
        self.failed += not good


def same(wanted, got):
    """(equal, what to say of it)"""
    if wanted == got:
        return True, f"{len(got)}"
    lost = [k for k in wanted if k not in got]
    more = [k for k in got if k not in wanted]
    other = [k for k in wanted if k in got and wanted[k] != got[k]]
    return False, (f"{len(wanted)} sent, {len(got)} there; lost {lost[:5]}, not sent {more[:5]}, "
                   f"different {[(k, wanted[k], got[k]) for k in other[:5]]}")


def check_rules(verdicts, switch, c):
    flows = switch.ctl("flows", "--table", CHURNED)
    got = {(f["match"], int(f["cookie"], 16)): f["actions"] for f in flows}
    wanted = {(f"ip,nw_src={address(i)}", cookie): f"output:{port}"
              for i, (cookie, port) in c.flows.items()}
    verdicts.check("entries", *same(wanted, got))
    others = [f for f in switch.ctl("flows") if f["table"] != CHURNED]
    verdicts.check("entries never touched", len(others) == c.fixed, len(others))
    groups = {g["group"]: g["text"].count("bucket=") for g in switch.ctl("groups")
              if g["group"] != MASTER_GROUP}
    verdicts.check("groups", *same(c.groups, groups))
    meters = {m["meter"]: int(m["text"].split("rate=")[1].split()[0].rstrip(","))
              for m in switch.ctl("meters") if m["meter"] != MASTER_METER}
    verdicts.check("meters", *same(c.meters, meters))
    states = {s["key"]: s["state"] for s in switch.ctl("states", "--table", STATES)}
    verdicts.check("states", *same(c.states, states))


def check_packets(verdicts, switch, senders, c):
    ports = {p["port"]: p for p in switch.ctl("ports")}
    n = switch.counters()
    print(json.dumps({"ports": [{k: p[k] for k in ("port", "rx_packets", "tx_packets", "lost")}
                                for p in ports.values()], "counters": n}))
    unsent = sum(v for p in ports.values() for k, v in p["lost"].items() if k.startswith("tx_"))
    for i, sender in enumerate(senders, 1):
        p = ports[i]
        came = p["rx_packets"] + sum(v for k, v in p["lost"].items() if k.startswith("rx_"))
        left = switch.hosts[i - 1].link("eth0")["stats64"]["tx"]["packets"]
        verdicts.check(f"sent by h{i}, received or lost by port {i}",
                       sender.sent == came == left, f"{sender.sent} {left} {came}")
        arrived = switch.hosts[i - 1].link("eth0")["stats64"]["rx"]["packets"]
        verdicts.check(f"sent by port {i}, received by h{i}", p["tx_packets"] == arrived,
                       f"{p['tx_packets']} {arrived}")
    received = sum(p["rx_packets"] for p in ports.values())
    verdicts.check("run of those received", n["packets"] == received,
                   f"{n['packets']} of {received}")
    verdicts.check("packet-outs", n["packet_outs"] == c.packet_outs and not n["packet_outs_lost"],
                   f"{n['packet_outs']} of {c.packet_outs}")
    sent = sum(p["tx_packets"] for p in ports.values())
    dropped = sum(n["drops"].values())
    told = n["packet_ins"] + n["packet_ins_limited"] + n["packet_ins_ring_full"]
    verdicts.check("packets = sent + lost + dropped + told",
                   n["packets"] + n["packet_outs"] == sent + unsent + dropped + told,
                   f"{n['packets']} + {n['packet_outs']} = {sent} + {unsent} + {dropped} + "
                   f"{told}")
    ends = [n["packet_ins_" + how] for how in ("sent", "dropped", "unwanted")]
    verdicts.check("told = delivered + dropped for slow controllers + not wanted",
                   n["packet_ins"] == sum(ends), f"{n['packet_ins']} = {' + '.join(map(str, ends))}")
    unused = [reason for reason in ("no entry matched", "no output", "meter")
              if not n["drops"][reason]]
    verdicts.check("reasons to drop that never came up", not unused, unused or "none")


def mean(values):
    return sum(values) / len(values)


def check_memory(verdicts, memory):
    """memory: KiB, sampled evenly."""
    quarter = max(1, len(memory) // 4)
    early, late = mean(memory[quarter:2 * quarter]), mean(memory[-quarter:])
    bound = 2048 * live.SLOW + 0.02 * early
    verdicts.check("memory is flat", late - early <= bound,
                   f"{early:.0f} KiB in the second quarter, {late:.0f} in the last; from time to time "
                   f"{memory[::max(1, len(memory) // 8)]}")
    verdicts.check("memory is bounded", max(memory) < 400 * 1024 * live.SLOW,
                   f"{max(memory)} KiB at most")


def soak(seconds, seed, directory):
    chance = random.Random(seed)
    verdicts, memory = Verdicts(), []
    with live.Net(directory) as net:
        switch = conftest.Switch(net, directory)
        controller = Controller(switch, chance)
        for host in switch.hosts:  # nothing but what is sent here
            host.run("ip", "link", "set", "dev", "eth0", "arp", "off")
        switch.start("-c", "tcp:127.0.0.1:6633", "--log-level", "notice")
        before = [h.link("eth0")["stats64"]["tx"]["packets"] for h in switch.hosts]
        assert before == [0, 0], f"hosts have sent {before} packets by themselves"
        stop = mmap.mmap(-1, 1)
        begin = time.monotonic()
        senders = []
        try:
            controller.session(begin)
            senders = [Sender(h, i, stop) for i, h in enumerate(switch.hosts, 1)]
            while time.monotonic() < begin + seconds:
                controller.session(min(time.monotonic() + chance.uniform(0.5, 3),
                                       begin + seconds))
                memory.append(switch.memory())
        finally:
            stop[0] = 1
            for sender in senders:
                os.waitpid(sender.pid, 0)
        settled(switch)
        print(f"{time.monotonic() - begin:.0f} s: {sum(s.sent for s in senders)} packets, "
              f"{controller.sent} messages in {controller.sessions} sessions, "
              f"{controller.packet_ins} packet-ins", flush=True)
        check_memory(verdicts, memory)
        check_rules(verdicts, switch, controller)
        check_packets(verdicts, switch, senders, controller)
        verdicts.check("it ends in order", switch.kill(15) == 0, "yes")
        said = [line for line in switch.log().splitlines()
                if "Sanitizer" in line or "runtime error" in line]
        verdicts.check("no sanitizer has spoken", not said, said[:3] or "none")
    return verdicts.failed


def settled(switch):
    """All that was sent has come through."""
    last = None
    while True:
        now = switch.counters()["packets"]
        if now == last:
            return
        last = now
        time.sleep(0.3)


def main():
    args = argparse.ArgumentParser(description="Traffic, changes and controllers, all at once.")
    args.add_argument("--seconds", type=float, default=1800)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args = args.parse_args()
    if conftest.MISSING:
        print(f"SKIPPED: {conftest.MISSING}")
        return SKIP
    print(f"soaking for {args.seconds:g} s, seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="beba-soak-") as directory:
        return 1 if soak(args.seconds, args.seed, pathlib.Path(directory)) else 0


if __name__ == "__main__":
    sys.exit(main())
