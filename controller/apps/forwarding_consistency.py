# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""TCP load balancing, one to many, every connection to the server that it began with: a SELECT group
chooses for the first packet and writes the choice to the state of the connection; later packets
follow the state. From: BEBA's forwarding_consistency_1_to_many.py.

    osken-manager apps/forwarding_consistency.py

Clients at port 1 speak to VIRTUAL; servers are at the ports of SERVERS."""

from beba_osken import messages as beba
from beba_osken.actions import SetState
from beba_osken.app import BebaApp

VIRTUAL = ("10.0.0.100", "02:00:00:00:01:00")
SERVERS = {2: ("10.0.0.2", "02:00:00:00:00:02"), 3: ("10.0.0.3", "02:00:00:00:00:03")}
CLIENT_SIDE, GROUP, FORGET = 1, 1, 60
SCOPE = ["ipv4_src", "ipv4_dst", "tcp_src", "tcp_dst"]
TCP = {"eth_type": 0x0800, "ip_proto": 6}


class ForwardingConsistency(BebaApp):
    def setup(self, datapath, ports):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser

        def towards(port):
            ip, mac = SERVERS[port]
            return [SetState(port, 0, idle_timeout=FORGET), parser.OFPActionSetField(eth_dst=mac),
                    parser.OFPActionSetField(ipv4_dst=ip), parser.OFPActionOutput(port)]

        datapath.send_msg(beba.StatefulTable(datapath, 0))
        datapath.send_msg(beba.LookupScope(datapath, SCOPE, 0))
        datapath.send_msg(beba.UpdateScope(datapath, SCOPE, 0))
        buckets = [parser.OFPBucket(weight=100, actions=towards(port)) for port in SERVERS]
        datapath.send_msg(parser.OFPGroupMod(datapath, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, GROUP,
                                             buckets))
        to_virtual = {**TCP, "in_port": CLIENT_SIDE, "ipv4_dst": VIRTUAL[0]}
        self.flow(datapath, {**to_virtual, "state": 0}, [parser.OFPActionGroup(GROUP)])
        for port, (ip, _) in SERVERS.items():
            self.flow(datapath, {**to_virtual, "state": port}, towards(port))
            self.flow(datapath, {**TCP, "in_port": port, "ipv4_src": ip},
                      [parser.OFPActionSetField(eth_src=VIRTUAL[1]),
                       parser.OFPActionSetField(ipv4_src=VIRTUAL[0]),
                       parser.OFPActionOutput(CLIENT_SIDE)])
