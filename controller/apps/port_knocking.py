# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Port knocking in the switch: TCP port 22 behind port 2 opens to a source that sent UDP datagrams
to 10, 11, 12 and 13 in this order, and closes after ten idle seconds. The controller sets it up and
is not asked again. From: BEBA's portknock.py.

    osken-manager apps/port_knocking.py"""

from beba_osken import messages as beba
from beba_osken.actions import SetState
from beba_osken.app import BebaApp

KNOCKS = [10, 11, 12, 13]
SERVICE = 22
CLIENT_SIDE, SERVER_SIDE = 1, 2
IP, TCP, UDP, ARP = 0x0800, 6, 17, 0x0806
OPEN = len(KNOCKS)
BETWEEN_KNOCKS, WHILE_OPEN = 5, 10  # seconds


class PortKnocking(BebaApp):
    def setup(self, datapath, ports):
        parser = datapath.ofproto_parser
        out = [parser.OFPActionOutput(SERVER_SIDE)]
        datapath.send_msg(beba.StatefulTable(datapath, table_id=0))
        datapath.send_msg(beba.LookupScope(datapath, ["ipv4_src"], table_id=0))
        datapath.send_msg(beba.UpdateScope(datapath, ["ipv4_src"], table_id=0))

        self.flow(datapath, {"in_port": SERVER_SIDE}, [parser.OFPActionOutput(CLIENT_SIDE)])
        self.flow(datapath, {"in_port": CLIENT_SIDE, "eth_type": ARP}, out)
        for state, knock in enumerate(KNOCKS):
            idle = WHILE_OPEN if state + 1 == OPEN else BETWEEN_KNOCKS
            self.flow(datapath, {"in_port": CLIENT_SIDE, "eth_type": IP, "ip_proto": UDP,
                                 "udp_dst": knock, "state": state},
                      [SetState(state + 1, 0, idle_timeout=idle)])
        # any other knock starts over
        self.flow(datapath, {"in_port": CLIENT_SIDE, "eth_type": IP, "ip_proto": UDP},
                  [SetState(0, 0)], priority=50)
        self.flow(datapath, {"in_port": CLIENT_SIDE, "eth_type": IP, "ip_proto": TCP,
                             "tcp_dst": SERVICE, "state": OPEN}, out)
