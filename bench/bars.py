# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The bars: figures that we do not want to lose, or have set out to reach. A missed one is said and
fails nothing, because figures are of the machine. All in one place, but for those that a benchmark
writes into a record of its own as "bar".

A bar has `of`, which records it is about (a record fits when it has all these values), `field`, and
`most` or `least`. With `over` the figure is that of `of` divided by that of the first record that fits
`over` and has the same values of the fields in `same`. `says` is the condition in words, `source` who
set it."""

MILLION = 1000000
PLAIN = {"flows": MILLION, "skew": "uniform", "new_flows": 0, "pages": "2M"}
PROGRAMS = ("port_knocking", "token_bucket", "tcp_states", "mac_learning")

MSWITCH = "mSwitch: 8 Mpps a core, 4 flows (Honda et al., SOSR 2015)"
OURS = "ours"
OVS_DPDK = "Open vSwitch with DPDK, in memory, same run"


def batched(program, target="native", **more):
    return {"name": "batched_" + program, "target": target, **PLAIN, **more}


def per_program():
    for p in PROGRAMS:
        yield {"says": "native at a million flows, of the loop by hand", "of": batched(p),
               "field": "ratio", "most": 1 / 0.8, "source": OURS}
        yield {"says": "native at 1 000 flows, of the loop by hand", "of": batched(p, flows=1000),
               "field": "ratio", "most": 1 / 0.7, "source": OURS}
        yield {"says": "native at ten million flows over one million",
               "of": batched(p, flows=10 * MILLION), "over": batched(p),
               "field": "ns_per_packet", "most": 2.0, "source": OURS}
        yield {"says": "native at 100 000 flows", "of": batched(p, flows=100000), "field": "mpps",
               "least": 16.0, "source": "twice " + MSWITCH}
        yield {"says": "10 % new flows over none", "of": batched(p, new_flows=0.1),
               "over": batched(p), "field": "ns_per_packet", "most": 1 / 0.6, "source": OURS}


BARS = [
    {"says": "beba check, start to end", "of": {"name": "check"}, "field": "value", "most": 10.0,
     "source": OURS},
    {"says": "lookup and update", "of": {"name": "ft_lookup", "flows": MILLION},
     "field": "ns_per_packet", "most": 66.7, "source": "15 million a second"},
    {"says": "lookup and update, of the loop by hand", "of": {"name": "ft_lookup", "flows": MILLION},
     "field": "ratio", "most": 1.25, "source": OURS},
    {"says": "lookup and update, of the loop by hand",
     "of": {"name": "ft_lookup_fixed", "flows": MILLION}, "field": "ratio", "most": 1.25,
     "source": OURS},
    {"says": "insert", "of": {"name": "ft_insert"}, "field": "ns_per_packet", "most": 500.0,
     "source": "2 million a second"},
    {"says": "bytes a flow, 13-byte key", "of": {"name": "ft_memory_13"}, "field": "value",
     "most": 64.0, "source": OURS},
    {"says": "bytes a flow, 37-byte key", "of": {"name": "ft_memory_37"}, "field": "value",
     "most": 112.0, "source": OURS},
    *({"says": "interpreter, a million flows over 1 000", "of": {"name": p, "flows": MILLION},
       "field": "ratio", "most": 3.0, "source": OURS}
      for p in ("port_knocking", "token_bucket", "tcp_states", "tcp_conntrack")),
    *per_program(),
    *({"says": "four stateful tables over one", "of": batched("four_tables", t),
       "over": batched("one_table", t), "field": "ns_per_packet", "most": 1 / 0.4, "source": OURS}
      for t in ("native", "interp")),
    {"says": "two cores over one", "of": {"name": "scaling", "cores": 2},
     "over": {"name": "scaling", "cores": 1}, "same": ("program", "target", "flows", "skew"),
     "field": "mpps", "least": 1.8, "source": OURS},
    {"says": "AF_XDP, of a bare echo loop", "of": {"name": "port_forward_60", "target": "xdp"},
     "over": {"name": "port_forward_60", "target": "xdp_bare"}, "field": "mpps", "least": 0.9,
     "source": OURS},
    {"says": "switch on veth, of Open vSwitch's netdev datapath",
     "of": {"name": "switch_one_entry", "target": "beba"}, "field": "ratio", "most": 0.5,
     "source": "twice as fast"},
    {"says": "connection tracking at 64k flows, of Open vSwitch with DPDK",
     "of": {"name": "peer_conntrack", "target": "ovs_dpdk", "flows": 65536},
     "over": {"name": "peer_conntrack", "target": "beba_memory", "flows": 65536},
     "field": "ns_per_packet", "least": 5.0, "source": OVS_DPDK},
    {"says": "packets that make new state, of Open vSwitch with DPDK",
     "of": {"name": "peer_new_flows", "target": "ovs_dpdk"},
     "over": {"name": "peer_new_flows", "target": "beba_memory"}, "field": "ns_per_packet",
     "least": 50.0, "source": OVS_DPDK},
    {"says": "swap under traffic", "of": {"name": "swap_time"}, "field": "value", "most": 500.0,
     "source": OURS},
    {"says": "packets lost by a swap", "of": {"name": "swap_lost"}, "field": "value", "most": 0.0,
     "source": OURS},
]


def fits(record, values):
    return all(record.get(k) == v for k, v in values.items())


def first(records, values):
    return next((r for r in records if fits(r, values)), None)


def label(r):
    words = [r["name"]]
    if r.get("program"):
        words.append(r["program"])
    if r.get("flows"):
        words.append(f"{r['flows']:,} flows")
    if r.get("skew") and r["skew"] != "none":
        words.append(r["skew"])
    if r.get("new_flows"):
        words.append(f"{100 * r['new_flows']:g}% new")
    if r.get("pages") == "4K":
        words.append("4K pages")
    return " ".join(words)


def judge(records):
    """A dict of each bar that this run has figures for: says, label, target, value, sign, bound, met,
    source."""
    made = []
    for r in records:
        if r.get("bar"):
            b = r["bar"]
            made.append(one({"says": r.get("bar_says", b["field"]), "field": b["field"],
                             "most": b.get("max"), "least": b.get("min"), "source": OURS}, r,
                            r.get(b["field"])))
    for bar in BARS:
        seen = set()
        for r in records:
            if not fits(r, bar["of"]):
                continue
            value = r.get(bar["field"])
            if "over" in bar:
                over = first(records, {**bar["over"], **{k: r.get(k) for k in bar.get("same", ())}})
                value = value / over[bar["field"]] if value and over and over.get(bar["field"]) \
                    else None
            if (label(r), r.get("target")) not in seen:  # the first of two of the same kind
                made.append(one(bar, r, value))
            seen.add((label(r), r.get("target")))
    return [m for m in made if m]


def one(bar, record, value):
    if not isinstance(value, (int, float)):
        return None
    least = bar.get("least") is not None
    bound = bar["least"] if least else bar["most"]
    return {"says": bar["says"], "label": label(record), "target": record.get("target", ""),
            "value": value, "sign": "at least" if least else "at most", "bound": bound,
            "met": value >= bound if least else value <= bound, "source": bar["source"]}
