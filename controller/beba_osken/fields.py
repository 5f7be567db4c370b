# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Match fields of the extension, and the header words that extractors are made of."""

import struct

from os_ken.lib import type_desc
from os_ken.ofproto import ofproto_v1_3, oxm_fields

from beba_osken import consts


class BebaField(oxm_fields._Experimenter):
    experimenter_id = consts.EXPERIMENTER


FIELDS = [BebaField("global_state", 0, type_desc.Int4), BebaField("state", 1, type_desc.Int4)]
FIELDS += [BebaField(f"condition{i}", 2 + i, type_desc.Int1) for i in range(8)]
FIELDS += [BebaField("timestamp", 10, type_desc.Int4), BebaField("random", 11, type_desc.Int2),
           BebaField("pkt_len", 12, type_desc.Int2),
           oxm_fields.OpenFlowBasic("beba_tcp_flags", 40, type_desc.Int2)]

# Fields whose key bytes are numbers in little-endian order, with their size (section 9.3).
LITTLE_ENDIAN = {
    "in_port": 4, "in_phy_port": 4, "metadata": 8, "tunnel_id": 8, "eth_type": 2, "vlan_vid": 2,
    "tcp_src": 2, "tcp_dst": 2, "udp_src": 2, "udp_dst": 2, "sctp_src": 2, "sctp_dst": 2,
    "beba_tcp_flags": 2, "mpls_label": 4, "ipv6_flabel": 4,
}


def install():
    have = {f.name for f in ofproto_v1_3.oxm_types}
    ofproto_v1_3.oxm_types += [f for f in FIELDS if f.name not in have]
    oxm_fields.generate("os_ken.ofproto.ofproto_v1_3")


def info(name):
    for f in ofproto_v1_3.oxm_types:
        if f.name == name:
            return f
    raise KeyError(f"no match field is called {name!r}")


def header(field):
    """The 32-bit OXM header word of a field by name; numbers (OXM_OF_*) pass through."""
    if isinstance(field, int):
        return field
    f = info(field)
    extra = 4 if isinstance(f, BebaField) else 0  # the experimenter id counts
    return (f.oxm_type << 9) | (f.type.size + extra)


def name_of(word):
    """The name of a header word, or its number in hexadecimal."""
    for f in ofproto_v1_3.oxm_types:
        if not isinstance(f, BebaField) and not isinstance(f.num, tuple) and \
                f.oxm_type == word >> 9:
            return f.name
        if isinstance(f, BebaField) and header(f.name) == word:
            return f.name
    return f"{word:#010x}"


def key(fields, values):
    """Key bytes of state entries: values as one writes them in a match, in the scope's order."""
    out = b""
    for field, value in zip(fields, values, strict=True):
        name = field if isinstance(field, str) else name_of(field)
        if name in LITTLE_ENDIAN:
            out += value.to_bytes(LITTLE_ENDIAN[name], "little")
        else:
            out += info(name).type.from_user(value)
    return out


def read_key(fields, data):
    """The other way: a list of (name, value)."""
    out, at = [], 0
    for field in fields:
        name = field if isinstance(field, str) else name_of(field)
        size = LITTLE_ENDIAN.get(name) or info(name).type.size
        raw = data[at:at + size]
        at += size
        out.append((name, int.from_bytes(raw, "little") if name in LITTLE_ENDIAN
                    else info(name).type.to_user(raw)))
    return out


def words(fields):
    """A scope's header words, packed."""
    if not 1 <= len(fields) <= consts.MAX_FIELDS:
        raise ValueError(f"a scope has 1 to {consts.MAX_FIELDS} fields, not {len(fields)}")
    return b"".join(struct.pack("!I", header(f)) for f in fields)
