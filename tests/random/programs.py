# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Random programs: 1 to 4 machines over the whole language, as trees."""

import fields
from exprs import Array, Exprs, Name, Scope
from fields import FIELD, FIELDS
from tree import Expr, Node, Seq

TYPES = {"u8": ("num", 8), "u16": ("num", 16), "u32": ("num", 32), "u64": ("num", 64),
         "bool": ("bool", 1), "time": ("time", 64), "ip4": ("ip4", 32), "ip6": ("ip6", 128),
         "ip": ("ip", 128), "mac": ("mac", 48)}
SINGLE_KEYS = ["ip.src", "ip.dst", "ip4.src", "eth.src", "eth.dst", "in_port", "ip.proto"] * 3 + \
    ["ip4.dst", "ip6.src", "tcp.dst", "udp.src", "l4.dst", "l4.src", "vlan.id", "eth.type",
     "arp.spa", "mpls.label", "ip.dscp", "ip.ttl", "tcp.syn", "gre.key", "vxlan.vni", "gtpu.teid",
     "icmp.id", "sctp.vtag", "nd.target", "metadata"]
MANY_KEYS = [["ip.src", "ip.dst", "l4.src", "l4.dst", "ip.proto", "in_port", "eth.src", "ip.dscp"],
             ["ip4.src", "ip4.dst", "ip4.proto", "tcp.src", "tcp.dst", "vlan.id", "eth.dst"],
             ["ip6.src", "ip6.dst", "ip6.flow", "udp.src", "udp.dst", "in_port"],
             ["eth.src", "eth.dst", "eth.type", "vlan.id", "vlan.pcp", "in_port", "pkt.len"],
             ["arp.spa", "arp.tpa", "arp.op", "arp.sha"]]
PAIR_KEYS = [("eth.dst", "eth.src"), ("ip.src", "ip.dst"), ("ip4.dst", "ip4.src"),
             ("ip6.src", "ip6.dst"), ("tcp.dst", "tcp.src"), ("l4.src", "l4.dst"),
             ("arp.tpa", "arp.spa"), ("in_port", "pkt.len"), ("ip4.src", "arp.spa"),
             ("eth.src", "eth.src")]
# What one packet may have together: an expression speaks mostly of one of these.
COMMON = ["eth.src", "eth.dst", "eth.type", "in_port", "pkt.len", "metadata", "now"]
IP = ["ip.src", "ip.dst", "ip.proto", "ip.ttl", "ip.dscp", "ip.ecn", "ip.len", "ip.frag",
      "ip.version"]
IP4 = IP + ["ip4.src", "ip4.dst", "ip4.id", "ip4.ttl", "ip4.df", "ip4.mf", "ip4.len", "ip4.csum"]
TCP = ["tcp.src", "tcp.dst", "tcp.flags", "tcp.syn", "tcp.ack", "tcp.fin", "tcp.rst", "tcp.seq",
       "tcp.ack_no", "tcp.window", "tcp.csum", "l4.src", "l4.dst", "l4.payload_len"]
UDP = ["udp.src", "udp.dst", "udp.len", "udp.csum", "l4.src", "l4.dst", "l4.payload_len"]
THEMES = [(IP4 + TCP, 6), (IP + TCP, 3), (IP4 + UDP, 3), (IP + UDP, 2), (IP4, 2), (IP, 2),
          (IP + [f.name for f in FIELDS if f.layer in ("IP6", "IP6FRAG")], 2),
          (IP + ["vlan.id", "vlan.pcp", "vlan.dei", "vlan.tpid", "vlan2.id", "vlan2.pcp"], 2),
          ([f.name for f in FIELDS if f.layer in ("MPLS", "MPLS2")], 1),
          ([f.name for f in FIELDS if f.layer == "ARP"], 1),
          (IP + [f.name for f in FIELDS if f.layer in ("ICMP", "ICMP6", "ND")], 1),
          (IP + [f.name for f in FIELDS if f.layer in ("SCTP", "GRE", "VXLAN", "GTPU")], 1)]


class Options:
    """full: also what XDP cannot do (mirror, queue, tunnel_id). small: what the verifier has time
    for. tiny: what clang has compiled in a moment; edits: of those, it may change packets."""

    def __init__(self, full, small=False, tiny=False, edits=True):
        self.full, self.small, self.tiny, self.edits = full, small or tiny, tiny, edits


class Machine:
    """One machine while it is written."""

    def __init__(self, index, scope):
        self.index, self.s, self.rng = index, scope, scope.rng
        self.name = f"m{index}"
        self.x = Exprs(scope)
        self.states = []
        self.last = True  # nothing comes after it
        self.lets = 0
        self.deciding = False  # without a default, every rule ends in a verdict

    def plan(self):
        """The names that other machines may speak of."""
        rng = self.rng
        self.key = rng.choices(["none", "one", "many", "connection", "flow", "two"],
                               [8, 4, 2, 2, 1, 1] if self.s.options.tiny else
                               [1, 4, 3, 4, 2, 3])[0]
        self.keyed = self.key != "none"
        most = 2 if self.s.options.tiny else 3 if self.s.options.small else 5
        self.n_states = min(most, rng.choice([0, 1, 2, 3, 3, 4, 5])) if self.keyed else 0
        self.states = [f"s{i}" for i in range(self.n_states)]
        if self.keyed:
            self.s.machines[self.name] = self.states or ["start"]

    # --- parts ------------------------------------------------------------------------------

    def keys(self):
        rng = self.rng
        if self.key == "one":
            return [Node("key " + rng.choice(SINGLE_KEYS))]
        if self.key == "many":
            some = rng.choice(MANY_KEYS)
            return [Node("key " + ", ".join(rng.sample(some, min(rng.choice([2, 2, 2, 3, 3, 4, 8]), len(some)))))]
        if self.key in ("connection", "flow"):
            return [Node("key " + self.key)]
        pair = list(rng.choice(PAIR_KEYS))
        if pair[0].startswith("ip") and rng.random() < 0.4:
            more = rng.choice([("l4.src", "l4.dst"), ("ip.proto", "ip.proto"), ("in_port", "in_port"),
                               ("ip.ttl", "ip.proto")])
            pair = [f"{a}, {b}" for a, b in zip(pair, more)] if "arp" not in pair[1] else pair
        if rng.random() < 0.1:
            pair = ["connection", "connection"]
            self.key = "connection"
        return [Node("lookup " + pair[0]), Node("update " + pair[1])]

    def registers(self):
        rng, out = self.rng, []
        for i in range(rng.choice([1, 2, 3] if self.s.options.tiny else
                                  [0, 1, 2, 2, 3, 3, 4, 6, 12])):
            t = rng.choice(["u8", "u16", "u32", "u32", "u64", "u64", "bool", "time", "time", "ip4",
                            "ip6", "ip", "mac"])
            kind, width = TYPES[t]
            name = f"r{self.index}_{i}"
            reg = Name(name, kind, width, pool=[0, 1, 2, 3, 5, 8] if width > 8 else [0, 1, 2, 255])
            self.s.regs.append(reg)
            out.append(Node(f"reg {name} : {t}", *self.initial(t, kind, width)))
        return out

    def initial(self, t, kind, width):
        rng = self.rng
        if rng.random() < 0.6:
            return []
        if kind == "bool":
            return [f" = {rng.choice(['true', 'false'])}"]
        if kind == "time":
            return [f" = {rng.choice(fields.DURATIONS)}"]
        if kind == "num":
            return [f" = {rng.choice([0, 1, 7, (1 << width) - 1])}"]
        return [" = ", self.x.address("ip4" if t == "ip" and rng.random() < 0.5 else kind)]

    def capacity(self):
        rng = self.rng
        size = rng.choice(["1", "2", "3", "4", "8", "16", "64", "1k", "4Ki"])
        full = rng.choice(["", "", " when full evict", "refuse", "refuse"])
        if full == "refuse":
            return Node(f"capacity {size} when full refuse -> ", self.verdict(entry=False))
        return Node(f"capacity {size}{full}")

    def verdict(self, entry=True):
        rng = self.rng
        onward = 3 if self.last else 40
        pick = rng.choices(["pass", "drop", "next", "output", "reply", "flood", "punt"],
                           [6, 5, onward, 3, 1, 1, 1])[0]
        if pick != "output":
            return Node(pick)
        port = Expr("num", 64, str(rng.randint(1, 4)), constant=True)
        if entry and rng.random() < 0.4:
            port = self.x.num(1)
        return Node("output(", port, ")")

    def state_head(self, i):
        rng, text = self.rng, f"state {self.states[i]}"
        chance = 0.25 if i == 0 else 0.7
        for kind in rng.sample(["idle", "hard"], 2):
            if rng.random() < chance:
                text += f" {kind} {rng.choice(fields.DURATIONS)} -> {rng.choice(self.states)}"
        return text + (" notify" if rng.random() < 0.2 else "")

    # --- statements -------------------------------------------------------------------------

    def new_let(self, depth):
        kind = self.rng.choice(["num", "num", "num", "bool", "ip", "ip4", "mac", "ip6"])
        value = self.x.truth(depth) if kind == "bool" else \
            self.x.num(depth) if kind == "num" else self.x.of_address(kind)
        name = f"l{self.index}_{self.lets}"
        self.lets += 1
        return Name(name, value.kind, value.width, stored=False), Node(f"let {name} = ", value)

    def assignment(self, name, kind, width, target, pool=None):
        rng = self.rng
        if kind in ("num", "time") and rng.random() < 0.5:
            op = rng.choice(["+=", "+=", "-=", "&=", "|=", "^="])
            value = self.x.constant(Expr(kind, width)) if rng.random() < 0.6 else self.x.num(1)
            return Node(*target, f" {op} ", value)
        if kind == "bool" and rng.random() < 0.2:
            return Node(*target, f" {rng.choice(['&=', '|=', '^='])} ", self.x.truth(1))
        like = Expr(kind, width)
        like.pool = pool
        if kind == "time" and rng.random() < 0.6:
            return Node(*target, " = now")
        if kind == "num" and rng.random() < 0.3:
            return Node(*target, " = ", self.x.constant(like))
        return Node(*target, " = ", self.x.of(kind, width, 2))

    def assign(self):
        rng, s = self.rng, self.s
        pick = rng.random()
        if not s.options.edits:  # one of those that there are
            pick = rng.choice([0] * 5 * bool(s.regs) + [0.6] * bool(s.globals) + [0.7] * bool(s.arrays))
        if pick < 0.55 and s.regs:
            r = rng.choice(s.regs)
            return self.assignment(r.name, r.kind, r.width, [r.name], r.pool)
        if pick < 0.68 and s.globals:
            g = rng.choice(s.globals)
            return self.assignment(g.name, g.kind, g.width, [g.name], g.pool)
        if pick < 0.75 and s.arrays:
            a = rng.choice(s.arrays)
            return self.assignment(a.name, "num", a.width, [self.x.cell(a)])
        writable = [f for f in FIELDS if f.writable and (f.name != "tunnel_id" or s.options.full)]
        likely = [f for f in writable if f.name in s.likely and not (s.strict and f.structural)]
        f = rng.choice(likely if likely and (s.strict or rng.random() < 0.6) else writable)
        return self.assignment(f.name, f.kind, f.width, [f.name], f.pool())

    def statement(self, depth):
        rng = self.rng
        edits = self.s.options.edits
        kinds = {"assign": 12 if edits or self.s.regs or self.s.globals or self.s.arrays else 0,
                 "if": 4 if depth else 0, "count": 2, "notify": 1, "let": 2,
                 "goto": 8 if self.keyed else 0, "swap": int(edits),
                 "tag": int(edits and not self.s.strict),
                 "mirror": 1 if self.s.options.full else 0,
                 "queue": 1 if self.s.options.full else 0}
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        if kind == "assign":
            return self.assign()
        if kind == "if":
            return self.branch(depth - 1)
        if kind == "count":
            return Node(f"count c{rng.randint(0, 3)}")
        if kind == "notify":
            return self.notify()
        if kind == "goto":
            return Node("goto " + rng.choice(self.states or ["start"]))
        if kind == "swap":
            return Node("swap " + rng.choice(["eth", "ip", "l4"]))
        if kind == "tag":
            return self.tag()
        if kind == "mirror":
            return Node("mirror(", self.x.constant(Expr("num", 8)), ")")
        if kind == "queue":
            return Node("queue ", self.x.constant(Expr("num", 8)))
        let, text = self.new_let(2)
        self.s.lets.append(let)
        return text

    def tag(self):
        rng = self.rng
        pick = rng.choice(["vlan.push", "vlan.pop", "mpls.push", "mpls.pop"])
        if pick.endswith("pop"):
            return Node(pick)
        width = 16 if pick == "vlan.push" else 20
        pool = Expr("num", width)
        pool.pool = [1, 100, 200, 100 | 5 << 13, 3]
        value = self.x.constant(pool) if rng.random() < 0.7 else self.x.num(1)
        return Node(pick + " ", value)

    def notify(self):
        n = self.rng.choice([0, 1, 2, 3, 8])
        if not n:
            return Node('notify "nothing to say"')
        self.s.notices += 1
        parts = [f'notify "notice {self.s.notices}" {{ ']
        for i in range(n):
            parts += [", " if i else "", f"a{i} = ", self.x.any(1)]
        return Node(*parts, " }")

    def branch(self, depth):
        parts = ["if ", self.x.truth(1), " ", self.block(depth)]
        while self.rng.random() < 0.25:
            parts += [" else if ", self.x.truth(1), " ", self.block(depth)]
        otherwise = self.rng.random() < 0.5
        if otherwise:
            parts += [" else ", self.block(depth)]
        out = Node(*parts)
        out.decides = otherwise and all(p.decides for p in parts if isinstance(p, Seq))
        return out

    def block(self, depth, decide=False):
        lets = list(self.s.lets)
        n = self.rng.choice([0, 1, 1, 2, 2, 3, 4])
        parts = []
        while len(parts) < n and not (parts and parts[-1].decides):
            parts.append(self.statement(depth))
        decided = bool(parts) and parts[-1].decides
        if not decided and (decide or self.rng.random() < 0.3):
            parts.append(self.verdict())
            decided = True
        self.s.lets = lets
        out = Seq(*parts)
        out.decides = decided
        return out

    # --- rules ------------------------------------------------------------------------------

    def theme(self):
        """Of what the next rule speaks: with a key, of packets that may have it."""
        rng = self.rng
        if self.s.strict and self.s.likely:
            return
        fits = [t for t in THEMES if not self.about or self.about in t[0]] or THEMES
        likely = COMMON + rng.choices([t[0] for t in fits], [t[1] for t in fits])[0]
        if self.s.strict:
            likely = [n for n in likely if not FIELD[n].special]
        self.s.likely = likely

    def moving(self, block, onward):
        """Mostly does something to the entry: walks the states, or writes a register."""
        rng = self.rng
        if onward and rng.random() < 0.4:
            block.parts.insert(0, Node("goto " + onward))
        if self.s.regs and rng.random() < 0.4:
            r = rng.choice(self.s.regs)
            block.parts.insert(0, self.assignment(r.name, r.kind, r.width, [r.name], r.pool))
        return block

    def rules(self, closed, onward=None):
        """closed: the last one takes everything. onward: the state that flows mostly go on to."""
        lets, out = list(self.s.lets), []
        for _ in range(self.rng.choice([1, 1, 2] if self.s.options.tiny else [0, 1, 2, 2, 3, 4])):
            if self.rng.random() < 0.25:
                let, text = self.new_let(2)
                self.s.lets.append(let)
                out.append(text)
            self.theme()
            decide = self.deciding or self.rng.random() < 0.6
            guard = self.x.truth(self.rng.choice([0, 0, 1, 1, 2]))
            out.append(Node("on ", guard, " ", self.moving(self.block(2, decide), onward)))
        if closed or not any(p.parts[0] == "on " for p in out):
            head = self.rng.choice(["else ", "always "])
            body = self.block(2, self.deciding or self.rng.random() < 0.6)
            out.append(Node(head, self.moving(body, onward)))
        self.s.lets = lets
        return out

    def tree(self):
        rng, s = self.rng, self.s
        members = self.keys() if self.keyed else []
        s.regs, s.lets, s.entry, s.connection = [], [], self.keyed, self.key == "connection"
        key = members[0].text().replace(",", "").split()[1:] if members else []
        self.about = next((k for k in key if any(k in t[0] for t in THEMES)), None)
        self.about = {"connection": "l4.src", "flow": "l4.src"}.get(key[0] if key else "", self.about)
        s.strict, s.likely = rng.random() < 0.5, []
        self.theme()
        if self.keyed:
            members += self.registers()
            if rng.random() < 0.7:
                regs, s.regs = s.regs, []
                s.entry = False
                members.append(self.capacity())
                s.regs, s.entry = regs, True
            if rng.random() < 0.1:
                members.append(Node("consistency " + rng.choice(["exact", "per_cpu"])))
            if rng.random() < 0.8:
                regs, s.regs = s.regs, []
                s.entry = False
                members.append(Node("without key -> ", self.verdict()))
                s.regs, s.entry = regs, True
        self.deciding = rng.random() < 0.2
        if not self.deciding:
            members.append(Node("default -> ", self.verdict(entry=False)))
        for i in range(self.n_states):
            closed = rng.random() < 0.7
            onward = self.states[(i + 1) % self.n_states]
            members.append(Node(self.state_head(i) + " ", Seq(*self.rules(closed, onward))))
        if not self.n_states or self.deciding or rng.random() < 0.5:
            common = self.rules(self.deciding or not self.n_states)
            if self.keyed and rng.random() < 0.6:
                members.append(Node("in any state ", Seq(*common)))
            else:
                members += common
        return Node(f"machine {self.name} ", Seq(*members))


def definitions(scope):
    """Constants, sets, globals and arrays."""
    rng, out = scope.rng, []
    x = Exprs(scope)
    for i in range(rng.choice([0, 1, 2, 3])):
        value = rng.choice([0, 1, 2, 3, 22, 80, 443, 1 << 20])
        scope.constants.append(Name(f"K{i}", "num", 64, constant=True, pool=[value]))
        text = rng.choice([f"{value}", f"{value:#x}", f"{value} + 0", f"({value} << 1) >> 1"])
        out.append(Node(f"const K{i} = {text}"))
    for i in range(rng.choice([0, 0, 1, 2, 3])):
        t = rng.choice(["u8", "u16", "u32", "u64", "ip", "ip", "mac"])
        kind, width = TYPES[t]
        scope.sets.append(Name(f"set{i}", kind, width))
        out.append(Node(f"set set{i} : {t} = ", set_list(rng, x, t, kind, width)))
    for i in range(rng.choice([0, 1, 2, 3, 4])):
        t = rng.choice(list(TYPES))
        kind, width = TYPES[t]
        scope.globals.append(Name(f"g{i}", kind, width, pool=[0, 1, 2, 5]))
        machine = Machine(0, scope)
        out.append(Node(f"global g{i} : {t}", *machine.initial(t, kind, width)))
    for i in range(rng.choice([0, 0, 1, 2])):
        t = rng.choice(["u8", "u16", "u32", "u64"])
        rows, columns = rng.choice([1, 2, 3, 8, 64, 1000]), rng.choice([0, 0, 1, 3, 16])
        scope.arrays.append(Array(f"a{i}", TYPES[t][1], rows, columns))
        out.append(Node(f"array {t} a{i}[{rows}]" + (f"[{columns}]" if columns else "")))
    return out


def set_list(rng, x, t, kind, width):
    texts = []
    for _ in range(rng.choice([0, 1, 2, 3, 6])):
        if kind == "num":
            a, b = sorted(rng.choice(fields.PORTS + fields.SEQS) & (1 << width) - 1
                          for _ in range(2))
            texts.append(f"{a}..{b}" if rng.random() < 0.3 else f"{a}")
        elif rng.random() < 0.3:
            texts.append({"ip": rng.choice(["10.0.0.0/8", "2001:db8::/32", "10.0.0.2/32"]),
                          "mac": "02::/40"}[t])
        else:
            texts.append(x.address(kind).text())
    return "{ " + ", ".join(texts) + " }"


def program(rng, options):
    scope = Scope(rng, options)
    scope.notices = 0
    out = definitions(scope)
    machines = [Machine(i, scope) for i in
                range(rng.choice([1] if options.tiny else [1, 1, 1, 2] if options.small else
                                 [1, 1, 2, 2, 3, 4]))]
    for m in machines:
        m.plan()
        m.last = m is machines[-1]
    for m in machines:
        out.append(m.tree())
    return Seq(*out, in_braces=False)
