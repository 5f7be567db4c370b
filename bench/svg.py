# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Plots as SVG: lines over a logarithmic axis, and bars. Nothing but text comes out, so that a change
of a figure is a change of a line."""

import html
import math

COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6d597a", "#8d99ae", "#333333"]
WIDTH, PANEL, HEIGHT, LEFT, TOP, BOTTOM = 820, 400, 230, 56, 30, 34


def text(x, y, what, anchor="start", size=11, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{more}>'
            f'{html.escape(str(what))}</text>')


def line(x1, y1, x2, y2, colour="#ccc", width=1):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def document(width, height, parts):
    # A comment would do for the licence, but some renderers show it: metadata is for this.
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" fill="#222">',
        "<metadata>SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only</metadata>",
        f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def nice(most):
    """A round upper end of an axis, and its step."""
    if most <= 0:
        return 1, 1
    step = 10 ** math.floor(math.log10(most))
    for s in (step / 5, step / 2, step, step * 2):
        if most / s <= 5:
            return math.ceil(most / s) * s, s
    return math.ceil(most / step) * step, step


def short(v):
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if v >= size:
            return f"{v / size:g}{unit}"
    return f"{v:g}"


def legend(names, colours, y):
    parts, x = [], LEFT
    for name in names:
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colours[name]}"/>')
        parts.append(text(x + 14, y, name))
        x += 30 + 7 * len(name)
    return parts


def axis(x, y, width, height, most, step, unit):
    parts = [text(x - LEFT + 8, y - 8, unit, size=10)]
    for i in range(round(most / step) + 1):
        at = y + height - height * i * step / most
        parts += [line(x, at, x + width, at), text(x - 5, at + 4, f"{i * step:g}", "end", 10)]
    return parts


def palette(names):
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def lines(panels, unit):
    """panels: {title: {name: [(x, y)...]}}; x on a logarithmic axis, two panels beside each other."""
    names = list(dict.fromkeys(n for p in panels.values() for n in p))
    colours = palette(names)
    rows = (len(panels) + 1) // 2
    height = rows * (HEIGHT + 20) + 30
    parts = legend(names, colours, height - 10)
    for i, (title, series) in enumerate(panels.items()):
        x0, y0 = LEFT + i % 2 * (PANEL + 10), TOP + 8 + i // 2 * (HEIGHT + 20)
        width, tall = PANEL - LEFT - 16, HEIGHT - TOP - BOTTOM
        points = [p for s in series.values() for p in s]
        low, high = min(p[0] for p in points), max(p[0] for p in points)
        most, step = nice(max(p[1] for p in points))
        parts += [text(x0 + width / 2, y0 - 12, title, "middle", 13, ' font-weight="bold"')]
        parts += axis(x0, y0, width, tall, most, step, unit)

        def place(p):
            across = math.log(p[0] / low) / math.log(high / low) if high > low else 0.5
            return x0 + across * width, y0 + tall - tall * p[1] / most

        for v in sorted({p[0] for p in points}):
            parts.append(text(place((v, 0))[0], y0 + tall + 16, short(v), "middle", 10))
        for name, s in series.items():
            at = [place(p) for p in sorted(s)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" '
                         'stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colours[name]}"/>'
                      for x, y in at]
    return document(WIDTH, height, parts)


def bars(groups, unit):
    """groups: {title: {name: value}}; the values stand at the ends of the bars."""
    names = list(dict.fromkeys(n for g in groups.values() for n in g))
    colours = palette(names)
    most, _ = nice(max(v for g in groups.values() for v in g.values()))
    left, thick, y = 210, 14, 26
    parts = [text(left, 14, unit, size=11)]
    for title, group in groups.items():
        parts.append(text(left - 8, y + thick * len(group) / 2 + 4, title, "end", 12))
        for name, v in group.items():
            width = max(1, (WIDTH - left - 190) * v / most)
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{thick - 2}" '
                         f'fill="{colours[name]}"/>')
            parts.append(text(left + width + 5, y + 10, f"{v:.3g}  {name}", size=10))
            y += thick
        y += 10
    return document(WIDTH, y + 4, parts)
