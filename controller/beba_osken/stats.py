# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Statistics of the extension (section 6). Requests are OFPExperimenterStatsRequest; the reply
comes as EventOFPExperimenterStatsReply, whose message goes to the function that reads it."""

import struct
from collections import namedtuple

from os_ken.ofproto import ofproto_v1_3_parser as parser

import beba_osken
from beba_osken import consts, fields

Entry = namedtuple("Entry", "table_id key state duration hard_timeout idle_timeout hard_rollback "
                            "idle_rollback variables scope")


class StateStats(parser.OFPExperimenterStatsRequest):
    """Entries of a table (ALL_TABLES: of all), those in a state, those whose key has the fields of
    a match. delete: takes out what it returns. short (master dialect): states and keys only."""

    def __init__(self, datapath, table_id=consts.ALL_TABLES, state=None, match=None, delete=False,
                 short=False):
        kind = (3 if short else 0) + (2 if delete and not short else 1 if delete else 0)
        data = bytearray(struct.pack("!BB2xI", table_id, state is not None, state or 0))
        (match or parser.OFPMatch()).serialize(data, len(data))
        super().__init__(datapath, 0, consts.EXPERIMENTER, kind, data)


class GlobalState(parser.OFPExperimenterStatsRequest):
    def __init__(self, datapath):
        super().__init__(datapath, 0, consts.EXPERIMENTER, consts.GLOBAL_STATE_STATS, b"")


class GlobalVars(parser.OFPExperimenterStatsRequest):
    """The eight variables of a table (advanced dialect)."""

    def __init__(self, datapath, table_id):
        super().__init__(datapath, 0, consts.EXPERIMENTER, consts.GLOBAL_DATA_STATS,
                         struct.pack("!7xB", table_id))


def body(msg):
    """What follows the header of an experimenter's reply; None when it is someone else's."""
    experimenter, _ = struct.unpack_from("!II", msg.buf, 16)
    return bytes(msg.buf[24:]) if experimenter == consts.EXPERIMENTER else None


def read_global_state(msg):
    return struct.unpack_from("!4xI", body(msg))[0]


def read_global_vars(msg):
    return list(struct.unpack_from("!8I", body(msg)))


def read_states(msg, scopes=None):
    """The entries of a reply. scopes: of each table by number, for the master dialect, whose
    replies do not say them. The default entry of a table has an empty key."""
    data, at, out = body(msg), 0, []
    kind = struct.unpack_from("!I", msg.buf, 20)[0]
    scopes = scopes or {}
    while at < len(data):
        length, table = struct.unpack_from("!HB", data, at)
        if beba_osken.dialect == consts.MASTER and kind >= consts.STATE_STATS_SHORT:
            size, state = struct.unpack_from("!3xBI", data, at)
            out.append(Entry(table, data[at + 8:at + 8 + size], state, None, 0, 0, 0, 0, [],
                             scopes.get(table, [])))
        elif beba_osken.dialect == consts.MASTER:
            size, sec, nsec, hrb, irb, hard, idle, state = struct.unpack_from("!3xB7I", data, at)
            out.append(Entry(table, data[at + 32:at + 32 + size], state, sec + nsec / 1e9,
                             hard / 1e6, idle / 1e6, hrb, irb, [], scopes.get(table, [])))
        else:
            sec, nsec, n = struct.unpack_from("!4xIII", data, at)
            scope = [fields.name_of(w) for w in struct.unpack_from(f"!{min(n, 6)}I", data, at + 16)]
            size = struct.unpack_from("!I", data, at + 40)[0]
            state = struct.unpack_from("!I", data, at + 92)[0]
            variables, then = [], at + 96
            if beba_osken.dialect == consts.ADVANCED:
                variables, then = list(struct.unpack_from("!6I", data, then)), then + 24
            hrb, irb, hard, idle = struct.unpack_from("!4I", data, then)
            out.append(Entry(table, data[at + 44:at + 44 + size], state, sec + nsec / 1e9,
                             hard / 1e6, idle / 1e6, hrb, irb, variables, scope))
        at += length
    return out
