# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the example applications share: one flow-mod a line, and errors by name."""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import (CONFIG_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER,
                                       set_ev_cls)
from os_ken.ofproto import ofproto_v1_3

from beba_osken import consts, instructions


class BebaApp(app_manager.OSKenApp):
    """Subclasses define setup(datapath, ports): called when a switch has said its ports."""
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def setup(self, datapath, ports):
        raise NotImplementedError

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, event):
        # what another application left goes first
        datapath = event.msg.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        datapath.send_msg(parser.OFPFlowMod(datapath, table_id=ofp.OFPTT_ALL,
                                            command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY,
                                            out_group=ofp.OFPG_ANY))
        datapath.send_msg(parser.OFPGroupMod(datapath, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL))

    @set_ev_cls(ofp_event.EventOFPPortDescStatsReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def port_desc(self, event):
        datapath = event.msg.datapath
        ports = sorted(p.port_no for p in event.msg.body
                       if p.port_no <= datapath.ofproto.OFPP_MAX)
        self.setup(datapath, ports)
        datapath.send_msg(datapath.ofproto_parser.OFPBarrierRequest(datapath))

    @set_ev_cls(ofp_event.EventOFPBarrierReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def done(self, event):
        self.logger.info("switch %016x is set up", event.msg.datapath.id)

    @set_ev_cls(ofp_event.EventOFPErrorMsg,
                [HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        msg = event.msg
        name = consts.error_name(msg) or f"type {msg.type} code {getattr(msg, 'code', None)}"
        self.logger.error("switch %s refuses: %s", msg.datapath.id, name)

    @staticmethod
    def flow(datapath, match, actions=(), table=0, priority=100, goto=None, generate=None,
             meter=None):
        """Adds a flow entry. match: a dict; generate: (template id, actions)."""
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        then = []
        if generate:
            then.append(instructions.GeneratePacket(*generate))
        if meter:
            then.append(parser.OFPInstructionMeter(meter))
        if actions:
            then.append(parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions)))
        if goto is not None:
            then.append(parser.OFPInstructionGotoTable(goto))
        datapath.send_msg(parser.OFPFlowMod(datapath, table_id=table, priority=priority,
                                            match=parser.OFPMatch(**match), instructions=then))
