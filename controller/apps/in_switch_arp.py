# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""ARP answered in the switch (in-switch packet generation): requests for the hosts below do not
flood and do not go to the controller; the switch sends a template back by the port they came from.
A template takes no fields of the packet that triggers it, so the answer is a gratuitous ARP of the
host asked for, which every stack takes as an answer. From: InSP (Bifulco et al., 2016).

    osken-manager apps/in_switch_arp.py"""

from os_ken.lib.packet import arp, ethernet, packet

from beba_osken import messages as beba
from beba_osken.app import BebaApp

HOSTS = {"10.0.0.1": (1, "02:00:00:00:00:01"), "10.0.0.2": (2, "02:00:00:00:00:02"),
         "10.0.0.3": (3, "02:00:00:00:00:03")}  # address: port, MAC
ANYONE = "ff:ff:ff:ff:ff:ff"


def answer(ip, mac):
    frame = packet.Packet()
    frame.add_protocol(ethernet.ethernet(dst=ANYONE, src=mac, ethertype=0x0806))
    frame.add_protocol(arp.arp(opcode=arp.ARP_REPLY, src_mac=mac, src_ip=ip, dst_mac=ANYONE,
                               dst_ip=ip))
    frame.serialize()
    return bytes(frame.data)


class InSwitchArp(BebaApp):
    def setup(self, datapath, ports):
        parser = datapath.ofproto_parser
        for number, (ip, (port, mac)) in enumerate(HOSTS.items()):
            datapath.send_msg(beba.AddTemplate(datapath, number, answer(ip, mac)))
            for here in ports:
                self.flow(datapath, {"in_port": here, "eth_type": 0x0806, "arp_op": 1,
                                     "arp_tpa": ip},
                          generate=(number, [parser.OFPActionOutput(here)]))
            self.flow(datapath, {"eth_dst": mac}, [parser.OFPActionOutput(port)], priority=50)
