# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Messages of the extension: what a controller sends (section 2) and is told (section 7)."""

import struct

from os_ken.controller import ofp_event
from os_ken.ofproto import ofproto_v1_3_parser as parser

import beba_osken
from beba_osken import consts, fields
from beba_osken.actions import micros


class StateMod(parser.OFPExperimenter):
    def __init__(self, datapath, command, payload):
        super().__init__(datapath, consts.EXPERIMENTER, consts.STATE_MOD,
                         struct.pack("!Bx", command) + payload)


class StatefulTable(StateMod):
    """Makes a table stateful, or plain again."""

    def __init__(self, datapath, table_id, stateful=1):
        super().__init__(datapath, consts.STATEFUL_TABLE_CONFIG,
                         struct.pack("!BB", table_id, stateful))


class Scope(StateMod):
    def __init__(self, datapath, command, scope, table_id, biflow, bit):
        words = fields.words(scope)
        if beba_osken.dialect == consts.OPENSTATE:
            head = struct.pack("!B3xI", table_id, len(scope))
        else:
            if biflow and beba_osken.dialect != consts.ADVANCED:
                raise ValueError("only the advanced dialect has biflow")
            head = struct.pack("!BB2xB3xI", table_id, biflow, bit, len(scope))
        super().__init__(datapath, command, head + words)


class LookupScope(Scope):
    """The fields that make the key by which a packet's state is found. biflow: both directions of
    a connection have one key."""

    def __init__(self, datapath, scope, table_id, biflow=0):
        super().__init__(datapath, consts.SET_L_EXTRACTOR, scope, table_id, biflow, 0)


class UpdateScope(Scope):
    """The fields that make the key of what SetState and the like change; bit 1: a second scope,
    for actions with bit=1."""

    def __init__(self, datapath, scope, table_id, biflow=0, bit=0):
        super().__init__(datapath, consts.SET_U_EXTRACTOR, scope, table_id, biflow, bit)


class SetFlowState(StateMod):
    """key: bytes; fields.key() makes them."""

    def __init__(self, datapath, state, key, table_id, hard_timeout=0, idle_timeout=0,
                 hard_rollback=0, idle_rollback=0, state_mask=0xFFFFFFFF):
        super().__init__(datapath, consts.SET_FLOW_STATE, struct.pack(
            "!B3xIIIIIII", table_id, len(key), state, state_mask, hard_rollback, idle_rollback,
            micros(hard_timeout), micros(idle_timeout)) + key)


class DelFlowState(StateMod):
    def __init__(self, datapath, key, table_id):
        super().__init__(datapath, consts.DEL_FLOW_STATE,
                         struct.pack("!B3xI", table_id, len(key)) + key)


class SetGlobalState(StateMod):
    def __init__(self, datapath, global_state, global_state_mask=0xFFFFFFFF):
        super().__init__(datapath, consts.SET_GLOBAL_STATE,
                         struct.pack("!II", global_state, global_state_mask))


class ResetGlobalState(StateMod):
    def __init__(self, datapath):
        super().__init__(datapath, consts.RESET_GLOBAL_STATE, b"")


class HeaderField(StateMod):
    """Header field number 0 to 7 of a table, for conditions and SetDataVar."""

    def __init__(self, datapath, table_id, number, field):
        super().__init__(datapath, consts.SET_HEADER_FIELD_EXTRACTOR,
                         struct.pack("!BB2xI", table_id, number, fields.header(field)))


class Condition(StateMod):
    """Condition number 0 to 7 of a table; operands are pairs (FDV, GDV or HEADER_FIELD; number)."""

    def __init__(self, datapath, table_id, number, operator, operand_1, operand_2):
        super().__init__(datapath, consts.SET_CONDITION, struct.pack(
            "!BBBBBB2x", table_id, number, operator, operand_1[0] << 6 | operand_2[0] << 4,
            operand_1[1], operand_2[1]))


class SetGlobalVar(StateMod):
    def __init__(self, datapath, table_id, number, value, mask=0xFFFFFFFF):
        super().__init__(datapath, consts.SET_GLOBAL_DATA_VAR,
                         struct.pack("!BB2xII", table_id, number, value, mask))


class SetFlowVar(StateMod):
    def __init__(self, datapath, table_id, number, key, value, mask=0xFFFFFFFF):
        super().__init__(datapath, consts.SET_FLOW_DATA_VAR, struct.pack(
            "!BB2xIII", table_id, number, len(key), value, mask) + key)


class AddTemplate(parser.OFPExperimenter):
    """A frame that GeneratePacket makes packets from; replaces the one of that id."""

    def __init__(self, datapath, template_id, frame):
        super().__init__(datapath, consts.EXPERIMENTER, consts.PKTTMP_MOD,
                         struct.pack("!BxI4x", 0, template_id) + bytes(frame))


class DelTemplate(parser.OFPExperimenter):
    def __init__(self, datapath, template_id):
        super().__init__(datapath, consts.EXPERIMENTER, consts.PKTTMP_MOD,
                         struct.pack("!BxI4x", 1, template_id))


class StateChanged(parser.OFPExperimenter):
    """What a switch with state notifications sends; comes as ofp_event.EventStateChanged."""

    @classmethod
    def parser_subtype(cls, base):
        msg = cls(base.datapath, base.experimenter, base.exp_type, base.data)
        (msg.table_id, msg.old_state, msg.new_state, msg.state_mask,
         msg.key_len) = struct.unpack_from("!5I", base.data)
        msg.key = bytes(base.data[20:20 + min(msg.key_len, consts.MAX_KEY)])
        msg.variables = []
        if len(base.data) >= 92:
            msg.variables = list(struct.unpack_from("<6I", base.data, 68))
        return msg


class FlowNotification(parser.OFPExperimenter):
    """Sent after each flow-mod that was done; comes as ofp_event.EventFlowNotification."""

    @classmethod
    def parser_subtype(cls, base):
        msg = cls(base.datapath, base.experimenter, base.exp_type, base.data)
        msg.table_id, msg.type = struct.unpack_from("!II", base.data)
        msg.match = parser.OFPMatch.parser(base.data, 8)
        length = struct.unpack_from("!H", base.data, 10)[0]
        at = 8 + (length + 7) // 8 * 8
        count = struct.unpack_from("!I", base.data, at)[0]
        msg.instructions = list(struct.unpack_from(f"!{count}I", base.data, at + 4))
        return msg


def install():
    types = parser.OFPExperimenter._subtypes
    types[consts.EXPERIMENTER, consts.STATE_CHANGED] = StateChanged
    types[consts.EXPERIMENTER, consts.FLOW_NOTIFICATION] = FlowNotification
    for cls in (StateChanged, FlowNotification):
        ofp_event._create_ofp_msg_ev_class(cls)
