# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs as trees: text that knows which of its parts can be left out, or put in each other's place.

A Node is a list of strings and of Nodes. A Seq is a Node whose parts stand on lines of their own
and can be left out one by one. An Expr is a Node with a kind and a width, which any other of its
kind can take the place of."""

import copy

# Operators, loosest first; the higher binds tighter.
LOR, LAND, COMPARE, BOR, BXOR, BAND, SHIFT, SUM, PRODUCT, UNARY, PRIMARY = range(1, 12)
PRECEDENCE = {"||": LOR, "&&": LAND, "==": COMPARE, "!=": COMPARE, "<": COMPARE, "<=": COMPARE,
              ">": COMPARE, ">=": COMPARE, "|": BOR, "^": BXOR, "&": BAND, "<<": SHIFT,
              ">>": SHIFT, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT}


class Node:
    decides = False  # a statement or block that ends in a verdict, whatever happens

    def __init__(self, *parts):
        self.parts = list(parts)

    def text(self, depth=0):
        return "".join(p if isinstance(p, str) else p.text(depth) for p in self.parts)

    def walk(self):
        yield self
        for part in self.parts:
            if not isinstance(part, str):
                yield from part.walk()


class Seq(Node):
    """Lines. in_braces: a block of statements or members; otherwise the file."""

    def __init__(self, *parts, in_braces=True):
        super().__init__(*parts)
        self.in_braces = in_braces

    def text(self, depth=0):
        inner = depth + self.in_braces
        pad = "    " * inner
        lines = "".join(pad + p.text(inner) + "\n" for p in self.parts)
        if not self.in_braces:
            return lines
        return "{\n" + lines + "    " * depth + "}" if lines else "{ }"


class Expr(Node):
    """kind: num time bool ip4 ip6 ip mac. constant: a literal, or the name of a constant."""

    def __init__(self, kind, width, *parts, prec=PRIMARY, constant=False, least=0, stored=False):
        super().__init__(*parts)
        self.kind, self.width, self.prec = kind, width, prec
        self.constant = constant
        self.stored = stored  # a field, register or global: not compared with truth values
        self.least = least

    def text(self, depth=0):
        out = []
        left = True
        for part in self.parts:
            if isinstance(part, Expr):
                least = self.least + (0 if left or self.prec in (LOR, LAND) else 1)
                inner = part.text(depth)
                out.append(f"({inner})" if part.prec < least else inner)
                left = False
            else:
                out.append(part if isinstance(part, str) else part.text(depth))
        return "".join(out)


def binary(kind, width, op, a, b):
    prec = PRECEDENCE[op]
    # comparisons do not chain: both sides bind tighter
    least = prec + 1 if prec == COMPARE else prec
    return Expr(kind, width, a, f" {op} ", b, prec=prec, least=least)


def unary(kind, width, op, a):
    return Expr(kind, width, op, a, prec=UNARY, least=PRIMARY)


def call(kind, width, name, *args):
    parts = [name + "("]
    for i, arg in enumerate(args):
        parts += [", ", arg] if i else [arg]
    return Expr(kind, width, *parts, ")")


def number(value, width=64):
    return Expr("num", width, str(value), constant=True)


def clone(tree):
    return copy.deepcopy(tree)
