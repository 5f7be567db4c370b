# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Failover in the data plane, after SPIDER (Cascone et al., 2017): a switch that finds its next link
down sends packets back with a tag; the switch where the detour begins learns of the failure from
that packet, keeps it as the state of the destination, and takes the detour at once from then on. No
controller is involved, no packet is lost after the port is seen down.

      src -- 1 s1 2 -- 1 s2 2 -- 1 s4 3 -- dst        primary: s1, s2, s4
                3 ---- 1 s3 2 -- 2 s4                  detour:  s1, s3, s4

    osken-manager apps/failover.py       (datapath ids 1 to 4)

After HOLD seconds on the detour the state goes back, and the next packet tries the primary path."""

from beba_osken import messages as beba
from beba_osken.actions import SetState
from beba_osken.app import BebaApp

S1, S2, S3, S4 = 1, 2, 3, 4
PRIMARY, DETOUR, HOLD = 0, 1, 5
TAG = 16  # MPLS label: "the link behind me is down"
MPLS, IP = 0x8847, 0x0800
GROUP = 1


class Failover(BebaApp):
    def setup(self, datapath, ports):
        {S1: self.ingress, S2: self.middle, S3: self.wire, S4: self.egress}.get(
            datapath.id, self.wire)(datapath)

    def ingress(self, datapath):
        parser = datapath.ofproto_parser
        datapath.send_msg(beba.StatefulTable(datapath, 0))
        datapath.send_msg(beba.LookupScope(datapath, ["eth_dst"], 0))
        datapath.send_msg(beba.UpdateScope(datapath, ["eth_dst"], 0))
        out = parser.OFPActionOutput
        self.flow(datapath, {"in_port": 1, "state": PRIMARY}, [out(2)])
        self.flow(datapath, {"in_port": 1, "state": DETOUR}, [out(3)])
        # a packet that came back: remember, and send it the other way
        self.flow(datapath, {"in_port": 2, "eth_type": MPLS, "mpls_label": TAG},
                  [SetState(DETOUR, 0, hard_timeout=HOLD, hard_rollback=PRIMARY),
                   parser.OFPActionPopMpls(IP), out(3)], priority=200)
        for port in (2, 3):
            self.flow(datapath, {"in_port": port}, [out(1)], priority=50)

    def middle(self, datapath):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        bounce = [parser.OFPActionPushMpls(MPLS), parser.OFPActionSetField(mpls_label=TAG),
                  parser.OFPActionOutput(ofp.OFPP_IN_PORT)]
        buckets = [parser.OFPBucket(watch_port=2, actions=[parser.OFPActionOutput(2)]),
                   parser.OFPBucket(watch_port=1, actions=bounce)]
        datapath.send_msg(parser.OFPGroupMod(datapath, ofp.OFPGC_ADD, ofp.OFPGT_FF, GROUP,
                                             buckets))
        self.flow(datapath, {"in_port": 1}, [parser.OFPActionGroup(GROUP)])
        self.flow(datapath, {"in_port": 2}, [parser.OFPActionOutput(1)])

    def wire(self, datapath):
        parser = datapath.ofproto_parser
        self.flow(datapath, {"in_port": 1}, [parser.OFPActionOutput(2)])
        self.flow(datapath, {"in_port": 2}, [parser.OFPActionOutput(1)])

    def egress(self, datapath):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        buckets = [parser.OFPBucket(watch_port=port, actions=[parser.OFPActionOutput(port)])
                   for port in (1, 2)]
        datapath.send_msg(parser.OFPGroupMod(datapath, ofp.OFPGC_ADD, ofp.OFPGT_FF, GROUP,
                                             buckets))
        for port in (1, 2):
            self.flow(datapath, {"in_port": port}, [parser.OFPActionOutput(3)])
        self.flow(datapath, {"in_port": 3}, [parser.OFPActionGroup(GROUP)])
