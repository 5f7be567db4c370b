# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What FAUCET asks of a switch, for osken-manager: its tables and kinds of entries, without its
configuration. VLAN 100 with an untagged port 1 and a tagged port 2."""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet, vlan
from os_ken.ofproto import ofproto_v1_3

VLAN, ACL, ETH_SRC, ETH_DST, FLOOD = range(5)
VID = 100 | ofproto_v1_3.OFPVID_PRESENT
UNTAGGED, TAGGED = 1, 2
COOKIE = 1524372928


class Faucet(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def add(self, dp, table, match, actions=(), goto=None, priority=1, **more):
        ofp, parser = dp.ofproto, dp.ofproto_parser
        then = []
        if actions:
            then.append(parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions)))
        if goto:
            then.append(parser.OFPInstructionGotoTable(goto))
        dp.send_msg(parser.OFPFlowMod(dp, cookie=COOKIE, table_id=table, priority=priority,
                                      match=parser.OFPMatch(**match), instructions=then, **more))

    def to(self, dp, port):
        parser = dp.ofproto_parser
        return [*([parser.OFPActionPopVlan()] if port == UNTAGGED else []),
                parser.OFPActionOutput(port)]

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, ev):
        dp = ev.msg.datapath
        ofp, parser = dp.ofproto, dp.ofproto_parser
        dp.send_msg(parser.OFPDescStatsRequest(dp, 0))
        dp.send_msg(parser.OFPTableFeaturesStatsRequest(dp, 0, []))
        dp.send_msg(parser.OFPSetConfig(dp, ofp.OFPC_FRAG_NORMAL, ofp.OFPCML_MAX))
        told = 1 << ofp.OFPR_ACTION
        changes = 1 << ofp.OFPPR_ADD | 1 << ofp.OFPPR_DELETE | 1 << ofp.OFPPR_MODIFY
        removed = 1 << ofp.OFPRR_IDLE_TIMEOUT | 1 << ofp.OFPRR_HARD_TIMEOUT
        dp.send_msg(parser.OFPSetAsync(dp, [told, told], [changes, changes], [removed, removed]))
        dp.send_msg(parser.OFPFlowMod(
            dp, cookie=COOKIE, cookie_mask=2 ** 64 - 1, table_id=ofp.OFPTT_ALL,
            command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY))
        for table in (VLAN, ACL, ETH_DST, FLOOD):
            self.add(dp, table, {}, priority=0, goto=FLOOD if table == ETH_DST else None)
        self.add(dp, VLAN, {"in_port": UNTAGGED, "vlan_vid": 0}, [
            parser.OFPActionPushVlan(), parser.OFPActionSetField(vlan_vid=VID)], goto=ACL)
        self.add(dp, VLAN, {"in_port": TAGGED, "vlan_vid": VID}, goto=ACL)
        self.add(dp, ACL, {"eth_dst": ("01:80:c2:00:00:00", "ff:ff:ff:ff:ff:f0")}, priority=9)
        self.add(dp, ACL, {"eth_src": "ff:ff:ff:ff:ff:ff"}, priority=9)
        self.add(dp, ACL, {}, goto=ETH_SRC, priority=8)
        self.add(dp, ETH_SRC, {"vlan_vid": VID}, [
            parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 96)], goto=ETH_DST, priority=0)
        for here, there in ((UNTAGGED, TAGGED), (TAGGED, UNTAGGED)):
            for match in ({"eth_dst": "ff:ff:ff:ff:ff:ff"}, {},
                          {"eth_dst": ("01:00:5e:00:00:00", "ff:ff:ff:00:00:00")}):
                self.add(dp, FLOOD, dict(match, in_port=here, vlan_vid=VID), self.to(dp, there),
                         priority=3 if match else 2)
        dp.send_msg(parser.OFPBarrierRequest(dp))

    @set_ev_cls(ofp_event.EventOFPBarrierReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def done(self, _):
        print("READY", flush=True)

    @set_ev_cls(ofp_event.EventOFPTableFeaturesStatsReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def tables(self, ev):
        print("TABLES", " ".join(str(t.table_id) for t in ev.msg.body), flush=True)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, ev):
        print(f"ERROR type={ev.msg.type} code={ev.msg.code}", flush=True)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_status(self, ev):
        print(f"PORT {ev.msg.desc.port_no} {ev.msg.desc.state}", flush=True)

    @set_ev_cls(ofp_event.EventOFPFlowRemoved, MAIN_DISPATCHER)
    def removed(self, ev):
        print(f"REMOVED {ev.msg.table_id} {ev.msg.reason}", flush=True)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, ev):
        """FAUCET's learning: the address is where it comes from."""
        msg, dp = ev.msg, ev.msg.datapath
        port, found = msg.match["in_port"], packet.Packet(msg.data)
        eth, tag = found.get_protocol(ethernet.ethernet), found.get_protocol(vlan.vlan)
        print(f"IN {port} vid={tag.vid if tag else None} reason={msg.reason} table={msg.table_id}",
              flush=True)
        self.add(dp, ETH_SRC, {"in_port": port, "vlan_vid": VID, "eth_src": eth.src}, goto=ETH_DST,
                 priority=5, hard_timeout=3, flags=dp.ofproto.OFPFF_SEND_FLOW_REM)
        self.add(dp, ETH_DST, {"vlan_vid": VID, "eth_dst": eth.src}, self.to(dp, port), priority=5,
                 idle_timeout=30)
