# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The instruction that generates a packet in the switch (section 4)."""

import struct

from os_ken.lib.pack_utils import msg_pack_into
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from beba_osken import consts


class GeneratePacket(parser.OFPInstruction):
    """Makes a packet from each template of that id and runs the actions on it."""

    def __init__(self, template_id, actions):
        super().__init__()
        self.type, self.len = ofproto.OFPIT_EXPERIMENTER, None
        self.template_id, self.actions = template_id, actions

    @classmethod
    def parser(cls, buf, offset):
        _, length, experimenter, kind, template_id = struct.unpack_from("!HHII4xI4x", buf, offset)
        instruction = cls(template_id, [])
        instruction.len = length
        if experimenter != consts.EXPERIMENTER or kind != 0:
            return instruction
        at, end = offset + 24, offset + length
        while at < end:
            action = parser.OFPAction.parser(buf, at)
            instruction.actions.append(action)
            at += action.len
        return instruction

    def serialize(self, buf, offset):
        at = offset + 24
        for action in self.actions:
            action.serialize(buf, at)
            at += action.len
        self.len = at - offset
        msg_pack_into("!HHII4xI4x", buf, offset, self.type, self.len, consts.EXPERIMENTER, 0,
                      self.template_id)


def install():
    parser.OFPInstruction._INSTRUCTION_TYPES[ofproto.OFPIT_EXPERIMENTER] = GeneratePacket
