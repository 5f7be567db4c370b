#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Makes docs/performance.md and its plots of the records of a run.

    bench/report.py [--records build/bench.json] [--out docs]

The text is that of bench/performance.in.md; lines "@table NAME" and "@plot NAME" are filled in from
the records, and left out where there are none."""

import argparse
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "bench"))

import bars  # noqa: E402
import svg  # noqa: E402

NOTHING = "Not measured in this run."
PROGRAMS = ("port_knocking", "token_bucket", "tcp_states", "mac_learning")
SIDES = ("interp", "native", "hand", "harness")


def rows_of(head, rows):
    if not rows:
        return NOTHING
    made = ["| " + " | ".join(head) + " |",
            "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"]
    return "\n".join(made + ["| " + " | ".join(row) + " |" for row in rows])


def number(v, digits=2):
    return "-" if v is None else f"{v:,.{digits}f}"


def memory(v):
    return "-" if not v else f"{v / (1 << 20):,.1f} MiB"


def pick(records, **values):
    return [r for r in records if all(r.get(k) == v for k, v in values.items())]


def unique(records, keys):
    """The first of those that agree in keys."""
    seen, made = set(), []
    for r in records:
        k = tuple(r.get(key) for key in keys)
        if k not in seen:
            seen.add(k)
            made.append(r)
    return made


def batched(records, programs=PROGRAMS):
    return unique([r for r in records if r["name"] in ["batched_" + p for p in programs]],
                  ("name", "target", "flows", "skew", "new_flows", "pages"))


def batched_row(r):
    return [r["name"][8:], f"{r['flows']:,}", r["skew"], r.get("pages", "-"), r["target"],
            number(r["mpps"]), number(r["ns_per_packet"], 1),
            number(1 / r["ratio"]) if r.get("ratio") else "-", number(r.get("p50")),
            number(r.get("p99")), number(r.get("p999")), "-", memory(r.get("memory"))]


BATCHED = ["", "flows", "skew", "pages", "by", "Mpps", "ns a packet", "of hand", "p50 us", "p99 us",
           "p99.9 us", "cycles", "memory"]


def native_table(records):
    return rows_of(BATCHED, [batched_row(r) for r in batched(records) if not r["new_flows"]])


def native_plot(records):
    panels = {}
    for r in pick(batched(records), skew="uniform", new_flows=0, pages="2M"):
        if r["target"] in SIDES[:3]:
            panels.setdefault(r["name"][8:], {}).setdefault(r["target"], []).append(
                (r["flows"], r["ns_per_packet"]))
    return panels and svg.lines(panels, "ns a packet, over flows")


def new_flows_table(records):
    rows = []
    for p in PROGRAMS:
        for side in SIDES[:3]:
            found = {r["new_flows"]: r for r in pick(batched(records, [p]), target=side, pages="2M",
                                                     skew="uniform", flows=bars.MILLION)}
            if 0.1 in found and 0 in found:
                rows.append([p, side, *(number(found[s]["ns_per_packet"], 1) if s in found else "-"
                                        for s in (0, 0.01, 0.1)),
                             number(found[0]["ns_per_packet"] / found[0.1]["ns_per_packet"])])
    return rows_of(["a million flows, ns a packet", "by", "none new", "1 %", "10 %",
                    "speed at 10 % of none"], rows)


def tables_table(records):
    rows = []
    found = batched(records, ("one_table", "four_tables"))
    for r in pick(found, name="batched_one_table"):
        four = bars.first(found, {"name": "batched_four_tables", **{
            k: r[k] for k in ("target", "flows", "skew", "pages")}})
        if four:
            rows.append([r["target"], f"{r['flows']:,}", r["skew"], number(r["mpps"]),
                         number(four["mpps"]), number(four["mpps"] / r["mpps"])])
    return rows_of(["", "flows", "skew", "one, Mpps", "four, Mpps", "four of one"], rows)


def scaling_table(records):
    rows = []
    for r in pick(records, name="scaling", cores=1):
        two = bars.first(records, {**{k: r[k] for k in ("name", "program", "target", "flows")},
                                   "cores": 2})
        if two:
            rows.append([r["program"], r["target"], f"{r['flows']:,}", number(r["mpps"]),
                         number(two["mpps"]), number(two["mpps"] / r["mpps"])])
    return rows_of(["", "engine", "flows", "one core, Mpps", "two", "two of one"], rows)


def engine_table(records):
    names = ("port_knocking", "token_bucket", "tcp_states", "tcp_conntrack")
    return rows_of(["", "flows", "skew", "engine", "Mpps", "ns a packet", "time of 1,000 flows"],
                   [[r["name"], f"{r['flows']:,}", r["skew"], r["target"], number(r["mpps"]),
                     number(r["ns_per_packet"], 1), number(r.get("ratio"))]
                    for r in records if r["name"] in names])


def xdp_name(r):
    live = " (live frames)" if r["name"].startswith("xdp_live_") else ""
    program, than = r["name"].removeprefix("xdp_live_").removeprefix("xdp_").split("_vs_")
    return program + live, than


def xdp_records(records):
    return [r for r in records if r["name"].startswith("xdp_") and "_vs_" in r["name"]]


def xdp_table(records):
    rows = [[xdp_name(r)[0], f"{r['flows']:,}", xdp_name(r)[1], number(r["ns_per_packet"], 0),
             number(1e3 / r["reference"], 0), number(r["ratio"])] for r in xdp_records(records)]
    return rows_of(["", "flows", "by hand on", "beba, ns a packet", "by hand", "time, of by hand"],
                   rows)


def xdp_plot(records):
    groups = {}
    for r in xdp_records(records):
        if r["name"].startswith("xdp_live_"):
            continue
        program, than = xdp_name(r)
        group = groups.setdefault(f"{program}, {r['flows']:,} flows", {})
        group["beba"] = r["ns_per_packet"]
        group["by hand on " + than] = 1e3 / r["reference"]
    return groups and svg.bars(groups, "ns a packet")


def ports_table(records):
    rows = []
    for r in records:
        if not r["name"].startswith("port_forward_"):
            continue
        size = r["name"].rsplit("_", 1)[1]
        late = bars.first(records, {"name": "port_delay_" + size, "target": r["target"]}) or {}
        rows.append([r["target"], size, number(r["mpps"], 3), number(r["ns_per_packet"], 0),
                     number(late.get("value"), 1), number(late.get("p99"), 1),
                     number(late.get("p999"), 1)])
    return rows_of(["", "bytes", "Mpps", "ns a packet", "p50 us", "p99 us", "p99.9 us"], rows)


def switch_table(records):
    rows = []
    for r in records:
        if not r["name"].startswith("switch_"):
            continue
        figure = [number(r["mpps"], 3), number(r.get("cpu_ns"), 0)] if "mpps" in r else \
            [f"{number(r['value'], 3)} {r['unit']}", "-"]
        rows.append([r["name"][7:], r["target"], *figure, number(r.get("ratio"))])
    return rows_of(["", "", "Mpps, or what it says", "CPU ns a packet", "time of the reference"], rows)


PEERS = {"peer_port_knocking": "port knocking", "peer_rate_limit": "rate limit",
         "peer_firewall": "stateful firewall", "peer_output": "forward", "peer_conntrack":
         "connection tracking", "peer_new_flows": "every packet a new flow"}


def peers_table(records):
    rows = [[PEERS[r["name"]], r["target"], f"{r['flows']:,}" if r.get("flows") else "-",
             number(r["mpps"], 3), number(r["ns_per_packet"], 0), number(r.get("offered"), 3)]
            for r in records if r["name"] in PEERS]
    return rows_of(["", "by", "flows", "Mpps", "ns a packet", "offered, Mpps"], rows)


def peers_plot(records):
    groups = {}
    for r in records:
        if r["name"] in PEERS:
            flows = f", {r['flows']:,} flows" if r.get("flows") else ""
            groups.setdefault(PEERS[r["name"]] + flows, {})[r["target"]] = r["ns_per_packet"]
    return groups and svg.bars(groups, "ns a packet")


def flow_table_table(records):
    rows = [[bars.label(r), r["target"],
             f"{number(r['mpps'])} Mpps" if "mpps" in r else f"{number(r['value'])} {r['unit']}",
             number(r.get("ns_per_packet"), 1), number(r.get("ratio"))]
            for r in records if r["name"].startswith("ft_")]
    return rows_of(["", "", "", "ns", "time of the reference"], rows)


def bars_table(records):
    rows = [["yes" if b["met"] else "**no**", b["label"], b["target"], b["says"],
             f"{b['value']:.4g}", f"{b['sign']} {b['bound']:.4g}", b["source"]]
            for b in bars.judge(records)]
    return rows_of(["met", "", "by", "what", "figure", "bar", "whose"], rows)


def machine_text(m):
    huge = m["transparent_hugepages"]
    huge = huge[huge.find("[") + 1:huge.find("]")] if "[" in huge else huge
    about = [["date", m["date"] + (", a quick run" if m.get("quick") else "")],
             ["processor", f"{m['cpu']}, {m['cores']} cores ({m['caches']})"
              + (", virtual machine" if m.get("hypervisor") else "")],
             ["memory", f"{m['memory']}; {m['hugepages']} huge pages, transparent ones: {huge}"],
             ["kernel", m["kernel"]], ["compiler", m["compiler"]], ["commit", m["commit"]],
             ["command", f"`{m['command']}`, {m['seconds']} s; load before it {m['load']}"]]
    return "| | |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in about)


def failed_text(m):
    return "".join(f"Not in this run: {f['benchmark']}: {f['why']}.\n" for f in m.get("failed", []))


def fill(template, m, records, out):
    special = {"@machine": lambda: machine_text(m), "@failed": lambda: failed_text(m),
               "@bars": lambda: bars_table(records)}
    made = []
    for line in template.split("\n"):
        if line in special:
            made.append(special[line]())
        elif line.startswith("@table "):
            made.append(globals()[line.split()[1] + "_table"](records))
        elif line.startswith("@plot "):
            name = line.split()[1]
            picture = globals()[name + "_plot"](records)
            if picture:
                path = os.path.join("img", f"bench_{name}.svg")
                with open(os.path.join(out, path), "w", encoding="utf-8") as f:
                    f.write(picture)
                made.append(f"![{name}]({path})")
        else:
            made.append(line.replace("@cycles", m.get("cycles", "not here")))
    text = "\n".join(made)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", default=os.path.join(ROOT, "build", "bench.json"))
    parser.add_argument("--out", default=os.path.join(ROOT, "docs"))
    args = parser.parse_args()
    with open(args.records, encoding="utf-8") as f:
        records = json.load(f)
    with open(os.path.join(ROOT, "bench", "performance.in.md"), encoding="utf-8") as f:
        template = f.read()
    os.makedirs(os.path.join(args.out, "img"), exist_ok=True)
    path = os.path.join(args.out, "performance.md")
    text = fill(template, records[0], records[1:], args.out)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    print(f"{os.path.relpath(path)}: {len(records) - 1} records of {records[0]['date']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
