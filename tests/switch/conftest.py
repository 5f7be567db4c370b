# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of the switch share. $BEBA is the binary under test, $BEBA_TEST_ENGINE its engine
where a test does not say. They need root."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "live"))

import net as live  # noqa: E402

HELLO = bytes.fromhex("0400000800000000")


MISSING = live.cannot_switch()


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=MISSING))


class Peer:
    """A controller made of bytes."""

    def __init__(self, s):
        self.s, self.buffer = s, b""
        s.settimeout(5 * live.SLOW)

    def send(self, kind, body=b"", xid=7, version=4):
        self.s.sendall(struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body)

    def hello(self):
        self.s.sendall(HELLO)
        assert self.take()[0] == 0
        return self

    def take(self):
        """The next message: type, xid, body; None when the switch has closed."""
        while True:
            if len(self.buffer) >= 8:
                _, kind, n, xid = struct.unpack("!BBHI", self.buffer[:8])
                if len(self.buffer) >= n:
                    body, self.buffer = self.buffer[8:n], self.buffer[n:]
                    return kind, xid, body
            try:
                part = self.s.recv(65536)
            except ConnectionResetError:
                return None
            if not part:
                return None
            self.buffer += part

    def until(self, kind):
        while True:
            m = self.take()
            if m is None or m[0] == kind:
                return m

    def barrier(self):
        """All that comes before the reply."""
        self.send(20, xid=0x42)
        found = []
        while True:
            m = self.take()
            assert m, "the switch has closed the connection"
            if m[0] == 21:
                return found
            found.append(m)

    def closed(self):
        return self.until(-1) is None


class Switch:
    """A switch in the namespace "s", with hosts h1, h2, ... at its ports 1, 2, ..."""

    def __init__(self, net, tmp_path, hosts=2):
        self.net, self.dir = net, tmp_path
        self.s = net.host("s")
        self.hosts = []
        for i in range(1, hosts + 1):
            h = net.host(f"h{i}")
            net.cable(self.s, f"v{i}", h, "eth0")
            h.run("ip", "link", "set", "eth0", "address", f"02:00:00:00:00:{i:02x}")
            h.address("eth0", f"10.0.0.{i}/24")
            self.hosts.append(h)
        self.socket = str(tmp_path / "ctl")
        self.path = str(tmp_path / "of")
        self.log_path = str(tmp_path / "switch.log")
        self.process = None

    def start(self, *args, ports=True, kind=""):
        """kind: "xdp:" and the like, of all ports."""
        options = [x for i in range(len(self.hosts)) for x in ("-p", f"{kind}v{i + 1}")]
        options = options if ports else []
        if os.environ.get("BEBA_TEST_ENGINE") and "--engine" not in args:
            options += ["--engine", os.environ["BEBA_TEST_ENGINE"]]
        with open(self.log_path, "ab") as log:
            self.process = self.s.spawn(
                live.BEBA, "switch", *options, "--control", self.socket, "-c", "ptcp:6653",
                "-c", "punix:" + self.path, "--log-level", "debug", *args, stdout=log, stderr=log)
        live.wait_until("the switch is ready", lambda: self.log().count("is ready") and
                        os.path.exists(self.socket))
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def kill(self, number=signal.SIGKILL):
        """nsenter becomes what it runs, so the process is the switch."""
        self.process.send_signal(number)
        return self.process.wait(10 * live.SLOW)

    def alive(self):
        return self.process.poll() is None

    def ctl(self, *args):
        done = live.run(live.BEBA, "ctl", "-S", self.socket, "--json", *args)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def counters(self):
        return self.ctl("counters")[0]

    def ofctl(self, command, *args, check=True, stdin=b""):
        done = live.run("ovs-ofctl", "-O", "OpenFlow13", command, "unix:" + self.path, *args,
                        check=check, stdin=stdin, timeout=30)
        return (done.stdout + done.stderr).decode()

    def peer(self):
        """A connection, before its hello."""
        return Peer(self.s.connect("127.0.0.1", 6653, timeout=5))

    def ping(self, source=1, target=2, count=3):
        """How many echo requests were answered."""
        done = self.hosts[source - 1].run("ping", "-c", count, "-i", "0.1", "-W", "1",
                                          f"10.0.0.{target}", check=False)
        return done.stdout.count(b"bytes from")

    def memory(self):
        """Resident KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


@pytest.fixture
def switch(tmp_path):
    with live.Net(tmp_path) as net:
        made = Switch(net, tmp_path)
        yield made
        if made.process and made.alive():
            assert made.kill(signal.SIGTERM) == 0
        text = made.log()
        assert "Sanitizer" not in text and "runtime error" not in text, text[-8000:]


def need(tool):
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")
