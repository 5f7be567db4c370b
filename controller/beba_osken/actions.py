# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Actions of the extension (section 3). Times are in seconds; the wire has microseconds."""

import struct

from os_ken.lib.pack_utils import msg_pack_into
from os_ken.ofproto import ofproto_v1_3_parser as parser

import beba_osken
from beba_osken import consts, fields


def micros(seconds):
    return int(round(seconds * 1000000))


def scope_words(scope):
    """n header words, padded to 8 bytes; none for an empty scope."""
    data = fields.words(scope) if scope else b""
    return data + bytes(-len(data) % 8)


class BebaAction(parser.OFPActionExperimenter):
    """Bytes 8 and on are act_type, four zeros and what body() gives."""
    act_type = None

    def __init__(self):
        super().__init__(consts.EXPERIMENTER)

    def body(self):
        raise NotImplementedError

    def serialize(self, buf, offset):
        data = struct.pack("!II", self.act_type, 0) + self.body()
        assert len(data) % 8 == 0
        self.len = 8 + len(data)
        super().serialize(buf, offset)
        msg_pack_into(f"!{len(data)}s", buf, offset + 8, data)


class SetState(BebaAction):
    """Sets the state of the flow that the packet belongs to by the update scope of table_id.
    scope: fields in place of that scope (advanced dialect)."""
    act_type = consts.SET_STATE

    def __init__(self, state, table_id, hard_timeout=0, idle_timeout=0, hard_rollback=0,
                 idle_rollback=0, state_mask=0xFFFFFFFF, bit=0, scope=()):
        super().__init__()
        self.state, self.state_mask, self.table_id = state, state_mask, table_id
        self.hard_timeout, self.idle_timeout = hard_timeout, idle_timeout
        self.hard_rollback, self.idle_rollback = hard_rollback, idle_rollback
        self.bit, self.scope = bit, list(scope)

    def body(self):
        data = struct.pack("!IIB3xIIII", self.state, self.state_mask, self.table_id,
                           self.hard_rollback, self.idle_rollback, micros(self.hard_timeout),
                           micros(self.idle_timeout))
        if beba_osken.dialect == consts.ADVANCED:
            return data + struct.pack("!B7xI", self.bit, len(self.scope)) + scope_words(self.scope)
        if self.scope:
            raise ValueError("only the advanced dialect has scopes of actions")
        return data + struct.pack("!B3x", self.bit if beba_osken.dialect == consts.MASTER else 0)

    @classmethod
    def read(cls, data):
        state, mask, table, hrb, irb, hard, idle, bit = struct.unpack_from("!IIB3xIIIIB", data)
        scope = []
        if len(data) >= 40:
            n = struct.unpack_from("!I", data, 36)[0]
            scope = [fields.name_of(w) for w in struct.unpack_from(f"!{n}I", data, 40)]
        return cls(state, table, hard / 1e6, idle / 1e6, hrb, irb, mask, bit, scope)


class SetGlobalState(BebaAction):
    act_type = consts.SET_GLOBAL

    def __init__(self, global_state, global_state_mask=0xFFFFFFFF):
        super().__init__()
        self.global_state, self.global_state_mask = global_state, global_state_mask

    def body(self):
        return struct.pack("!II", self.global_state, self.global_state_mask)

    @classmethod
    def read(cls, data):
        return cls(*struct.unpack_from("!II", data))


class IncState(BebaAction):
    act_type = consts.INC_STATE

    def __init__(self, table_id):
        super().__init__()
        self.table_id = table_id

    def body(self):
        return struct.pack("!B7x", self.table_id)

    @classmethod
    def read(cls, data):
        return cls(data[0])


class SetDataVar(BebaAction):
    """output = opcode(operands). output and operands are pairs (FDV, GDV, HEADER_FIELD or
    CONSTANT; number); operand 2 alone may be a constant of 0 to 255."""
    act_type = consts.SET_DATA_VAR

    def __init__(self, table_id, opcode, output, operands, coeffs=(0, 0, 0, 0), bit=0, scope=()):
        super().__init__()
        self.table_id, self.opcode, self.output, self.bit = table_id, opcode, output, bit
        self.operands = list(operands) + [(0, 0)] * (4 - len(operands))
        self.coeffs, self.scope = list(coeffs) + [0] * (4 - len(coeffs)), list(scope)

    def body(self):
        kinds = 0
        for i, (kind, _) in enumerate(self.operands):
            kinds |= kind << (14 - 2 * i)
        kinds |= self.output[0] << 7
        return struct.pack("!HBBB3x4B4bIB3x", kinds, self.table_id, self.opcode, self.output[1],
                           *[number for _, number in self.operands], *self.coeffs,
                           len(self.scope), self.bit) + scope_words(self.scope)

    @classmethod
    def read(cls, data):
        kinds, table, opcode, out, *rest = struct.unpack_from("!HBBB3x4B4bIB3x", data)
        operands = [(kinds >> (14 - 2 * i) & 3, rest[i]) for i in range(4)]
        n, bit = rest[8], rest[9]
        scope = [fields.name_of(w) for w in struct.unpack_from(f"!{n}I", data, 24)]
        return cls(table, opcode, (kinds >> 7 & 1, out), operands, rest[4:8], bit, scope)


class WriteContext(BebaAction):
    """Writes a variable or the state to a header field."""
    act_type = consts.WRITE_CONTEXT

    def __init__(self, source, number, field):
        super().__init__()
        self.source, self.number, self.field = source, number, field

    def body(self):
        return struct.pack("!BB2xI", self.source, self.number, fields.header(self.field))

    @classmethod
    def read(cls, data):
        source, number, word = struct.unpack_from("!BB2xI", data)
        return cls(source, number, fields.name_of(word))


ACTIONS = {cls.act_type: cls for cls in (SetState, SetGlobalState, IncState, SetDataVar,
                                         WriteContext)}


def install():
    plain = parser.OFPActionExperimenter.parser.__func__

    def read(cls, buf, offset):
        _, length, experimenter = struct.unpack_from("!HHI", buf, offset)
        if experimenter != consts.EXPERIMENTER or length < 16:
            return plain(cls, buf, offset)
        kind = ACTIONS.get(struct.unpack_from("!I", buf, offset + 8)[0])
        if kind is None:
            return plain(cls, buf, offset)
        action = kind.read(bytes(buf[offset + 16:offset + length]))
        action.len = length
        return action

    parser.OFPActionExperimenter.parser = classmethod(read)
    # the table of types holds the class, whose parser is looked up when it is called
