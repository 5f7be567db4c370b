# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""MAC learning without the controller: the state of an address is the port it was seen at. Packets
look up their destination and update their source. From: BEBA's maclearning.py.

    osken-manager apps/mac_learning.py"""

from beba_osken import messages as beba
from beba_osken.actions import SetState
from beba_osken.app import BebaApp

FORGET = 10  # seconds


class MacLearning(BebaApp):
    def setup(self, datapath, ports):
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        datapath.send_msg(beba.StatefulTable(datapath, table_id=0))
        datapath.send_msg(beba.LookupScope(datapath, ["eth_dst"], table_id=0))
        datapath.send_msg(beba.UpdateScope(datapath, ["eth_src"], table_id=0))
        for here in ports:
            learn = SetState(here, 0, hard_timeout=FORGET)
            for there in [0] + ports:
                if there == here:
                    continue
                port = there or ofp.OFPP_FLOOD
                self.flow(datapath, {"in_port": here, "state": there},
                          [learn, parser.OFPActionOutput(port)])
