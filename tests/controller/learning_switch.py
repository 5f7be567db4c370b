# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A learning switch of plain OpenFlow 1.3, as every controller has one: packet-ins teach it where
addresses are, flow entries follow. It knows nothing of BEBA."""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3


class LearningSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.places = {}

    @staticmethod
    def add(datapath, priority, match, actions, buffer_id=None):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        then = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
        more = {} if buffer_id is None else {"buffer_id": buffer_id}
        datapath.send_msg(parser.OFPFlowMod(datapath, priority=priority, match=match,
                                            instructions=then, **more))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, event):
        datapath = event.msg.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        self.add(datapath, 0, parser.OFPMatch(),
                 [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)])
        self.logger.info("switch %016x is set up", datapath.id)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event):
        msg = event.msg
        datapath = msg.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        here = msg.match["in_port"]
        frame = packet.Packet(msg.data).get_protocol(ethernet.ethernet)
        places = self.places.setdefault(datapath.id, {})
        places[frame.src] = here
        port = places.get(frame.dst, ofp.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(port)]
        if port != ofp.OFPP_FLOOD:
            self.add(datapath, 1, parser.OFPMatch(in_port=here, eth_dst=frame.dst,
                                                  eth_src=frame.src), actions,
                     None if msg.buffer_id == ofp.OFP_NO_BUFFER else msg.buffer_id)
            if msg.buffer_id != ofp.OFP_NO_BUFFER:
                return
        data = msg.data if msg.buffer_id == ofp.OFP_NO_BUFFER else None
        datapath.send_msg(parser.OFPPacketOut(datapath, buffer_id=msg.buffer_id, in_port=here,
                                              actions=actions, data=data))
