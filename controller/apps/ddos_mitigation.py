# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""SYN-flood mitigation with Open Packet Processor: each source may open LIMIT connections a second;
one that opens more is dropped for BAN seconds, whatever it sends. The count is a variable of the
flow, compared by a condition before the match. From: BEBA's ddos applications.

    osken-manager apps/ddos_mitigation.py

States of a source: 0 quiet, 1 counting (for a second from its first SYN), 2 banned."""

from beba_osken import consts
from beba_osken import messages as beba
from beba_osken.actions import SetDataVar, SetState
from beba_osken.app import BebaApp

LIMIT, BAN = 20, 30
CLIENT_SIDE, SERVER_SIDE = 1, 2
QUIET, COUNTING, BANNED = 0, 1, 2
COUNT, ALLOWED = (consts.FDV, 0), (consts.GDV, 0)
SYN, ACK = 0x02, 0x10


class DdosMitigation(BebaApp):
    def setup(self, datapath, ports):
        parser = datapath.ofproto_parser
        for message in (
                beba.StatefulTable(datapath, 0),
                beba.LookupScope(datapath, ["ipv4_src"], 0),
                beba.UpdateScope(datapath, ["ipv4_src"], 0),
                beba.SetGlobalVar(datapath, 0, ALLOWED[1], LIMIT),
                beba.Condition(datapath, 0, 0, consts.GTE, COUNT, ALLOWED)):
            datapath.send_msg(message)

        out = [parser.OFPActionOutput(SERVER_SIDE)]
        syn = {"in_port": CLIENT_SIDE, "eth_type": 0x0800, "ip_proto": 6,
               "beba_tcp_flags": (SYN, SYN | ACK)}
        one_more = SetDataVar(0, consts.SUM, COUNT, [COUNT, (consts.CONSTANT, 1)])
        zero = SetDataVar(0, consts.MUL, COUNT, [COUNT, (consts.CONSTANT, 0)])
        self.flow(datapath, {"in_port": SERVER_SIDE}, [parser.OFPActionOutput(CLIENT_SIDE)])
        self.flow(datapath, {"in_port": CLIENT_SIDE, "state": BANNED}, priority=300)
        self.flow(datapath, {**syn, "state": QUIET},
                  [SetState(COUNTING, 0, hard_timeout=1), zero, one_more, *out], priority=200)
        self.flow(datapath, {**syn, "state": COUNTING, "condition0": 1},
                  [SetState(BANNED, 0, hard_timeout=BAN)], priority=200)
        self.flow(datapath, {**syn, "state": COUNTING, "condition0": 0}, [one_more, *out],
                  priority=200)
        self.flow(datapath, {"in_port": CLIENT_SIDE}, out, priority=1)
