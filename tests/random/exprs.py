# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Random expressions of a wanted kind, over everything that is in scope."""

import fields
from fields import FIELD, FIELDS
from tree import COMPARE, Expr, binary, call, number, unary

ARITHMETIC = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


class Name:
    """Something declared: a register, global, let or constant."""

    def __init__(self, name, kind, width, constant=False, pool=None, stored=True):
        self.name, self.kind, self.width, self.constant = name, kind, width, constant
        self.pool = pool
        self.stored = stored  # not a let


class Array:
    def __init__(self, name, width, rows, columns):
        self.name, self.width, self.rows, self.columns = name, width, rows, columns


class Scope:
    """What an expression may name. layers: headers the packet is likely to have here."""

    def __init__(self, rng, options):
        self.rng, self.options = rng, options
        self.globals, self.arrays, self.sets, self.constants = [], [], [], []
        self.machines = {}  # name: states
        self.regs, self.lets = [], []
        self.connection = self.entry = False
        self.indexing = False  # inside of an array's index: no other array, or it never ends
        self.likely = []
        self.strict = False  # only those: then packets have every field that the machine reads

    def has(self, kind):
        return any(FIELD[n].kind == kind for n in self.likely)

    def names(self, *kinds):
        known = self.regs * 3 + self.lets * 2 + self.globals
        return [n for n in known if n.kind in kinds]


class Exprs:
    def __init__(self, scope):
        self.s, self.rng = scope, scope.rng

    # --- leaves -----------------------------------------------------------------------------

    def field(self, *kinds):
        """Mostly one of the headers that packets have."""
        if self.s.strict:
            kinds = [k for k in kinds if self.s.has(k)] or ["num"]
        kind = self.rng.choice(kinds)
        likely = [FIELD[n] for n in self.s.likely if FIELD[n].kind == kind]
        if likely and (self.s.strict or self.rng.random() < 0.85):
            f = self.rng.choice(likely)
        else:
            f = self.rng.choice([f for f in FIELDS if f.kind in kinds])
        if f.name == "tunnel_id" and not self.s.options.full:
            f = FIELD["metadata"]
        out = Expr(f.kind, f.width, f.name, stored=True)
        out.pool = f.pool()
        return out

    def named(self, n):
        out = Expr(n.kind, n.width, n.name, constant=n.constant, stored=n.stored)
        out.pool = n.pool
        return out

    def constant(self, other=None):
        """A number that fits the other side of a comparison or its destination."""
        width = other.width if other is not None else 64
        pool = getattr(other, "pool", None) or [0, 1, 2, 3, 5, 8, 100]
        if other is not None and other.kind == "time" and self.rng.random() < 0.95:
            return Expr("time", 64, self.rng.choice(fields.DURATIONS), constant=True)
        value = self.rng.choice(pool)
        if self.rng.random() < 0.1:
            value = self.rng.choice([value + 1, max(0, value - 1), (1 << width) - 1, 1 << width - 1])
        value &= (1 << min(width, 64)) - 1
        fitting = [c for c in self.s.constants if c.kind == "num" and c.pool[0] >> width == 0]
        if fitting and self.rng.random() < 0.1:
            return self.named(self.rng.choice(fitting))
        form = self.rng.choice(["{}", "{}", "{}", "{:#x}", "{:#b}"])
        return Expr("num", 64, form.format(value), constant=True)

    def address(self, kind):
        pool = {"mac": fields.MACS, "ip4": fields.IP4S, "ip6": fields.IP6S,
                "ip": fields.IP4S + fields.IP6S}[kind]
        text = self.rng.choice(pool)
        return Expr(kind, {"mac": 48, "ip4": 32}.get(kind, 128), text, constant=True)

    def cell(self, array):
        parts = [array.name]
        outer, self.s.indexing = self.s.indexing, True
        for _ in range(2 if array.columns else 1):
            index = self.num(1) if self.rng.random() < 0.6 else self.constant()
            parts += ["[", index, "]"]
        self.s.indexing = outer
        return Expr("num", array.width, *parts)

    def number_leaf(self):
        pick = self.rng.random()
        names = self.s.names("num", "time")
        if names and pick < 0.35:
            return self.named(self.rng.choice(names))
        if self.s.arrays and pick < 0.42 and not self.s.indexing:
            return self.cell(self.rng.choice(self.s.arrays))
        if pick < 0.46:
            return Expr("num", 32, "pkt.len", stored=True)
        if pick < 0.5:
            return Expr("time", 64, "now", stored=True)
        if pick < 0.52:
            return call("num", 64, "random", self.rng.choice([number(2), number(5), number(100)]))
        if pick < 0.56:
            return self.hash()
        if pick < 0.60:  # addresses that fit a word compute like numbers
            kind = self.narrow_address()
            return binary("num", 64, "&", self.field(kind), number(self.rng.choice([1, 3, 0xff])))
        return self.field("num")

    def narrow_address(self):
        return self.rng.choice(["ip4", "mac"]) if self.s.has("ip4") else "mac"

    def hash(self):
        args = [self.field("num", "ip", "ip4", "ip6", "mac", "time", "bool")
                for _ in range(self.rng.choice([1, 1, 2, 2, 3] if self.s.options.small else
                                       [1, 1, 2, 2, 3, 5, 16]))]
        return call("num", 32, "hash", *args)

    # --- numbers ----------------------------------------------------------------------------

    def num(self, depth):
        """A number of any width, never a constant: constants are computed by the checker."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.35:
            return self.number_leaf()
        pick = rng.random()
        if pick < 0.45:
            return self.arithmetic(depth)
        if pick < 0.55:
            e = self.num(depth - 1)
            return unary("num", e.width, "~", e) if rng.random() < 0.6 else unary("num", 64, "-", e)
        if pick < 0.62:
            a, b = self.num(depth - 1), self.num(depth - 1)
            return call("num", 64, "ewma", a, b, number(rng.randint(1, 7)))
        if pick < 0.67:
            return call("num", 64, "avg", *(self.operand(depth - 1) for _ in range(2)), self.num(0))
        if pick < 0.72:
            return call("num", 64, "var", *(self.operand(depth - 1) for _ in range(3)), self.num(0))
        name = rng.choice(["min", "max", "sat_add", "sat_sub", "abs_diff"])
        a, b = self.num(depth - 1), self.operand(depth - 1)
        if rng.random() < 0.3:
            a, b = b, a
        kind = "time" if "time" in (a.kind, b.kind) else "num"
        return call(kind, 64, name, a, b)

    def operand(self, depth):
        if self.rng.random() < 0.05 and self.s.has("bool"):
            return self.field("bool")
        return self.constant() if self.rng.random() < 0.4 else self.num(depth)

    def arithmetic(self, depth):
        rng = self.rng
        op = rng.choice(ARITHMETIC)
        a, b = self.num(depth - 1), self.operand(depth - 1)
        if rng.random() < 0.2 and op not in "/%":
            a, b = b, a
        if b.constant and op in "/%":
            b = number(rng.choice([1, 2, 3, 7, 8, 1000]))
        if b.constant and op in ("<<", ">>"):
            b = number(rng.choice([0, 1, 3, 8, 31, 32, 63, 64, 65, 200]))
        if op == "/":
            kind = "time" if a.kind == "time" and b.kind != "time" else "num"
        elif op in ("<<", ">>", "%"):
            kind = a.kind if a.kind == "time" else "num"
        else:
            kind = "time" if "time" in (a.kind, b.kind) else "num"
        return binary(kind, 64, op, a, b)

    # --- truth values -----------------------------------------------------------------------

    def compare(self, depth):
        rng = self.rng
        op = rng.choice(COMPARISONS)
        if rng.random() < 0.65:  # something simple with a value from its pool
            a = self.number_leaf() if rng.random() < 0.6 else self.field("num")
            b = self.constant(a)
        else:
            a = self.num(depth - 1)
            b = self.constant(a) if rng.random() < 0.4 else self.num(depth - 1)
        if rng.random() < 0.1:
            a, b = b, a
        return binary("bool", 1, op, a, b)

    def compare_address(self):
        rng = self.rng
        kind = rng.choice(["mac", "ip4", "ip", "ip", "ip6"])
        if self.s.strict and not self.s.has(kind):
            kind = "mac"
        a = self.of_address(kind)
        if kind == "ip" and rng.random() < 0.3:
            b = self.of_address(rng.choice(["ip4", "ip6"]))
        else:
            b = self.address(kind) if rng.random() < 0.6 else self.of_address(kind)
        op = rng.choice(["==", "==", "!="] + COMPARISONS)
        return binary("bool", 1, op, a, b)

    def of_address(self, kind):
        names = self.s.names(kind)
        if names and self.rng.random() < 0.3:
            return self.named(self.rng.choice(names))
        if self.s.strict and not self.s.has(kind):
            return self.named(self.rng.choice(names)) if names else self.address(kind)
        return self.field(kind)

    def member(self, depth):
        rng = self.rng
        kind = rng.choice(["num", "num", "num", "mac", "ip4", "ip", "ip6"])
        if self.s.strict and not self.s.has(kind):
            kind = "num"
        sets = [s for s in self.s.sets if s.kind == kind or (s.kind == "ip" and kind in ("ip4", "ip6"))]
        if kind != "num":
            a = self.of_address(kind)
            if sets and rng.random() < 0.6:
                return self.inside(a, rng.choice(sets).name)
            return self.inside(a, self.address_list(kind))
        a = self.field("num") if rng.random() < 0.6 else self.num(depth - 1)
        if sets and rng.random() < 0.3:
            return self.inside(a, rng.choice(sets).name)
        if rng.random() < 0.4:
            return self.inside(a, *self.range(a, depth))
        parts = ["{ "]
        for i in range(rng.randint(1, 5)):
            parts.append(", " if i else "")
            if rng.random() < 0.25:
                parts += self.range(a, depth)
            else:
                parts.append(self.constant(a) if rng.random() < 0.85 else self.num(0))
        return self.inside(a, *parts, " }")

    def inside(self, a, *parts):
        """Members bind tighter than `in`: what does not gets its parentheses in text()."""
        return Expr("bool", 1, a, " in ", *parts, prec=COMPARE, least=COMPARE + 1)

    def range(self, a, depth):
        if a.kind != "time" and self.rng.random() < 0.7:
            ends = sorted(int(self.constant_value(a)) for _ in range(2))
            return [f"{ends[0]}..{ends[1]}"]
        return [self.num(0), "..", self.num(depth - 2)]

    def constant_value(self, a):
        return self.rng.choice(getattr(a, "pool", None) or [0, 1, 2, 3, 100]) & (1 << a.width) - 1

    def address_list(self, kind):
        rng = self.rng
        prefixes = {"mac": ["01:00:5e:00:00:00/25", "02::/16"],
                    "ip4": ["10.0.0.0/8", "10.0.1.0/24", "224.0.0.0/4", "0.0.0.0/0"],
                    "ip6": ["2001:db8::/32", "fe80::/10", "::/0"]}
        prefixes["ip"] = prefixes["ip4"] + prefixes["ip6"]
        texts = [rng.choice(prefixes[kind]) if rng.random() < 0.4 else self.address(kind).text()
                 for _ in range(rng.randint(1, 4))]
        if len(texts) == 1 and "/" in texts[0]:
            return texts[0]
        return "{ " + ", ".join(texts) + " }"

    def flag(self):
        rng = self.rng
        if self.s.strict and not self.s.has("bool"):
            return self.compare(0)
        a = self.field("bool")
        if rng.random() < 0.7:
            return a
        b = rng.choice(["0", "1", "true", "false"])
        other = Expr("bool", 1, b, constant=True) if rng.random() < 0.7 else self.field("bool")
        return binary("bool", 1, rng.choice(["==", "!="]), a, other)

    def state(self):
        rng = self.rng
        name = rng.choice(list(self.s.machines))
        states = self.s.machines[name]
        if rng.random() < 0.4:
            some = rng.sample(states, rng.randint(1, len(states)))
            return Expr("bool", 1, f"state({name}) in {{ {', '.join(some)} }}", prec=COMPARE)
        op = rng.choice(["==", "!="])
        return Expr("bool", 1, f"state({name}) {op} {rng.choice(states)}", prec=COMPARE)

    def truth_leaf(self, depth):
        rng = self.rng
        pick = rng.random()
        if pick < 0.40:
            return self.compare(depth)
        if pick < 0.50:
            return self.compare_address()
        if pick < 0.65:
            return self.member(depth)
        if pick < 0.73:
            return self.flag()
        if pick < 0.81:
            return Expr("bool", 1, rng.choice(fields.LAYERS + ["ip", "ip4", "tcp", "udp"] * 4))
        if pick < 0.85:
            return call("bool", 1, rng.choice(["seq_lt", "seq_leq"]), self.num(1), self.operand(1))
        if pick < 0.90 and self.s.machines:
            return self.state()
        if pick < 0.94 and self.s.connection and self.s.entry:
            return Expr("bool", 1, rng.choice(["forward", "backward"]))
        names = self.s.names("bool")
        if names and pick < 0.98:
            return self.named(rng.choice(names))
        return binary("bool", 1, "<", call("num", 64, "random", number(100)),
                      number(rng.choice([10, 50, 90])))

    def truth(self, depth):
        rng = self.rng
        if depth <= 0 or rng.random() < 0.5:
            return self.truth_leaf(depth + 1)
        pick = rng.random()
        if pick < 0.18:
            return unary("bool", 1, "!", self.truth(depth - 1))
        if pick < 0.28:
            op = rng.choice(["|", "^", "&"])
            return binary("bool", 1, op, self.truth(depth - 1), self.truth(depth - 1))
        a, b = self.truth(depth - 1), self.truth(depth - 1)
        if pick < 0.33:
            return binary("bool", 1, rng.choice(["==", "!="]), a, b)
        op = rng.choice(["&&", "||"])
        return binary("bool", 1, op, a, b)

    # --- of a kind --------------------------------------------------------------------------

    def of(self, kind, width, depth):
        """What can be assigned to something of this kind."""
        rng = self.rng
        if kind == "bool":
            return self.truth(depth)
        if kind in ("num", "time"):
            if rng.random() < 0.3:
                target = Expr(kind, width)
                return self.constant(target)
            return self.num(depth)
        if rng.random() < 0.2:
            return self.address(kind)
        if kind == "ip":
            return self.of_address(rng.choice(["ip", "ip", "ip4", "ip6"]))
        if kind in ("ip4", "mac") and rng.random() < 0.2:  # a computed number will do
            return binary("num", 64, rng.choice("+^|"), self.of_address(kind), self.num(0))
        return self.of_address(kind)

    def any(self, depth):
        kind = self.rng.choice(["num", "num", "bool", "ip", "mac", "ip4", "ip6"])
        return self.of(kind, 64, depth)
