# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""os-ken's switch tester with its own faults put right; run.py starts it under osken-manager.

- The tester switch (Open vSwitch) needs a moment between set-up and packet.
- The load generator spawns a thread every 10 ms and falls behind: here packets are paced by the
  time that has passed.
- SCTP's CRC32c is computed over str(bytes): wrong since Python 3.
- Expected packets are serialised without Ethernet's padding, or with that of an inner packet:
  trailing zeros below the minimum frame are not compared.
- The minimum of a second between tests, and after a packet that is to be missed, is not needed.
"""

import os
import struct
import time

from os_ken import cfg
from os_ken.lib import hub
from os_ken.lib.packet import sctp
from os_ken.tests.switch import tester

SETTLE = float(os.environ.get("BEBA_CONFORMANCE_SETTLE", "0.15"))
DURATION = int(os.environ.get("BEBA_CONFORMANCE_SECONDS", "0"))  # of a meter's load; 0 = the test's
MIN_FRAME = 60


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


CRC32C = crc32c_table()


def sctp_checksum(_, data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    return struct.unpack(">I", struct.pack("<I", ~crc & 0xFFFFFFFF))[0]


sctp.sctp._checksum = sctp_checksum


def without_padding(frame):
    """Up to the minimum length, zeros at the end may be padding."""
    data = bytes(frame)
    return data.rstrip(b"\0") if len(data) <= MIN_FRAME + 18 else data


class Tester(tester.OfTester):
    """Loaded by osken-manager."""

    def _one_time_packet_send(self, pkt):
        hub.sleep(SETTLE)
        super()._one_time_packet_send(pkt)

    def _continuous_packet_send(self, pkt):
        load = pkt[tester.KEY_PACKETS]
        duration = DURATION or load[tester.KEY_DURATION_TIME]
        rate = load[tester.KEY_PKTPS]
        hub.sleep(SETTLE)
        start, sent = time.monotonic(), 0
        while True:
            elapsed = time.monotonic() - start
            if elapsed >= duration:
                break
            due = min(int(elapsed * rate), sent + 256)
            while sent < due:
                data = load["packet_binary"]
                if load["randomize"]:
                    made = eval("/".join(load["packet_text"]), vars(tester))
                    made.serialize()
                    data = made.data
                self.tester_sw.send_packet_out(data)
                sent += 1
            hub.sleep(0.002)
        # what is on its way arrives before it is counted
        self._test(tester.STATE_SEND_BARRIER)
        hub.sleep(SETTLE)

    def _test_flow_matching_check(self, pkt):
        try:
            return super()._test_flow_matching_check(pkt)
        except tester.TestFailure:
            if not self.rcv_msgs:
                raise
            msg = self.rcv_msgs[0]
            wanted = pkt.get(tester.KEY_EGRESS, pkt.get(tester.KEY_PKT_IN))
            source = self.tester_sw if tester.KEY_EGRESS in pkt else self.target_sw
            reasons = (msg.datapath.ofproto.OFPR_NO_MATCH, msg.datapath.ofproto.OFPR_INVALID_TTL)
            if msg.datapath.id != source.dp.id or msg.reason in reasons or \
                    without_padding(msg.data) != without_padding(wanted):
                raise
            return tester.TEST_OK

    @classmethod
    def _diff_packets(cls, model_pkt, rcv_pkt):
        try:
            text = super()._diff_packets(model_pkt, rcv_pkt)
        except Exception as e:  # it compares what it cannot parse
            text = repr(e)
        return f"{text} (wanted {bytes(model_pkt.data).hex()}, got {bytes(rcv_pkt.data).hex()})"


tester.INTERVAL = float(os.environ.get("BEBA_CONFORMANCE_MISS", "0.3"))
cfg.CONF.set_default("interval", 0, group="test-switch")
