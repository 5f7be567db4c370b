# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Ports of DPDK, over its virtual devices and without huge pages.

    h1 eth0 --- v1 [ net_af_packet1 switch net_af_packet2 ] v2 --- eth0 h2

    h1 eth0 --- v1 [ switch net_memif0 ] ====== [ net_memif0 switch ] v2 --- eth0 h2
"""

import copy
import os
import signal
import time

import net as live
from conftest import need

pytestmark = [need("ovs-ofctl"), need("ping")]


def af_packet(n, more=""):
    return "-p", f"dpdk:net_af_packet{n},iface=v{n}{more}"


def cpu(pid):
    """Seconds of processor time that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_hosts_reach_each_other(switch):
    switch.start(*af_packet(1), *af_packet(2, "=7"), ports=False)
    switch.ofctl("add-flow", "in_port=1,actions=output:7")
    switch.ofctl("add-flow", "in_port=7,actions=output:1")
    assert switch.ping(count=10) == 10
    ports = switch.ctl("ports")
    assert [(p["port"], p["name"], p["up"]) for p in ports] == [
        (1, "net_af_packet1", True), (7, "net_af_packet2", True)]
    assert all(p["rx_packets"] >= 10 and p["tx_packets"] >= 10 for p in ports)
    assert "net_af_packet2" in switch.ofctl("show")
    # When nothing comes, a processor is left to others.
    before = cpu(switch.process.pid)
    time.sleep(1)
    assert cpu(switch.process.pid) - before < 0.5 * live.SLOW
    for _ in range(2):
        live.run(live.BEBA, "ctl", "-S", switch.socket, "port-del", "7")
        live.run(live.BEBA, "ctl", "-S", switch.socket, "port-add", af_packet(2)[1] + "=7")
    assert switch.ping() == 3


def test_a_queue_for_each_worker(switch):
    few = switch.s.spawn(live.BEBA, "switch", "-w", "2", *af_packet(1), "--no-control",
                         stderr=live.subprocess.PIPE)
    text = few.communicate(timeout=30 * live.SLOW)[1].decode()
    assert few.returncode == 1 and "queues" in text and "qpairs=2" in text, text
    switch.start("-w", "2", *af_packet(1, ",qpairs=2"), *af_packet(2, ",qpairs=2"), ports=False)
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping(count=10) == 10


def test_memif_between_two_switches(switch, tmp_path):
    memif = f"dpdk:net_memif0,socket={tmp_path}/memif,socket-abstract=no,id=0,role="
    other = copy.copy(switch)
    other.socket, other.path, other.log_path = (str(tmp_path / x) for x in ("ctl2", "of2", "log2"))
    command = live.BEBA, "switch", "--control", other.socket, "-c", "punix:" + other.path

    def start_other():
        with open(other.log_path, "ab") as log:
            other.process = switch.s.spawn(*command, "-p", "v2", "-p", memif + "client=2", stdout=log,
                                           stderr=log)
        live.wait_until("the other is ready", lambda: os.path.exists(other.path))
        other.ofctl("add-flow", "actions=flood")

    start_other()  # which waits for a server
    assert "waiting" in other.log()
    other.kill(signal.SIGKILL)
    os.unlink(other.path)
    switch.start("-p", "v1", "-p", memif + "server=2", ports=False)
    switch.ofctl("add-flow", "actions=flood")
    for _ in range(2):
        start_other()
        live.wait_until("the memif is joined", lambda: "LIVE" in switch.ofctl("show").split(
            "net_memif0")[1].split("LOCAL")[0], timeout=20)
        live.wait_until("frames pass", lambda: switch.ping(count=1) == 1, timeout=20)
        assert switch.ping(count=5) == 5
        # The other end is killed: a port without a link, which does not stop the switch.
        assert other.kill(signal.SIGKILL) == -signal.SIGKILL
        os.unlink(other.path)
        live.wait_until("the link is down", lambda: "LINK_DOWN" in switch.ofctl("show"), timeout=20)
    assert switch.alive()


def test_what_cannot_be_opened_is_said(switch):
    open(switch.log_path, "w", encoding="utf-8").close()
    for args, words in ((("-p", "dpdk:net_nonsense0"), ("no device", "net_nonsense0")),
                        (("-p", "dpdk:net_null0,beba.rx=1"), ("beba.rx=1",)),
                        (("-p", "dpdk:net_null0", "-p", "dpdk:net_null0"), ("already",))):
        done = switch.s.run(live.BEBA, "switch", *args, "--no-control", check=False)
        text = done.stderr.decode()
        assert done.returncode == 1 and all(w in text for w in words), text
    done = switch.s.run("env", "BEBA_DPDK_ARGS=--nonsense", live.BEBA, "switch", "--no-control",
                        "-p", "dpdk:net_null0", check=False)
    assert done.returncode == 1 and b"DPDK does not start" in done.stderr, done.stderr
