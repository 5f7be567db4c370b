# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Random programs of what OpenFlow can mostly express: keys of one or both IP versions, states with
timeouts, small registers, guards of fields, lists and registers, headers that are written."""

import random

KEYS = ["ip.src", "ip4.src", "eth.src", "ip.src, ip.dst", "in_port", "ip.src, ip.dst, l4.src, l4.dst, ip.proto",
        "tcp.src, tcp.dst", "vlan.id", "ip6.dst", "ip.dst, ip.proto"]
PAIRS = [("eth.dst", "eth.src"), ("ip.src, ip.dst", "ip.dst, ip.src"), ("ip4.dst", "ip4.src")]
TESTS = ["tcp.dst == 80", "udp.dst != 53", "l4.dst in 0..1023", "tcp.syn && !tcp.ack", "tcp", "udp", "ip6",
         "vlan", "vlan.id == 5", "ip.proto in { 1, 17 }", "ip4.src == 10.0.0.1", "ip.dst != 10.0.0.2",
         "ip.src in sources", "eth.dst >> 40 & 1 == 1", "in_port == 1", "in_port != 2", "in_port in 2..3",
         "pkt.len > 100", "pkt.len <= 64", "arp.op == 1", "icmp.type == 8", "ip.dscp > 10", "l4",
         "tcp.flags & 0x12 == 0x02", "udp.src < 1024", "ip.ecn != 0", "arp", "tcp.dst > 1000"]
WRITES = ["ip.dscp = 46", "ip.dscp = 8", "udp.dst = 99", "ip4.dst = 10.9.9.9", "eth.dst = 02:00:00:00:00:09",
          "l4.src = 7", "ip.ttl = 3", "vlan.id = 9", "metadata = 5"]
ASSIGNED = ["+= 1", "= 3", "= pkt.len", "= in_port", "-= 2", "= 700", "= 0", "= pkt.len % 7",
            "= (pkt.len + 3) / 5", "= in_port * 300 + 1", "= pkt.len & 15", "= in_port << 9",
            "+= pkt.len % 300", "= pkt.len * 2 - in_port * 3", "= (in_port + 1) * (in_port + 2) % 3", "= pkt.len >> 3"]
VERDICTS = ["pass", "drop", "output(2)", "output(3)", "reply", "flood", "punt", "next", "mirror(4); pass",
            'notify "seen"; drop']


class Machine:
    def __init__(self, rng, name):
        self.rng, self.name = rng, name
        self.two = rng.random() < 0.2
        self.both = not self.two and rng.random() < 0.2
        self.regs = 0 if self.both else rng.randrange(0, 3)
        self.states = rng.randrange(1, 4)

    def condition(self, depth=2):
        rng = self.rng
        if depth and rng.random() < 0.5:
            a, b = self.condition(depth - 1), self.condition(depth - 1)
            return rng.choice([f"({a} && {b})", f"({a} || {b})", f"!({a})"])
        if self.regs and rng.random() < 0.25:
            return f"r{rng.randrange(self.regs)} {rng.choice(['==', '!=', '<', '>=', '>', '<='])} {rng.randrange(5)}"
        if self.both and rng.random() < 0.2:
            return "forward"
        return rng.choice(TESTS)

    def body(self, depth=1):
        rng, out = self.rng, []
        enters = rng.random() < 0.6
        for r in range(self.regs):
            if self.two and enters:
                out.append(f"r{r} = {rng.choice(['in_port', str(rng.randrange(300))])}")
            elif not self.two and rng.random() < 0.5:
                out.append(f"r{r} {rng.choice(ASSIGNED)}")
        if enters:
            out.append(f"goto s{rng.randrange(self.states)}")
        if depth and rng.random() < 0.3:
            out.append(f"if {self.condition(1)} {{ {self.body(0)} }}")
        if rng.random() < 0.3:
            out.append(rng.choice(WRITES))
        return "; ".join(out + [rng.choice(VERDICTS)])

    def rules(self):
        rng = self.rng
        on = [f"        on {self.condition()} {{ {self.body()} }}" for _ in range(rng.randrange(1, 4))]
        return "\n".join(on + [f"        else {{ {self.body()} }}"])

    def text(self):
        rng = self.rng
        pair = rng.choice(PAIRS)
        key = f"lookup {pair[0]}\n    update {pair[1]}" if self.two else f"key {rng.choice(KEYS)}"
        if self.both:
            key = "key connection"
        out = [f"machine {self.name} {{\n    {key}"]
        out += [f"    reg r{r} : u32" for r in range(self.regs)]
        out.append("    capacity 64k when full evict\n    without key -> " + rng.choice(["pass", "drop", "next"]))
        for s in range(self.states):
            timeout = f" {rng.choice(['idle', 'hard'])} {rng.choice([1, 20, 300])}ms -> s0"
            out.append(f"    state s{s}{timeout if s and rng.random() < 0.6 else ''} {{\n{self.rules()}\n    }}")
        return "\n".join(out) + "\n}\n"


def program(seed):
    rng = random.Random(f"openflow {seed}")
    names = ["one", "two"][:rng.randrange(1, 3)]
    return ("set sources = { 10.0.0.0/30, 2001:db8::/32, 192.0.2.1 }\n\n" +
            "\n".join(Machine(rng, name).text() for name in names))
