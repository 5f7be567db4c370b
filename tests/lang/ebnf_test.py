#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Holds the grammar of docs/language.md against the parser.

Sentences generated at random from the EBNF must parse, and format to a fixed point. Every word, sign and
function of the lexer stands in the grammar, and nothing else does. Usage: ebnf_test.py LANG_GOLDEN LANGUAGE_MD"""
import random
import re
import subprocess
import sys

SENTENCES = 1500
MAX_DEPTH = 40
MAX_TOKENS = 400
# Nonterminals that stand on lines of their own.
LINES = {"item", "declaration", "state", "any", "rule", "let", "statement", "step"}
TERMINALS = {
    "name": ["a", "b1", "Foo", "_x", "count", "queue", "times", "out", "len", "expect", "no", "set", "time"],
    "string": ['"text"', '"a \\"b\\" \\x41"', '""'],
    "number": ["0", "80", "0x1f", "0b101", "1_000", "10ms", "64Ki", "10Mbps", "1500B"],
    "address": ["10.0.0.1", "10.0.0.0/8", "2001:db8::1", "2001:db8::/32", "aa:bb:cc:dd:ee:ff", "02::1", "::"],
    "field": ["tcp.dst", "ip.src", "now", "in_port", "eth.type", "vlan.id", "tcp.syn"],
    "layer": ["tcp", "ip", "ip6", "vlan", "arp"],
}


def tokens(text):
    return re.findall(r'"[^"]+"|[a-z0-9-]+|[=;|\[\]{}()]', text)


class Grammar:
    def __init__(self, text):
        self.rules, self.literals, at = {}, set(), 0
        toks = tokens(text)
        while at < len(toks):
            name = toks[at]
            assert toks[at + 1] == "=", f"'=' expected after {name}"
            node, at = self.alternatives(toks, at + 2)
            assert toks[at] == ";", f"';' expected after {name}, found {toks[at]}"
            self.rules[name] = node
            at += 1
        self.cost = {}
        self.costs()

    def alternatives(self, toks, at):
        out = []
        while True:
            seq, at = self.sequence(toks, at)
            out.append(seq)
            if toks[at] != "|":
                return ("or", out), at
            at += 1

    def sequence(self, toks, at):
        out = []
        while toks[at] not in ("|", ";", ")", "]", "}"):
            tok = toks[at]
            if tok in "([{":
                node, at = self.alternatives(toks, at + 1)
                assert toks[at] == {"(": ")", "[": "]", "{": "}"}[tok]
                out.append((tok, node))
            elif tok[0] == '"':
                self.literals.add(tok[1:-1])
                out.append(("lit", tok[1:-1]))
            else:
                out.append(("ref", tok))
            at += 1
        return ("seq", out), at

    def depth(self, node):
        kind, value = node
        if kind == "or":
            return min(self.depth(n) for n in value)
        if kind == "seq":
            return max((self.depth(n) for n in value), default=0)
        if kind == "ref":
            return 0 if value in TERMINALS else 1 + self.cost.get(value, 10**6)
        return self.depth(value) if kind == "(" else 0

    def costs(self):
        """The least depth of each nonterminal, to end sentences that grow too deep."""
        for _ in self.rules:
            for name, node in self.rules.items():
                self.cost[name] = min(self.cost.get(name, 10**6), self.depth(node))

    def references(self, node):
        kind, value = node
        if kind in ("or", "seq"):
            return set().union(*(self.references(n) for n in value), set())
        if kind == "ref":
            return {value}
        return set() if kind == "lit" else self.references(value)

    def generate(self, node, rng, depth, out):
        kind, value = node
        tired = depth > MAX_DEPTH // 2 or len(out) > MAX_TOKENS
        if kind == "or":
            if depth > MAX_DEPTH or len(out) > MAX_TOKENS:
                best = min(self.depth(n) for n in value)
                value = [n for n in value if self.depth(n) == best]
            self.generate(rng.choice(value), rng, depth, out)
        elif kind == "seq":
            for n in value:
                self.generate(n, rng, depth, out)
        elif kind == "lit":
            out.append(value)
        elif kind == "(":
            self.generate(value, rng, depth, out)
        elif kind == "[":
            if not tired and rng.random() < 0.5:
                self.generate(value, rng, depth, out)
        elif kind == "{":
            while not tired and rng.random() < 0.4:
                self.generate(value, rng, depth, out)
        elif value in TERMINALS:
            out.append(rng.choice(TERMINALS[value]))
        else:
            if value in LINES:
                out.append("\n")
            self.generate(self.rules[value], rng, depth + 1, out)
            if value in LINES:
                out.append(rng.choice(["\n", "\n", ";"]))


def sentence(grammar, rng, start):
    out = []
    grammar.generate(("ref", start), rng, 0, out)
    text = " ".join(out).replace(" . ", ".")
    return re.sub(r"(\n|;)(\s*(\n|;))+", r"\n", text)


def wrap(start, text):
    """The nonterminal inside of the least program that holds it."""
    if start == "machine":
        return text
    if start == "statement":
        return "machine m { always { " + text + " } }"
    if start == "expr":
        return "const c = " + text
    if start == "step":
        return 'test "t" { ' + text + " }"
    return text


def check_words(grammar, helper):
    known = {"word": set(), "sign": set(), "function": set()}
    for line in subprocess.run([helper, "words"], capture_output=True, text=True, check=True).stdout.splitlines():
        kind, value = line.split()[:2]
        if kind in known:
            known[kind].add(value)
    known["sign"] -= {";"}  # separates lines
    dotted = {"vlan.push", "vlan.pop", "mpls.push", "mpls.pop"}  # one token each, like fields
    inside_token = {"."}
    everything = known["word"] | known["sign"] | known["function"] | dotted | inside_token
    return ([f"in the lexer, not in the grammar: {w}" for w in sorted(everything - grammar.literals)] +
            [f"in the grammar, not in the lexer: {w}" for w in sorted(grammar.literals - everything)])


def main():
    helper, manual = sys.argv[1:3]
    block = re.search(r"```ebnf\n(.*?)```", open(manual, encoding="utf-8").read(), re.S).group(1)
    grammar = Grammar(block)
    problems = check_words(grammar, helper)
    used = set().union(*(grammar.references(n) for n in grammar.rules.values()))
    problems += [f"used but not defined: {n}" for n in sorted(used - set(grammar.rules) - set(TERMINALS))]
    problems += [f"defined but not used: {n}" for n in sorted(set(grammar.rules) - used - {"program"})]
    rng = random.Random(20)
    starts = ["program", "machine", "statement", "expr", "step"]
    texts = [wrap(s, sentence(grammar, rng, s)) for s in starts for _ in range(SENTENCES // len(starts))]
    run = subprocess.run([helper, "parse"], input="\0".join(texts), capture_output=True, text=True)
    if run.returncode:
        problems.append("sentences of the grammar that do not parse:\n" + run.stdout[-4000:])
    elif f"{len(texts)} sentences" not in run.stdout:
        problems.append("not all sentences were tried: " + run.stdout)
    print("\n".join(problems) if problems else f"{len(texts)} sentences parse; average length "
          f"{sum(map(len, texts)) // len(texts)} characters, longest {max(map(len, texts))}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
