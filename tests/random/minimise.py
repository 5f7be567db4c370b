# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Makes a failing program and its packets small: leaves out what it can while they still fail."""

import time

from tree import Expr, Node, Seq

SIMPLE = {"bool": ["true", "false"], "num": ["0", "1"], "time": ["0s", "1ns"]}


class Minimiser:
    """fails(text, frames): whether they show the failure. The tree is changed in place."""

    def __init__(self, tree, frames, fails, seconds):
        self.tree, self.frames, self.fails = tree, frames, fails
        self.end = time.monotonic() + seconds
        self.tried = 0

    def over(self):
        return time.monotonic() > self.end

    def still(self, frames=None):
        if self.over():
            return False
        self.tried += 1
        return self.fails(self.tree.text(), self.frames if frames is None else frames)

    def attempt(self, node, parts):
        """Gives the node other parts; takes that back where the failure is gone."""
        before = node.parts
        node.parts = parts
        if self.still():
            return True
        node.parts = before
        return False

    # --- lists ------------------------------------------------------------------------------

    def shrink(self, items, good):
        """Delta debugging: leaves out chunks, half of them at first, single ones at last."""
        size = max(1, len(items) // 2)
        while items and not self.over():
            at = len(items)
            shorter = False
            while at > 0 and not self.over():
                less = items[:max(0, at - size)] + items[at:]
                if good(less):
                    items = less
                    shorter = True
                at -= size
            if size == 1 and not shorter:
                break
            size = max(1, size // 2)
        return items

    def packets(self):
        before = len(self.frames)
        self.frames = self.shrink(self.frames, lambda less: self.still(less))
        return len(self.frames) < before

    def lines(self):
        """Machines, declarations, rules and statements, outermost first."""
        changed = False
        seen = set()
        while not self.over():
            block = next((n for n in self.tree.walk() if isinstance(n, Seq) and id(n) not in seen),
                         None)
            if block is None:
                return changed
            seen.add(id(block))
            before = len(block.parts)
            kept = self.shrink(block.parts, lambda less, b=block: self.attempt(b, less))
            changed |= len(kept) < before
        return changed

    # --- inside of lines --------------------------------------------------------------------

    def blocks(self):
        """An if: without its else, or with one of its blocks in its place."""
        changed = False
        for block in [n for n in self.tree.walk() if isinstance(n, Seq)]:
            for i, node in reversed(list(enumerate(block.parts))):
                if node.parts[:1] != ["if "] or i >= len(block.parts):
                    continue
                inner = [p for p in node.parts if isinstance(p, Seq)]
                for one in inner:
                    parts = block.parts[:i] + one.parts + block.parts[i + 1:]
                    if self.attempt(block, parts):
                        changed = True
                        break
                else:
                    while len(node.parts) > 4 and self.attempt(
                            node, node.parts[:-2] if node.parts[-2] == " else " else node.parts[:-4]):
                        changed = True
        return changed

    def smaller(self, e):
        """What can stand for an expression: parts of it, then constants."""
        family = ("num", "time") if e.kind in ("num", "time") else (e.kind,)
        for inner in e.walk():
            if inner is not e and isinstance(inner, Expr) and inner.kind in family:
                yield inner
        for text in SIMPLE.get(e.kind, []):
            yield Expr(e.kind, e.width, text, constant=True)

    def expressions(self):
        changed = False
        for holder in list(self.tree.walk()):
            for i, e in enumerate(holder.parts):
                if not isinstance(e, Expr) or e.constant:
                    continue
                for other in self.smaller(e):
                    parts = holder.parts[:i] + [other] + holder.parts[i + 1:]
                    if self.attempt(holder, parts):
                        changed = True
                        break
                if self.over():
                    return changed
        return changed

    def rules(self):
        """A rule that is always taken, in place of one with a guard."""
        changed = False
        for node in list(self.tree.walk()):
            if type(node) is Node and node.parts[:1] == ["on "]:
                changed |= self.attempt(node, ["always ", node.parts[-1]])
        return changed

    def run(self):
        while not self.over():
            steps = [self.packets(), self.lines(), self.blocks(), self.rules(), self.expressions()]
            if not any(steps):
                break
        return self.tree, self.frames
